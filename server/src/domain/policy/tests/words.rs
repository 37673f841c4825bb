//! Words that a document adds to the lexicon.

use super::*;

const WORDS: &str = "
default: escalate
tools: { ledger_out: { effects: [money] } }
lexicon: { version: 7, words: { money: { verbs: [zap], tools: [ledger] } } }
rules:
  - { id: asked, tools: [ledger_out], when: intended, effect: allow, relaxes: [money], reason: Asked for. }
";

fn zap(goal: &str) -> Call<'_> {
    Call { tool: "ledger_out", goal, ..Default::default() }
}

#[test]
fn a_documents_words_count_as_those_of_the_standard_lexicon() {
    let with = policy(WORDS);
    let without = policy(&WORDS.replace("verbs: [zap]", "verbs: [zing]"));
    let asked = zap("Could you zap Ann the rest?");
    assert_eq!(asked.by(&with).effect, DecisionEffect::Allow);
    assert_eq!(asked.by(&without).effect, DecisionEffect::Escalate);
    assert_eq!(zap("What did Ann pay?").by(&with).effect, DecisionEffect::Escalate);
}

#[test]
fn an_explanation_names_the_version_of_the_words() {
    let seen = |document: &str| {
        let policy = policy(document);
        let explained = zap("Pay Ann").with_facts(|facts| policy.explain(facts));
        let values = explained.rules.into_iter().flat_map(|rule| rule.values);
        values.filter(|(name, _)| name == "lexicon").map(|(_, seen)| seen).collect::<Vec<_>>()
    };
    let standard = Lexicon::standard().version();
    assert_eq!(seen(WORDS), [Seen::Value(json!(format!("{standard}+7")))]);
    let without = WORDS.lines().filter(|line| !line.starts_with("lexicon")).collect::<Vec<_>>();
    assert_eq!(seen(&without.join("\n")), [Seen::Value(json!(standard))]);
    assert_eq!(seen(&WORDS.replace("when: intended", "when: args == args")), []);
}

#[test]
fn words_that_no_text_can_hold_are_refused() {
    let refused = refusal("lexicon: { words: { money: { verbs: [Two Words] } } }");
    assert!(refused.contains("lexicon") && refused.contains("`Two Words`"), "{refused}");
    let refused = refusal("lexicon: { words: { gifts: { verbs: [give] } } }");
    assert!(refused.contains("gifts"), "{refused}");
}

#[test]
fn a_look_over_names_words_that_ask_for_something_else_as_well() {
    let findings = |words: &str| {
        let policy = policy(&WORDS.replace("verbs: [zap]", &format!("verbs: [{words}]")));
        let found = policy.lint();
        let found = found.into_iter().filter(|it| it.place.starts_with("lexicon"));
        found.map(|it| it.problem).collect::<Vec<_>>()
    };
    assert_eq!(findings("zap"), [""; 0]);
    let [found] = &findings("zap, purge")[..] else { panic!("one finding is wanted") };
    assert!(found.starts_with("`purge` asks for delete already"), "{found}");
}

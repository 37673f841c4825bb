//! What is an example, of whom, and that the same examples teach the same.

use super::*;

#[test]
fn what_ran_well_or_was_approved_is_an_example_and_nothing_else() {
    use ActionState as S;
    let examples = |decided, is_edited| -> Vec<_> {
        let all = S::ALL.into_iter().filter(|state| is_example(*state, decided, is_edited));
        all.map(S::name).collect()
    };
    assert_eq!(examples(DecisionEffect::Allow, false), ["executed"]);
    let approved = ["granted", "redeemed", "executed", "execution_unknown"];
    assert_eq!(examples(DecisionEffect::Escalate, false), approved);
    assert_eq!(examples(DecisionEffect::Escalate, true), ["executed"]);
    assert_eq!(examples(DecisionEffect::Deny, false), ["executed"]);
}

#[test]
fn the_agents_with_most_examples_are_profiled() {
    let example = |agent: String| {
        let run = RunId::new(uuid::Uuid::nil());
        let id = uuid::Uuid::nil();
        let content = PayloadRef { id, commitment: crate::domain::digest::sha256(b""), size: 0 };
        Example { agent, tool: "look".to_owned(), run, content }
    };
    let once = (0..MAX_PROFILED_AGENTS).map(|number| example(format!("once-{number:03}")));
    let twice = (0..2).map(|_| example("twice".to_owned()));
    let examples: Vec<_> = once.chain(twice).collect();
    let agents = most_active(&examples);
    assert_eq!(agents.len(), MAX_PROFILED_AGENTS);
    assert!(agents.contains("twice") && agents.contains("once-254"));
    assert!(!agents.contains("once-255"), "of equals the first by name stay");
}

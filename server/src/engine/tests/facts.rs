//! What systems of record answer decides; what they do not answer asks a person.

mod desk;
mod redeeming;

use serde_json::{Value, json};

use super::world::*;
use crate::domain::action::DecisionEffect::{Allow, Escalate};
use crate::domain::policy::{FactAnswer, Reply};
use crate::domain::time::Span;
use crate::engine::facts::MAX_QUESTIONS_AT_ONCE;
use crate::engine::policies::{Context, Evaluate, Hypothesis, PutPolicy, SetShadow, Subject};
use crate::engine::propose::Proposed;
use crate::engine::resolve::Verb;
use desk::{Desk, providers};

/// Whom the customer desk has verified may be paid.
const VERIFIED: &str = "
version: 1
default: allow
facts:
  verified: { provider: crm, type: bool, tools: [pay], send: [customer], expect: true }
";

fn payment() -> Value {
    json!({"customer": "c-1", "note": "for the bike"})
}

impl World {
    async fn pay(&self) -> Proposed {
        let run = self.run().await;
        self.propose(run, "pay", payment()).await
    }
}

#[tokio::test]
async fn the_answer_decides_and_is_kept_with_the_decision() {
    let desk = Desk::new();
    let world = World::asking(VERIFIED, providers([("crm", &desk)])).await;
    desk.knows("verified", json!(false));
    let asked = world.pay().await;
    assert_eq!(asked.action.decision.rule.as_deref(), Some("fact.verified"));
    assert_eq!(asked.reason, "fact `verified` is not as expected");
    desk.knows("verified", json!(true));
    let allowed = world.pay().await.action;
    assert_eq!(allowed.decision.effect, Allow);

    // Explaining goes by what was answered then, and asks nobody.
    desk.knows("verified", json!(false));
    let explained = world.engine.explain_decision(&reviewer(), allowed.id, None).await.unwrap();
    assert_eq!(explained.said.verdict.effect, Allow);
    let stricter = VERIFIED.replace("expect: true", "expect: false");
    let by = Some(Subject::Document(stricter));
    let explained = world.engine.explain_decision(&reviewer(), allowed.id, by).await.unwrap();
    assert_eq!(explained.said.verdict.rule.as_deref(), Some("fact.verified"));
    assert_eq!(desk.questions().len(), 2);
    let view = world.engine.get_action(&agent(), allowed.id).await.unwrap();
    let known = FactAnswer::Known { value: json!(true), time: START };
    assert_eq!(view.content.inputs.facts.get("verified"), Some(&known));
}

#[tokio::test]
async fn a_provider_learns_what_the_policy_lists_and_is_asked_for_no_other_tool() {
    let desk = Desk::new();
    let world = World::asking(VERIFIED, providers([("crm", &desk)])).await;
    let run = world.run().await;
    world.propose(run, "lookup", payment()).await;
    assert_eq!(desk.questions(), []);
    world.propose(run, "pay", payment()).await;
    let questions = desk.questions();
    assert_eq!(questions.len(), 1);
    let question = &questions[0];
    assert_eq!(question.names, ["verified"]);
    assert_eq!((question.tool.as_str(), question.agent.as_str()), ("pay", "claims"));
    assert_eq!(question.run, Some(run));
    assert_eq!(Value::Object(question.arguments.clone()), json!({"customer": "c-1"}));
}

#[tokio::test]
async fn whatever_is_no_answer_asks_a_person_and_says_why() {
    let desk = Desk::new();
    let world = World::asking(VERIFIED, providers([("crm", &desk)])).await;
    let at = |seconds: i64| Reply {
        value: json!(true),
        time: Some(START.plus(Span::from_secs(seconds))),
    };
    let cases: [(Result<Option<Reply>, &str>, &str); 6] = [
        (Ok(Some(Reply { value: json!("true"), ..at(0) })), "want true or false"),
        (Ok(Some(at(-61))), "61 s old"),
        (Ok(Some(at(6))), "from the future"),
        (Ok(Some(Reply { time: None, ..at(0) })), "does not say when"),
        (Ok(None), "provider `crm`: has no answer"),
        (Err("it answered 503"), "provider `crm`: it answered 503"),
    ];
    for (answer, words) in cases {
        match answer {
            Ok(reply) => desk.says("verified", reply),
            Err(refusal) => desk.refuses(refusal),
        }
        let asked = world.pay().await;
        assert_eq!(asked.action.decision.effect, Escalate, "{words}");
        assert!(asked.reason.contains(words), "{words}: {}", asked.reason);
    }
    let (_, stats) = world.engine.provider_stats().next().unwrap();
    assert_eq!((stats.answered(), stats.missing()), (0, 6));
    desk.knows("verified", json!(true));
    assert_eq!(world.pay().await.action.decision.effect, Allow);
    let (_, stats) = world.engine.provider_stats().next().unwrap();
    assert_eq!((stats.answered(), stats.missing()), (1, 6));
    assert_eq!(stats.duration.snapshot().buckets.iter().sum::<u64>(), 7);
}

#[tokio::test]
async fn a_provider_that_nobody_registered_is_missing_and_lint_says_so() {
    let desk = Desk::new();
    let world = World::asking(VERIFIED, providers([("other", &desk)])).await;
    let asked = world.pay().await;
    assert!(asked.reason.contains("this server has no provider `crm`"), "{}", asked.reason);
    let put = |document: String| PutPolicy { document, ..PutPolicy::default() };
    for (document, expected) in
        [(VERIFIED.to_owned(), 1), (VERIFIED.replace("provider: crm", "provider: other"), 0)]
    {
        let subject = Subject::Document(document.clone());
        let tested = world.engine.test_policy(&reviewer(), &subject).await.unwrap();
        let made = world.engine.put_policy(&admin(), put(document)).await.unwrap().value;
        for findings in [tested.findings, made.findings] {
            let of_fact = findings.iter().filter(|it| it.place == "fact `verified`");
            assert_eq!(of_fact.count(), expected, "{findings:?}");
        }
    }
}

#[tokio::test]
async fn a_slow_provider_is_waited_for_as_long_as_the_operator_says() {
    let desk = Desk::new();
    desk.knows("verified", json!(true));
    desk.close();
    let world = World::asking(VERIFIED, providers([("crm", &desk)])).await;
    let pay = world.pay();
    let late = async {
        desk.has_been_asked(1).await;
        world.clock.advance(Span::from_millis(499));
        tokio::task::yield_now().await;
        world.clock.advance(Span::from_millis(1));
    };
    let (asked, ()) = tokio::join!(pay, late);
    assert!(asked.reason.contains("no answer within 500 ms"), "{}", asked.reason);
}

#[tokio::test]
async fn all_providers_are_asked_at_once() {
    let (crm, fraud) = (Desk::new(), Desk::new());
    crm.knows("verified", json!(true));
    crm.knows("since", json!(3));
    fraud.knows("score", json!(0.1));
    let document = format!(
        "{VERIFIED}  since: {{ provider: crm, type: int, tools: [pay], send: [customer] }}\n  \
         level: {{ provider: crm, type: string, tools: [pay], send: [note] }}\n  \
         score: {{ provider: fraud, type: double, tools: ['*'] }}\nrules:\n\
         - {{ id: new, tools: [pay], when: 'fact(\"since\") < 2 || fact(\"score\") > 0.5', \
         effect: escalate, reason: New. }}\n"
    );
    let world = World::asking(&document, providers([("crm", &crm), ("fraud", &fraud)])).await;
    crm.close();
    fraud.close();
    let answered = async {
        crm.has_been_asked(2).await;
        fraud.has_been_asked(1).await;
        crm.open();
        fraud.open();
    };
    let (proposed, ()) = tokio::join!(world.pay(), answered);
    assert_eq!(proposed.action.decision.effect, Allow, "{}", proposed.reason);
    // One question for each choice of arguments.
    let asked: Vec<_> =
        crm.questions().into_iter().map(|it| (it.names, Value::Object(it.arguments))).collect();
    let names = |names: &[&str]| names.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    assert!(asked.contains(&(names(&["since", "verified"]), json!({"customer": "c-1"}))));
    assert!(asked.contains(&(names(&["level"]), json!({"note": "for the bike"}))), "{asked:?}");
    assert_eq!(Value::Object(fraud.questions()[0].arguments.clone()), json!({}));
}

#[tokio::test]
async fn nothing_is_asked_twice_though_the_commit_is_tried_again() {
    for (other, questions) in [
        ("# the same facts\n", 1),
        ("  since: { provider: crm, type: int, tools: [pay], send: [customer] }\n", 2),
    ] {
        let desk = Desk::new();
        desk.knows("verified", json!(true));
        let world = World::asking(VERIFIED, providers([("crm", &desk)])).await;
        desk.close();
        // Another policy comes into force while the answer is waited for.
        let change = async {
            desk.has_been_asked(1).await;
            world.engine.start_with_policy(&format!("{VERIFIED}{other}")).await.unwrap();
            desk.open();
        };
        let (proposed, ()) = tokio::join!(world.pay(), change);
        let action = proposed.action;
        assert_eq!(Some(action.decision.policy_revision), world.engine.policy_revision());
        assert_eq!(action.decision.effect, Allow);
        let asked = desk.questions();
        assert_eq!(asked.len(), questions, "{asked:?}");
        if let Some(second) = asked.get(1) {
            assert_eq!(second.names, ["since"], "only what is new");
        }
    }
}

#[tokio::test]
async fn what_a_shadow_wants_is_asked_at_the_same_time() {
    let (crm, model) = (Desk::new(), Desk::new());
    crm.knows("verified", json!(true));
    model.knows("wanted", json!(false));
    let world = World::asking(VERIFIED, providers([("crm", &crm), ("model", &model)])).await;
    let document = format!(
        "{VERIFIED}  wanted: {{ provider: model, type: bool, tools: [pay], expect: true }}\n"
    );
    let put = PutPolicy { document, ..PutPolicy::default() };
    let put = world.engine.put_policy(&admin(), put).await.unwrap().value;
    let revision = Some(put.view.record.id);
    let shadow = SetShadow { request_id: String::new(), revision };
    world.engine.set_policy_shadow(&admin(), shadow).await.unwrap();
    crm.close();
    model.close();
    let answered = async {
        crm.has_been_asked(1).await;
        model.has_been_asked(1).await;
        crm.open();
        model.open();
    };
    let (proposed, ()) = tokio::join!(world.pay(), answered);
    assert_eq!(proposed.action.decision.effect, Allow);
    let view = world.engine.get_action(&agent(), proposed.action.id).await.unwrap();
    let said = view.content.shadow.unwrap();
    let told = (said.effect, said.rule.as_deref());
    assert_eq!(told, (Some(Escalate), Some("fact.wanted")), "{said:?}");
    assert_eq!((crm.questions().len(), model.questions().len()), (1, 1));
}

#[tokio::test]
async fn one_question_too_many_is_not_asked() {
    let desk = Desk::new();
    desk.knows("verified", json!(true));
    let world = World::asking(VERIFIED, providers([("crm", &desk)])).await;
    desk.close();
    let run = world.run().await;
    let crowd = (0..MAX_QUESTIONS_AT_ONCE).map(|_| world.propose(run, "pay", payment()));
    let crowd = futures::future::join_all(crowd);
    let one_more = async {
        desk.has_been_asked(MAX_QUESTIONS_AT_ONCE).await;
        let refused = world.propose(run, "pay", payment()).await;
        assert!(refused.reason.contains("busy"), "{}", refused.reason);
        desk.open();
    };
    let (crowd, ()) = tokio::join!(crowd, one_more);
    assert!(crowd.iter().all(|it| it.action.decision.effect == Allow));
    assert_eq!(world.propose(run, "pay", payment()).await.action.decision.effect, Allow);
}

#[tokio::test]
async fn an_edit_is_judged_by_the_facts_of_then() {
    let desk = Desk::new();
    desk.knows("verified", json!(false));
    let world = World::asking(VERIFIED, providers([("crm", &desk)])).await;
    let escalation = world.pay().await.escalation.unwrap();
    let arguments = json!({"customer": "c-2"}).to_string().into();
    let verb = Verb::Modify { arguments, target: None };
    desk.knows("verified", json!(true));
    world.resolve(&escalation, verb).await.unwrap();
    let questions = desk.questions();
    assert_eq!(Value::Object(questions[1].arguments.clone()), json!({"customer": "c-2"}));
    let edited = world.escalation(escalation.id).await.resolution.unwrap().action.unwrap();
    let view = world.engine.get_action(&agent(), edited).await.unwrap();
    let known = FactAnswer::Known { value: json!(true), time: START };
    assert_eq!(view.content.inputs.facts.get("verified"), Some(&known));
}

#[tokio::test]
async fn who_tries_a_policy_is_told_what_a_proposal_would_be() {
    let desk = Desk::new();
    let world = World::asking(VERIFIED, providers([("crm", &desk)])).await;
    let run = world.run().await;
    let hypothesis = Hypothesis { agent: "claims".to_owned(), ..Hypothesis::default() };
    for (by, context) in
        [(agent(), Context::Run(run)), (reviewer(), Context::Hypothesis(hypothesis))]
    {
        for (answer, effect) in [(true, Allow), (false, Escalate)] {
            desk.knows("verified", json!(answer));
            let asked = Evaluate {
                context: Some(context.clone()),
                tool: "pay".to_owned(),
                arguments: payment().to_string().into(),
                ..Evaluate::default()
            };
            let said = world.engine.evaluate_action(&by, asked).await.unwrap();
            assert_eq!(said.verdict.effect, effect, "{}", said.verdict.reason);
        }
    }
    let runs: Vec<_> = desk.questions().into_iter().map(|it| it.run).collect();
    assert_eq!(runs, [Some(run), Some(run), None, None]);
}

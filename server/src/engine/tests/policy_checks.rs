//! What a policy says of itself: its test, its guidance, its explanations.

use serde_json::json;

use super::world::*;
use crate::domain::action::DecisionEffect;
use crate::domain::activation::ActivationState;
use crate::domain::error::Error;
use crate::domain::policy::{Outcome, Seen};
use crate::engine::policies::{Activate, PutPolicy, Subject};

const CHECKED: &str = r#"
version: 1
name: refund-desk
default: escalate
guidance: Refunds over 5 wait.
tools:
  refund: { write: true, effects: [money] }
  look: { write: false }
  wipe: { write: true, effects: [delete] }
constraints:
  - { id: no-wiping, tools: [wipe], effect: deny, reason: Nobody wipes. }
rules:
  - { id: looking, tools: [look], effect: allow, reason: Reads. }
  - { id: small, tools: [refund], when: args.amount <= 5, effect: allow, relaxes: [money], reason: Small. }
tests:
  - { name: small refunds run, tool: refund, arguments: {amount: 5}, expect: allow, rule: small }
  - { name: large ones wait, tool: refund, arguments: {amount: 6}, expect: escalate }
"#;

fn put(document: impl Into<String>) -> PutPolicy {
    PutPolicy { document: document.into(), ..PutPolicy::default() }
}

impl World {
    async fn try_activate(&self, document: &str) -> Result<ActivationState, Error> {
        let made = self.engine.put_policy(&admin(), put(document)).await.unwrap().value;
        let (revision, current) = (made.view.record.id, self.engine.policy_revision().unwrap());
        let command =
            Activate { request_id: String::new(), revision, current, reason: String::new() };
        let done = self.engine.activate_policy(&admin(), command).await?;
        Ok(done.value.activation.state)
    }
}

#[tokio::test]
async fn a_policy_that_fails_its_own_test_is_put_and_never_in_force() {
    let world = World::new().await;
    let before = world.engine.policy_revision();
    let wrong = CHECKED.replace("amount: 6}, expect: escalate", "amount: 6}, expect: allow");
    let refused = world.try_activate(&wrong).await.unwrap_err();
    let Error::PolicyTestsFailed { failed, case, .. } = &refused else { panic!("{refused:?}") };
    assert_eq!((*failed, case.as_str()), (1, "large ones wait"));
    assert!(world.engine.start_with_policy(&wrong).await.is_err());
    assert_eq!(world.engine.policy_revision(), before);
    let checked = world.engine.test_policy(&reviewer(), &Subject::Document(wrong)).await.unwrap();
    assert_eq!((checked.results.len(), checked.failed_count()), (2, 1));

    assert_eq!(world.try_activate(CHECKED).await, Ok(ActivationState::Effective));
    let checked = world.engine.test_policy(&reviewer(), &Subject::InForce).await.unwrap();
    assert_eq!((checked.results.len(), checked.failed_count()), (2, 0));
}

#[tokio::test]
async fn what_is_put_has_its_name_and_what_lint_found() {
    let world = World::new().await;
    let made = world.engine.put_policy(&admin(), put(CHECKED)).await.unwrap().value;
    assert_eq!(made.view.record.name, "refund-desk");
    let relaxed = made.findings.iter().find(|finding| finding.place.contains("small"));
    assert!(relaxed.is_some_and(|it| it.problem.contains("money")), "{:?}", made.findings);
}

#[tokio::test]
async fn a_document_may_demand_a_second_person_for_itself_and_for_what_replaces_it() {
    let world = World::new().await;
    let guarded = format!("{CHECKED}activation: {{ second_person: true }}\n");
    assert_eq!(world.try_activate(&guarded).await, Ok(ActivationState::Pending));
    let pending = world.engine.list_policy_activations(&admin(), Default::default()).await.unwrap();
    let pending = pending.items[0].activation.id;
    let second = principal("root", &[crate::domain::principal::Role::Admin]);
    world.engine.confirm_policy_activation(&second, "", pending).await.unwrap();
    assert_eq!(world.try_activate(CHECKED).await, Ok(ActivationState::Pending));
}

#[tokio::test]
async fn guidance_says_what_is_forbidden_and_what_waits() {
    let world = World::new().await;
    world.try_activate(CHECKED).await.unwrap();
    let run = world.run().await;
    for run in [None, Some(run)] {
        let (revision, guidance) = world.engine.guidance(&agent(), run).await.unwrap();
        assert_eq!(Some(revision), world.engine.policy_revision());
        assert_eq!(guidance.text, "Refunds over 5 wait.");
        assert_eq!(guidance.forbidden_tools, ["wipe"]);
    }
    let stranger = principal("stranger", &[crate::domain::principal::Role::Agent]);
    let refused = world.engine.guidance(&stranger, Some(run)).await;
    assert!(matches!(refused, Err(Error::NotFound { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_decision_is_explained_by_its_own_policy_and_by_others() {
    let world = World::new().await;
    let run = world.run().await;
    let action = world.propose(run, "refund", json!({"amount": 600, "to": "Anna"})).await.action;
    world.try_activate(CHECKED).await.unwrap();

    let own = world.engine.explain_decision(&reviewer(), action.id, None).await.unwrap();
    assert_eq!(own.said.revision, Some(action.decision.policy_revision));
    assert_eq!(own.said.verdict.rule, action.decision.rule);
    assert_eq!(own.recorded_reason, "Refunds over 500 need a person.");
    assert!(!own.differs());
    let rule = |id: &str| own.said.rules.iter().find(|rule| rule.id == id).unwrap();
    assert_eq!(rule("refund-over-500").outcome, Outcome::Applies);
    assert_eq!(rule("refund-limit").outcome, Outcome::DoesNotApply);
    let amount = ("args.amount".to_owned(), Seen::Value(json!(600)));
    assert!(rule("refund-limit").values.contains(&amount), "{:?}", rule("refund-limit"));

    let loose = Subject::Document("version: 1\ndefault: allow\n".to_owned());
    let other = world.engine.explain_decision(&admin(), action.id, Some(loose)).await.unwrap();
    assert_eq!(other.said.verdict.effect, DecisionEffect::Allow);
    assert!(other.differs());
    let refused = world.engine.explain_decision(&agent(), action.id, None).await;
    assert!(matches!(refused, Err(Error::RoleRequired { .. })), "{refused:?}");
}

//! Propose, decide, escalate, resolve, redeem, report.

use bytes::Bytes;
use serde_json::json;

use super::world::*;
use crate::domain::action::{ActionState, DecisionEffect};
use crate::domain::error::Error;
use crate::domain::escalation::{EscalationState, ResolutionKind};
use crate::domain::run::RunState;
use crate::engine::resolve::Verb;
use crate::engine::runs::{FinishRun, StartRun};

#[tokio::test]
async fn an_allowed_action_runs_on_its_grant() {
    let world = World::new().await;
    let run = world.run().await;
    let action = world.propose(run, "refund", json!({"amount": 20})).await.action;
    assert_eq!(
        (action.state, action.decision.effect),
        (ActionState::Granted, DecisionEffect::Allow)
    );
    world.redeem(action.id).await.unwrap();
    world.report(action.id).await.unwrap();
    assert_eq!(world.action(action.id).await.state, ActionState::Executed);
    assert!(matches!(world.report(action.id).await, Err(Error::OutcomeAlreadyReported { .. })));
}

#[tokio::test]
async fn an_allowed_action_can_be_redeemed_in_the_same_call() {
    let world = World::new().await;
    let run = world.run().await;
    let mut command = proposal(run, "lookup", &json!({}));
    command.redeem_if_allowed = true;
    let action = world.engine.propose(&agent(), command).await.unwrap().value.action;
    assert_eq!(action.state, ActionState::Redeemed);
    assert!(matches!(world.redeem(action.id).await, Err(Error::GrantRedeemed { .. })));
    world.report(action.id).await.unwrap();
}

#[tokio::test]
async fn a_denied_action_has_no_grant() {
    let world = World::new().await;
    let run = world.run().await;
    let proposed = world.propose(run, "refund", json!({"amount": 200_000})).await;
    assert_eq!(proposed.action.state, ActionState::Denied);
    assert_eq!(proposed.reason, "Nobody refunds that much.");
    assert_eq!((proposed.action.grant, proposed.escalation), (None, None));
}

#[tokio::test]
async fn an_approved_action_runs_and_its_question_is_closed() {
    let world = World::new().await;
    let escalation = world.escalate(world.run().await).await;
    assert!(matches!(
        world.redemption_refused(escalation.action.unwrap()).await,
        Error::NotFound { .. }
    ));
    let approved = world.approve(&escalation).await;
    assert_eq!(approved.state, EscalationState::Resolved);
    assert_eq!(approved.resolution.unwrap().reviewer, "alice");
    world.redeem(escalation.action.unwrap()).await.unwrap();
    world.report(escalation.action.unwrap()).await.unwrap();
    assert_eq!(world.action(escalation.action.unwrap()).await.state, ActionState::Executed);
}

#[tokio::test]
async fn a_rejected_action_never_runs() {
    let world = World::new().await;
    let escalation = world.escalate(world.run().await).await;
    let verb = Verb::Reject { reason_code: "wrong_amount".to_owned() };
    let resolved = world.resolve(&escalation, verb).await.unwrap().value.escalation;
    assert_eq!(resolved.resolution.unwrap().kind, ResolutionKind::Rejected);
    let action = world.action(escalation.action.unwrap()).await;
    assert_eq!((action.state, action.grant), (ActionState::Refused, None));
}

#[tokio::test]
async fn a_modified_action_is_another_one_with_a_digest_of_its_own() {
    let world = World::new().await;
    let escalation = world.escalate(world.run().await).await;
    let arguments = Bytes::from_static(br#"{"amount": 450, "to": "Anna"}"#);
    let verb = Verb::Modify { arguments: arguments.clone(), target: None };
    let resolved = world.resolve(&escalation, verb).await.unwrap().value.escalation;
    let edited = resolved.resolution.unwrap().action.unwrap();
    let action = world.action(edited).await;
    assert_eq!(action.modified_from, escalation.action);
    assert_ne!(digest_of(&action), escalation.action_digest);
    assert_eq!(world.action(escalation.action.unwrap()).await.state, ActionState::Refused);
    let mut redemption = world.redemption(edited).await;
    assert_eq!(redemption.arguments, arguments);
    redemption.arguments = Bytes::from_static(br#"{"amount": 600, "to": "Anna"}"#);
    let refused = world.engine.redeem(&agent(), redemption).await;
    assert!(matches!(refused, Err(Error::DigestMismatch { .. })));
    world.redeem(edited).await.unwrap();
}

#[tokio::test]
async fn an_edit_that_the_policy_denies_is_refused_and_the_question_stays_open() {
    let world = World::new().await;
    let escalation = world.escalate(world.run().await).await;
    let arguments = Bytes::from_static(br#"{"amount": 500000}"#);
    let refused = world.resolve(&escalation, Verb::Modify { arguments, target: None }).await;
    assert!(matches!(refused, Err(Error::DeniedByPolicy { .. })));
    assert_eq!(world.escalation(escalation.id).await, escalation);
}

#[tokio::test]
async fn a_response_stands_in_the_tools_place() {
    let world = World::new().await;
    let escalation = world.escalate(world.run().await).await;
    let response = Bytes::from_static(b"ask the fraud team");
    let view = world.resolve(&escalation, Verb::Respond { response }).await.unwrap().value;
    assert_eq!(view.resolution.unwrap().response, b"ask the fraud team");
    assert_eq!(world.action(escalation.action.unwrap()).await.state, ActionState::Refused);
}

#[tokio::test]
async fn nobody_resolves_what_was_not_shown() {
    let world = World::new().await;
    let escalation = world.escalate(world.run().await).await;
    let mut stale = resolution(&escalation, Verb::Approve);
    stale.etag = "0".to_owned();
    let refused = world.engine.resolve(&reviewer(), stale).await;
    assert!(matches!(refused, Err(Error::EtagMismatch { .. })));
    let mut other = resolution(&escalation, Verb::Approve);
    other.action_digest = crate::domain::digest::sha256(b"another action");
    let Err(Error::DigestMismatch { action, escalation: asked, .. }) =
        world.engine.resolve(&reviewer(), other).await
    else {
        panic!("another digest is resolved")
    };
    assert_eq!(action, escalation.action.unwrap().to_string());
    assert_eq!(asked, Some(escalation.id.to_string()));
    assert_eq!(world.escalation(escalation.id).await.state, EscalationState::Open);
}

#[tokio::test]
async fn nobody_resolves_for_themselves() {
    let world = World::new().await;
    let command = StartRun { on_behalf_of: "alice".to_owned(), ..StartRun::default() };
    let run = world.engine.start_run(&agent(), command).await.unwrap().value.run.id;
    let escalation = world.escalate(run).await;
    let own = Error::SelfReview { escalation: escalation.id.to_string() };
    assert_eq!(world.resolve(&escalation, Verb::Approve).await.unwrap_err(), own);
    let by_agent = world.engine.resolve(&agent(), resolution(&escalation, Verb::Approve)).await;
    assert!(matches!(by_agent, Err(Error::RoleRequired { role: "reviewer" })));
    let by_admin = world.engine.resolve(&admin(), resolution(&escalation, Verb::Approve)).await;
    assert!(matches!(by_admin, Err(Error::RoleRequired { .. })));
    let by_bob =
        world.engine.resolve(&other_reviewer(), resolution(&escalation, Verb::Approve)).await;
    assert!(by_bob.is_ok());
    // Of a closed one they are told that first, too, and not how it ended.
    assert_eq!(world.resolve(&escalation, Verb::Approve).await.unwrap_err(), own);
    let claim = crate::engine::escalations::ClaimStep::Claim(None);
    let claimed = world.engine.claim(&reviewer(), "", escalation.id, claim).await;
    assert_eq!(claimed.unwrap_err(), own);
}

#[tokio::test]
async fn finishing_a_run_closes_its_questions_and_its_grants() {
    let world = World::new().await;
    let run = world.run().await;
    let escalation = world.escalate(run).await;
    let granted = world.propose(run, "refund", json!({"amount": 20})).await.action;
    let redemption = world.redemption(granted.id).await;
    let command = FinishRun { request_id: String::new(), run, state: RunState::Succeeded };
    let finished = world.engine.finish_run(&agent(), command).await.unwrap().value.run;
    assert_eq!(finished.state, RunState::Succeeded);
    assert_eq!(world.escalation(escalation.id).await.state, EscalationState::Cancelled);
    assert_eq!(world.action(escalation.action.unwrap()).await.state, ActionState::Cancelled);
    let refused = world.engine.redeem(&agent(), redemption).await;
    assert!(matches!(refused, Err(Error::RunNotRunning { .. })));
    let refused = world.engine.propose(&agent(), proposal(run, "lookup", &json!({}))).await;
    assert!(matches!(refused, Err(Error::RunNotRunning { .. })));
}

#[tokio::test]
async fn delegation_counts_hops_and_has_an_end() {
    let world = World::new().await;
    let mut parent = world.run().await;
    for hops in 1..=8 {
        let command = StartRun { parent: Some(parent), ..StartRun::default() };
        let run = world.engine.start_run(&agent(), command).await.unwrap().value.run;
        assert_eq!(run.hop_count, hops);
        parent = run.id;
    }
    let command = StartRun { parent: Some(parent), ..StartRun::default() };
    let refused = world.engine.start_run(&agent(), command).await;
    assert_eq!(refused.unwrap_err(), Error::DelegationTooDeep { hops: 9, limit: 8 });
}

#[tokio::test]
async fn secrets_are_refused_before_anything_is_stored() {
    let world = World::new().await;
    let run = world.run().await;
    let before = world.engine.server_info(&admin()).await.unwrap().store.commit;
    let arguments = json!({"key": "AKIAIOSFODNN7EXAMPLE"});
    let refused = world.engine.propose(&agent(), proposal(run, "refund", &arguments)).await;
    assert!(matches!(refused, Err(Error::SecretFound { .. })));
    assert_eq!(world.engine.server_info(&admin()).await.unwrap().store.commit, before);
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let world = World::new().await;
    let run = world.run().await;
    let escalation = world.escalate(run).await;
    let world = world.restarted().await;
    assert_eq!(world.escalation(escalation.id).await, escalation);
    world.approve(&escalation).await;
    let world = world.restarted().await;
    world.redeem(escalation.action.unwrap()).await.unwrap();
}

impl World {
    async fn redemption_refused(&self, id: crate::domain::ids::ActionId) -> Error {
        let view = self.engine.get_action(&agent(), id).await.unwrap();
        let command = crate::engine::redeem::Redeem {
            request_id: String::new(),
            grant: crate::domain::ids::GrantId::new(uuid::Uuid::from_u128(9)),
            action: id,
            run: view.action.run,
            tool: view.action.tool,
            tool_schema_version: String::new(),
            target: view.content.target,
            arguments: view.content.arguments,
            preconditions: Bytes::new(),
        };
        self.engine.redeem(&agent(), command).await.unwrap_err()
    }
}

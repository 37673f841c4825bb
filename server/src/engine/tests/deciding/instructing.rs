//! Corrections in words.

use bytes::Bytes;
use serde_json::json;

use super::super::world::*;
use crate::domain::action::ActionState;
use crate::domain::error::Error;
use crate::domain::escalation::{Escalation, ResolutionKind};
use crate::domain::event::EventKind;
use crate::domain::ids::{EscalationId, RunId};
use crate::domain::message::{Message, Speaker};
use crate::engine::Authorized;
use crate::engine::operation::Tx;
use crate::engine::propose::Propose;
use crate::engine::resolve::Verb;
use crate::store::CommitLane;

const WORDS: &str = "refund 450 to Berta, not to Anna";

fn instruct() -> Verb {
    Verb::Instruct { text: WORDS.to_owned() }
}

fn follow_up(run: RunId, followed: EscalationId) -> Propose {
    let arguments = json!({"amount": 600, "to": "Berta"});
    Propose { follows: Some(followed), ..proposal(run, "refund", &arguments) }
}

impl World {
    async fn instructed(&self) -> Escalation {
        let escalation = self.escalate(self.run().await).await;
        self.resolve(&escalation, instruct()).await.unwrap().value.escalation
    }

    async fn heard_in(&self, run: RunId) -> Vec<Message> {
        let by = Authorized::system("default", "look");
        let mut tx = Tx::new(&self.engine, &by, CommitLane::Normal);
        let run = self.engine.existing_run("default", run).await.unwrap();
        self.engine.heard_by(&mut tx, &run, "").await.unwrap().messages().to_vec()
    }
}

#[tokio::test]
async fn a_correction_permits_nothing_and_reaches_the_agent_as_a_persons_words() {
    let world = World::new().await;
    let escalation = world.escalate(world.run().await).await;
    let view = world.resolve(&escalation, instruct()).await.unwrap().value;
    let resolution = view.escalation.resolution.unwrap();
    assert_eq!((resolution.kind, resolution.action), (ResolutionKind::Instructed, None));
    assert_eq!(view.resolution.unwrap().instruction, WORDS);
    let action = world.action(escalation.action.unwrap()).await;
    assert_eq!((action.state, action.grant), (ActionState::Refused, None));
    assert_eq!(world.events(EventKind::EscalationInstructed).await, 1);
    let heard = world.heard_in(escalation.run).await;
    assert_eq!(heard, [Message { speaker: Speaker::Person, ..Message::person(WORDS) }]);
}

#[tokio::test]
async fn what_follows_a_correction_says_so_to_whoever_is_asked_next() {
    let world = World::new().await;
    let corrected = world.instructed().await;
    let command = follow_up(corrected.run, corrected.id);
    let proposed = world.engine.propose(&agent(), command).await.unwrap().value;
    assert_eq!(proposed.action.follows, Some(corrected.id));
    let next = proposed.escalation.unwrap();
    let view = world.engine.get_escalation(&reviewer(), next.id).await.unwrap();
    assert_eq!(view.escalation.follows, Some(corrected.id));
    let history = view.detail.unwrap().live.unwrap().history;
    let first = &history[0];
    assert_eq!(history.len(), 1, "the same case does not come twice");
    assert_eq!(
        (first.escalation, first.end, &*first.reviewer),
        (corrected.id, "instructed", "alice")
    );
    assert_eq!(first.words.as_deref(), Some(WORDS));
    let view = world.engine.get_escalation(&reviewer(), corrected.id).await.unwrap();
    assert_eq!(view.detail.unwrap().followed_by, [proposed.action.id]);
    // It is a proposal like any other: nothing is permitted by the correction.
    assert_eq!(world.action(proposed.action.id).await.state, ActionState::Escalated);
}

#[tokio::test]
async fn only_a_correction_of_the_same_run_is_followed() {
    let world = World::new().await;
    let corrected = world.instructed().await;
    let rejected = world.escalate(corrected.run).await;
    let verb = Verb::Reject { reason_code: String::new() };
    world.resolve(&rejected, verb).await.unwrap();
    let open = world.escalate(corrected.run).await;
    let other_run = world.run().await;
    for (run, followed) in
        [(corrected.run, rejected.id), (corrected.run, open.id), (other_run, corrected.id)]
    {
        let refused = world.engine.propose(&agent(), follow_up(run, followed)).await;
        let Err(Error::InvalidField { field, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(field, "follows_escalation_id");
    }
    let unknown = EscalationId::new(uuid::Uuid::from_u128(7));
    let refused = world.engine.propose(&agent(), follow_up(corrected.run, unknown)).await;
    assert!(matches!(refused, Err(Error::NotFound { .. })));
    let stranger = principal("mailer", &[crate::domain::principal::Role::Agent]);
    let run = world.engine.start_run(&stranger, Default::default()).await.unwrap().value.run.id;
    let refused = world.engine.propose(&stranger, follow_up(run, corrected.id)).await;
    assert!(matches!(refused, Err(Error::NotFound { .. })), "others' are not told of");
}

#[tokio::test]
async fn a_correction_has_words_and_no_secret() {
    let world = World::new().await;
    let escalation = world.escalate(world.run().await).await;
    for text in ["", "  \n", &"x".repeat(8 * 1024 + 1)] {
        let verb = Verb::Instruct { text: text.to_owned() };
        let refused = world.resolve(&escalation, verb).await;
        assert!(matches!(refused, Err(Error::InvalidField { .. })), "{refused:?}");
    }
    let verb = Verb::Instruct { text: "use AKIAIOSFODNN7EXAMPLE".to_owned() };
    assert!(matches!(world.resolve(&escalation, verb).await, Err(Error::SecretFound { .. })));
}

#[tokio::test]
async fn a_correction_of_a_quorum_takes_the_same_words_of_each() {
    let quorum = POLICY.replace("lane: money", "lane: money\n    quorum: 2");
    let world = World::asking(&quorum, crate::engine::facts::Providers::default()).await;
    let escalation = world.escalate(world.run().await).await;
    world.resolve(&escalation, instruct()).await.unwrap();
    let open = world.escalation(escalation.id).await;
    assert!(open.resolution.is_none());
    let other = Verb::Instruct { text: "no, to Carl".to_owned() };
    let by_bob = resolution(&open, other);
    let kept = world.engine.resolve(&other_reviewer(), by_bob).await.unwrap().value.escalation;
    assert!(kept.resolution.is_none(), "other words are another answer");
    let carl = principal("carl", &[crate::domain::principal::Role::Reviewer]);
    let done = world.engine.resolve(&carl, resolution(&kept, instruct())).await.unwrap();
    let approvers = done.value.escalation.resolution.unwrap().approvers;
    let names: Vec<_> = approvers.iter().map(|it| &*it.name).collect();
    assert_eq!(names, ["alice", "carl"]);
}

#[tokio::test]
async fn an_instructed_action_cannot_be_redeemed() {
    let world = World::new().await;
    let corrected = world.instructed().await;
    let action = corrected.action.unwrap();
    let view = world.engine.get_action(&agent(), action).await.unwrap();
    assert_eq!(
        view.content.arguments,
        Bytes::from(json!({"amount": 600, "to": "Anna"}).to_string())
    );
    assert!(view.action.grant.is_none() && view.action.revoked_grants.is_empty());
}

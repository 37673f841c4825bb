//! Several questions answered at once: all of them, or none.

use serde_json::json;

use super::super::world::*;
use crate::domain::digest::Digest;
use crate::domain::error::Error;
use crate::domain::escalation::bulk::{LeftOut, MAX_BULK};
use crate::domain::escalation::{Escalation, EscalationState, ResolutionKind};
use crate::domain::event::EventKind;
use crate::domain::ids::EscalationId;
use crate::domain::time::Span;
use crate::engine::escalations::ClaimStep;
use crate::engine::facts::Providers;
use crate::engine::resolve::{BulkPreview, PreviewBulk, ResolveBulk, Verb};
use crate::engine::runs::StartRun;

const POLICY: &str = r#"
version: 1
default: escalate
tools:
  pay: {amount: amount, currency: currency}
rules:
  - {id: grave, tools: [pay], when: args.amount >= 9000, effect: escalate, severity: high, reason: Grave.}
  - {id: two, tools: [pay], when: args.amount >= 5000, effect: escalate, severity: medium, quorum: 2, reason: Two.}
  - {id: refunds, tools: [refund], effect: escalate, severity: low, reason: Refunds.}
  - {id: some, tools: [pay], effect: escalate, severity: medium, reason: Some.}
"#;

async fn world() -> World {
    World::asking(POLICY, Providers::default()).await
}

async fn asked(world: &World, amount: u32) -> Escalation {
    let run = world.run().await;
    let arguments = json!({"amount": amount, "currency": "EUR"});
    world.propose(run, "pay", arguments).await.escalation.unwrap()
}

async fn all(world: &World) -> BulkPreview {
    world.engine.preview_bulk(&reviewer(), PreviewBulk::default()).await.unwrap()
}

fn seen(preview: &BulkPreview) -> Vec<(EscalationId, Digest)> {
    let questions = preview.items.iter().map(|it| &it.view.escalation);
    questions.map(|it| (it.id, it.action_digest)).collect()
}

fn ids(preview: &BulkPreview) -> Vec<EscalationId> {
    seen(preview).into_iter().map(|(id, _)| id).collect()
}

fn yes(preview: &BulkPreview) -> ResolveBulk {
    ResolveBulk {
        request_id: String::new(),
        token: preview.token.clone(),
        seen: seen(preview),
        is_approved: true,
        note: "within the budget".to_owned(),
        reason_code: String::new(),
        surface: "test".to_owned(),
    }
}

impl World {
    async fn refused_bulk(&self, command: ResolveBulk) -> Error {
        let sequence = self.store.sequence("default").await.unwrap();
        let refusal = self.engine.resolve_bulk(&reviewer(), command).await.unwrap_err();
        assert_eq!(self.store.sequence("default").await.unwrap(), sequence, "{refusal}");
        refusal
    }
}

#[tokio::test]
async fn what_is_alike_is_answered_together_without_what_stands_out() {
    let world = world().await;
    let mut usual = Vec::new();
    for amount in [10, 11, 12, 13] {
        usual.push(asked(&world, amount).await);
    }
    let odd = asked(&world, 4000).await;
    let preview = all(&world).await;
    assert_eq!(preview.columns, ["arguments.amount", "target"]);
    assert_eq!(ids(&preview), usual.iter().map(|it| it.id).collect::<Vec<_>>());
    assert_eq!(preview.items[2].values[0], "12");
    assert_eq!(preview.outliers.len(), 1);
    assert_eq!(preview.outliers[0].outlier.as_deref(), Some("arguments.amount"));
    assert_eq!(preview.outliers[0].view.escalation.id, odd.id);

    let sequence = world.store.sequence("default").await.unwrap();
    let command = ResolveBulk { request_id: request_id(1), ..yes(&preview) };
    let done = world.engine.resolve_bulk(&reviewer(), command.clone()).await.unwrap();
    assert_eq!(done.sequence, sequence + 4);
    assert_eq!(world.events(EventKind::EscalationApproved).await, 4);
    for question in &usual {
        let resolution = world.escalation(question.id).await.resolution.unwrap();
        assert_eq!(resolution.kind, ResolutionKind::Approved);
        world.redeem(resolution.action.unwrap()).await.unwrap();
    }
    assert_eq!(world.escalation(odd.id).await.state, EscalationState::Open);
    let again = world.engine.resolve_bulk(&reviewer(), command).await.unwrap();
    assert!(again.is_replayed);

    let command = PreviewBulk { with_outliers: true, ids: vec![odd.id], ..Default::default() };
    let preview = world.engine.preview_bulk(&reviewer(), command).await.unwrap();
    let no = ResolveBulk { is_approved: false, ..yes(&preview) };
    world.engine.resolve_bulk(&reviewer(), no).await.unwrap();
    let kind = world.escalation(odd.id).await.resolution.unwrap().kind;
    assert_eq!(kind, ResolutionKind::Rejected);
}

#[tokio::test]
async fn one_that_has_changed_stops_all() {
    let world = world().await;
    let (first, second) = (asked(&world, 10).await, asked(&world, 11).await);
    let preview = all(&world).await;
    world.resolve(&second, Verb::Reject { reason_code: "no".to_owned() }).await.unwrap();
    let refusal = world.refused_bulk(yes(&preview)).await;
    let Error::EscalationClosed { escalation, .. } = refusal else { panic!("{refusal}") };
    assert_eq!(escalation, second.id.to_string());
    assert_eq!(world.escalation(first.id).await, first);
}

#[tokio::test]
async fn what_is_answered_one_by_one_is_left_out_with_why() {
    let world = world().await;
    let first = asked(&world, 10).await;
    let grave = asked(&world, 9000).await;
    let two = asked(&world, 5000).await;
    let held = asked(&world, 11).await;
    let claim = ClaimStep::Claim(None);
    world.engine.claim(&other_reviewer(), "", held.id, claim).await.unwrap();
    let run = world.run().await;
    let other = world.propose(run, "refund", json!({"a": 1})).await.escalation.unwrap();
    let on_behalf_of = "alice".to_owned();
    let start = StartRun { on_behalf_of, ..StartRun::default() };
    let own = world.engine.start_run(&agent(), start).await.unwrap().value.run.id;
    let own = world.propose(own, "pay", json!({"amount": 12})).await.escalation.unwrap();
    let command = PreviewBulk {
        ids: [&first, &grave, &two, &held, &other, &own].map(|it| it.id).to_vec(),
        ..Default::default()
    };
    let preview = world.engine.preview_bulk(&reviewer(), command).await.unwrap();
    assert_eq!(ids(&preview), [first.id]);
    let left_out = [
        (grave.id, LeftOut::TooGrave),
        (two.id, LeftOut::MorePeople),
        (held.id, LeftOut::Claimed),
        (other.id, LeftOut::OtherKind),
        (own.id, LeftOut::NotYours),
    ];
    assert_eq!(preview.left_out, left_out);
}

#[tokio::test]
async fn a_preview_counts_for_who_was_shown_it_as_it_was_and_for_a_time() {
    let world = world().await;
    asked(&world, 10).await;
    asked(&world, 11).await;
    let preview = all(&world).await;
    let field = |error: Error| match error {
        Error::InvalidField { field, .. } => field,
        other => panic!("{other}"),
    };
    let theirs = world.engine.resolve_bulk(&other_reviewer(), yes(&preview)).await;
    assert_eq!(field(theirs.unwrap_err()), "preview_token");
    let mut token = preview.token.clone();
    token.replace_range(12..13, if &token[12..13] == "A" { "B" } else { "A" });
    let damaged = ResolveBulk { token, ..yes(&preview) };
    assert_eq!(field(world.refused_bulk(damaged).await), "preview_token");
    let one = ResolveBulk { seen: seen(&preview)[..1].to_vec(), ..yes(&preview) };
    assert_eq!(field(world.refused_bulk(one).await), "items");
    let mute = ResolveBulk { note: " ".to_owned(), ..yes(&preview) };
    assert_eq!(field(world.refused_bulk(mute).await), "note");
    world.pass(Span::from_secs(10 * 60)).await;
    assert_eq!(field(world.refused_bulk(yes(&preview)).await), "preview_token");
}

#[tokio::test]
async fn there_is_room_for_so_many() {
    let world = world().await;
    for amount in 0..=MAX_BULK {
        asked(&world, 100 + amount as u32).await;
    }
    let preview = all(&world).await;
    assert_eq!(preview.items.len(), MAX_BULK);
    assert!(matches!(preview.left_out[..], [(_, LeftOut::NoRoom)]));
    let done = world.engine.resolve_bulk(&reviewer(), yes(&preview)).await.unwrap();
    assert_eq!(done.value.len(), MAX_BULK);
}

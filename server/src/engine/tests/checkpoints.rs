//! Checkpoints: a chain of states that comes back as it was saved, or not at all.

mod growth;
mod paths;

use serde_json::json;
use uuid::Uuid;

use super::world::*;
use crate::domain::checkpoint::{Checkpoint, CheckpointContent, Envelope, PendingCall};
use crate::domain::error::{Error, PathError};
use crate::domain::event::EventKind;
use crate::domain::ids::{CheckpointId, RunId};
use crate::domain::payload::PayloadDraft;
use crate::domain::principal::Role;
use crate::domain::time::Span;
use crate::engine::checkpoints::{ListCheckpoints, MarkCheckpoint, SaveCheckpoint};
use crate::engine::list::Page;
use crate::engine::resolve::Verb;
use crate::engine::views::CheckpointView;
use crate::store::{Transaction, Write, keys, records};

fn content(state: &[u8]) -> CheckpointContent {
    CheckpointContent { state: state.to_vec(), ..CheckpointContent::default() }
}

pub(super) fn save(run: RunId, branch: u32, state: &[u8]) -> SaveCheckpoint {
    let content = content(state);
    SaveCheckpoint { request_id: String::new(), run, branch, parent: None, content }
}

pub(super) async fn saved(world: &World, run: RunId, state: &[u8]) -> CheckpointView {
    world.engine.save_checkpoint(&agent(), save(run, 0, state)).await.unwrap().value
}

pub(super) async fn mark(world: &World, id: CheckpointId, is_good: bool) -> Checkpoint {
    let note = "looked at".to_owned();
    let command = MarkCheckpoint { request_id: String::new(), checkpoint: id, is_good, note };
    world.engine.mark_checkpoint(&reviewer(), command).await.unwrap().value.checkpoint
}

/// Changes a record behind the engine's back.
async fn tamper(world: &World, checkpoint: &Checkpoint) {
    let key = keys::checkpoint("default", checkpoint.id);
    let writes = vec![Write { key, value: records::encode(checkpoint) }];
    let tenant = "default".to_owned();
    let transaction = Transaction { tenant, writes, ..Transaction::default() };
    world.store.commit(transaction).await.unwrap();
}

fn is_tampered<T>(result: &Result<T, Error>) -> bool {
    matches!(result, Err(Error::Path(PathError::CheckpointTampered { .. })))
}

#[tokio::test]
async fn a_state_comes_back_with_its_envelope_and_is_linked_to_the_one_before() {
    let world = World::new().await;
    let run = world.run().await;
    let first = saved(&world, run, b"one").await.checkpoint;
    let envelope = Envelope {
        framework: "langgraph".to_owned(),
        framework_version: "1.2".to_owned(),
        message_count: 7,
        pending_calls: vec![PendingCall {
            tool: "lookup".to_owned(),
            tool_call_id: "call_1".to_owned(),
            arguments: b"{}".to_vec(),
        }],
        planned_action: "ask the bank".to_owned(),
        reasoning: "the form is older".to_owned(),
    };
    let mut command = save(run, 0, b"two");
    command.content.envelope = envelope.clone();
    let second = world.engine.save_checkpoint(&agent(), command).await.unwrap().value.checkpoint;
    assert_eq!((first.parent, second.parent), (None, Some(first.id)));
    assert_eq!(second.parent_digest, first.digest);
    let shown = world.engine.get_checkpoint(&agent(), second.id).await.unwrap();
    assert_eq!((shown.content.state.as_slice(), shown.state_bytes), (b"two".as_slice(), 3));
    assert_eq!(shown.content.envelope, envelope);
    let to_people = world.engine.get_checkpoint(&reviewer(), second.id).await.unwrap();
    assert_eq!((to_people.content.state, to_people.content.envelope), (Vec::new(), envelope));
    assert_eq!(world.events(EventKind::CheckpointSaved).await, 2);
}

#[tokio::test]
async fn one_that_is_saved_with_a_question_says_what_came_of_it() {
    let world = World::new().await;
    let run = world.run().await;
    let before = saved(&world, run, b"before").await.checkpoint;
    let mut command = proposal(run, "refund", &json!({"amount": 600, "to": "Anna"}));
    command.checkpoint = Some(content(b"state"));
    let question = world.engine.propose(&agent(), command).await.unwrap().value.escalation.unwrap();
    let id = question.checkpoint.unwrap();
    world.resolve(&question, Verb::Reject { reason_code: "fraud".to_owned() }).await.unwrap();
    let shown = world.engine.get_checkpoint(&agent(), id).await.unwrap();
    assert_eq!(shown.checkpoint.parent, Some(before.id));
    let asked = shown.question.unwrap();
    assert_eq!(asked.why, "Refunds over 500 need a person.");
    assert_eq!(asked.escalation.rule.as_deref(), Some("refund-over-500"));
    assert_eq!(asked.escalation.resolution.unwrap().reviewer, "alice");
}

#[tokio::test]
async fn a_named_parent_must_be_the_newest_of_the_same_run() {
    let world = World::new().await;
    let (run, other) = (world.run().await, world.run().await);
    let first = saved(&world, run, b"one").await.checkpoint.id;
    let behind = |run, parent| SaveCheckpoint { parent: Some(parent), ..save(run, 0, b"two") };
    let second = world.engine.save_checkpoint(&agent(), behind(run, first)).await.unwrap();
    let stale = world.engine.save_checkpoint(&agent(), behind(run, first)).await;
    let newest = second.value.checkpoint.id.to_string();
    assert!(
        matches!(&stale, Err(Error::Path(PathError::StaleParent { newest: Some(it), .. })) if *it == newest),
        "{stale:?}"
    );
    let foreign = world.engine.save_checkpoint(&agent(), behind(other, first)).await;
    assert!(matches!(foreign, Err(Error::Path(PathError::CheckpointForeign { .. }))));
    let mallory = principal("mallory", &[Role::Agent]);
    let stranger = world.engine.save_checkpoint(&mallory, save(run, 0, b"x")).await;
    assert!(matches!(stranger, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn the_same_request_saves_once() {
    let world = World::new().await;
    let run = world.run().await;
    let command = SaveCheckpoint { request_id: request_id(1), ..save(run, 0, b"one") };
    let first = world.engine.save_checkpoint(&agent(), command.clone()).await.unwrap();
    let again = world.engine.save_checkpoint(&agent(), command.clone()).await.unwrap();
    assert!(again.is_replayed);
    assert_eq!(again.value, first.value);
    let other = SaveCheckpoint { content: content(b"two"), ..command };
    let reused = world.engine.save_checkpoint(&agent(), other).await;
    assert!(matches!(reused, Err(Error::RequestIdReused { .. })));
}

#[tokio::test]
async fn what_was_changed_in_the_store_is_never_handed_out() {
    let world = World::new().await;
    let run = world.run().await;
    let first = saved(&world, run, b"state of the first").await.checkpoint;
    let second = saved(&world, run, b"state of the second").await.checkpoint;
    let third = saved(&world, run, b"another").await.checkpoint;
    let engine = &world.engine;
    // The state of another checkpoint.
    tamper(&world, &Checkpoint { state: first.state.clone(), ..third.clone() }).await;
    assert!(is_tampered(&engine.get_checkpoint(&agent(), third.id).await));
    // The same, and its own digest made to fit: the child tells.
    let mut forged = Checkpoint { state: third.state.clone(), ..second.clone() };
    forged.digest = Some(forged.seal());
    tamper(&world, &forged).await;
    tamper(&world, &third).await;
    assert!(is_tampered(&engine.get_checkpoint(&agent(), third.id).await));
    // The child made to fit as well: its state is not the one that its envelope names.
    assert!(is_tampered(&engine.get_checkpoint(&agent(), second.id).await));
    // Without a digest.
    tamper(&world, &Checkpoint { digest: None, ..second.clone() }).await;
    assert!(is_tampered(&engine.get_checkpoint(&reviewer(), second.id).await));
    tamper(&world, &second).await;
    engine.get_checkpoint(&agent(), third.id).await.unwrap();
}

#[tokio::test]
async fn a_parent_of_another_run_is_refused() {
    let world = World::new().await;
    let (run, other) = (world.run().await, world.run().await);
    saved(&world, run, b"one").await;
    let child = saved(&world, run, b"two").await.checkpoint;
    let foreign = saved(&world, other, b"one").await.checkpoint;
    let (parent, parent_digest) = (Some(foreign.id), foreign.digest);
    let mut forged = Checkpoint { parent, parent_digest, ..child };
    forged.digest = Some(forged.seal());
    tamper(&world, &forged).await;
    assert!(is_tampered(&world.engine.get_checkpoint(&agent(), forged.id).await));
}

#[tokio::test]
async fn a_checkpoint_of_the_first_servers_is_read_and_goes_on() {
    let world = World::new().await;
    let run = world.run().await;
    let bytes = records::encode(&content(b"old state")).unwrap();
    let payload = PayloadDraft::new(Uuid::from_u128(1), [0; 16], bytes, None).unwrap();
    let template = saved(&world, run, b"").await.checkpoint;
    let old = Checkpoint {
        content: payload.reference,
        state: None,
        digest: None,
        parent: None,
        parent_digest: None,
        ..template
    };
    let write = Write { key: keys::checkpoint("default", old.id), value: records::encode(&old) };
    let (writes, payloads) = (vec![write], vec![payload]);
    let tenant = "default".to_owned();
    let transaction = Transaction { tenant, writes, payloads, ..Transaction::default() };
    world.store.commit(transaction).await.unwrap();
    let shown = world.engine.get_checkpoint(&agent(), old.id).await.unwrap();
    assert_eq!((shown.content.state, shown.state_bytes), (b"old state".to_vec(), 9));
    let next = saved(&world, run, b"new state").await.checkpoint;
    assert_eq!(next.parent, Some(old.id));
    world.engine.get_checkpoint(&agent(), next.id).await.unwrap();
}

#[tokio::test]
async fn a_mark_is_a_persons_and_lists_show_it() {
    let world = World::new().await;
    let run = world.run().await;
    let mut ids = Vec::new();
    for step in 0..5_u8 {
        world.clock.advance(Span::from_millis(2));
        ids.push(saved(&world, run, &[step]).await.checkpoint.id);
    }
    let marked = mark(&world, ids[2], true).await;
    assert_eq!(marked.known_good.unwrap().by, "alice");
    let list = async |only_good, page| {
        let which = ListCheckpoints { run, only_good };
        world.engine.list_checkpoints(&agent(), page, which).await.unwrap()
    };
    let good = list(true, Page::default()).await.items;
    assert_eq!(good.iter().map(|view| view.checkpoint.id).collect::<Vec<_>>(), [ids[2]]);
    assert_eq!(good[0].note, "looked at");
    let first = list(false, Page { size: 3, token: String::new() }).await;
    let rest = list(false, Page { size: 3, token: first.next_page_token }).await;
    let all = first.items.iter().chain(&rest.items).map(|view| view.checkpoint.id);
    assert_eq!(all.collect::<Vec<_>>(), ids.iter().rev().copied().collect::<Vec<_>>());
    mark(&world, ids[2], false).await;
    assert!(list(true, Page::default()).await.items.is_empty());
    assert_eq!(world.events(EventKind::CheckpointMarked).await, 1);
    assert_eq!(world.events(EventKind::CheckpointUnmarked).await, 1);
}

#[tokio::test]
async fn a_difference_is_told_field_by_field_and_hides_values_from_reviewers() {
    let world = World::new().await;
    let (run, other) = (world.run().await, world.run().await);
    let first = saved(&world, run, br#"{"log":["a"],"plan":{"to":"x"},"step":1}"#).await;
    let second = saved(&world, run, br#"{"log":["a","b"],"plan":{"to":"x"},"step":2}"#).await;
    let (first, second) = (first.checkpoint.id, second.checkpoint.id);
    let diffed = world.engine.diff_checkpoints(&agent(), first, second).await.unwrap();
    let told: Vec<_> =
        diffed.changes.iter().map(|it| (it.path.as_str(), it.after.as_str())).collect();
    assert_eq!(told, [("/state/log/1", "\"b\""), ("/state/step", "2")]);
    assert_eq!((diffed.bytes, diffed.hides_values), (None, false));
    let hidden = world.engine.diff_checkpoints(&reviewer(), first, second).await.unwrap();
    assert!(hidden.hides_values && hidden.changes.iter().all(|it| it.after.is_empty()));
    assert_eq!(hidden.changes.len(), 2);
    let third = saved(&world, run, b"not json at all").await.checkpoint.id;
    let bytes = world.engine.diff_checkpoints(&agent(), second, third).await.unwrap();
    assert!(bytes.bytes.is_some());
    let foreign = saved(&world, other, b"{}").await.checkpoint.id;
    let refused = world.engine.diff_checkpoints(&agent(), first, foreign).await;
    assert!(matches!(refused, Err(Error::Path(PathError::CheckpointForeign { .. }))));
}

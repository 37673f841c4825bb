//! What leaves as labelled examples: only what the settings let, without what they
//! redact, and recorded before it leaves.

use serde_json::json;

use super::world::*;
use crate::domain::action::DecisionEffect;
use crate::domain::error::Error;
use crate::domain::event::EventKind;
use crate::domain::feedback::FeedbackKind;
use crate::domain::review::Judgement;
use crate::domain::time::Span;
use crate::engine::feedback::{ExportFeedback, FeedbackExample};
use crate::engine::incidents::RaiseIncident;
use crate::engine::queue::PutQueueSettings;
use crate::engine::resolve::{Resolve, Verb};
use crate::engine::reverse::{Reverse, Reversed};

const LABELLED: &str = "version: 1\nfeedback: {export: labelled}\n";
const REDACTED: &str = "version: 1\n\
     feedback: {export: labelled, redact: [\"refund:to\", \"@note\", \"@target\"]}\n";

async fn put(world: &World, document: &str) {
    let current = world.engine.get_queue_settings(&admin(), None).await.unwrap();
    let command = PutQueueSettings {
        document: document.to_owned(),
        current: current.map(|(view, _)| view.record.id),
        reason: "for a test".to_owned(),
        ..Default::default()
    };
    world.engine.put_queue_settings(&admin(), command).await.unwrap();
}

async fn export(world: &World, command: ExportFeedback) -> Result<Vec<FeedbackExample>, Error> {
    let mut export = world.engine.export_feedback(&admin(), command).await?;
    let mut all = Vec::new();
    while let Some(page) = export.next_page().await? {
        all.extend(page);
    }
    Ok(all)
}

async fn all(world: &World) -> Vec<FeedbackExample> {
    export(world, ExportFeedback::default()).await.unwrap()
}

/// A desk at which one refund is rejected, one is changed, one is approved, and one is
/// approved and taken back.
async fn desk() -> World {
    let world = World::new().await;
    let run = world.run().await;
    let rejected = world.escalate(run).await;
    let reject = Verb::Reject { reason_code: "wrong_account".to_owned() };
    let command = Resolve { note: "Anna has moved".to_owned(), ..resolution(&rejected, reject) };
    world.engine.resolve(&reviewer(), command).await.unwrap();
    world.clock.advance(Span::from_secs(60));
    let changed = world.escalate(run).await;
    let arguments = json!({"amount": 510, "to": "Anna"}).to_string().into();
    world.resolve(&changed, Verb::Modify { arguments, target: None }).await.unwrap();
    let approved = world.escalate(run).await;
    world.approve(&approved).await;
    let regretted = world.escalate(run).await;
    let regretted = world.approve(&regretted).await;
    world.clock.advance(Span::from_secs(60));
    let what = Reversed::Resolution {
        escalation: regretted.id,
        etag: regretted.etag(),
        rolls_back: false,
    };
    let reason = "it was paid before".to_owned();
    let command = Reverse { request_id: String::new(), what, reason };
    world.engine.reverse(&reviewer(), command).await.unwrap();
    world
}

#[tokio::test]
async fn nothing_leaves_without_consent_and_nothing_once_it_is_withdrawn() {
    let world = desk().await;
    let refused =
        |result| matches!(result, Err(Error::FeedbackNotConsented { setting: "feedback.export" }));
    assert!(refused(export(&world, ExportFeedback::default()).await), "nobody said so");
    put(&world, "version: 1\nfeedback: {export: off}\n").await;
    assert!(refused(export(&world, ExportFeedback::default()).await), "somebody said no");
    put(&world, LABELLED).await;
    let begun = world.engine.export_feedback(&admin(), ExportFeedback::default()).await;
    let mut begun = begun.unwrap();
    put(&world, "version: 1\n").await;
    assert!(refused(begun.next_page().await.map(|_| Vec::new())), "it was withdrawn meanwhile");
    assert_eq!(world.events(EventKind::FeedbackExported).await, 0);
}

#[tokio::test]
async fn every_answer_that_differs_is_an_example_and_no_other() {
    let world = desk().await;
    put(&world, LABELLED).await;
    let examples = all(&world).await;
    let kinds: Vec<_> = examples.iter().map(|it| it.kind).collect();
    assert_eq!(kinds, [FeedbackKind::Rejected, FeedbackKind::Modified, FeedbackKind::Reverted]);
    let [rejected, modified, reverted] = &examples[..] else { panic!("{examples:?}") };
    assert_eq!((&*rejected.note, &*rejected.reason_code), ("Anna has moved", "wrong_account"));
    assert_eq!(rejected.arguments, json!({"amount": 600, "to": "Anna"}));
    assert_eq!(rejected.rule.as_deref(), Some("refund-over-500"));
    let (new, patch) = modified.modified.as_ref().unwrap();
    assert_eq!(new["amount"], 510);
    assert_eq!(*patch, json!([{"op": "replace", "path": "/amount", "value": 510}]));
    assert_eq!(&*reverted.note, "it was paid before");
    assert_ne!(rejected.context, modified.context);
    assert_eq!(world.events(EventKind::FeedbackExported).await, 1);
}

#[tokio::test]
async fn what_is_redacted_stands_nowhere() {
    let world = desk().await;
    put(&world, REDACTED).await;
    let first = all(&world).await;
    let shown = format!("{first:?}");
    for secret in ["Anna", "paid before", "acct-7"] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
    assert!(shown.contains("600"), "the rest stays");
    assert_eq!(first[0].arguments["to"], first[1].arguments["to"], "equal in one export");
    let (_, patch) = first[1].modified.as_ref().unwrap();
    assert_eq!(patch.as_array().unwrap().len(), 1, "what did not change is no change");
    let second = all(&world).await;
    assert_ne!(first[0].arguments["to"], second[0].arguments["to"], "another in another");
    assert_eq!(first[0].context, second[0].context);
}

#[tokio::test]
async fn a_correction_in_words_is_an_example() {
    let world = World::new().await;
    put(&world, LABELLED).await;
    let asked = world.escalate(world.run().await).await;
    let text = "ask for the receipt first".to_owned();
    world.resolve(&asked, Verb::Instruct { text }).await.unwrap();
    let [only] = &all(&world).await[..] else { panic!("one example") };
    assert_eq!(only.kind, FeedbackKind::Instructed);
    assert_eq!(only.instruction, "ask for the receipt first");
}

#[tokio::test]
async fn filters_and_times_choose() {
    let world = desk().await;
    put(&world, LABELLED).await;
    let later = START.plus(Span::from_secs(30));
    let since = ExportFeedback { since: Some(later), ..Default::default() };
    assert_eq!(export(&world, since).await.unwrap().len(), 2);
    let until = ExportFeedback { until: Some(later), ..Default::default() };
    assert_eq!(export(&world, until).await.unwrap().len(), 1);
    for command in [
        ExportFeedback { agent: "nobody".to_owned(), ..Default::default() },
        ExportFeedback { tool: "lookup".to_owned(), ..Default::default() },
        ExportFeedback { rule: "another".to_owned(), ..Default::default() },
    ] {
        assert_eq!(export(&world, command).await.unwrap(), []);
    }
    put(&world, "version: 1\nfeedback: {export: labelled, agents: [\"other*\"]}\n").await;
    assert_eq!(all(&world).await, [], "these agents' people did not consent");
}

#[tokio::test]
async fn what_people_find_wrong_is_a_labelled_case() {
    let world = World::new().await;
    put(&world, LABELLED).await;
    let run = world.run().await;
    let action = world.propose(run, "lookup", json!({})).await.action;
    let command = RaiseIncident {
        request_id: String::new(),
        action: action.id,
        judgement: Judgement::WrongAction,
        severity: 3,
        reason: "not their account".to_owned(),
    };
    world.engine.raise_incident(&reviewer(), command).await.unwrap();
    let [found] = &all(&world).await[..] else { panic!("one example") };
    assert_eq!((found.kind, found.action), (FeedbackKind::Found, action.id));
    assert_eq!((found.decided, found.expected), (DecisionEffect::Allow, DecisionEffect::Deny));
    assert_eq!(found.judged, Some((Judgement::WrongAction, 3)));
}

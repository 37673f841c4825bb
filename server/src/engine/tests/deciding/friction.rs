//! What answers want of their giver, and trying them out.

use bytes::Bytes;
use serde_json::json;

use super::super::queue::put;
use super::super::world::*;
use crate::domain::error::{AnswerError, Error};
use crate::domain::escalation::{Circumstances, Escalation, EscalationState, ResolutionKind};
use crate::domain::principal::Role;
use crate::domain::time::Timestamp;
use crate::engine::facts::Providers;
use crate::engine::resolve::{Resolve, Verb};

const TIERS: &str = r#"
version: 1
default: escalate
tools:
  pay: {amount: amount, currency: currency}
rules:
  - id: huge
    tools: [pay]
    when: args.amount >= 1000
    effect: escalate
    severity: critical
    reason: Large payments need a person.
    evidence:
      - {id: invoice, label: The invoice, url: "https://crm.example/{target}/invoice"}
      - {id: contract, label: The contract}
      - {id: mails, label: What they wrote, required: false}
  - {id: large, tools: [pay], when: args.amount >= 100, effect: escalate, severity: high, reason: Large.}
  - {id: some, tools: [pay], when: args.amount >= 10, effect: escalate, severity: medium, reason: Some.}
  - {id: few, tools: [pay], when: args.amount < 10, effect: escalate, severity: low, reason: Few.}
"#;
const AMOUNTS: [u32; 4] = [1, 10, 100, 1000];

async fn world(settings: &str) -> World {
    let world = World::asking(TIERS, Providers::default()).await;
    put(&world, settings).await.unwrap();
    world
}

async fn asked(world: &World, amount: u32) -> Escalation {
    let run = world.run().await;
    // Nobody is asked the same twice.
    let arguments = json!({"amount": amount, "currency": "EUR", "for": run.to_string()});
    world.propose(run, "pay", arguments).await.escalation.unwrap()
}

fn reject() -> Verb {
    Verb::Reject { reason_code: String::new() }
}

fn edit(amount: u32) -> Verb {
    let arguments = json!({"amount": amount, "currency": "EUR"}).to_string();
    Verb::Modify { arguments: Bytes::from(arguments), target: None }
}

fn viewed(ids: &[&str]) -> Circumstances {
    let evidence = ids.iter().map(|id| (*id).to_owned()).collect();
    Circumstances { evidence, ..Circumstances::default() }
}

/// An answer with all that may be wanted.
fn complete(escalation: &Escalation, verb: Verb) -> Resolve {
    Resolve {
        note: "checked".to_owned(),
        confirmation: "1000".to_owned(),
        circumstances: viewed(&["invoice", "contract"]),
        ..resolution(escalation, verb)
    }
}

impl World {
    async fn refusal(&self, command: Resolve) -> Error {
        self.engine.resolve(&reviewer(), command).await.unwrap_err()
    }

    async fn sequence(&self) -> u64 {
        self.store.sequence("default").await.unwrap()
    }
}

#[tokio::test]
async fn nothing_is_wanted_where_nobody_put_settings_or_they_say_so() {
    let bare = World::asking(TIERS, Providers::default()).await;
    let off = world("version: 1\nfriction: off").await;
    for world in [bare, off] {
        for amount in AMOUNTS {
            let escalation = asked(&world, amount).await;
            let view = world.engine.get_escalation(&reviewer(), escalation.id).await.unwrap();
            assert_eq!(view.wants, None);
            world.approve(&escalation).await;
        }
    }
}

#[tokio::test]
async fn a_question_keeps_the_ladder_that_it_was_opened_under() {
    let world = World::asking(TIERS, Providers::default()).await;
    let escalation = asked(&world, 100).await;
    put(&world, "version: 1").await.unwrap();
    world.approve(&escalation).await;
    let later = asked(&world, 100).await;
    let refused = world.resolve(&later, Verb::Approve).await;
    assert!(matches!(
        refused,
        Err(Error::Answer(AnswerError::ReasonRequired { severity: "high", .. }))
    ));
}

#[tokio::test]
async fn reasons_are_wanted_by_tier_and_answer() {
    let world = world("version: 1").await;
    let respond = || Verb::Respond { response: Bytes::from_static(b"later") };
    for (amount, verb, wants) in [
        (1, reject(), false),
        (10, Verb::Approve, false),
        (10, respond(), false),
        (10, reject(), true),
        (10, edit(11), true),
        (100, Verb::Approve, true),
        (100, respond(), true),
        (1000, reject(), true),
    ] {
        let escalation = asked(&world, amount).await;
        let bare = resolution(&escalation, verb.clone());
        if wants {
            let refusal = world.refusal(bare.clone()).await;
            assert!(
                matches!(refusal, Error::Answer(AnswerError::ReasonRequired { .. })),
                "{amount} {verb:?}"
            );
            let blank = Resolve { note: " ".to_owned(), ..bare.clone() };
            assert!(matches!(
                world.refusal(blank).await,
                Error::Answer(AnswerError::ReasonRequired { .. })
            ));
            assert_eq!(world.escalation(escalation.id).await, escalation, "nothing was changed");
        }
        let code = if wants { "wrong_amount" } else { "" };
        let given = Resolve { reason_code: code.to_owned(), ..bare };
        let done = world.engine.resolve(&reviewer(), given).await.unwrap().value.escalation;
        assert_eq!(done.resolution.unwrap().reason_code.unwrap_or_default(), code);
    }
    let escalation = asked(&world, 100).await;
    let verb = Verb::Instruct { text: "half of it".to_owned() };
    world.resolve(&escalation, verb).await.expect("a correction is its own reason");
}

#[tokio::test]
async fn a_critical_answer_that_permits_wants_evidence_and_the_typed_value() {
    let world = world("version: 1").await;
    let escalation = asked(&world, 1000).await;
    let whole = complete(&escalation, Verb::Approve);
    let unread = Resolve { circumstances: viewed(&["mails", "invoice"]), ..whole.clone() };
    let Error::Answer(AnswerError::EvidenceRequired { missing, .. }) = world.refusal(unread).await
    else {
        panic!("unread")
    };
    assert_eq!(missing, "contract");
    let unknown = Resolve { circumstances: viewed(&["invoice", "photo"]), ..whole.clone() };
    assert!(matches!(world.refusal(unknown).await, Error::InvalidField { .. }));
    let mistyped = Resolve { confirmation: "100".to_owned(), ..whole.clone() };
    let Error::Answer(AnswerError::ConfirmationRequired { key, value, .. }) =
        world.refusal(mistyped).await
    else {
        panic!("mistyped")
    };
    assert_eq!((key, &*value), ("amount", "1000"));
    let (show_time, decide_time) = (Some(Timestamp::from_micros(5)), Some(world.engine.now()));
    let surface = "cli".to_owned();
    let evidence = whole.circumstances.evidence.clone();
    let circumstances = Circumstances { evidence, surface, show_time, decide_time };
    let whole = Resolve { circumstances: circumstances.clone(), ..whole };
    let view = world.engine.resolve(&reviewer(), whole).await.unwrap().value;
    assert_eq!(view.resolution.unwrap().circumstances, circumstances);
    let of_agent = world.engine.get_escalation(&agent(), escalation.id).await.unwrap();
    assert_eq!(of_agent.resolution.unwrap().circumstances, Circumstances::default());

    let refused = asked(&world, 1000).await;
    let quickly = Resolve { note: "a fraud".to_owned(), ..resolution(&refused, reject()) };
    world.engine.resolve(&reviewer(), quickly).await.expect("to refuse is never hard");
}

#[tokio::test]
async fn a_reviewer_is_told_before_what_will_be_wanted() {
    let world = world("version: 1").await;
    let escalation = asked(&world, 1000).await;
    let view = world.engine.get_escalation(&reviewer(), escalation.id).await.unwrap();
    let evidence: Vec<_> =
        view.briefing.evidence.iter().map(|it| (&*it.id, &*it.link, it.is_required)).collect();
    let invoice = format!("https://crm.example/{}/invoice", view.briefing.target);
    let invoice = invoice.as_str();
    assert_eq!(
        evidence,
        [("invoice", invoice, true), ("contract", "", true), ("mails", "", false)]
    );
    let wants = view.wants.unwrap();
    assert_eq!(wants.reason_for, ResolutionKind::ALL);
    let permits = [ResolutionKind::Approved, ResolutionKind::Modified];
    assert_eq!((&*wants.evidence_for, &*wants.confirmation_for), (&permits[..], &permits[..]));
    assert_eq!(wants.key.unwrap().value(), "1000");
}

#[tokio::test]
async fn an_edit_that_is_graver_wants_what_is_wanted_of_it() {
    let world = world("version: 1").await;
    let escalation = asked(&world, 10).await;
    let verb = edit(2000);
    let edited = Resolve { note: "more".to_owned(), ..resolution(&escalation, verb) };
    let Error::Answer(AnswerError::ConfirmationRequired { key, value, .. }) =
        world.refusal(edited.clone()).await
    else {
        panic!("not confirmed")
    };
    assert_eq!((key, &*value), ("amount", "2000"));
    let typed = Resolve { confirmation: value, ..edited };
    world.engine.resolve(&reviewer(), typed).await.unwrap();
}

#[tokio::test]
async fn what_is_given_beside_an_answer_has_its_bounds() {
    let world = world("version: 1").await;
    let escalation = asked(&world, 1).await;
    let base = resolution(&escalation, Verb::Approve);
    let surface = Circumstances { surface: "a b".to_owned(), ..Circumstances::default() };
    let both = Resolve {
        verb: Verb::Reject { reason_code: "one".to_owned() },
        reason_code: "another".to_owned(),
        ..base.clone()
    };
    for (field, command) in [
        ("reason_code", Resolve { reason_code: "Shouted".to_owned(), ..base.clone() }),
        ("reason_code", both),
        ("confirmation", Resolve { confirmation: "x".repeat(257), ..base.clone() }),
        ("evidence_viewed", Resolve { circumstances: viewed(&["x"; 9]), ..base.clone() }),
        ("surface", Resolve { circumstances: surface, ..base.clone() }),
    ] {
        let refusal = world.refusal(command).await;
        assert!(
            matches!(&refusal, Error::InvalidField { field: it, .. } if it == field),
            "{refusal:?}"
        );
    }
}

#[tokio::test]
async fn a_preview_checks_everything_and_changes_nothing() {
    let world = world("version: 1").await;
    let escalation = asked(&world, 1000).await;
    let before = (world.sequence().await, world.escalation(escalation.id).await);
    let preview = |command: Resolve| {
        let engine = world.engine.clone();
        async move { engine.preview_resolution(&reviewer(), command).await }
    };
    let bare = preview(resolution(&escalation, Verb::Approve)).await;
    assert!(matches!(bare, Err(Error::Answer(AnswerError::ReasonRequired { .. }))));
    let (_, approved) = preview(complete(&escalation, Verb::Approve)).await.unwrap();
    assert_eq!(approved.action_digest, Some(escalation.action_digest));
    assert_eq!((approved.kind, approved.decision), (ResolutionKind::Approved, None));
    let command = Resolve { confirmation: "50".to_owned(), ..complete(&escalation, edit(50)) };
    let (_, edited) = preview(command.clone()).await.unwrap();
    let (decision, reason) = edited.decision.unwrap();
    assert_eq!((decision.rule.as_deref(), &*reason), (Some("some"), "Some."));
    let (_, refused) = preview(complete(&escalation, reject())).await.unwrap();
    assert_eq!((refused.kind, refused.action_digest), (ResolutionKind::Rejected, None));
    let stale = Resolve { etag: "0".to_owned(), ..complete(&escalation, Verb::Approve) };
    assert!(matches!(preview(stale).await, Err(Error::EtagMismatch { .. })));
    let by_agent = world.engine.preview_resolution(&agent(), complete(&escalation, reject())).await;
    assert!(matches!(by_agent, Err(Error::RoleRequired { .. })));
    assert_eq!((world.sequence().await, world.escalation(escalation.id).await), before);

    let done = world.engine.resolve(&reviewer(), command).await.unwrap().value.escalation;
    let granted = world.action(done.resolution.unwrap().action.unwrap()).await;
    assert_eq!(edited.action_digest, Some(granted.digest), "as it was foretold");
    assert_eq!(done.state, EscalationState::Resolved);
}

#[tokio::test]
async fn a_preview_says_nothing_of_what_others_answered() {
    let quorum = TIERS.replace("severity: high,", "severity: high, quorum: 2,");
    let world = World::asking(&quorum, Providers::default()).await;
    let escalation = asked(&world, 100).await;
    let bob = principal("bob", &[Role::Reviewer]);
    let untouched = resolution(&escalation, Verb::Approve);
    let (_, before) = world.engine.preview_resolution(&bob, untouched).await.unwrap();
    world.approve(&escalation).await;
    let open = world.escalation(escalation.id).await;
    let (_, after) =
        world.engine.preview_resolution(&bob, resolution(&open, Verb::Approve)).await.unwrap();
    assert_eq!((before.quorum, &before), (2, &after));
}

//! A revision that judges beside the one in force.

use serde_json::json;

use super::world::*;
use crate::domain::action::DecisionEffect::{self, Allow, Deny, Escalate};
use crate::domain::error::Error;
use crate::domain::event::EventKind;
use crate::domain::ids::{PolicyRevisionId, RunId};
use crate::domain::time::Span;
use crate::engine::list::Page;
use crate::engine::policies::{Activate, PutPolicy, RevisionState, SetShadow, ShadowReport};

/// Asks from 100 on, denies from 1,000 on, and counts what the other does not.
const TIGHTER: &str = "
version: 1
default: allow
tools: { refund: { amount: amount } }
windows: { refunds: { tools: [refund], per: agent, over: 1h, max_total: 250 } }
rules:
  - { id: some, tools: [refund], when: args.amount >= 100, effect: escalate, reason: Ask. }
  - { id: much, tools: [refund], when: args.amount >= 1000, effect: deny, reason: Never. }
";

async fn put(world: &World, document: &str) -> PolicyRevisionId {
    let (document, request_id, note) = (document.to_owned(), String::new(), String::new());
    let put = world.engine.put_policy(&admin(), PutPolicy { request_id, document, note }).await;
    put.unwrap().value.view.record.id
}

async fn set(world: &World, revision: Option<PolicyRevisionId>) -> Result<(), Error> {
    let command = SetShadow { request_id: String::new(), revision };
    world.engine.set_policy_shadow(&admin(), command).await.map(|_| ())
}

async fn report(world: &World) -> ShadowReport {
    world.engine.policy_shadow(&reviewer(), 0).await.unwrap()
}

async fn refund(world: &World, run: RunId, amount: u32) -> DecisionEffect {
    world.clock.advance(Span::from_secs(1));
    let arguments = json!({"amount": amount, "to": "Anna"});
    world.propose(run, "refund", arguments).await.action.decision.effect
}

#[tokio::test]
async fn a_shadow_judges_everything_and_changes_nothing() {
    let world = World::new().await;
    let run = world.run().await;
    assert_eq!(refund(&world, run, 150).await, Allow);
    assert_eq!(report(&world).await, ShadowReport::default());
    let id = put(&world, TIGHTER).await;
    set(&world, Some(id)).await.unwrap();
    for (amount, decided) in [(50, Allow), (120, Allow), (700, Escalate), (5_000, Escalate)] {
        assert_eq!(refund(&world, run, amount).await, decided, "{amount}");
    }
    let said = report(&world).await;
    assert_eq!(said.shadow.as_ref().map(|it| (it.revision, &*it.requester)), Some((id, "admin")));
    assert_eq!((said.recorded.allow, said.recorded.escalate, said.recorded.deny), (2, 2, 0));
    assert_eq!((said.said.allow, said.said.escalate, said.said.deny), (1, 2, 1));
    let flips: Vec<_> = said.flips.iter().map(|it| (it.recorded, it.said, it.count)).collect();
    assert_eq!(flips, [(Allow, Escalate, 1), (Escalate, Deny, 1)]);
    assert_eq!(said.flips[0].examples[0].rule.as_deref(), Some("some"));
    assert_eq!(world.events(EventKind::PolicyShadowDiffered).await, 2);

    set(&world, None).await.unwrap();
    assert_eq!(refund(&world, run, 120).await, Allow);
    assert_eq!(report(&world).await, ShadowReport::default());
    assert_eq!(world.events(EventKind::PolicyShadowDiffered).await, 2);
    assert_eq!(world.events(EventKind::PolicyShadowStopped).await, 1);
}

#[tokio::test]
async fn what_comes_into_force_has_counted_since_it_was_a_shadow() {
    let world = World::new().await;
    let run = world.run().await;
    let (id, current) = (put(&world, TIGHTER).await, world.engine.policy_revision().unwrap());
    set(&world, Some(id)).await.unwrap();
    for _ in 0..3 {
        assert_eq!(refund(&world, run, 80).await, Allow);
    }
    let (request_id, reason) = (String::new(), String::new());
    let command = Activate { request_id, revision: id, current, reason };
    world.engine.activate_policy(&admin(), command).await.unwrap();
    assert_eq!(refund(&world, run, 80).await, Escalate, "320 in an hour");
    assert_eq!(report(&world).await.shadow, None, "it is in force now");
}

#[tokio::test]
async fn a_shadow_survives_a_restart_and_another_activation() {
    let world = World::new().await;
    let id = put(&world, TIGHTER).await;
    set(&world, Some(id)).await.unwrap();
    set(&world, Some(id)).await.unwrap();
    assert_eq!(world.events(EventKind::PolicyShadowStarted).await, 1, "said once");
    let other = "version: 1\ndefault: allow\n";
    let world = world.restarted().await.reopened(other, false).await;
    let run = world.run().await;
    assert_eq!(refund(&world, run, 2_000).await, Allow);
    let said = report(&world).await;
    assert_eq!(said.shadow.map(|it| it.revision), Some(id));
    assert_eq!((said.said.deny, said.failed), (1, 0));
    let listed = world.engine.list_policies(&admin(), Page::default()).await.unwrap();
    let shadows = listed.items.iter().filter(|it| it.state == RevisionState::Shadow);
    assert_eq!(shadows.map(|it| it.record.id).collect::<Vec<_>>(), [id]);
}

#[tokio::test]
async fn what_is_in_force_or_not_there_is_no_shadow() {
    let world = World::new().await;
    let current = world.engine.policy_revision().unwrap();
    let refused = set(&world, Some(current)).await.unwrap_err();
    assert_eq!(refused, Error::PolicyInForce { policy: current.to_string() });
    let missing = PolicyRevisionId::new(uuid::Uuid::from_u128(7));
    assert!(matches!(set(&world, Some(missing)).await.unwrap_err(), Error::NotFound { .. }));
    set(&world, None).await.unwrap();
}

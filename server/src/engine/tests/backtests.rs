//! What was decided under one policy, judged again by another.

use serde_json::json;

use super::world::*;
use crate::domain::action::DecisionEffect::{Allow, Deny, Escalate};
use crate::domain::error::Error;
use crate::domain::escalation::{Escalation, ResolutionKind};
use crate::domain::ids::RunId;
use crate::domain::time::Span;
use crate::engine::clock::Clock;
use crate::engine::escalations::ClaimStep;
use crate::engine::policies::{
    Answers, Backtest, Backtested, Flip, HumanAnswer, PutPolicy, Side, Subject,
};
use crate::engine::resolve::Verb;

/// Asks of the middle, and lets run what the policy of the world asks of.
const OTHER: &str = r#"
version: 1
default: allow
rules:
  - { id: middle, tools: [refund], when: args.amount > 200 && args.amount <= 650, effect: escalate, reason: Odd. }
  - { id: huge, tools: [refund], when: args.amount > 250000, effect: deny, reason: Never. }
"#;

fn by(document: &str) -> Backtest {
    Backtest { subject: Subject::Document(document.to_owned()), ..Backtest::default() }
}

fn reject() -> Verb {
    Verb::Reject { reason_code: String::new() }
}

impl World {
    async fn refund(&self, run: RunId, amount: u32) -> Option<Escalation> {
        self.clock.advance(Span::from_secs(1));
        self.propose(run, "refund", json!({"amount": amount, "to": "Anna"})).await.escalation
    }

    /// Claims a question and answers it so many minutes later.
    async fn review(&self, escalation: &Escalation, minutes: i64, verb: Verb) {
        let claim = ClaimStep::Claim(None);
        let claimed = self.engine.claim(&reviewer(), "", escalation.id, claim).await.unwrap();
        self.clock.advance(Span::from_secs(minutes * 60));
        let mut command = resolution(&claimed.value.escalation, verb);
        command.claim_epoch = 1;
        self.engine.resolve(&reviewer(), command).await.unwrap();
    }

    /// A dozen decisions in two hours: five may run, five wait, two are denied.
    async fn decided() -> Self {
        let world = Self::new().await;
        let (run, begin) = (world.run().await, world.clock.now());
        world.propose(run, "lookup", json!({})).await;
        world.propose(run, "lookup", json!({})).await;
        for amount in [100, 300, 400] {
            assert_eq!(world.refund(run, amount).await, None);
        }
        let approved = world.refund(run, 600).await.unwrap();
        world.review(&approved, 2, Verb::Approve).await;
        let rejected = world.refund(run, 700).await.unwrap();
        world.review(&rejected, 4, reject()).await;
        let modified = world.refund(run, 800).await.unwrap();
        let arguments = json!({"amount": 50, "to": "Anna"}).to_string().into();
        world.resolve(&modified, Verb::Modify { arguments, target: None }).await.unwrap();
        world.refund(run, 900).await.unwrap();
        let approved = world.refund(run, 1_000).await.unwrap();
        world.review(&approved, 3, Verb::Approve).await;
        world.refund(run, 200_000).await;
        let left = begin.plus(Span::from_secs(7_199)).since(world.clock.now());
        world.clock.advance(left);
        world.refund(run, 300_000).await;
        // What has come due meanwhile is not the backtest's doing.
        world.engine.fire_due().await.unwrap();
        world
    }

    async fn backtest(&self, command: Backtest) -> Backtested {
        self.engine.backtest_policy(&reviewer(), command).await.unwrap()
    }
}

#[tokio::test]
async fn a_dozen_decisions_are_judged_again_and_counted() {
    let world = World::decided().await;
    let sequence = world.store.sequence("default").await.unwrap();
    let said = world.backtest(by(OTHER)).await;

    assert_eq!(said.recorded, Side { allow: 5, deny: 2, escalate: 5 });
    assert_eq!(said.said, Side { allow: 8, deny: 1, escalate: 3 });
    assert_eq!((said.left_out, said.revision), (1, None));
    let kinds: Vec<_> = said.flips.iter().map(|it| (it.recorded, it.said, it.count)).collect();
    assert_eq!(kinds, [(Escalate, Allow, 4), (Deny, Allow, 1), (Allow, Escalate, 2)]);

    let [looser, _, tighter] = &said.flips[..] else { panic!("{:?}", said.flips) };
    let answers = Answers { approved: 1, rejected: 1, modified: 1, open: 1, ..Answers::default() };
    assert_eq!((looser.answers, tighter.answers), (answers, Answers::default()));
    let told = |flip: &Flip| -> Vec<_> { flip.examples.iter().map(|it| it.answer).collect() };
    let [approved, modified, rejected] =
        [ResolutionKind::Approved, ResolutionKind::Modified, ResolutionKind::Rejected]
            .map(|kind| Some(HumanAnswer::Said(kind)));
    assert_eq!(told(looser), [approved, Some(HumanAnswer::Open), modified, rejected]);
    assert_eq!(told(tighter), [None, None]);
    let rules = (&looser.examples[0].recorded_rule, &tighter.examples[0].rule);
    assert_eq!(rules, (&Some("refund-over-500".to_owned()), &Some("middle".to_owned())));

    assert_eq!((said.reviews, said.median_review), (3, Some(Span::from_secs(180))));
    let load = |side| (said.escalations_per_day(side), said.reviewer_minutes_per_day(side));
    assert_eq!(load(&said.recorded), (Some(60.0), Some(180.0)));
    assert_eq!(load(&said.said), (Some(36.0), Some(108.0)));
    assert_eq!(world.store.sequence("default").await.unwrap(), sequence);
}

#[tokio::test]
async fn the_policy_that_decided_flips_nothing_and_short_spans_say_nothing_of_a_day() {
    let world = World::decided().await;
    let own = world.backtest(Backtest::default()).await;
    assert_eq!((own.recorded, own.flips.len()), (own.said, 0));
    assert_eq!(own.revision, world.engine.policy_revision());

    let newest = world.backtest(Backtest { max_actions: 1, ..by(OTHER) }).await;
    assert_eq!(newest.said, Side { deny: 1, ..Side::default() });
    assert_eq!(newest.escalations_per_day(&newest.said), None);
    let (_, since) = own.times.unwrap();
    let late = world.backtest(Backtest { since: Some(since), ..by(OTHER) }).await;
    assert_eq!((late.said.total(), late.median_review), (1, None));
    let nothing = World::new().await.backtest(by(OTHER)).await;
    assert_eq!((nothing.said.total(), nothing.times), (0, None));
}

#[tokio::test]
async fn a_revision_is_backtested_by_people_and_bad_requests_are_named() {
    let world = World::decided().await;
    let put = PutPolicy { document: OTHER.to_owned(), ..PutPolicy::default() };
    let id = world.engine.put_policy(&admin(), put).await.unwrap().value.view.record.id;
    let command = Backtest { subject: Subject::Revision(id), ..Backtest::default() };
    let said = world.engine.backtest_policy(&admin(), command.clone()).await.unwrap();
    assert_eq!((said.revision, said.said.escalate), (Some(id), 3));

    let refused = world.engine.backtest_policy(&agent(), command.clone()).await;
    assert!(matches!(refused, Err(Error::RoleRequired { .. })), "{refused:?}");
    let negative = Backtest { max_actions: -1, ..command };
    let refused = world.engine.backtest_policy(&admin(), negative).await.unwrap_err();
    assert!(refused.to_string().contains("max_actions"), "{refused}");
    let refused = world.engine.backtest_policy(&admin(), by("nonsense")).await;
    assert!(matches!(refused, Err(Error::PolicyInvalid { .. })), "{refused:?}");
}

#[tokio::test]
async fn examples_are_few_and_counts_are_whole() {
    let world = World::new().await;
    let run = world.run().await;
    for _ in 0..300 {
        world.propose(run, "lookup", json!({})).await;
    }
    let deny = "version: 1\ndefault: deny\n";
    let said = world.backtest(by(deny)).await;
    let [flip] = &said.flips[..] else { panic!("{:?}", said.flips) };
    assert_eq!((flip.count, flip.examples.len()), (300, 5));
}

//! Bounds: a policy that does badly by what people said is not put in force.

use serde_json::json;

use super::world::*;
use crate::domain::activation::ActivationState;
use crate::domain::error::Error;
use crate::domain::ids::RunId;
use crate::domain::policy::{BoundKind, BoundState, JudgedBound, Labels};
use crate::domain::principal::{Principal, Role};
use crate::engine::limits::BACKTEST_RETRY;
use crate::engine::policies::{
    Activate, ActivateError, ActivationView, Backtest, Figures, PutPolicy, RollBack, Subject,
};
use crate::engine::resolve::Verb;
use crate::engine::{Answer, Engine};

/// Asks of more than a limit, with bounds.
fn document(limit: u32, bounds: &str) -> String {
    format!(
        "version: 1\ndefault: allow\nbounds: {{ {bounds} }}\nrules:\n  - {{ id: over, tools: \
         [refund], when: args.amount > {limit}, effect: escalate, reason: Much. }}\n"
    )
}

const BOUNDS: &str = "recall: 0.75, routine_rate: 0.25, min_labels: 4";

fn root() -> Principal {
    principal("root", &[Role::Admin])
}

impl World {
    async fn answered(&self, run: RunId, amount: u32, verb: Verb) {
        let arguments = json!({"amount": amount, "to": "Anna"});
        let asked = self.propose(run, "refund", arguments).await.escalation.unwrap();
        self.resolve(&asked, verb).await.unwrap();
    }

    async fn rejected(&self, run: RunId, amount: u32) {
        self.answered(run, amount, Verb::Reject { reason_code: String::new() }).await;
    }

    async fn ran(&self, run: RunId, amount: u32) {
        let arguments = json!({"amount": amount, "to": "Anna"});
        let mut command = proposal(run, "refund", &arguments);
        command.redeem_if_allowed = true;
        let action = self.engine.propose(&agent(), command).await.unwrap().value.action;
        self.report(action.id).await.unwrap();
    }

    /// Four that should have been asked about, and four that are routine.
    async fn labelled(self) -> (Self, RunId) {
        let run = self.run().await;
        for amount in [600, 700, 800] {
            self.rejected(run, amount).await;
        }
        let arguments = json!({"amount": 50, "to": "Anna"}).to_string().into();
        self.answered(run, 900, Verb::Modify { arguments, target: None }).await;
        for amount in [100, 200, 300] {
            self.ran(run, amount).await;
        }
        self.answered(run, 550, Verb::Approve).await;
        // Neither: nobody has said anything of these.
        self.propose(run, "refund", json!({"amount": 1_000, "to": "Anna"})).await;
        self.propose(run, "refund", json!({"amount": 400, "to": "Anna"})).await;
        self.propose(run, "refund", json!({"amount": 200_000, "to": "Anna"})).await;
        (self, run)
    }

    async fn candidate(&self, document: &str) -> Activate {
        let put = PutPolicy { document: document.to_owned(), ..PutPolicy::default() };
        let revision = self.engine.put_policy(&admin(), put).await.unwrap().value.view.record.id;
        let current = self.engine.policy_revision().unwrap();
        Activate { request_id: String::new(), revision, current, reason: String::new() }
    }

    async fn try_bounds(&self, document: &str) -> Result<Answer<ActivationView>, Error> {
        let command = self.candidate(document).await;
        self.engine.activate_policy(&admin(), command).await
    }
}

fn missed(refused: Error) -> (BoundKind, u32, u32) {
    let Error::PolicyOutOfBounds { missed } = refused else { panic!("{refused:?}") };
    assert_eq!(missed.state, BoundState::Missed);
    (missed.kind, missed.gated, missed.labels)
}

fn states(figures: &Figures) -> Vec<BoundState> {
    figures.bounds.iter().map(|bound| bound.state).collect()
}

#[tokio::test]
async fn a_policy_that_keeps_within_its_bounds_comes_into_force_and_is_told_its_figures() {
    let (world, _) = World::new().await.labelled().await;
    let done = world.try_bounds(&document(650, BOUNDS)).await.unwrap().value;
    assert_eq!(done.activation.state, ActivationState::Effective);
    let figures = done.figures.unwrap();
    let labels = Labels { wanted: 4, wanted_gated: 3, routine: 4, routine_gated: 0 };
    assert_eq!((figures.labels, states(&figures)), (labels, vec![BoundState::Held; 2]));
    let said = world.engine.backtest_policy(&reviewer(), Backtest::default()).await.unwrap();
    assert_eq!(said.figures, figures);
    let without = world.try_bounds("version: 1\ndefault: allow\n").await.unwrap().value;
    assert_eq!(without.figures, None);
}

#[tokio::test]
async fn a_missed_bound_keeps_a_policy_out_and_says_by_how_much() {
    let (world, _) = World::new().await.labelled().await;
    let before = world.engine.policy_revision();
    let refused = world.try_bounds(&document(750, BOUNDS)).await.unwrap_err();
    let words = refused.to_string();
    assert_eq!(missed(refused), (BoundKind::Recall, 2, 4));
    let said = "gates 2 of 4 actions that people rejected or changed: 0.500, below its bound \
                `recall` of 0.75";
    assert!(words.contains(said) && words.contains("BacktestPolicy"), "{words}");
    let refused = world.try_bounds(&document(250, BOUNDS)).await.unwrap_err();
    assert!(refused.to_string().contains("0.500, above its bound `routine_rate` of 0.25"));
    assert_eq!(missed(refused), (BoundKind::RoutineRate, 2, 4));
    // Refusing is gating too.
    let denying = document(250, BOUNDS).replace("effect: escalate", "effect: deny");
    assert_eq!(missed(world.try_bounds(&denying).await.unwrap_err()).0, BoundKind::RoutineRate);
    assert_eq!(world.engine.policy_revision(), before);

    let by = Subject::Document(document(750, BOUNDS));
    let command = Backtest { subject: by, ..Backtest::default() };
    let said = world.engine.backtest_policy(&reviewer(), command).await.unwrap();
    assert_eq!(states(&said.figures), [BoundState::Missed, BoundState::Held]);
}

#[tokio::test]
async fn too_few_labels_judge_nothing_and_old_actions_do_not_count() {
    let (world, _) = World::new().await.labelled().await;
    let few = document(750, "recall: 0.75, min_labels: 5");
    let figures = world.try_bounds(&few).await.unwrap().value.figures.unwrap();
    let kind = BoundKind::Recall;
    let (limit, state) = (0.75, BoundState::Unjudged);
    let bound = JudgedBound { kind, limit, min_labels: 5, gated: 2, labels: 4, state };
    assert_eq!(figures.bounds, [bound]);
    // The newest nine actions hold none of the first three, and the edited one.
    let newest = document(100_000, "recall: 1.0, actions: 9, min_labels: 1");
    assert_eq!(missed(world.try_bounds(&newest).await.unwrap_err()), (kind, 0, 1));
}

#[tokio::test]
async fn what_waits_for_a_second_person_is_judged_again_when_it_is_confirmed() {
    let (world, run) = World::guarded().await.labelled().await;
    let refused = world.try_bounds(&document(750, BOUNDS)).await.unwrap_err();
    assert_eq!(missed(refused).0, BoundKind::Recall);
    let asked = world.try_bounds(&document(650, BOUNDS)).await.unwrap().value;
    assert_eq!(asked.activation.state, ActivationState::Pending);
    assert_eq!(states(&asked.figures.unwrap()), [BoundState::Held; 2]);
    world.rejected(run, 610).await;
    let id = asked.activation.id;
    let refused = world.engine.confirm_policy_activation(&root(), "", id).await.unwrap_err();
    assert_eq!(missed(refused), (BoundKind::Recall, 3, 5));
    for amount in [710, 720, 730] {
        world.rejected(run, amount).await;
    }
    let done = world.engine.confirm_policy_activation(&root(), "", id).await.unwrap().value;
    assert_eq!(done.activation.state, ActivationState::Effective);
    assert_eq!(done.figures.unwrap().labels.recall(), Some(0.75));
}

#[tokio::test]
async fn a_start_obeys_bounds_and_a_step_back_does_not_wait_for_them() {
    let (world, run) = World::new().await.labelled().await;
    let started = world.engine.start_with_policy(&document(750, BOUNDS)).await;
    let Err(ActivateError::Engine(refused)) = started else { panic!("{started:?}") };
    assert_eq!(missed(refused).0, BoundKind::Recall);
    world.engine.start_with_policy(&document(650, BOUNDS)).await.unwrap();
    let former = world.engine.policy_revision().unwrap();
    world.try_bounds("version: 1\ndefault: escalate\n").await.unwrap();
    for amount in [601, 602] {
        world.rejected(run, amount).await;
    }
    assert!(world.try_bounds(&document(650, BOUNDS)).await.is_err());
    let current = world.engine.policy_revision().unwrap();
    let command = RollBack { request_id: String::new(), current, reason: "slow".to_owned() };
    world.engine.roll_back_policy(&admin(), command).await.unwrap();
    assert_eq!(world.engine.policy_revision(), Some(former));
}

#[tokio::test]
async fn a_retry_is_answered_though_the_bounds_are_missed_by_then() {
    let (world, run) = World::new().await.labelled().await;
    let command =
        Activate { request_id: request_id(1), ..world.candidate(&document(650, BOUNDS)).await };
    let done = world.engine.activate_policy(&admin(), command.clone()).await.unwrap();
    world.engine.start_with_policy("version: 1\ndefault: escalate\n").await.unwrap();
    world.rejected(run, 601).await;
    let again = world.engine.activate_policy(&admin(), command).await.unwrap();
    assert!(again.is_replayed);
    assert_eq!(again.value.activation, done.value.activation);
    assert_eq!(again.value.figures, None);
}

#[tokio::test]
async fn a_server_does_few_backtests_at_once() {
    let (world, _) = World::new().await.labelled().await;
    let Engine(inner) = &world.engine;
    let one = inner.backtests.try_acquire().unwrap();
    world.engine.backtest_policy(&reviewer(), Backtest::default()).await.unwrap();
    let other = inner.backtests.try_acquire().unwrap();
    let overloaded = Some(Error::Overloaded { retry_after: BACKTEST_RETRY });
    let refused = world.engine.backtest_policy(&reviewer(), Backtest::default()).await.err();
    assert_eq!(refused, overloaded);
    let refused = world.try_bounds(&document(650, BOUNDS)).await.err();
    assert_eq!(refused, overloaded);
    drop((one, other));
    world.try_bounds(&document(650, BOUNDS)).await.unwrap();
}

//! Thirty-two reviewers at a thousand questions: nobody gets what another has, everything
//! is answered once, and nothing is left over.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;
use tokio::task::JoinSet;

use super::*;
use crate::domain::ids::EscalationId;
use crate::domain::principal::{Principal, Role};
use crate::engine::escalations::ClaimStep;
use crate::engine::queue::{ClaimNext, Next};
use crate::engine::resolve::{Resolve, Verb};
use crate::engine::tests::world::{principal, resolution};
use crate::engine::views::EscalationView;

const REVIEWERS: usize = 32;
const QUESTIONS: usize = 1_000;
/// Opened at once.
const OPENERS: usize = 20;

/// What a reviewer did.
#[derive(Debug, Default)]
struct Done {
    answered: Vec<EscalationId>,
    given_back: usize,
}

/// Takes what is next until nothing waits. Every seventh is given back, and every
/// eleventh answer is sent twice.
async fn work(world: Arc<World>, me: Principal) -> Done {
    let mut done = Done::default();
    for turn in 1.. {
        let view = match world.engine.claim_next(&me, ClaimNext::default()).await.unwrap().value {
            Next::Claimed(view, _) => view,
            Next::Nothing { seen, .. } if seen.open == 0 => break,
            // In others' hands.
            _ => {
                tokio::task::yield_now().await;
                continue;
            }
        };
        let claim = view.escalation.claim.clone().unwrap();
        assert_eq!(claim.holder, me.name, "the answer is of one's own claim");
        if turn % 7 == 0 {
            let release = ClaimStep::Release { epoch: claim.epoch };
            world.engine.claim(&me, "", view.escalation.id, release).await.unwrap();
            done.given_back += 1;
            continue;
        }
        answer(&world, &me, &view, turn % 11 == 0).await;
        done.answered.push(view.escalation.id);
    }
    done
}

async fn answer(world: &World, me: &Principal, view: &EscalationView, is_doubled: bool) {
    let epoch = view.escalation.claim.as_ref().map_or(0, |claim| claim.epoch);
    let answer = Resolve { claim_epoch: epoch, ..resolution(&view.escalation, Verb::Approve) };
    if !is_doubled {
        world.engine.resolve(me, answer).await.unwrap();
        return;
    }
    let both =
        tokio::join!(world.engine.resolve(me, answer.clone()), world.engine.resolve(me, answer));
    let accepted = [&both.0, &both.1].into_iter().filter(|it| it.is_ok()).count();
    assert_eq!(accepted, 1, "one of two answers counts: {both:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn thirty_two_reviewers_answer_a_thousand_questions_once_each() {
    let world = Arc::new(World::new().await);
    let mut opening = JoinSet::new();
    for opener in 0..OPENERS {
        let world = Arc::clone(&world);
        opening.spawn(async move {
            let run = world.run().await;
            for number in 0..QUESTIONS / OPENERS {
                let arguments = json!({"amount": 600, "to": format!("{opener}-{number}")});
                world.propose(run, "refund", arguments).await.escalation.unwrap();
            }
        });
    }
    while let Some(opened) = opening.join_next().await {
        opened.unwrap();
    }
    let mut working = JoinSet::new();
    for number in 0..REVIEWERS {
        let me = principal(&format!("reviewer-{number}"), &[Role::Reviewer]);
        working.spawn(work(Arc::clone(&world), me));
    }
    let mut answered = BTreeMap::new();
    let mut given_back = 0;
    while let Some(done) = working.join_next().await {
        let done = done.unwrap();
        given_back += done.given_back;
        for id in done.answered {
            *answered.entry(id).or_insert(0) += 1;
        }
    }
    assert_eq!(answered.len(), QUESTIONS);
    assert!(answered.values().all(|times| *times == 1), "each was answered once");
    assert!(given_back > 0, "some were given back, and came to others");
    let claims = world.events(EventKind::EscalationClaimed).await;
    assert_eq!(claims, QUESTIONS + given_back, "no claim was lost to another");
    assert_eq!(world.events(EventKind::EscalationApproved).await, QUESTIONS);
}

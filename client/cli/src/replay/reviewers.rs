//! The simulated reviewers: watch the queue, claim, answer by the label.
//!
//! Each question has one reviewer who is first in line. Every eighth is fought
//! over by all of them, so that claims and lost races are part of the replay.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

use pointsman_api::v1;
use pointsman_api::v1::ErrorReason;
use pointsman_api::v1::escalation::State;
use pointsman_client::{Error, QueueEvent, Reviewer, Verdict};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::stage::Stage;
use crate::trajectory::Expected;

/// One question in this many is fought over.
const CONTENDED: u64 = 8;
/// How many answers a reviewer prepares at once.
const AT_ONCE: usize = 64;

/// One of the reviewers.
#[derive(Clone, Debug)]
pub(super) struct Seat {
    /// Calls with a token of its own.
    pub(super) reviewer: Reviewer,
    /// Which one it is, from 0.
    pub(super) number: u64,
    /// How many there are.
    pub(super) count: u64,
}

/// Reviews until it is dropped, or the watch is refused for good.
pub(super) async fn review(stage: Arc<Stage>, seat: Seat) {
    let mut watch = seat.reviewer.watch(v1::WatchEscalationsRequest::default());
    let mut seen = HashSet::new();
    let mut answers = JoinSet::new();
    while let Some(event) = watch.next().await {
        let at = Instant::now();
        let escalations = match event {
            Ok(QueueEvent::Snapshot(escalation)) => vec![*escalation],
            Ok(QueueEvent::Change(change)) => change.escalations,
            Ok(QueueEvent::Interrupted(error) | QueueEvent::StartedOver(error)) => {
                stage.anomaly(format!("the watch of reviewer {} broke: {error}", seat.number));
                continue;
            }
            Ok(QueueEvent::SnapshotEnd(_) | QueueEvent::Alive) => continue,
            Err(error) => {
                return stage.anomaly(format!("reviewer {} cannot watch: {error}", seat.number));
            }
        };
        for escalation in escalations {
            let is_new = escalation.state() == State::Open && escalation.claim.is_none();
            if !is_new || !seen.insert(escalation.escalation_id.clone()) {
                continue;
            }
            let turn = hash(&escalation.escalation_id);
            if turn % seat.count == seat.number {
                note_visible(&stage, &escalation, at);
            } else if !(turn / seat.count).is_multiple_of(CONTENDED) {
                continue;
            }
            if answers.len() >= AT_ONCE {
                answers.join_next().await;
            }
            answers.spawn(answer(Arc::clone(&stage), seat.reviewer.clone(), escalation));
        }
        while answers.try_join_next().is_some() {}
    }
}

fn note_visible(stage: &Stage, escalation: &v1::Escalation, at: Instant) {
    if let Some(asked) = stage.asked(&escalation.run_id) {
        stage.tally().visible.record(at.saturating_duration_since(asked.at));
    }
}

/// Claims, reads, answers. Whoever loses the race leaves it at that.
async fn answer(stage: Arc<Stage>, reviewer: Reviewer, escalation: v1::Escalation) {
    let id = &escalation.escalation_id;
    let Some(asked) = stage.asked(&escalation.run_id) else {
        return stage.anomaly(format!("{id}: belongs to no run of this replay"));
    };
    let claimed = match reviewer.claim(id, None).await {
        Ok(claimed) => claimed,
        Err(error) if is_lost_race(&error) => return,
        Err(error) => return stage.anomaly(format!("{id}: cannot be claimed: {error}")),
    };
    let (verdict, note) = match asked.expected {
        Expected::Escalate => {
            (Verdict::Reject("not_intended".to_owned()), "not what the user asked for")
        }
        Expected::Allow | Expected::Unknown => (Verdict::Approve, ""),
    };
    match reviewer.resolve(&claimed, verdict, note).await {
        Ok(_) => stage.note_resolved(id),
        Err(error) => stage.anomaly(format!("{id}: cannot be resolved: {error}")),
    }
}

fn is_lost_race(error: &Error) -> bool {
    matches!(error.reason(), Some(ErrorReason::ClaimedByOther | ErrorReason::EscalationClosed))
}

fn hash(id: &str) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(id)
}

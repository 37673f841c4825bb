//! Golden bytes of overrides and of what they hold.

use super::{bytes_of, id, payload, time};
use crate::domain::ids::{ActionId, CheckpointId, EscalationId, OverrideId, RunId};
use crate::domain::overrides::{
    Account, AtEnd, Closed, Closing, Held, Hold, Override, OverrideKind, OverrideScope,
    OverrideState, Progress, Receipt, Redirect, Settlement, Step,
};
use crate::domain::time::Span;
use crate::store::records::SettlingRecord;

pub(super) fn overrides() -> Vec<(String, String)> {
    let settling = SettlingRecord {
        done: Some(vec![1, 2]),
        is_first_done: true,
        run: Some(RunId::new(id(1))),
        action: Some(ActionId::new(id(4))),
    };
    let account =
        Account { words: "refund Anna".to_owned(), still_running: vec!["refund".to_owned()] };
    let receipt = Receipt {
        run: RunId::new(id(2)),
        agent: "claims".to_owned(),
        progress: progress(OverrideState::Delivered),
    };
    vec![
        bytes_of(&overriding()),
        bytes_of(&hold()),
        bytes_of(&receipt),
        bytes_of(&account),
        bytes_of(&settling),
        bytes_of(&redirect()),
    ]
}

fn progress(state: OverrideState) -> Progress {
    let step = |state, seconds| Step { state, by: "sam".to_owned(), time: time(seconds) };
    let steps = vec![step(OverrideState::Requested, 60), step(state, 61)];
    Progress { state, steps, account: Some(payload(51)) }
}

fn overriding() -> Override {
    Override {
        id: OverrideId::new(id(50)),
        kind: OverrideKind::Kill,
        scope: OverrideScope::Tree(RunId::new(id(1))),
        agent: Some("claims".to_owned()),
        reason: payload(52),
        requester: "sam".to_owned(),
        confirmer: Some("kim".to_owned()),
        create_time: time(60),
        ttl: Span::from_secs(600),
        expire_time: time(660),
        at_end: AtEnd::Resume,
        enforced_time: Some(time(60)),
        end_time: Some(time(62)),
        ended_by: Some(OverrideId::new(id(53))),
        progress: progress(OverrideState::Superseded),
        settlement: Some(Settlement {
            runs: 3,
            questions: 2,
            grants: 1,
            settle_time: Some(time(63)),
        }),
        redirect: Some(payload(54)),
        branch: Some(2),
        question: Some(EscalationId::new(id(55))),
        revision: 4,
    }
}

fn closing() -> Closing {
    Closing { tool: "claims.*".to_owned(), instead: "fraud.open".to_owned() }
}

fn redirect() -> Redirect {
    Redirect {
        instruction: "ask the fraud team".to_owned(),
        close: vec![closing()],
        open: vec!["lookup".to_owned()],
        checkpoint: Some(CheckpointId::new(id(56))),
        team: "fraud".to_owned(),
    }
}

fn hold() -> Hold {
    let held = |kind| Held {
        by: OverrideId::new(id(50)),
        kind,
        requester: "sam".to_owned(),
        time: time(60),
        reason: payload(52),
        covers_below: true,
    };
    Hold {
        pause: Some(held(OverrideKind::PauseAfterStep)),
        stop: Some(held(OverrideKind::Stop)),
        stops: 2,
        is_shut: true,
        paused: vec![(time(58), time(59))],
        closed: vec![Closed { closing: closing(), held: held(OverrideKind::Redirect) }],
    }
}

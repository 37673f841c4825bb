//! Golden bytes of what is judged afterwards, of what that finds, and of drills.

use super::{bytes_of, id, payload, time};
use crate::domain::action::DecisionEffect;
use crate::domain::drill::{
    Defect, Drill, DrillChoice, DrillContent, DrillFigures, DrillGiven, Practice,
};
use crate::domain::escalation::SeverityTier;
use crate::domain::ids::{
    ActionId, DrillId, EscalationId, IncidentId, PolicyRevisionId, ReviewId, RunId,
};
use crate::domain::incident::{Deed, Incident, IncidentKind, IncidentState, Label};
use crate::domain::review::{Judged, Judgement, Review, ReviewClaim, ReviewState, Skip};

pub(super) fn reviews() -> Vec<(String, String)> {
    let label =
        Label { expected: DecisionEffect::Deny, incident: IncidentId::new(id(41)), time: time(50) };
    vec![bytes_of(&review()), bytes_of(&incident()), bytes_of(&label)]
}

fn review() -> Review {
    Review {
        id: ReviewId::new(id(40)),
        state: ReviewState::Skipped,
        action: ActionId::new(id(4)),
        run: RunId::new(id(1)),
        agent: "claims".to_owned(),
        tool: "refund".to_owned(),
        rule: Some("refund-over-500".to_owned()),
        policy_revision: PolicyRevisionId::new(id(6)),
        places: 3,
        is_extended: true,
        claims: vec![ReviewClaim {
            holder: "alice".to_owned(),
            person: "alice".to_owned(),
            epoch: 4,
            expire_time: time(51),
        }],
        epoch: 4,
        judged: vec![Judged {
            reviewer: "bob".to_owned(),
            person: "robert".to_owned(),
            judgement: Judgement::RightActionWrongReason,
            severity: 2,
            note: Some(payload(42)),
            judge_time: time(52),
        }],
        skips: vec![Skip {
            reviewer: "carol".to_owned(),
            person: "carol".to_owned(),
            reason: payload(43),
            skip_time: time(53),
        }],
        create_time: time(49),
        close_time: Some(time(54)),
        revision: 2,
    }
}

fn incident() -> Incident {
    let deed = |by: &str, at| Deed { by: by.to_owned(), time: time(at) };
    Incident {
        id: IncidentId::new(id(41)),
        kind: IncidentKind::CompensationOverdue,
        state: IncidentState::Closed,
        severity: 3,
        action: ActionId::new(id(4)),
        run: RunId::new(id(1)),
        agent: "claims".to_owned(),
        tool: "refund".to_owned(),
        rule: Some("refund-over-500".to_owned()),
        policy_revision: PolicyRevisionId::new(id(6)),
        owners: vec!["ada".to_owned(), "ben".to_owned()],
        judgement: Some(Judgement::WrongAction),
        review: Some(ReviewId::new(id(40))),
        raiser: "alice".to_owned(),
        reason: Some(payload(44)),
        acknowledged: Some(deed("carol", 55)),
        closed: Some(deed("dave", 56)),
        resolution: Some(payload(45)),
        create_time: time(50),
        revision: 3,
    }
}

pub(super) fn drills() -> Vec<(String, String)> {
    let content = DrillContent {
        target: "Anna".to_owned(),
        arguments: br#"{"amount":6000}"#.to_vec(),
        reasoning: "as the invoice says".to_owned(),
        goal: "refund Anna".to_owned(),
        why: "refunds over 500".to_owned(),
        defect: Some(Defect {
            place: "/amount".to_owned(),
            was: "600".to_owned(),
            is: "6000".to_owned(),
            words: "ten times the invoice".to_owned(),
        }),
    };
    let given = DrillGiven {
        give_time: time(61),
        choice: Some(DrillChoice::Approve),
        answer_time: Some(time(62)),
    };
    let practice = Practice {
        person: "robert".to_owned(),
        open: Some(DrillId::new(id(46))),
        last_time: Some(time(61)),
        questions: 0,
        apart: 0,
        figures: DrillFigures { given: 5, planted: 3, caught: 2, clean: 1, false_alarms: 1 },
    };
    vec![bytes_of(&drill()), bytes_of(&content), bytes_of(&given), bytes_of(&practice)]
}

fn drill() -> Drill {
    Drill {
        id: DrillId::new(id(46)),
        source: EscalationId::new(id(7)),
        agent: "claims".to_owned(),
        tool: "refund".to_owned(),
        lane: "money".to_owned(),
        severity: SeverityTier::High,
        rule: Some("refund-over-500".to_owned()),
        content: payload(47),
        is_planted: true,
        creator: "sue".to_owned(),
        person: "susan".to_owned(),
        create_time: time(60),
    }
}

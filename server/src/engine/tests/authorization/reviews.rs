//! The use cases of `ReviewService`, `InsightService` and `DrillService`.

use super::{UseCase, nil};
use crate::domain::drill::DrillChoice;
use crate::domain::ids::{ActionId, DrillId, EscalationId, IncidentId, ReviewId};
use crate::domain::review::Judgement;
use crate::engine::drills::{AnswerDrill, CreateDrill};
use crate::engine::incidents::{CloseIncident, RaiseIncident};
use crate::engine::reviews::{ClaimNext, SkipReview, SubmitReview};

fn submit_review() -> SubmitReview {
    SubmitReview {
        request_id: "garbage".to_owned(),
        review: nil(ReviewId::new),
        etag: String::new(),
        epoch: 0,
        judgement: Judgement::Correct,
        severity: 0,
        note: String::new(),
    }
}

fn skip_review() -> SkipReview {
    let (request_id, reason) = ("garbage".to_owned(), String::new());
    SkipReview { request_id, review: nil(ReviewId::new), epoch: 0, reason }
}

pub(super) fn of_reviews() -> Vec<(&'static str, UseCase)> {
    vec![
        ("ReviewService/GetReview", use_case!(e, c, e.get_review(c, nil(ReviewId::new)))),
        (
            "ReviewService/ListReviews",
            use_case!(e, c, e.list_reviews(c, Default::default(), &Default::default())),
        ),
        (
            "ReviewService/ClaimNextReview",
            use_case!(e, c, e.claim_next_review(c, ClaimNext::default())),
        ),
        ("ReviewService/SubmitReview", use_case!(e, c, e.submit_review(c, submit_review()))),
        ("ReviewService/SkipReview", use_case!(e, c, e.skip_review(c, skip_review()))),
        ("ReviewService/GetReviewStats", use_case!(e, c, e.review_stats(c, Default::default()))),
    ]
}

fn raise() -> RaiseIncident {
    RaiseIncident {
        request_id: "garbage".to_owned(),
        action: nil(ActionId::new),
        judgement: Judgement::Correct,
        severity: 0,
        reason: String::new(),
    }
}

fn close() -> CloseIncident {
    let (request_id, resolution) = ("garbage".to_owned(), String::new());
    CloseIncident { request_id, incident: nil(IncidentId::new), resolution }
}

pub(super) fn of_incidents() -> Vec<(&'static str, UseCase)> {
    vec![
        ("ReviewService/RaiseIncident", use_case!(e, c, e.raise_incident(c, raise()))),
        ("ReviewService/GetIncident", use_case!(e, c, e.get_incident(c, nil(IncidentId::new)))),
        (
            "ReviewService/ListIncidents",
            use_case!(e, c, e.list_incidents(c, Default::default(), &Default::default())),
        ),
        (
            "ReviewService/AcknowledgeIncident",
            use_case!(e, c, e.acknowledge_incident(c, "", nil(IncidentId::new))),
        ),
        ("ReviewService/CloseIncident", use_case!(e, c, e.close_incident(c, close()))),
        (
            "InsightService/ExportFeedback",
            use_case!(e, c, e.export_feedback(c, Default::default())),
        ),
    ]
}

fn create_drill() -> CreateDrill {
    CreateDrill { request_id: "garbage".to_owned(), source: nil(EscalationId::new), plant: None }
}

fn answer_drill() -> AnswerDrill {
    let (request_id, choice) = ("garbage".to_owned(), DrillChoice::Approve);
    AnswerDrill { request_id, drill: nil(DrillId::new), choice }
}

pub(super) fn of_drills() -> Vec<(&'static str, UseCase)> {
    vec![
        ("DrillService/CreateDrill", use_case!(e, c, e.create_drill(c, create_drill()))),
        ("DrillService/ListDrills", use_case!(e, c, e.list_drills(c, Default::default()))),
        ("DrillService/TakeDrill", use_case!(e, c, e.take_drill(c, "garbage"))),
        ("DrillService/AnswerDrill", use_case!(e, c, e.answer_drill(c, answer_drill()))),
        ("DrillService/GetDrillStats", use_case!(e, c, e.drill_stats(c))),
    ]
}

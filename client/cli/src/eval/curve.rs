//! Recall over the budget: what would be caught if only so many calls could be
//! put to a person.

use serde::Serialize;

use super::judge::Judged;
use crate::trajectory::Expected;

/// The most points of a curve.
const POINTS: usize = 200;

/// One threshold: every call with this score or a higher one is put to a person.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Point {
    /// The lowest score that is put to a person.
    pub(super) threshold: f64,
    /// The share of all calls.
    pub(super) budget: f64,
    /// The share of the calls labelled `escalate`.
    pub(super) recall: f64,
    /// The share of the gated calls with a known label that are labelled `escalate`.
    pub(super) precision: f64,
}

/// What one way to choose calls costs and catches.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Spot {
    /// The share of all calls.
    pub(super) budget: f64,
    /// The share of the calls labelled `escalate`.
    pub(super) recall: f64,
}

/// The curve, from the smallest budget to all calls.
pub(super) fn curve(judged: &[Judged]) -> Vec<Point> {
    let mut ordered: Vec<&Judged> = judged.iter().collect();
    ordered.sort_by(|one, other| other.score.total_cmp(&one.score));
    let wanted = judged.iter().filter(|it| it.expected == Expected::Escalate).count();
    let (mut taken, mut caught, mut known) = (0, 0, 0);
    let mut points = Vec::new();
    for group in ordered.chunk_by(|one, other| one.score == other.score) {
        taken += group.len();
        caught += group.iter().filter(|it| it.expected == Expected::Escalate).count();
        known += group.iter().filter(|it| it.expected != Expected::Unknown).count();
        points.push(Point {
            threshold: group.first().map_or(0.0, |it| it.score),
            budget: share(taken, judged.len()),
            recall: share(caught, wanted),
            precision: share(caught, known),
        });
    }
    let step = points.len().div_ceil(POINTS).max(1);
    let last = points.len().saturating_sub(1);
    let is_kept = |(index, _): &(usize, Point)| index % step == 0 || *index == last;
    points.into_iter().enumerate().filter(is_kept).map(|(_, point)| point).collect()
}

/// What it would cost and catch to gate every write.
pub(super) fn every_write(judged: &[Judged]) -> Spot {
    let writes = || judged.iter().filter(|it| it.is_write);
    let wanted = judged.iter().filter(|it| it.expected == Expected::Escalate).count();
    let caught = writes().filter(|it| it.expected == Expected::Escalate).count();
    Spot { budget: share(writes().count(), judged.len()), recall: share(caught, wanted) }
}

/// A share; 0 of nothing.
pub(super) fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

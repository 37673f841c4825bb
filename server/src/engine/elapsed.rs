//! How long a run has been at work: its age, or the time since a person last gave it
//! more, less the time in which it waited for people or was paused.

use super::operation::Tx;
use super::{limits, read_error};
use crate::domain::error::Error;
use crate::domain::escalation::Escalation;
use crate::domain::run::Run;
use crate::domain::time::{Span, Timestamp};
use crate::store::{Direction, MAX_SCAN, keys};

/// A time in which a run waited for a person.
type Wait = (Timestamp, Timestamp);

impl Tx<'_> {
    /// How long a run has been at work. Waits beyond the bounded number that is read
    /// count as work, so that a person is asked rather too early.
    pub(super) async fn elapsed(&self, run: &Run) -> Result<Span, Error> {
        let (tenant, store) = (self.tenant(), &self.engine.0.store);
        let range = keys::run_waits(tenant, run.id);
        let found = store.scan(range, Direction::Ascending, MAX_SCAN).await.map_err(read_error)?;
        let mut waits: Vec<Wait> =
            found.rows.iter().filter_map(|(key, _)| keys::listed_wait(key)).collect();
        let (range, limit) = (keys::run_opens(tenant, run.id), limits::MAX_CANCELLED_AT_ONCE);
        let found = store.scan(range, Direction::Ascending, limit).await.map_err(read_error)?;
        for id in found.rows.iter().filter_map(|(key, _)| keys::listed_escalation(key)) {
            let escalation = self.engine.read::<Escalation>(&keys::escalation(tenant, id)).await?;
            let escalation = escalation.filter(|it| it.question.is_about_an_action());
            waits.extend(escalation.map(|it| (it.create_time, it.close_time.unwrap_or(self.now))));
        }
        // What a person holds up is not the run's doing.
        waits.extend(self.engine.holds_of(tenant, run).await?.pauses(self.now));
        let start = run.clock_start.unwrap_or(run.create_time);
        let waits = waits.into_iter().map(|(from, to)| (from.max(start), to)).collect();
        let age = self.now.since(start);
        Ok(Span::from_micros(age.as_micros() - waited(waits, self.now).as_micros()))
    }
}

/// How long anybody was waited for: what several waits have in common counts once.
fn waited(mut waits: Vec<Wait>, now: Timestamp) -> Span {
    waits.sort_unstable();
    let mut sum = Span::ZERO;
    let mut until: Option<Timestamp> = None;
    for (start, end) in waits {
        let start = until.map_or(start, |until| until.max(start));
        let end = end.min(now);
        if end > start {
            sum = Span::from_micros(sum.as_micros() + end.since(start).as_micros());
        }
        until = Some(until.map_or(end, |until| until.max(end)));
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_that_overlap_count_once() {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let cases: [(&[(i64, i64)], i64); 6] = [
            (&[], 0),
            (&[(10, 20)], 10),
            (&[(10, 20), (12, 18)], 10),
            (&[(15, 30), (10, 20)], 20),
            (&[(10, 20), (30, 35)], 15),
            (&[(10, 500)], 90),
        ];
        for (waits, seconds) in cases {
            let waits = waits.iter().map(|(from, to)| (at(*from), at(*to))).collect();
            assert_eq!(waited(waits, at(100)), Span::from_secs(seconds));
        }
    }
}

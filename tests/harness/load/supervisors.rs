//! The supervisors of the load: they pause runs, let them go on, and stop some.

use std::time::Duration;

use pointsman_api::v1;
use pointsman_api::v1::r#override::Kind;
use pointsman_api::v1::override_scope::Scope;

use super::{Caller, Gone, tolerate};
use crate::harness::api::{Called, request_id};
use crate::harness::ledger::Known;
use crate::harness::poll::at_moment;

/// Between two overrides of one supervisor: most runs are let alone.
const PAUSE: Duration = Duration::from_millis(15);
/// Of so many overrides one is a stop.
const STOPS_PERCENT: usize = 20;
/// Among so many of the newest runs one is chosen.
const NEWEST: usize = 12;

/// Refusals where the run was over, or another override came first.
const TOO_LATE: &[&str] =
    &["RUN_NOT_RUNNING", "RUN_STOPPED", "NOT_HELD", "OVERLOADED", "DISK_FULL"];

impl Caller {
    pub(super) async fn supervise(&mut self) -> Result<(), Gone> {
        at_moment(PAUSE).await;
        let Some(run_id) = self.any_run() else { return Ok(()) };
        if self.seed.chance(STOPS_PERCENT) {
            return self.stop(run_id).await;
        }
        let pause = match self.seed.chance(50) {
            true => Kind::PauseNow,
            false => Kind::PauseAfterStep,
        };
        self.order(run_id.clone(), pause).await?;
        self.order(run_id, Kind::Resume).await.map(drop)
    }

    fn any_run(&mut self) -> Option<String> {
        let book = self.ledger.book();
        let known: Vec<String> = book.runs.values().flatten().cloned().collect();
        drop(book);
        // Ids are in the order of time.
        let mut known = known;
        known.sort_unstable();
        let newest = known.split_off(known.len().saturating_sub(NEWEST));
        let count = newest.len();
        (count > 0).then(|| newest.into_iter().nth(self.seed.below(count)).unwrap())
    }

    /// Stops a run; once that is answered nothing of it may be allowed or redeemed.
    async fn stop(&mut self, run_id: String) -> Result<(), Gone> {
        let before = self.ledger.book().stopped.get(&run_id).cloned();
        self.ledger.book().stopped.entry(run_id.clone()).or_insert(Known::Perhaps);
        let is_done = self.order(run_id.clone(), Kind::Stop).await?;
        let mut book = self.ledger.book();
        match (is_done, before) {
            (true, _) => book.stopped.insert(run_id, Known::Done),
            (false, Some(before)) => book.stopped.insert(run_id, before),
            (false, None) => book.stopped.remove(&run_id),
        };
        Ok(())
    }

    /// Whether it was taken.
    async fn order(&mut self, run_id: String, kind: Kind) -> Result<bool, Gone> {
        let request = v1::RequestOverrideRequest {
            request_id: request_id(),
            kind: kind.into(),
            scope: Some(v1::OverrideScope { scope: Some(Scope::RunId(run_id)) }),
            reason: "the load says so".to_owned(),
            ..Default::default()
        };
        let answer = self
            .lines
            .call(request, async |line, request| {
                line.override_service().request_override(request).await
            })
            .await;
        match answer {
            Called::Done(answer) => {
                self.ledger.answered(answer.header.as_ref());
                Ok(true)
            }
            Called::Refused(error) => tolerate(&error, TOO_LATE).map(|()| false),
            Called::Lost(_) => Err(Gone),
        }
    }
}

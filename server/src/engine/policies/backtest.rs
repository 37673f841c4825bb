//! What another policy would have said of everything that was decided: no effect,
//! no record.
//!
//! The newest actions are read a page of records at a time and judged as
//! `explain` judges them: memory holds one of them, and counts.

use super::asked::Subject;
use super::explain::Recalled;
use super::figures::Figures;
use super::tally::{Flip, Judged, Side, Tally};
use crate::domain::action::Action;
use crate::domain::error::Error;
use crate::domain::ids::PolicyRevisionId;
use crate::domain::policy::{Policy, Verdict};
use crate::domain::principal::Principal;
use crate::domain::time::{Span, Timestamp};
use crate::engine::{Engine, authorize, validate};

/// Below this span of time nothing is said of a day.
const SHORTEST_SPAN: Span = Span::from_secs(60 * 60);
const DAY_MICROS: f64 = 24.0 * 60.0 * 60.0 * 1e6;
const MINUTE_MICROS: f64 = 60.0 * 1e6;

/// Asks for the newest actions to be judged again.
#[derive(Clone, Debug, Default)]
pub struct Backtest {
    /// By which policy.
    pub subject: Subject,
    /// How many actions at most; 0 means the default, negative is an error.
    pub max_actions: i32,
    /// None that was proposed before.
    pub since: Option<Timestamp>,
}

/// What a policy would have said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Backtested {
    /// The revision; none: a document.
    pub revision: Option<PolicyRevisionId>,
    /// Actions that a person made by an edit: nothing decided on them.
    pub left_out: u32,
    /// When the oldest and the newest of the judged actions were proposed.
    pub times: Option<(Timestamp, Timestamp)>,
    /// What was decided.
    pub recorded: Side,
    /// What would be.
    pub said: Side,
    /// Whose effect is another.
    pub flips: Vec<Flip>,
    /// How many questions were claimed and then answered by who claimed.
    pub reviews: u32,
    /// The median time of that; none: there is none.
    pub median_review: Option<Span>,
    /// How it does by what people had said, and by its bounds.
    pub figures: Figures,
}

impl Backtested {
    /// How many questions a day one side asks; none: the actions span too little.
    pub fn escalations_per_day(&self, side: &Side) -> Option<f64> {
        let (oldest, newest) = self.times?;
        let span = newest.since(oldest);
        let days = span.as_micros() as f64 / DAY_MICROS;
        (span >= SHORTEST_SPAN).then(|| f64::from(side.escalate) / days)
    }

    /// How many minutes a day people would need; none: no review was timed, or the
    /// actions span too little.
    pub fn reviewer_minutes_per_day(&self, side: &Side) -> Option<f64> {
        let minutes = self.median_review?.as_micros() as f64 / MINUTE_MICROS;
        Some(self.escalations_per_day(side)? * minutes)
    }
}

impl Engine {
    /// Judges the newest actions again, by any policy.
    pub async fn backtest_policy(
        &self,
        caller: &Principal,
        command: Backtest,
    ) -> Result<Backtested, Error> {
        authorize::overseer(caller)?;
        let most = validate::backtest_size(command.max_actions)?;
        let tenant = &caller.tenant;
        let asked = self.asked(tenant, &command.subject).await?;
        let (mut tally, left_out) =
            self.judge_recorded(tenant, asked.policy(), most, command.since).await?;
        let (reviews, median_review) = tally.reviews();
        let flips = tally.flips();
        let Tally { recorded, said, times, labels, .. } = tally;
        let figures = Figures::of(asked.policy(), labels);
        let revision = asked.revision();
        Ok(Backtested {
            revision,
            left_out,
            times,
            recorded,
            said,
            flips,
            reviews,
            median_review,
            figures,
        })
    }

    /// Judges the newest actions again, and says how many were left out: one of the
    /// few that a server does at once.
    pub(super) async fn judge_recorded(
        &self,
        tenant: &str,
        policy: &Policy,
        most: usize,
        since: Option<Timestamp>,
    ) -> Result<(Tally, u32), Error> {
        let _place = self.place_for_records()?;
        let mut actions = self.recorded(tenant)?;
        let (mut tally, mut left_out) = (Tally::default(), 0);
        for _ in 0..most {
            let Some(action) = actions.next(self).await? else { break };
            if since.is_some_and(|since| action.create_time < since) {
                break;
            }
            if action.modified_from.is_some() || action.answered_from.is_some() {
                left_out += 1;
            } else {
                self.judge_again(tenant, action, policy, &mut tally).await?;
            }
        }
        Ok((tally, left_out))
    }

    async fn judge_again(
        &self,
        tenant: &str,
        action: Action,
        policy: &Policy,
        tally: &mut Tally,
    ) -> Result<(), Error> {
        let escalation = match action.escalation {
            Some(id) => Some(self.existing_escalation(tenant, id).await?),
            None => None,
        };
        let is_mistake = self.label_of(tenant, action.id).await?.is_some();
        let recalled = self.recall(tenant, action).await?;
        let verdict = self.judge(tenant, &recalled, policy, |facts| policy.evaluate(facts)).await?;
        let Recalled { action, .. } = &recalled;
        let escalation = escalation.as_ref();
        let Verdict { effect, rule, .. } = verdict;
        tally.add(Judged { action, escalation, is_mistake, effect, rule });
        Ok(())
    }
}

//! What reviewers found, counted: of how much, of what, and how far they agree.

use std::collections::BTreeMap;

use super::read::Filter;
use crate::domain::error::Error;
use crate::domain::principal::Principal;
use crate::domain::review::{Agreement, Judged, Judgement, Review, ReviewState};
use crate::domain::time::Timestamp;
use crate::engine::list::Page;
use crate::engine::{Engine, authorize, read_error};
use crate::store::records::decode;
use crate::store::{Direction, keys};

/// The most reviews that are counted: the newest.
const MAX_COUNTED: usize = 10_000;

/// Which reviews are counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// None that was opened before.
    pub since: Option<Timestamp>,
    /// None that was opened then or later.
    pub until: Option<Timestamp>,
    /// Only of this agent; empty: every agent.
    pub agent: String,
    /// Only decided by this rule; empty: any.
    pub rule: String,
}

/// What reviewers found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReviewStats {
    /// How many reviews wait or are being done.
    pub open: u32,
    /// How many are done.
    pub done: u32,
    /// How many were given up.
    pub skipped: u32,
    /// What people said in those that are over.
    pub judgements: BTreeMap<Judgement, u32>,
    /// How far they agree.
    pub agreement: Agreement,
    /// Whether there are more than were counted.
    pub is_cut: bool,
}

impl Engine {
    /// Counts what reviewers found. What is said in reviews that are not over counts
    /// nowhere: whoever may still judge learns nothing of it.
    pub async fn review_stats(
        &self,
        caller: &Principal,
        window: Window,
    ) -> Result<ReviewStats, Error> {
        authorize::overseer(caller)?;
        let filter = Filter { state: None, agent: window.agent, rule: window.rule };
        filter.check()?;
        let range = keys::reviews(&caller.tenant);
        let page = Page::default();
        let mut walk = self.walk(range, Direction::Descending, &page, "review stats")?;
        let (mut stats, mut over, mut counted) = (ReviewStats::default(), Vec::new(), 0);
        while let Some((_, value)) = walk.next(self).await? {
            let review: Review = decode(&value).map_err(read_error)?;
            if window.since.is_some_and(|since| review.create_time < since) {
                break;
            }
            let is_late = window.until.is_some_and(|until| review.create_time >= until);
            if is_late || !filter.shows(&review) {
                continue;
            }
            if counted == MAX_COUNTED {
                stats.is_cut = true;
                break;
            }
            counted += 1;
            match review.state {
                ReviewState::Open => stats.open += 1,
                ReviewState::Done => stats.done += 1,
                ReviewState::Skipped => stats.skipped += 1,
            }
            if review.state != ReviewState::Open {
                over.push(review.judged);
            }
        }
        for judged in over.iter().flatten() {
            *stats.judgements.entry(judged.judgement).or_default() += 1;
        }
        stats.agreement = Agreement::of(over.iter().map(Vec::<Judged>::as_slice));
        Ok(stats)
    }
}

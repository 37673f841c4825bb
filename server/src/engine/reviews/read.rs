//! What callers are shown of reviews: everything goes through
//! [`Review::shown_to`], and what came of an action goes with what is revealed there.

use bytes::Bytes;

use super::not_found;
use crate::domain::action::{ActionContent, ActionState, Decision, OutcomeStatus};
use crate::domain::error::Error;
use crate::domain::ids::ReviewId;
use crate::domain::principal::Principal;
use crate::domain::review::{Review, ReviewState, ShownReview};
use crate::domain::time::Timestamp;
use crate::engine::list::{Listed, Page};
use crate::engine::{Engine, authorize, limits, read_error, validate};
use crate::store::records::decode;
use crate::store::{Direction, keys};

/// Which reviews.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only in this state.
    pub state: Option<ReviewState>,
    /// Only of this agent; empty: every agent.
    pub agent: String,
    /// Only decided by this rule; empty: any.
    pub rule: String,
}

impl Filter {
    /// Refuses names that nothing can have.
    pub(super) fn check(&self) -> Result<(), Error> {
        validate::length("agent", self.agent.as_bytes(), limits::MAX_PRINCIPAL_BYTES)?;
        validate::length("rule_id", self.rule.as_bytes(), limits::MAX_TOOL_BYTES)
    }

    /// Whether the filter shows the review.
    pub(super) fn shows(&self, review: &Review) -> bool {
        self.state.is_none_or(|state| state == review.state)
            && (self.agent.is_empty() || self.agent == review.agent)
            && (self.rule.is_empty() || review.rule.as_ref() == Some(&self.rule))
    }
}

/// A review as a caller sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct ReviewView {
    /// The review.
    pub shown: ShownReview,
    /// What is judged; absent in lists.
    pub case: Option<Case>,
    /// What came of it; absent in lists, and for those who may still judge.
    pub came: Option<Came>,
}

/// What is judged: the action as it was proposed, and what was decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// What the agent sent of it.
    pub content: ActionContent,
    /// What the policy said.
    pub decision: Decision,
    /// How sure the agent was.
    pub confidence: Option<f64>,
    /// What the run was to reach.
    pub goal: String,
    /// Whom the agent acted for.
    pub on_behalf_of: Option<String>,
    /// When it was proposed.
    pub propose_time: Timestamp,
}

/// What came of an action, and the words of those who judged it.
#[derive(Clone, Debug, PartialEq)]
pub struct Came {
    /// The state of the action.
    pub state: ActionState,
    /// How it went, and when the server learnt of it; none: it never ran.
    pub outcome: Option<(OutcomeStatus, Timestamp)>,
    /// The tool's answer or error.
    pub result: Bytes,
    /// Why, in the words of each who judged it.
    pub notes: Vec<String>,
    /// Why, in the words of each who passed it on.
    pub skip_reasons: Vec<String>,
}

impl Engine {
    /// Returns a review with what is judged.
    pub async fn get_review(&self, caller: &Principal, id: ReviewId) -> Result<ReviewView, Error> {
        authorize::overseer(caller)?;
        let found = self.read::<Review>(&keys::review(&caller.tenant, id)).await?;
        self.review_in_full(caller, found.ok_or_else(|| not_found(id))?).await
    }

    /// Lists reviews: open ones the oldest first, as they are given out; others the
    /// newest first.
    pub async fn list_reviews(
        &self,
        caller: &Principal,
        page: Page,
        filter: &Filter,
    ) -> Result<Listed<ReviewView>, Error> {
        authorize::overseer(caller)?;
        filter.check()?;
        let tenant = &caller.tenant;
        let people = self.people(tenant).await?;
        let (person, now) = (people.person_of(&caller.name), self.now());
        let is_open = filter.state == Some(ReviewState::Open);
        let (range, direction) = match is_open {
            true => (keys::open_reviews(tenant), Direction::Ascending),
            false => (keys::reviews(tenant), Direction::Descending),
        };
        let mut walk = self.walk(range, direction, &page, &format!("reviews {filter:?}"))?;
        let mut items = Vec::new();
        while items.len() < walk.size {
            let Some((key, value)) = walk.next(self).await? else { break };
            let review: Review = match keys::listed_review(&key).filter(|_| is_open) {
                Some(id) => self.existing_review(tenant, id).await?,
                None => decode(&value).map_err(read_error)?,
            };
            if filter.shows(&review) {
                let shown = review.shown_to(person, now);
                items.push(ReviewView { shown, case: None, came: None });
                walk.took(&key);
            }
        }
        let next_page_token = walk.next_token(self).await?;
        Ok(Listed { items, next_page_token })
    }

    /// What a caller may see of a review, with what is judged.
    pub(super) async fn review_in_full(
        &self,
        caller: &Principal,
        review: Review,
    ) -> Result<ReviewView, Error> {
        let tenant = &caller.tenant;
        let people = self.people(tenant).await?;
        let shown = review.shown_to(people.person_of(&caller.name), self.now());
        let run = self.existing_run(tenant, review.run).await?;
        let goal = self.goal_of(&run).await?.to_string();
        let action = self.existing_action(tenant, review.action).await?;
        let view = self.action_view(action).await?;
        let case = Case {
            content: view.content,
            decision: view.action.decision,
            confidence: view.action.confidence,
            goal,
            on_behalf_of: run.on_behalf_of,
            propose_time: view.action.create_time,
        };
        let came = match &shown.revealed {
            None => None,
            Some(revealed) => {
                let (mut notes, mut skip_reasons) = (Vec::new(), Vec::new());
                for judged in &revealed.judged {
                    notes.push(self.text(judged.note.as_ref()).await?);
                }
                for skip in &revealed.skips {
                    skip_reasons.push(self.text(Some(&skip.reason)).await?);
                }
                let outcome = view.action.outcome.map(|it| (it.status, it.report_time));
                let (state, result) = (view.action.state, Bytes::from(view.result));
                Some(Came { state, outcome, result, notes, skip_reasons })
            }
        };
        Ok(ReviewView { shown, case: Some(case), came })
    }
}

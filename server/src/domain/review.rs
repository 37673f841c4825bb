//! Reviews: people judge afterwards what was decided without them.
//!
//! The life of a review is the table in [`ReviewState::after`]: open, then exactly one
//! end. Reviewers are blind to each other and to what came of the action: everything
//! that anybody is shown of a review goes through [`Review::shown_to`].

mod agreement;

use serde::{Deserialize, Serialize};

pub use agreement::{Agreement, PairAgreement};

use super::action::Action;
use super::error::Error;
use super::ids::{ActionId, PolicyRevisionId, ReviewId, RunId};
use super::payload::PayloadRef;
use super::time::{Span, Timestamp};

/// The most people that the settings may have judge one action.
pub const MAX_REVIEWERS: u32 = 5;
/// After so many people have passed it on, a review is given up.
pub const MAX_SKIPS: usize = 3;
/// The gravest mistake.
pub const MAX_SEVERITY: u32 = 3;

/// Where a review is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewState {
    /// People are still wanted.
    Open,
    /// As many as were wanted have judged.
    Done,
    /// So many passed it on that nobody is asked any more.
    Skipped,
}

/// What can end a review.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReviewEvent {
    /// The last place was filled.
    Fill,
    /// The last of those who may pass it on did.
    GiveUp,
}

impl ReviewState {
    /// The states, for tables and tests.
    pub const ALL: [Self; 3] = [Self::Open, Self::Done, Self::Skipped];

    /// The life cycle: the state after an event; `None` where it cannot happen.
    pub const fn after(self, event: ReviewEvent) -> Option<Self> {
        match (self, event) {
            (Self::Open, ReviewEvent::Fill) => Some(Self::Done),
            (Self::Open, ReviewEvent::GiveUp) => Some(Self::Skipped),
            (Self::Done | Self::Skipped, _) => None,
        }
    }

    /// The state's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Done => "done",
            Self::Skipped => "skipped",
        }
    }
}

/// What a reviewer says of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// It was right.
    Correct,
    /// A person should have been asked.
    ShouldHaveEscalated,
    /// It was wrong.
    WrongAction,
    /// It was right, by a wrong rule or for a wrong reason.
    RightActionWrongReason,
    /// What is shown does not say.
    CannotTell,
}

impl Judgement {
    /// Every judgement, in the order of the keys 1 to 5.
    pub const ALL: [Self; 5] = [
        Self::Correct,
        Self::ShouldHaveEscalated,
        Self::WrongAction,
        Self::RightActionWrongReason,
        Self::CannotTell,
    ];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Correct => "correct",
            Self::ShouldHaveEscalated => "should_have_escalated",
            Self::WrongAction => "wrong_action",
            Self::RightActionWrongReason => "right_action_wrong_reason",
            Self::CannotTell => "cannot_tell",
        }
    }

    /// Whether it finds a mistake, which can be more or less grave.
    pub const fn finds_a_mistake(self) -> bool {
        !matches!(self, Self::Correct | Self::CannotTell)
    }
}

/// What one person said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// Who.
    pub reviewer: String,
    /// Who that is, whichever name was used.
    pub person: String,
    /// What.
    pub judgement: Judgement,
    /// How grave the mistake is, 0 to 3.
    pub severity: u32,
    /// Why: text.
    pub note: Option<PayloadRef>,
    /// When.
    pub judge_time: Timestamp,
}

/// That one person passed it on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skip {
    /// Who.
    pub reviewer: String,
    /// Who that is, whichever name was used.
    pub person: String,
    /// Why: text.
    pub reason: PayloadRef,
    /// When.
    pub skip_time: Timestamp,
}

/// A reviewer's fenced lease on one place of a review.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewClaim {
    /// The principal that holds it.
    pub holder: String,
    /// Who that is, whichever name was used.
    pub person: String,
    /// The fencing number.
    pub epoch: u64,
    /// When it lapses.
    pub expire_time: Timestamp,
}

/// Who acts on a review.
#[derive(Clone, Copy, Debug)]
pub struct Reviewer<'a> {
    /// The principal.
    pub name: &'a str,
    /// Which person that is.
    pub person: &'a str,
}

/// What a judgement came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// More people are wanted, as before.
    Open,
    /// They disagree, and one more is wanted.
    Extended,
    /// It was the last.
    Closed,
}

/// A review as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// The review's id.
    pub id: ReviewId,
    /// Where it is in its life.
    pub state: ReviewState,
    /// What is judged.
    pub action: ActionId,
    /// Its run.
    pub run: RunId,
    /// The agent that proposed it.
    pub agent: String,
    /// Its tool.
    pub tool: String,
    /// The rule that decided; none: the policy's default.
    pub rule: Option<String>,
    /// The revision that decided.
    pub policy_revision: PolicyRevisionId,
    /// How many people judge it.
    pub places: u32,
    /// Whether one of these places was added because the others disagree.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_extended: bool,
    /// Who holds a place, or held one last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<ReviewClaim>,
    /// The fencing number of the last claim.
    #[serde(default)]
    pub epoch: u64,
    /// What people said, the first first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub judged: Vec<Judged>,
    /// Who passed it on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skips: Vec<Skip>,
    /// When it was opened.
    pub create_time: Timestamp,
    /// When it was closed.
    pub close_time: Option<Timestamp>,
    /// Rises when what is judged changes or the review closes, and not with what others
    /// do: the etag says nothing of them.
    pub revision: u64,
}

/// What somebody may see of a review.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownReview {
    /// The review's id.
    pub id: ReviewId,
    /// Where it is in its life.
    pub state: ReviewState,
    /// What is judged.
    pub action: ActionId,
    /// Its run.
    pub run: RunId,
    /// The agent that proposed it.
    pub agent: String,
    /// Its tool.
    pub tool: String,
    /// The rule that decided.
    pub rule: Option<String>,
    /// The revision that decided.
    pub policy_revision: PolicyRevisionId,
    /// The viewer's own claim, if it counts.
    pub claim: Option<ReviewClaim>,
    /// When it was opened.
    pub create_time: Timestamp,
    /// The etag.
    pub etag: String,
    /// What is hidden from those who may still judge.
    pub revealed: Option<Revealed>,
}

/// What is hidden from those who may still judge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revealed {
    /// How many people judge it.
    pub places: u32,
    /// Whether one of these places was added because the others disagree.
    pub is_extended: bool,
    /// What people said.
    pub judged: Vec<Judged>,
    /// Who passed it on.
    pub skips: Vec<Skip>,
    /// When it was closed.
    pub close_time: Option<Timestamp>,
}

impl Review {
    /// A review of an action that so many people judge.
    pub fn of(id: ReviewId, action: &Action, places: u32, now: Timestamp) -> Self {
        Self {
            id,
            state: ReviewState::Open,
            action: action.id,
            run: action.run,
            agent: action.agent.clone(),
            tool: action.tool.clone(),
            rule: action.decision.rule.clone(),
            policy_revision: action.decision.policy_revision,
            places,
            is_extended: false,
            claims: Vec::new(),
            epoch: 0,
            judged: Vec::new(),
            skips: Vec::new(),
            create_time: now,
            close_time: None,
            revision: 1,
        }
    }

    /// The etag: the revision in decimal.
    pub fn etag(&self) -> String {
        self.revision.to_string()
    }

    /// Whether a person may be given it: it is open, the person has neither judged it
    /// nor passed it on, and a place is free or the person's own.
    pub fn may_take(&self, person: &str, now: Timestamp) -> bool {
        self.state == ReviewState::Open
            && self.answer_of(person).is_none()
            && (self.claim_of(person, now).is_some() || self.has_room(now))
    }

    /// Whether a place is neither filled nor held.
    fn has_room(&self, now: Timestamp) -> bool {
        let held = self.claims.iter().filter(|claim| now < claim.expire_time).count();
        self.judged.len() + held < self.places as usize
    }

    /// The claim of a person, if it still counts.
    pub fn claim_of(&self, person: &str, now: Timestamp) -> Option<&ReviewClaim> {
        self.claims.iter().find(|claim| claim.person == person && now < claim.expire_time)
    }

    /// Under which name, and when, a person has judged it or passed it on.
    fn answer_of(&self, person: &str) -> Option<(&str, Timestamp)> {
        let judged = self.judged.iter().map(|it| (&it.person, &it.reviewer, it.judge_time));
        let skipped = self.skips.iter().map(|it| (&it.person, &it.reviewer, it.skip_time));
        let mut answers = judged.chain(skipped);
        answers.find(|(who, ..)| *who == person).map(|(_, name, at)| (name.as_str(), at))
    }

    /// Gives a place to somebody who may take it; a place that is the person's own is
    /// held longer, under a new epoch.
    pub fn take(&mut self, by: Reviewer<'_>, lease: Span, now: Timestamp) {
        self.claims.retain(|claim| now < claim.expire_time && claim.person != by.person);
        self.epoch += 1;
        self.claims.push(ReviewClaim {
            holder: by.name.to_owned(),
            person: by.person.to_owned(),
            epoch: self.epoch,
            expire_time: now.plus(lease),
        });
    }

    /// Refuses whoever does not hold a place under the epoch, and everybody once it is
    /// over.
    pub fn require_claim(&self, by: Reviewer<'_>, epoch: u64, now: Timestamp) -> Result<(), Error> {
        let review = self.id.to_string();
        if let Some((name, at)) = self.answer_of(by.person) {
            return Err(Error::AlreadyReviewed { review, by: name.to_owned(), at });
        }
        if self.state != ReviewState::Open {
            let at = self.close_time.unwrap_or(now);
            return Err(Error::ReviewClosed { review, state: self.state.name(), at });
        }
        let own = self.claim_of(by.person, now);
        if own.is_none_or(|claim| claim.holder != by.name || claim.epoch != epoch) {
            return Err(Error::ReviewClaimLost { review, epoch });
        }
        Ok(())
    }

    /// Keeps what the holder of a place says, and gives the place up.
    pub fn judge(&mut self, judged: Judged, now: Timestamp) -> Progress {
        self.claims.retain(|claim| claim.person != judged.person);
        self.judged.push(judged);
        if self.judged.len() < self.places as usize {
            return Progress::Open;
        }
        if !self.is_extended && !self.has_majority() {
            self.is_extended = true;
            self.places += 1;
            return Progress::Extended;
        }
        self.close(ReviewEvent::Fill, now);
        Progress::Closed
    }

    /// Keeps that the holder of a place passes it on.
    pub fn skip(&mut self, skip: Skip, now: Timestamp) -> Progress {
        self.claims.retain(|claim| claim.person != skip.person);
        self.skips.push(skip);
        if self.skips.len() < MAX_SKIPS {
            return Progress::Open;
        }
        self.close(ReviewEvent::GiveUp, now);
        Progress::Closed
    }

    fn close(&mut self, event: ReviewEvent, now: Timestamp) {
        if let Some(state) = self.state.after(event) {
            (self.state, self.close_time) = (state, Some(now));
            self.claims.clear();
            self.revision += 1;
        }
    }

    /// Whether more than half of them say the same.
    fn has_majority(&self) -> bool {
        let say = |what: Judgement| self.judged.iter().filter(|it| it.judgement == what).count();
        Judgement::ALL.into_iter().any(|what| 2 * say(what) > self.judged.len())
    }

    /// What a person may see: of what others said, and of what came of the action,
    /// nothing while the person may still judge it.
    pub fn shown_to(&self, person: &str, now: Timestamp) -> ShownReview {
        let has_judged = self.judged.iter().any(|it| it.person == person);
        let revealed = (has_judged || self.state != ReviewState::Open).then(|| Revealed {
            places: self.places,
            is_extended: self.is_extended,
            judged: self.judged.clone(),
            skips: self.skips.clone(),
            close_time: self.close_time,
        });
        ShownReview {
            id: self.id,
            state: self.state,
            action: self.action,
            run: self.run,
            agent: self.agent.clone(),
            tool: self.tool.clone(),
            rule: self.rule.clone(),
            policy_revision: self.policy_revision,
            claim: self.claim_of(person, now).cloned(),
            create_time: self.create_time,
            etag: self.etag(),
            revealed,
        }
    }
}

#[cfg(test)]
mod tests;

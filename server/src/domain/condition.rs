//! The condition of a run, as people see it: one word of one list, since when, and why.
//!
//! It is worked out from what is known of the run and the time, and is never stored. What
//! counts more stands first in [`Known::judge`], the whole of which is one table.

mod pace;

pub use pace::{FACTS_KEPT, Fact, Pace, STALL_DEFAULT, STALL_MIN};

use super::ids::EscalationId;
use super::run::RunState;
use super::time::{Span, Timestamp};

/// How often the same call has to be proposed, or the same tool to fail, until it counts
/// as trying again.
pub const RETRYING_FROM: u32 = 2;
/// How long after the last time it counts as trying again.
pub const RETRYING_FOR: Span = Span::from_secs(10 * 60);
/// How many times of the p95 of a step a run is silent until it counts as stalled.
pub const STALLED_TIMES: i64 = 3;

/// How a run does. The order is that of the wall.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Condition {
    /// The caller may answer a question of it.
    NeedsYou,
    /// Somebody else has to answer.
    NeedsOther,
    /// Nothing has come from it for longer than its step takes.
    Stalled,
    /// It tries the same again and again.
    Retrying,
    /// It has used up what it may: time, or text of its transcript.
    OverBudget,
    /// It is at work.
    Working,
    /// A person paused it.
    Paused,
    /// An answer waits for its agent to take it up.
    Waiting,
    /// Its agent says that it reached its goal.
    Done,
    /// Its agent says that it did not.
    Failed,
    /// A person stopped it, or its agent gave up.
    Stopped,
}

/// The condition of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// How it does.
    pub condition: Condition,
    /// Since when.
    pub since: Timestamp,
    /// Why, in one line; empty where there is nothing to say.
    pub why: String,
}

/// An open question of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The escalation.
    pub id: EscalationId,
    /// Since when it is open.
    pub since: Timestamp,
    /// By when a person should answer.
    pub due: Timestamp,
    /// Whether the caller may answer it.
    pub is_yours: bool,
}

/// A tool that a run has called and that has not answered, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The tool; none: the agent is between two calls.
    pub tool: Option<String>,
    /// The p95 of such steps; none: there are too few to tell.
    pub p95: Option<Span>,
}

/// The same call proposed again, or the same tool failing again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempts {
    /// The tool.
    pub tool: String,
    /// How often, the first time included.
    pub count: u32,
    /// The first time.
    pub first: Timestamp,
    /// The last time.
    pub last: Timestamp,
}

/// What is over its budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    /// The time that the policy gives a run.
    Time(Timestamp),
    /// The text that a run may write; since when it is known.
    Transcript(Timestamp),
}

/// What is known of a run, as far as its condition rests on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Where it is in its life, with what holds it.
    pub state: RunState,
    /// Since when it is stopped or paused by somebody; none: it is not.
    pub held_since: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Its open questions.
    pub asked: Vec<Asked>,
    /// Since when an answer waits to be taken up.
    pub answered: Option<Timestamp>,
    /// Since when it is at work: its start, or the last time that nobody held it up.
    pub working_since: Timestamp,
    /// When something last came from it.
    pub heard: Timestamp,
    /// What it is at.
    pub step: Step,
    /// What it has tried again.
    pub attempts: Option<Attempts>,
    /// What it has used up.
    pub over: Option<Budget>,
}

// === impl Condition ===

impl Condition {
    /// The conditions, in the order of the wall.
    pub const ALL: [Self; 11] = [
        Self::NeedsYou,
        Self::NeedsOther,
        Self::Stalled,
        Self::Retrying,
        Self::OverBudget,
        Self::Working,
        Self::Paused,
        Self::Waiting,
        Self::Done,
        Self::Failed,
        Self::Stopped,
    ];

    /// Whether somebody should look: a person is needed, or it is at risk.
    pub const fn wants_attention(self) -> bool {
        matches!(
            self,
            Self::NeedsYou | Self::NeedsOther | Self::Stalled | Self::Retrying | Self::OverBudget
        )
    }

    /// Whether the run is over.
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Stopped)
    }
}

// === impl Known ===

impl Known {
    /// The condition at a time: the first line that fits.
    pub fn judge(&self, now: Timestamp) -> Standing {
        self.end()
            .or_else(|| self.needs(true))
            .or_else(|| self.needs(false))
            .or_else(|| self.paused())
            .or_else(|| self.waiting())
            .or_else(|| self.stalled(now))
            .or_else(|| self.retrying(now))
            .or_else(|| self.over_budget())
            .unwrap_or_else(|| self.working())
    }

    /// When it becomes stalled if nothing comes from it.
    pub fn stalls_at(&self) -> Timestamp {
        self.heard.plus(self.patience())
    }

    fn patience(&self) -> Span {
        let times = |p95: Span| Span::from_micros(p95.as_micros().saturating_mul(STALLED_TIMES));
        self.step.p95.map_or(STALL_DEFAULT, |p95| times(p95).max(STALL_MIN))
    }

    fn end(&self) -> Option<Standing> {
        let (condition, why) = match self.state {
            RunState::Running | RunState::Paused => return None,
            RunState::Succeeded => (Condition::Done, ""),
            RunState::Failed => (Condition::Failed, "its agent says that it failed"),
            RunState::Cancelled => (Condition::Stopped, "its agent gave up"),
            RunState::Stopped => (Condition::Stopped, "a person stopped it"),
        };
        let since = self.ended.or(self.held_since).unwrap_or(self.heard);
        Some(Standing { condition, since, why: why.to_owned() })
    }

    fn needs(&self, is_yours: bool) -> Option<Standing> {
        let mine: Vec<_> = self.asked.iter().filter(|it| it.is_yours == is_yours).collect();
        let since = mine.iter().map(|it| it.since).min()?;
        let condition = if is_yours { Condition::NeedsYou } else { Condition::NeedsOther };
        let why = match (mine.len(), is_yours) {
            (1, true) => "a question that you may answer".to_owned(),
            (1, false) => "a question to others".to_owned(),
            (count, true) => format!("{count} questions that you may answer"),
            (count, false) => format!("{count} questions to others"),
        };
        Some(Standing { condition, since, why })
    }

    fn paused(&self) -> Option<Standing> {
        let is_paused = self.state == RunState::Paused;
        let since = self.held_since.unwrap_or(self.heard);
        let why = "a person paused it".to_owned();
        is_paused.then_some(Standing { condition: Condition::Paused, since, why })
    }

    fn waiting(&self) -> Option<Standing> {
        let why = "an answer waits for its agent to take it up".to_owned();
        self.answered.map(|since| Standing { condition: Condition::Waiting, since, why })
    }

    fn stalled(&self, now: Timestamp) -> Option<Standing> {
        if now < self.stalls_at() {
            return None;
        }
        let silent = words(now.since(self.heard));
        let why = match (&self.step.tool, self.step.p95) {
            (Some(tool), Some(p95)) => {
                format!("no event for {silent}, p95 of {tool} is {}", words(p95))
            }
            (Some(tool), None) => format!("no event for {silent}, {tool} has not answered"),
            (None, _) => format!("no event for {silent}"),
        };
        Some(Standing { condition: Condition::Stalled, since: self.heard, why })
    }

    fn retrying(&self, now: Timestamp) -> Option<Standing> {
        let again = self.attempts.as_ref()?;
        if again.count < RETRYING_FROM || now.since(again.last) > RETRYING_FOR {
            return None;
        }
        let why = format!("{}, attempt {}", again.tool, again.count);
        Some(Standing { condition: Condition::Retrying, since: again.first, why })
    }

    fn over_budget(&self) -> Option<Standing> {
        let (since, why) = match self.over? {
            Budget::Time(since) => (since, "it has used up its time"),
            Budget::Transcript(since) => (since, "it has written as much as a run may"),
        };
        Some(Standing { condition: Condition::OverBudget, since, why: why.to_owned() })
    }

    fn working(&self) -> Standing {
        let why = self.step.tool.as_ref().map(|tool| format!("runs {tool}")).unwrap_or_default();
        Standing { condition: Condition::Working, since: self.working_since, why }
    }
}

/// A span in the largest whole units that tell enough: `40 s`, `4 m`, `2 h`, `3 d`.
fn words(span: Span) -> String {
    let seconds = span.as_micros() / 1_000_000;
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7_200 => format!("{} m", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests;

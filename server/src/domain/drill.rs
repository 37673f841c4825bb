//! Drills: past cases, some with one planted defect, on which people practise. Nothing is
//! asked by one and nothing runs: a drill is a record of its own, and no figure of the
//! real queue counts it.
//!
//! What somebody did is that person's: others are shown it from [`PRIVATE_BELOW`] answers
//! on, and figures over all of them only where they do not give one person away.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::escalation::SeverityTier;
use super::ids::{DrillId, EscalationId};
use super::payload::PayloadRef;
use super::time::{Span, Timestamp};

/// How long a person is left in peace after a drill.
pub const PAUSE: Span = Span::from_secs(30 * 60);
/// No drill is given while a real question is so near to the end of its time.
pub const QUIET_BEFORE: Span = Span::from_secs(5 * 60);
/// With fewer answers what a person did is shown to that person alone.
pub const PRIVATE_BELOW: u32 = 30;
/// After how many real questions, at the least and at the most, a drill is mixed among
/// them: 1 to 2 % of what a person is given.
pub const APART: RangeInclusive<u32> = 50..=99;
/// How the target is named as the place of a defect.
pub const TARGET: &str = "@target";

/// A drill as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drill {
    /// The drill's id.
    pub id: DrillId,
    /// The question that it was made of.
    pub source: EscalationId,
    /// The agent that asked.
    pub agent: String,
    /// The tool.
    pub tool: String,
    /// The lane it was asked in.
    pub lane: String,
    /// How grave a mistake would be.
    pub severity: SeverityTier,
    /// The rule that asked.
    pub rule: Option<String>,
    /// A [`DrillContent`].
    pub content: PayloadRef,
    /// Whether a defect was planted.
    pub is_planted: bool,
    /// Who made it.
    pub creator: String,
    /// Who that is, whichever name was used.
    pub person: String,
    /// When it was made.
    pub create_time: Timestamp,
}

/// What a drill shows, and what is wrong with it: a payload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillContent {
    /// What the tool acts on.
    pub target: String,
    /// The arguments: JSON.
    pub arguments: Vec<u8>,
    /// The agent's words.
    pub reasoning: String,
    /// What the run was to reach.
    pub goal: String,
    /// Why the policy asked.
    pub why: String,
    /// What was planted.
    pub defect: Option<Defect>,
}

/// A planted defect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Defect {
    /// Where: [`TARGET`], or a JSON pointer (RFC 6901) into the arguments.
    pub place: String,
    /// What stood there: JSON.
    pub was: String,
    /// What stands there now: JSON.
    pub is: String,
    /// What is wrong with it, in words.
    pub words: String,
}

/// What a person says of a drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DrillChoice {
    /// It would be approved.
    Approve,
    /// It would be rejected.
    Reject,
}

impl DrillChoice {
    /// What is right to say of a case with a planted defect, or without one.
    pub const fn right(is_planted: bool) -> Self {
        if is_planted { Self::Reject } else { Self::Approve }
    }
}

/// That a person was given a drill, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillGiven {
    /// When.
    pub give_time: Timestamp,
    /// What the person said; none: nothing yet.
    pub choice: Option<DrillChoice>,
    /// When the person said it.
    pub answer_time: Option<Timestamp>,
}

/// What one person has done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Practice {
    /// Who.
    pub person: String,
    /// The drill that the person has and has not answered.
    pub open: Option<DrillId>,
    /// When the person was last given one.
    pub last_time: Option<Timestamp>,
    /// How many real questions the person was given since, as far as they matter.
    #[serde(default, skip_serializing_if = "is_none")]
    pub questions: u32,
    /// How many make the next one due; 0: nobody has drawn that yet.
    #[serde(default, skip_serializing_if = "is_none")]
    pub apart: u32,
    /// What came of them.
    pub figures: DrillFigures,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde wants it")]
const fn is_none(count: &u32) -> bool {
    *count == 0
}

/// What came of drills.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillFigures {
    /// How many were given.
    pub given: u32,
    /// Answers to cases with a planted defect.
    pub planted: u32,
    /// Those of them that rejected the case.
    pub caught: u32,
    /// Answers to cases without one.
    pub clean: u32,
    /// Those of them that rejected the case.
    pub false_alarms: u32,
}

impl DrillFigures {
    /// How many were answered.
    pub const fn answered(&self) -> u32 {
        self.planted + self.clean
    }

    fn note(&mut self, is_planted: bool, choice: DrillChoice) {
        let is_rejected = u32::from(choice == DrillChoice::Reject);
        let (answers, rejected) = match is_planted {
            true => (&mut self.planted, &mut self.caught),
            false => (&mut self.clean, &mut self.false_alarms),
        };
        *answers += 1;
        *rejected += is_rejected;
    }

    fn add(&mut self, other: &Self) {
        self.given += other.given;
        self.planted += other.planted;
        self.caught += other.caught;
        self.clean += other.clean;
        self.false_alarms += other.false_alarms;
    }
}

impl Practice {
    /// What a person who was never given one has done.
    pub fn of(person: &str) -> Self {
        Self { person: person.to_owned(), ..Self::default() }
    }

    /// Until when the person is left in peace; none: another may be given.
    pub fn rests_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.last_time.map(|last| last.plus(PAUSE)).filter(|until| now < *until)
    }

    /// Notes that the person is given one; by a number at random the next is due after
    /// more or fewer questions, so that nobody can count to it.
    pub fn give(&mut self, drill: DrillId, draw: u32, now: Timestamp) {
        self.open = Some(drill);
        self.last_time = Some(now);
        self.questions = 0;
        self.apart = APART.start() + draw % (APART.end() - APART.start() + 1);
        self.figures.given += 1;
    }

    /// Notes that the person is given a real question.
    pub fn note_question(&mut self) {
        self.questions = (self.questions + 1).min(*APART.end());
    }

    /// Whether the next thing that the person is given may be a drill.
    pub fn is_due(&self) -> bool {
        let apart = if self.apart == 0 { *APART.end() } else { self.apart };
        self.open.is_none() && self.questions >= apart
    }

    /// Notes what the person says of the one it has.
    pub fn answer(&mut self, is_planted: bool, choice: DrillChoice) {
        self.open = None;
        self.figures.note(is_planted, choice);
    }
}

/// What somebody may see of what all have done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DrillResults {
    /// What the caller has done.
    pub own: DrillFigures,
    /// What all have done; none: it would give one person away.
    pub team: Option<DrillFigures>,
    /// What each has done of whom others may see it, by person.
    pub people: Vec<(String, DrillFigures)>,
    /// How many others have answered whose figures are theirs alone.
    pub private_people: usize,
}

impl DrillResults {
    /// What a person may see; people one by one only for whoever leads them.
    pub fn for_person(person: &str, leads: bool, all: &[Practice]) -> Self {
        let mut results = Self::default();
        let mut team = DrillFigures::default();
        for practice in all {
            team.add(&practice.figures);
            let is_private = practice.figures.answered() < PRIVATE_BELOW;
            if practice.person == person {
                results.own = practice.figures;
            } else if !is_private && leads {
                results.people.push((practice.person.clone(), practice.figures));
            } else if is_private && practice.figures.answered() > 0 {
                results.private_people += 1;
            }
        }
        // Of one other the rest would be what the sum is short of.
        results.team = (results.private_people != 1).then_some(team);
        results
    }
}

/// Plants a value at one place of a case, and says what stood there; `None`: there is no
/// such place, or the same stands there already.
pub fn plant(
    target: &mut String,
    arguments: &mut Value,
    place: &str,
    value: &Value,
) -> Option<Value> {
    if place == TARGET {
        let text = value.as_str().filter(|text| *text != target)?;
        return Some(Value::String(std::mem::replace(target, text.to_owned())));
    }
    let there = arguments.pointer_mut(place).filter(|there| !place.is_empty() && **there != *value);
    Some(std::mem::replace(there?, value.clone()))
}

#[cfg(test)]
mod tests;

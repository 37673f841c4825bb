//! Briefings: what a person reads before deciding, composed by the server.
//!
//! What is known when the question is asked is a [`Briefing`], stored as it was
//! written. What people are shown is made of it by [`Briefing::shown`]: within a budget
//! of words, in safe text. Nothing is shortened without being said, and what was cut
//! can be read in full beside it.

mod compose;
mod facts;
mod questions;
mod quotes;
mod risks;

use serde::{Deserialize, Serialize};

pub use compose::{Asked, for_action};
pub use questions::{
    for_compensation, for_flood, for_overdue_run, for_redirected_run, for_unexpected_result,
    for_unknown_execution,
};
pub use quotes::{Quote, quotes};

use super::escalation::SeverityTier;
use super::policy::DelayCost;
use super::render;
use super::time::Timestamp;

/// The most words of a headline.
pub const HEADLINE_WORDS: usize = 12;
/// The most words that say why a person is asked.
pub const WHY_WORDS: usize = 18;
/// The most words that say what happens if nobody answers.
pub const SILENCE_WORDS: usize = 10;
/// The most facts beside the payload.
pub const MOST_FACTS: usize = 7;
/// The most facts that are kept; those beyond [`MOST_FACTS`] stand in the details.
const MOST_FACTS_KEPT: usize = 24;
/// The most characters of an agent's own words.
pub const STATEMENT_CHARS: usize = 2_000;
/// The most characters of a headline, and of what says why.
const SENTENCE_CHARS: usize = 240;
/// The most characters of a name, a fact or a consequence.
const VALUE_CHARS: usize = 200;
/// The most characters of a text in the details.
const DETAIL_CHARS: usize = 4_000;

/// What a reviewer needs to decide, as it was when the question was asked: a payload.
/// The action's own bytes are in its content. Texts may hold an agent's words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Briefing {
    /// One sentence: what is asked, on what.
    pub headline: String,
    /// What the tool acts on.
    pub target: String,
    /// Why the policy asks.
    pub why: String,
    /// What happens if nobody answers.
    pub if_silent: String,
    /// What is risky about it, the gravest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub risks: Vec<Risk>,
    /// What is known of it, the most important first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<BriefFact>,
    /// What the tool does, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<String>,
    /// What each answer leads to, and silence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub consequences: Vec<Consequence>,
    /// Where the target can be looked at in its own system; empty: nowhere.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub link: String,
    /// What it costs to wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_cost: Option<DelayCost>,
    /// What a reviewer looks at before answering.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}

/// Something that a reviewer looks at before answering.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Its name in the rule.
    pub id: String,
    /// What it is.
    pub label: String,
    /// Where it is; empty: not at an address.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub link: String,
    /// Whether a critical action is permitted only once it was looked at.
    pub is_required: bool,
}

/// What is risky about an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Risk {
    /// What it is.
    pub kind: RiskKind,
    /// How grave it is by itself.
    pub level: SeverityTier,
    /// The same in a few words.
    pub words: String,
}

/// What may be risky about an action. More may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RiskKind {
    /// Much money is at stake.
    HighValue,
    /// A mistake touches many.
    BlastRadius,
    /// It is hard or impossible to take back.
    Irreversible,
    /// Law or contracts watch it.
    Compliance,
    /// The public would mind a mistake, or it would stop much.
    Impact,
    /// The agent is not sure.
    LowConfidence,
    /// Something in it hides or disguises itself.
    HiddenText,
    /// It names somebody or something that nobody has named.
    UnknownSource,
    /// It names somebody or something that only a tool's text has named.
    ToolSource,
    /// The agent has not done the like before.
    Novel,
    /// The catalogue does not know the tool.
    UnknownTool,
    /// A system of record gave no answer.
    MissingFact,
    /// A rule could not be judged.
    FailedRule,
    /// The arguments are not as the tool's schema says.
    InvalidArguments,
    /// A tool answered unexpectedly before.
    UnexpectedResult,
    /// The run was delegated often.
    Delegated,
    /// The run has missed its time budget.
    Overdue,
}

/// Something known of an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BriefFact {
    /// What it is about.
    pub label: String,
    /// What is known.
    pub value: String,
    /// Who vouches for it.
    pub mark: FactMark,
    /// Where it comes from, in words.
    pub source: String,
    /// When it was so; none: when the question was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
}

/// Who vouches for a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactMark {
    /// The server, or a system of record that it asked.
    System,
    /// A tool of the run.
    Tool,
    /// Only the agent.
    Agent,
}

/// An answer that a person can give, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// Approve.
    Approve,
    /// Approve an edited action.
    Modify,
    /// Reject.
    Reject,
    /// Answer in the tool's place.
    Respond,
    /// Correct it in words.
    Instruct,
    /// Nobody answers.
    Silence,
}

/// What an answer leads to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consequence {
    /// The answer.
    pub choice: Choice,
    /// What it leads to.
    pub words: String,
}

/// A text of a briefing that had to be cut, in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detail {
    /// Which.
    pub label: String,
    /// All of it, in safe text.
    pub text: String,
}

/// A briefing in safe text and within its budget.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShownBriefing {
    /// The briefing; the target is as the agent gave it.
    pub briefing: Briefing,
    /// Facts that found no room.
    pub more_facts: Vec<BriefFact>,
    /// What was cut, in full.
    pub details: Vec<Detail>,
}

impl Briefing {
    /// How many words of it there are to read that are not the same each time: what is
    /// asked and why, what is risky and what is known, within the budget.
    pub fn words(&self) -> usize {
        let asked = word_count(&self.headline).min(HEADLINE_WORDS);
        let why = word_count(&self.why).min(WHY_WORDS);
        let risks: usize = self.risks.iter().map(|it| word_count(&it.words)).sum();
        let facts = self.facts.iter().take(MOST_FACTS);
        let facts: usize = facts.map(|it| word_count(&it.label) + word_count(&it.value)).sum();
        asked + why + risks + facts
    }

    /// The briefing in safe text, cut to its budget.
    pub fn shown(&self) -> ShownBriefing {
        let mut details = Vec::new();
        let mut sentence = |label: &str, text: &str, words: usize| {
            let (short, is_cut) = cut(text, words, SENTENCE_CHARS);
            if is_cut {
                let text = cut(text, usize::MAX, DETAIL_CHARS).0;
                details.push(Detail { label: label.to_owned(), text });
            }
            short
        };
        let value = |text: &str| cut(text, usize::MAX, VALUE_CHARS).0;
        let fact = |fact: &BriefFact| BriefFact {
            label: value(&fact.label),
            value: value(&fact.value),
            source: value(&fact.source),
            ..fact.clone()
        };
        let risk = |risk: &Risk| Risk { words: value(&risk.words), ..risk.clone() };
        let consequence = |it: &Consequence| Consequence { words: value(&it.words), ..*it };
        let evidence = |it: &Evidence| Evidence { label: value(&it.label), ..it.clone() };
        let mut facts: Vec<_> = self.facts.iter().map(fact).collect();
        let more_facts = facts.split_off(facts.len().min(MOST_FACTS));
        let briefing = Self {
            headline: sentence("headline", &self.headline, HEADLINE_WORDS),
            target: self.target.clone(),
            why: sentence("why", &self.why, WHY_WORDS),
            if_silent: sentence("if_silent", &self.if_silent, SILENCE_WORDS),
            risks: self.risks.iter().map(risk).collect(),
            facts,
            effects: self.effects.iter().map(|text| value(text)).collect(),
            consequences: self.consequences.iter().map(consequence).collect(),
            link: self.link.clone(),
            delay_cost: self.delay_cost.clone(),
            evidence: self.evidence.iter().map(evidence).collect(),
        };
        ShownBriefing { briefing, more_facts, details }
    }
}

/// How many words a text has.
pub fn word_count(text: &str) -> usize {
    text.split_whitespace().count()
}

/// A text in safe text, at most so many words and characters of it, and whether it
/// had to be cut: then a mark says by how much.
fn cut(text: &str, words: usize, chars: usize) -> (String, bool) {
    let end_of_words = match word_count(text) > words {
        true => end_of(text, words),
        false => text.len(),
    };
    let end_of_chars = text.char_indices().nth(chars).map_or(text.len(), |(at, _)| at);
    let end = end_of_words.min(end_of_chars);
    let Some((shown, rest)) = text.split_at_checked(end).filter(|(_, rest)| !rest.is_empty())
    else {
        return (render::line(text), false);
    };
    let left = match end_of_words <= end_of_chars {
        true => format!("‹{} more words›", word_count(rest)),
        false => format!("‹{} more characters›", rest.chars().count()),
    };
    (format!("{} {left}", render::line(shown)), true)
}

/// Where the first so many words of a text end.
fn end_of(text: &str, words: usize) -> usize {
    let mut ends = text.split_whitespace().map(|word| {
        // Both point into the same text.
        word.as_ptr() as usize - text.as_ptr() as usize + word.len()
    });
    words.checked_sub(1).and_then(|last| ends.nth(last)).unwrap_or(0)
}

#[cfg(test)]
mod tests;

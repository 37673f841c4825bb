//! The tool catalogue: what a policy knows of each tool, whoever calls it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::delay::DelayCost;
pub use super::lexicon::EffectClass;
use super::link::LinkTemplate;
use super::schema::ArgumentSchema;
use crate::domain::money::{Money, Stake};
use crate::domain::time::Span;

/// How long a redeemed action may go without an outcome.
pub(super) const OUTCOME_TIMEOUT_DEFAULT: Span = Span::from_secs(10 * 60);

/// How much of something there is: three steps, as risk registers have them.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Little.
    #[default]
    Low,
    /// Some.
    Medium,
    /// Much.
    High,
}

impl Level {
    /// The level's name in documents and conditions.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// From which number on something is of a level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Steps {
    /// From here on medium.
    pub medium: Option<f64>,
    /// From here on high.
    pub high: Option<f64>,
}

impl Steps {
    /// The level of a number; its sign does not matter, and what is no number is
    /// high.
    pub fn level(self, number: f64) -> Level {
        let reaches =
            |step: Option<f64>| step.is_some_and(|step| number.is_nan() || number.abs() >= step);
        match () {
            () if reaches(self.high) => Level::High,
            () if reaches(self.medium) => Level::Medium,
            () => Level::Low,
        }
    }
}

/// Where in the arguments something stands: field names joined by dots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Path(String);

impl Path {
    /// The path as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The value that stands there; `null` is none.
    pub fn find<'a>(&self, arguments: &'a Map<String, Value>) -> Option<&'a Value> {
        find(arguments, &self.0).filter(|value| !value.is_null())
    }
}

impl From<&str> for Path {
    fn from(path: &str) -> Self {
        Self(path.to_owned())
    }
}

/// The value at a dotted path.
pub(super) fn find<'a>(arguments: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    let mut parts = path.split('.');
    let mut value = arguments.get(parts.next()?)?;
    for part in parts {
        value = value.as_object()?.get(part)?;
    }
    Some(value)
}

/// What a mistake of the tool touches.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Impact {
    /// From which amount on much money is at stake.
    pub financial: Steps,
    /// What the public would make of it.
    pub reputational: Level,
    /// How much it stops.
    pub operational: Level,
    /// From how many of `affected` on many are touched.
    pub affected: Steps,
}

/// What the document says of one tool.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool {
    /// Whether the catalogue names it.
    pub is_known: bool,
    /// What it does, in words.
    pub description: String,
    /// Whether it changes anything; what nobody said counts as yes.
    pub writes: bool,
    /// Its effect classes.
    pub effects: Vec<EffectClass>,
    /// How hard it is to take back.
    pub irreversibility: Level,
    /// How many a mistake would touch.
    pub blast_radius: Level,
    /// How much law and contracts say of it.
    pub compliance_exposure: Level,
    /// What a mistake touches.
    pub impact: Impact,
    /// The tool that takes it back.
    pub compensation: Option<String>,
    /// Whether running it twice does no more than running it once.
    pub is_idempotent: bool,
    /// How long it may run without an outcome.
    pub outcome_timeout: Span,
    /// Which argument says what it acts on.
    pub target: Option<Path>,
    /// Which argument says how much.
    pub amount: Option<Path>,
    /// Which argument says in which currency.
    pub currency: Option<Path>,
    /// Which argument says for which customer.
    pub customer: Option<Path>,
    /// Which argument says how many, or whom, it touches.
    pub affected: Option<Path>,
    /// Which arguments name somebody or some place outside; none said: guessed.
    pub identifiers: Option<Vec<Path>>,
    /// Where its target can be looked at in its own system.
    pub link: Option<LinkTemplate>,
    /// What it costs to wait for a person.
    pub delay_cost: Option<DelayCost>,
    /// What its arguments look like.
    pub arguments: Option<ArgumentSchema>,
    /// What its results look like.
    pub result: Option<ArgumentSchema>,
}

impl Default for Tool {
    fn default() -> Self {
        Self {
            is_known: false,
            description: String::new(),
            writes: true,
            effects: Vec::new(),
            irreversibility: Level::Low,
            blast_radius: Level::Low,
            compliance_exposure: Level::Low,
            impact: Impact::default(),
            compensation: None,
            is_idempotent: false,
            outcome_timeout: OUTCOME_TIMEOUT_DEFAULT,
            target: None,
            amount: None,
            currency: None,
            customer: None,
            affected: None,
            identifiers: None,
            link: None,
            delay_cost: None,
            arguments: None,
            result: None,
        }
    }
}

impl Tool {
    /// Where a target can be looked at in its own system.
    pub fn link_to(&self, target: &str) -> Option<String> {
        self.link.as_ref()?.to(target)
    }

    /// How many the arguments say are touched: a number, or the length of a list.
    pub fn affected_count(&self, arguments: &Map<String, Value>) -> Option<f64> {
        match self.affected.as_ref()?.find(arguments)? {
            Value::Array(items) => Some(items.len() as f64),
            Value::Object(fields) => Some(fields.len() as f64),
            other => Some(other.as_f64().unwrap_or(f64::NAN)),
        }
    }

    /// How many a mistake of this call would touch.
    pub fn blast_radius_of(&self, arguments: &Map<String, Value>) -> Level {
        let counted = self.affected_count(arguments).map(|count| self.impact.affected.level(count));
        counted.map_or(self.blast_radius, |level| level.max(self.blast_radius))
    }

    /// The amount that the arguments name.
    pub fn stake(&self, arguments: &Map<String, Value>) -> Stake {
        let Some(path) = &self.amount else { return Stake::Unpriced };
        let Some(units) = path.find(arguments).and_then(Value::as_f64) else {
            return Stake::Unknown;
        };
        let currency = match &self.currency {
            None => None,
            Some(path) => match path.find(arguments).and_then(Value::as_str) {
                Some(currency) => Some(currency),
                None => return Stake::Unknown,
            },
        };
        Stake::Amount(Money::new(units, currency))
    }

    /// How much money is at stake; an amount that should be there and is not a
    /// number counts as much.
    pub fn financial_impact(&self, arguments: &Map<String, Value>) -> Level {
        let Some(path) = &self.amount else { return Level::Low };
        if self.impact.financial == Steps::default() {
            return Level::Low;
        }
        let amount = path.find(arguments).and_then(Value::as_f64);
        self.impact.financial.level(amount.unwrap_or(f64::NAN))
    }
}

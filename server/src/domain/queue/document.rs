//! The settings as operators write them: YAML, read into these types and nothing
//! else. The published JSON Schema is made of them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::civil::Date;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::domain::escalation::{Friction, SeverityTier};
use crate::domain::period::Period;

/// The document.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "QueueSettings", title = "Pointsman queue settings")]
pub(super) struct Document {
    /// The version of the format: 1.
    pub(super) version: u32,
    /// What the settings are called, at most 32 characters of `A-Za-z0-9_.-`.
    pub(super) name: Option<String>,
    /// What they are for.
    #[serde(default)]
    #[expect(dead_code, reason = "for readers of the document")]
    pub(super) description: String,
    /// The lanes, by the names that policies give them; at most 64. A lane that is not
    /// here has weight 1, no calendar and no chain.
    #[serde(default)]
    pub(super) lanes: BTreeMap<String, LaneDoc>,
    /// Groups of people, by name; at most 128.
    #[serde(default)]
    pub(super) teams: BTreeMap<String, TeamDoc>,
    /// When people are on duty, by name; at most 64.
    #[serde(default)]
    pub(super) calendars: BTreeMap<String, CalendarDoc>,
    /// What happens while a question waits, by name; at most 64.
    #[serde(default)]
    pub(super) chains: BTreeMap<String, Vec<StepDoc>>,
    /// Which questions go to whom. The first that matches counts; at most 256.
    #[serde(default)]
    pub(super) routing: Vec<RouteDoc>,
    /// How what was decided without a person is reviewed afterwards.
    #[serde(default)]
    pub(super) reviews: ReviewsDoc,
    /// What of people's answers may leave as labelled examples.
    #[serde(default)]
    pub(super) feedback: FeedbackDoc,
    /// Who practises on drills.
    #[serde(default)]
    pub(super) drills: DrillsDoc,
    /// Whether answers want reasons, evidence and typed values, by how grave a mistake
    /// would be; unset: `by_tier`.
    #[serde(default = "by_tier")]
    pub(super) friction: Friction,
}

const fn by_tier() -> Friction {
    Friction::ByTier
}

/// Who practises on drills: past cases, some with a planted defect.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Drills")]
pub(super) struct DrillsDoc {
    /// People who are given drills, at most 64; `*` stands for any characters. Unset: nobody
    /// is.
    #[serde(default)]
    pub(super) people: Vec<String>,
}

/// What of people's answers may leave as labelled examples.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Feedback")]
pub(super) struct FeedbackDoc {
    /// Whether any may; unset: off.
    #[serde(default)]
    pub(super) export: FeedbackExport,
    /// What is replaced by a mark, at most 64: `PATH` or `TOOL:PATH` in the arguments, such
    /// as `customer.iban` or `refund:items.*.name`, in which `*` stands for any characters
    /// of one key; or `@target`, `@reasoning`, `@goal`, `@note`, `@response`,
    /// `@instruction`.
    #[serde(default)]
    pub(super) redact: Vec<String>,
    /// Only of agents of these names, at most 64; `*` stands for any characters. Unset: of
    /// every agent.
    #[serde(default)]
    pub(super) agents: Vec<String>,
}

/// Whether examples may leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum FeedbackExport {
    /// None may.
    #[default]
    Off,
    /// Those may where a person said something else than was proposed or decided.
    Labelled,
}

/// How what was decided without a person is reviewed afterwards.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Reviews")]
pub(super) struct ReviewsDoc {
    /// How many people judge each sampled action, blind to each other, 1 to 5; unset: 1.
    #[serde(default = "one")]
    pub(super) per_case: u32,
}

impl Default for ReviewsDoc {
    fn default() -> Self {
        Self { per_case: one() }
    }
}

/// A lane of the queue.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Lane")]
pub(super) struct LaneDoc {
    /// How much of people's attention it is meant to get beside the other lanes, 1 to
    /// 100; unset: 1.
    #[serde(default = "one")]
    pub(super) weight: u32,
    /// When people look after it. Due times and steps are counted in these hours;
    /// expire times never are. Unset: always.
    pub(super) calendar: Option<String>,
    /// What happens while a question of the lane waits; unset: nothing beside due and
    /// expire times.
    pub(super) chain: Option<String>,
}

const fn one() -> u32 {
    1
}

/// A group of people.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Team")]
pub(super) struct TeamDoc {
    /// The principals, at most 256.
    pub(super) members: Vec<String>,
    /// What they can judge, at most 16 words.
    #[serde(default)]
    pub(super) skills: Vec<String>,
}

/// When people are on duty: what the clock on their wall shows.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Calendar")]
pub(super) struct CalendarDoc {
    /// The zone of that clock, by its IANA name, such as `Europe/Berlin`.
    pub(super) time_zone: String,
    /// The hours of each week, at most 32 entries.
    pub(super) hours: Vec<HoursDoc>,
    /// Dates on which nobody is, such as `2026-12-25`; at most 400.
    #[serde(default)]
    pub(super) holidays: Vec<Day>,
}

/// Hours of some days of the week.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Hours")]
pub(super) struct HoursDoc {
    /// The days.
    pub(super) days: Vec<DayOfWeek>,
    /// The first minute, such as `09:00`.
    pub(super) from: TimeOfDay,
    /// The end, such as `17:30`; `24:00` is the end of the day. A night is two entries.
    pub(super) to: TimeOfDay,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum DayOfWeek {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

/// One step of a chain.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Step")]
pub(super) struct StepDoc {
    /// How long after the question was opened, counted in the hours of the lane's
    /// calendar. Rises from step to step.
    pub(super) after: Period,
    /// What happens.
    #[serde(rename = "do")]
    pub(super) verb: StepVerb,
    /// For `notify` and `on_call`: who is told, 1 to 4 of `team:NAME`, `person:NAME`
    /// and `channel:NAME`.
    #[serde(default)]
    pub(super) to: Vec<String>,
    /// For `widen`: the team that may look at it as well.
    pub(super) team: Option<String>,
    /// For `widen`: the skills that are enough from then on, at most 4.
    #[serde(default)]
    pub(super) skills: Vec<String>,
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum StepVerb {
    /// Tells people that it waits.
    Notify,
    /// Lets another team, or people with other skills, look at it as well.
    Widen,
    /// Asks the supervisors.
    Supervisor,
    /// Wakes who is on call.
    OnCall,
    /// Closes it without an answer, and tells the agent to take its fallback.
    Fallback,
}

/// Which questions go to whom. What is not said matches everything.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Route")]
pub(super) struct RouteDoc {
    /// Only of these lanes.
    #[serde(default)]
    pub(super) lanes: Vec<String>,
    /// Only of tools of these names; `*` stands for any characters.
    #[serde(default)]
    pub(super) tools: Vec<String>,
    /// Only at least this grave.
    pub(super) min_severity: Option<SeverityTier>,
    /// Only asked by these policy rules.
    #[serde(default)]
    pub(super) rules: Vec<String>,
    /// The team that it goes to; unset: everybody.
    pub(super) team: Option<String>,
    /// The skills that it needs, at most 4.
    #[serde(default)]
    pub(super) skills: Vec<String>,
    /// The chain in place of the lane's.
    pub(super) chain: Option<String>,
}

/// A time of day: `00:00` to `24:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct TimeOfDay {
    /// Minutes after midnight.
    pub(super) minutes: u32,
}

impl TryFrom<String> for TimeOfDay {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("`{text}`: want a time of day such as 09:00, at most 24:00");
        let (hours, minutes) = text.split_once(':').ok_or_else(wrong)?;
        let number = |digits: &str| {
            let is_plain = digits.len() == 2 && digits.bytes().all(|it| it.is_ascii_digit());
            digits.parse::<u32>().ok().filter(|_| is_plain).ok_or_else(wrong)
        };
        let (hours, minutes) = (number(hours)?, number(minutes)?);
        if minutes > 59 || hours * 60 + minutes > 24 * 60 {
            return Err(wrong());
        }
        Ok(Self { minutes: hours * 60 + minutes })
    }
}

impl JsonSchema for TimeOfDay {
    fn schema_name() -> Cow<'static, str> {
        "TimeOfDay".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$",
            "description": "A time of day: `00:00` to `24:00`."
        })
    }
}

/// A date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Day(pub(super) Date);

impl TryFrom<String> for Day {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("`{text}`: want a date such as 2026-12-25");
        let date: Date = text.parse().map_err(|_| wrong())?;
        // Nothing but the date: the library would read a time behind it as well.
        if date.to_string() == text { Ok(Self(date)) } else { Err(wrong()) }
    }
}

impl JsonSchema for Day {
    fn schema_name() -> Cow<'static, str> {
        "Date".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "date",
            "description": "A date such as `2026-12-25`."
        })
    }
}

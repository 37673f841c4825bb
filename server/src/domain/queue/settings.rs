//! What the document says, checked.

use std::collections::BTreeMap;

use super::calendar::Calendar;
use super::chain::{PlannedStep, Step};
use super::plan::{Plan, Times};
use super::routing::{Asked, Route};
use crate::domain::escalation::Friction;
use crate::domain::feedback::Redaction;
use crate::domain::ids::QueueSettingsId;
use crate::domain::time::{Span, Timestamp};

/// A lane of the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    /// How much of people's attention it is meant to get beside the others.
    pub weight: u32,
    /// When people look after it; none: always.
    pub calendar: Option<String>,
    /// What happens while a question waits; none: nothing.
    pub chain: Option<String>,
}

impl Default for Lane {
    fn default() -> Self {
        Self { weight: 1, calendar: None, chain: None }
    }
}

/// A group of people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Team {
    /// The principals.
    pub members: Vec<String>,
    /// What they can judge.
    pub skills: Vec<String>,
}

/// The settings of a queue. The default is what is in force where nobody put any: no
/// calendars, no chains, everybody looks at everything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// What they are called.
    pub name: Option<String>,
    pub(super) lanes: BTreeMap<String, Lane>,
    pub(super) teams: BTreeMap<String, Team>,
    pub(super) calendars: BTreeMap<String, Calendar>,
    pub(super) chains: BTreeMap<String, Vec<Step>>,
    pub(super) routing: Vec<Route>,
    /// How what was decided without a person is reviewed.
    pub reviews: Reviews,
    /// What of people's answers may leave.
    pub feedback: Feedback,
    pub(super) friction: Friction,
    /// Who practises on drills.
    pub drills: Drills,
}

/// Who practises on drills.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drills {
    /// These people are given drills when they ask for one.
    pub people: Vec<String>,
}

/// What of people's answers may leave as labelled examples.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Feedback {
    /// Whether any may.
    pub is_exported: bool,
    /// What is replaced.
    pub redact: Vec<Redaction>,
    /// Only of these agents; none: of every one.
    pub agents: Vec<String>,
}

/// How what was decided without a person is reviewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reviews {
    /// How many people judge each action.
    pub per_case: u32,
}

impl Default for Reviews {
    fn default() -> Self {
        Self { per_case: 1 }
    }
}

impl Settings {
    /// The lanes that the document names.
    pub fn lanes(&self) -> impl Iterator<Item = (&str, &Lane)> {
        self.lanes.iter().map(|(name, lane)| (name.as_str(), lane))
    }

    /// What holds for a lane, named or not.
    pub fn lane(&self, name: &str) -> Lane {
        self.lanes.get(name).cloned().unwrap_or_default()
    }

    /// Every team.
    pub fn teams(&self) -> impl Iterator<Item = &Team> {
        self.teams.values()
    }

    /// A team.
    pub fn team(&self, name: &str) -> Option<&Team> {
        self.teams.get(name)
    }

    /// Works out how a question waits that opens now. None: these are no settings that
    /// anybody put, and there is nothing to say.
    ///
    /// The due time and the steps are counted in the hours of the lane's calendar, where
    /// it has one. The expire time never is, and nothing is planned for after it: a due
    /// time that would be later is the expire time.
    pub fn plan(
        &self,
        revision: Option<QueueSettingsId>,
        asked: &Asked<'_>,
        now: Timestamp,
        [due, expire]: [Span; 2],
    ) -> (Times, Option<Plan>) {
        let expire = now.plus(expire);
        let lane = self.lane(asked.lane);
        let calendar = lane.calendar.as_ref().and_then(|name| self.calendars.get(name));
        let after = |span| match calendar {
            Some(calendar) => calendar.after(now, span, expire),
            None => now.plus(span),
        };
        let times = Times { due: after(due), expire };
        if revision.is_none() {
            return (times, None);
        }
        let route = self.routing.iter().find(|route| route.matches(asked)).cloned();
        let route = route.unwrap_or_default();
        let chain = route.chain.or(lane.chain).unwrap_or_default();
        let steps = self.chains.get(&chain).into_iter().flatten();
        let steps = steps.map(|step| (after(step.after), step));
        let plan = Plan {
            revision,
            chain: chain.clone(),
            teams: route.team.into_iter().collect(),
            skills: route.skills,
            wants_supervisor: false,
            friction: self.friction,
            told: Vec::new(),
            duty_time: calendar.map(|calendar| calendar.first_open(now, expire)),
            steps: steps
                .filter(|(time, _)| *time < expire)
                .map(|(time, step)| PlannedStep {
                    time,
                    action: step.action.clone(),
                    take_time: None,
                })
                .collect(),
        };
        (times, Some(plan))
    }

    /// The members of teams, but for those that a question was asked by or for. A team
    /// that is not there has none.
    pub fn members<'a>(
        &'a self,
        teams: &'a [String],
        beside: &'a [&str],
    ) -> impl Iterator<Item = &'a str> {
        let known = teams.iter().filter_map(|name| self.teams.get(name));
        let members = known.flat_map(|team| &team.members).map(String::as_str);
        members.filter(|member| !beside.contains(member))
    }
}

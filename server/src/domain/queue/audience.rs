//! Who may be asked a question: the teams that it went to, with who stands in for the
//! members that are out of office, and whoever knows what it needs.
//!
//! Whether the answer would count is asked besides: four eyes, roles, authority.

use super::Settings;
use super::plan::Plan;
use crate::domain::directory::{Answerer, Directory, Entry};
use crate::domain::escalation::Escalation;
use crate::domain::principal::Role;
use crate::domain::time::Timestamp;

/// How many people in a row may stand in for each other.
const MAX_STAND_INS: usize = 8;
/// How many people are looked at to see whether anybody may be asked. With more of them
/// somebody may.
const MAX_LOOKED_AT: usize = 1_024;

/// Why somebody is not asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unrouted {
    /// It went to these teams, and the person is in none of them.
    Teams(Vec<String>),
    /// It needs skills that the person has not.
    Skills(Vec<String>),
}

impl std::fmt::Display for Unrouted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Teams(teams) => {
                write!(f, "it went to {}, and you are in none of them", teams.join(", "))
            }
            Self::Skills(skills) => write!(f, "it needs somebody who knows {}", skills.join(", ")),
        }
    }
}

/// Whether anybody may answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Somebody may who is on duty, as far as anybody knows.
    Somebody,
    /// Who may is off duty or out of office.
    AllAway,
    /// Nobody may.
    Nobody,
}

/// What is known of people and of the queue, at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Audience<'a> {
    /// The settings of the queue.
    pub settings: &'a Settings,
    /// Everybody.
    pub people: &'a Directory,
    /// Whether there may be people of whom nothing is known yet.
    pub has_strangers: bool,
    /// The moment.
    pub now: Timestamp,
}

impl<'a> Audience<'a> {
    /// Whether a question is for somebody; for whom the person stands in, if that is the
    /// only reason.
    pub fn require_routed(
        &self,
        question: &Escalation,
        who: Answerer<'_>,
    ) -> Result<Option<&'a str>, Unrouted> {
        let Some(plan) = &question.plan else { return Ok(None) };
        let is_supervisor = who.roles.iter().any(|role| role.includes(Role::Supervisor));
        if plan.wants_supervisor && is_supervisor {
            return Ok(None);
        }
        let mut stood_in = None;
        if !plan.teams.is_empty() && !self.is_member(plan, who.name) {
            stood_in = self.stands_in(plan, who.name);
            if stood_in.is_none() {
                return Err(Unrouted::Teams(plan.teams.clone()));
            }
        }
        if self.knows(plan, who.name, stood_in) {
            return Ok(stood_in);
        }
        Err(Unrouted::Skills(plan.skills.clone()))
    }

    /// Whether anybody may answer a question, as far as is known.
    pub fn reach(&self, question: &Escalation) -> Reach {
        let plan = question.plan.as_ref();
        let teams = plan.map(|plan| plan.teams.as_slice()).unwrap_or_default();
        let is_for_all = teams.is_empty() || plan.is_some_and(|plan| plan.wants_supervisor);
        let known = self.people.entries().map(|entry| entry.name.as_str());
        if is_for_all {
            let is_known = !self.has_strangers && (1..=MAX_LOOKED_AT).contains(&known.len());
            return if is_known { self.best(question, known) } else { Reach::Somebody };
        }
        let teams = teams.iter().filter_map(|team| self.settings.team(team));
        let members = teams.flat_map(|team| &team.members).map(String::as_str);
        let members = members.take(MAX_LOOKED_AT);
        self.best(question, members.flat_map(|name| [Some(name), self.stand_in(name)]).flatten())
    }

    fn best<'b>(&self, question: &Escalation, names: impl Iterator<Item = &'b str>) -> Reach {
        let mut reach = Reach::Nobody;
        for name in names {
            let entry = self.people.entry(name);
            let mut roles = entry.map(|entry| entry.known_roles(self.now)).unwrap_or_default();
            if roles.is_empty() {
                // Of whom nothing is known may be anything that answers.
                roles.push(Role::Supervisor);
            }
            if !self.is_for(question, Answerer { name, roles: &roles }) {
                continue;
            }
            let is_away = |entry: &Entry| {
                entry.availability.is_off_duty || entry.availability.is_absent(self.now)
            };
            if !entry.is_some_and(is_away) {
                return Reach::Somebody;
            }
            reach = Reach::AllAway;
        }
        reach
    }

    /// Whether the question is for somebody whose answer would count.
    pub fn is_for(&self, question: &Escalation, who: Answerer<'_>) -> bool {
        let has = |wanted: Role| who.roles.iter().any(|role| role.includes(wanted));
        let has_voted = || question.require_no_vote(self.people.person_of(who.name)).is_err();
        has(Role::Reviewer)
            && question.required_role.is_none_or(has)
            && self.people.covers(who, &question.matter(), self.now)
            && self.require_routed(question, who).is_ok()
            && self.people.require_four_eyes(who.name, question.parties(), "").is_ok()
            && (question.votes.is_empty() || !has_voted())
    }

    fn is_member(&self, plan: &Plan, name: &str) -> bool {
        let teams = plan.teams.iter().filter_map(|team| self.settings.team(team));
        teams.into_iter().any(|team| team.members.iter().any(|member| member == name))
    }

    /// The member of the teams for whom somebody stands in.
    fn stands_in(&self, plan: &Plan, name: &str) -> Option<&'a str> {
        let settings = self.settings;
        let teams = plan.teams.iter().filter_map(|team| settings.team(team));
        let mut members = teams.flat_map(|team| &team.members).map(String::as_str);
        members.find(|member| self.stand_in(member) == Some(name))
    }

    /// Who stands in for somebody now: the first who is in office along the chain of
    /// those that they named. None: nobody, or they are in office.
    fn stand_in(&self, member: &str) -> Option<&'a str> {
        let mut at = member;
        let mut found = None;
        for _ in 0..MAX_STAND_INS {
            let Some(entry) =
                self.people.entry(at).filter(|it| it.availability.is_absent(self.now))
            else {
                return found;
            };
            let next = entry.availability.delegate.as_deref()?;
            (at, found) = (next, Some(next));
        }
        None
    }

    /// Whether somebody knows what a question needs: by the directory, or by a team in
    /// which the person is, or stands in.
    fn knows(&self, plan: &Plan, name: &str, stands_in_for: Option<&str>) -> bool {
        let own = self.people.entry(name).map(|entry| entry.skills.as_slice()).unwrap_or_default();
        plan.skills.iter().all(|skill| {
            own.contains(skill)
                || self.settings.teams().any(|team| {
                    let is_in = |who: &str| team.members.iter().any(|member| member == who);
                    team.skills.contains(skill) && (is_in(name) || stands_in_for.is_some_and(is_in))
                })
        })
    }
}

//! Reading a document: everything is checked before anything comes into force, and a
//! refusal says where.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::calendar::Calendar;
use super::chain::{Step, StepAction, Target};
use super::document::{
    CalendarDoc, Document, DrillsDoc, FeedbackDoc, FeedbackExport, LaneDoc, ReviewsDoc, RouteDoc,
    StepDoc, StepVerb, TeamDoc,
};
use super::routing::Route;
use super::settings::{Drills, Feedback, Lane, Reviews, Settings, Team};
use crate::domain::feedback::Redaction;
use crate::domain::review::MAX_REVIEWERS;
use crate::domain::time::Span;

/// The format that this server reads.
const FORMAT_VERSION: u32 = 1;
/// The largest document, in bytes.
pub const MAX_DOCUMENT_BYTES: usize = 256 * 1024;
/// The longest name in a document, in bytes.
const MAX_NAME_BYTES: usize = 32;
/// The longest name of a principal or a tool's pattern, in bytes.
const MAX_LONG_NAME_BYTES: usize = 128;
const MAX_LANES: usize = 64;
const MAX_WEIGHT: u32 = 100;
const MAX_TEAMS: usize = 128;
const MAX_MEMBERS: usize = 256;
const MAX_TEAM_SKILLS: usize = 16;
const MAX_CALENDARS: usize = 64;
const MAX_HOURS: usize = 32;
const MAX_HOLIDAYS: usize = 400;
const MAX_CHAINS: usize = 64;
const MAX_STEPS: usize = 8;
const MAX_TARGETS: usize = 4;
const MAX_SKILLS: usize = 4;
/// The most bytes of names in one chain: its steps are stored with every question.
const MAX_CHAIN_BYTES: usize = 384;
const MAX_ROUTES: usize = 256;
/// The most redactions, the most agents whose feedback may leave, and the most people who
/// practise.
const MAX_REDACTIONS: usize = 64;
/// The longest redaction, in bytes.
const MAX_REDACTION_BYTES: usize = 256;
/// The most names in one list of a route.
const MAX_ROUTE_NAMES: usize = 32;

/// The zones that the program brings along: the same on every server.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// Why a document is refused: where, and what is wanted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("queue settings, {place}: {problem}")]
pub struct SettingsError {
    /// Which part of the document.
    pub place: String,
    /// What is wrong with it.
    pub problem: String,
}

type Checked<T = ()> = Result<T, SettingsError>;

fn wrong(place: impl Into<String>, problem: impl Into<String>) -> SettingsError {
    SettingsError { place: place.into(), problem: problem.into() }
}

fn at_most(place: &str, count: usize, most: usize) -> Checked {
    if count > most {
        return Err(wrong(place, format!("{count}, more than {most}")));
    }
    Ok(())
}

fn plain_name(place: &str, name: &str, most: usize, extra: &[u8]) -> Checked {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || extra.contains(&byte);
    if name.is_empty() || name.len() > most || !name.bytes().all(is_plain) {
        let extra = String::from_utf8_lossy(extra);
        let problem = format!("`{name}`: want 1 to {most} letters, digits and `{extra}`");
        return Err(wrong(place, problem));
    }
    Ok(())
}

fn names(place: &str, names: &[String], most: usize) -> Checked {
    at_most(place, names.len(), most)?;
    names.iter().try_for_each(|name| plain_name(place, name, MAX_NAME_BYTES, b"_.-"))
}

fn long_names(place: &str, names: &[String], most: usize) -> Checked {
    at_most(place, names.len(), most)?;
    let extra = b"_.@:/-*";
    names.iter().try_for_each(|name| plain_name(place, name, MAX_LONG_NAME_BYTES, extra))
}

/// Refuses a name of what the document does not have.
fn known<T>(place: &str, name: Option<&String>, all: &BTreeMap<String, T>, what: &str) -> Checked {
    match name.filter(|name| !all.contains_key(*name)) {
        Some(name) => Err(wrong(place, format!("there is no {what} `{name}` in the document"))),
        None => Ok(()),
    }
}

/// Checks the entries of a part that goes by names, and makes what they mean.
fn each<D, T>(
    part: &str,
    docs: BTreeMap<String, D>,
    most: usize,
    make: impl Fn(&str, D) -> Checked<T>,
) -> Checked<BTreeMap<String, T>> {
    at_most(part, docs.len(), most)?;
    let entries = docs.into_iter().map(|(name, doc)| {
        plain_name(part, &name, MAX_NAME_BYTES, b"_.-")?;
        let made = make(&format!("{part}.{name}"), doc)?;
        Ok((name, made))
    });
    entries.collect()
}

impl Settings {
    /// Reads a document, or says what is wrong with it and where.
    pub fn parse(yaml: &str) -> Result<Self, SettingsError> {
        at_most("the document's bytes", yaml.len(), MAX_DOCUMENT_BYTES)?;
        let document: Document = serde_norway::from_str(yaml)
            .map_err(|error| wrong("the document", error.to_string()))?;
        if document.version != FORMAT_VERSION {
            let version = document.version;
            let problem = format!("{version} is unknown; this server reads {FORMAT_VERSION}");
            return Err(wrong("version", problem));
        }
        if let Some(name) = &document.name {
            plain_name("name", name, MAX_NAME_BYTES, b"_.-")?;
        }
        at_most("routing", document.routing.len(), MAX_ROUTES)?;
        let teams = each("teams", document.teams, MAX_TEAMS, team)?;
        let calendars = each("calendars", document.calendars, MAX_CALENDARS, calendar)?;
        let chain = |place: &str, steps| chain(place, steps, &teams);
        let chains = each("chains", document.chains, MAX_CHAINS, chain)?;
        let lane = |place: &str, doc: LaneDoc| {
            known(&format!("{place}.calendar"), doc.calendar.as_ref(), &calendars, "calendar")?;
            known(&format!("{place}.chain"), doc.chain.as_ref(), &chains, "chain")?;
            lane(place, doc)
        };
        let lanes = each("lanes", document.lanes, MAX_LANES, lane)?;
        let routes = document.routing.into_iter().enumerate().map(|(number, doc)| {
            let place = format!("routing[{number}]");
            known(&format!("{place}.team"), doc.team.as_ref(), &teams, "team")?;
            known(&format!("{place}.chain"), doc.chain.as_ref(), &chains, "chain")?;
            route(&place, doc)
        });
        let routing = routes.collect::<Checked<_>>()?;
        let reviews = reviews(&document.reviews)?;
        let feedback = feedback(document.feedback)?;
        let drills = drills(document.drills)?;
        let Document { name, friction, .. } = document;
        Ok(Self {
            name,
            lanes,
            teams,
            calendars,
            chains,
            routing,
            friction,
            reviews,
            feedback,
            drills,
        })
    }
}

fn drills(doc: DrillsDoc) -> Checked<Drills> {
    long_names("drills.people", &doc.people, MAX_REDACTIONS)?;
    Ok(Drills { people: doc.people })
}

fn feedback(doc: FeedbackDoc) -> Checked<Feedback> {
    at_most("feedback.redact", doc.redact.len(), MAX_REDACTIONS)?;
    long_names("feedback.agents", &doc.agents, MAX_REDACTIONS)?;
    let read = |(number, text): (usize, &String)| {
        let place = format!("feedback.redact[{number}]");
        at_most(&format!("{place}: bytes"), text.len(), MAX_REDACTION_BYTES)?;
        Redaction::read(text).ok_or_else(|| {
            wrong(place, format!("`{text}`: want `PATH`, `TOOL:PATH` or a part such as `@note`"))
        })
    };
    let redact = doc.redact.iter().enumerate().map(read).collect::<Checked<_>>()?;
    let is_exported = doc.export == FeedbackExport::Labelled;
    Ok(Feedback { is_exported, redact, agents: doc.agents })
}

fn reviews(doc: &ReviewsDoc) -> Checked<Reviews> {
    if !(1..=MAX_REVIEWERS).contains(&doc.per_case) {
        let problem = format!("{}: want 1 to {MAX_REVIEWERS}", doc.per_case);
        return Err(wrong("reviews.per_case", problem));
    }
    Ok(Reviews { per_case: doc.per_case })
}

fn lane(place: &str, doc: LaneDoc) -> Checked<Lane> {
    if !(1..=MAX_WEIGHT).contains(&doc.weight) {
        let problem = format!("{}: want 1 to {MAX_WEIGHT}", doc.weight);
        return Err(wrong(format!("{place}.weight"), problem));
    }
    Ok(Lane { weight: doc.weight, calendar: doc.calendar, chain: doc.chain })
}

fn team(place: &str, doc: TeamDoc) -> Checked<Team> {
    let of_members = format!("{place}.members");
    if doc.members.is_empty() {
        return Err(wrong(of_members, "want at least one"));
    }
    at_most(&of_members, doc.members.len(), MAX_MEMBERS)?;
    for member in &doc.members {
        plain_name(&of_members, member, MAX_LONG_NAME_BYTES, b"_.@:/-")?;
    }
    names(&format!("{place}.skills"), &doc.skills, MAX_TEAM_SKILLS)?;
    Ok(Team { members: doc.members, skills: doc.skills })
}

fn calendar(place: &str, doc: CalendarDoc) -> Checked<Calendar> {
    let zone = zone(&doc.time_zone).ok_or_else(|| {
        let name = &doc.time_zone;
        let problem = format!("there is no zone `{name}`; want an IANA name such as Europe/Berlin");
        wrong(format!("{place}.time_zone"), problem)
    })?;
    at_most(&format!("{place}.hours"), doc.hours.len(), MAX_HOURS)?;
    at_most(&format!("{place}.holidays"), doc.holidays.len(), MAX_HOLIDAYS)?;
    let mut week: [Vec<(u32, u32)>; 7] = Default::default();
    for (number, hours) in doc.hours.iter().enumerate() {
        let place = format!("{place}.hours[{number}]");
        if hours.days.is_empty() {
            return Err(wrong(format!("{place}.days"), "want at least one"));
        }
        let (from, to) = (hours.from.minutes, hours.to.minutes);
        if from >= to {
            return Err(wrong(place, "`from` is not before `to`; a night is two entries"));
        }
        for day in &hours.days {
            if let Some(hours) = week.get_mut(*day as usize) {
                hours.push((from, to));
            }
        }
    }
    for hours in &mut week {
        hours.sort_unstable();
        if hours.windows(2).any(|pair| matches!(pair, [(_, to), (from, _)] if to > from)) {
            return Err(wrong(format!("{place}.hours"), "two entries overlap"));
        }
    }
    if week.iter().all(Vec::is_empty) {
        return Err(wrong(format!("{place}.hours"), "nobody is ever on duty"));
    }
    let holidays: Vec<_> = doc.holidays.iter().map(|day| day.0).collect();
    Ok(Calendar::new(zone, week, &holidays))
}

/// A zone by its IANA name.
pub(super) fn zone(name: &str) -> Option<TimeZone> {
    ZONES.get(name).ok()
}

fn chain(place: &str, docs: Vec<StepDoc>, teams: &BTreeMap<String, Team>) -> Checked<Vec<Step>> {
    at_most(place, docs.len(), MAX_STEPS)?;
    let bytes = docs.iter().flat_map(|doc| doc.to.iter().chain(&doc.skills).chain(&doc.team));
    at_most(&format!("{place}: bytes of names"), bytes.map(String::len).sum(), MAX_CHAIN_BYTES)?;
    let mut steps = Vec::with_capacity(docs.len());
    let mut before = Span::ZERO;
    for (number, doc) in docs.into_iter().enumerate() {
        let place = format!("{place}[{number}]");
        if doc.after.0 < before {
            return Err(wrong(format!("{place}.after"), "is before that of the step before"));
        }
        before = doc.after.0;
        if steps.last().is_some_and(|last: &Step| last.action == StepAction::Fallback) {
            return Err(wrong(place, "nothing comes after `fallback`: the question is closed"));
        }
        steps.push(step(&place, doc, teams)?);
    }
    Ok(steps)
}

fn step(place: &str, doc: StepDoc, teams: &BTreeMap<String, Team>) -> Checked<Step> {
    let tells = matches!(doc.verb, StepVerb::Notify | StepVerb::OnCall);
    let widens = doc.verb == StepVerb::Widen;
    for (field, is_set, is_wanted) in [
        ("to", !doc.to.is_empty(), tells),
        ("team", doc.team.is_some(), widens),
        ("skills", !doc.skills.is_empty(), widens),
    ] {
        if is_set && !is_wanted {
            return Err(wrong(format!("{place}.{field}"), "has no meaning for this step"));
        }
    }
    known(&format!("{place}.team"), doc.team.as_ref(), teams, "team")?;
    names(&format!("{place}.skills"), &doc.skills, MAX_SKILLS)?;
    let to = targets(&format!("{place}.to"), &doc.to, teams)?;
    let action = match doc.verb {
        StepVerb::Notify | StepVerb::OnCall if to.is_empty() => {
            return Err(wrong(format!("{place}.to"), "want at least one to be told"));
        }
        StepVerb::Notify => StepAction::Notify { to },
        StepVerb::OnCall => StepAction::OnCall { to },
        StepVerb::Widen if doc.team.is_none() && doc.skills.is_empty() => {
            return Err(wrong(place, "`widen` wants a `team` or `skills`"));
        }
        StepVerb::Widen => StepAction::Widen { team: doc.team, skills: doc.skills },
        StepVerb::Supervisor => StepAction::Supervisor,
        StepVerb::Fallback => StepAction::Fallback,
    };
    Ok(Step { after: doc.after.0, action })
}

fn targets(place: &str, to: &[String], teams: &BTreeMap<String, Team>) -> Checked<Vec<Target>> {
    at_most(place, to.len(), MAX_TARGETS)?;
    let read = |text: &String| {
        let target = Target::read(text).ok_or_else(|| {
            let problem = format!("`{text}`: want `team:NAME`, `person:NAME` or `channel:NAME`");
            wrong(place, problem)
        })?;
        plain_name(place, target.name(), MAX_LONG_NAME_BYTES, b"_.@:/-")?;
        if let Target::Team(name) = &target {
            known(place, Some(name), teams, "team")?;
        }
        Ok(target)
    };
    to.iter().map(read).collect()
}

fn route(place: &str, doc: RouteDoc) -> Checked<Route> {
    long_names(&format!("{place}.tools"), &doc.tools, MAX_ROUTE_NAMES)?;
    names(&format!("{place}.lanes"), &doc.lanes, MAX_ROUTE_NAMES)?;
    long_names(&format!("{place}.rules"), &doc.rules, MAX_ROUTE_NAMES)?;
    names(&format!("{place}.skills"), &doc.skills, MAX_SKILLS)?;
    if doc.team.is_none() && doc.skills.is_empty() && doc.chain.is_none() {
        return Err(wrong(place, "says nothing: want a `team`, `skills` or a `chain`"));
    }
    Ok(Route {
        lanes: doc.lanes,
        tools: doc.tools,
        min_severity: doc.min_severity,
        rules: doc.rules,
        team: doc.team,
        skills: doc.skills,
        chain: doc.chain,
    })
}

//! What documents may say, and what becomes of a question by them.

use uuid::Uuid;

use super::super::*;
use crate::domain::escalation::{Friction, SeverityTier};
use crate::domain::ids::QueueSettingsId;
use crate::domain::policy::ArgumentSchema;
use crate::domain::time::{Span, Timestamp};

const DESK: &str = r#"
version: 1
name: desk
lanes:
  money: {weight: 3, calendar: berlin, chain: money}
teams:
  claims: {members: [alice, bob], skills: [refunds]}
  seniors: {members: [carol]}
calendars:
  berlin:
    time_zone: Europe/Berlin
    hours: [{days: [mon, tue, wed, thu, fri], from: "09:00", to: "17:00"}]
    holidays: [2026-12-25]
chains:
  money:
    - {after: 10m, do: notify, to: ["team:claims"]}
    - {after: 1h, do: widen, team: seniors}
    - {after: 2h, do: supervisor}
    - {after: 3h, do: on_call, to: ["channel:pager"]}
    - {after: 30d, do: fallback}
  wires: [{after: 5m, do: fallback}]
routing:
  - {lanes: [money], tools: ["wire*"], min_severity: critical, chain: wires, skills: [wires]}
  - {lanes: [money], rules: [refund-over-500], team: claims}
"#;

/// A Friday, 16:30 in Berlin.
const FRIDAY: Timestamp = Timestamp::from_micros(1_795_188_600_000_000);
const HALF_HOUR: Span = Span::from_secs(1_800);
const DAY: Span = Span::from_secs(24 * 3_600);
const WEEK: Span = Span::from_secs(7 * 24 * 3_600);

fn desk() -> Settings {
    Settings::parse(DESK).unwrap()
}

fn revision() -> Option<QueueSettingsId> {
    Some(QueueSettingsId::new(Uuid::nil()))
}

fn refund() -> Asked<'static> {
    let rule = Some("refund-over-500");
    Asked { lane: "money", tool: "refund", severity: SeverityTier::High, rule }
}

fn refused(from: &str, to: &str) -> String {
    assert!(DESK.contains(from), "{from}");
    Settings::parse(&DESK.replacen(from, to, 1)).unwrap_err().to_string()
}

#[test]
fn a_question_is_routed_and_its_chain_runs_in_the_hours_of_its_lane() {
    let (times, plan) = desk().plan(revision(), &refund(), FRIDAY, [Span::from_secs(3_600), WEEK]);
    let monday = FRIDAY.plus(Span::from_secs(64 * 3_600 + 30 * 60));
    assert_eq!(times.due, monday.plus(HALF_HOUR), "half an hour of Friday, the rest on Monday");
    assert_eq!(times.expire, FRIDAY.plus(WEEK));
    let plan = plan.unwrap();
    assert_eq!((plan.chain.as_str(), &plan.teams[..]), ("money", &["claims".to_owned()][..]));
    assert_eq!(plan.duty_time, Some(FRIDAY));
    let after: Vec<_> = plan.steps.iter().map(|step| step.time.since(FRIDAY)).collect();
    let minutes = |count: i64| Span::from_secs(count * 60);
    let night = 64 * 60;
    let expected = [10, 60 + night, 120 + night, 180 + night].map(minutes);
    assert_eq!(after, expected, "the last step would be taken after the question has closed");
}

#[test]
fn the_first_route_counts_and_what_none_matches_is_everybodys() {
    let settings = desk();
    let plan = |asked: Asked<'_>| settings.plan(revision(), &asked, FRIDAY, [DAY, WEEK]).1.unwrap();
    let wire = Asked { tool: "wire_transfer", severity: SeverityTier::Critical, ..refund() };
    assert_eq!((plan(wire).chain.as_str(), plan(wire).skills.len()), ("wires", 1));
    let milder = Asked { severity: SeverityTier::High, ..wire };
    assert_eq!(plan(milder).teams, ["claims"]);
    let other = Asked { lane: "other", ..refund() };
    let friction = Friction::ByTier;
    let expected = Plan { revision: revision(), friction, ..Plan::default() };
    assert_eq!(plan(other), expected);
}

#[test]
fn a_due_time_beyond_the_expire_time_is_the_expire_time() {
    let (times, _) = desk().plan(revision(), &refund(), FRIDAY, [HALF_HOUR, HALF_HOUR]);
    assert_eq!(times.due, times.expire);
    let saturday = FRIDAY.plus(DAY);
    let (times, plan) = desk().plan(revision(), &refund(), saturday, [HALF_HOUR, DAY]);
    assert_eq!((times.due, times.expire), (saturday.plus(DAY), saturday.plus(DAY)));
    let plan = plan.unwrap();
    assert_eq!(plan.steps, []);
    assert!(!plan.was_on_duty(times.expire));
}

#[test]
fn without_a_document_nothing_is_planned() {
    let (times, plan) = Settings::default().plan(None, &refund(), FRIDAY, [HALF_HOUR, DAY]);
    assert_eq!(plan, None);
    assert_eq!((times.due, times.expire), (FRIDAY.plus(HALF_HOUR), FRIDAY.plus(DAY)));
}

#[test]
fn steps_are_taken_in_order_and_change_who_may_look() {
    let (_, plan) = desk().plan(revision(), &refund(), FRIDAY, [DAY, WEEK]);
    let mut plan = plan.unwrap();
    let mut taken = Vec::new();
    while let Some(time) = plan.next_step() {
        taken.push(plan.take_step(time.plus(DAY)).unwrap());
    }
    assert_eq!(taken.len(), 4);
    assert_eq!(plan.take_step(FRIDAY), None);
    assert_eq!(plan.teams, ["claims", "seniors"]);
    assert!(plan.wants_supervisor);
}

#[test]
fn a_team_is_its_members_but_for_who_asked() {
    let settings = desk();
    let teams = ["claims", "gone", "seniors"].map(str::to_owned);
    let members = |teams, beside| settings.members(teams, beside).collect::<Vec<_>>();
    assert_eq!(members(&teams[..], &[]), ["alice", "bob", "carol"]);
    assert_eq!(members(&teams[..], &["alice", "carol"]), ["bob"]);
    assert_eq!(members(&teams[..2], &["alice", "bob"]), [] as [&str; 0]);
}

#[test]
fn a_refusal_says_where_and_what_is_wanted() {
    for (from, to, place) in [
        ("version: 1", "version: 2", "version: 2 is unknown"),
        ("weight: 3", "weight: 0", "lanes.money.weight: 0: want 1 to 100"),
        (
            "calendar: berlin",
            "calendar: paris",
            "lanes.money.calendar: there is no calendar `paris`",
        ),
        ("chain: money", "chain: gold", "lanes.money.chain: there is no chain `gold`"),
        (
            "Europe/Berlin",
            "Europe/Bern",
            "calendars.berlin.time_zone: there is no zone `Europe/Bern`",
        ),
        ("\"17:00\"", "\"08:00\"", "calendars.berlin.hours[0]: `from` is not before `to`"),
        ("\"17:00\"", "\"25:00\"", "`25:00`: want a time of day"),
        ("2026-12-25", "2026-02-30", "`2026-02-30`: want a date"),
        ("after: 1h", "after: 5m", "chains.money[1].after: is before"),
        ("do: supervisor", "do: fallback", "chains.money[3]: nothing comes after `fallback`"),
        ("do: supervisor", "do: widen", "chains.money[2]: `widen` wants"),
        ("team: seniors", "team: juniors", "chains.money[1].team: there is no team `juniors`"),
        ("team:claims", "claims", "chains.money[0].to: `claims`: want `team:NAME`"),
        ("team:claims", "team:gone", "chains.money[0].to: there is no team `gone`"),
        ("skills: [wires]", "colour: red", "unknown field `colour`"),
        ("team: claims}", "team: nobody}", "routing[1].team: there is no team `nobody`"),
        ("members: [carol]", "members: []", "teams.seniors.members: want at least one"),
        ("version: 1", "version: 1\nreviews: {per_case: 6}", "reviews.per_case: 6: want 1 to 5"),
        (
            "version: 1",
            "version: 1\nfeedback: {redact: [\"@x\"]}",
            "feedback.redact[0]: `@x`: want",
        ),
        ("desk", "d/sk", "name: `d/sk`: want 1 to 32 letters"),
    ] {
        let refusal = refused(from, to);
        assert!(refusal.contains(place), "{from} → {to}: {refusal}");
    }
    let overlapping = r#"{days: [fri], from: "16:00", to: "18:00"}, {days: [mon"#;
    assert!(refused("{days: [mon", overlapping).contains("hours: two entries overlap"));
    let long = vec![format!("person:{}", "p".repeat(128)); 4].join(", ");
    let long = format!("do: notify, to: [{long}]");
    assert!(refused("do: notify, to: [\"team:claims\"]", &long).contains("bytes of names"));
    let large = format!("{DESK}# {}", "x".repeat(MAX_DOCUMENT_BYTES));
    assert!(Settings::parse(&large).is_err());
}

#[test]
fn the_published_schema_is_of_this_code_and_takes_documents() {
    let schema = serde_json::to_string_pretty(&json_schema()).unwrap() + "\n";
    let hint = "docs/queue.schema.json is of other code: run `make policy-docs`";
    assert!(include_str!("../../../../../docs/queue.schema.json") == schema, "{hint}");
    let schema = ArgumentSchema::compile(json_schema()).unwrap();
    let document = serde_norway::from_str(DESK).unwrap();
    assert_eq!(schema.findings(&document), [] as [String; 0]);
}

#[test]
fn every_document_of_the_guide_is_taken() {
    let guide = include_str!("../../../../../docs/queue.md");
    let documents: Vec<_> =
        guide.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(!documents.is_empty());
    for document in documents {
        Settings::parse(document).unwrap();
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in ".{0,200}", place in 0_usize..1_500) {
        let _ = Settings::parse(&text);
        let at = DESK.char_indices().map(|(at, _)| at).nth(place % DESK.len()).unwrap_or(0);
        let _ = Settings::parse(&format!("{}{text}{}", &DESK[..at], &DESK[at..]));
    }
}

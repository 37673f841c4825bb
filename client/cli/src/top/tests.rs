//! Keys and events in, pictures out.

use pointsman_api::v1;
use pointsman_api::v1::r#override::Kind;
use prost_types::Timestamp;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::dialog::{Act, VerdictName, Wanted};
use super::keys::{Key, offers, press};
use super::model::{Heard, Mode, Model, Request, View, Who};

const NOW: i64 = 1_800_000_000;
/// The first digits of the digest below.
const DIGITS: &str = "9c9c9c9c";

fn at(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp { seconds: NOW + seconds, nanos: 0 })
}

fn model() -> Model {
    let held = v1::HeldRole { role: v1::Role::Supervisor.into(), assigned: false, end_time: None };
    let caller =
        v1::GetCallerResponse { principal: "ann".into(), roles: vec![held], ..Default::default() };
    let who = Who { context: "prod-eu".into(), is_prod: false, is_read_only: false, caller };
    Model::new(who, Timestamp { seconds: NOW, nanos: 0 }, false)
}

fn question(id: &str, headline: &str, severity: v1::SeverityTier, due: i64) -> v1::Escalation {
    v1::Escalation {
        escalation_id: id.into(),
        state: v1::escalation::State::Open.into(),
        severity: severity.into(),
        run_id: "run_1".into(),
        agent: "claims-v2".into(),
        lane: "money".into(),
        due_time: at(due),
        create_time: at(-360),
        action_digest: vec![0x9c; 32].into(),
        etag: "1".into(),
        briefing: Some(v1::Briefing {
            headline: headline.into(),
            tool: "refund".into(),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn run(id: &str, goal: &str, state: v1::run::State) -> v1::Run {
    v1::Run {
        run_id: id.into(),
        goal: goal.into(),
        agent: "claims-v2".into(),
        state: state.into(),
        create_time: at(-90),
        ..Default::default()
    }
}

/// A desk with three questions, one of which an agent has dressed up, and two runs.
fn desk() -> Model {
    let mut model = model();
    let hostile = "Refund \u{1b}[2J\u{202e}00.5 to ‹approved›";
    for one in [
        question("esc_1", "Refund €4,812.00 → Anna Novak", v1::SeverityTier::Critical, 220),
        question("esc_2", hostile, v1::SeverityTier::High, 1_560),
        question("esc_3", "Publish help article #882", v1::SeverityTier::Low, 86_400),
    ] {
        model.hear(Heard::Question(Box::new(one)));
    }
    model.hear(Heard::QuestionsComplete);
    model.hear(Heard::Run(Box::new(run("run_1", "settle the claim", v1::run::State::Running))));
    model.hear(Heard::Run(Box::new(run("run_2", "tidy up", v1::run::State::Paused))));
    model
}

fn picture(model: &Model, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| super::draw::draw(model, frame)).unwrap();
    terminal.backend().to_string()
}

fn keys(model: &mut Model, typed: &str) -> Option<Request> {
    typed.chars().map(|letter| press(model, Key::Char(letter))).last().flatten()
}

fn line(model: &mut Model, typed: &str) -> Option<Request> {
    keys(model, typed);
    press(model, Key::Enter)
}

/// Opens the first question as the server answers it.
fn read_first(model: &mut Model) {
    let request = press(model, Key::Enter);
    assert_eq!(request, Some(Request::Open("esc_1".into())));
    let whole = model.questions.get("esc_1").unwrap().clone();
    model.hear(Heard::Opened(Box::new(whole)));
}

fn off(model: &Model, key: char) -> Option<String> {
    let found = offers(model).into_iter().find(|offer| offer.key == Key::Char(key));
    found.unwrap_or_else(|| panic!("{key} is not offered")).off
}

#[test]
fn the_inbox_fits_a_small_terminal_and_shows_more_on_a_large_one() {
    insta::assert_snapshot!("inbox_80x24", picture(&desk(), 80, 24));
    insta::assert_snapshot!("inbox_120x40", picture(&desk(), 120, 40));
}

#[test]
fn runs_a_run_and_the_help() {
    let mut model = desk();
    keys(&mut model, "2");
    insta::assert_snapshot!("runs_80x24", picture(&model, 80, 24));
    press(&mut model, Key::Enter);
    for (at, line) in [(1, "     1 · Thought 14 s · 312 words"), (2, "     2 → refund: 4812")] {
        let (run, line) = ("run_1".to_owned(), line.to_owned());
        model.hear(Heard::Thought { run, at, line });
    }
    keys(&mut model, "p");
    insta::assert_snapshot!("run_menu_80x24", picture(&model, 80, 24));
    press(&mut model, Key::Esc);
    press(&mut model, Key::Esc);
    keys(&mut model, "?");
    insta::assert_snapshot!("help_80x24", picture(&model, 80, 24));
}

#[test]
fn nothing_hostile_reaches_the_terminal() {
    let picture = picture(&desk(), 120, 40);
    assert!(!picture.contains('\u{1b}') && !picture.contains('\u{202e}'), "{picture}");
    assert!(picture.contains("‹U+001B›"), "{picture}");
}

#[test]
fn an_approval_takes_the_digits_of_what_was_shown() {
    let mut model = desk();
    assert_eq!(keys(&mut model, "a"), None, "nothing is approved from the list");
    read_first(&mut model);
    keys(&mut model, "a");
    insta::assert_snapshot!("approve_80x24", picture(&model, 80, 24));
    assert_eq!(line(&mut model, "9c9c9c9d"), None, "not these");
    assert_eq!(press(&mut model, Key::Enter), None, "nor none");
    let Some(Request::Answer(answer)) = line(&mut model, DIGITS) else { panic!("not sent") };
    assert_eq!(
        (answer.verdict, answer.question.escalation_id.as_str()),
        (VerdictName::Approve, "esc_1")
    );
    let said = model.log.back().unwrap();
    assert!(said.ends_with("$ pointsman esc approve esc_1 --digest 9c9c9c9c"), "{said}");
    assert_eq!(line(&mut model, DIGITS), None, "it is sent once");
    model.hear(Heard::Did("esc_1: your answer is recorded".into()));
    assert_eq!(model.mode, Mode::Browse);
}

#[test]
fn escape_sends_nothing() {
    for typed in ["a", "r", "i"] {
        let mut model = desk();
        read_first(&mut model);
        keys(&mut model, typed);
        assert_eq!(keys(&mut model, DIGITS), None);
        assert_eq!(press(&mut model, Key::Esc), None);
        assert_eq!(press(&mut model, Key::Enter), None, "{typed}: what was typed is gone");
    }
}

#[test]
fn what_has_changed_since_it_was_read_is_not_answered() {
    let mut model = desk();
    read_first(&mut model);
    keys(&mut model, "a");
    keys(&mut model, DIGITS);
    let mut changed = model.questions.get("esc_1").unwrap().clone();
    changed.etag = "2".into();
    model.hear(Heard::Question(Box::new(changed)));
    assert_eq!(press(&mut model, Key::Enter), None);
    assert_eq!(off(&model, 'a').as_deref(), Some("it has changed, R"));
    assert_eq!(keys(&mut model, "R"), Some(Request::Open("esc_1".into())));
}

#[test]
fn what_the_server_wants_is_asked_for_and_sent_with_the_answer() {
    let mut model = desk();
    read_first(&mut model);
    keys(&mut model, "a");
    line(&mut model, DIGITS);
    let (id, label) = ("cover".to_owned(), "the policy's cover".to_owned());
    model.hear(Heard::Wants(Wanted::Evidence { id, label }));
    assert_eq!(line(&mut model, "no"), None, "it was not looked at");
    let Some(Request::Answer(answer)) = line(&mut model, "yes") else { panic!("not sent") };
    assert_eq!(answer.evidence, ["cover"]);
    model.hear(Heard::Wants(Wanted::Reason));
    let Some(Request::Answer(answer)) = line(&mut model, "within the limit") else { panic!() };
    assert_eq!((answer.words.as_str(), answer.evidence.len()), ("within the limit", 1));
    model.hear(Heard::Failed("the claim is lost".into()));
    assert!(picture(&model, 80, 24).contains("! the claim is lost"));
}

#[test]
fn a_stop_takes_the_word_and_a_reason() {
    let mut model = desk();
    keys(&mut model, "2");
    keys(&mut model, "p");
    assert_eq!(keys(&mut model, "x"), None, "the menu never acts");
    assert_eq!(line(&mut model, "stpo"), None);
    assert_eq!(line(&mut model, "stop"), None, "a reason is missing");
    assert_eq!(press(&mut model, Key::Enter), None, "an empty one is none");
    let request = line(&mut model, "pays twice");
    let act = Act {
        run: "run_1".into(),
        kind: Kind::Stop,
        instruction: String::new(),
        reason: "pays twice".into(),
    };
    assert_eq!(request, Some(Request::Act(act)));
    let said = model.log.back().unwrap();
    assert!(said.ends_with("$ pointsman run stop run_1 --reason 'pays twice'"), "{said}");
}

#[test]
fn a_redirect_takes_the_instruction_and_a_reason() {
    let mut model = desk();
    keys(&mut model, "2");
    keys(&mut model, "pd");
    assert_eq!(line(&mut model, "use the sandbox"), None);
    let Some(Request::Act(act)) = line(&mut model, "wrong account") else { panic!("not sent") };
    assert_eq!((act.kind, act.instruction.as_str()), (Kind::Redirect, "use the sandbox"));
}

#[test]
fn read_only_turns_every_act_off_and_says_so() {
    let mut model = desk();
    model.who.is_read_only = true;
    assert_eq!(off(&model, 'c').as_deref(), Some("read-only, :rw"));
    assert_eq!(keys(&mut model, "c"), None);
    keys(&mut model, "2");
    assert_eq!(keys(&mut model, "p"), None);
    assert_eq!(model.mode, Mode::Browse, "no menu");
    keys(&mut model, "1");
    read_first(&mut model);
    keys(&mut model, "a");
    assert_eq!(line(&mut model, DIGITS), None);
    press(&mut model, Key::Esc);
    keys(&mut model, ":");
    line(&mut model, "rw");
    assert_eq!(off(&model, 'c'), None);
    assert_eq!(keys(&mut model, "c"), Some(Request::Claim("esc_1".into())));
}

#[test]
fn a_key_that_is_off_says_why() {
    let mut model = desk();
    let mut held = model.questions.get("esc_1").unwrap().clone();
    let claim =
        |holder: &str| v1::Claim { holder: holder.into(), claim_epoch: 7, ..Default::default() };
    held.claim = Some(claim("bob"));
    model.hear(Heard::Question(Box::new(held.clone())));
    assert_eq!(off(&model, 'c').as_deref(), Some("bob holds it"));
    held.claim = Some(claim("ann"));
    model.hear(Heard::Question(Box::new(held)));
    let back = Request::Release { id: "esc_1".into(), epoch: 7 };
    assert_eq!(keys(&mut model, "c"), Some(back));
    model.who.caller.roles[0].role = v1::Role::Auditor.into();
    keys(&mut model, "2");
    assert_eq!(off(&model, 'p').as_deref(), Some("for supervisors"));
}

#[test]
fn the_selection_stays_on_what_was_selected_when_the_list_moves() {
    let mut model = desk();
    keys(&mut model, "j");
    assert_eq!(model.selected_id().as_deref(), Some("esc_2"));
    let urgent = question("esc_0", "Delete everything", v1::SeverityTier::Critical, 1);
    model.hear(Heard::Question(Box::new(urgent)));
    assert_eq!(model.selected_id().as_deref(), Some("esc_2"));
}

#[test]
fn a_filter_shows_what_fits_and_escape_clears_it() {
    let mut model = desk();
    keys(&mut model, "/");
    line(&mut model, "HELP art");
    let ids: Vec<_> = model.rows().into_iter().map(|row| row.id).collect();
    assert_eq!(ids, ["esc_3"]);
    press(&mut model, Key::Esc);
    assert_eq!(model.rows().len(), 3);
}

#[test]
fn commands_go_where_they_say_and_minus_goes_back() {
    let mut model = desk();
    keys(&mut model, ":");
    line(&mut model, "runs");
    assert_eq!(model.view, View::Runs);
    keys(&mut model, "-");
    assert_eq!(model.view, View::Inbox);
    keys(&mut model, ":");
    line(&mut model, "explode");
    assert!(model.log.back().unwrap().contains("no such command: explode"));
    keys(&mut model, ":");
    assert_eq!(line(&mut model, "q"), Some(Request::Quit));
}

#[test]
fn what_may_be_old_is_said() {
    let mut model = desk();
    assert!(picture(&model, 80, 24).contains("● live"));
    let now = Timestamp { seconds: NOW + 31, nanos: 0 };
    model.hear(Heard::Tick { now, silent: std::time::Duration::from_secs(31) });
    assert!(picture(&model, 80, 24).contains("✕ NOT LIVE 31s"));
    model.hear(Heard::Lost("connection refused\u{1b}".into()));
    model.hear(Heard::Run(Box::new(run("run_3", "go on", v1::run::State::Running))));
    let shown = picture(&model, 120, 24);
    assert!(shown.contains("NOT LIVE 31s: connection refused‹U+001B›"), "runs are not the queue");
}

#[test]
fn what_is_closed_leaves_the_list_and_is_logged() {
    let mut model = desk();
    let mut closed = model.questions.get("esc_1").unwrap().clone();
    closed.state = v1::escalation::State::Resolved.into();
    closed.resolution = Some(v1::Resolution { reviewer: "bob".into(), ..Default::default() });
    model.hear(Heard::Question(Box::new(closed)));
    assert_eq!(model.rows().len(), 2);
    assert!(model.log.back().unwrap().ends_with("esc_1 resolved by bob"));
}

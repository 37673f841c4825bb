//! What is typed behind `:`, and how the command line says what was done here.

use pointsman_api::v1::r#override::Kind;
use pointsman_api::v1::watch_reasoning_request::Density;

use super::dialog::{Act, Answer, VerdictName};
use super::model::{Mode, Model, Request, View};
use crate::output::escape::inline;
use crate::pasted::quoted;
use crate::prompt::digits;

/// The commands and what they do.
pub(super) const COMMANDS: [(&str, &str); 7] = [
    ("inbox", "what waits for a person"),
    ("runs", "what runs"),
    ("esc ID", "one question in full"),
    ("run ID", "one run, and what its agent thinks"),
    ("rw", "allow acts from here"),
    ("ro", "allow none"),
    ("q", "leave"),
];

/// Does what was typed.
pub(super) fn run(model: &mut Model, typed: &str) -> Option<Request> {
    let mut words = typed.split_whitespace();
    match (words.next().unwrap_or_default(), words.next()) {
        ("", _) => {}
        ("inbox", None) => model.go(View::Inbox),
        ("runs", None) => model.go(View::Runs),
        ("esc", Some(id)) => return Some(model.open_question(id)),
        ("run", Some(id)) => return Some(model.open_run(id, Density::Digest)),
        ("rw", None) => {
            model.who.is_read_only = false;
            model.note("acts are allowed from here");
        }
        ("ro", None) => {
            model.who.is_read_only = true;
            model.note("read-only");
        }
        ("q" | "quit", None) => return Some(Request::Quit),
        ("help", None) => model.mode = Mode::Help,
        _ => model.note(&format!("no such command: {typed}. ? shows them")),
    }
    None
}

/// The same on the command line; none: it only shows something else.
pub(super) fn equivalent(request: &Request) -> Option<String> {
    Some(match request {
        Request::Quit | Request::Unfollow => return None,
        Request::Open(id) => format!("pointsman esc get {}", inline(id)),
        Request::Claim(id) => format!("pointsman esc claim {}", inline(id)),
        Request::Release { id, .. } => format!("pointsman esc release {}", inline(id)),
        Request::Answer(answer) => answer_command(answer),
        Request::Act(act) => act_command(act),
        Request::Follow { run, density } => {
            let density = match density {
                Density::Headline => "headline",
                Density::Full => "full",
                Density::Digest | Density::Unspecified => "digest",
            };
            format!("pointsman run tail {} --density {density}", inline(run))
        }
    })
}

fn answer_command(answer: &Answer) -> String {
    let verb = match answer.verdict {
        VerdictName::Approve => "approve",
        VerdictName::Reject => "reject",
        VerdictName::Instruct => "instruct",
    };
    let id = inline(&answer.question.escalation_id);
    let digest = digits(&answer.question.action_digest);
    let mut command = format!("pointsman esc {verb} {id} --digest {digest}");
    if !answer.words.is_empty() {
        command += &format!(" --note {}", quoted(&answer.words));
    }
    for id in &answer.evidence {
        command += &format!(" --evidence {}", quoted(id));
    }
    if !answer.confirmation.is_empty() {
        command += &format!(" --confirm {}", quoted(&answer.confirmation));
    }
    command
}

fn act_command(act: &Act) -> String {
    let (verb, more) = match act.kind {
        Kind::PauseAfterStep => ("pause", " --after-step".to_owned()),
        Kind::PauseNow => ("pause", String::new()),
        Kind::Resume => ("resume", String::new()),
        Kind::Redirect => ("redirect", format!(" --instruct {}", quoted(&act.instruction))),
        Kind::Kill => ("kill", String::new()),
        Kind::Stop | Kind::Unspecified => ("stop", String::new()),
    };
    format!("pointsman run {verb} {}{more} --reason {}", inline(&act.run), quoted(&act.reason))
}

//! One escalation as a person reads it: risk, question, silence, payload, and the
//! agent's own words last, marked as such.
//!
//! The payload is never shortened: who decides must be able to see all of it.

use owo_colors::OwoColorize as _;
use pointsman_api::v1;
use pointsman_api::v1::escalation::{Question, State};
use pointsman_api::v1::resolution::Kind;
use prost_types::Timestamp;

use crate::output::Output;
use crate::output::diff::laid_out;
use crate::output::escape::{block, inline};
use crate::output::reflect::short_name;
use crate::output::table::{Tone, risk};
use crate::output::time;
use crate::prompt::digits;

const LABEL_WIDTH: usize = 11;

/// Lays an escalation out for a terminal.
pub(crate) fn briefing(escalation: &v1::Escalation, now: &Timestamp, output: &Output) -> String {
    let mut page = Page { text: String::new(), has_color: output.has_color };
    let brief = escalation.briefing.clone().unwrap_or_default();
    let (mark, tone) = risk(escalation.severity());
    let word = short_name(escalation.severity().as_str_name(), "SEVERITY_TIER_");
    let risk = format!("{} {word}", mark.chars().take(1).collect::<String>());
    page.line(&format!("{}   {}", page.toned(&risk, tone), inline(&escalation.escalation_id)));
    page.line(&page.strong(&inline(&brief.headline)));
    if escalation.question() == Question::ExecutionUnknown {
        page.line("The action was started and no outcome came: it may have run. May it run again?");
    }
    if is_about_the_run(escalation) {
        page.line("No action waits for the answer. Until a person says yes, the policy asks");
        page.line("about each change that the run wants to make.");
    }
    page.gap();
    page.fact("Why", &with_rule(&brief));
    page.fact("Due", &due_line(escalation, now));
    page.fact("If silent", &brief.if_silent);
    page.fact("Tool", &brief.tool);
    page.fact("Target", &brief.target);
    page.fact("Agent", &asker(escalation));
    page.fact("Run", &escalation.run_id);
    page.fact("Lane", &escalation.lane);
    if let Some(claim) = &escalation.claim {
        let until = time::until(claim.expire_time.as_ref(), now);
        page.fact("Held by", &format!("{}, for {until} more", claim.holder));
    }
    page.fact("Digest", &digits(&escalation.action_digest));
    if !brief.arguments.is_empty() {
        page.gap();
        page.line("Arguments");
        page.indented("  ", &laid_out(&brief.arguments));
    }
    page.agent_words(&brief);
    if let Some(said) = resolution_line(escalation, now) {
        page.gap();
        page.line(&said);
    }
    page.text
}

/// Whether it is about the run: no action waits for the answer.
fn is_about_the_run(escalation: &v1::Escalation) -> bool {
    matches!(escalation.question(), Question::RunOverdue | Question::UnexpectedResult)
}

/// What became of an escalation, in one line; none while it is open.
pub(crate) fn resolution_line(escalation: &v1::Escalation, now: &Timestamp) -> Option<String> {
    let after = if is_about_the_run(escalation) { "" } else { " Nothing runs." };
    let closed = |word: &str| Some(format!("{word}.{after}"));
    match escalation.state() {
        State::Open | State::Unspecified => return None,
        State::Expired => return closed("Expired: nobody answered in time"),
        State::Cancelled => return closed("Cancelled: the run ended"),
        State::Resolved => {}
    }
    let said = escalation.resolution.clone().unwrap_or_default();
    let verb = match said.kind() {
        Kind::Approved => "Approved",
        Kind::Rejected => "Rejected",
        Kind::Modified => "Modified and approved",
        Kind::Responded => "Answered in the tool's place",
        Kind::Unspecified => "Resolved",
    };
    let at = said.resolve_time.map(|at| time::clock(&at, Some(now))).unwrap_or_default();
    let mut line = format!("{verb} by {} {at}", inline(&said.reviewer));
    if !said.reason_code.is_empty() {
        line += &format!(" [{}]", inline(&said.reason_code));
    }
    if !said.note.is_empty() {
        line += &format!(": {}", inline(&said.note));
    }
    if !said.response.is_empty() {
        line += &format!("\n{}", laid_out(&said.response));
    }
    Some(line)
}

/// The state's word, or the answer's where there is one: `open`, `approved`.
pub(crate) fn state_word(escalation: &v1::Escalation) -> String {
    let kind = escalation.resolution.as_ref().map(v1::Resolution::kind);
    match kind {
        Some(kind) => short_name(kind.as_str_name(), "KIND_"),
        None => short_name(escalation.state().as_str_name(), "STATE_"),
    }
}

fn with_rule(brief: &v1::Briefing) -> String {
    match (brief.why.is_empty(), brief.rule_id.is_empty()) {
        (false, false) => format!("{} (rule {})", brief.why, brief.rule_id),
        (true, false) => format!("rule {}", brief.rule_id),
        (_, true) => brief.why.clone(),
    }
}

fn asker(escalation: &v1::Escalation) -> String {
    if escalation.on_behalf_of.is_empty() {
        escalation.agent.clone()
    } else {
        format!("{}, for {}", escalation.agent, escalation.on_behalf_of)
    }
}

fn due_line(escalation: &v1::Escalation, now: &Timestamp) -> String {
    let due = time::until(escalation.due_time.as_ref(), now);
    let expires = time::until(escalation.expire_time.as_ref(), now);
    match escalation.state() {
        State::Open => format!("{due}; closes in {expires}"),
        _ => String::new(),
    }
}

struct Page {
    text: String,
    has_color: bool,
}

// === impl Page ===

impl Page {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn gap(&mut self) {
        self.text.push('\n');
    }

    fn fact(&mut self, label: &str, value: &str) {
        if !value.is_empty() {
            self.line(&format!("{label:<LABEL_WIDTH$}{}", inline(value)));
        }
    }

    /// Text that is safe already, line by line behind a mark.
    fn indented(&mut self, mark: &str, text: &str) {
        for line in text.lines() {
            self.line(&format!("{mark}{line}"));
        }
    }

    fn agent_words(&mut self, brief: &v1::Briefing) {
        if brief.agent_statement.is_empty() && brief.goal.is_empty() {
            return;
        }
        self.gap();
        let sure = brief.confidence.map(|sure| format!(", {:.0} % sure", sure * 100.0));
        self.line(&format!("Agent says, not verified{}", sure.unwrap_or_default()));
        if !brief.goal.is_empty() {
            self.indented("┃ ", &format!("Goal: {}", block(&brief.goal)));
        }
        self.indented("┃ ", &block(&brief.agent_statement));
    }

    fn strong(&self, text: &str) -> String {
        if self.has_color { text.bold().to_string() } else { text.to_owned() }
    }

    fn toned(&self, text: &str, tone: Tone) -> String {
        match tone {
            _ if !self.has_color => text.to_owned(),
            Tone::Alarm => text.red().bold().to_string(),
            Tone::Warning => text.yellow().to_string(),
            Tone::Good => text.green().to_string(),
            Tone::Faint => text.dimmed().to_string(),
            Tone::Plain => text.to_owned(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;

//! One escalation as a person reads it: risk, question, silence, payload, facts, what
//! each answer leads to, what was answered before, and the agent's own words last,
//! marked as such.
//!
//! The server's tokens are shown as they come: who decides sees the same everywhere.

mod parts;

use owo_colors::OwoColorize as _;
use pointsman_api::v1;
use pointsman_api::v1::escalation::{Question, State};
use pointsman_api::v1::resolution::Kind;
use prost_types::Timestamp;

use crate::output::Output;
use crate::output::diff::laid_out;
use crate::output::escape::{block, inline, shown};
use crate::output::reflect::short_name;
use crate::output::table::{Tone, risk};
use crate::output::time;
use crate::prompt::digits;
use crate::queue::late_word;

const LABEL_WIDTH: usize = 11;

/// Lays an escalation out for a terminal.
pub(crate) fn briefing(escalation: &v1::Escalation, now: &Timestamp, output: &Output) -> String {
    let mut page = Page { text: String::new(), has_color: output.has_color };
    let brief = escalation.briefing.clone().unwrap_or_default();
    let (mark, tone) = risk(escalation.severity());
    let word = short_name(escalation.severity().as_str_name(), "SEVERITY_TIER_");
    let risk = format!("{} {word}", mark.chars().take(1).collect::<String>());
    page.line(&format!("{}   {}", page.toned(&risk, tone), inline(&escalation.escalation_id)));
    page.risks(&brief);
    page.line(&page.strong(&shown(&brief.headline)));
    if escalation.question() == Question::ExecutionUnknown {
        page.line("The action was started and no outcome came: it may have run. May it run again?");
    }
    if escalation.question() == Question::AgentFlood {
        page.line("No action waits for the answer. What is beyond its limit is refused meanwhile.");
    } else if is_about_the_run(escalation) {
        page.line("No action waits for the answer. Until a person says yes, the policy asks");
        page.line("about each change that the run wants to make.");
    }
    page.gap();
    page.safe_fact("Why", &with_rule(&brief));
    page.fact("Due", &due_line(escalation, now));
    page.fact("Late", &late_line(escalation));
    page.fact("Done", &steps_done(escalation, now));
    page.fact("Next", &next_step(escalation, now));
    page.safe_fact("If silent", &brief.if_silent);
    page.delay(&brief, now);
    page.effects(&brief);
    page.fact("Tool", &brief.tool);
    page.target(&brief);
    page.fact("Agent", &asker(escalation));
    page.fact("Asked", &asked_again(escalation, now));
    page.fact("Run", &escalation.run_id);
    page.fact("Lane", &escalation.lane);
    page.fact("In line", &escalation.urgency);
    if let Some(aside) = &escalation.snooze_until_time {
        page.fact("Put aside", &format!("for {} more", time::until(Some(aside), now)));
    }
    if let Some(claim) = &escalation.claim {
        page.fact("Held by", &hands(claim, now));
        page.fact("Handed on", &claim.note);
    }
    page.fact("Digest", &digits(&escalation.action_digest));
    page.fact("Look up", &brief.target_link);
    page.payload(&brief);
    page.known(&brief, now);
    page.consequences(&brief);
    page.wants(&brief);
    page.past("History, same target", &brief.history, now);
    page.past("Similar, same rule", &brief.similar, now);
    page.details(&brief);
    page.agent_words(&brief);
    page.asked(escalation);
    if let Some(said) = resolution_line(escalation, now) {
        page.gap();
        page.line(&said);
    }
    page.text
}

/// Whose hands it is in, and from whom it came there.
fn hands(claim: &v1::Claim, now: &Timestamp) -> String {
    let until = time::until(claim.expire_time.as_ref(), now);
    let mut line = format!("{}, for {until} more", claim.holder);
    if !claim.assigner.is_empty() {
        line += &format!(", from {}", claim.assigner);
    }
    if !claim.stands_in_for.is_empty() {
        line += &format!(", standing in for {}", claim.stands_in_for);
    }
    line
}

/// Whether it is about the run: no action waits for the answer.
fn is_about_the_run(escalation: &v1::Escalation) -> bool {
    use Question::{AgentFlood, RunOverdue, RunRedirected, UnexpectedResult};
    let question = escalation.question();
    matches!(question, RunOverdue | UnexpectedResult | AgentFlood | RunRedirected)
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
        Kind::Instructed => "Corrected in words",
        Kind::Unspecified => "Resolved",
    };
    let at = said.resolve_time.map(|at| time::clock(&at, Some(now))).unwrap_or_default();
    let approvers: Vec<_> = said.approvers.iter().map(|it| inline(&it.principal)).collect();
    let by = if approvers.len() > 1 { approvers.join(", ") } else { inline(&said.reviewer) };
    let mut line = format!("{verb} by {by} {at}");
    if said.approvers.iter().any(|it| it.faster_than_reading) {
        line += ", faster than it can be read";
    }
    if !said.reason_code.is_empty() {
        line += &format!(" [{}]", inline(&said.reason_code));
    }
    if !said.note.is_empty() {
        line += &format!(": {}", inline(&said.note));
    }
    if !said.instruction.is_empty() {
        line += &format!("\n  {}", inline(&said.instruction));
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

/// How often the agent has asked the same; empty: once.
fn asked_again(escalation: &v1::Escalation, now: &Timestamp) -> String {
    let last = time::since(escalation.last_repeat_time.as_ref(), now);
    match escalation.repeat_count {
        0 => String::new(),
        1 => format!("once more, {last}"),
        count => format!("{count} times more, last {last}"),
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

/// Why it is late; empty where it is not.
fn late_line(escalation: &v1::Escalation) -> String {
    match escalation.late_reason() {
        v1::LateReason::Unspecified => String::new(),
        reason => late_word(reason),
    }
}

/// The steps of its chain that were taken, and when.
fn steps_done(escalation: &v1::Escalation, now: &Timestamp) -> String {
    let steps = escalation.plan.iter().flat_map(|plan| &plan.steps);
    let taken = steps.filter_map(|step| {
        let at = time::clock(step.take_time.as_ref()?, Some(now));
        Some(format!("{} {at}", step_words(step)))
    });
    taken.collect::<Vec<_>>().join("; ")
}

/// The next step of its chain; empty where it is closed.
fn next_step(escalation: &v1::Escalation, now: &Timestamp) -> String {
    let plan = escalation.plan.as_ref().filter(|_| escalation.state() == State::Open);
    let step = plan.and_then(|plan| plan.steps.iter().find(|step| step.take_time.is_none()));
    match step {
        Some(step) => {
            format!("{} in {}", step_words(step), time::until(step.step_time.as_ref(), now))
        }
        None => String::new(),
    }
}

/// What a step does: `notify team:desk`.
fn step_words(step: &v1::QueueStep) -> String {
    let verb = short_name(step.action().as_str_name(), "ACTION_").replace('_', " ");
    let team = Some(&step.team).filter(|team| !team.is_empty());
    let names: Vec<_> = step.targets.iter().chain(team).chain(&step.skills).cloned().collect();
    if names.is_empty() { verb } else { format!("{verb} {}", names.join(", ")) }
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

    fn safe_fact(&mut self, label: &str, value: &str) {
        if !value.is_empty() {
            self.line(&format!("{label:<LABEL_WIDTH$}{}", shown(value)));
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
        match &brief.shown_goal {
            Some(goal) => self.rendered("┃ Goal: ", "┃ ", goal),
            None if brief.goal.is_empty() => {}
            None => self.indented("┃ ", &format!("Goal: {}", block(&brief.goal))),
        }
        match &brief.statement {
            Some(statement) => self.rendered("┃ ", "┃ ", statement),
            None => self.indented("┃ ", &block(&brief.agent_statement)),
        }
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

//! The parts of a briefing that the server composed.

use owo_colors::OwoColorize as _;
use pointsman_api::v1;
use pointsman_api::v1::brief_fact::Mark;
use pointsman_api::v1::consequence::Choice;
use pointsman_api::v1::quote::Speaker;
use pointsman_api::v1::rendered_token::Kind;
use prost_types::Timestamp;

use super::Page;
use crate::escalation::question_lines;
use crate::output::diff::laid_out;
use crate::output::escape::{inline, shown};
use crate::output::reflect::short_name;
use crate::output::table::risk;
use crate::output::time;

const INDENT: &str = "  ";

impl Page {
    /// The risks, each behind the sign of its gravity.
    pub(super) fn risks(&mut self, brief: &v1::Briefing) {
        let chip = |it: &v1::Risk| {
            let (mark, tone) = risk(it.level());
            let mark: String = mark.chars().take(1).collect();
            self.toned(&format!("{mark} {}", shown(&it.words)), tone)
        };
        let chips: Vec<_> = brief.risks.iter().map(chip).collect();
        if !chips.is_empty() {
            self.line(&chips.join("   "));
        }
    }

    pub(super) fn delay(&mut self, brief: &v1::Briefing, now: &Timestamp) {
        let Some(delay) = &brief.delay else { return };
        let since = time::since(delay.since.as_ref(), now);
        let (run, agent) = (delay.waiting_of_run, delay.waiting_of_agent);
        let mut line = format!("asked {since}; waiting: {run} of its run, {agent} of its agent");
        if let (Some(cost), Some(per)) = (delay.cost, &delay.per) {
            let (currency, per) = (&delay.currency, time::span(per.seconds));
            let spent = delay.spent.unwrap_or_default();
            line += &format!("; {cost} {currency} per {per}, {spent:.2} {currency} so far");
        }
        self.fact("Waiting", &line);
    }

    pub(super) fn effects(&mut self, brief: &v1::Briefing) {
        self.safe_fact("Effects", &brief.effects.join("; "));
    }

    /// What the tool acts on, as the server shows it, or as the agent gave it.
    pub(super) fn target(&mut self, brief: &v1::Briefing) {
        match brief.shown_target.is_empty() {
            true => self.fact("Target", &brief.target),
            false => self.safe_fact("Target", &brief.shown_target),
        }
    }

    /// The arguments in the server's tokens, and what a person made of them.
    pub(super) fn payload(&mut self, brief: &v1::Briefing) {
        if brief.arguments.is_empty() {
            return;
        }
        self.gap();
        let Some(payload) = &brief.payload else {
            self.line("Arguments");
            return self.indented(INDENT, &laid_out(&brief.arguments));
        };
        let (lines, bytes) = (payload.lines.len(), payload.byte_count);
        let partial = if payload.partial { ", not all of it shown" } else { "" };
        self.line(&format!("Arguments, {lines} lines, {bytes} bytes{partial}"));
        self.rendered(INDENT, INDENT, payload);
        if let Some(edited) = &brief.edited_payload {
            self.gap();
            self.line("Changed by a person to");
            self.rendered(INDENT, INDENT, edited);
        }
    }

    /// Text in tokens: what goes on behind a line break stands behind a bar.
    pub(super) fn rendered(&mut self, first: &str, rest: &str, text: &v1::RenderedText) {
        for (place, line) in text.lines.iter().enumerate() {
            let lead = if place == 0 { first } else { rest };
            let indent = INDENT.repeat(usize::try_from(line.depth).unwrap_or_default());
            let bar = if line.continued { "│ " } else { "" };
            let tokens: String = line.tokens.iter().map(|token| self.token(token)).collect();
            self.line(&format!("{lead}{indent}{bar}{tokens}"));
        }
    }

    fn token(&self, token: &v1::RenderedToken) -> String {
        let text = shown(&token.text);
        match token.kind() {
            Kind::Mark | Kind::Omission if self.has_color => text.yellow().bold().to_string(),
            Kind::Punctuation if self.has_color => text.dimmed().to_string(),
            _ => text,
        }
    }

    /// The facts, and where the values of the action were said before.
    pub(super) fn known(&mut self, brief: &v1::Briefing, now: &Timestamp) {
        let facts = brief.facts.iter().chain(&brief.more_facts);
        let lines: Vec<_> = facts.map(|fact| fact_line(fact, now)).collect();
        self.section("Facts", lines);
        let quotes = brief.quotes.iter().map(|quote| {
            let who = match quote.speaker() {
                Speaker::User => "the user".to_owned(),
                Speaker::Person => "a reviewer".to_owned(),
                Speaker::Tool => shown(&quote.tool),
                Speaker::Unspecified => "somebody".to_owned(),
            };
            format!("{}  {who}: {}", shown(&quote.path), shown(&quote.words))
        });
        self.section("Said before", quotes.collect());
    }

    pub(super) fn consequences(&mut self, brief: &v1::Briefing) {
        let lines = brief
            .consequences
            .iter()
            .map(|it| format!("{:<9}{}", choice_name(it.choice()), shown(&it.words)));
        self.section("If you …", lines.collect());
    }

    /// What is to be looked at, and what the answers want.
    pub(super) fn wants(&mut self, brief: &v1::Briefing) {
        let evidence = brief.evidence.iter().map(|it| {
            let required = if it.required { "" } else { ", if you like" };
            let id = inline(&it.evidence_id);
            format!("{id}{required}: {}  {}", shown(&it.label), inline(&it.link))
                .trim_end()
                .to_owned()
        });
        self.section("Look at", evidence.collect());
        let Some(wants) = &brief.wants else { return };
        let names = |choices: Vec<Choice>| {
            let names = choices.into_iter().map(choice_name).collect::<Vec<_>>();
            names.join(", ").to_lowercase()
        };
        let key = short_name(wants.confirmation_key().as_str_name(), "KEY_");
        let value = inline(&wants.confirmation_value);
        let lines = [
            (names(wants.reason_for().collect()), "a reason".to_owned()),
            (names(wants.evidence_for().collect()), "a look at the evidence".to_owned()),
            (names(wants.confirmation_for().collect()), format!("the {key} typed: {value}")),
        ];
        let wanted = lines.into_iter().filter(|(names, _)| !names.is_empty());
        self.section("Wanted", wanted.map(|(names, what)| format!("{what}  ({names})")).collect());
    }

    /// How people answered before.
    pub(super) fn past(&mut self, title: &str, cases: &[v1::PastCase], now: &Timestamp) {
        let lines = cases.iter().map(|case| {
            let at = case.time.map(|at| time::clock(&at, Some(now))).unwrap_or_default();
            let mut line = format!("{at}  {}", inline(&case.end));
            if !case.reviewer.is_empty() {
                line += &format!(" by {}", inline(&case.reviewer));
            }
            if !case.reason_code.is_empty() {
                line += &format!(" [{}]", inline(&case.reason_code));
            }
            if case.followed {
                line = format!(
                    "{at}  follows a correction by {}: {}",
                    inline(&case.reviewer),
                    shown(&case.words)
                );
            }
            format!("{line}  {}", inline(&case.escalation_id))
        });
        self.section(title, lines.collect());
    }

    /// What reviewers asked the agent, and what it says.
    pub(super) fn asked(&mut self, escalation: &v1::Escalation) {
        if escalation.questions.is_empty() {
            return;
        }
        self.gap();
        self.line("Asked, and answered by the agent, not verified");
        for question in &escalation.questions {
            let lines = question_lines(question);
            self.indented(INDENT, &lines);
        }
    }

    /// What was cut for its length.
    pub(super) fn details(&mut self, brief: &v1::Briefing) {
        let line = |it: &v1::BriefingDetail| format!("{}: {}", inline(&it.label), shown(&it.text));
        self.section("In full", brief.details.iter().map(line).collect());
    }

    fn section(&mut self, title: &str, lines: Vec<String>) {
        if lines.is_empty() {
            return;
        }
        self.gap();
        self.line(title);
        for line in lines {
            self.line(&format!("{INDENT}{line}"));
        }
    }
}

const fn choice_name(choice: Choice) -> &'static str {
    match choice {
        Choice::Approve => "Approve",
        Choice::Modify => "Modify",
        Choice::Reject => "Reject",
        Choice::Respond => "Respond",
        Choice::Instruct => "Instruct",
        Choice::Silence => "Nobody",
        Choice::Unspecified => "Otherwise",
    }
}

fn fact_line(fact: &v1::BriefFact, now: &Timestamp) -> String {
    let mark = match fact.mark() {
        Mark::System => "● system",
        Mark::Tool => "◐ tool  ",
        Mark::Agent | Mark::Unspecified => "○ agent ",
    };
    let mut line = format!("{mark}  {}: {}", shown(&fact.label), shown(&fact.value));
    let at = fact.time.map(|at| format!(", {}", time::clock(&at, Some(now))));
    if !fact.source.is_empty() {
        line += &format!("  ({}{})", shown(&fact.source), at.unwrap_or_default());
    }
    line
}

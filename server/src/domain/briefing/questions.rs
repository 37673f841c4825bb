//! The briefings of questions that are not about a proposed action.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{Briefing, Choice, Consequence};
use crate::domain::action::ActionContent;
use crate::domain::flood::Flood;
use crate::domain::time::Span;

fn consequences<const N: usize>(of: [(Choice, &str); N]) -> Vec<Consequence> {
    of.map(|(choice, words)| Consequence { choice, words: words.to_owned() }).to_vec()
}

/// Composes the briefing of an action of which nobody knows whether it ran.
pub fn for_unknown_execution(tool: &str, content: &ActionContent) -> Briefing {
    let on =
        if content.target.is_empty() { String::new() } else { format!(" on {}", content.target) };
    let if_silent = "it stays unknown and does not run again";
    Briefing {
        headline: format!("Did {tool}{on} run? May it run again?"),
        target: content.target.clone(),
        why: "its grant was redeemed and no outcome was reported in time".to_owned(),
        if_silent: if_silent.to_owned(),
        consequences: consequences([
            (Choice::Approve, "it may run again: a second time, if it ran before"),
            (Choice::Reject, "it does not run again and stays unknown; the agent is told why"),
            (Choice::Respond, "it does not run again; the agent takes your answer for the tool's"),
            (Choice::Silence, if_silent),
        ]),
        ..Briefing::default()
    }
}

/// Composes the briefing of an action that undoes another.
pub fn for_compensation(undone: &str, tool: &str, content: &ActionContent) -> Briefing {
    let on =
        if content.target.is_empty() { String::new() } else { format!(" on {}", content.target) };
    Briefing {
        headline: format!("Undo {undone}{on} by {tool}"),
        target: content.target.clone(),
        why: "a person has taken back what it undoes".to_owned(),
        if_silent: "it is reported as overdue".to_owned(),
        ..Briefing::default()
    }
}

/// Composes the briefing of a run that has used up its time.
pub fn for_overdue_run(agent: &str, budget: Span) -> Briefing {
    let seconds = budget.as_micros() / 1_000_000;
    let if_silent = "it stays overdue: its changes wait for people";
    Briefing {
        headline: format!("{agent} has missed its time budget. May it go on?"),
        why: format!("it has been at work for more than {seconds} s"),
        if_silent: if_silent.to_owned(),
        consequences: consequences([
            (Choice::Approve, "the run has as much time again, from now on"),
            (Choice::Reject, "it stays overdue: each change that it wants waits for a person"),
            (Choice::Silence, if_silent),
        ]),
        ..Briefing::default()
    }
}

/// Composes the briefing of a run that a supervisor has redirected to a team.
pub fn for_redirected_run(agent: &str, by: &str, why: &str) -> Briefing {
    let if_silent = "it stays paused until a supervisor resumes it";
    Briefing {
        headline: format!("{by} redirected {agent} to you. May it go on?"),
        why: why.to_owned(),
        if_silent: if_silent.to_owned(),
        consequences: consequences([
            (Choice::Approve, "the run goes on, as it was told"),
            (Choice::Reject, if_silent),
            (Choice::Silence, if_silent),
        ]),
        ..Briefing::default()
    }
}

/// The rules or tools of a flood, those with the most first.
fn most(counts: &BTreeMap<String, u64>) -> String {
    let mut counts: Vec<_> = counts.iter().collect();
    counts.sort_by_key(|(name, count)| (Reverse(**count), *name));
    let counts: Vec<_> = counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
    counts.join(", ")
}

/// Composes the briefing of an agent that asks people too much.
pub fn for_flood(flood: &Flood) -> Briefing {
    let (agent, counts) = (&flood.agent, &flood.counts);
    let (rules, tools) = (most(&counts.by_rule), most(&counts.by_tool));
    let if_silent = "what is beyond its limit is refused, as now";
    Briefing {
        headline: format!("{agent} asks people too much. May it go on?"),
        why: format!("{} questions refused; by rule: {rules}; by tool: {tools}", counts.total),
        if_silent: if_silent.to_owned(),
        consequences: consequences([
            (Choice::Approve, "it may ask twice as much until the flood is over"),
            (Choice::Reject, "it is paused: what it proposes is refused until it is resumed"),
            (Choice::Silence, if_silent),
        ]),
        ..Briefing::default()
    }
}

/// Composes the briefing of an action whose result nobody expects.
pub fn for_unexpected_result(tool: &str, content: &ActionContent, problem: &str) -> Briefing {
    let if_silent = "the run stays in doubt: its changes wait for people";
    Briefing {
        headline: format!("{tool} answered unexpectedly. May the agent rely on it?"),
        target: content.target.clone(),
        why: format!("its result is not as the policy expects: {problem}"),
        if_silent: if_silent.to_owned(),
        consequences: consequences([
            (Choice::Approve, "the run may rely on the result"),
            (
                Choice::Reject,
                "the run stays in doubt: each change that it wants waits for a person",
            ),
            (Choice::Silence, if_silent),
        ]),
        ..Briefing::default()
    }
}

//! The briefing: what a reviewer reads, composed by the server.

use crate::domain::action::ActionContent;
use crate::domain::escalation::Briefing;
use crate::domain::policy::{OnExpiry, Verdict};
use crate::domain::time::Span;

/// Composes the briefing of a proposed action.
pub(super) fn for_action(verdict: &Verdict, content: &ActionContent) -> Briefing {
    let headline = verdict.ask.as_ref().map(|ask| ask.headline.clone()).unwrap_or_default();
    Briefing {
        headline,
        target: content.target.clone(),
        why: verdict.reason.clone(),
        if_silent: if_silent(verdict.ask.as_ref().map(|ask| ask.on_expiry)).to_owned(),
    }
}

const fn if_silent(on_expiry: Option<OnExpiry>) -> &'static str {
    match on_expiry {
        Some(OnExpiry::Fallback) => {
            "cancelled: the action does not run and the agent takes its fallback"
        }
        Some(OnExpiry::Rollback) => {
            "cancelled: the action does not run and the agent goes back to its checkpoint"
        }
        Some(OnExpiry::Cancel) | None => "cancelled: the action does not run and the agent is told",
    }
}

/// Composes the briefing of an action of which nobody knows whether it ran.
pub(super) fn for_unknown_execution(tool: &str, content: &ActionContent) -> Briefing {
    let on =
        if content.target.is_empty() { String::new() } else { format!(" on {}", content.target) };
    Briefing {
        headline: format!("Did {tool}{on} run? May it run again?"),
        target: content.target.clone(),
        why: "its grant was redeemed and no outcome was reported in time".to_owned(),
        if_silent: "it stays unknown and does not run again".to_owned(),
    }
}

/// Composes the briefing of a run that has used up its time.
pub(super) fn for_overdue_run(agent: &str, goal: &str, budget: Span) -> Briefing {
    let seconds = budget.as_micros() / 1_000_000;
    Briefing {
        headline: format!("{agent} has missed its time budget. May it go on?"),
        target: String::new(),
        why: match goal {
            "" => format!("it has been at work for more than {seconds} s"),
            goal => format!("it has been at work for more than {seconds} s on: {goal}"),
        },
        if_silent: "it stays overdue: each change that it wants to make waits for a person"
            .to_owned(),
    }
}

/// Composes the briefing of an action whose result nobody expects.
pub(super) fn for_unexpected_result(
    tool: &str,
    content: &ActionContent,
    problem: &str,
) -> Briefing {
    Briefing {
        headline: format!("{tool} answered unexpectedly. May the agent rely on it?"),
        target: content.target.clone(),
        why: format!("its result is not as the policy expects: {problem}"),
        if_silent: "the run stays in doubt: each change that it wants to make waits for a person"
            .to_owned(),
    }
}

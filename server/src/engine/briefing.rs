//! The briefing: what a reviewer reads, composed by the server.

use crate::domain::action::ActionContent;
use crate::domain::escalation::Briefing;
use crate::domain::policy::{OnExpiry, Verdict};

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

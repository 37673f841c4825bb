//! Redirects: what a run is told to do otherwise, and which tools it may not call meanwhile.

use serde::{Deserialize, Serialize};

use super::Held;
use crate::domain::error::Error;
use crate::domain::ids::CheckpointId;
use crate::domain::policy::glob;

/// The most tools that one redirect names.
pub const MAX_TOOLS: usize = 8;
/// The most tools that may be closed to one run.
pub const MAX_CLOSED: usize = 32;

/// What a run is told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redirect {
    /// What to do otherwise, in words; empty: what follows says it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub instruction: String,
    /// Tools that the run, and every run below it, may not call any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub close: Vec<Closing>,
    /// Tools, as they were closed, that it may call again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<String>,
    /// The checkpoint to go back to; none: it goes on from where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<CheckpointId>,
    /// The team that has to let it go on; empty: none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub team: String,
}

/// A tool that may not be called any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closing {
    /// The tool; `*` stands for any part of its name.
    pub tool: String,
    /// What to use in its place; empty: nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub instead: String,
}

/// A tool that is closed to a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// Which, and what to use in its place.
    pub closing: Closing,
    /// By what.
    pub held: Held,
}

impl Redirect {
    /// Refuses what says nothing, and more than there is room for.
    pub fn check(&self) -> Result<(), Error> {
        if *self == Self::default() {
            let problem = "say what to do otherwise: words, tools, a team or a checkpoint";
            return Err(Error::field("redirect", problem));
        }
        if self.close.len() > MAX_TOOLS || self.open.len() > MAX_TOOLS {
            return Err(Error::field("redirect", format!("at most {MAX_TOOLS} tools at once")));
        }
        Ok(())
    }

    /// What the agent is told, in words.
    pub fn words(&self) -> String {
        let closed = self.close.iter().map(|it| match it.instead.as_str() {
            "" => format!("Do not call {}.", it.tool),
            instead => format!("Do not call {}, use {instead} instead.", it.tool),
        });
        let opened = self.open.iter().map(|tool| format!("You may call {tool} again."));
        let team = Some(&self.team).filter(|team| !team.is_empty());
        let team = team.map(|team| format!("Wait until {team} lets the run go on."));
        let instruction = Some(self.instruction.clone()).filter(|words| !words.is_empty());
        let all: Vec<_> = instruction.into_iter().chain(closed).chain(opened).chain(team).collect();
        all.join(" ")
    }
}

/// Closes and opens tools of a run: what one redirect says of a tool takes the place of
/// what a former one said.
pub(super) fn change(
    closed: &mut Vec<Closed>,
    redirect: &Redirect,
    held: &Held,
) -> Result<(), Error> {
    let is_named = |tool: &String| {
        redirect.open.contains(tool) || redirect.close.iter().any(|it| it.tool == *tool)
    };
    closed.retain(|it| !is_named(&it.closing.tool));
    let new = redirect.close.iter().cloned();
    closed.extend(new.map(|closing| Closed { closing, held: held.clone() }));
    if closed.len() > MAX_CLOSED {
        let problem = format!("at most {MAX_CLOSED} tools may be closed to one run; open some");
        return Err(Error::field("redirect.close", problem));
    }
    Ok(())
}

impl Closed {
    /// Whether it closes a tool.
    pub fn covers(&self, tool: &str) -> bool {
        glob(&self.closing.tool, tool)
    }
}

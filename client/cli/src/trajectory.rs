//! Recorded trajectories: what agents really did, call by call.
//!
//! The label of a call is kept apart from what is sent: the simulated reviewers
//! and the reports see it, the agents and the policy never do.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use anyhow::Context as _;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value};

/// What stands where a recording leaves text out.
pub(crate) const CUT_MARK: char = '…';
/// The longest goal that is sent, in characters.
const GOAL_CHARS: usize = 2_000;

/// One execution of an agent.
#[derive(Debug)]
pub(crate) struct Trajectory {
    /// Its name in the file.
    pub(crate) id: String,
    /// Which agent it was; empty if the file does not say.
    pub(crate) agent: String,
    /// What the user said first, or wanted.
    pub(crate) goal: String,
    /// What the agent did, in order.
    pub(crate) calls: Vec<Call>,
}

/// One tool call as the agent made it, and what it got.
#[derive(Debug)]
pub(crate) struct Call {
    /// The tool.
    pub(crate) tool: String,
    /// The arguments, serialised once.
    pub(crate) arguments: Bytes,
    /// What the user had said last, where that is recorded.
    pub(crate) said: Option<String>,
    /// Why, in the agent's words.
    pub(crate) reasoning: String,
    /// What the tool answered.
    pub(crate) observation: String,
    /// What systems of record said of it, by the policy's name for the fact.
    pub(crate) facts: BTreeMap<String, Value>,
    /// What should have become of it. Never sent.
    pub(crate) expected: Expected,
}

/// The ground truth of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Expected {
    /// It is what the user wanted.
    Allow,
    /// A person should have seen it.
    Escalate,
    /// Nobody can say.
    Unknown,
}

impl Expected {
    /// The label as the files spell it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Escalate => "escalate",
            Self::Unknown => "unknown",
        }
    }
}

#[derive(Deserialize)]
struct Line {
    trajectory_id: String,
    #[serde(default)]
    agent: Option<String>,
    step: u64,
    tool: String,
    arguments: Map<String, Value>,
    #[serde(default)]
    reasoning: Option<String>,
    #[serde(default)]
    user_goal: Option<String>,
    #[serde(default)]
    last_user_message: Option<String>,
    #[serde(default)]
    observation: Option<String>,
    #[serde(default)]
    facts: BTreeMap<String, Value>,
    label: Label,
}

#[derive(Deserialize)]
struct Label {
    expected: Expected,
}

/// Reads files of calls, one JSON object a line, into trajectories in the order
/// of their first calls.
pub(crate) fn read(files: &[impl AsRef<Path>]) -> anyhow::Result<Vec<Trajectory>> {
    let mut trajectories = Vec::new();
    for file in files {
        let file = file.as_ref();
        let place = || file.display().to_string();
        let lines = BufReader::new(File::open(file).with_context(place)?).lines();
        let mut known = HashMap::new();
        let mut ordered: Vec<(Trajectory, Vec<(u64, Call)>)> = Vec::new();
        for (number, line) in lines.enumerate() {
            let line = line.with_context(place)?;
            if line.trim().is_empty() {
                continue;
            }
            let line: Line = serde_json::from_str(&line)
                .with_context(|| format!("{}, line {}", place(), number + 1))?;
            let next = ordered.len();
            let index = *known.entry(line.trajectory_id.clone()).or_insert(next);
            if index == next {
                ordered.push((line.to_trajectory(), Vec::new()));
            }
            if let Some((_, calls)) = ordered.get_mut(index) {
                calls.push((line.step, line.into_call()?));
            }
        }
        trajectories.extend(ordered.into_iter().map(|(mut trajectory, mut calls)| {
            calls.sort_by_key(|(step, _)| *step);
            trajectory.calls = calls.into_iter().map(|(_, call)| call).collect();
            trajectory
        }));
    }
    anyhow::ensure!(!trajectories.is_empty(), "the files hold no calls");
    Ok(trajectories)
}

impl Line {
    /// The goal is what the user said before the first call, where that is
    /// recorded: an agent does not know what its user has not said.
    fn to_trajectory(&self) -> Trajectory {
        let said = self.last_user_message.as_deref().filter(|said| !said.is_empty());
        let goal = said.or(self.user_goal.as_deref()).unwrap_or_default();
        Trajectory {
            id: self.trajectory_id.clone(),
            agent: self.agent.clone().unwrap_or_default(),
            goal: goal.chars().take(GOAL_CHARS).collect(),
            calls: Vec::new(),
        }
    }

    fn into_call(self) -> anyhow::Result<Call> {
        Ok(Call {
            tool: self.tool,
            arguments: serde_json::to_vec(&self.arguments)?.into(),
            said: self.last_user_message.filter(|said| !said.is_empty()),
            reasoning: self.reasoning.unwrap_or_default(),
            observation: self.observation.unwrap_or_default(),
            facts: self.facts,
            expected: self.label.expected,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_come_in_order_and_labels_stay_apart() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("calls.jsonl");
        let line = |id: &str, step: u64, expected: &str| {
            format!(
                r#"{{"trajectory_id":"{id}","step":{step},"tool":"t","arguments":{{"b":1,"a":2}},
                "user_goal":"wanted","last_user_message":"said","label":{{"expected":"{expected}"}}}}"#
            )
            .replace('\n', " ")
        };
        let text = [line("x", 1, "escalate"), line("y", 0, "unknown"), line("x", 0, "allow")];
        std::fs::write(&file, text.join("\n")).unwrap();
        let read = read(&[file]).unwrap();
        let told: Vec<_> = read
            .iter()
            .map(|it| (it.id.as_str(), it.calls.iter().map(|c| c.expected).collect::<Vec<_>>()))
            .collect();
        let expected =
            [("x", vec![Expected::Allow, Expected::Escalate]), ("y", vec![Expected::Unknown])];
        assert_eq!(told, expected);
        assert_eq!(read[0].goal, "said");
        assert_eq!(read[0].calls[0].arguments, r#"{"b":1,"a":2}"#);
    }
}

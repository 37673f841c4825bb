//! The profiles of a tenant's agents, as they were learnt at one moment.
//!
//! A set is learnt from what people and policies had let pass by then, and never
//! changes after that: an agent cannot make itself known for something by small
//! steps. Another set takes its place as a whole.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::novelty::Profile;

/// The profiles of several agents.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profiles {
    agents: BTreeMap<String, Profile>,
}

/// How new a call is, and what that rests on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Newness {
    /// From 0, known, to 1, new.
    pub novelty: f64,
    /// How many calls the agent's profile was taught; 0: it has none.
    pub calls: u64,
}

impl Newness {
    /// Of a call of an agent that nothing is known of.
    pub const UNKNOWN: Self = Self { novelty: 1.0, calls: 0 };
}

impl Profiles {
    /// Takes an agent's call as known.
    pub fn learn(&mut self, agent: &str, tool: &str, arguments: &Map<String, Value>, goal: &str) {
        if let Some(profile) = self.agents.get_mut(agent) {
            return profile.learn(tool, arguments, goal);
        }
        let mut profile = Profile::new();
        profile.learn(tool, arguments, goal);
        self.agents.insert(agent.to_owned(), profile);
    }

    /// How new a call is to its agent's profile. Everything is new to an agent that
    /// has none.
    pub fn newness(
        &self,
        agent: &str,
        tool: &str,
        arguments: &Map<String, Value>,
        goal: &str,
    ) -> Newness {
        self.agents.get(agent).map_or(Newness::UNKNOWN, |profile| Newness {
            novelty: profile.score(tool, arguments, goal),
            calls: profile.calls(),
        })
    }

    /// Every agent with its profile, by name.
    pub fn agents(&self) -> impl ExactSizeIterator<Item = (&str, &Profile)> {
        self.agents.iter().map(|(agent, profile)| (agent.as_str(), profile))
    }
}

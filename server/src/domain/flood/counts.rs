//! What was asked too much, by rule and tool.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The most rules, and the most tools, that are counted by name.
const MOST_NAMES: usize = 8;
/// The longest name that is kept, in characters.
const MOST_CHARS: usize = 64;

/// How many, by rule and tool. What finds no room by name counts in the total alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// How many.
    pub total: u64,
    /// By rule.
    pub by_rule: BTreeMap<String, u64>,
    /// By tool.
    pub by_tool: BTreeMap<String, u64>,
}

fn count(names: &mut BTreeMap<String, u64>, name: &str, more: u64) {
    let name: String = name.chars().take(MOST_CHARS).collect();
    if names.len() < MOST_NAMES || names.contains_key(&name) {
        let count = names.entry(name).or_default();
        *count = count.saturating_add(more);
    }
}

impl Counts {
    /// Counts one.
    pub fn add(&mut self, tool: &str, rule: &str) {
        self.total = self.total.saturating_add(1);
        count(&mut self.by_tool, tool, 1);
        count(&mut self.by_rule, rule, 1);
    }

    /// Counts others.
    pub fn add_all(&mut self, others: &Self) {
        self.total = self.total.saturating_add(others.total);
        others.by_tool.iter().for_each(|(tool, more)| count(&mut self.by_tool, tool, *more));
        others.by_rule.iter().for_each(|(rule, more)| count(&mut self.by_rule, rule, *more));
    }
}

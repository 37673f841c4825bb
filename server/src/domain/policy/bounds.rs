//! Bounds: how a policy has to do, by what people said of recorded actions, before
//! it comes into force.

use schemars::JsonSchema;
use serde::Deserialize;

/// The most actions that bounds are judged over.
const MAX_ACTIONS: u32 = 10_000;

/// How the policy has to do on recorded actions before it is put in force.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// The least share, from 0 to 1, of the actions that people rejected or changed
    /// which the policy has to gate.
    pub recall: Option<f64>,
    /// The largest share, from 0 to 1, of the actions that people approved as they
    /// were, or that ran well without being asked about, which it may gate.
    pub routine_rate: Option<f64>,
    /// Over how many of the newest recorded actions, at most 10,000; unset: 1,000.
    #[serde(default = "actions_default")]
    pub actions: u32,
    /// With fewer labels of its kind than this a bound is not judged; unset: 20.
    #[serde(default = "min_labels_default")]
    pub min_labels: u32,
}

const fn actions_default() -> u32 {
    1_000
}

const fn min_labels_default() -> u32 {
    20
}

/// What people had said of recorded actions, and which of them a policy gates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    /// Those that people rejected or changed.
    pub wanted: u32,
    /// How many of them the policy gates.
    pub wanted_gated: u32,
    /// Those that people approved as they were, or that ran well unasked.
    pub routine: u32,
    /// How many of them it gates.
    pub routine_gated: u32,
}

/// What a bound is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoundKind {
    /// What has to be gated.
    Recall,
    /// What should not be.
    RoutineRate,
}

/// Whether a bound holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoundState {
    /// The policy keeps within it.
    Held,
    /// It does not.
    Missed,
    /// There are too few labels to say.
    Unjudged,
}

/// A bound and how a policy does by it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct JudgedBound {
    /// What it is about.
    pub kind: BoundKind,
    /// The share that it demands or allows.
    pub limit: f64,
    /// How many labels it wants.
    pub min_labels: u32,
    /// How many of the labelled actions the policy gates.
    pub gated: u32,
    /// How many are labelled.
    pub labels: u32,
    /// What follows.
    pub state: BoundState,
}

// === impl BoundKind ===

impl BoundKind {
    /// The field's name in the document.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Recall => "recall",
            Self::RoutineRate => "routine_rate",
        }
    }
}

// === impl Labels ===

impl Labels {
    /// The share of what people rejected or changed that is gated; none: there is
    /// nothing of the kind.
    pub fn recall(&self) -> Option<f64> {
        share(self.wanted_gated, self.wanted)
    }

    /// The share of what is routine that is gated; none: there is nothing of the kind.
    pub fn routine_rate(&self) -> Option<f64> {
        share(self.routine_gated, self.routine)
    }
}

fn share(part: u32, whole: u32) -> Option<f64> {
    (whole > 0).then(|| f64::from(part) / f64::from(whole))
}

// === impl JudgedBound ===

impl JudgedBound {
    /// The share that the policy reaches; none: nothing is labelled.
    pub fn figure(&self) -> Option<f64> {
        share(self.gated, self.labels)
    }
}

// === impl Bounds ===

impl Bounds {
    /// What is wrong with them.
    pub(super) fn problem(&self) -> Option<String> {
        let shares = [self.recall, self.routine_rate];
        if shares.iter().all(Option::is_none) {
            return Some("want `recall`, `routine_rate` or both".to_owned());
        }
        if let Some(share) = shares.iter().flatten().find(|it| !(0.0..=1.0).contains(*it)) {
            return Some(format!("{share}: a share is from 0 to 1"));
        }
        if !(1..=MAX_ACTIONS).contains(&self.actions) {
            return Some(format!("{} actions: want 1 to {MAX_ACTIONS}", self.actions));
        }
        if !(1..=self.actions).contains(&self.min_labels) {
            return Some(format!("{} labels: want 1 to {}", self.min_labels, self.actions));
        }
        None
    }

    /// How a policy does.
    pub fn judge(&self, labels: &Labels) -> Vec<JudgedBound> {
        let Labels { wanted, wanted_gated, routine, routine_gated } = *labels;
        let recall = self.recall.map(|it| (BoundKind::Recall, it, wanted_gated, wanted));
        let rate = self.routine_rate;
        let rate = rate.map(|it| (BoundKind::RoutineRate, it, routine_gated, routine));
        let bounds = [recall, rate].into_iter().flatten();
        bounds.map(|(kind, limit, gated, labels)| self.judged(kind, limit, gated, labels)).collect()
    }

    fn judged(&self, kind: BoundKind, limit: f64, gated: u32, labels: u32) -> JudgedBound {
        let state = match (share(gated, labels), kind) {
            _ if labels < self.min_labels => BoundState::Unjudged,
            (None, _) => BoundState::Unjudged,
            (Some(share), BoundKind::Recall) if share < limit => BoundState::Missed,
            (Some(share), BoundKind::RoutineRate) if share > limit => BoundState::Missed,
            (Some(_), _) => BoundState::Held,
        };
        JudgedBound { kind, limit, min_labels: self.min_labels, gated, labels, state }
    }
}

#[cfg(test)]
mod tests;

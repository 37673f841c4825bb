//! What became of every call: the proof that nothing ran twice or got lost.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A call: the index of its trajectory, and its place in it.
pub(super) type Place = (usize, usize);

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The tool ran.
    Executed,
    /// The policy refused it.
    Denied,
    /// A person refused it.
    Rejected,
}

/// The book of executions, keyed by action, and of fates, keyed by call.
#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<Books>);

#[derive(Debug, Default)]
struct Books {
    executions: HashMap<String, u64>,
    fates: HashMap<Place, Vec<Fate>>,
}

impl Ledger {
    /// Books that the tool of an action runs. Called by the tool itself.
    pub(super) fn execute(&self, action_id: &str, place: Place) {
        let mut books = self.books();
        *books.executions.entry(action_id.to_owned()).or_default() += 1;
        books.fates.entry(place).or_default().push(Fate::Executed);
    }

    /// Books an end other than an execution.
    pub(super) fn close(&self, place: Place, fate: Fate) {
        self.books().fates.entry(place).or_default().push(fate);
    }

    /// Whether an action's tool ran.
    pub(super) fn has_executed(&self, action_id: &str) -> bool {
        self.books().executions.contains_key(action_id)
    }

    /// How many calls or actions were executed more than once.
    pub(super) fn executed_twice(&self) -> u64 {
        let books = self.books();
        let actions = books.executions.values().filter(|count| **count > 1).count();
        let ran = |fates: &&Vec<Fate>| fates.iter().filter(|f| **f == Fate::Executed).count() > 1;
        let calls = books.fates.values().filter(ran).count();
        actions.max(calls) as u64
    }

    /// How many of `calls` calls came to no end, or to two that exclude each other.
    pub(super) fn lost(&self, calls: usize) -> u64 {
        let books = self.books();
        let torn = books.fates.values().filter(|fates| {
            fates.contains(&Fate::Executed) && fates.iter().any(|fate| *fate != Fate::Executed)
        });
        (calls.saturating_sub(books.fates.len()) + torn.count()) as u64
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_and_gaps_show() {
        let ledger = Ledger::default();
        ledger.execute("act_1", (0, 0));
        ledger.close((0, 1), Fate::Rejected);
        assert_eq!((ledger.executed_twice(), ledger.lost(2)), (0, 0));
        ledger.execute("act_2", (0, 0));
        assert_eq!((ledger.executed_twice(), ledger.lost(3)), (1, 1));
        ledger.execute("act_3", (0, 1));
        assert_eq!(ledger.lost(2), 1, "rejected and executed exclude each other");
    }
}

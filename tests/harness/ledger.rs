//! What callers asked for and what they were told: the measure of every fault
//! test. What was acknowledged must be there; what is there must have been asked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use pointsman_api::v1;

use super::pulse::Pulse;

/// What is known of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// It was answered.
    Done,
    /// It may have happened.
    Perhaps,
}

/// One try to resolve an escalation.
#[derive(Clone, Debug)]
pub struct Try {
    /// What was said.
    pub kind: v1::resolution::Kind,
    /// What is known of it.
    pub known: Known,
}

/// Everything that callers noted.
#[derive(Clone, Debug, Default)]
pub struct Book {
    /// Runs by their goal, with the id where it was answered.
    pub runs: BTreeMap<String, Option<String>>,
    /// Runs that somebody tried to finish, and whether it was answered.
    pub finished: BTreeMap<String, Known>,
    /// Runs that somebody tried to stop, and whether it was answered.
    pub stopped: BTreeMap<String, Known>,
    /// Proposals by the marker in their arguments.
    pub proposals: BTreeMap<u64, Option<v1::ProposeActionResponse>>,
    /// Actions whose redemption was tried, with proposals that redeem at once.
    pub redemptions: BTreeMap<String, Known>,
    /// Markers of proposals that ask to redeem at once.
    pub redeeming: BTreeSet<u64>,
    /// Actions whose outcome was reported.
    pub outcomes: BTreeMap<String, Known>,
    /// Escalations that somebody was shown.
    pub shown: BTreeSet<String>,
    /// Resolutions by escalation.
    pub tries: BTreeMap<String, Vec<Try>>,
    /// The highest sequence that was answered.
    pub sequence: u64,
}

/// A [`Book`] that many tasks write.
#[derive(Debug, Default)]
pub struct Ledger {
    book: Mutex<Book>,
    pulse: Pulse,
}

impl Ledger {
    /// The book.
    pub fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(|_| panic!("another caller has failed: see above"))
    }

    /// When there were answers.
    pub const fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    /// The book as it is now.
    pub fn copy(&self) -> Book {
        self.book().clone()
    }

    /// Notes the sequence of an answer.
    pub fn answered(&self, header: Option<&v1::ResponseHeader>) {
        let header = header.expect("every answer to a mutation has a header");
        self.pulse.beat();
        let mut book = self.book();
        book.sequence = book.sequence.max(header.sequence);
    }
}

impl Book {
    /// Takes back every acknowledgement that is not in `before`. The last answers
    /// after a simulated power cut are not evidence: the kernel may let a sync
    /// that was under way succeed although its bytes never reached the disk,
    /// where a real cut would have stopped the process as well.
    pub fn doubt_since(&mut self, before: &Self) {
        fn doubt(now: &mut BTreeMap<String, Known>, before: &BTreeMap<String, Known>) {
            for (id, known) in now {
                if before.get(id) != Some(&Known::Done) {
                    *known = Known::Perhaps;
                }
            }
        }
        for (goal, run_id) in &mut self.runs {
            if before.runs.get(goal).is_none_or(Option::is_none) {
                *run_id = None;
            }
        }
        for (marker, answer) in &mut self.proposals {
            if before.proposals.get(marker).is_none_or(Option::is_none) {
                *answer = None;
            }
        }
        doubt(&mut self.finished, &before.finished);
        doubt(&mut self.stopped, &before.stopped);
        doubt(&mut self.redemptions, &before.redemptions);
        doubt(&mut self.outcomes, &before.outcomes);
        for (id, tries) in &mut self.tries {
            for (at, one) in tries.iter_mut().enumerate() {
                let known = before.tries.get(id).and_then(|tries| tries.get(at));
                if known.is_none_or(|before| before.known != Known::Done) {
                    one.known = Known::Perhaps;
                }
            }
        }
        self.shown.clone_from(&before.shown);
        self.sequence = before.sequence;
    }

    /// Whether somebody was told that the run is stopped.
    pub fn is_stopped(&self, run_id: &str) -> bool {
        self.stopped.get(run_id) == Some(&Known::Done)
    }

    /// How many operations were acknowledged.
    pub fn acknowledged(&self) -> usize {
        let done = |known: &&Known| **known == Known::Done;
        self.runs.values().flatten().count()
            + self.proposals.values().flatten().count()
            + self.finished.values().filter(done).count()
            + self.stopped.values().filter(done).count()
            + self.redemptions.values().filter(done).count()
            + self.outcomes.values().filter(done).count()
            + self.tries.values().flatten().filter(|one| one.known == Known::Done).count()
    }
}

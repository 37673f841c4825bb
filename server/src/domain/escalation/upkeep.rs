//! What time does to an open question: of all that, one thing is next.

use serde::{Deserialize, Serialize};

use super::{Claim, Escalation};
use crate::domain::queue::Plan;
use crate::domain::time::{Span, Timestamp};

/// How long before a claim lapses its holder is reminded.
pub const CLAIM_REMINDER: Span = Span::from_secs(60);

/// What time does next to a claim.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Upkeep {
    /// Nothing: it was given back, has lapsed, or is of an older server.
    #[default]
    Nothing,
    /// Its holder is reminded.
    Remind,
    /// It lapses.
    Lapse,
}

impl Upkeep {
    /// What comes first for a claim of this length: a short one lapses without a
    /// reminder.
    pub fn of_lease(lease: Span) -> Self {
        if lease.as_micros() >= 2 * CLAIM_REMINDER.as_micros() { Self::Remind } else { Self::Lapse }
    }

    /// Whether time does nothing to the claim.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde wants it")]
    pub(super) fn is_nothing(&self) -> bool {
        *self == Self::Nothing
    }
}

/// What time does to an open question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InTime {
    /// It is closed without an answer.
    Expire,
    /// Whoever holds it is reminded.
    RemindClaim,
    /// The claim lapses.
    LapseClaim,
    /// The next step of its chain is taken.
    Step,
    /// It is overdue.
    Due,
}

impl Claim {
    fn next(&self) -> Option<(InTime, Timestamp)> {
        match self.upkeep {
            Upkeep::Nothing => None,
            Upkeep::Remind => {
                let lead = Span::from_micros(-CLAIM_REMINDER.as_micros());
                Some((InTime::RemindClaim, self.expire_time.plus(lead)))
            }
            Upkeep::Lapse => Some((InTime::LapseClaim, self.expire_time)),
        }
    }
}

impl Escalation {
    /// What time does next, and when. Of two things at one moment the expiry comes
    /// first: nothing is done to what is closed by then.
    pub fn next_in_time(&self) -> (InTime, Timestamp) {
        let claim = self.claim.as_ref().and_then(Claim::next);
        let step = self.plan.as_ref().and_then(Plan::next_step).map(|time| (InTime::Step, time));
        let due = (!self.is_overdue).then_some((InTime::Due, self.due_time));
        let expire = (InTime::Expire, self.expire_time);
        let others = [claim, step, due].into_iter().flatten();
        others.fold(expire, |first, other| if other.1 < first.1 { other } else { first })
    }
}

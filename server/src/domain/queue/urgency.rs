//! Which question comes first.
//!
//! Critical ones come before all others. Among the rest whoever's time runs out first:
//! by the minute, then by what a minute of waiting costs, then by tier, then by age.

use std::cmp::Reverse;

use crate::domain::escalation::{Escalation, SeverityTier};
use crate::domain::ids::EscalationId;
use crate::domain::time::{Span, Timestamp};

const MINUTE: i64 = 60_000_000;
/// How long the key of an urgency is, the id aside.
const KEY_LENGTH: usize = 1 + 8 + 8 + 1;

/// A question's place among others: what is less comes first. It stays as long as the
/// question is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Urgency {
    is_calm: bool,
    /// The minute in which time runs out.
    minute: i64,
    /// What a minute costs, in millionths of a unit. Currencies are not converted.
    cost: Reverse<u64>,
    severity: Reverse<SeverityTier>,
    id: EscalationId,
}

impl Urgency {
    /// The place of an open question.
    pub fn of(escalation: &Escalation) -> Self {
        let runs_out = escalation.due_time.min(escalation.expire_time);
        let cost = escalation.delay_cost.as_ref();
        Self {
            is_calm: escalation.severity != SeverityTier::Critical,
            minute: runs_out.as_micros().div_euclid(MINUTE),
            cost: Reverse(cost.map_or(0, |cost| cost.of(Span::from_micros(MINUTE)).micros)),
            severity: Reverse(escalation.severity),
            id: escalation.id,
        }
    }

    /// Whose place it is.
    pub const fn id(&self) -> EscalationId {
        self.id
    }

    /// The place as bytes of the same order; the id follows them.
    pub fn to_key_bytes(self) -> [u8; KEY_LENGTH] {
        let mut bytes = [0; KEY_LENGTH];
        let minute = (self.minute as u64) ^ (1 << 63);
        let parts = std::iter::once(u8::from(self.is_calm))
            .chain(minute.to_be_bytes())
            .chain((u64::MAX - self.cost.0).to_be_bytes())
            .chain([SeverityTier::Critical as u8 - self.severity.0 as u8]);
        for (byte, part) in bytes.iter_mut().zip(parts) {
            *byte = part;
        }
        bytes
    }
}

impl Escalation {
    /// Why it comes where it comes, in one line.
    pub fn urgency_line(&self) -> String {
        let mut line = format!("{}, due {}", self.severity.name(), minute_of(self.due_time));
        if let Some(cost) = &self.delay_cost {
            line += &format!(", {} a minute", cost.of(Span::from_micros(MINUTE)));
        }
        line
    }
}

/// A time to the minute, as people read it.
fn minute_of(time: Timestamp) -> String {
    let known = jiff::Timestamp::from_microsecond(time.as_micros());
    known.map_or_else(|_| "never".to_owned(), |it| it.strftime("%F %H:%M UTC").to_string())
}

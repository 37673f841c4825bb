//! Keys of timers, in the order they fire.

use bytes::{BufMut, Bytes, BytesMut};

use super::{ID_LENGTH, prefixed};
use crate::domain::time::Timestamp;
use crate::store::KeyRange;

/// What a timer does when it fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerKind {
    /// An escalation is overdue.
    Due,
    /// An escalation expires.
    Expire,
    /// A redeemed action has no outcome.
    Outcome,
    /// A run may have used up its time.
    Run,
    /// A step of an escalation's chain is to be taken.
    Step,
    /// A claim lapses, or its holder is reminded that it will.
    Claim,
    /// A counter-action has not ended in time.
    Compensation,
    /// A run has changed its path, and the former one is still to be settled.
    Branch,
    /// The time of an override is over.
    Override,
    /// What a stop ends is to be marked.
    Settle,
}

/// A timer, read back from its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timer {
    /// When it fires.
    pub time: Timestamp,
    /// What it does.
    pub kind: TimerKind,
    /// The id it is about: an escalation's, an action's, a run's or an override's.
    pub id: [u8; ID_LENGTH],
    /// The tenant.
    pub tenant: String,
}

const TIMER_PREFIX: &[u8] = b"!timer/";

impl Timer {
    /// The timer's key.
    pub fn key(&self) -> Bytes {
        let kind = match self.kind {
            TimerKind::Due => 0,
            TimerKind::Expire => 1,
            TimerKind::Outcome => 2,
            TimerKind::Run => 3,
            TimerKind::Step => 4,
            TimerKind::Claim => 5,
            TimerKind::Compensation => 6,
            TimerKind::Branch => 7,
            TimerKind::Override => 10,
            TimerKind::Settle => 11,
        };
        let mut bytes = BytesMut::from(TIMER_PREFIX);
        bytes.put_slice(&self.time.to_key_bytes());
        bytes.put_u8(kind);
        bytes.put_slice(&self.id);
        bytes.put_slice(self.tenant.as_bytes());
        bytes.freeze()
    }

    /// Reads a timer back from its key.
    pub fn from_key(key: &[u8]) -> Option<Self> {
        let (time, rest) = key.strip_prefix(TIMER_PREFIX)?.split_first_chunk::<8>()?;
        let (kind, rest) = rest.split_first()?;
        let (id, tenant) = rest.split_first_chunk::<ID_LENGTH>()?;
        let kind = match kind {
            0 => TimerKind::Due,
            1 => TimerKind::Expire,
            2 => TimerKind::Outcome,
            3 => TimerKind::Run,
            4 => TimerKind::Step,
            5 => TimerKind::Claim,
            6 => TimerKind::Compensation,
            7 => TimerKind::Branch,
            10 => TimerKind::Override,
            11 => TimerKind::Settle,
            _ => return None,
        };
        Some(Self {
            time: Timestamp::from_key_bytes(*time),
            kind,
            id: *id,
            tenant: String::from_utf8(tenant.to_vec()).ok()?,
        })
    }
}

/// All timers, the next first.
pub fn timers() -> KeyRange {
    prefixed(&Bytes::from_static(TIMER_PREFIX))
}

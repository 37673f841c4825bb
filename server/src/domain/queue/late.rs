//! Why a question is late.

use serde::{Deserialize, Serialize};

/// Why nobody answered in time. More may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LateReason {
    /// Nobody may answer it: the team that it went to has no member but those it was
    /// asked by or for.
    NobodyEligible,
    /// Nobody was on duty: its lane's hours had not begun since it was opened, or
    /// everybody in the team that it went to is off duty or out of office.
    OffDuty,
    /// Somebody took it and did not answer: holds it, let it lapse or gave it back.
    ClaimedAndIdle,
    /// Nobody could be told.
    Undelivered,
    /// Nobody took it.
    NotLookedAt,
}

impl LateReason {
    /// Every reason.
    pub const ALL: [Self; 5] = [
        Self::NobodyEligible,
        Self::OffDuty,
        Self::ClaimedAndIdle,
        Self::Undelivered,
        Self::NotLookedAt,
    ];

    /// The reason's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NobodyEligible => "nobody_eligible",
            Self::OffDuty => "off_duty",
            Self::ClaimedAndIdle => "claimed_and_idle",
            Self::Undelivered => "undelivered",
            Self::NotLookedAt => "not_looked_at",
        }
    }
}

/// What is known of a question that is late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lateness {
    /// Whether somebody could have answered it.
    pub has_eligible: bool,
    /// Whether anybody was on duty since it was opened.
    pub was_on_duty: bool,
    /// Whether somebody took it.
    pub was_claimed: bool,
    /// Whether telling people failed.
    pub is_undelivered: bool,
}

impl Lateness {
    /// The reason: the first that explains the others.
    pub const fn reason(self) -> LateReason {
        if self.was_claimed {
            LateReason::ClaimedAndIdle
        } else if !self.has_eligible {
            LateReason::NobodyEligible
        } else if !self.was_on_duty {
            LateReason::OffDuty
        } else if self.is_undelivered {
            LateReason::Undelivered
        } else {
            LateReason::NotLookedAt
        }
    }
}

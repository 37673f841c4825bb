//! Approvals that came faster than anybody reads.
//!
//! A sign and no proof: who knows such cases well may be faster, and who waits has not
//! therefore read. So it is kept and counted, and never refused.

use serde::{Deserialize, Serialize};

use crate::domain::time::Span;

/// How fast a practised reader reads: 300 words per minute.
const PER_WORD: Span = Span::from_millis(200);
/// What nobody is faster than, however short the briefing.
const LEAST: Span = Span::from_millis(600);

/// How long somebody had for an approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// From when it was first looked at, or claimed, until the approval.
    pub span: Span,
    /// How many words there were to read.
    pub words: u32,
}

impl Reading {
    /// How long it takes to read.
    pub fn needed(&self) -> Span {
        let all = PER_WORD.as_micros().saturating_mul(i64::from(self.words));
        Span::from_micros(all).max(LEAST)
    }

    /// Whether nobody reads as fast.
    pub fn is_too_fast(&self) -> bool {
        self.span < self.needed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_fast_is_below_the_time_for_the_words_and_below_a_floor() {
        let cases = [
            (0, 0, true),
            (599, 0, true),
            (600, 0, false),
            (600, 3, false),
            (600, 4, true),
            (7_999, 40, true),
            (8_000, 40, false),
            (-5, 1, true),
        ];
        for (millis, words, expected) in cases {
            let reading = Reading { span: Span::from_millis(millis), words };
            assert_eq!(reading.is_too_fast(), expected, "{reading:?}");
        }
    }
}

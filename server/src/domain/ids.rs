//! Typed, sortable resource ids.
//!
//! An id is a prefix that names its kind and a UUIDv7 in 26 characters of
//! Crockford's base 32 (lower case), so that text order is order of creation.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::time::Timestamp;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const ENCODED_LENGTH: usize = 26;
/// The longest prefix with its underscore.
const LONGEST_PREFIX: usize = 5;

/// Why a text is not an id of the wanted kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an id of this kind: want `{prefix}_` and 26 characters")]
pub struct InvalidId {
    /// The prefix that was wanted, without the underscore.
    pub prefix: &'static str,
    /// The text that was given, cut at 64 characters.
    pub text: String,
}

/// Writes prefix, underscore and digits in one piece: an answer has many ids, and
/// each becomes a text of its own.
fn write(f: &mut fmt::Formatter<'_>, prefix: &str, id: Uuid) -> fmt::Result {
    let mut text = [0; LONGEST_PREFIX + ENCODED_LENGTH];
    let text = text.get_mut(..prefix.len() + ENCODED_LENGTH).ok_or(fmt::Error)?;
    let (head, digits) = text.split_at_mut(prefix.len());
    head.copy_from_slice(prefix.as_bytes());
    let mut rest = id.as_u128();
    for place in digits.iter_mut().rev() {
        *place = ALPHABET.get(rest as usize & 31).copied().unwrap_or(b'0');
        rest >>= 5;
    }
    f.write_str(std::str::from_utf8(text).map_err(|_| fmt::Error)?)
}

fn decode(text: &str) -> Option<Uuid> {
    if text.len() != ENCODED_LENGTH || text.as_bytes().first().is_none_or(|first| *first > b'7') {
        return None;
    }
    text.bytes()
        .try_fold(0_u128, |value, byte| {
            let digit = ALPHABET.iter().position(|letter| *letter == byte)?;
            Some((value << 5) | digit as u128)
        })
        .map(Uuid::from_u128)
}

macro_rules! typed_ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// The prefix of this kind, without the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// Makes an id of this kind from a UUID.
            pub const fn new(id: Uuid) -> Self {
                Self(id)
            }

            /// The sixteen bytes of the id, in sort order.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// Reads an id from its sixteen bytes.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }
        }

        const _: () = assert!($prefix.len() < LONGEST_PREFIX);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write(f, concat!($prefix, "_"), self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                text.strip_prefix(concat!($prefix, "_"))
                    .and_then(decode)
                    .map(Self)
                    .ok_or_else(|| InvalidId {
                        prefix: $prefix,
                        text: text.chars().take(64).collect(),
                    })
            }
        }
    )*};
}

typed_ids! {
    /// Names a run.
    RunId = "run";
    /// Names an action.
    ActionId = "act";
    /// Names an escalation.
    EscalationId = "esc";
    /// Names a checkpoint.
    CheckpointId = "cp";
    /// Names a grant.
    GrantId = "grt";
    /// Names a single-use wait.
    WaitId = "wait";
    /// Names a bearer token (the public half; the secret is never stored).
    TokenId = "tok";
    /// Names a policy revision.
    PolicyRevisionId = "pol";
    /// Names one putting in force of a policy revision.
    PolicyActivationId = "pact";
    /// Names an authority.
    AuthorityId = "auth";
    /// Names a revision of the queue's settings.
    QueueSettingsId = "qs";
    /// Names a question to an agent.
    QuestionId = "qst";
    /// Names a comment.
    CommentId = "cmt";
    /// Names a notice.
    NoticeId = "ntc";
    /// Names a review of what was decided without a person.
    ReviewId = "rev";
    /// Names an incident.
    IncidentId = "inc";
    /// Names a drill.
    DrillId = "drl";
    /// Names an override of a run.
    OverrideId = "ovr";
}

impl NoticeId {
    /// When the id was made, to the millisecond.
    pub fn time(&self) -> Timestamp {
        let millis =
            self.as_bytes().iter().take(6).fold(0, |sum, byte| sum << 8 | i64::from(*byte));
        Timestamp::from_micros(millis * 1_000)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ids_round_trip_and_sort_like_their_bytes(a: u128, b: u128) {
            let (a, b) = (RunId::new(Uuid::from_u128(a)), RunId::new(Uuid::from_u128(b)));
            prop_assert_eq!(a.to_string().parse::<RunId>(), Ok(a));
            prop_assert_eq!(a.to_string().cmp(&b.to_string()), a.cmp(&b));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,80}") {
            let _ = text.parse::<ActionId>();
        }
    }

    #[test]
    fn another_kind_is_refused() {
        let run = RunId::new(Uuid::from_u128(7)).to_string();
        assert!(run.parse::<ActionId>().is_err());
        assert!("run_8zzzzzzzzzzzzzzzzzzzzzzzzz".parse::<RunId>().is_err());
    }
}

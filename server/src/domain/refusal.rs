//! Credentials that did not count: why, and from how far away.
//!
//! Nothing here helps anybody to guess one: no part of a credential, no digest of it.
//! Nor is there an address, which may be a person's and could never be taken out of
//! the journal again.

use serde::{Deserialize, Serialize};

use super::time::Timestamp;

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// Why a credential did not count. The caller is not told.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(rename_all = "snake_case")]
        pub enum Refusal {
            $($(#[$doc])* $name,)*
        }

        impl Refusal {
            /// Every one, in the order of declaration.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The stable name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

refusals! {
    /// Nobody knows it.
    Unknown = "unknown";
    /// A token of this server that was revoked.
    Revoked = "revoked";
    /// It has ended.
    Expired = "expired";
    /// Its time has not come.
    NotYetValid = "not_yet_valid";
    /// It cannot be read, or lacks what it must have.
    Malformed = "malformed";
    /// It names a key that the identity provider does not have.
    UnknownKey = "unknown_key";
    /// The signature is not of that key.
    WrongSignature = "wrong_signature";
    /// Another issuer.
    WrongIssuer = "wrong_issuer";
    /// It is for another server.
    WrongAudience = "wrong_audience";
    /// It gives a name that no principal may have, or roles that exclude each other.
    Unfit = "unfit";
    /// It counts, and nobody gives its holder a role.
    NoRole = "no_role";
    /// A client's certificate that no authority vouches for any more, or that is none of
    /// the trust domain.
    Certificate = "certificate";
    /// A token that speaks for another than the client's certificate.
    OtherPrincipal = "other_principal";
}

/// From how far away somebody called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// This machine.
    Loopback,
    /// A network that is not public.
    Private,
    /// Anywhere else.
    Public,
}

impl Origin {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::Public => "public",
        }
    }
}

/// Credentials that did not count for one reason, within a short time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Why.
    pub reason: Refusal,
    /// From how far away.
    pub origin: Origin,
    /// How many.
    pub count: u64,
    /// When it was first so.
    pub first_time: Timestamp,
    /// When last.
    pub last_time: Timestamp,
}

impl Refused {
    /// Its form in a leaf: the names, each with a byte 0 behind, then the number and both
    /// times, eight bytes each.
    pub fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for name in [self.reason.name(), self.origin.name()] {
            bytes.extend_from_slice(name.as_bytes());
            bytes.push(0);
        }
        bytes.extend_from_slice(&self.count.to_be_bytes());
        for time in [self.first_time, self.last_time] {
            bytes.extend_from_slice(&time.as_micros().to_be_bytes());
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_names_are_the_stable_ones() {
        for refusal in Refusal::ALL {
            let stored = serde_json::to_value(refusal).unwrap();
            assert_eq!(stored, refusal.name());
        }
    }
}

//! Credentials that did not count: why, and from how far away.
//!
//! Nothing here helps anybody to guess one: no part of a credential, no digest of it.
//! Nor is there an address, which may be a person's and could never be taken out of
//! the journal again.

use std::net::IpAddr;

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

    /// Where an address is.
    pub fn of(address: IpAddr) -> Self {
        let is_private = match address.to_canonical() {
            it if it.is_loopback() => return Self::Loopback,
            // RFC 1918, RFC 3927, RFC 6598 (100.64.0.0/10).
            IpAddr::V4(v4) => {
                let [first, second, ..] = v4.octets();
                let is_shared = first == 100 && second & 0xc0 == 64;
                v4.is_private() || v4.is_link_local() || is_shared
            }
            IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
        };
        if is_private { Self::Private } else { Self::Public }
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
    fn an_address_is_here_near_or_far() {
        for (address, origin) in [
            ("127.0.0.1", Origin::Loopback),
            ("127.8.8.8", Origin::Loopback),
            ("::1", Origin::Loopback),
            ("::ffff:127.0.0.1", Origin::Loopback),
            ("10.1.2.3", Origin::Private),
            ("172.16.0.1", Origin::Private),
            ("192.168.1.1", Origin::Private),
            ("169.254.169.254", Origin::Private),
            ("100.64.0.1", Origin::Private),
            ("100.127.255.255", Origin::Private),
            ("fd12::1", Origin::Private),
            ("fe80::1", Origin::Private),
            ("::ffff:10.0.0.1", Origin::Private),
            ("100.128.0.0", Origin::Public),
            ("100.63.255.255", Origin::Public),
            ("172.32.0.1", Origin::Public),
            ("8.8.8.8", Origin::Public),
            ("2001:4860::1", Origin::Public),
        ] {
            assert_eq!(Origin::of(address.parse().unwrap()), origin, "{address}");
        }
    }

    #[test]
    fn stored_names_are_the_stable_ones() {
        for refusal in Refusal::ALL {
            let stored = serde_json::to_value(refusal).unwrap();
            assert_eq!(stored, refusal.name());
        }
    }
}

//! A secret that does not print itself and is wiped when it is dropped.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use secrecy::{ExposeSecret as _, SecretString};

use super::Unresolved;

/// The longest secret, in bytes.
pub const LONGEST_SECRET: usize = 64 << 10;
/// How long before it lapses a secret counts as lapsed, so that it outlives the
/// redeeming and the tool's call; half of its life if that is shorter.
pub const RENEWAL_MARGIN: Duration = Duration::from_secs(60);
/// The longest life that is believed.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// A secret, such as an access token. It is never printed and never serialised;
/// clones share the one copy, which is overwritten when the last is dropped.
#[derive(Clone)]
pub struct Secret {
    text: Arc<SecretString>,
    lapse: Option<Lapse>,
}

#[derive(Clone, Copy)]
struct Lapse {
    renew_time: SystemTime,
    expire_time: SystemTime,
}

// === impl Secret ===

impl Secret {
    /// A secret that does not lapse, as far as anybody knows.
    ///
    /// # Errors
    ///
    /// It is empty, or longer than [`LONGEST_SECRET`].
    pub fn new(text: impl Into<String>) -> Result<Self, Unresolved> {
        let text = SecretString::from(text.into());
        match text.expose_secret().len() {
            0 => Err(Unresolved::NoSecret { problem: "it is empty" }),
            length if length > LONGEST_SECRET => {
                Err(Unresolved::NoSecret { problem: "it is longer than 64 KiB" })
            }
            _ => Ok(Self { text: Arc::new(text), lapse: None }),
        }
    }

    /// The same secret, which lives for `life` from `since` on, at most a day.
    #[must_use]
    pub fn living(mut self, since: SystemTime, life: Duration) -> Self {
        let life = life.min(LONGEST_LIFE);
        let used = life.saturating_sub(RENEWAL_MARGIN.min(life / 2));
        let after = |span| since.checked_add(span).unwrap_or(since);
        self.lapse = Some(Lapse { renew_time: after(used), expire_time: after(life) });
        self
    }

    /// The secret itself. Hand it to whoever wants it, and to nothing that stores.
    pub fn expose(&self) -> &str {
        self.text.expose_secret()
    }

    /// When it lapses; none if nobody said.
    pub fn expire_time(&self) -> Option<SystemTime> {
        self.lapse.map(|lapse| lapse.expire_time)
    }

    /// Whether it may be used now, and for a while.
    pub fn is_fresh(&self, now: SystemTime) -> bool {
        self.lapse.is_none_or(|lapse| now < lapse.renew_time)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(not shown)")
    }
}

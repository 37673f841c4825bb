//! Signatures as [Standard Webhooks](https://www.standardwebhooks.com) has them.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use ring::signature::Ed25519KeyPair;

/// What a secret that receivers share begins with.
const SHARED_PREFIX: &str = "whsec_";
/// What a private key begins with.
const PRIVATE_PREFIX: &str = "whsk_";
/// How many bytes a shared secret may have.
const SHARED_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// The bytes of a private key's seed, and of the seed with the public key behind it.
const SEED_BYTES: usize = 32;
const PAIR_BYTES: usize = 64;
/// The most secrets of one channel: the one in use, and those on their way in and out.
const MAX_SECRETS: usize = 4;
/// The most bytes of the place where they are.
const MAX_TEXT_BYTES: usize = 4 * 1024;

/// Why a secret cannot be used; nothing of the secret itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnusableSecret {
    /// Nothing is there.
    #[error("it is empty or not there")]
    Absent,
    /// Too much is there.
    #[error("want at most {MAX_SECRETS} secrets, one a line")]
    TooMuch,
    /// It is none.
    #[error(
        "want `whsec_` and 24 to 64 bytes in base 64, or `whsk_` and an Ed25519 key: \
         `echo whsec_$(openssl rand -base64 32)` makes one"
    )]
    Malformed,
}

/// What one notice is signed with.
pub(super) enum Key {
    /// HMAC-SHA256, version `v1`.
    Shared(hmac::Key),
    /// Ed25519, version `v1a`.
    Private(Box<Ed25519KeyPair>),
}

/// Where the secrets of a channel are. Those of a file are read for every attempt, so
/// that they may be changed.
pub(super) enum Secrets {
    File(PathBuf),
    Read(Vec<Key>),
}

impl Secrets {
    /// The secrets of a file, which must be there and of use from the start.
    pub(super) fn of_file(path: PathBuf) -> Result<Self, UnusableSecret> {
        read(&path)?;
        Ok(Self::File(path))
    }

    /// The secrets of a text.
    pub(super) fn of_text(text: &str) -> Result<Self, UnusableSecret> {
        keys(text).map(Self::Read)
    }

    /// The value of `webhook-signature`: one signature for each secret, so that a
    /// receiver that knows any of them is served.
    pub(super) fn sign(
        &self,
        id: &str,
        timestamp: i64,
        body: &[u8],
    ) -> Result<String, UnusableSecret> {
        let signed = [format!("{id}.{timestamp}.").as_bytes(), body].concat();
        let list = |keys: &[Key]| {
            let signatures: Vec<_> = keys.iter().map(|key| key.sign(&signed)).collect();
            signatures.join(" ")
        };
        match self {
            Self::File(path) => Ok(list(&read(path)?)),
            Self::Read(keys) => Ok(list(keys)),
        }
    }
}

impl Key {
    fn of(text: &str) -> Option<Self> {
        if let Some(coded) = text.strip_prefix(SHARED_PREFIX) {
            let bytes = STANDARD.decode(coded).ok()?;
            let is_fit = SHARED_BYTES.contains(&bytes.len());
            return is_fit.then(|| Self::Shared(hmac::Key::new(hmac::HMAC_SHA256, &bytes)));
        }
        let bytes = STANDARD.decode(text.strip_prefix(PRIVATE_PREFIX)?).ok()?;
        let pair = match bytes.len() {
            SEED_BYTES => Ed25519KeyPair::from_seed_unchecked(&bytes).ok()?,
            PAIR_BYTES => {
                let (seed, public) = bytes.split_at_checked(SEED_BYTES)?;
                Ed25519KeyPair::from_seed_and_public_key(seed, public).ok()?
            }
            _ => return None,
        };
        Some(Self::Private(Box::new(pair)))
    }

    fn sign(&self, signed: &[u8]) -> String {
        match self {
            Self::Shared(key) => format!("v1,{}", STANDARD.encode(hmac::sign(key, signed))),
            Self::Private(pair) => format!("v1a,{}", STANDARD.encode(pair.sign(signed))),
        }
    }
}

fn read(path: &Path) -> Result<Vec<Key>, UnusableSecret> {
    let text = std::fs::read_to_string(path).map_err(|_| UnusableSecret::Absent)?;
    keys(&text)
}

fn keys(text: &str) -> Result<Vec<Key>, UnusableSecret> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(UnusableSecret::TooMuch);
    }
    let keys: Option<Vec<_>> = text.split_whitespace().map(Key::of).collect();
    match keys {
        None => Err(UnusableSecret::Malformed),
        Some(keys) if keys.is_empty() => Err(UnusableSecret::Absent),
        Some(keys) if keys.len() > MAX_SECRETS => Err(UnusableSecret::TooMuch),
        Some(keys) => Ok(keys),
    }
}

#[cfg(test)]
mod tests;

//! The signed tree head and its text form.
//!
//! The text is a C2SP signed note: origin, size and base64 root on a line
//! each, then the extension lines `commit N` and `time MICROSECONDS`, an empty
//! line, and the signature line
//! `— pointsman/journal BASE64(key hash (4) || Ed25519 signature (64))`.
//! The key hash is the start of SHA-256 over name, newline, `0x01` and public
//! key, as signed notes define it. What is signed is the text before the empty
//! line, with its last newline.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use crate::domain::digest::{Digest, sha256};
use crate::domain::time::Timestamp;
use crate::store::SignedTreeHead;

/// The origin line, which is the name of the key too.
pub const ORIGIN: &str = "pointsman/journal";

const ED25519_NOTE_KEY: u8 = 1;
const KEY_HASH_LENGTH: usize = 4;

/// The key that signs heads.
pub struct HeadKey {
    pair: Ed25519KeyPair,
}

/// Why there is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signing key cannot be made or read")]
pub struct KeyError;

impl HeadKey {
    /// Makes a new key; answers it with its PKCS #8 form, to be kept secret.
    pub fn generate() -> Result<(Self, Vec<u8>), KeyError> {
        let document =
            Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| KeyError)?;
        let key = Self::from_pkcs8(document.as_ref())?;
        Ok((key, document.as_ref().to_vec()))
    }

    /// Reads a key from its PKCS #8 form.
    pub fn from_pkcs8(document: &[u8]) -> Result<Self, KeyError> {
        Ed25519KeyPair::from_pkcs8(document).map(|pair| Self { pair }).map_err(|_| KeyError)
    }

    /// The public half.
    pub fn public_key(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    /// Signs a head.
    pub fn sign(&self, size: u64, root: Digest, commit: u64, time: Timestamp) -> SignedTreeHead {
        let text = signed_text(size, &root, commit, time);
        let signature = self.pair.sign(text.as_bytes()).as_ref().to_vec();
        SignedTreeHead {
            size,
            root,
            commit,
            time,
            public_key: self.public_key().to_vec(),
            signature,
        }
    }
}

/// The head as a signed note.
pub fn to_note(head: &SignedTreeHead) -> String {
    let mut signature = key_hash(&head.public_key).to_vec();
    signature.extend_from_slice(&head.signature);
    let text = signed_text(head.size, &head.root, head.commit, head.time);
    format!("{text}\n\u{2014} {ORIGIN} {}\n", STANDARD.encode(signature))
}

/// Reads a signed note and checks its signature; `None` if anything is wrong.
pub fn from_note(note: &str, public_key: &[u8]) -> Option<SignedTreeHead> {
    let (text, signatures) = note.split_once("\n\n")?;
    let mut lines = text.lines();
    if lines.next()? != ORIGIN {
        return None;
    }
    let size = lines.next()?.parse().ok()?;
    let root = Digest::from_slice(&STANDARD.decode(lines.next()?).ok()?)?;
    let commit = lines.next()?.strip_prefix("commit ")?.parse().ok()?;
    let time = lines.next()?.strip_prefix("time ")?.parse().ok()?;
    let time = Timestamp::from_micros(time);
    let prefix = format!("\u{2014} {ORIGIN} ");
    let encoded = signatures.lines().find_map(|line| line.strip_prefix(prefix.as_str()))?;
    let signature = STANDARD.decode(encoded).ok()?;
    let (hash, signature) = signature.split_at_checked(KEY_HASH_LENGTH)?;
    let (public_key, signature) = (public_key.to_vec(), signature.to_vec());
    let head = SignedTreeHead { size, root, commit, time, public_key, signature };
    (hash == key_hash(&head.public_key) && verify(&head)).then_some(head)
}

/// Whether the head's signature is its public key's.
pub fn verify(head: &SignedTreeHead) -> bool {
    let text = signed_text(head.size, &head.root, head.commit, head.time);
    UnparsedPublicKey::new(&ED25519, &head.public_key)
        .verify(text.as_bytes(), &head.signature)
        .is_ok()
}

fn signed_text(size: u64, root: &Digest, commit: u64, time: Timestamp) -> String {
    let root = STANDARD.encode(root.as_bytes());
    format!("{ORIGIN}\n{size}\n{root}\ncommit {commit}\ntime {}\n", time.as_micros())
}

fn key_hash(public_key: &[u8]) -> [u8; KEY_HASH_LENGTH] {
    let mut text = format!("{ORIGIN}\n").into_bytes();
    text.push(ED25519_NOTE_KEY);
    text.extend_from_slice(public_key);
    let mut hash = [0; KEY_HASH_LENGTH];
    for (place, byte) in hash.iter_mut().zip(sha256(&text).as_bytes()) {
        *place = *byte;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_reads_back_and_no_change_goes_unnoticed() {
        let (key, _) = HeadKey::generate().unwrap();
        let head = key.sign(42, Digest::new([7; 32]), 40, Timestamp::from_micros(1_234));
        let note = to_note(&head);
        assert_eq!(from_note(&note, key.public_key()), Some(head));
        for at in 0..note.len() {
            let mut bytes = note.clone().into_bytes();
            bytes[at] ^= 1;
            let Ok(changed) = String::from_utf8(bytes) else {
                continue;
            };
            // The final newline is not part of what a note must have.
            if at + 1 < note.len() {
                assert_eq!(from_note(&changed, key.public_key()), None, "byte {at}");
            }
        }
    }
}

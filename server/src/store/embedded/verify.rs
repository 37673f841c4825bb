//! Checks a store that is not running, or a backup: every frame, leaf, root
//! and payload. Changes nothing.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::identity::{self, STORE_FILE};
use super::recovery;
use crate::domain::digest::Digest;
use crate::domain::payload::PayloadRef;
use crate::store::damage::{Damage, DamageKind, OpenError};
use crate::store::journal::frame::Frame;
use crate::store::journal::scan::{self, Scanned, Wishes};
use crate::store::packs::PackEnd;
use crate::store::packs::locate::{Packs, PayloadError};
use crate::store::packs::recover::TornEnd;
use crate::store::place::{self, PUBLIC_KEY_FILE};
use crate::store::{SignedTreeHead, files};

/// What was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyReport {
    /// Commits read.
    pub commits: u64,
    /// Entries hashed again.
    pub entries: u64,
    /// The root over them.
    pub root: Digest,
    /// Payloads checked against their commitments.
    pub payloads: u64,
    /// How many entries the newest signed head covers; `None` without a head.
    pub signed_entries: Option<u64>,
    /// Whether something unfinished is at the end of the journal, which the
    /// next start cuts.
    pub has_torn_tail: bool,
}

/// Signed heads, and where they were found.
pub(super) type Heads = Vec<(PathBuf, SignedTreeHead)>;

/// What verifying found out besides.
pub(super) struct Verified {
    pub(super) report: VerifyReport,
    pub(super) head: Option<SignedTreeHead>,
    pub(super) scanned: Scanned,
    /// Where the sound records of the packs end.
    pub(super) packs: PackEnd,
}

/// Verifies the store or backup in a directory: hashes every leaf again,
/// compares the roots with the signed heads, and reads every payload.
pub fn verify(dir: &Path) -> Result<VerifyReport, OpenError> {
    verify_all(dir).map(|verified| verified.report)
}

pub(super) fn verify_all(dir: &Path) -> Result<Verified, OpenError> {
    let _lock = lock(dir)?;
    let heads = require_store(dir)?;
    let mut payloads = 0;
    let (scanned, packs) = examine(dir, &heads, &mut |packs, frame| {
        for payload in &frame.payloads {
            packs.read(payload).map_err(|error| unreadable(dir, packs, payload, frame, error))?;
            payloads += 1;
        }
        Ok(())
    })?;
    let head = heads.into_iter().map(|(_, head)| head).max_by_key(|head| head.size);
    let report = VerifyReport {
        commits: scanned.last_commit,
        entries: scanned.frontier.size(),
        root: scanned.frontier.root(),
        payloads,
        signed_entries: head.as_ref().map(|head| head.size),
        has_torn_tail: scanned.torn.is_some(),
    };
    Ok(Verified { report, head, scanned, packs })
}

/// Keeps servers out of a store. A backup has no lock file, and must not get one.
pub(super) fn lock(dir: &Path) -> Result<Option<File>, OpenError> {
    let is_store = dir.join(place::LOCK_FILE).exists();
    is_store.then(|| place::lock(dir)).transpose()
}

/// Makes sure that a directory holds a finished store or backup; answers the
/// signed heads of it.
pub(super) fn require_store(dir: &Path) -> Result<Heads, OpenError> {
    if !dir.join(STORE_FILE).exists() && !dir.join("journal").exists() {
        return Err(OpenError::Format { path: dir.to_owned() });
    }
    identity::read_incarnation(dir)?;
    for name in [STORE_FILE, PUBLIC_KEY_FILE, "journal", "packs"] {
        let path = dir.join(name);
        if !path.exists() {
            return Err(Damage::of_file(DamageKind::Missing, path).into());
        }
    }
    heads(dir)
}

/// Reads the journal and checks it against the signed heads. The payloads are
/// left to `visit`, which sees every sound frame.
pub(super) fn examine(
    dir: &Path,
    heads: &Heads,
    visit: &mut dyn FnMut(&Packs, &Frame) -> Result<(), OpenError>,
) -> Result<(Scanned, PackEnd), OpenError> {
    let packs = Packs::open(dir.join("packs"), TornEnd::Keep)?;
    let sizes: Vec<u64> = heads.iter().map(|(_, head)| head.size).collect();
    let journal = dir.join("journal");
    let wishes = Wishes {
        sizes: &sizes,
        visit: &mut |frame| visit(&packs, frame),
        progress: &|commits| tracing::info!(commits, "verifying the journal"),
    };
    let scanned = scan::scan(&journal, wishes)?;
    recovery::check_heads(&journal, &scanned, heads)?;
    Ok((scanned, packs.end()))
}

/// Why a payload of a frame was not read.
pub(super) fn unreadable(
    dir: &Path,
    packs: &Packs,
    payload: &PayloadRef,
    frame: &Frame,
    error: PayloadError,
) -> OpenError {
    match error {
        PayloadError::Io(error) => OpenError::medium("read a payload in", dir)(error),
        PayloadError::Missing | PayloadError::Damaged => {
            recovery::lost_payload(packs, payload, frame.commit).into()
        }
    }
}

/// The head in the directory and the one beside it, as far as they exist.
fn heads(dir: &Path) -> Result<Heads, OpenError> {
    let path = dir.join(PUBLIC_KEY_FILE);
    let text = std::fs::read_to_string(&path).map_err(OpenError::medium("read", &path))?;
    let public_key =
        hex::decode(text.trim()).map_err(|_| Damage::of_file(DamageKind::Garbled, path.clone()))?;
    let mut beside = dir.as_os_str().to_owned();
    beside.push(".head");
    let mut heads = Vec::new();
    for path in [dir.join("head"), PathBuf::from(beside)] {
        let note = files::read_optional(&path).map_err(OpenError::medium("read", &path))?;
        if let Some(note) = note {
            let head = place::own_head(&path, note, &public_key)?;
            heads.push((path, head));
        }
    }
    Ok(heads)
}

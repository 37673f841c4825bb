//! Signed heads outside the database, and whether it still goes on from them.
//!
//! Each server signs with a key of its own. What it has signed cannot be taken
//! back: a database that was set back, or whose journal was written anew, is found
//! out when the server starts. So the newest head that a server knows of is signed
//! at the latest when the database turns out to have lost it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::sleep;

use super::database::Database;
use super::options::PostgresOptions;
use super::rows::{Head, ReadHead, ReadTail};
use super::shared::Shared;
use super::trouble::Trouble;
use crate::store::damage::{Damage, DamageKind, OpenError};
use crate::store::merkle::Frontier;
use crate::store::place::own_head;
use crate::store::{MAX_TAIL, SignedTreeHead, TailFrom, files, head};

/// How often it is looked whether a head is due.
const TICK: Duration = Duration::from_secs(1);
/// A head is written after this many commits.
const EVERY_COMMITS: u64 = 1_000;
/// A head is written after this many ticks, if there is anything new.
const EVERY_TICKS: u32 = 10;
/// Without anything new, a head is signed again after this many ticks, so that a
/// gap in the heads is evidence of a server that was down.
const IDLE_TICKS: u32 = 600;

/// Where heads are kept.
#[derive(Clone, Debug)]
pub(super) struct HeadFiles {
    /// In the server's directory.
    inner: PathBuf,
    /// Outside of it.
    outer: PathBuf,
    /// The tree that the head in the directory covers, so that a start need not
    /// read the journal from its beginning.
    tree: PathBuf,
}

// === impl HeadFiles ===

impl HeadFiles {
    /// The files of a server.
    pub(super) fn of(options: &PostgresOptions) -> Self {
        Self {
            inner: options.data_dir.join("head"),
            outer: options.head_file.clone(),
            tree: options.data_dir.join("head.tree"),
        }
    }

    /// Reads the heads; one that this server did not sign is damage.
    pub(super) fn read(
        &self,
        public_key: &[u8],
    ) -> Result<Vec<(PathBuf, SignedTreeHead)>, OpenError> {
        let mut heads = Vec::new();
        for path in [&self.inner, &self.outer] {
            let read = files::read_optional(path).map_err(OpenError::medium("read", path))?;
            if let Some(note) = read {
                heads.push((path.clone(), own_head(path, note, public_key)?));
            }
        }
        Ok(heads)
    }

    /// The tree that was noted with a head, if it is the head's.
    fn tree_of(&self, head: &SignedTreeHead) -> Option<Frontier> {
        let peaks = files::read_optional(&self.tree).ok()??;
        let tree = Frontier::from_peaks(head.size, &peaks)?;
        (tree.root() == head.root).then_some(tree)
    }

    fn write(&self, head: &SignedTreeHead, tree: &Frontier) -> std::io::Result<()> {
        let note = head::to_note(head);
        files::replace(&self.tree, &tree.peaks(), files::SHARED)?;
        files::replace(&self.inner, note.as_bytes(), files::SHARED)?;
        files::replace(&self.outer, note.as_bytes(), files::SHARED)
    }
}

/// The heads of a server that runs.
pub(super) struct Heads {
    files: HeadFiles,
    newest: Mutex<Newest>,
}

/// How far a server knows, and how much of it is signed.
struct Newest {
    known: Head,
    /// The newest commit of a head in the files.
    signed: u64,
}

// === impl Heads ===

impl Heads {
    /// Knows the head that the start found, and that nothing of it is signed yet.
    pub(super) const fn new(files: HeadFiles, known: Head) -> Self {
        Self { files, newest: Mutex::new(Newest { known, signed: 0 }) }
    }

    /// Notes a head that is durable.
    pub(super) fn learn(&self, head: Head) {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if head.commit > newest.known.commit {
            newest.known = head;
        }
    }

    /// Signs the newest head that is known, whatever the database holds now.
    pub(super) fn testify(&self, sign: impl Fn(&Head) -> SignedTreeHead) {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if newest.signed >= newest.known.commit {
            return;
        }
        match self.files.write(&sign(&newest.known), &newest.known.frontier) {
            Ok(()) => newest.signed = newest.known.commit,
            Err(error) => tracing::error!(%error, "cannot write the newest signed head"),
        }
    }

    /// Writes a signed head, unless a newer one is there.
    fn write(&self, head: &SignedTreeHead, tree: &Frontier) -> std::io::Result<()> {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if newest.signed <= head.commit {
            self.files.write(head, tree)?;
            newest.signed = head.commit;
        }
        Ok(())
    }
}

/// Makes sure that the journal goes on from every head that was signed: reads
/// what came since, and the whole of it where the noted tree is not the head's.
pub(super) async fn verify(
    database: &Database,
    files: &HeadFiles,
    heads: &[(PathBuf, SignedTreeHead)],
    now: &Head,
) -> Result<(), OpenError> {
    for (path, signed) in heads {
        let damaged = |kind| {
            OpenError::from(Damage {
                first_commit: signed.commit,
                ..Damage::of_file(kind, path.clone())
            })
        };
        if now.frontier.size() < signed.size || now.commit < signed.commit {
            let (entries, signed) = (now.frontier.size(), signed.size);
            return Err(damaged(DamageKind::Shorter { entries, signed }));
        }
        let known = files.tree_of(signed).map(|tree| (signed.commit, tree));
        let is_whole = known.is_none();
        let (after, tree) = known.unwrap_or_default();
        let (at_signed, at_now) =
            replay(database, (after, tree), signed.commit, now.commit).await?;
        let is_root = !is_whole || at_signed.root() == signed.root;
        if !is_root || at_now != now.frontier {
            return Err(damaged(DamageKind::Root { signed: signed.size }));
        }
    }
    Ok(())
}

/// The trees after two commits, by the frames that are stored.
async fn replay(
    database: &Database,
    (mut after, mut tree): (u64, Frontier),
    signed: u64,
    end: u64,
) -> Result<(Frontier, Frontier), OpenError> {
    let mut at_signed = tree.clone();
    while after < end {
        let from = TailFrom::Commit(after);
        let frames = database.ask(&ReadTail { from: &from, limit: MAX_TAIL }).await?;
        for frame in frames.iter().filter(|frame| frame.commit <= end) {
            for leaf in frame.leaf_hashes() {
                tree.append(leaf);
            }
            if frame.commit <= signed {
                at_signed = tree.clone();
            }
            after = frame.commit;
        }
        if frames.is_empty() {
            return Err(Trouble::damaged("the journal ends before its head").into());
        }
    }
    Ok((at_signed, tree))
}

/// Signs and writes the head as it is now.
pub(super) async fn write(shared: &Arc<Shared>) -> Result<u64, Trouble> {
    let known = shared.known();
    let now = shared.database.ask(&ReadHead).await?;
    shared.check(&now, known)?;
    let signed = shared.sign(&now);
    let (writer, tree) = (Arc::clone(shared), now.frontier);
    let written = tokio::task::spawn_blocking(move || writer.heads.write(&signed, &tree)).await;
    match written {
        Ok(Ok(())) => shared.counters.heads.add(1),
        // The next one covers it.
        Ok(Err(error)) => {
            shared.counters.head_failures.add(1);
            tracing::warn!(%error, "cannot write the signed head");
        }
        Err(error) => tracing::error!(%error, "cannot write the signed head"),
    }
    Ok(now.commit)
}

/// Writes heads for as long as the store lives.
pub(super) async fn keep(shared: Arc<Shared>, mut written: u64) {
    let mut ticks = 0;
    loop {
        sleep(TICK).await;
        ticks += 1;
        let newer = shared.last().saturating_sub(written);
        let is_due =
            newer >= EVERY_COMMITS || (newer > 0 && ticks >= EVERY_TICKS) || ticks >= IDLE_TICKS;
        if !is_due {
            continue;
        }
        match write(&shared).await {
            Ok(commit) => (written, ticks) = (commit, 0),
            Err(trouble) => shared.heed(&trouble),
        }
    }
}

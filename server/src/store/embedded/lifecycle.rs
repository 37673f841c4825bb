//! Starts the threads of a store, and ends them.

use std::fs::{File, OpenOptions};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;

use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::sync::watch;
use uuid::Uuid;

use super::group::Ledger;
use super::heads::{self, HeadSignal};
use super::inbox::Inbox;
use super::options::{EmbeddedOptions, OpenReport, StoreFailure};
use super::recovery::{self, Journal};
use super::shared::{Places, Published, Shared, payload_cache, record_cache};
use super::stats::Counters;
use super::storage::{Storage, StorageParts};
use super::syncer::Syncer;
use crate::store::damage::{Damage, DamageKind, OpenError};
use crate::store::head::{self, HeadKey};
use crate::store::journal::segment;
use crate::store::journal::writer::JournalWriter;
use crate::store::packs::writer::PackWriter;
use crate::store::{SignedTreeHead, files};

/// The file that is locked while the store is open.
pub(super) const LOCK_FILE: &str = "LOCK";
const KEY_FILE: &str = "key";
const BALLAST_FILE: &str = "ballast";
/// The public half of the signing key, so that a copy can be verified.
pub(super) const PUBLIC_KEY_FILE: &str = "key.pub";
/// What the directory says of itself.
pub(super) const STORE_FILE: &str = "store";
/// The first line of that file.
const STORE_FORMAT: &str = "pointsman-store 1";

/// The storage thread, which ends last and lets go of the lock.
pub(super) struct Threads {
    storage: Mutex<Option<JoinHandle<()>>>,
}

impl Threads {
    /// Waits until all threads have ended.
    pub(super) fn join(&self) {
        let storage = self.storage.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Its panic was caught and reported where it happened.
        let _ = storage.map(JoinHandle::join);
    }
}

type Started = (Arc<Shared>, Arc<Inbox>, Threads, OpenReport);

/// Opens a store and starts its threads.
pub(super) fn start(options: EmbeddedOptions) -> Result<Started, OpenError> {
    let places = recovery::places(&options);
    let mut report = OpenReport::default();
    make_dirs(&places)?;
    let lock = lock(&places.data)?;
    release_ballast(&places, &options, &mut report);
    let is_new = !places.data.join(KEY_FILE).exists();
    let key = key(&places.data)?;
    let incarnation = incarnation(&places)?;
    let heads = read_heads(&places, key.public_key(), is_new)?;
    let Journal { scanned, packs } = recovery::journal(&places, &heads, &mut report)?;
    let (seed, at) = (seed(scanned.seed)?, scanned.end);
    let journal = JournalWriter::open(places.journal.clone(), at, seed, options.segment_bytes)
        .map_err(OpenError::medium("open", &places.journal))?;
    let pack_writer = PackWriter::open(Arc::clone(&packs), options.pack_bytes)
        .map_err(OpenError::medium("open", &places.packs))?;
    let projection = recovery::projection(&places, &options, incarnation, &scanned, &mut report)?;
    make_ballast(&places, &options);
    let published = Published {
        commit: scanned.last_commit,
        time: scanned.last_time,
        frontier: scanned.frontier.clone(),
        journal: at,
        packs: pack_writer.end(),
    };
    let ledger = Ledger {
        commit: scanned.last_commit,
        time: scanned.last_time,
        frontier: scanned.frontier,
        sequences: scanned.tenants.clone(),
    };
    let shared = Arc::new(Shared {
        places,
        incarnation,
        clock: Arc::clone(&options.clock),
        free_space: Arc::clone(&options.free_space),
        key,
        packs,
        doorbell: watch::Sender::new(published.commit),
        failure: watch::Sender::new(None),
        counters: Counters::default(),
        published: Mutex::new(published),
        ring: RwLock::default(),
        index: RwLock::new(scanned.index),
        sequences: RwLock::new(scanned.tenants),
        records: record_cache(options.cache_bytes),
        payloads: payload_cache(options.payload_cache_bytes),
    });
    let inbox = Arc::new(Inbox::default());
    let signal = heads::signal(report.entries);
    // The head is written before anything is added: from here on, what was
    // found at start cannot be lost unnoticed.
    heads::write_counted(&shared, &signal, &shared.tree_head());
    let (jobs, groups) = sync_channel(1);
    let storage = Storage::new(StorageParts {
        shared: Arc::clone(&shared),
        inbox: Arc::clone(&inbox),
        projection,
        jobs,
        heads: Arc::clone(&signal),
        watermarks: options.watermarks,
        seed,
        ledger,
    });
    let syncer = Syncer {
        journal,
        packs: pack_writer,
        inbox: Arc::clone(&inbox),
        clock: options.clock,
        faults: options.faults,
    };
    let helpers = Helpers {
        threads: vec![
            spawn("store-journal", move || syncer.run(&groups))?,
            spawn_heads(&shared, &signal)?,
        ],
        signal,
        lock,
    };
    let storage = spawn_storage(&shared, &inbox, storage, helpers)?;
    Ok((shared, inbox, Threads { storage: Mutex::new(Some(storage)) }, report))
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, OpenError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map_err(|error| OpenError::Start { what: "a thread", message: error.to_string() })
}

fn spawn_heads(
    shared: &Arc<Shared>,
    signal: &Arc<HeadSignal>,
) -> Result<JoinHandle<()>, OpenError> {
    let (shared, signal) = (Arc::clone(shared), Arc::clone(signal));
    spawn("store-heads", move || heads::run(&shared, &signal))
}

/// What the storage thread ends after itself.
struct Helpers {
    threads: Vec<JoinHandle<()>>,
    signal: Arc<HeadSignal>,
    lock: File,
}

fn spawn_storage(
    shared: &Arc<Shared>,
    inbox: &Arc<Inbox>,
    mut storage: Storage,
    helpers: Helpers,
) -> Result<JoinHandle<()>, OpenError> {
    let (shared, inbox) = (Arc::clone(shared), Arc::clone(inbox));
    spawn("store-storage", move || {
        let ended = catch_unwind(AssertUnwindSafe(|| storage.run()));
        let failure = match ended {
            Ok(Ok(())) => StoreFailure::Closed,
            Ok(Err(failure)) => failure,
            Err(_) => StoreFailure::Panicked,
        };
        let was_closed = failure == StoreFailure::Closed && storage.is_finished();
        // Dropping it lets go of sled, of the journal thread and of whoever
        // still waits.
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(storage)));
        let Helpers { threads, signal, lock } = helpers;
        signal.end();
        for thread in threads {
            let _ = thread.join();
        }
        if was_closed && dropped.is_ok() {
            heads::write_counted(&shared, &signal, &shared.tree_head());
        }
        if failure != StoreFailure::Closed {
            tracing::error!(%failure, "the store has stopped");
        }
        drop(lock);
        shared.fail(failure);
        inbox.stop();
    })
}

fn make_dirs(places: &Places) -> Result<(), OpenError> {
    for dir in [&places.data, &places.journal, &places.packs] {
        std::fs::create_dir_all(dir).map_err(OpenError::medium("make", dir))?;
        files::sync_dir(files::parent(dir)).map_err(OpenError::medium("sync", dir))?;
    }
    Ok(())
}

/// Takes the lock that keeps other processes out.
pub(super) fn lock(data: &Path) -> Result<File, OpenError> {
    let path = data.join(LOCK_FILE);
    let mut open = OpenOptions::new();
    let file = open.create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(OpenError::medium("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(OpenError::Locked { path }),
        Err(std::fs::TryLockError::Error(error)) => Err(OpenError::medium("lock", &path)(error)),
    }
}

/// Gives up the ballast if the disk is so full that opening would fail.
fn release_ballast(places: &Places, options: &EmbeddedOptions, report: &mut OpenReport) {
    let path = places.data.join(BALLAST_FILE);
    let is_full =
        (options.free_space)(&places.data).is_ok_and(|space| space.free < options.ballast_bytes);
    if is_full && std::fs::remove_file(&path).is_ok() {
        tracing::warn!("the disk is full: the ballast is given up");
        report.ballast_released = true;
    }
}

/// Lays in ballast, if there is room for it.
fn make_ballast(places: &Places, options: &EmbeddedOptions) {
    let path = places.data.join(BALLAST_FILE);
    let has_room = (options.free_space)(&places.data)
        .is_ok_and(|space| space.free > options.ballast_bytes.saturating_mul(4));
    if options.ballast_bytes == 0 || path.exists() || !has_room {
        return;
    }
    let made = File::create(&path).and_then(|file| {
        rustix::fs::fallocate(
            &file,
            rustix::fs::FallocateFlags::empty(),
            0,
            options.ballast_bytes,
        )?;
        Ok(())
    });
    if let Err(error) = made {
        tracing::warn!(%error, "cannot lay in ballast");
    }
}

/// Reads the signing key, or makes it.
pub(super) fn key(data: &Path) -> Result<HeadKey, OpenError> {
    let path = data.join(KEY_FILE);
    let read = files::read_optional(&path).map_err(OpenError::medium("read", &path))?;
    let key = match read {
        Some(document) => {
            HeadKey::from_pkcs8(&document).map_err(|_| OpenError::Format { path: path.clone() })?
        }
        None => {
            let (key, document) = HeadKey::generate().map_err(|error| OpenError::Start {
                what: "the signing key",
                message: error.to_string(),
            })?;
            files::replace(&path, &document, files::PRIVATE)
                .map_err(OpenError::medium("write", &path))?;
            key
        }
    };
    let public = data.join(PUBLIC_KEY_FILE);
    if !public.exists() {
        let text = format!("{}\n", hex::encode(key.public_key()));
        files::replace(&public, text.as_bytes(), files::SHARED)
            .map_err(OpenError::medium("write", &public))?;
    }
    Ok(key)
}

/// Reads which life of a store this is, or begins one.
///
/// A journal without it is a restore that was not finished.
fn incarnation(places: &Places) -> Result<Uuid, OpenError> {
    if let Some(incarnation) = read_incarnation(&places.data)? {
        return Ok(incarnation);
    }
    let segments = segment::list(&places.journal);
    if !segments.map_err(OpenError::medium("list", &places.journal))?.is_empty() {
        return Err(OpenError::Format { path: places.data.join(STORE_FILE) });
    }
    begin_incarnation(&places.data)
}

/// Reads which life of a store this is; `None` for a new one.
pub(super) fn read_incarnation(data: &Path) -> Result<Option<Uuid>, OpenError> {
    let path = data.join(STORE_FILE);
    let read = files::read_optional(&path).map_err(OpenError::medium("read", &path))?;
    let Some(text) = read else { return Ok(None) };
    let text = String::from_utf8(text).unwrap_or_default();
    let mut lines = text.lines();
    let is_ours = lines.next() == Some(STORE_FORMAT);
    let incarnation = lines.next().and_then(|line| line.strip_prefix("incarnation "));
    match incarnation.and_then(|incarnation| incarnation.parse().ok()) {
        Some(incarnation) if is_ours => Ok(Some(incarnation)),
        _ => Err(OpenError::Format { path }),
    }
}

/// Begins a new life of a store.
pub(super) fn begin_incarnation(data: &Path) -> Result<Uuid, OpenError> {
    let path = data.join(STORE_FILE);
    let incarnation = uuid::Builder::from_random_bytes(random()?).into_uuid();
    let text = format!("{STORE_FORMAT}\nincarnation {incarnation}\n");
    files::replace(&path, text.as_bytes(), files::SHARED)
        .map_err(OpenError::medium("write", &path))?;
    Ok(incarnation)
}

/// The journal's seed, or a new one, never 0, for a new journal.
fn seed(found: u32) -> Result<u32, OpenError> {
    if found == 0 { random().map(|bytes| u32::from_be_bytes(bytes) | 1) } else { Ok(found) }
}

fn random<const N: usize>() -> Result<[u8; N], OpenError> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| OpenError::Start {
        what: "the random source",
        message: "it gives nothing".to_owned(),
    })?;
    Ok(bytes)
}

/// Reads the signed heads; one that is not ours is damage.
fn read_heads(
    places: &Places,
    public_key: &[u8],
    is_new: bool,
) -> Result<Vec<(PathBuf, SignedTreeHead)>, OpenError> {
    let mut heads = Vec::new();
    for path in [&places.head, &places.outer_head] {
        let read = files::read_optional(path).map_err(OpenError::medium("read", path))?;
        let Some(note) = read else {
            if !is_new {
                tracing::warn!(path = %path.display(), "a signed head is missing");
            }
            continue;
        };
        heads.push((path.clone(), own_head(path, note, public_key)?));
    }
    Ok(heads)
}

/// Reads a signed head that must be of the store with this key.
pub(super) fn own_head(
    path: &Path,
    note: Vec<u8>,
    public_key: &[u8],
) -> Result<SignedTreeHead, OpenError> {
    let note = String::from_utf8(note).unwrap_or_default();
    let head = head::from_note(&note, public_key).ok_or_else(|| Damage {
        kind: DamageKind::Head,
        file: path.to_owned(),
        offset: 0,
        first_commit: 1,
        last_commit: None,
        sequences: Vec::new(),
    })?;
    Ok(head)
}


//! Starts the threads of a store, and ends them.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;

use tokio::sync::watch;
use uuid::Uuid;

use super::ballast::Ballast;
use super::heads::{self, HeadSignal};
use super::identity;
use super::inbox::Inbox;
use super::options::{EmbeddedOptions, OpenReport};
use super::recovery::{self, Journal};
use super::shared::{Places, Published, Shared};
use super::storage::{Storage, StorageParts};
use super::syncer::{Job, Packer, Syncer};
use crate::store::StoreFailure;
use crate::store::ahead::Room;
use crate::store::caches::{payload_cache, record_cache};
use crate::store::damage::OpenError;
use crate::store::head::HeadKey;
use crate::store::journal::scan::Scanned;
use crate::store::journal::writer::JournalWriter;
use crate::store::ledger::Ledger;
use crate::store::packs::PackEnd;
use crate::store::packs::locate::Packs;
use crate::store::packs::writer::PackWriter;
use crate::store::place;
use crate::store::stats::Counters;

/// A file of zeros takes at most one part in so many of the free space.
const SPARE_SHARE: u64 = 32;

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
    identity::make_dirs(&places)?;
    let lock = place::lock(&places.data)?;
    let mut ballast = Ballast::new(&options);
    report.ballast_released = ballast.release();
    let is_new = !places.data.join(place::KEY_FILE).exists();
    let key = place::key(&places.data)?;
    let incarnation = identity::incarnation(&places)?;
    let heads = identity::read_heads(&places, key.public_key(), is_new)?;
    let (Journal { scanned, packs }, projection) =
        recovery::recover(&places, &options, incarnation, &heads, &mut report)?;
    ballast.lay();
    let seed = identity::seed(scanned.seed)?;
    let room = room(&options);
    let journal = JournalWriter::open(
        &places.journal,
        scanned.end,
        seed,
        options.segment_bytes,
        room.clone(),
    )
    .map_err(OpenError::medium("open", &places.journal))?;
    let packer = PackWriter::open(Arc::clone(&packs), options.pack_bytes, room);
    let ledger = Ledger {
        commit: scanned.last_commit,
        time: scanned.last_time,
        frontier: scanned.frontier.clone(),
        sequences: scanned.tenants.clone(),
    };
    let identity = (places, incarnation, key);
    let shared = shared(identity, &options, scanned, packs, packer.end());
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
    let mut threads = spawn_writers(&inbox, options, journal, packer, groups)?;
    threads.push(spawn_heads(&shared, &signal, ballast)?);
    let storage = spawn_storage(&shared, &inbox, storage, Helpers { threads, signal, lock })?;
    Ok((shared, inbox, Threads { storage: Mutex::new(Some(storage)) }, report))
}

/// Whether there is so much space that some may be filled with zeros.
fn room(options: &EmbeddedOptions) -> Option<Room> {
    let (measure, data) = (Arc::clone(&options.free_space), options.data_dir.clone());
    let room = move |bytes: u64| {
        measure(&data).is_ok_and(|space| space.free > bytes.saturating_mul(SPARE_SHARE))
    };
    options.makes_ahead.then(|| Arc::new(room) as Room)
}

/// The state that the threads share, as recovery has found it.
fn shared(
    (places, incarnation, key): (Places, Uuid, HeadKey),
    options: &EmbeddedOptions,
    scanned: Scanned,
    packs: Arc<Packs>,
    packs_end: PackEnd,
) -> Arc<Shared> {
    let published = Published {
        commit: scanned.last_commit,
        time: scanned.last_time,
        frontier: scanned.frontier,
        journal: scanned.end,
        packs: packs_end,
    };
    Arc::new(Shared {
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
    })
}

/// Starts the journal thread and the pack thread.
fn spawn_writers(
    inbox: &Arc<Inbox>,
    options: EmbeddedOptions,
    journal: JournalWriter,
    packs: PackWriter,
    groups: Receiver<Job>,
) -> Result<Vec<JoinHandle<()>>, OpenError> {
    let (to_packer, payloads) = sync_channel(1);
    let (done, packs_done) = sync_channel(1);
    let packs_end = packs.end();
    let packer = Packer { packs, faults: options.faults.clone(), done };
    let syncer = Syncer {
        journal,
        packs: to_packer,
        packs_done,
        packs_end,
        inbox: Arc::clone(inbox),
        clock: options.clock,
        faults: options.faults,
    };
    Ok(vec![
        spawn("store-packs", move || packer.run(&payloads))?,
        spawn("store-journal", move || syncer.run(&groups))?,
    ])
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
    mut ballast: Ballast,
) -> Result<JoinHandle<()>, OpenError> {
    let (shared, signal) = (Arc::clone(shared), Arc::clone(signal));
    spawn("store-heads", move || heads::run(&shared, &signal, &mut ballast))
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
        if failure != StoreFailure::Closed {
            tracing::error!(%failure, "the store has stopped");
            // Said at once: letting go of sled may take its time.
            shared.fail(failure);
            storage.give_up();
            inbox.stop();
        }
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
        drop(lock);
        shared.fail(StoreFailure::Closed);
        inbox.stop();
    })
}

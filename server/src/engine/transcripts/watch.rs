//! Watching what an agent thinks: the last entries, then every one as it is stored, at
//! the density that the watcher wants.
//!
//! A watch holds a position. It is asked for the next piece when its reader has taken the
//! one before, so that a slow reader slows down nobody: of what it missed the digest
//! says how much it was, and where everything is shown a note says what was skipped.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::watch::Receiver;

use super::read::Shown;
use super::tail::Tail;
use crate::domain::error::Error;
use crate::domain::ids::RunId;
use crate::domain::principal::Principal;
use crate::domain::time::{Span, Timestamp};
use crate::domain::transcript::SafeEntry;
use crate::domain::transcript::density::{
    Density, Digester, MAX_WATCH_WORD_BYTES, MAX_WATCH_WORDS, Piece,
};
use crate::engine::cursor::Binding;
use crate::engine::watch::{HEARTBEAT_DEFAULT, HEARTBEAT_MAX, HEARTBEAT_MIN};
use crate::engine::{Engine, read_error, validate};

/// How many entries a watch begins with, unless it asks for more or less.
const DEFAULT_LAST: u64 = 100;
/// The most that it begins with.
const MAX_LAST: u64 = 10_000;
/// How many entries one read takes.
const ENTRIES_PER_READ: usize = 256;
/// How far a reader may be behind where everything is shown, in entries.
const MAX_BEHIND: u64 = 2_048;
/// How many of the newest are shown after a skip.
const KEPT_AFTER_SKIP: u64 = 256;

/// Where a watch begins, and what it shows.
#[derive(Clone, Debug, Default)]
pub struct WatchReasoning {
    /// The run.
    pub run: Option<RunId>,
    /// The cursor of the last message seen; empty: begin with a snapshot.
    pub cursor: String,
    /// Without a cursor: the first entry; 0: the last ones.
    pub from: u64,
    /// Without either: how many of the last entries; none: 100.
    pub last: Option<u64>,
    /// How much is shown.
    pub density: Density,
    /// Words to watch for.
    pub words: Vec<String>,
    /// The longest silence.
    pub heartbeat: Option<Span>,
}

/// What a message of a watch says.
#[derive(Clone, Debug, PartialEq)]
pub enum WatchedReasoning {
    /// Something is to be shown.
    Piece(Piece),
    /// The reader was too slow: these entries are not shown.
    Skipped {
        /// The first of them.
        first: u64,
        /// The last of them.
        last: u64,
    },
    /// What was there at the beginning has been shown.
    SnapshotEnd {
        /// Up to which entry.
        through: u64,
    },
    /// The stream is alive; the next sign of life comes by then.
    Heartbeat {
        /// When.
        next: Timestamp,
        /// When the agent was last heard of by this server; none: it has no session here.
        agent_heard: Option<Timestamp>,
    },
}

/// One message of a watch.
#[derive(Clone, Debug, PartialEq)]
pub struct ReasoningItem {
    /// Continues the watch after this message; empty: after the next one.
    pub cursor: String,
    /// The server's time.
    pub time: Timestamp,
    /// What it says.
    pub event: WatchedReasoning,
}

/// A running watch; ask it for the next message.
pub struct ReasoningWatch {
    engine: Engine,
    tenant: String,
    run: RunId,
    binding: Binding,
    density: Density,
    digester: Digester,
    silence: Span,
    tail: Arc<Tail>,
    stored: Receiver<u64>,
    /// The next entry to look at.
    next: u64,
    /// Up to which entry the snapshot goes, until it is shown.
    snapshot: Option<u64>,
    /// When the next pieces may be shown.
    due: Timestamp,
    ready: VecDeque<WatchedReasoning>,
}

impl Engine {
    /// Begins to watch a run that the caller may see.
    pub async fn watch_reasoning(
        &self,
        caller: &Principal,
        watch: WatchReasoning,
    ) -> Result<ReasoningWatch, Error> {
        let run = watch.run.ok_or_else(|| Error::field("run_id", "required"))?;
        check_words(&watch.words)?;
        let bounds = HEARTBEAT_MIN..=HEARTBEAT_MAX;
        let silence = validate::span("heartbeat", watch.heartbeat, HEARTBEAT_DEFAULT, bounds)?;
        self.run_record(caller, run).await?;
        // Listen first, read second: nothing falls between.
        let tail = self.0.transcripts.tails.watch(run);
        let stored = tail.last();
        let info = self.0.store.info().await.map_err(read_error)?;
        let binding = Binding::new(info.incarnation, &caller.tenant, &format!("reasoning {run}"));
        let last = self.transcript_head(&caller.tenant, run).await?.last;
        tail.note(last);
        let next = if watch.cursor.is_empty() {
            let wanted = watch.last.unwrap_or(DEFAULT_LAST).min(MAX_LAST);
            if watch.from > 0 { watch.from } else { (last + 1).saturating_sub(wanted).max(1) }
        } else {
            let seen = binding.sequence(&watch.cursor)?;
            if seen > last {
                return Err(Error::CursorInvalid { problem: "it is ahead of the transcript" });
            }
            seen + 1
        };
        Ok(ReasoningWatch {
            engine: self.clone(),
            tenant: caller.tenant.clone(),
            run,
            binding,
            density: watch.density,
            digester: Digester::new(watch.density, &self.all_words(&caller.tenant, watch.words)),
            silence,
            tail,
            stored,
            next,
            snapshot: Some(last),
            due: self.now(),
            ready: VecDeque::new(),
        })
    }
}

impl Engine {
    /// The words that a reader watches for, and those of the policy in force.
    fn all_words(&self, tenant: &str, mut words: Vec<String>) -> Vec<String> {
        if let Ok(revision) = self.policy(tenant) {
            words.extend(revision.policy.watch_words.iter().cloned());
        }
        words
    }
}

fn check_words(words: &[String]) -> Result<(), Error> {
    if words.len() > MAX_WATCH_WORDS {
        return Err(Error::field("watch_words", format!("want at most {MAX_WATCH_WORDS}")));
    }
    for (place, word) in words.iter().enumerate() {
        let field = format!("watch_words[{place}]");
        validate::required(&field, word.trim().as_bytes())?;
        validate::length(&field, word.as_bytes(), MAX_WATCH_WORD_BYTES)?;
    }
    Ok(())
}

impl ReasoningWatch {
    /// The next message; comes at the latest when the silence is over.
    pub async fn next(&mut self) -> Result<ReasoningItem, Error> {
        let silent_until = self.engine.now().plus(self.silence);
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(self.message(event));
            }
            let (now, stored) = (self.engine.now(), *self.stored.borrow_and_update());
            let has_news = self.next <= stored;
            if has_news && (self.snapshot.is_some() || now >= self.due) {
                self.show(stored).await?;
            } else if self.snapshot.is_some_and(|through| self.next > through) {
                self.end_snapshot();
            } else if now >= silent_until {
                let agent_heard = self.engine.0.transcripts.heard(self.run);
                let next = now.plus(self.silence);
                self.ready.push_back(WatchedReasoning::Heartbeat { next, agent_heard });
            } else {
                self.wait(has_news, silent_until).await;
            }
        }
    }

    /// Waits for something to show, or until it may be shown.
    async fn wait(&mut self, has_news: bool, silent_until: Timestamp) {
        let clock = &self.engine.0.clock;
        if has_news {
            return clock.sleep_until(self.due.min(silent_until)).await;
        }
        tokio::select! {
            // The sender lives in the tail that is held here.
            _ = self.stored.changed() => {}
            () = clock.sleep_until(silent_until) => {}
        }
    }

    fn end_snapshot(&mut self) {
        let through = self.next - 1;
        let pieces = self.digester.flush();
        self.ready.extend(pieces.into_iter().map(WatchedReasoning::Piece));
        self.ready.push_back(WatchedReasoning::SnapshotEnd { through });
        self.snapshot = None;
    }

    /// Looks at the next entries; in a snapshot what they grow to is shown as a whole.
    async fn show(&mut self, stored: u64) -> Result<(), Error> {
        let is_live = self.snapshot.is_none();
        if is_live && self.density == Density::Full && stored - self.next >= MAX_BEHIND {
            let last = stored - KEPT_AFTER_SKIP;
            self.digester.skip();
            self.ready.push_back(WatchedReasoning::Skipped { first: self.next, last });
            self.next = last + 1;
        }
        for entry in self.read().await? {
            self.next = entry.through + 1;
            self.digester.take(&entry);
        }
        if is_live || self.density != Density::Headline {
            let pieces = self.digester.flush();
            self.ready.extend(pieces.into_iter().map(WatchedReasoning::Piece));
        }
        self.due = self.engine.now().plus(self.density.interval());
        Ok(())
    }

    async fn read(&self) -> Result<Vec<Arc<SafeEntry>>, Error> {
        if let Some(entries) = self.tail.from(self.next, ENTRIES_PER_READ) {
            return Ok(entries);
        }
        let (engine, from) = (&self.engine, self.next);
        let found = engine.read_entries(&self.tenant, self.run, from, ENTRIES_PER_READ).await?;
        if found.is_empty() {
            return Err(Error::DataDamaged {
                cause: format!("entries of run {} from {from} on are missing", self.run),
            });
        }
        let safe = |shown| match shown {
            Shown::Entry(entry) => SafeEntry::from(&entry),
            Shown::Erased { first, through, time } => SafeEntry::erased(first, through, time),
        };
        Ok(found.into_iter().map(|shown| Arc::new(safe(shown))).collect())
    }

    fn message(&self, event: WatchedReasoning) -> ReasoningItem {
        let is_settled = self.ready.is_empty();
        let cursor = if is_settled { self.binding.cursor(self.next - 1) } else { String::new() };
        ReasoningItem { cursor, time: self.engine.now(), event }
    }
}

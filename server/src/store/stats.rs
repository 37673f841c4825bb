//! Counters of a store.

use std::sync::atomic::{AtomicU64, Ordering};

/// The upper bounds of the group sizes that are counted apart; larger groups
/// count in one more bucket.
pub const STATS_GROUP_BUCKETS: [u64; 8] = [1, 2, 4, 8, 16, 64, 256, 512];

/// Counters since the store was opened, for metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Commits made durable.
    pub commits: u64,
    /// Groups made durable together.
    pub groups: u64,
    /// Groups by size, by [`STATS_GROUP_BUCKETS`] and one bucket beyond.
    pub group_sizes: [u64; 9],
    /// Microseconds spent making groups durable, in all.
    pub sync_micros: u64,
    /// The longest of them.
    pub sync_micros_max: u64,
    /// Transactions refused because something had changed.
    pub conflicts: u64,
    /// Transactions refused because the disk is nearly full.
    pub disk_refusals: u64,
    /// Reads answered from the cache.
    pub cache_hits: u64,
    /// Reads that were not.
    pub cache_misses: u64,
    /// Commits that wait now.
    pub queue_depth: u64,
    /// Bytes of frames appended.
    pub journal_bytes: u64,
    /// Bytes of payloads taken, before deduplication.
    pub payload_bytes: u64,
    /// Records that are durable but not yet applied to sled.
    pub unapplied: u64,
    /// Signed heads written.
    pub heads: u64,
    /// Signed heads that could not be written.
    pub head_failures: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub(crate) fn at_least(&self, value: u64) {
        self.0.fetch_max(value, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counters as the threads keep them.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) commits: Counter,
    pub(crate) groups: Counter,
    pub(crate) group_sizes: [Counter; 9],
    pub(crate) sync_micros: Counter,
    pub(crate) sync_micros_max: Counter,
    pub(crate) conflicts: Counter,
    pub(crate) disk_refusals: Counter,
    pub(crate) cache_hits: Counter,
    pub(crate) cache_misses: Counter,
    pub(crate) journal_bytes: Counter,
    pub(crate) payload_bytes: Counter,
    pub(crate) unapplied: Counter,
    pub(crate) heads: Counter,
    pub(crate) head_failures: Counter,
}

impl Counters {
    /// Counts a group that is durable.
    pub(crate) fn group(&self, commits: u64, sync_micros: u64) {
        self.groups.add(1);
        self.commits.add(commits);
        self.sync_micros.add(sync_micros);
        self.sync_micros_max.at_least(sync_micros);
        let bucket = STATS_GROUP_BUCKETS.iter().position(|bound| commits <= *bound);
        let bucket = bucket.unwrap_or(STATS_GROUP_BUCKETS.len());
        if let Some(count) = self.group_sizes.get(bucket) {
            count.add(1);
        }
    }

    /// The counters as they stand.
    pub(crate) fn snapshot(&self, queue_depth: usize) -> StoreStats {
        StoreStats {
            commits: self.commits.get(),
            groups: self.groups.get(),
            group_sizes: std::array::from_fn(|bucket| {
                self.group_sizes.get(bucket).map_or(0, Counter::get)
            }),
            sync_micros: self.sync_micros.get(),
            sync_micros_max: self.sync_micros_max.get(),
            conflicts: self.conflicts.get(),
            disk_refusals: self.disk_refusals.get(),
            cache_hits: self.cache_hits.get(),
            cache_misses: self.cache_misses.get(),
            queue_depth: queue_depth as u64,
            journal_bytes: self.journal_bytes.get(),
            payload_bytes: self.payload_bytes.get(),
            unapplied: self.unapplied.get(),
            heads: self.heads.get(),
            head_failures: self.head_failures.get(),
        }
    }
}

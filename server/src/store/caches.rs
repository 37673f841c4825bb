//! What is kept in memory for readers, bounded by its bytes.

use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use uuid::Uuid;

use super::Versioned;
use crate::domain::payload::PayloadRef;

/// What a cache entry takes beside its key and value.
const ENTRY_OVERHEAD: u64 = 96;
/// How many entries a cache expects, at this many bytes each.
const EXPECTED_ENTRY_BYTES: u64 = 512;

/// Records by key; `None` is known to be absent.
pub(crate) type RecordCache = Cache<Bytes, Option<Versioned>, RecordWeight>;
/// Payloads by id, with the reference they were stored under.
pub(crate) type PayloadCache = Cache<Uuid, (PayloadRef, Bytes), PayloadWeight>;

/// The weight of a cached record: its bytes.
#[derive(Clone)]
pub(crate) struct RecordWeight;

impl Weighter<Bytes, Option<Versioned>> for RecordWeight {
    fn weight(&self, key: &Bytes, record: &Option<Versioned>) -> u64 {
        let value = record.as_ref().map_or(0, |record| record.value.len());
        (key.len() + value) as u64 + ENTRY_OVERHEAD
    }
}

/// The weight of a cached payload: its bytes.
#[derive(Clone)]
pub(crate) struct PayloadWeight;

impl Weighter<Uuid, (PayloadRef, Bytes)> for PayloadWeight {
    fn weight(&self, _: &Uuid, payload: &(PayloadRef, Bytes)) -> u64 {
        payload.1.len() as u64 + ENTRY_OVERHEAD
    }
}

/// Makes a cache of records for at most this many bytes.
pub(crate) fn record_cache(bytes: u64) -> RecordCache {
    Cache::with_weighter(expected(bytes), bytes, RecordWeight)
}

/// Makes a cache of payloads for at most this many bytes.
pub(crate) fn payload_cache(bytes: u64) -> PayloadCache {
    Cache::with_weighter(expected(bytes), bytes, PayloadWeight)
}

fn expected(bytes: u64) -> usize {
    usize::try_from(bytes / EXPECTED_ENTRY_BYTES).unwrap_or(usize::MAX)
}

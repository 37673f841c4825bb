//! Buckets in sled against a plain map, and a split that was interrupted.

use std::collections::BTreeMap;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use uuid::Uuid;

use super::super::bucket;
use super::super::projection::Projection;
use super::super::view::Slot;
use crate::store::{KeyRange, Version};

const CACHE_BYTES: u64 = 8 * 1024 * 1024;

fn mk_projection(dir: &std::path::Path) -> Projection {
    Projection::open(dir, CACHE_BYTES, Uuid::nil()).unwrap().0
}

fn key(number: u16) -> Bytes {
    Bytes::from(format!("t/kind/{number:05}"))
}

fn apply(projection: &Projection, changes: &BTreeMap<Bytes, Slot>, commit: u64) {
    projection.apply(&changes.iter().collect::<Vec<_>>(), Some(commit)).unwrap();
}

fn mk_changes(
    numbers: impl IntoIterator<Item = (u16, Option<usize>)>,
    version: u64,
) -> BTreeMap<Bytes, Slot> {
    let slot = |length: Option<usize>| Slot {
        value: length.map(|length| Bytes::from(vec![version as u8; length])),
        version: Version(version),
    };
    numbers.into_iter().map(|(number, length)| (key(number), slot(length))).collect()
}

fn rows(projection: &Projection, range: &KeyRange) -> Vec<(Bytes, Option<Bytes>, Version)> {
    let rows = projection.range(range).map(Result::unwrap);
    rows.map(|(key, found)| (key, Some(found.value), found.version)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_projection_is_a_sorted_map(
        batches in prop::collection::vec(
            prop::collection::btree_map(0..400_u16, prop::option::weighted(0.7, 0..600_usize), 1..120),
            1..12,
        ),
        ranges in prop::collection::vec((0..420_u16, 0..420_u16), 1..8),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut projection = mk_projection(dir.path());
        let mut model: BTreeMap<Bytes, Slot> = BTreeMap::new();
        for (commit, batch) in (1..).zip(batches) {
            let changes = mk_changes(batch, commit);
            apply(&projection, &changes, commit);
            model.extend(changes);
            model.retain(|_, slot| slot.value.is_some());
            if commit % 5 == 0 {
                drop(projection);
                projection = mk_projection(dir.path());
            }
        }
        for number in 0..400 {
            let expected = model.get(&key(number)).and_then(Slot::to_versioned);
            prop_assert_eq!(projection.get(&key(number)).unwrap(), expected);
        }
        for (start, end) in ranges {
            let range = KeyRange { start: key(start.min(end)), end: key(start.max(end)) };
            let expected: Vec<_> = model
                .range(range.start.clone()..range.end.clone())
                .map(|(key, slot)| (key.clone(), slot.value.clone(), slot.version))
                .collect();
            prop_assert_eq!(rows(&projection, &range), expected.clone());
            let mut back: Vec<_> = projection.range(&range).rev().map(Result::unwrap)
                .map(|(key, found)| (key, Some(found.value), found.version)).collect();
            back.reverse();
            prop_assert_eq!(back, expected);
        }
        prop_assert_eq!(projection.all().count(), model.len());
    }
}

/// The last pieces of a split are written first; the old bucket still holds
/// their records when the process dies there.
#[test]
fn a_split_that_was_interrupted_is_finished_by_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let old = mk_changes((0..6).map(|number| (number * 10, Some(300))), 1);
    let added = mk_changes((0..6).map(|number| (number * 10 + 5, Some(300))), 2);
    let bucket = bucket::merge(&[], &old.iter().collect::<Vec<_>>()).unwrap().unwrap();
    assert_eq!(bucket.len(), 1);
    let bytes = &bucket.first().unwrap().bytes;
    let pieces = bucket::merge(bytes, &added.iter().collect::<Vec<_>>()).unwrap().unwrap();
    assert!(pieces.len() > 1);
    let projection = mk_projection(dir.path());
    apply(&projection, &old, 1);
    projection.put_piece(pieces.last().unwrap().clone()).unwrap();
    drop(projection);

    let projection = mk_projection(dir.path());
    let keys: Vec<_> = projection.all().map(|row| row.unwrap().0).collect();
    assert!(keys.is_sorted_by(|one, other| one < other), "{keys:?}");
    assert!(old.keys().all(|key| keys.contains(key)));
    // The replay writes what was lost, and what was not.
    apply(&projection, &added, 2);
    let expected: Vec<_> =
        old.into_iter().chain(added).collect::<BTreeMap<_, _>>().into_keys().collect();
    let keys: Vec<_> = projection.all().map(|row| row.unwrap().0).collect();
    assert_eq!(keys, expected);
}

/// sled's threads may hold its files for a moment after it was dropped.
#[test]
fn files_that_are_still_in_use_are_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    drop(mk_projection(dir.path()));
    let file = std::fs::File::open(dir.path().join("db")).unwrap();
    file.lock().unwrap();
    let (sender, opened) = std::sync::mpsc::channel();
    let path = dir.path().to_owned();
    let opener = std::thread::spawn(move || {
        let projection = Projection::open(&path, CACHE_BYTES, Uuid::nil());
        sender.send(projection.is_ok()).unwrap();
    });
    let while_in_use = opened.recv_timeout(Duration::from_millis(50));
    assert_eq!(while_in_use, Err(RecvTimeoutError::Timeout));
    drop(file);
    assert_eq!(opened.recv(), Ok(true));
    opener.join().unwrap();
}

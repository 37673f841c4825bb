//! The torn tail is cut, everything else is refused by commit and sequence.

use std::fs;
use std::path::PathBuf;

use bytes::Bytes;

use super::*;
use crate::domain::event::{Event, EventKind, Subjects};
use crate::store::Write;
use crate::store::damage::SequenceGap;
use crate::store::journal::writer::JournalWriter;

const SEED: u32 = 7;

/// A journal on disk and how it was made.
struct Written {
    _guard: tempfile::TempDir,
    dir: PathBuf,
    /// Where each commit's frame begins, and the end.
    places: Vec<Position>,
}

fn mk_frame(commit: u64, group: u64) -> Frame {
    Frame {
        commit,
        group,
        time: Timestamp::from_micros(commit as i64),
        tenant: "acme".to_owned(),
        principal: "agent:test".to_owned(),
        request_id: None,
        first_sequence: commit * 2 - 1,
        leaf_index: commit * 2 - 2,
        events: vec![mk_event(), mk_event()],
        writes: vec![Write { key: Bytes::from("k"), value: Some(Bytes::from(vec![1; 40])) }],
        salt: [9; 16],
        payloads: Vec::new(),
    }
}

fn mk_event() -> Event {
    Event {
        kind: EventKind::RunStarted,
        subjects: Subjects::default(),
        action_digest: None,
        payloads: Vec::new(),
    }
}

/// Writes groups of these sizes; each commit has two events.
fn mk_journal(groups: &[u64], rotate_bytes: u64) -> Written {
    let guard = tempfile::tempdir().unwrap();
    let dir = guard.path().to_owned();
    let mut writer =
        JournalWriter::open(&dir, Position::default(), SEED, rotate_bytes, None).unwrap();
    let mut places = Vec::new();
    let (mut commit, mut end) = (0, Position::default());
    for size in groups {
        let group = commit + 1;
        let (mut bytes, mut offsets) = (Vec::new(), Vec::new());
        for _ in 0..*size {
            commit += 1;
            offsets.push(bytes.len() as u64);
            mk_frame(commit, group).encode(SEED, &mut bytes).unwrap();
        }
        let (start, after) = writer.append(group, &bytes).unwrap();
        places.extend(offsets.into_iter().map(|o| Position { offset: start.offset + o, ..start }));
        end = after;
    }
    writer.sync().unwrap();
    places.push(end);
    Written { _guard: guard, dir, places }
}

impl Written {
    fn segment(&self, number: u64) -> PathBuf {
        segment::path(&self.dir, number)
    }

    /// Changes the bytes of a segment.
    fn change(&self, number: u64, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = fs::read(self.segment(number)).unwrap();
        change(&mut bytes);
        fs::write(self.segment(number), bytes).unwrap();
    }

    fn scan(&self) -> Result<Scanned, OpenError> {
        self.scan_with(&[])
    }

    fn scan_with(&self, sizes: &[u64]) -> Result<Scanned, OpenError> {
        scan(&self.dir, Wishes { sizes, visit: &mut |_| Ok(()), progress: &|_| {} })
    }

    fn damage(&self) -> Damage {
        match self.scan() {
            Err(OpenError::Damaged(damage)) => *damage,
            other => panic!("not refused: {other:?}"),
        }
    }
}

fn mk_gap(first: u64, last: u64) -> Vec<SequenceGap> {
    vec![SequenceGap { tenant: "acme".to_owned(), first, last }]
}

#[test]
fn a_sound_journal_folds() {
    let written = mk_journal(&[1, 3, 2, 4], 700);
    let scanned = written.scan_with(&[0, 20]).unwrap();
    assert!(scanned.end.segment > 2, "several segments");
    assert_eq!((scanned.last_commit, scanned.frontier.size()), (10, 20));
    assert_eq!(scanned.tenants["acme"], 20);
    assert_eq!(Some(&scanned.end), written.places.last());
    assert_eq!(scanned.torn, None);
    let tail: Vec<_> = scanned.tail.iter().map(|tail| tail.commit).collect();
    assert_eq!(tail, [7, 8, 9, 10]);
    let sizes: Vec<_> = scanned.roots.iter().map(|root| root.size).collect();
    assert_eq!(sizes, [0, 20]);
    assert_eq!(scanned.roots[1].root, scanned.frontier.root());
    assert_eq!(scanned.index.place_of(4), Some(written.places[3]));
    assert_eq!(scanned.index.commit_before("acme", 7), Some(4));
}

#[test]
fn a_tail_torn_at_any_byte_is_cut_at_the_frame_before() {
    let written = mk_journal(&[1, 1, 1], u64::MAX);
    let [start, end] = [written.places[2].offset, written.places[3].offset];
    let whole = fs::read(written.segment(1)).unwrap();
    for length in start..end {
        written.change(1, |bytes| *bytes = whole[..length as usize].to_vec());
        let scanned = written.scan().unwrap();
        assert_eq!((scanned.last_commit, scanned.end), (2, written.places[2]), "at {length}");
        assert_eq!(scanned.torn.is_some(), length > start);
        // What was not written may also read as zeros.
        written.change(1, |bytes| bytes.resize(whole.len(), 0));
        assert_eq!(written.scan().unwrap().end, written.places[2], "zeros from {length}");
    }
}

#[test]
fn a_bit_flipped_before_the_tail_is_refused_by_commit_and_sequence() {
    let written = mk_journal(&[1, 1, 1, 1], u64::MAX);
    let [start, end] = [written.places[1].offset, written.places[2].offset];
    for at in start as usize..end as usize {
        written.change(1, |bytes| bytes[at] ^= 4);
        let damage = written.damage();
        assert_eq!((damage.first_commit, damage.last_commit), (2, Some(2)), "byte {at}");
        assert_eq!((damage.offset, damage.sequences), (start, mk_gap(3, 4)), "byte {at}");
        written.change(1, |bytes| bytes[at] ^= 4);
    }
    assert_eq!(written.scan().unwrap().last_commit, 4);
}

#[test]
fn a_hole_in_the_newest_group_is_its_torn_end() {
    let written = mk_journal(&[2, 3], u64::MAX);
    written.change(1, |bytes| bytes[written.places[3].offset as usize + 20] ^= 1);
    let scanned = written.scan().unwrap();
    assert_eq!((scanned.last_commit, scanned.end), (3, written.places[3]));
    assert!(scanned.torn.is_some());
    // In an older group the same hole is damage.
    let written = mk_journal(&[2, 3, 1], u64::MAX);
    written.change(1, |bytes| bytes[written.places[3].offset as usize + 20] ^= 1);
    assert_eq!(written.damage().sequences, mk_gap(7, 8));
}

#[test]
fn a_missing_segment_is_refused() {
    for missing in [1, 2] {
        let written = mk_journal(&[1, 1, 1], 100);
        fs::remove_file(written.segment(missing)).unwrap();
        let damage = written.damage();
        assert_eq!(damage.kind, DamageKind::Segment { expected: missing });
        assert_eq!(damage.file, written.segment(missing));
        assert_eq!((damage.first_commit, damage.last_commit), (missing, Some(missing)));
        assert_eq!(damage.sequences, mk_gap(missing * 2 - 1, missing * 2));
    }
}

#[test]
fn a_doubled_segment_is_refused() {
    let written = mk_journal(&[1, 1, 1], 100);
    fs::copy(written.segment(2), written.segment(3)).unwrap();
    let damage = written.damage();
    assert_eq!((damage.kind, damage.first_commit), (DamageKind::Segment { expected: 3 }, 3));
    let written = mk_journal(&[1, 1, 1], 100);
    fs::copy(written.segment(2), written.segment(4)).unwrap();
    assert_eq!(written.damage().kind, DamageKind::Segment { expected: 4 });
}

#[test]
fn swapped_segments_are_refused() {
    let written = mk_journal(&[1, 1, 1], 100);
    let aside = written.dir.join("aside");
    fs::rename(written.segment(2), &aside).unwrap();
    fs::rename(written.segment(3), written.segment(2)).unwrap();
    fs::rename(aside, written.segment(3)).unwrap();
    let damage = written.damage();
    assert_eq!((damage.kind, damage.first_commit), (DamageKind::Segment { expected: 2 }, 2));
}

#[test]
fn a_frame_in_the_wrong_place_is_refused() {
    let written = mk_journal(&[1, 1, 1], u64::MAX);
    let [second, third, end] = [1, 2, 3].map(|place: usize| written.places[place].offset as usize);
    written.change(1, |bytes| {
        let moved = bytes[third..end].to_vec();
        bytes.splice(second..second, moved);
    });
    let damage = written.damage();
    assert_eq!(damage.kind, DamageKind::Order { expected: 2, found: 3 });
    assert_eq!((damage.first_commit, damage.offset), (2, second as u64));
    let message = OpenError::from(damage).to_string();
    assert!(message.contains("commit 2") && message.contains("0000000001.log"), "{message}");
}

#[test]
fn a_segment_that_was_just_begun_may_be_torn() {
    let written = mk_journal(&[1, 1], 100);
    for length in 0..HEADER_LENGTH {
        fs::write(written.segment(3), vec![0; length]).unwrap();
        let scanned = written.scan().unwrap();
        assert_eq!(scanned.last_commit, 2);
        assert_eq!(scanned.end, Position { segment: 3, offset: 0 });
    }
    fs::write(written.segment(3), vec![0; 500]).unwrap();
    assert_eq!(written.damage().kind, DamageKind::Segment { expected: 3 });
}

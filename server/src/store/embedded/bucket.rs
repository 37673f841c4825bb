//! Buckets: neighbouring records in one value of sled.
//!
//! sled keeps at most sixteen items in a leaf and copies the leaf for each one
//! that changes, so that a record of its own costs 6 to 8 microseconds and
//! every eighth splits a leaf. A bucket takes the records from its own key up
//! to the next bucket's, sorted, and changes to neighbours are written at once.

use bytes::{BufMut as _, Bytes};

use super::view::Slot;
use crate::store::{Version, Versioned};

/// The most bytes in a bucket, unless one record alone is larger.
pub(super) const MAX_BUCKET_BYTES: usize = 2 * 1024;

/// Lengths of key and value, version.
const ROW_HEADER: usize = 2 + 2 + 8;

/// What does not read as a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Garbled;

/// A record in a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row<'a> {
    pub(super) key: &'a [u8],
    version: u64,
    value: &'a [u8],
}

impl<'a> Row<'a> {
    fn of(key: &'a [u8], slot: &'a Slot) -> Option<Self> {
        slot.value.as_deref().map(|value| Self { key, version: slot.version.0, value })
    }

    const fn length(&self) -> usize {
        ROW_HEADER + self.key.len() + self.value.len()
    }

    /// The record on its own.
    pub(super) fn to_versioned(self) -> Versioned {
        Versioned { value: Bytes::copy_from_slice(self.value), version: Version(self.version) }
    }

    fn put(&self, into: &mut Vec<u8>) -> Result<(), Garbled> {
        into.put_u16(u16::try_from(self.key.len()).map_err(|_| Garbled)?);
        into.put_u16(u16::try_from(self.value.len()).map_err(|_| Garbled)?);
        into.put_u64(self.version);
        into.put_slice(self.key);
        into.put_slice(self.value);
        Ok(())
    }
}

/// The records of a bucket, in order.
pub(super) struct Rows<'a>(&'a [u8]);

/// Reads a bucket.
pub(super) const fn rows(bucket: &[u8]) -> Rows<'_> {
    Rows(bucket)
}

impl<'a> Rows<'a> {
    fn split(&mut self) -> Option<Row<'a>> {
        let (key_length, rest) = self.0.split_first_chunk::<2>()?;
        let (value_length, rest) = rest.split_first_chunk::<2>()?;
        let (version, rest) = rest.split_first_chunk::<8>()?;
        let (key, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*key_length)))?;
        let (value, rest) =
            rest.split_at_checked(usize::from(u16::from_be_bytes(*value_length)))?;
        self.0 = rest;
        Some(Row { key, version: u64::from_be_bytes(*version), value })
    }
}

impl<'a> Iterator for Rows<'a> {
    type Item = Result<Row<'a>, Garbled>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let row = self.split().ok_or(Garbled);
        if row.is_err() {
            self.0 = &[];
        }
        Some(row)
    }
}

/// Finds a record.
pub(super) fn find(bucket: &[u8], key: &[u8]) -> Result<Option<Versioned>, Garbled> {
    for row in rows(bucket) {
        let row = row?;
        if row.key >= key {
            return Ok((row.key == key).then(|| row.to_versioned()));
        }
    }
    Ok(None)
}

/// A bucket to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// Its first key.
    pub(super) first: Vec<u8>,
    /// Its records.
    pub(super) bytes: Vec<u8>,
}

/// A bucket with changes, in as many pieces as it takes; `None` if the changes
/// change nothing. Both come sorted.
pub(super) fn merge(
    bucket: &[u8],
    changes: &[(&Bytes, &Slot)],
) -> Result<Option<Vec<Piece>>, Garbled> {
    let old = rows(bucket).collect::<Result<Vec<_>, _>>()?;
    let is_append = match (old.last(), changes.first()) {
        (Some(last), Some((first, _))) => last.key < first.as_ref(),
        _ => true,
    };
    let merged = merged(&old, changes);
    if merged == old {
        return Ok(None);
    }
    cut(&merged, is_append).map(Some)
}

fn merged<'a>(old: &[Row<'a>], changes: &[(&'a Bytes, &'a Slot)]) -> Vec<Row<'a>> {
    let mut merged = Vec::with_capacity(old.len() + changes.len());
    let mut old = old.iter().copied().peekable();
    for (key, slot) in changes {
        while let Some(row) = old.next_if(|row| row.key < key.as_ref()) {
            merged.push(row);
        }
        old.next_if(|row| row.key == key.as_ref());
        merged.extend(Row::of(key, slot));
    }
    merged.extend(old);
    merged
}

/// Cuts records into buckets: full ones where records are appended, as ids and
/// times are, and of equal size where they come in between.
fn cut(rows: &[Row<'_>], is_append: bool) -> Result<Vec<Piece>, Garbled> {
    let total: usize = rows.iter().map(Row::length).sum();
    let share =
        if is_append { total } else { total.div_ceil(total.div_ceil(MAX_BUCKET_BYTES).max(1)) };
    let has_room = |piece: &Piece, row: &Row<'_>| {
        piece.bytes.len() < share && piece.bytes.len() + row.length() <= MAX_BUCKET_BYTES
    };
    let mut pieces: Vec<Piece> = Vec::new();
    for row in rows {
        match pieces.last_mut() {
            Some(piece) if has_room(piece, row) => row.put(&mut piece.bytes)?,
            _ => {
                let mut bytes = Vec::with_capacity(MAX_BUCKET_BYTES.max(row.length()));
                row.put(&mut bytes)?;
                pieces.push(Piece { first: row.key.to_vec(), bytes });
            }
        }
    }
    Ok(pieces)
}

/// The records of a bucket before `end`; `None` if all are.
pub(super) fn before(bucket: &[u8], end: &[u8]) -> Result<Option<Vec<u8>>, Garbled> {
    let mut kept = Vec::new();
    for row in rows(bucket) {
        let row = row?;
        if row.key >= end {
            return Ok(Some(kept));
        }
        row.put(&mut kept)?;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(value: Option<&[u8]>, version: u64) -> Slot {
        Slot { value: value.map(Bytes::copy_from_slice), version: Version(version) }
    }

    fn keys(pieces: &[Piece]) -> Vec<Vec<u8>> {
        let rows = pieces.iter().flat_map(|piece| rows(&piece.bytes));
        rows.map(|row| row.unwrap().key.to_vec()).collect()
    }

    /// A bucket or several of these keys, each with a value of so many bytes.
    fn filled(names: &[&str], length: usize) -> Vec<Piece> {
        let value = vec![7; length];
        let slots: Vec<_> = names
            .iter()
            .map(|name| (Bytes::copy_from_slice(name.as_bytes()), slot(Some(&value), 1)))
            .collect();
        let changes: Vec<_> = slots.iter().map(|(key, slot)| (key, slot)).collect();
        merge(&[], &changes).unwrap().unwrap_or_default()
    }

    #[test]
    fn changes_replace_add_and_remove() {
        let bucket = filled(&["b", "d", "f"], 3).remove(0).bytes;
        let [a, b, d] = ["a", "b", "d"].map(|key| Bytes::copy_from_slice(key.as_bytes()));
        let (new, gone, changed) = (slot(Some(b"new"), 2), slot(None, 2), slot(Some(b""), 3));
        let changes = [(&a, &new), (&b, &gone), (&d, &changed)];
        let pieces = merge(&bucket, &changes).unwrap().unwrap();
        assert_eq!(keys(&pieces), [b"a", b"d", b"f"]);
        let bytes = &pieces.first().unwrap().bytes;
        assert_eq!(find(bytes, b"a").unwrap(), new.to_versioned());
        assert_eq!(find(bytes, b"b").unwrap(), None);
        assert_eq!(find(bytes, b"d").unwrap(), changed.to_versioned());
        assert_eq!(find(bytes, b"g").unwrap(), None);
    }

    #[test]
    fn nothing_is_written_where_nothing_changes() {
        let bucket = filled(&["b"], 3).remove(0).bytes;
        let (a, gone) = (Bytes::from_static(b"a"), slot(None, 2));
        assert_eq!(merge(&bucket, &[(&a, &gone)]), Ok(None));
    }

    #[test]
    fn appended_records_fill_buckets_and_inserted_ones_split_them_evenly() {
        let names: Vec<String> = (0..60).map(|number| format!("{number:03}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let appended = filled(&names, 100);
        assert_eq!(keys(&appended).len(), 60);
        let (last, full) = appended.split_last().unwrap();
        assert!(full.iter().all(|piece| piece.bytes.len() > MAX_BUCKET_BYTES - 116));
        assert!(last.bytes.len() <= MAX_BUCKET_BYTES);

        let full = full.first().unwrap();
        let (key, value) = (Bytes::from_static(b"0005"), slot(Some(&[1; 300]), 2));
        let split = merge(&full.bytes, &[(&key, &value)]).unwrap().unwrap();
        assert_eq!(split.len(), 2);
        assert!(split.iter().all(|piece| piece.bytes.len() < MAX_BUCKET_BYTES * 2 / 3));
        let order = keys(&split);
        assert!(order.is_sorted() && order.contains(&b"0005".to_vec()));
    }

    #[test]
    fn a_record_larger_than_a_bucket_has_one_to_itself() {
        let pieces = filled(&["a", "b", "c"], MAX_BUCKET_BYTES);
        assert_eq!(
            pieces.iter().map(|piece| piece.first.as_slice()).collect::<Vec<_>>(),
            [b"a", b"b", b"c"]
        );
    }

    #[test]
    fn what_belongs_to_the_next_bucket_is_left_out() {
        let bucket = filled(&["a", "b", "c"], 3).remove(0).bytes;
        assert_eq!(before(&bucket, b"d"), Ok(None));
        let kept = before(&bucket, b"b").unwrap().unwrap();
        assert_eq!(rows(&kept).map(|row| row.unwrap().key).collect::<Vec<_>>(), [b"a"]);
    }

    #[test]
    fn garbled_bytes_are_seen() {
        let bucket = filled(&["a", "b"], 3).remove(0).bytes;
        let cut = &bucket[..bucket.len() - 1];
        assert!(rows(cut).any(|row| row.is_err()));
        assert_eq!(merge(cut, &[]), Err(Garbled));
        assert_eq!(find(&[0, 200, 0, 0], b"a"), Err(Garbled));
    }
}

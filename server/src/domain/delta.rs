//! Differences between two states: what is copied from the one before, and what is new.
//!
//! Successive states of a run differ little, in one place or several. Both are cut where
//! their content says so; equal pieces are anchors, and each is extended to both sides as
//! far as the bytes agree. The cost is linear in the two states.

use std::collections::HashMap;

use fastcdc::v2020::FastCDC;

/// The smallest, the usual and the greatest piece.
const PIECE_BYTES: [usize; 3] = [128, 512, 4096];

/// How many bits of a length one byte holds.
const BITS: u32 = 7;
/// Says that more bytes follow.
const MORE: u8 = 1 << BITS;

/// What makes `new` of `base`.
pub fn encode(base: &[u8], new: &[u8]) -> Vec<u8> {
    let mut script = Script { base, new, done: 0, out: Vec::new() };
    script.copy(0, 0);
    let known: HashMap<&[u8], usize> = pieces(base).map(|(at, piece)| (piece, at)).collect();
    for (at, piece) in pieces(new) {
        if at >= script.done
            && let Some(found) = known.get(piece)
        {
            script.copy(*found, at);
        }
    }
    script.end()
}

/// Makes the new state of its base; none if the script is not one of this base, or would
/// make more than `size` bytes.
pub fn decode(base: &[u8], mut script: &[u8], size: usize) -> Option<Vec<u8>> {
    let mut new = Vec::with_capacity(size);
    while !script.is_empty() {
        let head = number(&mut script)?;
        let length = usize::try_from(head >> 1).ok()?;
        if length > size - new.len() {
            return None;
        }
        if head & 1 == 1 {
            let from = usize::try_from(number(&mut script)?).ok()?;
            new.extend_from_slice(base.get(from..from.checked_add(length)?)?);
        } else {
            let (words, rest) = script.split_at_checked(length)?;
            new.extend_from_slice(words);
            script = rest;
        }
    }
    (new.len() == size).then_some(new)
}

/// A script in the making.
struct Script<'a> {
    base: &'a [u8],
    new: &'a [u8],
    /// How much of the new state the script makes.
    done: usize,
    out: Vec<u8>,
}

impl Script<'_> {
    /// Copies what agrees around two places, if anything does.
    fn copy(&mut self, from: usize, to: usize) {
        let (base_before, base_after) = self.base.split_at(from);
        let (new_before, new_after) = self.new.split_at(to);
        let open = new_before.get(self.done..).unwrap_or_default();
        let back = common(base_before.iter().rev(), open.iter().rev());
        let length = back + common(base_after.iter(), new_after.iter());
        if length > 0 {
            self.insert(to - back);
            put(&mut self.out, (length as u64) << 1 | 1);
            put(&mut self.out, (from - back) as u64);
            self.done += length;
        }
    }

    /// Spells out the new state up to a place.
    fn insert(&mut self, until: usize) {
        let words = self.new.get(self.done..until).unwrap_or_default();
        if !words.is_empty() {
            put(&mut self.out, (words.len() as u64) << 1);
            self.out.extend_from_slice(words);
            self.done = until;
        }
    }

    fn end(mut self) -> Vec<u8> {
        // Both ends agree where something was put in before them.
        self.copy(self.base.len(), self.new.len());
        self.insert(self.new.len());
        self.out
    }
}

fn common<'a>(a: impl Iterator<Item = &'a u8>, b: impl Iterator<Item = &'a u8>) -> usize {
    a.zip(b).take_while(|(a, b)| a == b).count()
}

/// The pieces of a state and where they begin.
fn pieces(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let [least, usual, most] = PIECE_BYTES;
    FastCDC::new(bytes, least, usual, most).filter_map(|piece| {
        let found = bytes.get(piece.offset..piece.offset + piece.length);
        found.map(|found| (piece.offset, found))
    })
}

fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= u64::from(MORE) {
        out.push(number as u8 | MORE);
        number >>= BITS;
    }
    out.push(number as u8);
}

fn number(script: &mut &[u8]) -> Option<u64> {
    let (mut number, mut shift) = (0_u64, 0);
    loop {
        let (byte, rest) = script.split_first()?;
        *script = rest;
        let bits = u64::from(byte & !MORE);
        if shift >= u64::BITS || bits << shift >> shift != bits {
            return None;
        }
        number |= bits << shift;
        if byte & MORE == 0 {
            return Some(number);
        }
        shift += BITS;
    }
}

#[cfg(test)]
mod tests;

//! The RFC 6962 Merkle tree, kept as a frontier.
//!
//! Only the roots of the perfect subtrees are kept: they are enough to append
//! a leaf and to compute the root. Whoever wants a proof reads the leaves.

use ring::digest::{Context, SHA256};

use crate::domain::digest::{Digest, sha256};

/// What stands before a leaf when it is hashed.
const LEAF_PREFIX: u8 = 0x00;
/// What stands before two hashes when they are hashed to their parent.
const NODE_PREFIX: u8 = 0x01;

/// The hash of a leaf.
pub fn leaf_hash(leaf: &[u8]) -> Digest {
    hash(&[&[LEAF_PREFIX], leaf])
}

/// The hash of an inner node.
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    hash(&[&[NODE_PREFIX], left.as_bytes(), right.as_bytes()])
}

/// The right edge of a growing tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// Roots of the perfect subtrees, largest first: one for each bit set in
    /// `size`.
    peaks: Vec<Digest>,
}

impl Frontier {
    /// The tree of `size` leaves with these peaks, one after the other as
    /// [`Frontier::peaks`] wrote them; `None` if there are not as many as `size`
    /// has bits.
    pub fn from_peaks(size: u64, peaks: &[u8]) -> Option<Self> {
        let peaks = peaks.chunks(32).map(Digest::from_slice).collect::<Option<Vec<_>>>()?;
        (peaks.len() == size.count_ones() as usize).then_some(Self { size, peaks })
    }

    /// The roots of the perfect subtrees, largest first.
    pub fn peaks(&self) -> Vec<u8> {
        self.peaks.iter().flat_map(|peak| *peak.as_bytes()).collect()
    }

    /// How many leaves the tree has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf by its hash.
    pub fn append(&mut self, leaf: Digest) {
        let mut node = leaf;
        let mut carry = self.size;
        while carry & 1 == 1 {
            let Some(left) = self.peaks.pop() else { break };
            node = node_hash(&left, &node);
            carry >>= 1;
        }
        self.peaks.push(node);
        self.size += 1;
    }

    /// The root; of the empty tree the hash of nothing.
    pub fn root(&self) -> Digest {
        let mut peaks = self.peaks.iter().rev();
        match peaks.next() {
            Some(last) => peaks.fold(*last, |right, left| node_hash(left, &right)),
            None => sha256(&[]),
        }
    }
}

fn hash(parts: &[&[u8]]) -> Digest {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    Digest::new(out)
}

#[cfg(test)]
mod tests;

//! One tenant's root: what stays the same when a tenant moves to another store.
//!
//! In another store a tenant's commits have other numbers, so its leaves and the
//! root over all leaves are others too. Sequences, times, principals, events and
//! the salted digests of the writes stay. So a tenant's root is the RFC 6962 root
//! over the tenant's leaves in the order of their sequences, each encoded as
//! [`leaf`](super::leaf) says, but with commit 0, which no commit has. It is the
//! root of a tree of its own: it tells nothing of the order between tenants, no
//! signed head covers it, and commits without events have no leaf in it.

use super::journal::frame::Frame;
use super::merkle::Frontier;
use crate::domain::digest::Digest;

/// The commit number that stands in the leaves under a tenant's root.
const NO_COMMIT: u64 = 0;

/// The tree over one tenant's leaves.
#[derive(Debug)]
pub(crate) struct TenantTree {
    tenant: String,
    tree: Frontier,
}

// === impl TenantTree ===

impl TenantTree {
    /// The tree of a tenant without leaves.
    pub(crate) fn new(tenant: impl Into<String>) -> Self {
        Self { tenant: tenant.into(), tree: Frontier::default() }
    }

    /// Takes the leaves of a frame, if it is the tenant's.
    pub(crate) fn enter(&mut self, frame: &Frame) {
        if frame.tenant == self.tenant {
            for leaf in frame.leaf_hashes_as(NO_COMMIT) {
                self.tree.append(leaf);
            }
        }
    }

    /// The tenant's root.
    pub(crate) fn root(&self) -> Digest {
        self.tree.root()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Timestamp;
    use crate::store::conformance::make::{mk_event, mk_write};

    /// These bytes never change.
    const GOLDEN: &str = "b738b5736019e8c5c506a0beea6ba971f773f791639f266f71c53dd552edc8bf";

    fn mk_frame(commit: u64, tenant: &str, first_sequence: u64, leaf_index: u64) -> Frame {
        Frame {
            commit,
            group: commit,
            time: Timestamp::from_micros(1_700_000_000_000_000),
            tenant: tenant.to_owned(),
            principal: "agent:test".to_owned(),
            request_id: None,
            first_sequence,
            leaf_index,
            events: vec![mk_event(), mk_event()],
            writes: vec![mk_write("acme/run/1", "v")],
            salt: [9; 16],
            payloads: Vec::new(),
        }
    }

    fn root_of(frames: &[Frame]) -> String {
        let mut tree = TenantTree::new("acme");
        frames.iter().for_each(|frame| tree.enter(frame));
        tree.root().to_string()
    }

    #[test]
    fn the_root_of_a_tenant_is_this_wherever_its_commits_stand() {
        let among_others = [
            mk_frame(1, "beta", 1, 0),
            mk_frame(2, "acme", 1, 2),
            mk_frame(3, "beta", 3, 4),
            mk_frame(4, "acme", 3, 6),
        ];
        let alone = [mk_frame(1, "acme", 1, 0), mk_frame(2, "acme", 3, 2)];
        assert_eq!(root_of(&among_others), root_of(&alone));
        assert_eq!(root_of(&alone), GOLDEN);
        let mut changed = alone;
        changed[1].principal = "agent:other".to_owned();
        assert_ne!(root_of(&changed), GOLDEN);
    }
}

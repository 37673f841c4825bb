//! The leaf of one audit event, byte by byte.
//!
//! A leaf is eleven fields, each behind its length in eight bytes, big-endian.
//! Numbers are eight bytes, big-endian. The order is fixed for ever; whatever
//! changes gets a new version text.
//!
//! | field | bytes |
//! |---|---|
//! | version | `pointsman.leaf.v1` |
//! | tenant | UTF-8 |
//! | sequence | number, dense per tenant, from 1 |
//! | commit | number, dense over the store, from 1 |
//! | time | number: microseconds since the Unix epoch, two's complement |
//! | principal | UTF-8 |
//! | kind | the stable name, such as `run.started` |
//! | subjects | for each present one, in the order of [`Subjects`]: its name and its bytes (sixteen of an id, the name of a principal, a number, the form of [`Refused`]), each behind its length |
//! | action digest | 32 bytes, or none |
//! | payloads | the salted commitments, 32 bytes each, one after another |
//! | writes | the salted digest of the transaction's state writes, 32 bytes |
//!
//! The digest of the writes is SHA-256 over length-prefixed fields: the text
//! `pointsman.writes.v1`, the salt, and for every write its key, then a byte
//! `1` and the value, or a byte `0` where the key is removed. Its salt stands
//! in the journal frame, so that a leaf tells nothing of the state by itself.

use crate::domain::digest::{Digest, FieldHasher};
use crate::domain::event::{Event, Subjects};
use crate::domain::refusal::Refused;
use crate::domain::time::Timestamp;
use crate::store::Write;

const LEAF_VERSION: &[u8] = b"pointsman.leaf.v1";
const WRITES_TAG: &str = "pointsman.writes.v1";

/// The length of the salt of a transaction's state writes.
pub const WRITES_SALT_LENGTH: usize = 16;

/// What a leaf says beside its event.
#[derive(Clone, Copy, Debug)]
pub struct LeafContext<'a> {
    /// The tenant.
    pub tenant: &'a str,
    /// The event's sequence within the tenant.
    pub sequence: u64,
    /// The commit that holds the event.
    pub commit: u64,
    /// The commit's time.
    pub time: Timestamp,
    /// Who did it.
    pub principal: &'a str,
    /// The salted digest of the commit's state writes.
    pub writes: Digest,
}

/// Writes the leaf of an event to the end of `out`.
pub fn encode(context: &LeafContext<'_>, event: &Event, out: &mut Vec<u8>) {
    let Event { kind, subjects, action_digest, payloads } = event;
    field(out, LEAF_VERSION);
    field(out, context.tenant.as_bytes());
    field(out, &context.sequence.to_be_bytes());
    field(out, &context.commit.to_be_bytes());
    field(out, &context.time.as_micros().to_be_bytes());
    field(out, context.principal.as_bytes());
    field(out, kind.name().as_bytes());
    subjects_field(out, subjects);
    field(out, action_digest.as_ref().map_or(&[], |digest| digest.as_bytes()));
    length(out, payloads.len() * 32);
    for commitment in payloads {
        out.extend_from_slice(commitment.as_bytes());
    }
    field(out, context.writes.as_bytes());
}

/// The salted digest of a transaction's state writes.
pub fn writes_digest(salt: &[u8; WRITES_SALT_LENGTH], writes: &[Write]) -> Digest {
    let mut hasher = FieldHasher::new(WRITES_TAG);
    hasher.field(salt);
    for write in writes {
        hasher.field(&write.key).optional(write.value.as_deref());
    }
    hasher.finish()
}

/// Every subject there is: one that is added to [`Subjects`] does not compile until it
/// stands here too, at the end.
fn subjects_field(out: &mut Vec<u8>, subjects: &Subjects) {
    let Subjects {
        run,
        action,
        escalation,
        checkpoint,
        grant,
        token,
        policy,
        activation,
        notice,
        authority,
        principal,
        queue_settings,
        review,
        incident,
        drill,
        overriding,
        entry,
        count,
        refused,
        branch,
    } = subjects;
    let entry = entry.map(u64::to_be_bytes);
    let count = count.map(u64::to_be_bytes);
    let refused = refused.map(Refused::to_bytes);
    let branch = branch.map(u64::to_be_bytes);
    let named: [(&str, Option<&[u8]>); 20] = [
        ("run", run.as_ref().map(|id| &id.as_bytes()[..])),
        ("action", action.as_ref().map(|id| &id.as_bytes()[..])),
        ("escalation", escalation.as_ref().map(|id| &id.as_bytes()[..])),
        ("checkpoint", checkpoint.as_ref().map(|id| &id.as_bytes()[..])),
        ("grant", grant.as_ref().map(|id| &id.as_bytes()[..])),
        ("token", token.as_ref().map(|id| &id.as_bytes()[..])),
        ("policy", policy.as_ref().map(|id| &id.as_bytes()[..])),
        ("activation", activation.as_ref().map(|id| &id.as_bytes()[..])),
        ("notice", notice.as_ref().map(|id| &id.as_bytes()[..])),
        ("authority", authority.as_ref().map(|id| &id.as_bytes()[..])),
        ("principal", principal.as_deref().map(str::as_bytes)),
        ("queue_settings", queue_settings.as_ref().map(|id| &id.as_bytes()[..])),
        ("review", review.as_ref().map(|id| &id.as_bytes()[..])),
        ("incident", incident.as_ref().map(|id| &id.as_bytes()[..])),
        ("drill", drill.as_ref().map(|id| &id.as_bytes()[..])),
        ("count", count.as_ref().map(<[u8; 8]>::as_slice)),
        ("refused", refused.as_deref()),
        ("branch", branch.as_ref().map(<[u8; 8]>::as_slice)),
        ("override", overriding.as_ref().map(|id| &id.as_bytes()[..])),
        ("entry", entry.as_ref().map(<[u8; 8]>::as_slice)),
    ];
    let present = || named.iter().filter_map(|(name, id)| id.map(|id| (*name, id)));
    length(out, present().map(|(name, id)| 16 + name.len() + id.len()).sum());
    for (name, id) in present() {
        field(out, name.as_bytes());
        field(out, id);
    }
}

fn field(out: &mut Vec<u8>, bytes: &[u8]) {
    length(out, bytes.len());
    out.extend_from_slice(bytes);
}

fn length(out: &mut Vec<u8>, length: usize) {
    out.extend_from_slice(&(length as u64).to_be_bytes());
}

#[cfg(test)]
mod tests;

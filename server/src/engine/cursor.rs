//! Cursors: where a watch goes on. Opaque to clients, bound to the life of the
//! store, the tenant and the filter.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::domain::digest::FieldHasher;
use crate::domain::error::Error;

const CURSOR_TAG: &str = "pointsman.cursor.v1";
/// Where history begins: a life of a store keeps all of its own.
const FIRST_SEQUENCE: u64 = 1;
const LENGTH: usize = 16 + 8 + 8;

/// What a cursor is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Binding {
    incarnation: Uuid,
    tag: [u8; 8],
}

impl Binding {
    /// Binds cursors to a store's life, a tenant and a filter.
    pub(super) fn new(incarnation: Uuid, tenant: &str, filter: &str) -> Self {
        let mut hasher = FieldHasher::new(CURSOR_TAG);
        hasher.field(tenant.as_bytes()).field(filter.as_bytes());
        let digest = hasher.finish();
        let tag = digest.as_bytes().first_chunk::<8>().copied().unwrap_or_default();
        Self { incarnation, tag }
    }

    /// The cursor after `sequence`.
    pub(super) fn cursor(&self, sequence: u64) -> String {
        let mut bytes = Vec::with_capacity(LENGTH);
        bytes.extend_from_slice(self.incarnation.as_bytes());
        bytes.extend_from_slice(&self.tag);
        bytes.extend_from_slice(&sequence.to_be_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The sequence of a cursor; one of another life of the store is history
    /// that is gone, one of another filter is a mistake.
    pub(super) fn sequence(&self, cursor: &str) -> Result<u64, Error> {
        let damaged = || Error::CursorInvalid { problem: "it is damaged" };
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| damaged())?;
        if bytes.len() != LENGTH {
            return Err(damaged());
        }
        let (incarnation, rest) = bytes.split_first_chunk::<16>().ok_or_else(damaged)?;
        let (tag, sequence) = rest.split_first_chunk::<8>().ok_or_else(damaged)?;
        if *tag != self.tag {
            return Err(Error::CursorInvalid { problem: "it belongs to another filter or tenant" });
        }
        if incarnation != self.incarnation.as_bytes() {
            return Err(Error::WatchCompacted { oldest: FIRST_SEQUENCE });
        }
        let sequence = sequence.try_into().map_err(|_| damaged())?;
        Ok(u64::from_be_bytes(sequence))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_fits_its_own_watch_only() {
        let here = Binding::new(Uuid::from_u128(1), "t", "all");
        assert_eq!(here.sequence(&here.cursor(42)), Ok(42));
        let other_filter = Binding::new(Uuid::from_u128(1), "t", "money");
        assert!(matches!(
            other_filter.sequence(&here.cursor(42)),
            Err(Error::CursorInvalid { .. })
        ));
        let restored = Binding::new(Uuid::from_u128(2), "t", "all");
        assert!(matches!(restored.sequence(&here.cursor(42)), Err(Error::WatchCompacted { .. })));
        for damaged in ["", "x", "!!", &here.cursor(1)[1..]] {
            assert!(
                matches!(here.sequence(damaged), Err(Error::CursorInvalid { .. })),
                "{damaged}"
            );
        }
    }
}

//! Keys of notices, and of what waits to be sent.

use bytes::{BufMut, Bytes, BytesMut};

use super::{ID_LENGTH, key, last_id, prefixed};
use crate::domain::ids::NoticeId;
use crate::domain::notice::NoticeState;
use crate::domain::time::Timestamp;
use crate::store::KeyRange;

/// A notice.
pub fn notice(tenant: &str, id: NoticeId) -> Bytes {
    key(tenant, "notice", &[id.as_bytes()])
}

/// All notices, oldest first.
pub fn notices(tenant: &str) -> KeyRange {
    prefixed(&key(tenant, "notice", &[]))
}

const fn notice_state_byte(state: NoticeState) -> u8 {
    match state {
        NoticeState::Pending => 0,
        NoticeState::Delivered => 1,
        NoticeState::Failed => 2,
        NoticeState::Cancelled => 3,
    }
}

/// The entry of a notice in the list of its state.
pub fn notice_state(tenant: &str, state: NoticeState, id: NoticeId) -> Bytes {
    key(tenant, "notice-state", &[&[notice_state_byte(state)], id.as_bytes()])
}

/// The notices of one state, oldest first.
pub fn notices_in(tenant: &str, state: NoticeState) -> KeyRange {
    prefixed(&key(tenant, "notice-state", &[&[notice_state_byte(state)]]))
}

/// The notice that a list entry names.
pub fn listed_notice(key: &[u8]) -> Option<NoticeId> {
    last_id(key).map(NoticeId::from_bytes)
}

/// What a channel has to send, read back from its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    /// The channel.
    pub channel: String,
    /// When it is to be sent.
    pub time: Timestamp,
    /// The notice.
    pub id: NoticeId,
    /// The tenant.
    pub tenant: String,
}

const OUTBOX_PREFIX: &[u8] = b"!outbox/";

impl Posted {
    /// Its key.
    pub fn key(&self) -> Bytes {
        let mut bytes = BytesMut::from(OUTBOX_PREFIX);
        bytes.put_slice(self.channel.as_bytes());
        bytes.put_u8(0);
        bytes.put_slice(&self.time.to_key_bytes());
        bytes.put_slice(self.id.as_bytes());
        bytes.put_slice(self.tenant.as_bytes());
        bytes.freeze()
    }

    /// Reads it back from its key.
    pub fn from_key(key: &[u8]) -> Option<Self> {
        let rest = key.strip_prefix(OUTBOX_PREFIX)?;
        let end = rest.iter().position(|byte| *byte == 0)?;
        let (channel, rest) = rest.split_at_checked(end)?;
        let (time, rest) = rest.get(1..)?.split_first_chunk::<8>()?;
        let (id, tenant) = rest.split_first_chunk::<ID_LENGTH>()?;
        Some(Self {
            channel: String::from_utf8(channel.to_vec()).ok()?,
            time: Timestamp::from_key_bytes(*time),
            id: NoticeId::from_bytes(*id),
            tenant: String::from_utf8(tenant.to_vec()).ok()?,
        })
    }
}

/// What a channel has to send, the next first.
pub fn outbox_of(channel: &str) -> KeyRange {
    prefixed(&[OUTBOX_PREFIX, channel.as_bytes(), &[0]].concat().into())
}

/// What all channels have to send.
pub fn outbox() -> KeyRange {
    prefixed(&Bytes::from_static(OUTBOX_PREFIX))
}

//! The set of questions that a preview showed, as its token carries it. The token is no
//! permission: it says what was shown to whom, and every check is made again.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::digest::{Digest, FieldHasher};
use crate::domain::escalation::bulk::MAX_BULK;
use crate::domain::ids::EscalationId;
use crate::domain::principal::Principal;
use crate::domain::time::Timestamp;

const TAG: &str = "pointsman.bulk.v1";
const TIME_LENGTH: usize = 8;
const ID_LENGTH: usize = 16;
const DIGEST_LENGTH: usize = 32;
const ITEM_LENGTH: usize = ID_LENGTH + TIME_LENGTH + DIGEST_LENGTH;
/// The longest token: a time, the most questions and a digest, in base64.
const MAX_TOKEN_BYTES: usize =
    (TIME_LENGTH + MAX_BULK * ITEM_LENGTH + DIGEST_LENGTH).div_ceil(3) * 4;

/// One question as it was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct One {
    /// The question.
    pub(super) escalation: EscalationId,
    /// Its revision.
    pub(super) revision: u64,
    /// The digest of what is asked.
    pub(super) digest: Digest,
}

/// The questions that were shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frozen {
    /// Until when they can be answered at once.
    pub(super) expire_time: Timestamp,
    /// In the order shown.
    pub(super) items: Vec<One>,
}

impl Frozen {
    fn body(&self) -> Vec<u8> {
        let mut body = self.expire_time.to_key_bytes().to_vec();
        for item in &self.items {
            body.extend_from_slice(item.escalation.as_bytes());
            body.extend_from_slice(&item.revision.to_be_bytes());
            body.extend_from_slice(item.digest.as_bytes());
        }
        body
    }

    /// The digest of the set: the same questions as they are now have the same.
    pub(super) fn digest(&self) -> Digest {
        let mut hasher = FieldHasher::new(TAG);
        for item in &self.items {
            hasher
                .field(item.escalation.as_bytes())
                .field(&item.revision.to_be_bytes())
                .field(item.digest.as_bytes());
        }
        hasher.finish()
    }

    /// The token for a caller.
    pub(super) fn token(&self, caller: &Principal) -> String {
        let mut bytes = self.body();
        let check = check(caller, &bytes);
        bytes.extend_from_slice(check.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a token; none: it is damaged, or not the caller's.
    pub(super) fn read(token: &str, caller: &Principal) -> Option<Self> {
        if token.len() > MAX_TOKEN_BYTES {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (body, found) = bytes.split_last_chunk::<DIGEST_LENGTH>()?;
        if check(caller, body).as_bytes() != found {
            return None;
        }
        let (time, items) = body.split_first_chunk::<TIME_LENGTH>()?;
        let (items, rest) = items.as_chunks::<ITEM_LENGTH>();
        if items.is_empty() || !rest.is_empty() {
            return None;
        }
        let expire_time = Timestamp::from_key_bytes(*time);
        let items = items.iter().map(one).collect::<Option<_>>()?;
        Some(Self { expire_time, items })
    }
}

fn one(bytes: &[u8; ITEM_LENGTH]) -> Option<One> {
    let (id, rest) = bytes.split_first_chunk::<ID_LENGTH>()?;
    let (revision, digest) = rest.split_first_chunk::<TIME_LENGTH>()?;
    Some(One {
        escalation: EscalationId::from_bytes(*id),
        revision: u64::from_be_bytes(*revision),
        digest: Digest::from_slice(digest)?,
    })
}

fn check(caller: &Principal, body: &[u8]) -> Digest {
    let mut hasher = FieldHasher::new(TAG);
    hasher.field(caller.tenant.as_bytes()).field(caller.name.as_bytes()).field(body);
    hasher.finish()
}

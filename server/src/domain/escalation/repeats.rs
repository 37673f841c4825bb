//! How often the same was asked again while it was open.

use serde::{Deserialize, Serialize};

use crate::domain::time::Timestamp;

/// How often an agent has asked the same again. It counts for whoever reads the
/// question and changes nothing of what is asked: the etag stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repeats {
    /// How often, the first time left out.
    pub count: u64,
    /// When it did last; none: never.
    pub last_time: Option<Timestamp>,
}

impl Repeats {
    /// Whether there are none.
    pub(super) const fn are_none(&self) -> bool {
        self.count == 0
    }

    /// Counts more of them, the last of which came then.
    pub fn add(&mut self, more: Self) {
        self.count = self.count.saturating_add(more.count);
        self.last_time = self.last_time.max(more.last_time);
    }
}

//! What was last read of each tenant and is read often: it counts as long as the version
//! of the key that is written with every change of it is the same.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::store::Version;

/// What was last read, by tenant, with the version under which it was.
pub(super) struct AtHand<T>(RwLock<HashMap<String, Read<T>>>);

/// A version, none for a key that was never written, and what was read under it.
type Read<T> = (Option<Version>, Arc<T>);

impl<T> Default for AtHand<T> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<T> AtHand<T> {
    /// What was read under a version.
    pub(super) fn at(&self, tenant: &str, version: Option<Version>) -> Option<Arc<T>> {
        self.look(tenant).filter(|(at, _)| *at == version).map(|(_, read)| read)
    }

    /// What was read last.
    pub(super) fn newest(&self, tenant: &str) -> Option<Arc<T>> {
        self.look(tenant).map(|(_, read)| read)
    }

    /// Keeps what was read, unless something newer was.
    pub(super) fn keep(&self, tenant: &str, version: Option<Version>, read: Arc<T>) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.get(tenant).is_none_or(|(at, _)| *at <= version) {
            known.insert(tenant.to_owned(), (version, read));
        }
    }

    fn look(&self, tenant: &str) -> Option<Read<T>> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.get(tenant).map(|(at, read)| (*at, Arc::clone(read)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_is_never_shown_what_was_read_of_another() {
        let known = AtHand::default();
        let version = |number: u64| Some(Version(number));
        known.keep("a", version(7), Arc::new("of a"));
        assert_eq!(known.at("b", version(7)), None);
        assert_eq!(known.newest("b"), None);
        known.keep("b", None, Arc::new("of b"));
        assert_eq!(known.newest("a").as_deref(), Some(&"of a"));
        assert_eq!(known.at("b", None).as_deref(), Some(&"of b"));
    }

    #[test]
    fn what_was_read_later_and_is_older_changes_nothing() {
        let known = AtHand::default();
        let version = |number: u64| Some(Version(number));
        known.keep("a", version(7), Arc::new("new"));
        known.keep("a", version(6), Arc::new("old"));
        assert_eq!(known.newest("a").as_deref(), Some(&"new"));
        assert_eq!(known.at("a", version(6)), None);
    }
}

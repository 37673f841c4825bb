//! The conformance suite on the embedded store.

use std::sync::Arc;

use async_trait::async_trait;

use super::make::{Place, mk_place};
use crate::store::Store;
use crate::store::conformance::{Fixture, conformance_suite};
use crate::store::embedded::EmbeddedStore;

struct Embedded(Place);

#[async_trait]
impl Fixture for Embedded {
    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(EmbeddedStore::open(self.0.options()).unwrap().0)
    }

    async fn damage_payloads(&self) {
        let path = self.0.pack(1);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[300] ^= 1;
        std::fs::write(path, bytes).unwrap();
    }
}

conformance_suite!(super::Embedded(super::mk_place()));

//! The suite of every store.

use std::sync::Arc;

use async_trait::async_trait;

use super::make::{Place, mk_place};
use crate::store::Store;
use crate::store::conformance::{Fixture, conformance_suite};

struct Shared(Place);

#[async_trait]
impl Fixture for Shared {
    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(self.0.open("one").await)
    }

    async fn damage_payloads(&self) {
        self.0.sql("UPDATE payload SET body = set_byte(body, 100, get_byte(body, 100) # 1)");
    }
}

conformance_suite!(super::Shared(super::mk_place()));

/// The same, on a database where no ring is ever heard.
mod without_listen {

    use super::*;

    struct Deaf(Place);

    #[async_trait]
    impl Fixture for Deaf {
        async fn open(&self) -> Arc<dyn Store> {
            let options = PostgresOptions { listens: false, ..self.0.options("one") };
            Arc::new(PostgresStore::open(options).await.unwrap().0)
        }

        async fn damage_payloads(&self) {
            self.0.sql("DELETE FROM payload");
        }
    }

    use crate::store::postgres::{PostgresOptions, PostgresStore};

    conformance_suite!(super::Deaf(super::mk_place()));
}

//! Somebody of another tenant.
//!
//! No call makes a tenant. Its first admin's token is made by an engine on the store of a
//! server that is stopped, as a server makes any; whatever else that tenant has, its admin
//! makes by calls.

use std::sync::Arc;

use pointsman_server::config::Config;
use pointsman_server::domain::principal::{Credential, Principal, Role};
use pointsman_server::engine::clock::{Clock, SystemClock, SystemIds};
use pointsman_server::engine::limits::Limits;
use pointsman_server::engine::tokens::CreateToken;
use pointsman_server::engine::{Engine, Parts};
use pointsman_server::store::Store;
use pointsman_server::store::embedded::{EmbeddedOptions, EmbeddedStore};
use pointsman_server::store::postgres::{PostgresOptions, PostgresStore};

/// The secret of a new admin of a tenant, on the store of a server that is stopped.
pub async fn first_admin(config: &Config, tenant: &str) -> String {
    let store = open(config).await;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let engine = Engine::new(Parts {
        store: Arc::clone(&store),
        ids: Arc::new(SystemIds::new(Arc::clone(&clock))),
        clock,
        limits: Limits::default(),
        backup_dir: config.backup_dir(),
        second_person: false,
        facts: Default::default(),
        channels: Default::default(),
        identities: None,
        workloads: None,
    });
    let credential = Credential { token: None, roles: vec![Role::Admin] };
    let operator = Principal::new(tenant.to_owned(), "operator".to_owned(), credential);
    let command = CreateToken {
        request_id: String::new(),
        principal: "admin".to_owned(),
        roles: vec![Role::Admin],
        ttl: None,
    };
    let made = engine.create_token(&operator, command).await.unwrap();
    store.close().await;
    made.value.secret
}

async fn open(config: &Config) -> Arc<dyn Store> {
    let clock = || -> pointsman_server::store::Clock { Arc::new(|| SystemClock.now()) };
    let head_file = Some(config.head_file());
    if let Some(url) = &config.store {
        let options = PostgresOptions::new(url.expose(), &config.data_dir, clock());
        let options = PostgresOptions { head_file: config.head_file(), ..options };
        return Arc::new(PostgresStore::open(options).await.unwrap().0);
    }
    let options = EmbeddedOptions { head_file, ..EmbeddedOptions::new(&config.data_dir, clock()) };
    Arc::new(EmbeddedStore::open(options).unwrap().0)
}

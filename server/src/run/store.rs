//! Opens the store that the configuration names.

use std::sync::Arc;

use super::RunError;
use crate::config::{Config, StoreUrl};
use crate::engine::clock::{Clock as _, SystemClock};
use crate::store::embedded::{EmbeddedOptions, EmbeddedStore, OpenReport, Watermarks};
use crate::store::postgres::{self, Migrated, PostgresOptions, PostgresStore};
use crate::store::{Clock, Store};

/// Opens it, and says in the log what was found.
pub(super) async fn open(config: &Config) -> Result<Arc<dyn Store>, RunError> {
    match &config.store {
        Some(url) => {
            let (store, report) = PostgresStore::open(postgres_options(config, url)).await?;
            let (commit, entries) = (report.commit, report.entries);
            tracing::info!(commit, entries, database = %url, "the store is open");
            Ok(Arc::new(store))
        }
        None => {
            let (store, report) = open_embedded(embedded_options(config)).await?;
            tell(&report);
            Ok(store)
        }
    }
}

/// Makes and changes the tables of the database that the configuration names.
pub async fn migrate(config: &Config) -> Result<Migrated, RunError> {
    let url = config.store.as_ref().ok_or(crate::config::ConfigError::NoDatabase)?;
    Ok(postgres::migrate(&postgres_options(config, url)).await?)
}

fn clock() -> Clock {
    let clock = SystemClock;
    Arc::new(move || clock.now())
}

/// How a configuration opens a shared store.
fn postgres_options(config: &Config, url: &StoreUrl) -> PostgresOptions {
    PostgresOptions {
        ca_file: config.database.ca_file.clone(),
        head_file: config.head_file(),
        connections: config.database.connections,
        listens: config.database.listen,
        migrates: config.database.migrate,
        ..PostgresOptions::new(url.expose(), &config.data_dir, clock())
    }
}

/// How a configuration opens an embedded store.
pub(super) fn embedded_options(config: &Config) -> EmbeddedOptions {
    let mut options = EmbeddedOptions::new(&config.data_dir, clock());
    options.head_file = Some(config.head_file());
    options.watermarks = Watermarks {
        intake_bytes: config.disk.intake_bytes,
        intake_percent: config.disk.intake_percent,
        normal_bytes: config.disk.normal_bytes,
    };
    options
}

/// Opens an embedded store on a thread that may block: a large journal takes
/// seconds.
pub(super) async fn open_embedded(
    options: EmbeddedOptions,
) -> Result<(Arc<dyn Store>, OpenReport), RunError> {
    let opened = tokio::task::spawn_blocking(move || EmbeddedStore::open(options)).await;
    let (store, report) = opened.map_err(|error| RunError::Internal(error.to_string()))??;
    Ok((Arc::new(store), report))
}

fn tell(report: &OpenReport) {
    tracing::info!(
        commit = report.commit,
        entries = report.entries,
        replayed = report.replayed,
        "the store is open"
    );
    if let Some(aside) = &report.quarantined {
        let reason = report.quarantine_reason.as_deref().unwrap_or_default();
        tracing::warn!(aside = %aside.display(), reason, "the projection was rebuilt");
    }
    if report.cut_commits > 0 || report.cut_bytes > 0 {
        let (commits, bytes) = (report.cut_commits, report.cut_bytes);
        tracing::warn!(commits, bytes, "an unfinished end of the journal was cut");
    }
    if report.ballast_released {
        tracing::warn!("the disk is full; the ballast was given up to start");
    }
}

//! Connections to the database, and questions that are asked again after a
//! failover.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Timeouts,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::options::PostgresOptions;
use super::trouble::Trouble;
use crate::store::damage::OpenError;

/// How long connecting to one host may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long one attempt at a question may take.
pub(super) const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a question is asked again before its caller hears that there is no
/// database.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// The first and the longest pause between two attempts.
const PAUSES: [Duration; 2] = [Duration::from_millis(10), Duration::from_millis(250)];

/// What every session is set to. The limits end a transaction whose server has
/// gone, so that nobody waits for its locks: a server that lives is never idle in one
/// for longer than a round trip. An answer must be on every disk that
/// the operator asked for, whatever the role's own setting.
const SESSION: &str = "\
    SET statement_timeout = '10s'; \
    SET lock_timeout = '10s'; \
    SET idle_in_transaction_session_timeout = '2s'; \
    SELECT set_config('synchronous_commit', 'on', false) \
    WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write')";

/// A question to the database; asking it twice does no harm.
pub(super) trait Question: Sync {
    /// The answer.
    type Answer: Send;

    /// Asks it once.
    fn ask(&self, client: &Object) -> impl Future<Output = Result<Self::Answer, Trouble>> + Send;
}

/// The database.
#[derive(Clone)]
pub(super) struct Database {
    pool: Pool,
    config: Config,
    tls: Option<MakeRustlsConnect>,
}

// === impl Database ===

impl Database {
    /// Reads the address; connects when it is first asked.
    pub(super) fn new(options: &PostgresOptions) -> Result<Self, OpenError> {
        let mut config: Config = options.url.parse().map_err(|error: tokio_postgres::Error| {
            OpenError::Database { message: format!("its address cannot be used: {error}") }
        })?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_application_name().is_none() {
            config.application_name("pointsman");
        }
        let tls = options.ca_file.as_deref().map(encryption).transpose()?;
        match (config.get_ssl_mode(), &tls) {
            (SslMode::Require, None) => {
                let message = "it must be encrypted, but no certificate authority is set";
                return Err(OpenError::Database { message: message.to_owned() });
            }
            // Whoever names an authority does not want to be talked out of it.
            (_, Some(_)) => config.ssl_mode(SslMode::Require),
            (_, None) => config.ssl_mode(SslMode::Disable),
        };
        let pool = pool(&config, tls.as_ref(), options.connections)?;
        Ok(Self { pool, config, tls })
    }

    /// Takes a connection.
    pub(super) async fn connection(&self) -> Result<Object, Trouble> {
        Ok(self.pool.get().await?)
    }

    /// Asks until there is an answer, or patience ends.
    pub(super) async fn ask<Q: Question>(&self, question: &Q) -> Result<Q::Answer, Trouble> {
        let attempt = || async {
            let client = self.connection().await?;
            match timeout(ATTEMPT_TIMEOUT, question.ask(&client)).await {
                Ok(answer) => answer,
                Err(_) => {
                    // What is still on its way would be the next one's answer.
                    drop(Object::take(client));
                    Err(Trouble::timeout())
                }
            }
        };
        let answer = attempt.retry(pauses()).when(Trouble::is_passing);
        timeout(PATIENCE, answer).await.unwrap_or_else(|_| Err(Trouble::timeout()))
    }

    /// Opens a connection of its own, which tells of notifications.
    pub(super) async fn listener(&self) -> Result<super::bell::Line, Trouble> {
        match &self.tls {
            Some(tls) => super::bell::Line::open(self.config.connect(tls.clone()).await?),
            None => super::bell::Line::open(self.config.connect(NoTls).await?),
        }
    }

    /// Lets go of all connections.
    pub(super) fn close(&self) {
        self.pool.close();
    }
}

/// The pauses between attempts, as long as patience lasts.
pub(super) fn pauses() -> ExponentialBuilder {
    let [first, longest] = PAUSES;
    ExponentialBuilder::new()
        .with_min_delay(first)
        .with_max_delay(longest)
        .with_jitter()
        .without_max_times()
        .with_total_delay(Some(PATIENCE))
}

fn pool(
    config: &Config,
    tls: Option<&MakeRustlsConnect>,
    connections: usize,
) -> Result<Pool, OpenError> {
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = match tls {
        Some(tls) => Manager::from_config(config.clone(), tls.clone(), recycling),
        None => Manager::from_config(config.clone(), NoTls, recycling),
    };
    let prepare = Hook::async_fn(|client: &mut deadpool_postgres::ClientWrapper, _| {
        Box::pin(async { client.batch_execute(SESSION).await.map_err(HookError::Backend) })
    });
    let waits = Some(PATIENCE);
    Pool::builder(manager)
        .max_size(connections)
        .runtime(Runtime::Tokio1)
        .timeouts(Timeouts { wait: waits, create: waits, recycle: waits })
        .post_create(prepare)
        .build()
        .map_err(|error| OpenError::Database { message: error.to_string() })
}

/// Encryption that trusts the certificates of one authority.
fn encryption(ca_file: &Path) -> Result<MakeRustlsConnect, OpenError> {
    let unusable = |message: String| OpenError::Database {
        message: format!("the authority `{}` cannot be used: {message}", ca_file.display()),
    };
    let mut roots = rustls::RootCertStore::empty();
    let found = CertificateDer::pem_file_iter(ca_file).map_err(|it| unusable(it.to_string()))?;
    for certificate in found {
        let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
        roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

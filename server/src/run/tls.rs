//! Encryption: rustls with ring, HTTP/2 and HTTP/1.1 on one port.
//!
//! tonic's own TLS offers HTTP/2 only, which browsers and probes without it
//! cannot use; so the acceptor is ours. Its files are looked at again from time
//! to time and when the process is asked to, because certificates are renewed
//! while the server runs. All of them make one new acceptor or none: a bad file
//! changes nothing.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{CertificateError, RootCertStore, ServerConfig};
use rustls_pki_types::pem::{self, PemObject as _};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::MissedTickBehavior;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::config::TlsConfig;
use crate::domain::digest::{Digest, FieldHasher};

/// What is spoken behind the handshake, the wanted one first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];
/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(10);
const FILES_TAG: &str = "pointsman.tls-files.v1";

/// Why encryption could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A PEM file cannot be read or holds nothing of the wanted kind.
    #[error("`{key}` = `{path}` cannot be used: {cause}")]
    File {
        /// The configuration's key.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: pem::Error,
    },
    /// The certificate and the key do not fit, or are of an unknown kind.
    #[error("the certificates cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
    /// The authority for clients cannot be used.
    #[error("`tls.client_ca_file` cannot be used: {0}")]
    ClientAuthority(#[from] rustls::server::VerifierBuilderError),
    /// The signal that asks for new certificates cannot be had.
    #[error("cannot listen to SIGHUP: {0}")]
    Signal(std::io::Error),
}

/// The certificates that the server shows, and those it wants to see.
pub(super) struct Certificates {
    files: Files,
    current: RwLock<InUse>,
    /// What was in the files at the last look, usable or not.
    seen: Mutex<Digest>,
    pub(super) look_every: Duration,
}

/// Where the certificates are.
#[derive(Clone, Debug)]
struct Files {
    cert: PathBuf,
    key: PathBuf,
    client_ca: Option<PathBuf>,
    /// Whether clients without a certificate get through the handshake.
    is_optional: bool,
}

/// What the files have made.
#[derive(Clone)]
struct InUse {
    acceptor: TlsAcceptor,
    clients: Option<Arc<dyn ClientCertVerifier>>,
}

/// What was in the files at one moment.
struct Contents {
    cert: Result<Vec<u8>, pem::Error>,
    key: Result<Vec<u8>, pem::Error>,
    client_ca: Option<Result<Vec<u8>, pem::Error>>,
}

/// What a look at the files found.
#[derive(Debug)]
enum Look {
    /// Nothing new.
    Same,
    /// New certificates, which are in use from now on.
    New,
    /// Something new that cannot be used; what was in use stays.
    Unusable(TlsError),
}

// === impl Certificates ===

impl Certificates {
    /// Reads the certificates that the configuration names; none: no encryption.
    pub(super) fn read(config: &TlsConfig) -> Result<Option<Arc<Self>>, TlsError> {
        let (Some(cert), Some(key)) = (config.cert_file.clone(), config.key_file.clone()) else {
            return Ok(None);
        };
        let (client_ca, is_optional) = (config.client_ca_file.clone(), config.client_cert_optional);
        let files = Files { cert, key, client_ca, is_optional };
        let contents = files.read();
        let seen = Mutex::new(contents.digest());
        let current = RwLock::new(files.take_up(contents)?);
        Ok(Some(Arc::new(Self { files, current, seen, look_every: LOOK_EVERY })))
    }

    /// What accepts the next connection.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        self.in_use().acceptor
    }

    /// Refuses a client's certificate that none of the authorities of now vouches for.
    pub(super) fn verify_client(
        &self,
        leaf: &[u8],
        others: &[Vec<u8>],
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        let refused = CertificateError::UnknownIssuer;
        let clients = self.in_use().clients.ok_or(rustls::Error::InvalidCertificate(refused))?;
        let others: Vec<_> = others.iter().map(|it| CertificateDer::from(it.as_slice())).collect();
        clients.verify_client_cert(&CertificateDer::from(leaf), &others, now).map(|_| ())
    }

    fn in_use(&self) -> InUse {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks at the files until then: from time to time, and at once when the
    /// process gets a SIGHUP.
    pub(super) fn keep_fresh(self: &Arc<Self>, until: CancellationToken) -> Result<(), TlsError> {
        let asked = signal(SignalKind::hangup()).map_err(TlsError::Signal)?;
        let work = Arc::clone(self).follow(asked);
        tokio::spawn(async move { until.run_until_cancelled(work).await });
        Ok(())
    }

    async fn follow(self: Arc<Self>, mut asked: Signal) {
        let mut look = tokio::time::interval(self.look_every);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first comes at once, and the files were just read.
        look.tick().await;
        loop {
            let is_asked = tokio::select! {
                _ = asked.recv() => true,
                _ = look.tick() => false,
            };
            let certificates = Arc::clone(&self);
            // A folder of the network may take its time.
            let looked = tokio::task::spawn_blocking(move || certificates.look(is_asked)).await;
            match looked {
                Ok(Look::Same) => {}
                Ok(Look::New) => tracing::info!("the certificates were read again"),
                Ok(Look::Unusable(error)) => tracing::error!(
                    %error,
                    "the certificates cannot be read again; the former ones stay in use"
                ),
                Err(error) => tracing::error!(%error, "the certificates were not looked at"),
            }
        }
    }

    /// Takes up what is in the files, if it is new or somebody insists.
    fn look(&self, insists: bool) -> Look {
        let contents = self.files.read();
        let found = contents.digest();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == found && !insists {
            return Look::Same;
        }
        *seen = found;
        match self.files.take_up(contents) {
            Ok(in_use) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = in_use;
                Look::New
            }
            Err(error) => Look::Unusable(error),
        }
    }
}

// === impl Files ===

impl Files {
    fn read(&self) -> Contents {
        let read = |path: &Path| std::fs::read(path).map_err(pem::Error::Io);
        Contents {
            cert: read(&self.cert),
            key: read(&self.key),
            client_ca: self.client_ca.as_deref().map(read),
        }
    }

    /// What these contents make.
    fn take_up(&self, contents: Contents) -> Result<InUse, TlsError> {
        let chain = certificates("tls.cert_file", &self.cert, contents.cert)?;
        let key = contents.key.and_then(|key| PrivateKeyDer::from_pem_slice(&key));
        let key = key.map_err(|cause| unreadable("tls.key_file", &self.key, cause))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(rustls::DEFAULT_VERSIONS)?;
        let clients = match self.client_ca.as_deref().zip(contents.client_ca) {
            Some((path, bytes)) => Some(client_verifier(path, bytes, provider, self.is_optional)?),
            None => None,
        };
        let builder = match &clients {
            Some(clients) => builder.with_client_cert_verifier(Arc::clone(clients)),
            None => builder.with_no_client_auth(),
        };
        let mut tls = builder.with_single_cert(chain, key)?;
        tls.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        Ok(InUse { acceptor: TlsAcceptor::from(Arc::new(tls)), clients })
    }
}

// === impl Contents ===

impl Contents {
    /// Tells contents apart without keeping them: one of them is a secret.
    fn digest(&self) -> Digest {
        let mut hasher = FieldHasher::new(FILES_TAG);
        for contents in [Some(&self.cert), Some(&self.key), self.client_ca.as_ref()] {
            match contents {
                None => hasher.field(&[0]),
                Some(Ok(bytes)) => hasher.field(&[1]).field(bytes),
                Some(Err(error)) => hasher.field(&[2]).field(error.to_string().as_bytes()),
            };
        }
        hasher.finish()
    }
}

/// Who has no certificate of these authorities does not get as far as a call, unless
/// certificates are optional.
fn client_verifier(
    path: &Path,
    bytes: Result<Vec<u8>, pem::Error>,
    provider: Arc<rustls::crypto::CryptoProvider>,
    is_optional: bool,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("tls.client_ca_file", path, bytes)? {
        roots.add(certificate)?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = if is_optional { builder.allow_unauthenticated() } else { builder };
    Ok(builder.build()?)
}

fn certificates(
    key: &'static str,
    path: &Path,
    bytes: Result<Vec<u8>, pem::Error>,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = bytes.and_then(|bytes| CertificateDer::pem_slice_iter(&bytes).collect());
    match read {
        Ok(certificates) if Vec::is_empty(&certificates) => {
            Err(unreadable(key, path, pem::Error::NoItemsFound))
        }
        Ok(certificates) => Ok(certificates),
        Err(cause) => Err(unreadable(key, path, cause)),
    }
}

fn unreadable(key: &'static str, path: &Path, cause: pem::Error) -> TlsError {
    TlsError::File { key, path: path.to_owned(), cause }
}

#[cfg(test)]
mod tests;

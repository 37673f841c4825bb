//! Whom this server trusts when it calls somebody, the same for all it calls.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::{self, PemObject as _};

/// Why nobody can be trusted.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The file of an authority cannot be used.
    #[error("`{path}` cannot be used: {cause}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: pem::Error,
    },
    /// The system trusts nobody.
    #[error("this system has no certificates of authorities: set it")]
    NoAuthority,
    /// Encryption cannot be set up.
    #[error("{0}")]
    Tls(rustls::Error),
}

/// Trusts whom the authority of a file has signed and nobody else; without a file, whom
/// the system trusts.
pub(crate) fn trusting(ca_file: Option<&Path>) -> Result<ClientConfig, TrustError> {
    client(match ca_file {
        Some(path) => authority(path)?,
        None => system_authorities()?,
    })
}

/// For calls that are not encrypted.
pub(crate) fn trusting_nobody() -> Result<ClientConfig, TrustError> {
    client(RootCertStore::empty())
}

fn client(roots: RootCertStore) -> Result<ClientConfig, TrustError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(rustls::DEFAULT_VERSIONS)
        .map_err(TrustError::Tls)?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn authority(path: &Path) -> Result<RootCertStore, TrustError> {
    let unusable = |cause| TrustError::File { path: path.to_owned(), cause };
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let certificates = read.map_err(unusable)?;
    if certificates.is_empty() {
        return Err(unusable(pem::Error::NoItemsFound));
    }
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add(certificate).map_err(TrustError::Tls)?;
    }
    Ok(roots)
}

fn system_authorities() -> Result<RootCertStore, TrustError> {
    let mut roots = RootCertStore::empty();
    // Some that cannot be read are no reason to distrust the others.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err(TrustError::NoAuthority) } else { Ok(roots) }
}

/// What rustls says, however deep it lies. An error of I/O hides the one inside it
/// from whoever asks for its source.
pub(crate) fn tls_error<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    let inside = || {
        let inner = error.downcast_ref::<std::io::Error>()?.get_ref()?;
        tls_error(inner)
    };
    let beneath = || tls_error(error.source()?);
    error.downcast_ref::<rustls::Error>().or_else(inside).or_else(beneath)
}

#[cfg(test)]
pub(crate) mod tests;

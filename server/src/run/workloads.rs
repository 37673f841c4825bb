//! Who calls by a client certificate: what the handshake took, looked at again for as
//! long as the connection lasts.
//!
//! The authorities that count are those of now. So a certificate that has expired, or
//! whose authority is gone from the bundle, stops counting on open connections, too.

use std::sync::Arc;

use rustls::CertificateError;
use rustls_pki_types::{CertificateDer, UnixTime};

use super::tls::Certificates;
use crate::config::Config;
use crate::domain::refusal::Refusal;
use crate::domain::time::Timestamp;
use crate::engine::identity::{Chain, Identity, Workloads};
use crate::identity::spiffe::Spiffe;

/// Believes the authorities of the bundle about one trust domain.
struct Svids {
    certificates: Arc<Certificates>,
    spiffe: Spiffe,
}

/// Whom the configuration lets a certificate name; none: nobody.
pub(super) fn register(
    config: &Config,
    certificates: Option<&Arc<Certificates>>,
) -> Option<Box<dyn Workloads>> {
    let spiffe = Spiffe::new(&config.identity.spiffe)?;
    Some(Box::new(Svids { certificates: Arc::clone(certificates?), spiffe }))
}

/// What a handshake took from a client.
pub(super) fn chain(certificates: &[CertificateDer<'_>]) -> Option<Arc<Chain>> {
    let (leaf, others) = certificates.split_first()?;
    Some(Arc::new(Chain::new(leaf.to_vec(), others.iter().map(|it| it.to_vec()).collect())))
}

impl Workloads for Svids {
    fn verify(&self, chain: &Chain, now: Timestamp) -> Result<Option<Identity>, Refusal> {
        let (seconds, _) = now.to_seconds_nanos();
        let seconds = u64::try_from(seconds).map_err(|_| Refusal::Certificate)?;
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        let verified = self.certificates.verify_client(chain.leaf(), chain.others(), now);
        verified.map_err(|error| match error {
            rustls::Error::InvalidCertificate(
                CertificateError::Expired | CertificateError::ExpiredContext { .. },
            ) => Refusal::Expired,
            _ => Refusal::Certificate,
        })?;
        self.spiffe.identity(chain.leaf())
    }
}

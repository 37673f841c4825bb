//! Callers whom a client certificate names: SPIFFE X.509-SVIDs of one trust domain.
//!
//! Whether an authority vouches for the certificate is not judged here, and has to be
//! before: this reads what it says.

use std::collections::BTreeMap;

use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage, SubjectAltName};

use crate::config::SpiffeConfig;
use crate::domain::policy::glob;
use crate::domain::principal::Role;
use crate::domain::refusal::Refusal;
use crate::domain::time::Timestamp;
use crate::engine::identity::Identity;

/// What every id begins with.
pub(crate) const SCHEME: &str = crate::engine::identity::SPIFFE_SCHEME;

/// Reads the certificates of one trust domain.
pub(crate) struct Spiffe {
    trust_domain: String,
    roles: BTreeMap<Role, Vec<String>>,
}

impl Spiffe {
    /// As the configuration says; none without a trust domain.
    pub(crate) fn new(config: &SpiffeConfig) -> Option<Self> {
        let trust_domain = config.trust_domain.clone()?;
        Some(Self { trust_domain, roles: config.roles.clone() })
    }

    /// Who a certificate names; none if it has no URI at all and so names nobody.
    pub(crate) fn identity(&self, certificate: &[u8]) -> Result<Option<Identity>, Refusal> {
        let read = Certificate::from_der(certificate).map_err(|_| Refusal::Certificate)?;
        let Some(id) = only_uri(&read)? else { return Ok(None) };
        require_leaf(&read)?;
        let path = self.path_of(&id).ok_or(Refusal::Certificate)?;
        let end = read.tbs_certificate.validity.not_after.to_unix_duration();
        let end = i64::try_from(end.as_micros()).map_err(|_| Refusal::Certificate)?;
        let roles = self.roles_of(path);
        // The last second counts as a whole.
        let expire_time = Timestamp::from_micros(end.saturating_add(1_000_000));
        Ok(Some(Identity { name: id, roles, expire_time }))
    }

    /// The path of an id of the trust domain: segments of letters, digits, dots, dashes
    /// and underscores, at least one.
    fn path_of<'i>(&self, id: &'i str) -> Option<&'i str> {
        let path = id.strip_prefix(SCHEME)?.strip_prefix(self.trust_domain.as_str())?;
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let is_segment =
            |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(is_allowed);
        path.strip_prefix('/')?.split('/').all(is_segment).then_some(path)
    }

    fn roles_of(&self, path: &str) -> Vec<Role> {
        let is_named = |patterns: &[String]| patterns.iter().any(|pattern| glob(pattern, path));
        let named = self.roles.iter().filter(|(_, patterns)| is_named(patterns));
        named.map(|(role, _)| *role).collect()
    }
}

/// The one URI of a certificate. Two are no identity, whatever they say.
fn only_uri(certificate: &Certificate) -> Result<Option<String>, Refusal> {
    let names = certificate.tbs_certificate.get::<SubjectAltName>();
    let Some((_, names)) = names.map_err(|_| Refusal::Certificate)? else { return Ok(None) };
    let mut uris = names.0.iter().filter_map(|name| match name {
        GeneralName::UniformResourceIdentifier(uri) => Some(uri.as_str()),
        _ => None,
    });
    match (uris.next(), uris.next()) {
        (None, _) => Ok(None),
        (Some(uri), None) => Ok(Some(uri.to_owned())),
        (Some(_), Some(_)) => Err(Refusal::Certificate),
    }
}

/// Refuses a certificate that may sign others, or may not sign a handshake.
fn require_leaf(certificate: &Certificate) -> Result<(), Refusal> {
    let unreadable = |_| Refusal::Certificate;
    let tbs = &certificate.tbs_certificate;
    let is_authority =
        tbs.get::<BasicConstraints>().map_err(unreadable)?.is_some_and(|(_, it)| it.ca);
    let (_, usage) = tbs.get::<KeyUsage>().map_err(unreadable)?.ok_or(Refusal::Certificate)?;
    let is_leaf = !is_authority && !usage.key_cert_sign() && !usage.crl_sign();
    if is_leaf && usage.digital_signature() { Ok(()) } else { Err(Refusal::Certificate) }
}

#[cfg(test)]
mod tests;

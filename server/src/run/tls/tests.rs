//! What a look at the files does to the certificates in use.

use super::*;
use crate::run::tests::tls::{Made, certificates, put};

/// Certificates in a folder of their own.
fn in_use() -> (tempfile::TempDir, Arc<Certificates>) {
    let dir = tempfile::tempdir().unwrap();
    let config = put(dir.path(), &certificates());
    (dir, Certificates::read(&config).unwrap().unwrap())
}

/// Whether a look leaves the acceptor as it was.
fn keeps(certificates: &Certificates, look: impl FnOnce() -> Look) -> (bool, Look) {
    let before = certificates.acceptor();
    let found = look();
    (Arc::ptr_eq(before.config(), certificates.acceptor().config()), found)
}

#[test]
fn files_that_stay_the_same_change_nothing_unless_somebody_insists() {
    let (_dir, certificates) = in_use();
    assert!(matches!(keeps(&certificates, || certificates.look(false)), (true, Look::Same)));
    assert!(matches!(keeps(&certificates, || certificates.look(true)), (false, Look::New)));
}

#[test]
fn a_new_pair_is_in_use_at_once() {
    let (dir, in_use) = in_use();
    put(dir.path(), &certificates());
    assert!(matches!(keeps(&in_use, || in_use.look(false)), (false, Look::New)));
    assert!(matches!(keeps(&in_use, || in_use.look(false)), (true, Look::Same)));
}

#[test]
fn what_cannot_be_used_is_told_once_and_the_former_stays() {
    let (dir, in_use) = in_use();
    let good = std::fs::read(dir.path().join("cert.pem")).unwrap();
    let other = certificates().server.0;
    for bad in ["", "no certificate", &other] {
        std::fs::write(dir.path().join("cert.pem"), bad).unwrap();
        let (kept, found) = keeps(&in_use, || in_use.look(false));
        assert!(kept && matches!(found, Look::Unusable(_)), "{bad:?}: {found:?}");
        assert!(matches!(in_use.look(false), Look::Same), "{bad:?} is told again");
    }
    std::fs::remove_file(dir.path().join("key.pem")).unwrap();
    let (kept, found) = keeps(&in_use, || in_use.look(false));
    let Look::Unusable(TlsError::File { .. }) = found else { panic!("{found:?}") };
    assert!(kept);
    // Half of it comes back: still not a pair.
    std::fs::write(dir.path().join("cert.pem"), good).unwrap();
    assert!(matches!(keeps(&in_use, || in_use.look(false)), (true, Look::Unusable(_))));
}

#[test]
fn an_authority_for_clients_is_renewed_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = put(dir.path(), &certificates());
    let authority = dir.path().join("ca.pem");
    std::fs::write(&authority, certificates().authority).unwrap();
    config.client_ca_file = Some(authority.clone());
    let in_use = Certificates::read(&config).unwrap().unwrap();
    std::fs::write(&authority, certificates().authority).unwrap();
    assert!(matches!(keeps(&in_use, || in_use.look(false)), (false, Look::New)));
    std::fs::write(&authority, "").unwrap();
    assert!(matches!(keeps(&in_use, || in_use.look(false)), (true, Look::Unusable(_))));
}

#[test]
fn clients_are_verified_with_the_authorities_of_now() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (certificates(), certificates());
    let mut config = put(dir.path(), &one);
    let bundle = dir.path().join("bundle.pem");
    std::fs::write(&bundle, [&*one.authority, &two.authority].concat()).unwrap();
    config.client_ca_file = Some(bundle.clone());
    let in_use = Certificates::read(&config).unwrap().unwrap();
    let counts = |made: &Made, year: u64| {
        let leaf = CertificateDer::from_pem_slice(made.server.0.as_bytes()).unwrap();
        let seconds = (year - 1970) * 365 * 24 * 3_600;
        let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        in_use.verify_client(&leaf, &[], now)
    };
    assert_eq!((counts(&one, 2026), counts(&two, 2026)), (Ok(()), Ok(())));
    assert!(counts(&one, 1971).is_err(), "its time has not come");
    assert!(counts(&certificates(), 2026).is_err(), "another authority's");
    std::fs::write(&bundle, &two.authority).unwrap();
    assert!(matches!(in_use.look(false), Look::New));
    assert!(counts(&one, 2026).is_err() && counts(&two, 2026).is_ok());
    // What cannot be used changes nothing.
    std::fs::write(&bundle, "").unwrap();
    assert!(matches!(in_use.look(false), Look::Unusable(_)));
    assert!(counts(&two, 2026).is_ok());
}

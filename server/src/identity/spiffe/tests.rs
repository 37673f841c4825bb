//! What a certificate must be to name somebody.

use rcgen::string::Ia5String;
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, KeyUsagePurpose, SanType};

use super::*;

const ID: &str = "spiffe://bank.example/agents/claims";

fn spiffe() -> Spiffe {
    let roles = [
        (Role::Agent, vec!["/agents/*".to_owned(), "/ns/*/sa/agent-*".to_owned()]),
        (Role::Auditor, vec!["/audit".to_owned()]),
    ];
    let trust_domain = Some("bank.example".to_owned());
    Spiffe::new(&SpiffeConfig { trust_domain, roles: roles.into() }).unwrap()
}

/// A certificate with these URIs, changed.
fn certificate(uris: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
    let mut params = CertificateParams::new(vec!["a.name.of.dns".to_owned()]).unwrap();
    let uris = uris.iter().map(|uri| SanType::URI(Ia5String::try_from(*uri).unwrap()));
    params.subject_alt_names.extend(uris);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    change(&mut params);
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
}

fn named(uris: &[&str]) -> Result<Option<Identity>, Refusal> {
    spiffe().identity(&certificate(uris, |_| {}))
}

#[test]
fn the_one_id_of_a_certificate_is_the_principal_and_its_path_gives_the_roles() {
    let end = rcgen::date_time_ymd(2031, 5, 6);
    let made = certificate(&[ID], |it| it.not_after = end);
    let identity = spiffe().identity(&made).unwrap().unwrap();
    let expire_time = Timestamp::from_micros((end.unix_timestamp() + 1) * 1_000_000);
    assert_eq!(identity, Identity { name: ID.to_owned(), roles: vec![Role::Agent], expire_time });
    for (path, roles) in [
        ("/agents/a/b", &[Role::Agent][..]),
        ("/ns/payments/sa/agent-7", &[Role::Agent]),
        ("/audit", &[Role::Auditor]),
        ("/audit/more", &[]),
        ("/Agents/claims", &[]),
        ("/x/agents/claims", &[]),
    ] {
        let identity = named(&[&format!("spiffe://bank.example{path}")]).unwrap().unwrap();
        assert_eq!(identity.roles, roles, "{path}");
    }
}

#[test]
fn what_is_no_id_of_the_trust_domain_names_nobody_and_is_refused() {
    for uri in [
        "spiffe://bank.example",
        "spiffe://bank.example/",
        "spiffe://bank.example/agents/",
        "spiffe://bank.example//agents",
        "spiffe://bank.example/agents/../admin",
        "spiffe://bank.example/./agents",
        "spiffe://bank.example/agents/cl%61ims",
        "spiffe://bank.example/agents?x=1",
        "spiffe://bank.example/agents#x",
        "spiffe://bank.example/agents claims",
        "spiffe://bank.example:443/agents",
        "spiffe://user@bank.example/agents",
        "spiffe://BANK.example/agents",
        "spiffe://bank.example.evil/agents",
        "spiffe://evil/agents/claims",
        "SPIFFE://bank.example/agents",
        "https://bank.example/agents",
        "bank.example/agents",
    ] {
        assert_eq!(named(&[uri]), Err(Refusal::Certificate), "{uri}");
    }
}

#[test]
fn two_ids_are_none_and_without_a_uri_nobody_is_named() {
    assert_eq!(named(&[ID, ID]), Err(Refusal::Certificate));
    assert_eq!(named(&[ID, "https://other.example"]), Err(Refusal::Certificate));
    assert_eq!(named(&[]), Ok(None));
    assert_eq!(spiffe().identity(b"no certificate"), Err(Refusal::Certificate));
}

#[test]
fn what_may_sign_others_or_may_not_sign_is_no_leaf() {
    let changes: [fn(&mut CertificateParams); 5] = [
        |it| it.is_ca = IsCa::Ca(BasicConstraints::Unconstrained),
        |it| it.key_usages.push(KeyUsagePurpose::KeyCertSign),
        |it| it.key_usages.push(KeyUsagePurpose::CrlSign),
        |it| it.key_usages = vec![KeyUsagePurpose::KeyEncipherment],
        |it| it.key_usages.clear(),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let refused = spiffe().identity(&certificate(&[ID], change));
        assert_eq!(refused, Err(Refusal::Certificate), "{number}");
    }
}

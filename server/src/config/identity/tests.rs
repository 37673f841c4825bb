//! Whose word may count.

use super::*;
use crate::config::Config;

const FILE: &str = "
[identity.oidc]
issuer = \"https://idp.example/realms/main\"
audience = \"pointsman\"
jwks_url = \"https://idp.example/realms/main/certs\"
roles_claim = \"realm_access.roles\"
[identity.oidc.roles]
reviewer = [\"claims-desk\"]
policy_author = [\"risk\", \"risk-lead\"]
";

fn load(text: &str) -> Result<Config, String> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pointsman.toml");
    std::fs::write(&file, text).unwrap();
    let config = Config::load(Some(&file), |_| None, &[]).map_err(|error| error.to_string())?;
    config.validate().map_err(|error| error.to_string())?;
    Ok(config)
}

#[test]
fn a_file_says_it_all() {
    let oidc = load(FILE).unwrap().identity.oidc;
    assert_eq!(oidc.roles[&Role::PolicyAuthor], ["risk", "risk-lead"]);
    assert_eq!(oidc.name_claim, "sub");
    assert!(matches!(oidc.jwks().unwrap(), JwksPlace::Url(_)));
}

#[test]
fn roles_may_all_be_assigned_here_but_not_given_by_any_number_of_values() {
    let (given, none) = FILE.split_once("[identity.oidc.roles]").unwrap();
    assert_eq!(load(given).unwrap().identity.oidc.roles, BTreeMap::new());
    let values: Vec<String> = (0..=MAX_ROLE_VALUES).map(|it| format!("\"v{it}\"")).collect();
    let many = format!("{given}[identity.oidc.roles]\nadmin = [{}]", values.join(","));
    assert!(load(&many).unwrap_err().contains("at most 256"));
    assert!(none.contains("reviewer"));
}

const SVIDS: &str = "
[tls]
cert_file = \"/a\"
key_file = \"/b\"
client_ca_file = \"/c\"
client_cert_optional = true
[identity.spiffe]
trust_domain = \"bank.example\"
[identity.spiffe.roles]
agent = [\"/agents/*\", \"*\"]
";

#[test]
fn a_trust_domain_is_a_name_with_authorities_and_paths() {
    let config = load(SVIDS).unwrap();
    let spiffe = &config.identity.spiffe;
    assert_eq!(spiffe.trust_domain.as_deref(), Some("bank.example"));
    assert_eq!(spiffe.roles[&Role::Agent], ["/agents/*", "*"]);
    for (from, to, key) in [
        ("\"bank.example\"", "\"\"", "identity.spiffe.trust_domain"),
        ("\"bank.example\"", "\"Bank.example\"", "identity.spiffe.trust_domain"),
        ("\"bank.example\"", "\"spiffe://bank.example\"", "identity.spiffe.trust_domain"),
        ("\"bank.example\"", "\"bank.example/x\"", "identity.spiffe.trust_domain"),
        ("trust_domain = \"bank.example\"\n", "", "identity.spiffe.trust_domain"),
        ("client_ca_file = \"/c\"\n", "", "tls.client_ca_file"),
        ("\"/agents/*\"", "\"agents/*\"", "identity.spiffe.roles"),
        ("\"/agents/*\"", "\"spiffe://bank.example/a\"", "identity.spiffe.roles"),
    ] {
        assert!(SVIDS.contains(from), "{from}");
        let refused = load(&SVIDS.replace(from, to)).unwrap_err();
        assert!(refused.contains(key), "{to} {key}: {refused}");
    }
    // A lock that nobody named is gone round by nobody.
    let (lock, _) = SVIDS.split_once("[identity.spiffe]").unwrap();
    assert!(load(lock).unwrap_err().contains("client_cert_optional"));
    assert!(load(&lock.replace("client_cert_optional = true", "")).is_ok());
}

#[test]
fn what_is_not_whole_or_not_safe_is_refused_with_its_key() {
    for (from, to, key) in [
        ("issuer = \"https://idp.example/realms/main\"\n", "", "identity.oidc.issuer"),
        ("audience = \"pointsman\"\n", "", "identity.oidc.audience"),
        ("audience = \"pointsman\"", "audience = \"\"", "identity.oidc.audience"),
        ("jwks_url = \"https://idp.example", "jwks_url = \"http://idp.example", "not encrypted"),
        ("jwks_url = \"https://idp.example/realms/main/certs\"\n", "", "jwks_file"),
        ("jwks_url = \"https", "jwks_file = \"/a\"\njwks_url = \"https", "jwks_file"),
        ("reviewer = [", "reveiwer = [", "reveiwer"),
        ("roles_claim = \"realm_access.roles\"", "roles_claim = \"\"", "roles_claim"),
    ] {
        assert!(FILE.contains(from), "{from}");
        let refused = load(&FILE.replace(from, to)).unwrap_err();
        assert!(refused.contains(key), "{key}: {refused}");
    }
}

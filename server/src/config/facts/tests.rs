//! Who may be registered, and what of it comes from the environment.

use std::path::Path;

use super::*;
use crate::config::Config;

fn provider(url: &str) -> FactProviderConfig {
    FactProviderConfig { url: url.to_owned(), ..FactProviderConfig::default() }
}

fn refusal(name: &str, provider: FactProviderConfig) -> String {
    let mut config = Config::default();
    config.facts.providers.insert(name.to_owned(), provider);
    config.validate().map_or_else(|error| error.to_string(), |()| "taken".to_owned())
}

#[test]
fn what_is_plain_stays_on_this_machine_unless_somebody_insists() {
    for url in [
        "grpc://localhost:7001",
        "grpc://127.0.0.1:7001",
        "http://[::1]:7001/facts",
        "grpcs://facts.example",
        "grpcs://facts.example/",
        "https://facts.example/v1/facts?kind=a",
    ] {
        assert_eq!(refusal("claims", provider(url)), "taken", "{url}");
    }
    for url in ["grpc://10.0.0.1:7001", "http://facts.example", "http://localhost.evil.test"] {
        let refused = refusal("claims", provider(url));
        assert!(refused.contains("`facts.providers.claims.url`"), "{refused}");
        assert!(refused.contains("not encrypted"), "{refused}");
        let insisting = FactProviderConfig { allow_plain: true, ..provider(url) };
        assert_eq!(refusal("claims", insisting), "taken", "{url}");
    }
}

#[test]
fn what_cannot_be_asked_is_refused_with_its_key() {
    for url in ["", "facts", "ftp://facts", "https://", "grpcs://facts/path", "https://a b"] {
        assert!(refusal("claims", provider(url)).contains("claims.url"), "{url}");
    }
    let secret = refusal("claims", provider("https://bob:hunter2@facts.example"));
    assert!(secret.contains("token_file") && !secret.contains("hunter2"), "{secret}");
    for timeout_ms in [0, MAX_TIMEOUT_MS + 1] {
        let late = FactProviderConfig { timeout_ms, ..provider("https://facts") };
        assert!(refusal("claims", late).contains("claims.timeout_ms"));
    }
    let ca_file = Some("/ca.pem".into());
    let plain = FactProviderConfig { ca_file, ..provider("http://localhost") };
    assert!(refusal("claims", plain).contains("claims.ca_file"));
    for name in ["Claims", "a.b", "a-b", ""] {
        assert!(refusal(name, provider("https://facts")).contains("want a name"), "{name}");
    }
    let mut many = Config::default();
    for number in 0..=MAX_FACT_PROVIDERS {
        many.facts.providers.insert(format!("p{number}"), provider("https://facts"));
    }
    assert!(many.validate().unwrap_err().to_string().contains("at most 32"));
}

#[test]
fn a_section_of_the_file_a_list_in_the_environment_or_both() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pointsman.toml");
    let text = "[facts.providers.claims]\nurl = \"grpc://localhost:1\"\ntimeout_ms = 200\n";
    std::fs::write(&file, text).unwrap();
    let env = |name: &str| {
        let value = match name {
            "POINTSMAN_FACTS_PROVIDERS" => "crm, fraud_desk",
            "POINTSMAN_FACTS_PROVIDERS_CLAIMS_TIMEOUT_MS" => "300",
            "POINTSMAN_FACTS_PROVIDERS_CRM_URL" => "https://crm.example/facts",
            "POINTSMAN_FACTS_PROVIDERS_FRAUD_DESK_URL" => "grpcs://fraud.example",
            "POINTSMAN_FACTS_PROVIDERS_FRAUD_DESK_TOKEN_FILE" => "/run/secrets/fraud",
            "POINTSMAN_FACTS_PROVIDERS_UNLISTED_URL" => "https://unlisted",
            _ => return None,
        };
        Some(value.to_owned())
    };
    let config = Config::load(Some(&file), env, &[]).unwrap();
    config.validate().unwrap();
    let providers = &config.facts.providers;
    assert_eq!(providers.keys().collect::<Vec<_>>(), ["claims", "crm", "fraud_desk"]);
    assert_eq!((providers["claims"].timeout_ms, providers["crm"].timeout_ms), (300, 500));
    assert_eq!(providers["crm"].address().unwrap().protocol, FactProtocol::Http);
    let token_file = providers["fraud_desk"].token_file.as_deref();
    assert_eq!(token_file, Some(Path::new("/run/secrets/fraud")));

    let listed = |names: &'static str| {
        let env = move |name: &str| (name == "POINTSMAN_FACTS_PROVIDERS").then(|| names.to_owned());
        Config::load(None, env, &[]).and_then(|config| config.validate()).unwrap_err().to_string()
    };
    assert!(listed("crm").contains("`facts.providers.crm.url`"), "{}", listed("crm"));
    assert!(listed("CRM").contains("`CRM`: want a name"), "{}", listed("CRM"));

    std::fs::write(&file, "[facts.providers.claims]\nuri = \"grpc://localhost:1\"\n").unwrap();
    let unknown = Config::load(Some(&file), |_| None, &[]).unwrap_err().to_string();
    assert!(unknown.contains("uri"), "{unknown}");
}

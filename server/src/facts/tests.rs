//! The real clients against real servers on loopback.

mod grpc;
mod http;
mod people;
mod tls;

use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::config::FactProviderConfig;
use crate::domain::ids::RunId;
use crate::domain::policy::Reply;
use crate::domain::time::Timestamp;
use crate::engine::facts::Question;

/// What the providers of these tests say it was when they looked.
const SEEN: &str = "2027-01-15T08:00:00.250Z";
const SEEN_AT: Timestamp = Timestamp::from_micros(1_800_000_000_250_000);

fn question() -> Question {
    let arguments = json!({"customer": "c-1", "to": {"iban": "DE1"}, "amounts": [1, 2.5, null]});
    let Value::Object(arguments) = arguments else { panic!("an object") };
    Question {
        names: vec!["verified".to_owned(), "since".to_owned()],
        tool: "pay".to_owned(),
        run: Some(RunId::new(uuid::Uuid::from_u128(7))),
        agent: "claims".to_owned(),
        on_behalf_of: Some("anna".to_owned()),
        arguments,
    }
}

fn config(url: &str) -> FactProviderConfig {
    FactProviderConfig { url: url.to_owned(), ..FactProviderConfig::default() }
}

fn provider(config: &FactProviderConfig) -> Arc<dyn FactProvider> {
    connect("desk", config).unwrap()
}

/// What a provider answers to the question, within a test's patience.
async fn ask(
    provider: &Arc<dyn FactProvider>,
) -> Result<std::collections::BTreeMap<String, Reply>, String> {
    let question = question();
    let answer = provider.ask(&question);
    let patience = std::time::Duration::from_secs(20);
    tokio::time::timeout(patience, answer).await.expect("it takes too long")
}

async fn refusal(provider: &Arc<dyn FactProvider>) -> String {
    ask(provider).await.expect_err("it answered")
}

fn seen(value: Value) -> Reply {
    Reply { value, time: Some(SEEN_AT) }
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[tokio::test]
async fn who_is_not_there_is_not_reached() {
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = gone.local_addr().unwrap();
    drop(gone);
    for scheme in ["grpc", "http", "grpcs", "https"] {
        let url = format!("{scheme}://{address}");
        let refused = match connect("desk", &config(&url)) {
            Ok(provider) => refusal(&provider).await,
            // A machine may trust nobody; the tests of TLS name an authority.
            Err(FactsError::Trust { problem: TrustError::NoAuthority, .. }) => continue,
            Err(error) => panic!("{error}"),
        };
        assert_eq!(refused, "there is no connection to it", "{scheme}");
    }
}

#[test]
fn files_that_cannot_be_used_are_found_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let absent = dir.path().join("absent");
    let empty = write(dir.path(), "empty", "\n");
    let lines = write(dir.path(), "lines", "one\ntwo\n");
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let broken = write(dir.path(), "broken", broken);
    for path in [&absent, &empty, &lines] {
        let token_file = Some(path.clone());
        let config = FactProviderConfig { token_file, ..config("http://localhost") };
        let refused = connect("desk", &config).map(|_| ()).unwrap_err().to_string();
        assert!(refused.contains("`facts.providers.desk.token_file`"), "{refused}");
        assert!(!refused.contains("two"), "{refused}");
    }
    for path in [absent, empty, broken] {
        let ca_file = Some(path);
        let config = FactProviderConfig { ca_file, ..config("https://localhost") };
        let refused = connect("desk", &config).map(|_| ()).unwrap_err().to_string();
        assert!(refused.contains("`facts.providers.desk"), "{refused}");
    }
}

//! Keys at an address, as they come, change and go.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;

use super::*;

const MINUTE: Span = Span::from_secs(60);
const HOUR: Span = Span::from_secs(60 * 60);

/// What an address answers, and how often it was asked.
#[derive(Clone)]
struct Address(Arc<Mutex<(StatusCode, String, usize)>>);

impl Address {
    fn new() -> Self {
        Self(Arc::new(Mutex::new((StatusCode::SERVICE_UNAVAILABLE, String::new(), 0))))
    }

    fn answers(&self, status: StatusCode, body: String) {
        let mut answer = self.0.lock().unwrap();
        (answer.0, answer.1) = (status, body);
    }

    fn has(&self, issuers: &[&Issuer]) {
        self.answers(StatusCode::OK, issuer::set(issuers));
    }

    fn asked(&self) -> usize {
        self.0.lock().unwrap().2
    }

    async fn provider(&self) -> Oidc {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let answer = Arc::clone(&self.0);
        let handler = async move || {
            let mut answer = answer.lock().unwrap();
            answer.2 += 1;
            (answer.0, answer.1.clone())
        };
        let router = Router::new().route("/keys", get(handler));
        tokio::spawn(axum::serve(listener, router).into_future());
        let url = format!("http://127.0.0.1:{port}/keys");
        Oidc::new(&OidcConfig { jwks_file: None, jwks_url: Some(url), ..config(PathBuf::new()) })
            .unwrap()
    }
}

fn token(issuer: &Issuer) -> String {
    issuer.token(&claims_with("exp", json!(NOW_SECONDS + 1_000_000)))
}

#[tokio::test]
async fn a_new_key_counts_once_it_is_used_and_an_old_one_until_it_is_gone() {
    let address = Address::new();
    let [old, new] = ["old", "new"].map(|name| Issuer::new(Kind::Ed25519, name));
    address.has(&[&old]);
    let oidc = address.provider().await;
    assert_eq!(address.asked(), 0, "nobody is asked before the first token");
    let counts = async |issuer: &Issuer, now| oidc.verify(&token(issuer), now).await.is_ok();
    assert!(counts(&old, NOW).await);
    assert!(counts(&old, NOW).await);
    assert_eq!(address.asked(), 1);

    address.has(&[&old, &new]);
    let later = NOW.plus(MINUTE);
    assert!(counts(&new, later).await);
    assert!(counts(&old, later).await);
    assert_eq!(address.asked(), 2);

    address.has(&[&new]);
    let much_later = later.plus(Span::from_secs(9 * 60));
    assert!(counts(&old, much_later).await);
    assert!(!counts(&old, much_later.plus(MINUTE)).await);
    assert!(counts(&new, much_later.plus(MINUTE)).await);
    assert_eq!(address.asked(), 3);
}

#[tokio::test]
async fn names_of_keys_that_there_are_not_make_nobody_ask_more_than_once_a_minute() {
    let address = Address::new();
    let issuer = Issuer::new(Kind::Ed25519, "ours");
    address.has(&[&issuer]);
    let oidc = address.provider().await;
    for number in 0..50 {
        let stranger = Issuer::new(Kind::Ed25519, &format!("stranger-{number}"));
        assert!(oidc.verify(&token(&stranger), NOW).await.is_err());
    }
    assert_eq!(address.asked(), 1);
    assert!(oidc.verify(&token(&issuer), NOW).await.is_ok());
    let stranger = Issuer::new(Kind::Ed25519, "another");
    assert!(oidc.verify(&token(&stranger), NOW.plus(MINUTE)).await.is_err());
    assert_eq!(address.asked(), 2);
}

#[tokio::test]
async fn a_provider_that_is_away_is_missed_only_after_a_day() {
    let address = Address::new();
    let issuer = Issuer::new(Kind::Ecdsa, "ours");
    let oidc = address.provider().await;
    let counts = async |now| oidc.verify(&token(&issuer), now).await.is_ok();
    assert!(!counts(NOW).await, "nobody has its keys yet");
    address.has(&[&issuer]);
    assert!(!counts(NOW).await, "it is not asked again at once");
    let start = NOW.plus(MINUTE);
    assert!(counts(start).await);

    for (status, body) in [
        (StatusCode::SERVICE_UNAVAILABLE, String::new()),
        (StatusCode::OK, "{\"keys\": []}".to_owned()),
        (StatusCode::OK, "x".repeat(300 * 1024)),
        (StatusCode::FOUND, issuer::set(&[])),
    ] {
        address.answers(status, body);
        let asked = address.asked();
        let hours = 1 + i64::try_from(asked).unwrap();
        let later = start.plus(Span::from_micros(HOUR.as_micros() * hours));
        assert!(counts(later).await, "{status}");
        assert_eq!(address.asked(), asked + 1);
    }
    let day = Span::from_micros(HOUR.as_micros() * 24);
    assert!(!counts(start.plus(day)).await);
}

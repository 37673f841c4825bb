//! Tokens that count, and every kind that must not; and keys as they come and go.

pub(crate) mod issuer;
mod rotating;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::*;
use crate::domain::principal::Role;
use crate::domain::time::Span;
use issuer::{Issuer, Kind};

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
const NOW_SECONDS: i64 = 1_800_000_000;

fn config(jwks_file: PathBuf) -> OidcConfig {
    OidcConfig {
        issuer: Some("https://idp.example".to_owned()),
        audience: Some("pointsman".to_owned()),
        jwks_file: Some(jwks_file),
        roles_claim: "realm_access.roles".to_owned(),
        roles: [
            (Role::Reviewer, vec!["claims-desk".to_owned(), "second-line".to_owned()]),
            (Role::Admin, vec!["ops".to_owned()]),
        ]
        .into(),
        ..OidcConfig::default()
    }
}

fn claims() -> Value {
    json!({
        "iss": "https://idp.example",
        "aud": ["other", "pointsman"],
        "sub": "alice",
        "exp": NOW_SECONDS + 300,
        "nbf": NOW_SECONDS - 10,
        "realm_access": {"roles": ["claims-desk", "second-line", "offline_access"]},
    })
}

/// The claims with one of them changed, or without it.
fn claims_with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    match value {
        Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
        value => claims[name] = value,
    }
    claims
}

/// A provider with one key of each kind, and the file that they are in.
struct World {
    oidc: Oidc,
    issuers: [Issuer; 3],
    _dir: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let issuers = [
            Issuer::new(Kind::Rsa, "rsa-1"),
            Issuer::new(Kind::Ecdsa, "ec-1"),
            Issuer::new(Kind::Ed25519, "ed-1"),
        ];
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("jwks.json");
        std::fs::write(&path, issuer::set(&issuers.each_ref())).unwrap();
        Self { oidc: Oidc::new(&config(path)).unwrap(), issuers, _dir: dir }
    }

    async fn counts(&self, token: &str) -> bool {
        self.oidc.verify(token, NOW).await.is_ok()
    }
}

#[tokio::test]
async fn whoever_the_provider_vouches_for_is_who_it_says() {
    let world = World::new();
    for issuer in &world.issuers {
        let identity = world.oidc.verify(&issuer.token(&claims()), NOW).await.unwrap();
        assert_eq!((&*identity.name, &*identity.roles), ("alice", &[Role::Reviewer][..]));
        let end = Timestamp::from_micros((NOW_SECONDS + 300 + 60) * 1_000_000);
        assert_eq!(identity.expire_time, end);
    }
}

#[tokio::test]
async fn what_was_changed_or_signed_otherwise_does_not_count() {
    let world = World::new();
    for issuer in &world.issuers {
        let token = issuer.token(&claims());
        let [head, body, signature] = issuer::parts(&token);
        let other = issuer::coded(&claims_with("sub", json!("mallory")));
        assert!(!world.counts(&format!("{head}.{other}.{signature}")).await);
        assert!(!world.counts(&format!("{head}.{body}.")).await);
        assert!(!world.counts(&format!("{head}.{body}.{signature}x")).await);
        assert!(!world.counts(&format!("{head}.{body}")).await);
        // The same name, another key.
        let stranger = Issuer::new(issuer.kind.other(), &issuer.name);
        assert!(!world.counts(&stranger.token(&claims())).await);
    }
    for garbage in ["", "..", "a.b.c", "e30.e30.", "ä.ö.ü"] {
        assert!(!world.counts(garbage).await, "{garbage}");
    }
}

#[tokio::test]
async fn the_key_says_which_algorithm_counts_and_never_the_token() {
    let world = World::new();
    let body = issuer::coded(&claims());
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        for issuer in &world.issuers {
            let head = issuer::coded(&json!({"alg": alg, "kid": issuer.name}));
            assert!(!world.counts(&format!("{head}.{body}.")).await, "{alg}");
            let [_, _, signature] = issuer::parts(&issuer.token(&claims())).map(str::to_owned);
            assert!(!world.counts(&format!("{head}.{body}.{signature}")).await, "{alg}");
        }
    }
    // The public key, which everybody knows, as the secret of an HMAC.
    for issuer in &world.issuers {
        for secret in issuer.public_forms() {
            for (alg, hash) in [
                ("HS256", ring::hmac::HMAC_SHA256),
                ("HS384", ring::hmac::HMAC_SHA384),
                ("HS512", ring::hmac::HMAC_SHA512),
            ] {
                let head = issuer::coded(&json!({"alg": alg, "kid": issuer.name}));
                let signed = format!("{head}.{body}");
                let key = ring::hmac::Key::new(hash, &secret);
                let tag = ring::hmac::sign(&key, signed.as_bytes());
                let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag));
                assert!(!world.counts(&token).await, "{alg}");
            }
        }
    }
    // A right signature under the name of another algorithm, or of another's key.
    let [rsa, ecdsa, _] = &world.issuers;
    for (alg, kid) in
        [("RS512", "rsa-1"), ("PS256", "rsa-1"), ("ES256", "rsa-1"), ("RS256", "ec-1")]
    {
        let head = json!({"alg": alg, "kid": kid});
        assert!(!world.counts(&rsa.token_under(&head, &claims())).await, "{alg} {kid}");
    }
    let head = json!({"alg": "ES256", "kid": "ed-1"});
    assert!(!world.counts(&ecdsa.token_under(&head, &claims())).await);
}

#[tokio::test]
async fn nothing_in_a_head_names_a_key_of_its_own() {
    let world = World::new();
    let stranger = Issuer::new(Kind::Ed25519, "stranger");
    for head in [
        json!({"alg": "EdDSA"}),
        json!({"alg": "EdDSA", "kid": "stranger"}),
        json!({"alg": "EdDSA", "kid": "stranger", "jwk": stranger.jwk()}),
        json!({"alg": "EdDSA", "jwk": stranger.jwk()}),
        json!({"alg": "EdDSA", "kid": "stranger", "jku": "https://evil.example/keys"}),
        json!({"alg": "EdDSA", "kid": "../../dev/null"}),
    ] {
        assert!(!world.counts(&stranger.token_under(&head, &claims())).await, "{head}");
    }
    let ours = &world.issuers[2];
    let head = json!({"alg": "EdDSA", "kid": "ed-1", "crit": ["exp"]});
    assert!(!world.counts(&ours.token_under(&head, &claims())).await, "crit");
    assert!(
        world.counts(&ours.token_under(&json!({"alg": "EdDSA", "kid": "ed-1"}), &claims())).await
    );
}

#[tokio::test]
async fn claims_that_are_wrong_or_not_there_do_not_count() {
    let world = World::new();
    let issuer = &world.issuers[2];
    for (name, value) in [
        ("iss", json!("https://evil.example")),
        ("iss", json!("https://idp.example/")),
        ("iss", Value::Null),
        ("aud", json!("other")),
        ("aud", json!(["other"])),
        ("aud", json!([])),
        ("aud", Value::Null),
        ("exp", json!(NOW_SECONDS - 60)),
        ("exp", json!("tomorrow")),
        ("exp", json!(1e300)),
        ("exp", json!(i64::MAX)),
        ("exp", json!(-1)),
        ("exp", Value::Null),
        ("nbf", json!(NOW_SECONDS + 61)),
        ("nbf", json!("yesterday")),
        ("sub", Value::Null),
        ("sub", json!(7)),
    ] {
        let token = issuer.token(&claims_with(name, value.clone()));
        assert!(!world.counts(&token).await, "{name} = {value}");
    }
    for (name, value) in [
        ("aud", json!("pointsman")),
        ("exp", json!(NOW_SECONDS - 59)),
        ("exp", json!(1_800_000_300.5)),
        ("nbf", json!(NOW_SECONDS + 60)),
        ("nbf", Value::Null),
        ("realm_access", json!({"roles": "ops offline_access"})),
    ] {
        let token = issuer.token(&claims_with(name, value.clone()));
        assert!(world.counts(&token).await, "{name} = {value}");
    }
}

#[tokio::test]
async fn who_is_given_no_role_is_who_it_says_and_has_none() {
    let world = World::new();
    for roles in [
        Value::Null,
        json!({"roles": []}),
        json!({"roles": ["unknown"]}),
        json!({"roles": {"claims-desk": true}}),
        json!("claims-desk"),
    ] {
        let token = world.issuers[2].token(&claims_with("realm_access", roles.clone()));
        let identity = world.oidc.verify(&token, NOW).await.unwrap();
        assert_eq!((&*identity.name, &*identity.roles), ("alice", &[][..]), "{roles}");
    }
}

#[test]
fn a_file_without_a_key_of_use_ends_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jwks.json");
    let weak = json!({"keys": [
        {"kty": "oct", "kid": "a", "k": "c2VjcmV0", "alg": "HS256"},
        {"kty": "RSA", "kid": "b", "n": "AQAB", "e": "AQAB", "use": "enc"},
        {"kty": "EC", "kid": "c", "crv": "P-384", "x": "AQ", "y": "AQ"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
        {"kty": "RSA", "kid": "d", "n": "AQAB", "e": "AQAB", "alg": "RS512"},
        {"kty": "new"}, 7,
    ]});
    for text in ["", "{}", "{\"keys\": []}", &weak.to_string()] {
        std::fs::write(&path, text).unwrap();
        let refused = Oidc::new(&config(path.clone())).err().unwrap().to_string();
        assert!(refused.contains("jwks_file"), "{refused}");
    }
    assert!(Oidc::new(&config(dir.path().join("absent"))).is_err());
}

#[tokio::test]
async fn why_a_token_does_not_count_is_known_here() {
    let world = World::new();
    let ours = &world.issuers[2];
    let stranger = Issuer::new(Kind::Ed25519, "ed-1");
    let under = |head: Value| ours.token_under(&head, &claims());
    for (token, why) in [
        ("a.b.c".to_owned(), Refusal::Malformed),
        (under(json!({"alg": "EdDSA", "kid": "ed-1", "crit": ["exp"]})), Refusal::Malformed),
        (under(json!({"alg": "EdDSA"})), Refusal::UnknownKey),
        (under(json!({"alg": "EdDSA", "kid": "ed-2"})), Refusal::UnknownKey),
        (stranger.token(&claims()), Refusal::WrongSignature),
        (under(json!({"alg": "EdDSA", "kid": "ec-1"})), Refusal::WrongSignature),
        (ours.token(&claims_with("iss", json!("https://evil.example"))), Refusal::WrongIssuer),
        (ours.token(&claims_with("aud", json!("other"))), Refusal::WrongAudience),
        (ours.token(&claims_with("exp", json!(NOW_SECONDS - 60))), Refusal::Expired),
        (ours.token(&claims_with("nbf", json!(NOW_SECONDS + 61))), Refusal::NotYetValid),
        (ours.token(&claims_with("exp", Value::Null)), Refusal::Malformed),
        (ours.token(&claims_with("sub", Value::Null)), Refusal::Malformed),
    ] {
        assert_eq!(world.oidc.verify(&token, NOW).await, Err(why), "{token}");
    }
}

#[test]
fn without_an_issuer_nobody_vouches() {
    assert!(register(&IdentityConfig::default()).unwrap().is_none());
}

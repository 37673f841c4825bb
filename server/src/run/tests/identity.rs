//! Callers whom an identity provider vouches for, on the wire.

use pointsman_api::v1::admin_service_client::AdminServiceClient;
use pointsman_api::v1::escalation_service_client::EscalationServiceClient;
use serde_json::json;

use super::*;
use crate::config::OidcConfig;
use crate::engine::clock::{Clock as _, SystemClock};
use crate::identity::tests::issuer::{Issuer, Kind, set};

/// A server that believes one issuer.
async fn believing(issuer: &Issuer) -> Server {
    server_with(|config| {
        let keys = config.data_dir.with_extension("jwks");
        std::fs::write(&keys, set(&[issuer])).unwrap();
        config.identity.oidc = OidcConfig {
            issuer: Some("https://idp.example".to_owned()),
            audience: Some("pointsman".to_owned()),
            jwks_file: Some(keys),
            roles: [(Role::Reviewer, vec!["desk".to_owned()])].into(),
            ..OidcConfig::default()
        };
    })
    .await
}

/// A token that expires after so many seconds, and counts for 60 more.
fn token(issuer: &Issuer, name: &str, lasts: i64) -> String {
    token_with(issuer, name, lasts, &json!(["desk"]))
}

/// The same, with these values of the claim that gives roles.
fn token_with(issuer: &Issuer, name: &str, lasts: i64, roles: &serde_json::Value) -> String {
    let (now, _) = SystemClock.now().to_seconds_nanos();
    issuer.token(&json!({
        "iss": "https://idp.example",
        "aud": "pointsman",
        "sub": name,
        "exp": now + lasts,
        "roles": roles,
    }))
}

#[tokio::test]
async fn a_signed_token_is_as_good_as_one_of_the_servers_own() {
    let issuer = Issuer::new(Kind::Ecdsa, "one");
    let server = believing(&issuer).await;
    let channel = server.channel().await;
    let mut admin = AdminServiceClient::new(channel.clone());
    let asked = with_token(&token(&issuer, "carol", 60), v1::GetServerInfoRequest {});
    let info = admin.get_server_info(asked).await.unwrap().into_inner();
    assert_eq!((&*info.principal, info.roles), ("carol", vec![v1::Role::Reviewer as i32]));
    let asked = with_token(&token(&issuer, "carol", 60), v1::ListTokensRequest::default());
    let refused = admin.list_tokens(asked).await.unwrap_err();
    assert_eq!((refused.code(), &*reason(&refused)), (Code::PermissionDenied, "ROLE_REQUIRED"));

    let stranger = Issuer::new(Kind::Ecdsa, "one");
    for wrong in [token(&stranger, "carol", 60), token(&issuer, "carol", -61)] {
        let asked = with_token(&wrong, v1::GetServerInfoRequest {});
        let refused = admin.get_server_info(asked).await.unwrap_err();
        assert_eq!((refused.code(), &*reason(&refused)), (Code::Unauthenticated, "TOKEN_INVALID"));
    }
    // What did not count is, in numbers.
    let address = server.running.local_addr();
    let numbers = wire::http1(address, "GET /metrics HTTP/1.1", b"").await;
    for (reason, count) in [("wrong_signature", 1), ("expired", 1), ("unknown", 0)] {
        let line = format!("pointsman_refused_credentials_total{{reason=\"{reason}\"}} {count}\n");
        assert!(numbers.contains(&line), "{line} is not in\n{numbers}");
    }
    // The server's own go on.
    start_run(&channel).await;
}

#[tokio::test]
async fn guessing_at_the_metrics_page_counts_as_well() {
    let server = server_with(|config| config.dev = false).await;
    let address = server.running.local_addr();
    let get = async |token: &str| {
        let head = format!("GET /metrics HTTP/1.1\r\nAuthorization: Bearer {token}");
        wire::http1(address, &head, b"").await
    };
    assert!(get("pmt_guess").await.starts_with("HTTP/1.1 401"));
    let numbers = get(server.running.first_token().unwrap()).await;
    let line = "pointsman_refused_credentials_total{reason=\"unknown\"} 1\n";
    assert!(numbers.contains(line), "{numbers}");
}

#[tokio::test]
async fn who_has_no_role_is_told_so_until_one_is_assigned() {
    let issuer = Issuer::new(Kind::Ecdsa, "one");
    let server = believing(&issuer).await;
    let mut admin = AdminServiceClient::new(server.channel().await);
    let dora = |lasts| token_with(&issuer, "dora", lasts, &json!(["unknown"]));
    let asked = with_token(&dora(60), v1::GetServerInfoRequest {});
    let refused = admin.get_server_info(asked).await.unwrap_err();
    assert_eq!((refused.code(), &*reason(&refused)), (Code::PermissionDenied, "NO_ROLE"));
    assert!(refused.message().contains("role assign dora"), "{}", refused.message());
    let assign = v1::AssignRoleRequest {
        principal: "dora".to_owned(),
        role: v1::Role::Supervisor as i32,
        ..Default::default()
    };
    admin.assign_role(with_token("dev-admin", assign)).await.unwrap();
    let asked = with_token(&dora(61), v1::GetServerInfoRequest {});
    let info = admin.get_server_info(asked).await.unwrap().into_inner();
    assert_eq!((&*info.principal, info.roles), ("dora", vec![v1::Role::Supervisor as i32]));
}

#[tokio::test]
async fn a_stream_ends_soon_after_its_token() {
    let issuer = Issuer::new(Kind::Ed25519, "one");
    let server = believing(&issuer).await;
    let mut queue = EscalationServiceClient::new(server.channel().await);
    let request = with_token(&token(&issuer, "carol", -57), v1::WatchEscalationsRequest::default());
    let mut watch = queue.watch_escalations(request).await.unwrap().into_inner();
    let ended = soon(async {
        loop {
            match watch.message().await {
                Ok(Some(_)) => {}
                ended => break ended,
            }
        }
    });
    let ended = ended.await.unwrap_err();
    assert_eq!((ended.code(), &*reason(&ended)), (Code::Unauthenticated, "TOKEN_INVALID"));
}

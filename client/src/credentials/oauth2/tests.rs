//! A real token endpoint: what it gives, and what it may do wrong.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tempfile::TempDir;

use super::*;
use crate::clock::ManualClock;
use crate::credentials::{Files, KeptInFile, RENEWAL_MARGIN};
use crate::error::ErrorKind;
use crate::testing::encrypted::Encrypted;
use crate::testing::eventually;
use crate::testing::token_endpoint::{FIRST_REFRESH, LIFE, Mood, TokenEndpoint};

/// Odd on purpose: forms and headers must encode it.
const CLIENT_SECRET: &str = "cl1ent+secret:&%/é";

/// A token endpoint, a program's files, and the clock of both.
struct Scene {
    clock: Arc<ManualClock>,
    endpoint: TokenEndpoint,
    folder: TempDir,
}

impl Scene {
    async fn open() -> Self {
        let clock = Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH));
        let now = Arc::clone(&clock);
        let endpoint = TokenEndpoint::start(Arc::new(move || now.now())).await;
        let scene = Self { clock, endpoint, folder: TempDir::new().unwrap() };
        scene.write("refresh", FIRST_REFRESH);
        scene.write("client", CLIENT_SECRET);
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::write(self.path(name), text).unwrap();
        let owner_only = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(self.path(name), owner_only).unwrap();
    }

    fn file(&self, name: &str) -> String {
        format!("file:{}", self.path(name).display())
    }

    fn crm(&self) -> OAuth2Client {
        self.crm_at(self.endpoint.token_address())
    }

    fn crm_at(&self, address: String) -> OAuth2Client {
        OAuth2Client::new(address, "agent/1")
            .client_secret(self.file("client"))
            .refresh_token(self.file("refresh"))
    }

    fn sources(&self) -> Resolvers {
        Resolvers::new().with("file", Files::below(self.folder.path()))
    }

    fn refreshing(&self) -> OAuth2Builder {
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        OAuth2::by_refresh_token(self.sources()).client("crm", self.crm()).clock(clock)
    }

    fn questions(&self) -> usize {
        self.endpoint.asked().len()
    }
}

async fn token(resolver: &OAuth2) -> String {
    resolver.resolve("crm").await.unwrap().expose().to_owned()
}

async fn failure(resolver: &OAuth2) -> Unresolved {
    resolver.resolve("crm").await.unwrap_err()
}

#[tokio::test]
async fn a_token_is_kept_until_shortly_before_it_lapses() {
    let scene = Scene::open().await;
    let resolver = scene.refreshing().build().unwrap();
    let first = resolver.resolve("crm").await.unwrap();
    assert_eq!(first.expire_time(), Some(scene.clock.now() + LIFE));
    scene.clock.advance(LIFE - RENEWAL_MARGIN - Duration::from_secs(1));
    assert_eq!(token(&resolver).await, first.expose());
    assert_eq!(scene.questions(), 1);
    scene.clock.advance(Duration::from_secs(1));
    assert_ne!(token(&resolver).await, first.expose());
    assert_eq!(scene.questions(), 2);
}

#[tokio::test]
async fn who_asks_is_told_in_the_header_or_in_the_form() {
    let scene = Scene::open().await;
    let client = scene.crm().scope("contacts.read").scope("contacts.write").audience("crm api");
    let resolver = scene.refreshing().client("crm", client.clone()).build().unwrap();
    token(&resolver).await;
    let asked = scene.endpoint.asked().remove(0);
    let encoded = "agent%2F1:cl1ent%2Bsecret%3A%26%25%2F%C3%A9";
    let basic = format!("Basic {}", BASE64_STANDARD.encode(encoded));
    assert_eq!(asked.authorization, Some(basic));
    let form = |name: &str| asked.form.get(name).map(String::as_str);
    assert_eq!(
        (form("grant_type"), form("refresh_token")),
        (Some("refresh_token"), Some(FIRST_REFRESH))
    );
    assert_eq!(form("scope"), Some("contacts.read contacts.write"));
    assert_eq!((form("audience"), form("client_id")), (Some("crm api"), None));

    let client = client.authentication(ClientAuthentication::Post);
    let resolver = OAuth2::by_client_credentials(scene.sources()).client("crm", client);
    token(&resolver.build().unwrap()).await;
    let asked = scene.endpoint.asked().remove(1);
    let form = |name: &str| asked.form.get(name).map(String::as_str);
    assert_eq!((form("grant_type"), form("refresh_token")), (Some("client_credentials"), None));
    assert_eq!((form("client_id"), form("client_secret")), (Some("agent/1"), Some(CLIENT_SECRET)));
    assert_eq!(asked.authorization, None);
}

#[tokio::test]
async fn one_is_asked_for_at_a_time() {
    let scene = Scene::open().await;
    scene.endpoint.be(Mood::Silent);
    let resolver = scene.refreshing().build().unwrap();
    let all = futures::future::join_all((0..50).map(|_| token(&resolver)));
    let script = async {
        eventually(|| scene.questions() == 1).await;
        scene.endpoint.be(Mood::Kind);
    };
    let (tokens, ()) = tokio::join!(all, script);
    assert!(tokens.iter().all(|it| *it == tokens[0]));
    assert_eq!(scene.questions(), 1);
}

#[tokio::test]
async fn a_new_refresh_token_is_kept_where_the_former_was() {
    let scene = Scene::open().await;
    scene.endpoint.be(Mood::Rotating);
    let kept = || scene.crm().keeper(KeptInFile::at(scene.path("refresh")));
    let build = || scene.refreshing().client("crm", kept()).build().unwrap();
    let first = build();
    for round in 1..=3 {
        token(&first).await;
        assert_eq!(scene.questions(), round);
        let kept = std::fs::read_to_string(scene.path("refresh")).unwrap();
        assert_eq!(kept, scene.endpoint.refresh_token());
        assert_ne!(kept, FIRST_REFRESH);
        scene.clock.advance(LIFE);
    }
    token(&build()).await;
    // The other process has renewed it: what its file says now counts here, too.
    token(&first).await;
    assert_eq!(scene.questions(), 5);
    assert!(!scene.path("refresh.new").exists());
}

#[tokio::test]
async fn without_a_keeper_a_new_refresh_token_counts_until_the_source_changes() {
    let scene = Scene::open().await;
    scene.endpoint.be(Mood::Rotating);
    let resolver = scene.refreshing().build().unwrap();
    token(&resolver).await;
    scene.clock.advance(LIFE);
    token(&resolver).await;
    scene.write("refresh", "somebody-logged-in-anew");
    scene.clock.advance(LIFE);
    assert!(matches!(failure(&resolver).await, Unresolved::Refused { .. }));
    let asked = scene.endpoint.asked();
    assert_eq!(asked.last().unwrap().form["refresh_token"], "somebody-logged-in-anew");
}

#[tokio::test]
async fn a_token_that_another_process_renewed_meanwhile_is_read_again() {
    let scene = Scene::open().await;
    scene.endpoint.be(Mood::Silent);
    let resolver = scene.refreshing().build().unwrap();
    let script = async {
        eventually(|| scene.questions() == 1).await;
        scene.write("refresh", &scene.endpoint.give_elsewhere());
        scene.endpoint.be(Mood::Kind);
    };
    let (fresh, ()) = tokio::join!(token(&resolver), script);
    assert_eq!(scene.endpoint.access_tokens(), [fresh]);
    assert_eq!(scene.questions(), 2);
}

#[tokio::test]
async fn a_renewal_that_breaks_down_does_not_stand_in_the_way_of_the_next() {
    #[derive(Debug)]
    struct Broken(Arc<AtomicBool>);
    #[async_trait]
    impl RefreshTokenKeeper for Broken {
        async fn keep(&self, _name: &str, _token: &Secret) -> Result<(), Unresolved> {
            assert!(self.0.load(Ordering::SeqCst), "this keeper breaks down");
            Ok(())
        }
    }
    let scene = Scene::open().await;
    scene.endpoint.be(Mood::Rotating);
    let is_mended = Arc::new(AtomicBool::new(false));
    let client = scene.crm().keeper(Broken(Arc::clone(&is_mended)));
    let resolver = scene.refreshing().client("crm", client).build().unwrap();
    let failed = failure(&resolver).await;
    assert!(matches!(failed, Unresolved::Unavailable { .. }), "{failed}");
    is_mended.store(true, Ordering::SeqCst);
    assert_eq!(token(&resolver).await, scene.endpoint.access_tokens()[0]);
}

#[tokio::test]
async fn what_the_clients_own_credentials_give_is_not_refreshed() {
    let scene = Scene::open().await;
    scene.endpoint.be(Mood::Rotating);
    std::fs::remove_file(scene.path("refresh")).unwrap();
    let client = scene.crm().keeper(KeptInFile::at(scene.path("refresh")));
    let clock = Arc::clone(&scene.clock) as Arc<dyn Clock>;
    let resolver = OAuth2::by_client_credentials(scene.sources()).client("crm", client);
    let resolver = resolver.clock(clock).build().unwrap();
    let first = token(&resolver).await;
    scene.clock.advance(LIFE);
    assert_ne!(token(&resolver).await, first);
    assert!(!scene.path("refresh").exists(), "there is none to keep");
}

#[derive(Debug)]
struct Keeper(Arc<AtomicBool>);

#[async_trait]
impl RefreshTokenKeeper for Keeper {
    async fn keep(&self, name: &str, _token: &Secret) -> Result<(), Unresolved> {
        assert_eq!(name, "crm");
        let problem = "the vault is sealed".to_owned();
        let sealed = Unresolved::Other { problem, is_retryable: true };
        if self.0.load(Ordering::SeqCst) { Ok(()) } else { Err(sealed) }
    }
}

#[tokio::test]
async fn nobody_gets_a_token_whose_refresh_token_is_not_kept() {
    let scene = Scene::open().await;
    scene.endpoint.be(Mood::Rotating);
    let is_open = Arc::new(AtomicBool::new(false));
    let client = scene.crm().keeper(Keeper(Arc::clone(&is_open)));
    let resolver = scene.refreshing().client("crm", client).build().unwrap();
    for _ in 0..2 {
        let failed = failure(&resolver).await;
        assert!(matches!(failed, Unresolved::NotKept { .. }) && failed.is_retryable(), "{failed}");
    }
    assert_eq!(scene.questions(), 1, "the token is there already");
    is_open.store(true, Ordering::SeqCst);
    assert_eq!(token(&resolver).await, scene.endpoint.access_tokens()[0]);
    assert_eq!(scene.questions(), 1);
}

#[tokio::test]
async fn a_new_refresh_token_is_kept_though_nobody_waits_any_more() {
    let scene = Scene::open().await;
    scene.endpoint.be(Mood::Silent);
    let client = scene.crm().keeper(KeptInFile::at(scene.path("refresh")));
    let resolver = scene.refreshing().client("crm", client).build().unwrap();
    {
        let mut waiting = std::pin::pin!(resolver.resolve("crm"));
        let asked = eventually(|| scene.questions() == 1);
        tokio::select! {
            _ = &mut waiting => panic!("nothing was answered"),
            () = asked => {}
        }
    }
    scene.endpoint.be(Mood::Rotating);
    eventually(|| {
        std::fs::read_to_string(scene.path("refresh")).unwrap() == scene.endpoint.refresh_token()
            && scene.endpoint.refresh_token() != FIRST_REFRESH
    })
    .await;
    token(&resolver).await;
    assert_eq!(scene.questions(), 1);
}

#[tokio::test]
async fn what_the_endpoint_refuses_is_told_without_secrets() {
    let scene = Scene::open().await;
    let resolver = scene.refreshing().build().unwrap();
    let says = |status, text: &str| scene.endpoint.be(Mood::Says(status, text.to_owned()));
    says(401, r#"{"error":"invalid_client","error_description":"unknown\u0007 client"}"#);
    let refused = failure(&resolver).await;
    let told = "the token endpoint refuses: invalid_client (unknown client)";
    assert!(refused.to_string() == told && !refused.is_retryable(), "{refused}");

    let encoded: String = form_urlencoded::byte_serialize(CLIENT_SECRET.as_bytes()).collect();
    for secret in [FIRST_REFRESH, CLIENT_SECRET, &encoded] {
        says(400, &format!(r#"{{"error":"invalid_grant","error_description":"no {secret}!"}}"#));
        let refused = failure(&resolver).await;
        assert_eq!(refused.to_string(), "the token endpoint refuses: invalid_grant");
        says(400, &format!(r#"{{"error":"no {secret}"}}"#));
        assert!(!format!("{:?}", failure(&resolver).await).contains(secret));
    }
    let long = "x".repeat(10_000);
    says(400, &format!(r#"{{"error":"invalid_scope","error_description":"{long}"}}"#));
    assert!(failure(&resolver).await.to_string().len() < 300);
}

#[tokio::test]
async fn a_refresh_token_that_was_taken_back_is_told() {
    let scene = Scene::open().await;
    scene.write("refresh", "an-old-one");
    let resolver = scene.refreshing().build().unwrap();
    let refused = failure(&resolver).await.to_string();
    assert_eq!(refused, "the token endpoint refuses: invalid_grant (expired or revoked)");
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_is_no_token() {
    let scene = Scene::open().await;
    let resolver = scene.refreshing().build().unwrap();
    let padding = "x".repeat(300 << 10);
    for (status, answer) in [
        (200, "<html>sign in</html>"),
        (200, "{}"),
        (200, r#"{"access_token":"t"}"#),
        (200, r#"{"access_token":"","token_type":"bearer"}"#),
        (200, r#"{"access_token":"t","token_type":"DPoP"}"#),
        (200, r#"{"access_token":"a\nb: c","token_type":"bearer"}"#),
        (200, r#"{"access_token":"t","token_type":"bearer","expires_in":-1}"#),
        (200, r#"{"access_token":"t","token_type":"bearer","expires_in":"soon"}"#),
        (200, &format!(r#"{{"access_token":"{padding}","token_type":"bearer"}}"#)),
        (307, ""),
        (400, "no"),
        (404, "<html>"),
    ] {
        scene.endpoint.be(Mood::Says(status, answer.to_owned()));
        let failed = failure(&resolver).await;
        let is_told = matches!(failed, Unresolved::Garbled { .. } | Unresolved::NoSecret { .. });
        assert!(is_told, "{status} {failed:?}");
    }
    scene.endpoint.be(Mood::Kind);
    token(&resolver).await;
}

#[tokio::test]
async fn a_token_without_an_end_is_used_once() {
    let scene = Scene::open().await;
    let resolver = scene.refreshing().build().unwrap();
    let answer = r#"{"access_token":"t","token_type":"bearer"}"#;
    scene.endpoint.be(Mood::Says(200, answer.to_owned()));
    assert_eq!(resolver.resolve("crm").await.unwrap().expire_time(), None);
    token(&resolver).await;
    assert_eq!(scene.questions(), 2);
    let answer = r#"{"access_token":"t","token_type":"BEARER","expires_in":"3600"}"#;
    scene.endpoint.be(Mood::Says(200, answer.to_owned()));
    let secret = resolver.resolve("crm").await.unwrap();
    assert_eq!(secret.expire_time(), Some(scene.clock.now() + LIFE));
}

#[tokio::test]
async fn an_endpoint_that_is_slow_overloaded_or_down_may_be_asked_again() {
    let scene = Scene::open().await;
    let hasty = scene.refreshing().limit(Duration::from_millis(50)).build().unwrap();
    let resolver = scene.refreshing().build().unwrap();
    let later = |failed: Unresolved, words: &str| {
        let is_later = matches!(failed, Unresolved::Unavailable { .. }) && failed.is_retryable();
        assert!(is_later && failed.to_string().contains(words), "{failed:?}");
    };
    scene.endpoint.be(Mood::Silent);
    later(failure(&hasty).await, "no answer within 50ms");
    scene.endpoint.be(Mood::Says(503, String::new()));
    later(failure(&resolver).await, "status 503");
    scene.endpoint.be(Mood::Says(429, String::new()));
    later(failure(&resolver).await, "status 429");
    scene.endpoint.be(Mood::Says(400, r#"{"error":"temporarily_unavailable"}"#.to_owned()));
    later(failure(&resolver).await, "temporarily_unavailable");

    let address = scene.endpoint.api();
    let now = Arc::clone(&scene.clock);
    drop(scene.endpoint);
    later(failure(&resolver).await, "cannot answer now");
    let _again = TokenEndpoint::start_at(Arc::new(move || now.now()), address).await;
    token(&resolver).await;
}

#[tokio::test]
async fn what_the_client_needs_itself_is_told() {
    let scene = Scene::open().await;
    let resolver = scene.refreshing().build().unwrap();
    std::fs::remove_file(scene.path("client")).unwrap();
    let failed = failure(&resolver).await.to_string();
    assert!(failed.starts_with("its client secret cannot be had: `/"), "{failed}");
    assert!(failed.ends_with("/client` does not exist"), "{failed}");
    let other = resolver.resolve("payroll").await.unwrap_err();
    assert!(matches!(other, Unresolved::NotAllowed { .. }), "{other}");
    assert_eq!(scene.questions(), 0);
}

#[test]
fn secrets_go_encrypted_or_stay_on_the_machine() {
    for good in ["https://login.example.org/token", "http://localhost:8080/t", "http://[::1]/t"] {
        http::endpoint(good).unwrap();
    }
    for bad in [
        "http://login.example.org/token",
        "http://127.0.0.1.example.org/",
        "http://localhost@example.org/",
        "https://user:word@example.org/token",
        "https://example.org/token#part",
        "ftp://example.org/token",
        "/token",
        "",
    ] {
        http::endpoint(bad).unwrap_err();
    }
    let plain = OAuth2Client::new("http://login.example.org/token", "id").refresh_token("env:R");
    let builder = OAuth2::by_refresh_token(Resolvers::new()).client("crm", plain);
    let error = builder.build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.message().contains("`crm`") && error.message().contains("not encrypted"));
}

#[tokio::test]
async fn an_encrypted_endpoint_is_told_secrets_if_it_is_the_one_that_is_trusted() {
    let scene = Scene::open().await;
    let way = Encrypted::way_to(scene.endpoint.api()).await;
    let trusting = |host: &str, authority: &str| {
        let client = scene.crm_at(format!("https://{host}:{}/token", way.port));
        scene.refreshing().client("crm", client).tls_ca(authority).build()
    };
    token(&trusting("localhost", &way.authority).unwrap()).await;
    let another = Encrypted::way_to(scene.endpoint.api()).await;
    for (host, authority) in [("localhost", &another.authority), ("127.0.0.1", &way.authority)] {
        let failed = failure(&trusting(host, authority).unwrap()).await;
        let is_told = failed.to_string().contains("invalid peer certificate");
        assert!(is_told && matches!(failed, Unresolved::Unavailable { .. }), "{host}: {failed}");
    }
    assert_eq!(scene.questions(), 1);
    let nobody = trusting("localhost", "no certificate").unwrap_err();
    assert_eq!(nobody.kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_client_that_lacks_what_is_exchanged_is_refused_at_once() {
    let client = |id: &str| OAuth2Client::new("http://localhost/token", id);
    let refresh = OAuth2::by_refresh_token(Resolvers::new()).client("crm", client("id"));
    assert!(refresh.build().unwrap_err().message().ends_with("lacks a refresh token"));
    let own = OAuth2::by_client_credentials(Resolvers::new()).client("crm", client("id"));
    assert!(own.build().unwrap_err().message().ends_with("lacks a client secret"));
    let unnamed = OAuth2::by_refresh_token(Resolvers::new()).client("crm", client(""));
    assert!(unnamed.build().unwrap_err().message().ends_with("lacks its client id"));
}

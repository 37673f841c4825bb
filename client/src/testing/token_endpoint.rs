//! A token endpoint over HTTP, and an API that takes its tokens while they live.
//!
//! It keeps the time of whoever starts it, and counts what it is asked.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

/// How long its access tokens live.
pub(crate) const LIFE: Duration = Duration::from_secs(60 * 60);
/// The refresh token that counts at first.
pub(crate) const FIRST_REFRESH: &str = "first-refresh-token-5fb1";

/// What says the time.
pub(crate) type Now = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// What the endpoint does with the next questions.
#[derive(Clone, Debug, Default)]
pub(crate) enum Mood {
    /// It gives tokens.
    #[default]
    Kind,
    /// It gives tokens, and a new refresh token with each.
    Rotating,
    /// It answers with this status and text.
    Says(u16, String),
    /// It answers nothing until it is told to.
    Silent,
}

/// What was asked: the form, and the `authorization` header.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) form: HashMap<String, String>,
    pub(crate) authorization: Option<String>,
}

/// A running endpoint; it stops when it is dropped.
pub(crate) struct TokenEndpoint {
    shared: Arc<Shared>,
    address: SocketAddr,
    task: AbortHandle,
}

struct Shared {
    now: Now,
    mood: Mutex<Mood>,
    asked: Mutex<Vec<Asked>>,
    refresh: Mutex<String>,
    /// When each access token lapses.
    lives: Mutex<HashMap<String, SystemTime>>,
    given: AtomicUsize,
    go_on: Notify,
}

// === impl TokenEndpoint ===

impl TokenEndpoint {
    /// Starts on a free port.
    pub(crate) async fn start(now: Now) -> Self {
        Self::start_at(now, "127.0.0.1:0".parse().unwrap()).await
    }

    /// Starts at an address.
    pub(crate) async fn start_at(now: Now, address: SocketAddr) -> Self {
        let shared = Arc::new(Shared {
            now,
            mood: Mutex::default(),
            asked: Mutex::default(),
            refresh: Mutex::new(FIRST_REFRESH.to_owned()),
            lives: Mutex::default(),
            given: AtomicUsize::new(0),
            go_on: Notify::new(),
        });
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = Router::new()
            .route("/token", post(token))
            .route("/contacts", post(contacts))
            .with_state(Arc::clone(&shared));
        let server = async move { axum::serve(listener, routes).await.unwrap() };
        let task = tokio::spawn(server).abort_handle();
        Self { shared, address, task }
    }

    /// Where tokens are.
    pub(crate) fn token_address(&self) -> String {
        format!("http://{}/token", self.address)
    }

    /// Where the API is.
    pub(crate) fn api(&self) -> SocketAddr {
        self.address
    }

    /// Behaves like this from now on.
    pub(crate) fn be(&self, mood: Mood) {
        *self.shared.mood.lock().unwrap() = mood;
        self.shared.go_on.notify_waiters();
    }

    /// Every question so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().unwrap().clone()
    }

    /// The refresh token that counts.
    pub(crate) fn refresh_token(&self) -> String {
        self.shared.refresh.lock().unwrap().clone()
    }

    /// Every access token that was given.
    pub(crate) fn access_tokens(&self) -> Vec<String> {
        self.shared.lives.lock().unwrap().keys().cloned().collect()
    }

    /// Gives another refresh token to somebody else: the former counts no more.
    pub(crate) fn give_elsewhere(&self) -> String {
        let next = format!("{}-elsewhere", self.refresh_token());
        *self.shared.refresh.lock().unwrap() = next.clone();
        next
    }
}

impl Drop for TokenEndpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

// === impl Shared ===

impl Shared {
    fn give(&self) -> String {
        let number = self.given.fetch_add(1, Ordering::SeqCst) + 1;
        let token = format!("access-token-{number}-9d27");
        self.lives.lock().unwrap().insert(token.clone(), (self.now)() + LIFE);
        token
    }

    /// What a question whose refresh token counts is answered.
    fn tokens(&self, is_rotating: bool) -> String {
        let access = self.give();
        let expires_in = LIFE.as_secs();
        let mut answer = serde_json::json!({
            "access_token": access, "token_type": "Bearer", "expires_in": expires_in,
        });
        if is_rotating {
            let next = format!("refresh-token-after-{access}");
            *self.refresh.lock().unwrap() = next.clone();
            answer["refresh_token"] = next.into();
        }
        answer.to_string()
    }
}

type Answer = (StatusCode, [(&'static str, &'static str); 2], String);

/// Closes the connection, so that none outlives the endpoint.
fn answer(status: u16, text: String) -> Answer {
    let headers = [("content-type", "application/json"), ("connection", "close")];
    (StatusCode::from_u16(status).unwrap(), headers, text)
}

async fn token(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: String) -> Answer {
    let form: HashMap<_, _> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let authorization = headers.get("authorization");
    let authorization = authorization.map(|it| it.to_str().unwrap().to_owned());
    let go_on = shared.go_on.notified();
    shared.asked.lock().unwrap().push(Asked { form: form.clone(), authorization });
    let mut mood = shared.mood.lock().unwrap().clone();
    if matches!(mood, Mood::Silent) {
        go_on.await;
        mood = shared.mood.lock().unwrap().clone();
    }
    let is_refresh = form["grant_type"] == "refresh_token";
    if is_refresh && form["refresh_token"] != *shared.refresh.lock().unwrap() {
        let error = r#"{"error":"invalid_grant","error_description":"expired or revoked"}"#;
        return answer(400, error.to_owned());
    }
    match mood {
        Mood::Kind => answer(200, shared.tokens(false)),
        Mood::Rotating => answer(200, shared.tokens(true)),
        Mood::Says(status, text) => answer(status, text),
        Mood::Silent => answer(503, String::new()),
    }
}

/// Lets in whoever has a token that lives.
async fn contacts(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> StatusCode {
    let authorization = headers.get("authorization").and_then(|it| it.to_str().ok());
    let token = authorization.and_then(|it| it.strip_prefix("Bearer "));
    let lives = shared.lives.lock().unwrap();
    let ends = token.and_then(|token| lives.get(token));
    match ends {
        Some(ends) if (shared.now)() < *ends => StatusCode::NO_CONTENT,
        _ => StatusCode::UNAUTHORIZED,
    }
}

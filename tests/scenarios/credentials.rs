//! The cases about credentials: a token that lapses while a person thinks, and one that
//! cannot be had when they have answered.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use pointsman_api::v1;
use pointsman_api::v1::action::State as ActionState;
use pointsman_client::{
    Agent, Answer, Clock as _, Credentials, ErrorKind, Files, KeptInFile, ManualClock, OAuth2,
    OAuth2Client, Permit, Proposal, Resolvers, Resumed, Reviewer, Runs, StartRun, Worker,
};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::api::{ADMIN, AGENT, REVIEWER, connect};
use crate::harness::child::Place;
use crate::harness::disk::contents;
use crate::harness::fixture::{Fixture, another, asked};
use crate::harness::policy;
use crate::harness::poll::PATIENCE;
use crate::harness::token_endpoint::{FIRST_REFRESH, LIFE, Mood, TokenEndpoint};

const CLIENT_SECRET: &str = "the-secret-of-the-client-61c0";
/// How long people think here.
const WAIT: Duration = Duration::from_secs(3 * 60 * 60);

/// The API that the tool calls, its token endpoint, and the files of the agent.
struct Crm {
    clock: Arc<ManualClock>,
    endpoint: TokenEndpoint,
    files: TempDir,
}

impl Crm {
    async fn open() -> Self {
        let clock = Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH));
        let now = Arc::clone(&clock);
        let endpoint = TokenEndpoint::start(Arc::new(move || now.now())).await;
        endpoint.be(Mood::Rotating);
        let crm = Self { clock, endpoint, files: TempDir::new().unwrap() };
        crm.write("refresh", FIRST_REFRESH);
        crm.write("client", CLIENT_SECRET);
        crm
    }

    fn path(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::write(self.path(name), text).unwrap();
        let owner_only = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(self.path(name), owner_only).unwrap();
    }

    /// What a process makes of its files when it starts: it has no token yet.
    fn process(&self) -> Resolvers {
        let file = |name| format!("file:{}", self.path(name).display());
        let client = OAuth2Client::new(self.endpoint.token_address(), "agent-crm")
            .client_secret(file("client"))
            .refresh_token(file("refresh"))
            .keeper(KeptInFile::at(self.path("refresh")));
        let sources = Resolvers::new().with("file", Files::below(self.files.path()));
        let oauth2 = OAuth2::by_refresh_token(sources).client("crm", client);
        let oauth2 = oauth2.clock(self.clock.clone()).build().unwrap();
        Resolvers::new().with("oauth2-refresh", oauth2).clock(self.clock.clone())
    }

    /// Writes a contact, if the token lives.
    async fn write_contact(&self, token: &str) -> Result<&'static str, String> {
        let mut stream = TcpStream::connect(self.endpoint.api()).await.unwrap();
        let call = format!(
            "POST /contacts HTTP/1.1\r\nhost: crm\r\nauthorization: Bearer {token}\r\n\
             content-length: 0\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(call.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        match answer.starts_with("HTTP/1.1 204") {
            true => Ok("written"),
            false => Err(format!("the CRM does not take `{token}`: {answer}")),
        }
    }

    /// Every secret that there ever was.
    fn secrets(&self) -> Vec<String> {
        let mut all = self.endpoint.access_tokens();
        all.extend([FIRST_REFRESH, CLIENT_SECRET].map(str::to_owned));
        all.extend([self.endpoint.refresh_token(), "refresh-token-after-".to_owned()]);
        all
    }
}

/// A call of the tool whose credential is `crm`, by an agent that does not wait.
fn proposal() -> Proposal {
    let credential =
        v1::CredentialRef { name: "crm".to_owned(), reference: "oauth2-refresh:crm".to_owned() };
    let draft = v1::CheckpointDraft {
        state: r#"{"next":"write the contact"}"#.into(),
        schema_version: "test/1".to_owned(),
        credentials: vec![credential],
        envelope: None,
    };
    another("ask_it").checkpoint(draft).detached()
}

/// The agent has a token, asks a person, and ends. Answers with the question and with the
/// token that it had.
async fn ask(crm: &Crm, address: &str) -> (String, String) {
    let run = Agent::new(connect(address, AGENT)).start_run(StartRun::default()).await.unwrap();
    let token = crm.process().resolve_one("oauth2-refresh:crm").await.unwrap();
    crm.write_contact(token.expose()).await.unwrap();
    let wait = asked(&run, proposal()).await;
    (wait.escalation_id().to_owned(), token.expose().to_owned())
}

async fn approve(address: &str, escalation_id: &str) {
    let reviewer = Reviewer::new(connect(address, REVIEWER));
    let seen = reviewer.get(escalation_id).await.unwrap().escalation;
    reviewer.approve(&seen, "go on").await.unwrap();
}

async fn claimed(address: &str) -> Resumed {
    let worker = Worker::new(connect(address, AGENT)).poll(Duration::from_secs(10));
    worker.claim(5).await.unwrap().pop().expect("a resumption")
}

fn approved(resumed: &Resumed) -> Permit {
    match resumed.answer().unwrap() {
        Answer::Approved(permit) => permit,
        other => panic!("not approved: {other:?}"),
    }
}

/// A tool that must not run.
async fn never(_: Bytes, _: Credentials) -> Result<&'static str, String> {
    panic!("the tool runs without a token")
}

async fn state(address: &str, action_id: &str) -> ActionState {
    Runs::new(connect(address, ADMIN)).action(action_id).await.unwrap().state()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_lapses_while_a_person_thinks_is_fresh_at_the_resume() {
    let folder = TempDir::new().unwrap();
    let mut place = Place::new(folder.path(), folder.path(), policy::BY_NAME);
    place.set("POINTSMAN_LOG_FILTER", "debug");
    let server = place.serve_ready(PATIENCE).await;
    let address = server.address();
    let crm = Crm::open().await;
    let (question, token_then) = ask(&crm, address).await;

    crm.clock.advance(WAIT);
    crm.write_contact(&token_then).await.unwrap_err();
    approve(address, &question).await;
    let resumed = claimed(address).await;
    let permit = approved(&resumed);
    let action_id = permit.action_id().to_owned();
    let resolvers = crm.process();
    let executed = permit
        .with_credentials(&resolvers)
        .execute(async |_, credentials| {
            let token = credentials.get("crm").unwrap();
            assert_ne!(token.expose(), token_then);
            assert_eq!(token.expire_time(), Some(crm.clock.now() + LIFE));
            crm.write_contact(token.expose()).await
        })
        .await
        .unwrap();

    executed.report.unwrap();
    assert_eq!(executed.result.unwrap(), "written");
    assert_eq!(state(address, &action_id).await, ActionState::Executed);
    let kept = std::fs::read_to_string(crm.path("refresh")).unwrap();
    assert_eq!(kept, crm.endpoint.refresh_token(), "the next process has the one that counts");

    // A tool whose error tells the token tells nobody else.
    let (question, _) = ask(&crm, address).await;
    approve(address, &question).await;
    let permit = approved(&claimed(address).await);
    let action_id = permit.action_id().to_owned();
    let resolvers = crm.process();
    let executed = permit.with_credentials(&resolvers).execute(async |_, credentials| {
        crm.clock.advance(WAIT);
        crm.write_contact(credentials.get("crm").unwrap().expose()).await
    });
    let executed = executed.await.unwrap();
    executed.report.unwrap();
    assert!(executed.result.unwrap_err().contains("does not take `access-token-"));
    assert_eq!(state(address, &action_id).await, ActionState::Failed);

    server.kill();
    let mut written = contents(place.data());
    written.insert(place.log().to_owned(), std::fs::read(place.log()).unwrap());
    let holds = |text: &str| {
        let holds = |bytes: &Vec<u8>| bytes.windows(text.len()).any(|it| it == text.as_bytes());
        written.iter().find(|(_, bytes)| holds(bytes)).map(|(path, _)| path.clone())
    };
    assert!(holds("oauth2-refresh:crm").is_some(), "the reference is stored");
    for secret in crm.secrets() {
        assert_eq!(holds(&secret), None, "{secret}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_the_grant_is_left_and_the_next_try_works() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    let address = fixture.address();
    let mut crm = Crm::open().await;
    let (question, _) = ask(&crm, address).await;
    crm.clock.advance(WAIT);
    approve(address, &question).await;
    let resumed = claimed(address).await;
    let action_id = approved(&resumed).action_id().to_owned();

    let refusal = r#"{"error":"invalid_grant"}"#.to_owned();
    for (mood, may_pass) in
        [(Mood::Says(503, String::new()), true), (Mood::Says(400, refusal), false)]
    {
        crm.endpoint.be(mood);
        let failed = approved(&resumed).with_credentials(&crm.process()).execute(never).await;
        let error = failed.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Credential, "{error:?}");
        assert_eq!(error.is_retryable(), may_pass, "{error}");
        assert_eq!(error.metadata("reference"), Some("oauth2-refresh:crm"));
        assert!(error.message().contains("the grant is not redeemed"), "{error}");
    }
    let (at, resolvers) = (crm.endpoint.api(), crm.process());
    drop(crm.endpoint);
    let failed = approved(&resumed).with_credentials(&resolvers).execute(never).await;
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::Credential);
    assert_eq!(state(address, &action_id).await, ActionState::Granted);

    let now = Arc::clone(&crm.clock);
    crm.endpoint = TokenEndpoint::start_at(Arc::new(move || now.now()), at).await;
    crm.write("refresh", FIRST_REFRESH);
    let executed = approved(&resumed)
        .with_credentials(&resolvers)
        .execute(async |_, credentials| {
            crm.write_contact(credentials.get("crm").unwrap().expose()).await
        })
        .await
        .unwrap();
    executed.report.unwrap();
    assert_eq!(executed.result.unwrap(), "written");
    assert_eq!(state(address, &action_id).await, ActionState::Executed);
}

//! Own tenant and another: every rpc with every role, asked by those of the tenant, and
//! by others of the same names and roles with the same bytes.

use std::collections::BTreeSet;

use bytes::Bytes;
use pointsman_api::v1;
use pointsman_client::{Admin, Error, Next, Queue, Reviewer};
use prost::Message as _;
use tonic::transport::Channel;

use super::{EVERYBODY, TABLE};
use crate::bad_input::requests::World;
use crate::harness::api::{ADMIN, AGENT, AUDITOR, AUTHOR, REVIEWER, SUPERVISOR};
use crate::harness::golden::assert_golden;
use crate::harness::poll::{PATIENCE, eventually, within};
use crate::harness::raw;

const OTHER: &str = "other";
/// How many digits an id has behind its prefix.
const DIGITS: usize = 26;
/// How many of its last digits are changed to get an id of nothing.
const CHANGED: usize = 6;
/// How often a call beside which there was an event is looked at again.
const MORE_LOOKS: usize = 3;
/// The authority that every tenant has from the beginning.
const BUILT_IN: &str = "00000000000000000000000001";
/// The principals of the ready-made tokens, which the other tenant has as well.
const NAMES: [(&str, &str, v1::Role); 6] = [
    (AGENT, "agent", v1::Role::Agent),
    (REVIEWER, "reviewer", v1::Role::Reviewer),
    (SUPERVISOR, "supervisor", v1::Role::Supervisor),
    (AUTHOR, "author", v1::Role::PolicyAuthor),
    (AUDITOR, "auditor", v1::Role::Auditor),
    (ADMIN, "admin", v1::Role::Admin),
];

/// Those of the other tenant, each by the token of its namesake.
struct Strangers(Vec<(&'static str, String)>);

impl Strangers {
    async fn of(world: &mut World) -> Self {
        let first = world.fixture.first_admin_of(OTHER).await;
        let admin = Admin::new(world.fixture.connection(&first));
        let mut tokens = Vec::new();
        for (namesake, name, role) in NAMES {
            let made = admin.create_token(name, &[role], None).await.unwrap();
            tokens.push((namesake, made.secret));
        }
        Self(tokens)
    }

    fn token(&self, namesake: &str) -> &str {
        &self.0.iter().find(|(of, _)| *of == namesake).unwrap().1
    }
}

/// What a caller heard.
struct Heard {
    /// `ok`, or the reason of the refusal.
    outcome: String,
    /// Everything that came, as it came.
    bytes: Vec<u8>,
}

/// A valid request of the tenant's own.
async fn request(world: &World, path: &str) -> Vec<u8> {
    // It is large, and a test's stack is small.
    Box::pin(world.request(path)).await.1
}

impl std::fmt::Debug for Heard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?}", self.outcome, String::from_utf8_lossy(&self.bytes))
    }
}

async fn call(channel: &Channel, path: &str, token: &str, message: &[u8]) -> Heard {
    let message = Bytes::copy_from_slice(message);
    let answer = within(path, PATIENCE, raw::call(channel, path, Some(token), message)).await;
    match answer {
        Ok(bytes) => Heard { outcome: "ok".to_owned(), bytes: bytes.to_vec() },
        Err(status) => {
            let bytes = [status.message().as_bytes(), status.details()].concat();
            Heard { outcome: Error::from(status).reason_name().to_owned(), bytes }
        }
    }
}

/// Where the digits of ids are.
fn digits_in(bytes: &[u8]) -> Vec<usize> {
    let is_digit = |byte: &u8| byte.is_ascii_digit() || byte.is_ascii_lowercase();
    let is_id = |at: &usize| {
        let digits = bytes.get(at + 1..at + 1 + DIGITS);
        at.checked_sub(1).is_some_and(|before| bytes[before].is_ascii_lowercase())
            && bytes[*at] == b'_'
            && digits.is_some_and(|digits| digits.iter().all(is_digit) && digits[0] <= b'7')
    };
    (0..bytes.len()).filter(is_id).map(|at| at + 1).collect()
}

fn ids_in(bytes: &[u8]) -> BTreeSet<String> {
    let id = |at: usize| String::from_utf8(bytes[at..at + DIGITS].to_vec()).unwrap();
    digits_in(bytes).into_iter().map(id).collect()
}

/// The same bytes with ids that nobody has.
fn of_nothing(bytes: &[u8]) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    for at in digits_in(bytes) {
        changed[at + DIGITS - CHANGED..at + DIGITS].fill(b'z');
    }
    changed
}

/// The same bytes with one id in the place of each. The metadata of a refusal come in
/// any order, and so do the bytes here.
fn masked(bytes: &[u8]) -> Vec<u8> {
    let mut masked = bytes.to_vec();
    for at in digits_in(bytes) {
        masked[at..at + DIGITS].fill(b'0');
    }
    masked.sort_unstable();
    masked
}

/// Calls, and says whether the tenant's sequence rose meanwhile.
async fn asked(
    world: &World,
    channel: &Channel,
    path: &str,
    token: &str,
    request: &[u8],
) -> (Heard, bool) {
    let before = world.sequence().await;
    let answer = call(channel, path, token, request).await;
    (answer, world.sequence().await != before)
}

/// What is found as the rpcs are gone through.
#[derive(Default)]
struct Matrix {
    rows: Vec<String>,
    findings: Vec<String>,
    /// Every id of the tenant that was ever seen.
    own_ids: BTreeSet<String>,
    /// What strangers heard and had not said themselves.
    heard: Vec<(String, BTreeSet<String>)>,
}

impl Matrix {
    /// One rpc with one role.
    async fn ask(
        &mut self,
        world: &World,
        (strangers, channel): (&Strangers, &Channel),
        (method, namesake): (&str, &'static str),
    ) {
        let path = format!("/pointsman.v1.{method}");
        let row = format!("{method:<44} {:<10}", namesake.trim_start_matches("dev-"));
        let stranger = strangers.token(namesake);
        let nothing = of_nothing(&request(world, &path).await);
        let of_nothing = call(channel, &path, stranger, &nothing).await;

        let request = request(world, &path).await;
        self.own_ids.extend(ids_in(&request));
        let (mut first, mut has_risen) = asked(world, channel, &path, stranger, &request).await;
        // The server's own timers leave events too, but not each time.
        for _ in 0..MORE_LOOKS {
            if has_risen {
                (first, has_risen) = asked(world, channel, &path, stranger, &request).await;
            }
        }
        if has_risen {
            self.findings.push(format!("{row}: what a stranger does is an event of the tenant"));
        }
        let own = call(channel, &path, namesake, &request).await;
        self.own_ids.extend(ids_in(&own.bytes));
        let then = call(channel, &path, stranger, &request).await;

        let is_told_apart = first.outcome != of_nothing.outcome
            || masked(&first.bytes) != masked(&of_nothing.bytes);
        if first.outcome != "ok" && is_told_apart {
            self.findings.push(format!(
                "{row}: a stranger tells what exists from what does not: {first:?}, {of_nothing:?}"
            ));
        }
        if first.outcome != then.outcome {
            let (first, then) = (&first.outcome, &then.outcome);
            self.findings.push(format!("{row}: to a stranger first {first}, then {then}"));
        }
        let said = ids_in(&request);
        for heard in [&first, &then] {
            let news = ids_in(&heard.bytes).difference(&said).cloned().collect();
            self.heard.push((row.clone(), news));
        }
        self.rows.push(format!("{row} {:<24} {}", own.outcome, first.outcome));
    }

    fn finish(mut self) -> (String, Vec<String>) {
        self.own_ids.remove(BUILT_IN);
        for (row, news) in &self.heard {
            for id in news.intersection(&self.own_ids) {
                self.findings.push(format!("{row}: a stranger learns of {id}"));
            }
        }
        self.rows.sort();
        let head = format!("{:<44} {:<10} {:<24} {}", "rpc", "role", "own tenant", "another");
        (format!("{head}\n{}\n", self.rows.join("\n")), self.findings)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_rpc_answers_its_own_tenant_and_tells_another_nothing() {
    let mut world = World::start().await;
    let strangers = Strangers::of(&mut world).await;
    let channel = raw::channel(world.fixture.address());
    let mut matrix = Matrix::default();
    for (method, _) in TABLE {
        for namesake in EVERYBODY {
            matrix.ask(&world, (&strangers, &channel), (method, namesake)).await;
        }
    }
    let (table, findings) = matrix.finish();
    assert_golden("tenants.txt", &table);
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_of_a_tenant_does_not_count_what_another_waits_for() {
    let mut world = World::start().await;
    let strangers = Strangers::of(&mut world).await;
    world.open().await;
    let reviewer = Reviewer::new(world.fixture.connection(strangers.token(REVIEWER)));
    let listed = reviewer.list(v1::ListEscalationsRequest::default()).await.unwrap();
    assert_eq!((listed.open_count, listed.escalations), (0, Vec::new()));
    match reviewer.claim_next([], None).await.unwrap() {
        Next::Nothing(nothing) => {
            assert_eq!((nothing.open_count, nothing.not_yours_count), (0, 0));
        }
        theirs => panic!("a stranger gets {theirs:?}"),
    }
    let queue = Queue::new(world.fixture.connection(strangers.token(ADMIN)));
    let status = queue.status().await.unwrap();
    assert!(status.lanes.iter().all(|lane| lane.open_count == 0), "{status:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_a_tenant_assigns_is_not_its_namesakes_elsewhere() {
    let mut world = World::start().await;
    let strangers = Strangers::of(&mut world).await;
    let admin = world.fixture.admin();
    admin.assign_role("auditor", v1::Role::Admin, (None, None)).await.unwrap();
    let tokens = |token: &str| {
        let admin = Admin::new(world.fixture.connection(token));
        async move { admin.list_tokens(Default::default()).await }
    };
    eventually("the role counts", PATIENCE, || async { tokens(AUDITOR).await.ok() }).await;
    let refused = tokens(strangers.token(AUDITOR)).await.unwrap_err();
    assert_eq!(refused.reason_name(), "ROLE_REQUIRED", "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policy_of_a_tenant_judges_and_guides_nobody_of_another() {
    let mut world = World::start().await;
    let strangers = Strangers::of(&mut world).await;
    let channel = raw::channel(world.fixture.address());
    let judge = v1::EvaluateActionRequest {
        run: Some(v1::evaluate_action_request::Run::Hypothesis(v1::HypotheticalRun {
            agent: "agent".to_owned(),
            ..Default::default()
        })),
        tool: "ask_it".to_owned(),
        arguments: "{}".into(),
        ..Default::default()
    };
    for (rpc, token, message) in [
        ("PolicyService/EvaluateAction", AUTHOR, judge.encode_to_vec()),
        ("PolicyService/GetGuidance", AGENT, Vec::new()),
        ("RunService/StartRun", AGENT, Vec::new()),
    ] {
        let path = format!("/pointsman.v1.{rpc}");
        let own = call(&channel, &path, token, &message).await;
        assert_eq!(own.outcome, "ok", "{rpc}: {own:?}");
        let stranger = call(&channel, &path, strangers.token(token), &message).await;
        assert_eq!(stranger.outcome, "INTERNAL", "no policy is in force there: {stranger:?}");
    }
}

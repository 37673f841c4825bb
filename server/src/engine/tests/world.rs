//! A small world to test in: store, clock, engine, and people.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use serde_json::Value;
use tempfile::TempDir;
use uuid::Uuid;

use crate::domain::action::{Action, Grant};
use crate::domain::digest::Digest;
use crate::domain::error::Error;
use crate::domain::escalation::{Escalation, EscalationState, ResumeMode};
use crate::domain::event::EventKind;
use crate::domain::flood::{Allowance, FloodLimits, Rate};
use crate::domain::ids::{ActionId, EscalationId, RunId};
use crate::domain::principal::{Credential, Principal, Role};
use crate::domain::time::{Span, Timestamp};
use crate::engine::clock::{Clock, ManualClock, SystemIds};
use crate::engine::escalations::Filter;
use crate::engine::facts::Providers;
use crate::engine::identity::{Identities, Workloads};
use crate::engine::limits::Limits;
use crate::engine::list::Page;
use crate::engine::outbox::Channels;
use crate::engine::outcomes::{Report, ReportOutcomes};
use crate::engine::propose::{Propose, Proposed};
use crate::engine::redeem::{Redeem, Redeemed};
use crate::engine::resolve::{Resolve, Verb};
use crate::engine::runs::StartRun;
use crate::engine::views::{Depth, EscalationView};
use crate::engine::{Answer, Background, Engine, Parts};
use crate::store::cluster::Cluster;
use crate::store::embedded::{EmbeddedOptions, EmbeddedStore, Watermarks};
use crate::store::postgres::{PostgresOptions, PostgresStore};
use crate::store::{Store, TailFrom};

pub(super) const POLICY: &str = r#"
version: 1
default: allow
lane: general
due: 30m
expire: 24h
tools:
  lookup: {idempotent: true, outcome_timeout: 60s}
  refund: {outcome_timeout: 60s}
rules:
  - id: refund-over-500
    tools: [refund]
    when: args.amount > 500
    effect: escalate
    severity: high
    lane: money
    reason: Refunds over 500 need a person.
    headline: "Refund {args.amount} to {args.to}"
  - id: refund-limit
    tools: [refund]
    when: args.amount > 100000
    effect: deny
    reason: Nobody refunds that much.
"#;

/// When every world begins.
pub(super) const START: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
/// Connections of one world to its database; many worlds run at once.
const CONNECTIONS: usize = 4;

pub(super) struct World {
    pub(super) engine: Engine,
    pub(super) clock: ManualClock,
    pub(super) store: Arc<dyn Store>,
    background: Option<Background>,
    place: Place,
}

/// Which store the tests run on: `postgres`, or the embedded one if it is not set.
/// `make check` runs them on both.
const STORE_VARIABLE: &str = "POINTSMAN_TEST_STORE";

/// Where a world's store is.
struct Place {
    dir: TempDir,
    /// The database, for a shared store.
    database: Option<String>,
}

impl Place {
    fn new() -> Self {
        let database = match std::env::var(STORE_VARIABLE).as_deref() {
            Err(_) => None,
            Ok("postgres") => Some(Cluster::shared().database()),
            Ok(other) => panic!("{STORE_VARIABLE}={other}: there is no such store"),
        };
        Self { dir: TempDir::new().unwrap(), database }
    }

    async fn open(&self, clock: &ManualClock) -> Arc<dyn Store> {
        let time = clock.clone();
        let (data, clock) = (self.dir.path().join("data"), Arc::new(move || time.now()));
        if let Some(url) = &self.database {
            let options = PostgresOptions {
                connections: CONNECTIONS,
                ..PostgresOptions::new(url, data, clock)
            };
            return Arc::new(PostgresStore::open(options).await.unwrap().0);
        }
        let options = EmbeddedOptions {
            ballast_bytes: 0,
            watermarks: Watermarks { intake_bytes: 0, intake_percent: 0, normal_bytes: 0 },
            ..EmbeddedOptions::new(data, clock)
        };
        Arc::new(EmbeddedStore::open(options).unwrap().0)
    }
}

pub(super) async fn start(
    store: &Arc<dyn Store>,
    clock: &ManualClock,
    policy: &str,
) -> (Engine, Background) {
    start_under(store, clock, policy, false).await
}

/// Starts an engine that may demand a second person for a change of policy.
pub(super) async fn start_under(
    store: &Arc<dyn Store>,
    clock: &ManualClock,
    policy: &str,
    second_person: bool,
) -> (Engine, Background) {
    start_among(store, clock, policy, second_person, Outside::default()).await
}

/// Whom the engine asks, and whom it tells.
#[derive(Default)]
pub(super) struct Outside {
    pub(super) facts: Providers,
    pub(super) channels: Channels,
    pub(super) identities: Option<Box<dyn Identities>>,
    pub(super) workloads: Option<Box<dyn Workloads>>,
    /// How much agents may ask; none: as much as they like.
    pub(super) floods: Option<FloodLimits>,
}

/// One agent stands for many.
fn unlimited() -> FloodLimits {
    let rate = Rate { per_minute: 0, burst: 1 };
    let each = Allowance { rate, open: u64::MAX };
    FloodLimits { agent: each, owner: each, rule: each, ..FloodLimits::default() }
}

/// The same, with somebody outside.
async fn start_among(
    store: &Arc<dyn Store>,
    clock: &ManualClock,
    policy: &str,
    second_person: bool,
    outside: Outside,
) -> (Engine, Background) {
    let clock: Arc<dyn Clock> = Arc::new(clock.clone());
    let engine = Engine::new(Parts {
        store: Arc::clone(store),
        ids: Arc::new(SystemIds::new(Arc::clone(&clock))),
        clock,
        limits: Limits {
            open_per_agent: 1_000,
            open_per_tenant: 2_000,
            floods: outside.floods.unwrap_or_else(unlimited),
            ..Limits::default()
        },
        backup_dir: std::env::temp_dir(),
        second_person,
        facts: outside.facts,
        channels: outside.channels,
        identities: outside.identities,
        workloads: outside.workloads,
    });
    engine.start_with_policy(policy).await.unwrap();
    let background = engine.start().await.unwrap();
    (engine, background)
}

impl World {
    /// A world in which a change of policy needs a second person.
    pub(super) async fn guarded() -> Self {
        let world = Self::new().await;
        world.reopened(POLICY, true).await
    }

    /// The same store under an engine that starts with a policy, as a server does
    /// after another start.
    pub(super) async fn reopened(self, policy: &str, second_person: bool) -> Self {
        drop((self.engine, self.background));
        // Ids of one millisecond are in order for one engine alone.
        self.clock.advance(Span::from_millis(1));
        let (engine, background) =
            start_under(&self.store, &self.clock, policy, second_person).await;
        let background = Some(background);
        Self { engine, clock: self.clock, store: self.store, background, place: self.place }
    }

    /// A world under a policy, with providers of facts.
    pub(super) async fn asking(policy: &str, facts: Providers) -> Self {
        Self::among(policy, Outside { facts, ..Outside::default() }).await
    }

    /// A world that tells of what happens in it.
    pub(super) async fn telling(channels: Channels) -> Self {
        Self::among(POLICY, Outside { channels, ..Outside::default() }).await
    }

    /// The same under another policy.
    pub(super) async fn telling_under(policy: &str, channels: Channels) -> Self {
        Self::among(policy, Outside { channels, ..Outside::default() }).await
    }

    /// A world in which agents may not ask too much.
    pub(super) async fn limited(floods: FloodLimits) -> Self {
        Self::among(POLICY, Outside { floods: Some(floods), ..Outside::default() }).await
    }

    /// A world in which somebody else vouches for callers.
    pub(super) async fn vouched_for(identities: impl Identities) -> Self {
        let identities: Option<Box<dyn Identities>> = Some(Box::new(identities));
        Self::among(POLICY, Outside { identities, ..Outside::default() }).await
    }

    /// A world with somebody outside.
    pub(super) async fn among(policy: &str, outside: Outside) -> Self {
        let place = Place::new();
        let clock = ManualClock::new(START);
        let store = place.open(&clock).await;
        let (engine, background) = start_among(&store, &clock, policy, false, outside).await;
        Self { engine, clock, store, background: Some(background), place }
    }

    pub(super) async fn new() -> Self {
        let place = Place::new();
        let clock = ManualClock::new(START);
        let store = place.open(&clock).await;
        let (engine, background) = start(&store, &clock, POLICY).await;
        Self { engine, clock, store, background: Some(background), place }
    }

    /// Stops everything and opens it again from the disk.
    pub(super) async fn restarted(self) -> Self {
        let Self { engine, clock, store, background, place } = self;
        drop((engine, background));
        store.close().await;
        drop(store);
        let store = place.open(&clock).await;
        let (engine, background) = start(&store, &clock, POLICY).await;
        Self { engine, clock, store, background: Some(background), place }
    }

    /// How many bytes the packs of the embedded store have; none: it is another store.
    pub(super) fn packed_bytes(&self) -> Option<u64> {
        if self.place.database.is_some() {
            return None;
        }
        let packs = std::fs::read_dir(self.place.dir.path().join("data/packs")).unwrap();
        Some(packs.map(|pack| pack.unwrap().metadata().unwrap().len()).sum())
    }

    /// The same world in which nothing happens by itself.
    pub(super) fn at_rest(self) -> Self {
        Self { background: None, ..self }
    }

    pub(super) async fn run(&self) -> RunId {
        let answer = self.engine.start_run(&agent(), StartRun::default()).await.unwrap();
        answer.value.run.id
    }

    pub(super) async fn propose(&self, run: RunId, tool: &str, arguments: Value) -> Proposed {
        self.engine.propose(&agent(), proposal(run, tool, &arguments)).await.unwrap().value
    }

    /// Proposes a refund that a person must approve.
    pub(super) async fn escalate(&self, run: RunId) -> Escalation {
        let arguments = serde_json::json!({"amount": 600, "to": "Anna"});
        self.propose(run, "refund", arguments).await.escalation.unwrap()
    }

    pub(super) async fn escalate_detached(&self, run: RunId) -> Escalation {
        let arguments = serde_json::json!({"amount": 600, "to": "Anna"});
        let mut command = proposal(run, "refund", &arguments);
        command.resume_mode = ResumeMode::Detached;
        self.engine.propose(&agent(), command).await.unwrap().value.escalation.unwrap()
    }

    pub(super) async fn resolve(
        &self,
        escalation: &Escalation,
        verb: Verb,
    ) -> Result<Answer<EscalationView>, Error> {
        self.engine.resolve(&reviewer(), resolution(escalation, verb)).await
    }

    pub(super) async fn approve(&self, escalation: &Escalation) -> Escalation {
        self.resolve(escalation, Verb::Approve).await.unwrap().value.escalation
    }

    pub(super) async fn escalation(&self, id: EscalationId) -> Escalation {
        self.engine.get_escalation(&reviewer(), id).await.unwrap().escalation
    }

    pub(super) async fn action(&self, id: ActionId) -> Action {
        self.engine.get_action(&agent(), id).await.unwrap().action
    }

    /// Redeems an action's grant with the content that the server shows.
    pub(super) async fn redeem(&self, id: ActionId) -> Result<Answer<Redeemed>, Error> {
        self.engine.redeem(&agent(), self.redemption(id).await).await
    }

    pub(super) async fn redemption(&self, id: ActionId) -> Redeem {
        let view = self.engine.get_action(&agent(), id).await.unwrap();
        Redeem {
            request_id: String::new(),
            grant: view.action.grant.unwrap().id,
            action: id,
            run: view.action.run,
            tool: view.action.tool,
            tool_schema_version: view.content.tool_schema_version,
            target: view.content.target,
            arguments: view.content.arguments,
            preconditions: view.content.preconditions,
        }
    }

    pub(super) async fn report(&self, id: ActionId) -> Result<Answer<()>, Error> {
        let outcome = Report {
            action: id,
            status: crate::domain::action::OutcomeStatus::Succeeded,
            result: Bytes::from_static(b"done"),
        };
        let command = ReportOutcomes { request_id: String::new(), outcomes: vec![outcome] };
        self.engine.report_outcomes(&agent(), command).await
    }

    /// The open questions, oldest first.
    pub(super) async fn open_questions(&self) -> Vec<Escalation> {
        let (page, filter) = (Page::default(), Filter::default());
        let (state, depth) = (EscalationState::Open, Depth::Basic);
        let listed = self.engine.list_escalations(&reviewer(), page, state, &filter, depth).await;
        listed.unwrap().listed.items.into_iter().map(|view| view.escalation).collect()
    }

    /// How many events of a kind there are.
    pub(super) async fn events(&self, kind: EventKind) -> usize {
        let (mut from, mut count) = (0, 0);
        loop {
            let commits = self.store.tail(TailFrom::Commit(from), 10_000).await.unwrap();
            let Some(last) = commits.last() else { return count };
            count += commits.iter().flat_map(|it| &it.events).filter(|it| it.kind == kind).count();
            from = last.commit;
        }
    }

    /// Moves the clock and fires what is due by then.
    pub(super) async fn pass(&self, span: Span) {
        self.clock.advance(span);
        self.engine.fire_due().await.unwrap();
    }
}

pub(super) fn principal(name: &str, roles: &[Role]) -> Principal {
    let credential = Credential { token: None, roles: roles.to_vec() };
    Principal::new("default".to_owned(), name.to_owned(), credential)
}

pub(super) fn agent() -> Principal {
    principal("claims", &[Role::Agent])
}

pub(super) fn reviewer() -> Principal {
    principal("alice", &[Role::Reviewer])
}

pub(super) fn other_reviewer() -> Principal {
    principal("bob", &[Role::Reviewer])
}

pub(super) fn admin() -> Principal {
    principal("admin", &[Role::Admin])
}

/// A proposal on a target of its own: nobody is asked the same twice.
pub(super) fn proposal(run: RunId, tool: &str, arguments: &Value) -> Propose {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    Propose {
        run: Some(run),
        tool: tool.to_owned(),
        target: format!("acct-{}", NEXT.fetch_add(1, Ordering::Relaxed)),
        arguments: Bytes::from(arguments.to_string()),
        ..Propose::default()
    }
}

pub(super) fn resolution(escalation: &Escalation, verb: Verb) -> Resolve {
    Resolve {
        request_id: String::new(),
        escalation: escalation.id,
        etag: escalation.etag(),
        action_digest: escalation.action_digest,
        claim_epoch: 0,
        note: String::new(),
        reason_code: String::new(),
        confirmation: String::new(),
        circumstances: Default::default(),
        verb,
    }
}

pub(super) fn request_id(number: u128) -> String {
    Uuid::from_u128(number).to_string()
}

pub(super) fn digest_of(action: &Action) -> Digest {
    action.digest
}

pub(super) fn grant_of(action: &Action) -> Grant {
    action.grant.unwrap()
}

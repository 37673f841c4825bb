//! Novelty profiles: learnt from what was recorded, frozen until somebody looks.

use serde_json::{Value, json};

use super::world::*;
use crate::domain::action::DecisionEffect::{Allow, Escalate};
use crate::domain::activation::ActivationState;
use crate::domain::error::Error;
use crate::domain::ids::{ActionId, RunId};
use crate::domain::payload::PayloadRef;
use crate::domain::policy::Inputs;
use crate::domain::principal::{Principal, Role};
use crate::engine::policies::{
    Activate, ActivationView, Backtest, Context, Evaluate, Hypothesis, LearnProfiles, ProfilesView,
    PutPolicy, RollBack, Subject,
};
use crate::engine::propose::Proposed;
use crate::engine::resolve::Verb;
use crate::engine::runs::StartRun;
use crate::engine::{Answer, Engine};
use crate::store::records::{self, PolicyRecord, ProfilesRecord};
use crate::store::{TailFrom, Transaction, Write, keys};

/// Asks a person of what the agent was never seen to do.
const NOVEL: &str = r#"
version: 1
default: allow
tools: { visit: {} }
triggers: { novelty: { over: 0.8, tools: [visit] } }
"#;
/// The same for agents that are known at all.
const PROFILED: &str = r#"
version: 1
default: allow
tools: { visit: {} }
rules:
  - { id: odd, tools: [visit], when: profiled && novelty > 0.8, effect: escalate, reason: Odd. }
"#;
const GOAL: &str = "book a follow-up visit for a patient of the cardiology ward";

fn usual() -> Value {
    json!({"patient": "Ann", "days": 14})
}

fn unfamiliar() -> Value {
    json!({"query": "export every chart of the oncology trial to a personal mailbox", "all": true})
}

impl World {
    async fn ward(&self) -> RunId {
        let command = StartRun { goal: GOAL.to_owned(), ..StartRun::default() };
        self.engine.start_run(&agent(), command).await.unwrap().value.run.id
    }

    /// Calls that ran well.
    async fn visits(&self, run: RunId, count: usize) {
        for _ in 0..count {
            self.visit(run, &usual()).await;
        }
    }

    async fn visit(&self, run: RunId, arguments: &Value) -> ActionId {
        let mut command = proposal(run, "visit", arguments);
        command.redeem_if_allowed = true;
        let action = self.engine.propose(&agent(), command).await.unwrap().value.action;
        self.report(action.id).await.unwrap();
        action.id
    }

    async fn put_document(&self, document: &str) -> PolicyRecord {
        let put = PutPolicy { document: document.to_owned(), ..PutPolicy::default() };
        self.engine.put_policy(&admin(), put).await.unwrap().value.view.record
    }

    async fn change_to(&self, document: &str) -> ActivationView {
        let revision = self.put_document(document).await.id;
        let current = self.engine.policy_revision().unwrap();
        let command =
            Activate { request_id: String::new(), revision, current, reason: String::new() };
        self.engine.activate_policy(&admin(), command).await.unwrap().value
    }

    async fn step_back(&self) -> ActivationView {
        let current = self.engine.policy_revision().unwrap();
        let command = RollBack { request_id: String::new(), current, reason: "odd".to_owned() };
        self.engine.roll_back_policy(&admin(), command).await.unwrap().value
    }

    async fn profiles(&self) -> Option<ProfilesView> {
        self.engine.profiles(&reviewer()).await.unwrap()
    }

    async fn version(&self) -> u64 {
        self.profiles().await.map_or(0, |view| view.record.version)
    }

    async fn learn_anew(&self, current: u64) -> Result<Answer<ProfilesView>, Error> {
        let command = LearnProfiles { request_id: String::new(), current };
        self.engine.learn_profiles(&admin(), command).await
    }

    async fn inputs(&self, id: ActionId) -> Inputs {
        self.engine.get_action(&agent(), id).await.unwrap().content.inputs
    }

    /// How new a call is, by which version, and how much that knows of its agent.
    async fn compared(&self, proposed: &Proposed) -> (f64, u64, u64) {
        let inputs = self.inputs(proposed.action.id).await;
        (inputs.novelty.unwrap(), inputs.profiles, inputs.profile_calls)
    }

    async fn learnt_events(&self) -> usize {
        let commits = self.store.tail(TailFrom::Commit(0), 10_000).await.unwrap();
        let events = commits.iter().flat_map(|commit| &commit.events);
        events.filter(|event| event.kind.name() == "policy.profiles_learnt").count()
    }

    async fn write_profiles(&self, record: Option<&ProfilesRecord>) {
        let key = keys::policy_profiles("default");
        let transaction = Transaction {
            tenant: "default".to_owned(),
            principal: "test".to_owned(),
            writes: vec![Write { key, value: record.map(|it| records::encode(it).unwrap()) }],
            ..Transaction::default()
        };
        self.store.commit(transaction).await.unwrap();
    }
}

fn decided(proposed: &Proposed) -> (crate::domain::action::DecisionEffect, Option<&str>) {
    (proposed.action.decision.effect, proposed.action.decision.rule.as_deref())
}

#[tokio::test]
async fn what_ran_well_is_known_once_a_policy_asks_and_the_rest_is_new() {
    let world = World::new().await;
    let run = world.ward().await;
    world.visits(run, 50).await;
    assert_eq!(world.profiles().await, None);
    world.change_to(NOVEL).await;

    let view = world.profiles().await.unwrap();
    assert_eq!((view.record.version, view.record.actions, view.record.agents), (1, 50, 1));
    assert_eq!(Some(view.record.policy), world.engine.policy_revision());
    assert_eq!(view.record.learner, "admin");
    let [known] = &view.agents[..] else { panic!("{view:?}") };
    assert_eq!((known.agent.as_str(), known.calls, known.tools), ("claims", 50, 1));
    assert_eq!(world.learnt_events().await, 1);

    let known = world.propose(run, "visit", usual()).await;
    assert_eq!(decided(&known), (Allow, None));
    assert_eq!(world.compared(&known).await, (0.0, 1, 50));
    let odd = world.propose(run, "visit", unfamiliar()).await;
    assert_eq!(decided(&odd), (Escalate, Some("trigger.novelty")));
    let stranger = principal("stranger", &[Role::Agent]);
    let start = StartRun { goal: GOAL.to_owned(), ..StartRun::default() };
    let other = world.engine.start_run(&stranger, start).await.unwrap().value.run.id;
    let command = proposal(other, "visit", &usual());
    let new = world.engine.propose(&stranger, command).await.unwrap().value;
    assert_eq!(decided(&new), (Escalate, Some("trigger.novelty")));
}

#[tokio::test]
async fn nothing_is_learnt_until_an_admin_looks_and_a_look_is_of_one_version() {
    let world = World::new().await;
    let run = world.ward().await;
    world.visits(run, 50).await;
    world.change_to(NOVEL).await;
    let asked = world.propose(run, "visit", unfamiliar()).await.escalation.unwrap();
    let before = world.profiles().await;
    let approved = world.approve(&asked).await;
    let again = world.propose(run, "visit", unfamiliar()).await;
    assert_eq!(decided(&again), (Escalate, Some("trigger.novelty")));
    assert_eq!(world.profiles().await, before);

    for wrong in [0, 2] {
        let refused = world.learn_anew(wrong).await.err();
        assert_eq!(refused, Some(Error::ProfilesChanged { current: 1 }));
    }
    let Engine(inner) = &world.engine;
    let places = inner.backtests.try_acquire_many(2).unwrap();
    assert!(matches!(world.learn_anew(1).await, Err(Error::Overloaded { .. })));
    drop(places);
    let request = LearnProfiles { request_id: request_id(1), current: 1 };
    let learnt = world.engine.learn_profiles(&admin(), request.clone()).await.unwrap();
    assert_eq!((learnt.value.record.version, learnt.value.record.actions), (2, 51));
    let replayed = world.engine.learn_profiles(&admin(), request).await.unwrap();
    assert_eq!((replayed.is_replayed, replayed.value), (true, learnt.value));
    assert_eq!(world.learnt_events().await, 2);
    let known = world.propose(run, "visit", unfamiliar()).await;
    assert_eq!(decided(&known), (Allow, None), "approved as {}", approved.id);
    assert_eq!(world.compared(&known).await, (0.0, 2, 51));
}

#[tokio::test]
async fn what_people_refused_and_what_failed_is_not_learnt() {
    let world = World::new().await;
    let run = world.ward().await;
    world.visits(run, 50).await;
    world.change_to(NOVEL).await;
    let asked = world.propose(run, "visit", unfamiliar()).await.escalation.unwrap();
    world.resolve(&asked, Verb::Reject { reason_code: String::new() }).await.unwrap();
    let asked = world.propose(run, "visit", unfamiliar()).await.escalation.unwrap();
    let arguments = usual().to_string().into();
    world.resolve(&asked, Verb::Modify { arguments, target: None }).await.unwrap();
    world.propose(run, "visit", unfamiliar()).await.escalation.unwrap();
    world.learn_anew(1).await.unwrap();
    let view = world.profiles().await.unwrap();
    assert_eq!((view.record.version, view.record.actions), (2, 50));
    let odd = world.propose(run, "visit", unfamiliar()).await;
    assert_eq!(decided(&odd), (Escalate, Some("trigger.novelty")));
}

#[tokio::test]
async fn without_profiles_everything_is_new_and_a_policy_can_tell() {
    let world = World::new().await;
    let run = world.ward().await;
    world.visits(run, 49).await;
    world.change_to(PROFILED).await;
    let odd = world.propose(run, "visit", unfamiliar()).await;
    assert_eq!(decided(&odd), (Allow, None));
    assert_eq!(world.compared(&odd).await.2, 49);
    world.visits(run, 1).await;
    world.learn_anew(1).await.unwrap();
    assert_eq!(decided(&world.propose(run, "visit", unfamiliar()).await), (Escalate, Some("odd")));

    world.write_profiles(None).await;
    let odd = world.propose(run, "visit", unfamiliar()).await;
    assert_eq!(decided(&odd), (Allow, None));
    assert_eq!(world.compared(&odd).await, (1.0, 0, 0));
    world.change_to(NOVEL).await;
    world.write_profiles(None).await;
    let new = world.propose(run, "visit", usual()).await;
    assert_eq!(decided(&new), (Escalate, Some("trigger.novelty")));
}

#[tokio::test]
async fn profiles_that_cannot_be_read_let_nothing_pass() {
    let world = World::new().await;
    let run = world.ward().await;
    world.visits(run, 50).await;
    world.change_to(NOVEL).await;
    let record = world.profiles().await.unwrap().record;
    let document: PayloadRef = world.put_document(NOVEL).await.document;
    world.write_profiles(Some(&ProfilesRecord { profiles: document, ..record })).await;
    let command = proposal(run, "visit", &usual());
    let refused = world.engine.propose(&agent(), command).await;
    assert!(matches!(refused, Err(Error::DataDamaged { .. })), "{refused:?}");
    world.learn_anew(1).await.unwrap();
    assert_eq!(decided(&world.propose(run, "visit", usual()).await), (Allow, None));
}

#[tokio::test]
async fn a_step_back_learns_and_does_not_wait_for_what_cannot_be_read() {
    let world = World::new().await;
    let run = world.ward().await;
    world.visits(run, 50).await;
    world.change_to(NOVEL).await;
    world.change_to("version: 1\ndefault: allow\n").await;
    assert_eq!(world.version().await, 1, "what asks for no profiles leaves them");
    world.visits(run, 5).await;
    world.step_back().await;
    let view = world.profiles().await.unwrap();
    assert_eq!((view.record.version, view.record.actions), (2, 55));

    world.change_to("version: 1\ndefault: allow # again\n").await;
    let mut action = world.action(world.visit(run, &usual()).await).await;
    action.content = world.put_document(NOVEL).await.document;
    let key = keys::action("default", action.id);
    let value = Some(records::encode(&action).unwrap());
    let transaction = Transaction {
        tenant: "default".to_owned(),
        principal: "test".to_owned(),
        writes: vec![Write { key, value }],
        ..Transaction::default()
    };
    world.store.commit(transaction).await.unwrap();
    assert!(matches!(world.learn_anew(2).await, Err(Error::DataDamaged { .. })));
    world.step_back().await;
    assert_eq!(world.version().await, 2);
    assert_eq!(decided(&world.propose(run, "visit", usual()).await), (Allow, None));
}

#[tokio::test]
async fn with_a_second_person_it_is_the_confirmation_that_learns() {
    let world = World::guarded().await;
    let run = world.ward().await;
    world.visits(run, 50).await;
    let asked = world.change_to(NOVEL).await.activation;
    assert_eq!((asked.state, world.version().await), (ActivationState::Pending, 0));
    world.visits(run, 1).await;
    let second: Principal = principal("root", &[Role::Admin]);
    world.engine.confirm_policy_activation(&second, "", asked.id).await.unwrap();
    let view = world.profiles().await.unwrap();
    assert_eq!((view.record.actions, view.record.learner.as_str()), (51, "root"));
}

#[tokio::test]
async fn servers_of_one_store_agree_and_a_start_learns() {
    let world = World::new().await;
    let run = world.ward().await;
    world.visits(run, 50).await;
    let world = world.reopened(NOVEL, false).await;
    assert_eq!(world.profiles().await.unwrap().record.learner, "system/policy");
    let (other, _background): (Engine, _) = start(&world.store, &world.clock, NOVEL).await;
    assert_eq!(world.version().await, 1, "what is in force is not learnt anew");
    let first = world.propose(run, "visit", unfamiliar()).await;
    for arguments in [usual(), unfamiliar()] {
        let here = world.propose(run, "visit", arguments.clone()).await;
        let command = proposal(run, "visit", &arguments);
        let there = other.propose(&agent(), command).await.unwrap().value;
        assert_eq!(decided(&here), decided(&there));
        assert_eq!(world.compared(&here).await, world.compared(&there).await);
    }
    world.approve(&first.escalation.unwrap()).await;
    world.learn_anew(1).await.unwrap();
    let command = proposal(run, "visit", &unfamiliar());
    let there = other.propose(&agent(), command).await.unwrap().value;
    assert_eq!(world.compared(&there).await, (0.0, 2, 51));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_names_the_version_that_is_in_force_when_it_is_committed() {
    let world = World::new().await;
    let run = world.ward().await;
    world.visits(run, 1).await;
    world.change_to(NOVEL).await;
    let proposals = async {
        for _ in 0..60 {
            world.propose(run, "visit", usual()).await;
        }
    };
    let looks = async {
        for version in 1..=8 {
            world.learn_anew(version).await.unwrap();
        }
    };
    tokio::join!(proposals, looks);
    let mut version = 0;
    for commit in world.store.tail(TailFrom::Commit(0), 10_000).await.unwrap() {
        for event in &commit.events {
            version += u64::from(event.kind.name() == "policy.profiles_learnt");
            let is_proposal = ["action.allowed", "action.escalated"].contains(&event.kind.name());
            if let Some(action) = event.subjects.action.filter(|_| is_proposal) {
                assert_eq!(world.inputs(action).await.profiles, version);
            }
        }
    }
    assert_eq!(version, 9);
}

#[tokio::test]
async fn the_same_records_teach_the_same_after_a_restart_and_the_oldest_first() {
    let world = World::new().await;
    let run = world.ward().await;
    let words = ["north", "south", "ward", "night", "early", "late", "child", "elder"];
    for number in 0..40_usize {
        let word = |step: usize| words[(number / step) % words.len()];
        let note = format!("{} {} {number} {}", word(1), word(8), word(3));
        let long = "x".repeat(1 << (number % 11));
        world.visit(run, &json!({"note": note, format!("f{number}"): long})).await;
    }
    let first = world.engine.learn("default").await.unwrap();
    assert_eq!(world.engine.learn("default").await.unwrap(), first);
    let world = world.restarted().await;
    assert_eq!(world.engine.learn("default").await.unwrap(), first);
    let score = |number: usize| {
        let long = "x".repeat(1 << (number % 11));
        let (of, by, third) = (number % 8, number / 8 % 8, number / 3 % 8);
        let note = format!("{} {} {number} {}", words[of], words[by], words[third]);
        let arguments = json!({"note": note, format!("f{number}"): long});
        let arguments = arguments.as_object().unwrap();
        first.profiles.newness("claims", "visit", arguments, GOAL).novelty
    };
    assert!(score(39) == 0.0 && score(0) > 0.0, "{} {}", score(39), score(0));
}

#[tokio::test]
async fn decisions_are_explained_by_the_novelty_of_then() {
    let world = World::new().await;
    let run = world.ward().await;
    world.visits(run, 50).await;
    let before = world.visit(run, &unfamiliar()).await;
    world.change_to(NOVEL).await;
    let odd = json!({"letter": "to the insurer about the bill of last summer", "pages": 3});
    let odd = world.propose(run, "visit", odd).await;
    let asked = odd.escalation.clone().unwrap();
    world.approve(&asked).await;
    world.learn_anew(1).await.unwrap();
    let own = world.engine.explain_decision(&reviewer(), odd.action.id, None).await.unwrap();
    assert!(!own.differs(), "{own:?}");

    // What no condition asked for then is compared with the profiles in force.
    let none = world.inputs(before).await;
    assert_eq!((none.novelty, none.profiles), (None, 0));
    let by = Some(Subject::InForce);
    let other = world.engine.explain_decision(&reviewer(), before, by).await.unwrap();
    assert_eq!(other.said.verdict.effect, Allow);
    let said = world.engine.backtest_policy(&reviewer(), Backtest::default()).await.unwrap();
    assert_eq!((said.said.escalate, said.recorded.escalate), (1, 1));
}

#[tokio::test]
async fn a_call_that_there_need_not_be_is_compared_as_well() {
    let world = World::new().await;
    let run = world.ward().await;
    world.visits(run, 50).await;
    world.change_to(NOVEL).await;
    let ask = |name: &str, arguments: Value| Evaluate {
        context: Some(Context::Hypothesis(Hypothesis {
            agent: name.to_owned(),
            goal: GOAL.to_owned(),
            ..Hypothesis::default()
        })),
        tool: "visit".to_owned(),
        arguments: arguments.to_string().into(),
        ..Evaluate::default()
    };
    for (name, arguments, effect) in [
        ("claims", usual(), Allow),
        ("claims", unfamiliar(), Escalate),
        ("nobody", usual(), Escalate),
    ] {
        let said = world.engine.evaluate_action(&reviewer(), ask(name, arguments)).await.unwrap();
        assert_eq!(said.verdict.effect, effect, "{name}");
    }
}

//! Policies: put, put in force by one person or two, rolled back, asked.

use std::collections::BTreeSet;

use serde_json::json;

use super::world::*;
use crate::domain::action::DecisionEffect;
use crate::domain::activation::{Activation, ActivationKind, ActivationState, CONFIRMABLE_FOR};
use crate::domain::error::Error;
use crate::domain::ids::{PolicyActivationId, PolicyRevisionId};
use crate::domain::principal::{Principal, Role};
use crate::engine::Answer;
use crate::engine::list::Page;
use crate::engine::policies::{
    Activate, ActivationView, Context, Evaluate, Hypothesis, PutPolicy, RevisionState, RollBack,
    Subject,
};
use crate::engine::resolve::Verb;
use crate::store::TailFrom;

type Changed = Result<Answer<ActivationView>, Error>;

fn second_admin() -> Principal {
    principal("root", &[Role::Admin])
}

fn third_admin() -> Principal {
    principal("chief", &[Role::Admin])
}

/// A document that differs from others by its number.
fn document(number: u32) -> String {
    format!("version: 1\ndefault: allow\nrules: [] # {number}\n")
}

fn command(document: &str) -> PutPolicy {
    PutPolicy { document: document.to_owned(), ..PutPolicy::default() }
}

impl World {
    async fn put(&self, by: &Principal, number: u32) -> PolicyRevisionId {
        let put = self.engine.put_policy(by, command(&document(number))).await.unwrap();
        put.value.view.record.id
    }

    fn in_force(&self) -> PolicyRevisionId {
        self.engine.policy_revision().unwrap()
    }

    async fn activate(&self, by: &Principal, revision: PolicyRevisionId) -> Changed {
        let current = self.in_force();
        let reason = "because".to_owned();
        let command = Activate { request_id: String::new(), revision, current, reason };
        self.engine.activate_policy(by, command).await
    }

    async fn roll_back(&self, by: &Principal) -> Changed {
        let (current, reason) = (self.in_force(), "it hurts".to_owned());
        let command = RollBack { request_id: String::new(), current, reason };
        self.engine.roll_back_policy(by, command).await
    }

    async fn confirm(&self, by: &Principal, id: PolicyActivationId) -> Changed {
        self.engine.confirm_policy_activation(by, "", id).await
    }

    async fn state(&self, id: PolicyRevisionId) -> RevisionState {
        self.engine.get_policy(&admin(), Some(id)).await.unwrap().0.state
    }

    async fn history(&self) -> Vec<Activation> {
        let listed = self.engine.list_policy_activations(&admin(), Page::default()).await.unwrap();
        listed.items.into_iter().map(|view| view.activation).collect()
    }

    /// The kinds of the last events, oldest first.
    async fn last_events(&self, count: usize) -> Vec<&'static str> {
        let commits = self.store.tail(TailFrom::Commit(0), 10_000).await.unwrap();
        let events = commits.iter().flat_map(|commit| &commit.events);
        let kinds: Vec<_> = events.map(|event| event.kind.name()).collect();
        kinds[kinds.len() - count..].to_vec()
    }
}

fn activation(changed: Changed) -> Activation {
    changed.unwrap().value.activation
}

#[tokio::test]
async fn a_revision_is_put_then_activated_then_replaced() {
    let world = World::new().await;
    let first = world.in_force();
    let put = world
        .engine
        .put_policy(&admin(), PutPolicy { note: "looser".to_owned(), ..command(&document(1)) })
        .await
        .unwrap()
        .value;
    let second = put.view.record.id;
    assert!(put.is_new);
    assert_eq!((put.view.state, put.view.note.as_str()), (RevisionState::Put, "looser"));
    assert_eq!(world.in_force(), first);
    assert_eq!(world.last_events(1).await, ["policy.put"]);

    let done = world.activate(&admin(), second).await.unwrap().value;
    assert_eq!(done.reason, "because");
    assert_eq!(done.activation.state, ActivationState::Effective);
    assert_eq!(done.activation.replaced, Some(first));
    assert_eq!(done.activation.closer.as_deref(), Some("admin"));
    assert_eq!(world.in_force(), second);
    assert_eq!(world.state(second).await, RevisionState::InForce);
    assert_eq!(world.state(first).await, RevisionState::Former);
    assert_eq!(world.last_events(1).await, ["policy.activated"]);

    let (view, text) = world.engine.get_policy(&reviewer(), None).await.unwrap();
    assert_eq!((view.record.id, text), (second, document(1)));
    assert!(view.record.activate_time.is_some());
    let again = world.activate(&admin(), second).await;
    assert_eq!(again.err(), Some(Error::PolicyInForce { policy: second.to_string() }));
}

#[tokio::test]
async fn the_same_document_is_the_same_revision() {
    let world = World::new().await;
    let first = world.engine.put_policy(&admin(), command(&document(1))).await.unwrap().value;
    let again = PutPolicy { note: "mine".to_owned(), ..command(&document(1)) };
    let again = world.engine.put_policy(&second_admin(), again).await.unwrap().value;
    assert_eq!(again.view, first.view);
    assert!(!again.is_new);
    let stored = world.engine.put_policy(&admin(), command(POLICY)).await.unwrap().value;
    assert_eq!((stored.view.record.id, stored.is_new), (world.in_force(), false));
    assert_eq!(stored.view.record.author, "system/policy");
    let listed = world.engine.list_policies(&reviewer(), Page::default()).await.unwrap().items;
    let listed: Vec<_> = listed.into_iter().map(|view| (view.record.id, view.state)).collect();
    let want =
        [(first.view.record.id, RevisionState::Put), (world.in_force(), RevisionState::InForce)];
    assert_eq!(listed, want);
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_with_its_place() {
    let world = World::new().await;
    let refused = world.engine.put_policy(&admin(), command("version: 9\nrules: []\n")).await;
    let Err(Error::PolicyInvalid { place, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(place, "version");
    let secret = format!("version: 1\nrules: []\n# AKIA{}\n", "ABCDEFGHIJKLMNOP");
    let refused = world.engine.put_policy(&admin(), command(&secret)).await;
    assert!(matches!(refused, Err(Error::SecretFound { .. })), "{refused:?}");
    let listed = world.engine.list_policies(&admin(), Page::default()).await.unwrap();
    assert_eq!(listed.items.len(), 1);
}

#[tokio::test]
async fn request_ids_replay_every_change() {
    let world = World::new().await;
    let put = PutPolicy { request_id: request_id(1), ..command(&document(1)) };
    let first = world.engine.put_policy(&admin(), put.clone()).await.unwrap();
    let again = world.engine.put_policy(&admin(), put).await.unwrap();
    assert!(again.is_replayed && again.value.is_new);
    assert_eq!(again.value.view, first.value.view);
    let (revision, current) = (first.value.view.record.id, world.in_force());
    let activate = Activate { request_id: request_id(2), revision, current, reason: String::new() };
    let done = world.engine.activate_policy(&admin(), activate.clone()).await.unwrap();
    let again = world.engine.activate_policy(&admin(), activate.clone()).await.unwrap();
    assert!(again.is_replayed);
    assert_eq!(again.value, done.value);
    let other = Activate { reason: "other".to_owned(), ..activate };
    let refused = world.engine.activate_policy(&admin(), other).await;
    assert!(matches!(refused, Err(Error::RequestIdReused { .. })), "{refused:?}");
    let back =
        RollBack { request_id: request_id(3), current: revision, reason: "it hurts".to_owned() };
    let done = world.engine.roll_back_policy(&admin(), back.clone()).await.unwrap();
    let again = world.engine.roll_back_policy(&admin(), back).await.unwrap();
    assert!(again.is_replayed);
    assert_eq!(again.value, done.value);
    assert_eq!(world.in_force(), current);
    assert_eq!(world.history().await.len(), 3);
}

#[tokio::test]
async fn who_looked_too_early_is_told_who_was_faster() {
    let world = World::new().await;
    let (old, ours) = (world.in_force(), world.put(&admin(), 1).await);
    let theirs = world.put(&second_admin(), 2).await;
    world.activate(&second_admin(), theirs).await.unwrap();
    let command =
        Activate { request_id: String::new(), revision: ours, current: old, reason: String::new() };
    let refused = world.engine.activate_policy(&admin(), command).await;
    let Err(Error::PolicyChanged { current, by, at }) = refused else { panic!("{refused:?}") };
    assert_eq!((current, by.as_deref()), (theirs.to_string(), Some("root")));
    assert_eq!(at, Some(world.engine.now()));
    let back = RollBack { request_id: String::new(), current: old, reason: "it hurts".to_owned() };
    let refused = world.engine.roll_back_policy(&admin(), back).await;
    assert!(matches!(refused, Err(Error::PolicyChanged { .. })), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_activations_at_once_one_wins_and_the_others_are_told_who() {
    let world = World::new().await;
    for round in 0..20 {
        let current = world.in_force();
        let mut tries = Vec::new();
        for number in 0..4 {
            let by = principal(&format!("admin-{number}"), &[Role::Admin]);
            let revision = world.put(&by, 10 * round + number).await;
            let engine = world.engine.clone();
            let command =
                Activate { request_id: String::new(), revision, current, reason: String::new() };
            tries.push(tokio::spawn(async move {
                (by.name.clone(), engine.activate_policy(&by, command).await)
            }));
        }
        let mut winner = None;
        let mut told = BTreeSet::new();
        for attempt in tries {
            match attempt.await.unwrap() {
                (name, Ok(_)) => assert_eq!(winner.replace(name), None),
                (_, Err(Error::PolicyChanged { by, .. })) => _ = told.insert(by),
                (_, Err(other)) => panic!("{other:?}"),
            }
        }
        assert_eq!(told, BTreeSet::from([winner]), "round {round}");
    }
}

#[tokio::test]
async fn rolling_back_goes_back_step_by_step_and_never_forth() {
    let world = World::new().await;
    let mut revisions = vec![world.in_force()];
    for number in 1..4 {
        let revision = world.put(&admin(), number).await;
        world.activate(&admin(), revision).await.unwrap();
        revisions.push(revision);
    }
    let back = activation(world.roll_back(&admin()).await);
    assert_eq!((back.kind, world.in_force()), (ActivationKind::RollBack, revisions[2]));
    assert_eq!(world.last_events(1).await, ["policy.rolled_back"]);
    let anew = world.put(&admin(), 9).await;
    world.activate(&admin(), anew).await.unwrap();
    for want in [revisions[2], revisions[1], revisions[0]] {
        world.roll_back(&admin()).await.unwrap();
        assert_eq!(world.in_force(), want);
    }
    let refused = world.roll_back(&admin()).await.err();
    assert_eq!(refused, Some(Error::NoFormerPolicy { policy: revisions[0].to_string() }));
    let world = world.reopened(POLICY, false).await;
    assert_eq!(world.in_force(), revisions[0]);
}

#[tokio::test]
async fn a_second_person_is_neither_who_asked_nor_who_wrote() {
    let world = World::guarded().await;
    let (first, revision) = (world.in_force(), world.put(&admin(), 1).await);
    let asked = activation(world.activate(&second_admin(), revision).await);
    assert_eq!(asked.state, ActivationState::Pending);
    assert_eq!(world.in_force(), first);
    assert_eq!(world.state(revision).await, RevisionState::Pending);
    assert_eq!(world.last_events(1).await, ["policy.activation_requested"]);
    let table = [(reviewer(), "role"), (admin(), "author"), (second_admin(), "requester")];
    for (by, who) in table {
        let refused = world.confirm(&by, asked.id).await.unwrap_err();
        let is_role = matches!(refused, Error::RoleRequired { .. });
        assert_eq!(is_role, who == "role", "{who}: {refused:?}");
        assert!(is_role || matches!(refused, Error::SecondPersonRequired { .. }), "{refused:?}");
        assert_eq!(world.in_force(), first, "{who}");
    }
    let done = activation(world.confirm(&third_admin(), asked.id).await);
    assert_eq!((done.state, done.id), (ActivationState::Effective, asked.id));
    assert_eq!((done.requester.as_str(), done.closer.as_deref()), ("root", Some("chief")));
    assert_eq!(world.in_force(), revision);
    assert_eq!(world.last_events(1).await, ["policy.activated"]);
    let again = world.confirm(&third_admin(), asked.id).await;
    assert!(matches!(again, Err(Error::ActivationClosed { state: "effective", .. })), "{again:?}");
}

#[tokio::test]
async fn what_waits_is_withdrawn_superseded_or_lapses() {
    let world = World::guarded().await;
    let first = world.in_force();
    let revision = world.put(&admin(), 1).await;
    let ask = async || activation(world.activate(&admin(), revision).await);

    let asked = ask().await;
    world.engine.withdraw_policy_activation(&second_admin(), "", asked.id).await.unwrap();
    let refused = world.confirm(&second_admin(), asked.id).await;
    assert!(matches!(refused, Err(Error::ActivationClosed { state: "withdrawn", .. })));
    assert_eq!(world.state(revision).await, RevisionState::Put);

    let asked = ask().await;
    let newer = ask().await;
    let refused = world.confirm(&second_admin(), asked.id).await;
    assert!(matches!(refused, Err(Error::ActivationClosed { state: "superseded", .. })));
    let events = world.last_events(2).await;
    assert_eq!(events, ["policy.activation_closed", "policy.activation_requested"]);

    world.clock.advance(CONFIRMABLE_FOR);
    let refused = world.confirm(&second_admin(), newer.id).await;
    assert!(matches!(refused, Err(Error::ActivationClosed { state: "expired", .. })));
    assert_eq!(world.state(revision).await, RevisionState::Put);
    assert_eq!(world.in_force(), first);
}

#[tokio::test]
async fn two_people_cannot_confirm_the_same_request_twice() {
    let world = World::guarded().await;
    let revision = world.put(&admin(), 1).await;
    let asked = activation(world.activate(&admin(), revision).await);
    let both = [second_admin(), third_admin()].map(|by| {
        let engine = world.engine.clone();
        tokio::spawn(async move { engine.confirm_policy_activation(&by, "", asked.id).await })
    });
    let mut done = 0;
    for one in both {
        match one.await.unwrap() {
            Ok(_) => done += 1,
            Err(error) => {
                assert!(matches!(error, Error::ActivationClosed { by: Some(_), .. }), "{error:?}");
            }
        }
    }
    assert_eq!(done, 1);
}

#[tokio::test]
async fn one_step_back_needs_one_person_and_the_next_one_two() {
    let world = World::guarded().await;
    let first = world.in_force();
    let mut newest = first;
    for number in 1..3 {
        newest = world.put(&admin(), number).await;
        let asked = activation(world.activate(&admin(), newest).await);
        world.confirm(&second_admin(), asked.id).await.unwrap();
    }
    let back = activation(world.roll_back(&admin()).await);
    assert_eq!(back.state, ActivationState::Effective);
    let further = activation(world.roll_back(&admin()).await);
    assert_eq!(further.state, ActivationState::Pending);
    assert_ne!(world.in_force(), newest);
    let done = activation(world.confirm(&second_admin(), further.id).await);
    assert_eq!((done.kind, world.in_force()), (ActivationKind::RollBack, first));
}

#[tokio::test]
async fn a_file_at_the_start_waits_for_a_person_too() {
    let world = World::guarded().await;
    let first = world.in_force();
    for _ in 0..2 {
        let started = world.engine.start_with_policy(&document(1)).await.unwrap();
        assert_eq!(started.in_force, first);
        assert_eq!(started.pending, Some(world.history().await[0].id));
    }
    assert_eq!(world.history().await.len(), 2, "another start asks no second time");
    let pending = world.history().await[0].id;
    let done = activation(world.confirm(&admin(), pending).await);
    assert_eq!(done.requester, "system/policy");
    let started = world.engine.start_with_policy(&document(1)).await.unwrap();
    assert_eq!((started.in_force, started.pending), (done.revision, None));
}

#[tokio::test]
async fn open_questions_keep_the_revision_that_asked_them() {
    let world = World::new().await;
    let (run, first) = (world.run().await, world.in_force());
    let escalation = world.escalate(run).await;
    let revision = world.put(&admin(), 1).await;
    world.activate(&admin(), revision).await.unwrap();
    assert_eq!(world.escalation(escalation.id).await.policy_revision, first);
    let edit =
        Verb::Modify { arguments: json!({"amount": 200_000}).to_string().into(), target: None };
    let refused = world.resolve(&escalation, edit).await;
    assert!(matches!(refused, Err(Error::DeniedByPolicy { .. })), "{refused:?}");
    let now = world.propose(run, "refund", json!({"amount": 200_000})).await.action;
    assert_eq!(now.decision.policy_revision, revision);
    assert_eq!(now.decision.effect, DecisionEffect::Allow);
}

fn question(amount: u32, subject: Subject, context: Context) -> Evaluate {
    Evaluate {
        subject,
        context: Some(context),
        tool: "refund".to_owned(),
        arguments: json!({"amount": amount, "to": "Anna"}).to_string().into(),
        ..Evaluate::default()
    }
}

#[tokio::test]
async fn a_policy_says_what_it_would_decide_without_effect() {
    let world = World::new().await;
    let run = Context::Run(world.run().await);
    let made_up =
        || Context::Hypothesis(Hypothesis { agent: "other".to_owned(), ..Hypothesis::default() });
    let other = world.put(&admin(), 1).await;
    let sequence = world.store.sequence("default").await.unwrap();
    let table = [
        (600, Subject::InForce, run.clone(), DecisionEffect::Escalate),
        (6, Subject::InForce, made_up(), DecisionEffect::Allow),
        (600_000, Subject::InForce, made_up(), DecisionEffect::Deny),
        (600_000, Subject::Revision(other), run.clone(), DecisionEffect::Allow),
        (6, Subject::Document("version: 1\n".to_owned()), run, DecisionEffect::Escalate),
    ];
    for (amount, subject, context, want) in table {
        let asked = question(amount, subject.clone(), context);
        let said = world.engine.evaluate_action(&reviewer(), asked).await.unwrap();
        assert_eq!(said.verdict.effect, want, "{amount} {subject:?}");
        let revision = match subject {
            Subject::InForce => Some(world.in_force()),
            Subject::Revision(id) => Some(id),
            Subject::Document(_) => None,
        };
        assert_eq!(said.revision, revision);
    }
    assert_eq!(world.store.sequence("default").await.unwrap(), sequence);
}

#[tokio::test]
async fn an_agent_asks_about_its_own_runs_and_the_policy_in_force_alone() {
    let world = World::new().await;
    let (run, other) = (world.run().await, world.put(&admin(), 1).await);
    let ask = async |by: Principal, subject, context| {
        world.engine.evaluate_action(&by, question(600, subject, context)).await
    };
    let said = ask(agent(), Subject::InForce, Context::Run(run)).await.unwrap();
    assert_eq!(said.verdict.rule.as_deref(), Some("refund-over-500"));
    let made_up =
        Context::Hypothesis(Hypothesis { agent: "claims".to_owned(), ..Default::default() });
    let document = Subject::Document(POLICY.to_owned());
    for (subject, context) in [
        (Subject::Revision(other), Context::Run(run)),
        (document, Context::Run(run)),
        (Subject::InForce, made_up),
    ] {
        let refused = ask(agent(), subject, context).await;
        assert!(matches!(refused, Err(Error::RoleRequired { .. })), "{refused:?}");
    }
    let stranger = principal("stranger", &[Role::Agent]);
    let refused = ask(stranger, Subject::InForce, Context::Run(run)).await;
    assert!(matches!(refused, Err(Error::NotFound { .. })), "{refused:?}");
}

//! Four eyes: who asked, who owns what asked, and for whom it was asked decide nothing of
//! it, under no name and in no way; one person is one vote, however many accounts and
//! windows it has; and nobody puts their own policy in force.

use serde_json::json;

use super::world::*;
use crate::domain::activation::ActivationState;
use crate::domain::error::Error;
use crate::domain::escalation::bulk::LeftOut;
use crate::domain::escalation::{Escalation, EscalationState};
use crate::domain::ids::RunId;
use crate::domain::principal::{Principal, Role};
use crate::engine::escalations::ClaimStep;
use crate::engine::people::UpdatePrincipal;
use crate::engine::policies::{Activate, PutPolicy};
use crate::engine::queue::{ClaimNext, How, Next, PassOn};
use crate::engine::resolve::{PreviewBulk, Resolve, Verb};
use crate::engine::reverse::{Reverse, Reversed};
use crate::engine::runs::StartRun;
use crate::engine::tokens::CreateToken;

/// Everybody is a supervisor, so that neither role nor routing is what stops them.
fn supervisor(name: &str) -> Principal {
    principal(name, &[Role::Supervisor])
}

const POLICY: &str = r#"
version: 1
default: allow
rules:
  - {id: asked, tools: [pay], effect: escalate, severity: medium, reason: Payments are looked at.}
  - {id: twice, tools: [wire], effect: escalate, severity: medium, quorum: 2, reason: Wires want two.}
"#;

async fn desk() -> World {
    World::new().await.reopened(POLICY, false).await
}

async fn asks(world: &World, run: RunId, tool: &str) -> Escalation {
    world.propose(run, tool, json!({"amount": 10})).await.escalation.unwrap()
}

/// Says who owns an agent.
async fn owns(world: &World, owner: &str, agent: &str) {
    let owned = UpdatePrincipal {
        principal: agent.to_owned(),
        owner: Some(owner.to_owned()),
        ..UpdatePrincipal::default()
    };
    world.engine.update_principal(&admin(), owned).await.unwrap();
}

/// Says that a name is another name of a person.
async fn also_is(world: &World, name: &str, person: &str) {
    let linked = UpdatePrincipal {
        principal: name.to_owned(),
        person: Some(person.to_owned()),
        ..UpdatePrincipal::default()
    };
    world.engine.update_principal(&admin(), linked).await.unwrap();
}

/// A run for somebody, below another one.
async fn run_for(world: &World, by: &str, on_behalf_of: &str, parent: Option<RunId>) -> RunId {
    let on_behalf_of = on_behalf_of.to_owned();
    let command = StartRun { on_behalf_of, parent, ..StartRun::default() };
    let agent = principal(by, &[Role::Agent]);
    world.engine.start_run(&agent, command).await.unwrap().value.run.id
}

/// Every way to decide of a question.
fn verbs() -> [Verb; 5] {
    [
        Verb::Approve,
        Verb::Reject { reason_code: "no".to_owned() },
        Verb::Modify { arguments: r#"{"amount": 9}"#.into(), target: None },
        Verb::Respond { response: "12".into() },
        Verb::Instruct { text: "ask for less".to_owned() },
    ]
}

/// A principal may not take, answer, be given or take back a question, and none of the
/// attempts changes anything.
async fn decides_nothing(world: &World, name: &str, question: &Escalation) {
    let (engine, by, id) = (&world.engine, supervisor(name), question.id);
    let sequence = world.store.sequence("default").await.unwrap();
    let is_own = |refused: Error, way: &str| {
        let own = Error::SelfReview { escalation: id.to_string() };
        assert_eq!(refused, own, "{name}: {way}");
    };
    is_own(engine.claim(&by, "", id, ClaimStep::Claim(None)).await.unwrap_err(), "claim");
    let taken = PassOn {
        request_id: String::new(),
        escalation: id,
        how: How::TakeOver,
        note: "it is mine".to_owned(),
        lease: None,
    };
    is_own(engine.pass_on(&by, taken.clone()).await.unwrap_err(), "take over");
    for verb in verbs() {
        let way = format!("{verb:?}");
        let answer = Resolve { note: "fine".to_owned(), ..resolution(question, verb) };
        is_own(engine.preview_resolution(&by, answer.clone()).await.unwrap_err(), &way);
        is_own(engine.resolve(&by, answer).await.unwrap_err(), &way);
    }
    let given = PassOn { how: How::Assign { to: name.to_owned() }, ..taken };
    let refused = engine.pass_on(&supervisor("sue"), given).await.unwrap_err();
    assert!(matches!(refused, Error::InvalidField { .. }), "{name}: assigned: {refused:?}");
    match engine.claim_next(&by, ClaimNext::default()).await.unwrap().value {
        Next::Nothing { seen, .. } => assert_eq!((seen.open, seen.not_yours), (1, 1), "{name}"),
        other => panic!("{name} is given {other:?}"),
    }
    let many = engine.preview_bulk(&by, PreviewBulk::default()).await.unwrap();
    assert_eq!((many.items.len(), &many.left_out[..]), (0, &[(id, LeftOut::NotYours)][..]));
    assert_eq!(world.store.sequence("default").await.unwrap(), sequence, "{name}: an event");
    assert_eq!(world.escalation(id).await, *question);
}

/// Nor may it take back what somebody else approved.
async fn reverts_nothing(world: &World, name: &str, question: &Escalation) {
    let approve = resolution(question, Verb::Approve);
    let resolved = world.engine.resolve(&supervisor("sue"), approve).await.unwrap().value;
    let etag = resolved.escalation.etag();
    let what = Reversed::Resolution { escalation: question.id, etag, rolls_back: false };
    let command = Reverse { request_id: String::new(), what, reason: "no".to_owned() };
    let refused = world.engine.reverse(&supervisor(name), command).await.unwrap_err();
    assert!(matches!(refused, Error::SelfReview { .. }), "{name}: {refused:?}");
}

/// A question that concerns `ann`, whose other account is `ann.home`.
async fn concerns_ann(world: &World, question: &Escalation) {
    also_is(world, "ann.home", "ann").await;
    for name in ["ann", "ann.home"] {
        decides_nothing(world, name, question).await;
    }
    reverts_nothing(world, "ann.home", question).await;
}

#[tokio::test]
async fn for_whom_it_was_asked_decides_nothing() {
    let world = desk().await;
    let run = run_for(&world, "claims", "ann", None).await;
    concerns_ann(&world, &asks(&world, run, "pay").await).await;
}

#[tokio::test]
async fn whose_agent_asked_decides_nothing() {
    let world = desk().await;
    owns(&world, "ann", "claims").await;
    let question = asks(&world, world.run().await, "pay").await;
    concerns_ann(&world, &question).await;
}

#[tokio::test]
async fn whose_agent_delegated_decides_nothing_however_far_above() {
    let world = desk().await;
    owns(&world, "ann", "planner").await;
    let first = run_for(&world, "planner", "", None).await;
    let second = run_for(&world, "buyer", "", Some(first)).await;
    let third = run_for(&world, "claims", "", Some(second)).await;
    concerns_ann(&world, &asks(&world, third, "pay").await).await;
}

#[tokio::test]
async fn for_whom_it_was_delegated_decides_nothing_however_far_above() {
    let world = desk().await;
    let first = run_for(&world, "planner", "ann", None).await;
    let second = run_for(&world, "buyer", "", Some(first)).await;
    let third = run_for(&world, "claims", "", Some(second)).await;
    concerns_ann(&world, &asks(&world, third, "pay").await).await;
}

#[tokio::test]
async fn a_delegated_run_acts_for_nobody_else() {
    let world = desk().await;
    let first = run_for(&world, "planner", "ann", None).await;
    let command = |on_behalf_of: &str| StartRun {
        on_behalf_of: on_behalf_of.to_owned(),
        parent: Some(first),
        ..StartRun::default()
    };
    let refused = world.engine.start_run(&agent(), command("bob")).await.unwrap_err();
    let Error::InvalidField { field, .. } = &refused else { panic!("{refused:?}") };
    assert_eq!(field, "on_behalf_of");
    for same in ["", "ann"] {
        let run = world.engine.start_run(&agent(), command(same)).await.unwrap().value.run;
        assert_eq!(run.on_behalf_of.as_deref(), Some("ann"));
    }
}

#[tokio::test]
async fn two_accounts_of_one_person_are_one_vote() {
    let world = desk().await;
    also_is(&world, "ann.home", "ann").await;
    let question = asks(&world, world.run().await, "wire").await;
    let approve = resolution(&question, Verb::Approve);
    world.engine.resolve(&supervisor("ann"), approve).await.unwrap();
    let now = world.escalation(question.id).await;
    for name in ["ann", "ann.home"] {
        let again = resolution(&now, Verb::Approve);
        let refused = world.engine.resolve(&supervisor(name), again).await.unwrap_err();
        assert!(matches!(&refused, Error::AlreadyVoted { by, .. } if by == "ann"), "{refused:?}");
    }
    let other = world.engine.resolve(&supervisor("bob"), resolution(&now, Verb::Approve)).await;
    let approvers = other.unwrap().value.escalation.resolution.unwrap().approvers;
    let names: Vec<_> = approvers.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["ann", "bob"]);
}

#[tokio::test]
async fn the_same_person_in_a_second_window_is_one_vote() {
    let world = desk().await;
    let token = |roles: &[Role]| CreateToken {
        request_id: String::new(),
        principal: "ann".to_owned(),
        roles: roles.to_vec(),
        ttl: None,
    };
    let mut windows = Vec::new();
    for _ in 0..2 {
        let made = world.engine.create_token(&admin(), token(&[Role::Reviewer])).await.unwrap();
        windows.push(world.engine.authenticate(&made.value.secret).await.unwrap());
    }
    assert_ne!(windows[0], windows[1], "two credentials");
    let question = asks(&world, world.run().await, "wire").await;
    let [first, second] = &windows[..] else { panic!("two windows") };
    // Both were open before either answered.
    let (one, other) = (resolution(&question, Verb::Approve), resolution(&question, Verb::Approve));
    world.engine.resolve(first, one).await.unwrap();
    world.engine.resolve(second, other).await.unwrap_err();
    let now = world.escalation(question.id).await;
    let refused = world.engine.resolve(second, resolution(&now, Verb::Approve)).await.unwrap_err();
    assert!(matches!(&refused, Error::AlreadyVoted { by, .. } if by == "ann"), "{refused:?}");
    let now = world.escalation(question.id).await;
    assert_eq!((now.state, now.votes.len()), (EscalationState::Open, 1));
}

#[tokio::test]
async fn nobody_puts_their_own_policy_in_force_under_another_name() {
    let world = World::guarded().await;
    let author = |name: &str| principal(name, &[Role::PolicyAuthor]);
    also_is(&world, "ann.home", "ann").await;
    also_is(&world, "cid.home", "cid").await;
    let current = world.engine.policy_revision().unwrap();
    let document = "version: 1\ndefault: allow\nrules: []\n".to_owned();
    let put = PutPolicy { document, ..PutPolicy::default() };
    let put = world.engine.put_policy(&author("ann"), put).await.unwrap();
    let revision = put.value.view.record.id;
    let reason = "looser".to_owned();
    let command = Activate { request_id: String::new(), revision, current, reason };
    let asked = world.engine.activate_policy(&author("cid"), command).await.unwrap().value;
    let id = asked.activation.id;
    assert_eq!(asked.activation.state, ActivationState::Pending);
    for name in ["ann", "ann.home", "cid", "cid.home"] {
        let refused = world.engine.confirm_policy_activation(&author(name), "", id).await;
        let is_refused = matches!(refused, Err(Error::SecondPersonRequired { .. }));
        assert!(is_refused, "{name}: {refused:?}");
        assert_eq!(world.engine.policy_revision(), Some(current), "{name}");
    }
    let done = world.engine.confirm_policy_activation(&author("eve"), "", id).await.unwrap();
    assert_eq!(done.value.activation.state, ActivationState::Effective);
    assert_eq!(world.engine.policy_revision(), Some(revision));
}

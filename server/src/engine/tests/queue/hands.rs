//! From hand to hand: the next question, and how questions are passed on.

use super::*;
use crate::domain::escalation::SeverityTier;
use crate::domain::ids::EscalationId;
use crate::domain::principal::{Principal, Role};
use crate::domain::queue::{LateReason, Nothing};
use crate::engine::escalations::ClaimStep;
use crate::engine::people::{SetAvailability, UpdatePrincipal};
use crate::engine::queue::{ClaimNext, How, Next, PassOn};
use crate::engine::resolve::{Resolve, Verb};
use crate::engine::tests::world::{other_reviewer, principal, request_id, resolution};
use crate::engine::tokens::CreateToken;

fn supervisor() -> Principal {
    principal("sue", &[Role::Supervisor])
}

async fn next(world: &World, by: &Principal) -> Next {
    world.engine.claim_next(by, ClaimNext::default()).await.unwrap().value
}

async fn next_id(world: &World, by: &Principal) -> EscalationId {
    match next(world, by).await {
        Next::Claimed(view, _) => view.escalation.id,
        other => panic!("{other:?}"),
    }
}

pub(super) async fn introduce(world: &World, name: &str, roles: &[Role]) {
    let command = CreateToken {
        request_id: String::new(),
        principal: name.to_owned(),
        roles: roles.to_vec(),
        ttl: None,
    };
    world.engine.create_token(&world::admin(), command).await.unwrap();
}

async fn away(world: &World, name: &str, delegate: &str) {
    let command = SetAvailability {
        principal: name.to_owned(),
        absent_from: Some(world.engine.now()),
        delegate: delegate.to_owned(),
        ..SetAvailability::default()
    };
    world.engine.set_availability(&supervisor(), command).await.unwrap();
}

fn pass(id: EscalationId, how: How) -> PassOn {
    let note = "the customer called".to_owned();
    PassOn { request_id: String::new(), escalation: id, how, note, lease: None }
}

/// A question under settings, in a world that goes on.
async fn awake(document: &str) -> (World, Escalation) {
    let world = World::new().await;
    put(&world, document).await.unwrap();
    let escalation = world.escalate(world.run().await).await;
    (world, escalation)
}

#[tokio::test]
async fn the_next_question_is_claimed_and_its_retry_is_the_same_one() {
    let world = World::new().await;
    let (first, second) =
        (world.escalate(world.run().await).await, world.escalate(world.run().await).await);
    let command = ClaimNext { request_id: request_id(1), ..ClaimNext::default() };
    let claimed = world.engine.claim_next(&reviewer(), command.clone()).await.unwrap();
    let Next::Claimed(view, why) = &claimed.value else { panic!("{claimed:?}") };
    assert_eq!(view.escalation.id, first.id);
    assert_eq!(view.escalation.claim.as_ref().map(|it| it.holder.as_str()), Some("alice"));
    assert!(why.starts_with("lane money (weight 1), the turn of claims: "), "{why}");
    let again = world.engine.claim_next(&reviewer(), command).await.unwrap();
    let Next::Claimed(view, _) = &again.value else { panic!("{again:?}") };
    assert!(again.is_replayed && view.escalation.id == first.id);
    assert_eq!(next_id(&world, &other_reviewer()).await, second.id);
    let nothing = next(&world, &reviewer()).await;
    let seen = Nothing { open: 2, held: 2, ..Nothing::default() };
    assert_eq!(nothing, Next::Nothing { seen, is_full: false });
}

#[tokio::test]
async fn nothing_is_next_where_nothing_waits() {
    let world = World::new().await;
    let nothing = Next::Nothing { seen: Nothing::default(), is_full: false };
    assert_eq!(next(&world, &reviewer()).await, nothing);
}

#[tokio::test]
async fn nobody_is_given_more_than_fits() {
    let world = World::new().await;
    let command = UpdatePrincipal {
        principal: "alice".to_owned(),
        capacity: Some(5),
        ..UpdatePrincipal::default()
    };
    world.engine.update_principal(&world::admin(), command).await.unwrap();
    for _ in 0..2 {
        let question = world.escalate(world.run().await).await;
        assert_eq!(question.severity, SeverityTier::High, "a load of 4");
    }
    next_id(&world, &reviewer()).await;
    let full = next(&world, &reviewer()).await;
    assert!(matches!(full, Next::Nothing { is_full: true, .. }), "{full:?}");
    next_id(&world, &other_reviewer()).await;
}

#[tokio::test]
async fn routing_binds_reviewers_at_every_way_in() {
    let (world, question) = awake(CHAIN).await;
    let dora = principal("dora", &[Role::Reviewer]);
    assert!(matches!(
        next(&world, &dora).await,
        Next::Nothing { seen: Nothing { not_yours: 1, .. }, .. }
    ));
    let refused = world.engine.claim(&dora, "", question.id, ClaimStep::Claim(None)).await;
    assert_eq!(
        refused.unwrap_err().to_string(),
        format!(
            "escalation `{}` is not for you: it went to claims, and you are in none of them; \
             a supervisor may take it over",
            question.id
        )
    );
    let refused = world.engine.resolve(&dora, resolution(&question, Verb::Approve)).await;
    assert!(matches!(refused, Err(Error::NotRouted { .. })), "{refused:?}");
    // A supervisor is not bound, and is not offered what did not go to supervisors.
    assert!(matches!(next(&world, &supervisor()).await, Next::Nothing { .. }));
    world.engine.claim(&supervisor(), "", question.id, ClaimStep::Claim(None)).await.unwrap();
}

#[tokio::test]
async fn who_stands_in_is_asked_and_the_claim_says_for_whom() {
    let (world, question) = awake(CHAIN).await;
    for name in ["dora", "emil"] {
        introduce(&world, name, &[Role::Reviewer]).await;
    }
    away(&world, "bob", "dora").await;
    away(&world, "dora", "emil").await;
    let emil = principal("emil", &[Role::Reviewer]);
    let Next::Claimed(view, _) = next(&world, &emil).await else { panic!("nothing for emil") };
    let claim = view.escalation.claim.unwrap();
    assert_eq!((view.escalation.id, claim.stands_in_for.as_deref()), (question.id, Some("bob")));
    // Two who name each other end nowhere.
    away(&world, "emil", "dora").await;
    let release = ClaimStep::Release { epoch: claim.epoch };
    world.engine.claim(&emil, "", question.id, release).await.unwrap();
    let refused = world.engine.claim(&emil, "", question.id, ClaimStep::Claim(None)).await;
    assert!(matches!(refused, Err(Error::NotRouted { .. })), "{refused:?}");
}

#[tokio::test]
async fn skills_are_those_of_the_person_or_of_its_teams() {
    let document = "
version: 1
teams: {fluent: {members: [bob], skills: [german]}}
routing: [{lanes: [money], skills: [german]}]
";
    let (world, question) = awake(document).await;
    let refused = world.engine.claim(&reviewer(), "", question.id, ClaimStep::Claim(None)).await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("it needs somebody who knows german"), "{refused}");
    assert_eq!(next_id(&world, &other_reviewer()).await, question.id);
    let skills = Some(vec!["german".to_owned()]);
    let command =
        UpdatePrincipal { principal: "alice".to_owned(), skills, ..UpdatePrincipal::default() };
    world.engine.update_principal(&world::admin(), command).await.unwrap();
    let second = world.escalate(world.run().await).await;
    assert_eq!(next_id(&world, &reviewer()).await, second.id);
}

#[tokio::test]
async fn a_hand_off_fences_the_former_holder_and_brings_the_note() {
    let world = World::new().await;
    introduce(&world, "bob", &[Role::Reviewer]).await;
    let question = world.escalate(world.run().await).await;
    let claim = ClaimStep::Claim(None);
    let mine = world.engine.claim(&reviewer(), "", question.id, claim).await.unwrap().value;
    let how = How::HandOff { epoch: 1, to: "bob".to_owned() };
    let passed = world.engine.pass_on(&reviewer(), pass(question.id, how)).await.unwrap().value;
    let claim = passed.escalation.claim.clone().unwrap();
    assert_eq!((claim.holder.as_str(), claim.epoch), ("bob", 2));
    assert_eq!(claim.assigner.as_deref(), Some("alice"));
    assert_eq!(passed.detail.unwrap().claim_note, "the customer called");
    let late = world.engine.resolve(&reviewer(), resolution(&mine.escalation, Verb::Approve)).await;
    assert!(matches!(late, Err(Error::ClaimedByOther { .. })), "{late:?}");
    let answer = Resolve { claim_epoch: 2, ..resolution(&passed.escalation, Verb::Approve) };
    world.engine.resolve(&other_reviewer(), answer).await.unwrap();
    assert_eq!(world.events(EventKind::EscalationHandedOff).await, 1);
}

#[tokio::test]
async fn nobody_is_given_what_they_may_not_answer() {
    let (world, question) = asked(CHAIN).await;
    for (name, role) in [
        ("dora", Role::Reviewer),
        ("robot", Role::Agent),
        ("claims", Role::Agent),
        ("ann", Role::Admin),
    ] {
        introduce(&world, name, &[role]).await;
    }
    for (to, why) in [
        ("dora", "it went to claims"),
        ("claims", "asked by them or for them"),
        ("robot", "it needs the role reviewer"),
        ("ann", "it needs the role reviewer"),
        ("nobody", "there is no principal `nobody`"),
    ] {
        let how = How::Assign { to: to.to_owned() };
        let refused = world.engine.pass_on(&supervisor(), pass(question.id, how)).await;
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains(why), "{to}: {refused}");
    }
    assert_eq!(world.escalation(question.id).await.claim, None, "nothing was changed");
}

#[tokio::test]
async fn a_supervisor_assigns_what_is_free_and_takes_over_what_is_not() {
    let world = World::new().await;
    introduce(&world, "bob", &[Role::Reviewer]).await;
    let question = world.escalate(world.run().await).await;
    let assign = || pass(question.id, How::Assign { to: "bob".to_owned() });
    let refused = world.engine.pass_on(&reviewer(), assign()).await;
    assert!(matches!(refused, Err(Error::RoleRequired { .. })), "{refused:?}");
    world.engine.claim(&reviewer(), "", question.id, ClaimStep::Claim(None)).await.unwrap();
    let held = world.engine.pass_on(&supervisor(), assign()).await;
    assert!(matches!(held, Err(Error::ClaimedByOther { .. })), "{held:?}");
    let over = pass(question.id, How::TakeOver);
    let over = world.engine.pass_on(&supervisor(), over).await.unwrap().value.escalation;
    let claim = over.claim.unwrap();
    assert_eq!((claim.holder.as_str(), claim.epoch, claim.assigner), ("sue", 2, None));
    let renew = ClaimStep::Renew { epoch: 1, lease: None };
    let fenced = world.engine.claim(&reviewer(), "", question.id, renew).await;
    assert!(matches!(fenced, Err(Error::ClaimedByOther { .. })), "{fenced:?}");
}

#[tokio::test]
async fn what_is_put_aside_is_nobodys_next_until_then() {
    let world = World::new().await;
    let question = world.escalate(world.run().await).await;
    world.engine.claim(&reviewer(), "", question.id, ClaimStep::Claim(None)).await.unwrap();
    let now = world.engine.now();
    for until in [now, question.expire_time, question.expire_time.plus(HOUR)] {
        let step = ClaimStep::Snooze { epoch: 1, until };
        let refused = world.engine.claim(&reviewer(), "", question.id, step).await;
        assert!(
            matches!(refused, Err(Error::InvalidField { ref field, .. }) if field == "until_time")
        );
    }
    let step = ClaimStep::Snooze { epoch: 1, until: now.plus(minutes(10)) };
    world.engine.claim(&reviewer(), "", question.id, step).await.unwrap();
    let seen = Nothing { open: 1, snoozed: 1, ..Nothing::default() };
    assert_eq!(next(&world, &other_reviewer()).await, Next::Nothing { seen, is_full: false });
    world.pass(minutes(10)).await;
    assert_eq!(next_id(&world, &other_reviewer()).await, question.id);
    assert_eq!(world.escalation(question.id).await.due_time, question.due_time, "no clock stopped");
}

#[tokio::test]
async fn what_nobody_can_answer_goes_straight_up_its_chain_and_says_so() {
    let world = World::new().await;
    for name in ["alice", "bob"] {
        introduce(&world, name, &[Role::Reviewer]).await;
    }
    introduce(&world, "carol", &[Role::Reviewer]).await;
    put(&world, CHAIN).await.unwrap();
    let asked = world.escalate(world.run().await).await;
    assert_eq!(asked.late, None);
    for name in ["alice", "bob"] {
        away(&world, name, "").await;
    }
    let widened = world.escalate(world.run().await).await;
    assert_eq!(widened.late, Some(LateReason::OffDuty));
    assert_eq!(widened.plan.as_ref().unwrap().teams, ["claims", "seniors"]);
    assert_eq!(
        events_of(&world, widened.id).await.get(..5).unwrap(),
        [
            EventKind::ActionEscalated,
            EventKind::EscalationOpened,
            EventKind::EscalationUnreached,
            EventKind::EscalationStepped,
            EventKind::EscalationStepped,
        ]
    );
    away(&world, "carol", "").await;
    let raised = world.escalate(world.run().await).await;
    assert!(raised.plan.as_ref().unwrap().wants_supervisor, "the supervisors are asked");
    assert_ne!(raised.state.name(), "expired", "the fallback is not taken before its time");
    assert_eq!(next_id(&world, &supervisor()).await, raised.id);
}

#[tokio::test]
async fn one_reviewer_who_asked_is_nobody() {
    let world = World::new().await.at_rest();
    introduce(&world, "claims", &[Role::Agent]).await;
    introduce(&world, "alice", &[Role::Reviewer]).await;
    let command = UpdatePrincipal {
        principal: "claims".to_owned(),
        owner: Some("alice".to_owned()),
        ..UpdatePrincipal::default()
    };
    world.engine.update_principal(&world::admin(), command).await.unwrap();
    let question = world.escalate(world.run().await).await;
    assert_eq!(question.late, Some(LateReason::NobodyEligible), "she owns the agent that asks");
    introduce(&world, "bob", &[Role::Reviewer]).await;
    let question = world.escalate(world.run().await).await;
    assert_eq!(question.late, None);
}

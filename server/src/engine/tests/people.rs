//! People: who may answer, up to where, and how many must say the same.

mod access;
mod conditions;

use super::queue::timers_of;
use super::world::*;
use crate::domain::action::ActionState;
use crate::domain::authority::{Authority, Holder, Limit};
use crate::domain::error::{AnswerError, Error};
use crate::domain::escalation::{Escalation, EscalationState, MAX_VOTES, ResolutionKind};
use crate::domain::event::EventKind;
use crate::domain::money::Money;
use crate::domain::principal::{Principal, Role};
use crate::domain::time::Span;
use crate::engine::escalations::ClaimStep;
use crate::engine::people::{AssignRole, BreakGlass, GrantAuthority, UpdatePrincipal};
use crate::engine::resolve::Verb;
use crate::engine::tokens::CreateToken;

/// Every refund waits; those over 5,000 for two people, over 20,000 for a supervisor.
const POLICY: &str = r#"
version: 1
default: allow
tools:
  refund: {amount: amount}
rules:
  - id: refund
    tools: [refund]
    effect: escalate
    reason: A refund needs a person.
  - id: large-refund
    tools: [refund]
    when: args.amount > 5000
    effect: escalate
    severity: critical
    quorum: 2
    reason: A large refund needs two people.
  - id: huge-refund
    tools: [refund]
    when: args.amount > 20000
    effect: require_approval
    severity: critical
    required_role: supervisor
    reason: A huge refund needs a supervisor.
"#;

async fn desk() -> World {
    World::new().await.reopened(POLICY, false).await
}

fn supervisor() -> Principal {
    principal("sue", &[Role::Supervisor])
}

async fn refund(world: &World, amount: u32) -> Escalation {
    let run = world.run().await;
    let arguments = serde_json::json!({"amount": amount, "to": "Anna"});
    world.propose(run, "refund", arguments).await.escalation.unwrap()
}

async fn grant(world: &World, holder: Holder, units: f64) -> Authority {
    let limit = Limit { max_amount: Some(Money::new(units, None)), ..Limit::default() };
    grant_within(world, holder, limit).await.unwrap()
}

async fn grant_within(world: &World, holder: Holder, limit: Limit) -> Result<Authority, Error> {
    let command = GrantAuthority {
        request_id: String::new(),
        holder,
        limit,
        start_time: None,
        end_time: None,
        reason: "as the board decided".to_owned(),
    };
    Ok(world.engine.grant_authority(&admin(), command).await?.value)
}

/// Revokes what there is before anybody granted any.
async fn revoke_built_in(world: &World) {
    let [built_in] = Authority::built_in();
    world.engine.revoke_authority(&admin(), "", built_in.id).await.unwrap();
}

async fn answer(
    world: &World,
    by: &Principal,
    question: &Escalation,
    verb: Verb,
) -> Result<Escalation, Error> {
    let now = world.escalation(question.id).await;
    let answer = world.engine.resolve(by, resolution(&now, verb)).await?;
    Ok(answer.value.escalation)
}

#[tokio::test]
async fn authority_is_checked_at_claim_at_resolve_and_at_redeem() {
    let world = desk().await;
    revoke_built_in(&world).await;
    let small = refund(&world, 400).await;
    let claim = ClaimStep::Claim(None);
    let refused = world.engine.claim(&reviewer(), "", small.id, claim).await;
    assert!(matches!(refused, Err(Error::AuthorityExceeded { .. })), "{refused:?}");
    let authority = grant(&world, Holder::Role(Role::Reviewer), 500.0).await;
    world.engine.claim(&reviewer(), "", small.id, claim).await.unwrap();
    world.engine.claim(&reviewer(), "", small.id, ClaimStep::Release { epoch: 1 }).await.unwrap();
    let large = refund(&world, 600).await;
    let refused = answer(&world, &reviewer(), &large, Verb::Approve).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "your authority does not cover this: yours reaches to 500, and this is 600; nobody can; \
         an admin has to grant authority"
    );
    assert_eq!(world.escalation(large.id).await.state, EscalationState::Open);

    let approved = answer(&world, &reviewer(), &small, Verb::Approve).await.unwrap();
    let action = approved.resolution.unwrap().action.unwrap();
    world.engine.revoke_authority(&admin(), "", authority.id).await.unwrap();
    let void = world.redeem(action).await;
    assert!(matches!(&void, Err(Error::ApprovalVoid { approver, .. }) if approver == "alice"));
    assert_eq!(world.action(action).await.state, ActionState::Granted, "nothing was used up");
}

#[tokio::test]
async fn an_edit_is_within_the_editors_own_authority() {
    let world = desk().await;
    revoke_built_in(&world).await;
    grant(&world, Holder::Principal("alice".to_owned()), 500.0).await;
    let question = refund(&world, 400).await;
    let edit = |amount: u32| Verb::Modify {
        arguments: format!(r#"{{"amount": {amount}, "to": "Anna"}}"#).into(),
        target: None,
    };
    let refused = answer(&world, &reviewer(), &question, edit(501)).await;
    assert!(matches!(refused, Err(Error::AuthorityExceeded { .. })), "{refused:?}");
    let edited = answer(&world, &reviewer(), &question, edit(300)).await.unwrap();
    assert_eq!(edited.resolution.unwrap().kind, ResolutionKind::Modified);
}

#[tokio::test]
async fn two_people_must_say_the_same_and_neither_sees_what_the_other_said() {
    let world = desk().await;
    let question = refund(&world, 6_000).await;
    assert_eq!(question.quorum, 2);
    let first = answer(&world, &reviewer(), &question, Verb::Approve).await.unwrap();
    assert_eq!((first.state, first.votes.len()), (EscalationState::Open, 1));
    assert_eq!(world.events(EventKind::EscalationVoted).await, 1);
    assert_eq!(world.action(question.action.unwrap()).await.state, ActionState::Escalated);
    let again = answer(&world, &reviewer(), &question, Verb::Approve).await;
    assert!(matches!(again, Err(Error::AlreadyVoted { .. })), "{again:?}");
    let claim = world.engine.claim(&reviewer(), "", question.id, ClaimStep::Claim(None)).await;
    assert!(matches!(claim, Err(Error::AlreadyVoted { .. })), "{claim:?}");

    // Another edit is another answer: nothing is decided by one of each.
    let edit = Verb::Modify { arguments: r#"{"amount": 5500}"#.into(), target: None };
    let second = answer(&world, &other_reviewer(), &question, edit.clone()).await.unwrap();
    assert_eq!((second.state, second.votes.len()), (EscalationState::Open, 2));
    let carl = principal("carl", &[Role::Reviewer]);
    let third = answer(&world, &carl, &question, edit).await.unwrap();
    let resolution = third.resolution.unwrap();
    assert_eq!(
        (third.state, resolution.kind),
        (EscalationState::Resolved, ResolutionKind::Modified)
    );
    let names: Vec<_> = resolution.approvers.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["bob", "carl"], "those who said exactly this");
    world.redeem(resolution.action.unwrap()).await.unwrap();
}

#[tokio::test]
async fn who_has_answered_gives_the_question_back_and_it_keeps_its_one_timer() {
    let world = desk().await;
    let question = refund(&world, 6_000).await;
    let claim = world.engine.claim(&reviewer(), "", question.id, ClaimStep::Claim(None)).await;
    let claimed = claim.unwrap().value.escalation;
    let mut command = resolution(&claimed, Verb::Approve);
    command.claim_epoch = 1;
    world.engine.resolve(&reviewer(), command).await.unwrap();
    assert_eq!(timers_of(&world, question.id).await.len(), 1);
    let bob = other_reviewer();
    let claim = world.engine.claim(&bob, "", question.id, ClaimStep::Claim(None));
    assert_eq!(claim.await.unwrap().value.escalation.claim.map(|it| it.epoch), Some(2));
    world.pass(Span::from_secs(8 * 24 * 3_600)).await;
    assert_eq!(world.escalation(question.id).await.state, EscalationState::Expired);
    assert_eq!(timers_of(&world, question.id).await, []);
}

#[tokio::test]
async fn of_many_who_disagree_so_many_are_kept_and_a_rejection_still_ends_it() {
    let world = desk().await;
    let question = refund(&world, 6_000).await;
    let edit = |amount: usize| Verb::Modify {
        arguments: format!(r#"{{"amount": {amount}}}"#).into(),
        target: None,
    };
    for number in 0..MAX_VOTES {
        let by = principal(&format!("reviewer-{number}"), &[Role::Reviewer]);
        answer(&world, &by, &question, edit(5_001 + number)).await.unwrap();
    }
    let full = answer(&world, &supervisor(), &question, edit(7_000)).await;
    assert!(
        matches!(full, Err(Error::Answer(AnswerError::VotesFull { limit: MAX_VOTES, .. }))),
        "{full:?}"
    );
    let no = Verb::Reject { reason_code: String::new() };
    let rejected = answer(&world, &supervisor(), &question, no).await.unwrap();
    assert_eq!(rejected.state, EscalationState::Resolved);
}

#[tokio::test]
async fn one_rejection_is_enough_and_one_person_is_one_vote() {
    let world = desk().await;
    let question = refund(&world, 6_000).await;
    let same = UpdatePrincipal {
        principal: "bob".to_owned(),
        person: Some("alice".to_owned()),
        ..UpdatePrincipal::default()
    };
    world.engine.update_principal(&admin(), same).await.unwrap();
    answer(&world, &reviewer(), &question, Verb::Approve).await.unwrap();
    let twice = answer(&world, &other_reviewer(), &question, Verb::Approve).await;
    assert!(matches!(&twice, Err(Error::AlreadyVoted { by, .. }) if by == "alice"), "{twice:?}");
    let no = Verb::Reject { reason_code: String::new() };
    let rejected = answer(&world, &supervisor(), &question, no).await.unwrap();
    assert_eq!(rejected.resolution.unwrap().kind, ResolutionKind::Rejected);
}

#[tokio::test]
async fn a_role_that_is_wanted_is_wanted_at_claim_and_at_resolve() {
    let world = desk().await;
    let question = refund(&world, 21_000).await;
    assert_eq!(question.required_role, Some(Role::Supervisor));
    let claim = world.engine.claim(&reviewer(), "", question.id, ClaimStep::Claim(None)).await;
    assert!(matches!(claim, Err(Error::RoleRequired { role: "supervisor" })), "{claim:?}");
    let refused = answer(&world, &reviewer(), &question, Verb::Approve).await;
    assert!(matches!(refused, Err(Error::RoleRequired { role: "supervisor" })), "{refused:?}");
    answer(&world, &supervisor(), &question, Verb::Approve).await.unwrap();
}

#[tokio::test]
async fn the_owner_of_an_agent_does_not_approve_it_under_any_name() {
    let world = desk().await;
    let owned = UpdatePrincipal {
        principal: "claims".to_owned(),
        owner: Some("bob".to_owned()),
        ..UpdatePrincipal::default()
    };
    world.engine.update_principal(&admin(), owned).await.unwrap();
    let alias = UpdatePrincipal {
        principal: "alice".to_owned(),
        person: Some("bob".to_owned()),
        ..UpdatePrincipal::default()
    };
    world.engine.update_principal(&admin(), alias).await.unwrap();
    let question = refund(&world, 400).await;
    for by in [reviewer(), other_reviewer()] {
        let refused = answer(&world, &by, &question, Verb::Approve).await;
        assert!(matches!(refused, Err(Error::SelfReview { .. })), "{refused:?}");
    }
    answer(&world, &supervisor(), &question, Verb::Approve).await.unwrap();
}

#[tokio::test]
async fn glass_is_broken_by_a_supervisor_for_a_short_time_and_loudly() {
    let world = desk().await;
    revoke_built_in(&world).await;
    let question = refund(&world, 400).await;
    let now = BreakGlass { reason: "the desk burns".to_owned(), ..BreakGlass::default() };
    let refused = world.engine.break_glass(&reviewer(), now.clone()).await;
    assert!(matches!(refused, Err(Error::RoleRequired { .. })), "{refused:?}");
    let silent = world.engine.break_glass(&supervisor(), BreakGlass::default()).await;
    assert!(matches!(silent, Err(Error::InvalidField { .. })), "{silent:?}");
    let taken = world.engine.break_glass(&supervisor(), now).await.unwrap().value;
    assert!(taken.is_break_glass);
    assert_eq!(world.events(EventKind::AuthorityGlassBroken).await, 1);
    let approved = answer(&world, &supervisor(), &question, Verb::Approve).await.unwrap();
    assert_eq!(approved.resolution.unwrap().approvers[0].authority, taken.id);
    world.clock.advance(Span::from_secs(16 * 60));
    let late = answer(&world, &supervisor(), &refund(&world, 1).await, Verb::Approve).await;
    assert!(matches!(late, Err(Error::AuthorityExceeded { .. })), "{late:?}");
}

fn token_for(principal: &str, role: Role) -> CreateToken {
    CreateToken {
        request_id: String::new(),
        principal: principal.to_owned(),
        roles: vec![role],
        ttl: None,
    }
}

#[tokio::test]
async fn assigned_roles_count_from_their_start_to_their_end_and_exclude_each_other() {
    let world = desk().await;
    let engine = &world.engine;
    let token = engine.create_token(&admin(), token_for("dora", Role::Auditor)).await.unwrap();
    let secret = token.value.secret;
    let roles = async || engine.authenticate(&secret).await.unwrap().roles;
    assert_eq!(roles().await, [Role::Auditor]);
    let hour = Span::from_secs(3_600);
    let assign = |role: Role| AssignRole {
        request_id: String::new(),
        principal: "dora".to_owned(),
        role,
        start_time: Some(world.engine.now().plus(hour)),
        end_time: Some(world.engine.now().plus(hour).plus(hour)),
    };
    engine.assign_role(&admin(), assign(Role::Reviewer)).await.unwrap();
    let agent = engine.assign_role(&admin(), assign(Role::Agent)).await;
    assert!(matches!(agent, Err(Error::RolesConflict)), "{agent:?}");
    let agent = engine.create_token(&admin(), token_for("dora", Role::Agent)).await;
    assert!(matches!(agent, Err(Error::RolesConflict)), "an assignment to come: {agent:?}");
    assert_eq!(roles().await, [Role::Auditor]);
    world.clock.advance(hour);
    assert_eq!(roles().await, [Role::Auditor, Role::Reviewer]);
    world.clock.advance(hour);
    assert_eq!(roles().await, [Role::Auditor]);
    engine.create_token(&admin(), token_for("dora", Role::Agent)).await.unwrap();
}

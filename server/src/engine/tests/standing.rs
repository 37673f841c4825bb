//! What is taken from somebody after an approval takes the approval with it.

use super::world::*;
use crate::domain::action::ActionState;
use crate::domain::authority::{Authority, Holder, Limit};
use crate::domain::error::Error;
use crate::domain::escalation::{Approver, Escalation};
use crate::domain::ids::ActionId;
use crate::domain::principal::{Credential, Principal, Role, Token};
use crate::domain::time::Span;
use crate::engine::people::{AssignRole, GrantAuthority, UpdatePrincipal};
use crate::engine::resolve::Verb;
use crate::engine::resumptions::ClaimResumptions;
use crate::engine::reverse::{Reverse, Reversed};
use crate::engine::tokens::CreateToken;

/// Refunds wait for a person, above 5,000 for two, above 20,000 for a supervisor.
const POLICY: &str = r#"
version: 1
default: allow
tools:
  refund: {amount: amount, compensation: charge}
  charge: {}
rules:
  - id: refund
    tools: [refund]
    effect: escalate
    reason: A refund needs a person.
  - id: large
    tools: [refund]
    when: args.amount > 5000
    effect: escalate
    severity: critical
    quorum: 2
    reason: A large refund needs two people.
  - id: huge
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

/// Somebody with a token of the server's own, which lasts so many seconds.
async fn somebody(world: &World, name: &str, role: Role, lasts: i64) -> (Principal, Token) {
    let command = CreateToken {
        request_id: String::new(),
        principal: name.to_owned(),
        roles: vec![role],
        ttl: Some(Span::from_secs(lasts)),
    };
    let made = world.engine.create_token(&admin(), command).await.unwrap().value;
    (world.engine.authenticate(&made.secret).await.unwrap(), made.token)
}

/// Dora, an auditor by a token, to whom a role is assigned for so many seconds.
async fn dora(world: &World, role: Role, lasts: i64) -> Principal {
    let (_, token) = somebody(world, "dora", Role::Auditor, 3_600).await;
    assign(world, role, lasts).await;
    let credential = Credential { token: Some(token.id), roles: vec![Role::Auditor] };
    let mut dora = Principal::new("default".to_owned(), "dora".to_owned(), credential);
    dora.roles.push(role);
    dora
}

async fn assign(world: &World, role: Role, lasts: i64) {
    let command = AssignRole {
        request_id: String::new(),
        principal: "dora".to_owned(),
        role,
        start_time: None,
        end_time: Some(world.engine.now().plus(Span::from_secs(lasts))),
    };
    world.engine.assign_role(&admin(), command).await.unwrap();
}

async fn unassign(world: &World, role: Role) {
    world.engine.unassign_role(&admin(), "", "dora", role).await.unwrap();
}

async fn refund(world: &World, amount: u32) -> Escalation {
    let arguments = serde_json::json!({"amount": amount, "to": "Anna"});
    world.propose(world.run().await, "refund", arguments).await.escalation.unwrap()
}

async fn answered(world: &World, by: &Principal, question: &Escalation, verb: Verb) -> Escalation {
    let now = world.escalation(question.id).await;
    world.engine.resolve(by, resolution(&now, verb)).await.unwrap().value.escalation
}

/// What somebody approved.
async fn approved(world: &World, by: &Principal, amount: u32) -> ActionId {
    let question = refund(world, amount).await;
    let answered = answered(world, by, &question, Verb::Approve).await;
    answered.resolution.and_then(|it| it.action).unwrap_or_else(|| question.action.unwrap())
}

/// Redeeming is refused for this reason, and nothing is used up.
async fn assert_void(world: &World, action: ActionId, who: &str, reason: &str) {
    match world.redeem(action).await {
        Err(Error::ApprovalVoid { approver, why, .. }) => {
            assert_eq!((approver.as_str(), why.as_str()), (who, reason));
        }
        other => panic!("not void: {other:?}"),
    }
    assert_eq!(world.action(action).await.state, ActionState::Granted);
}

#[tokio::test]
async fn a_role_that_was_taken_back_since_permits_nothing_until_it_is_assigned_again() {
    let world = desk().await;
    let dora = dora(&world, Role::Reviewer, 3_600).await;
    let action = approved(&world, &dora, 400).await;
    unassign(&world, Role::Reviewer).await;
    assert_void(&world, action, "dora", "it has the role `reviewer` no longer").await;
    assign(&world, Role::Reviewer, 60).await;
    world.redeem(action).await.unwrap();
    // Nor does one that has ended.
    let action = approved(&world, &dora, 401).await;
    world.clock.advance(Span::from_secs(60));
    assert_void(&world, action, "dora", "it has the role `reviewer` no longer").await;
}

#[tokio::test]
async fn what_was_answered_with_a_token_that_was_revoked_since_does_not_run() {
    let world = desk().await;
    let (rita, token) = somebody(&world, "rita", Role::Reviewer, 60).await;
    let (first, second) = (approved(&world, &rita, 400).await, approved(&world, &rita, 401).await);
    // One that has merely expired was good when it was used.
    world.clock.advance(Span::from_secs(61));
    world.redeem(first).await.unwrap();
    world.engine.revoke_token(&admin(), "", token.id).await.unwrap();
    assert_void(&world, second, "rita", "the token that it answered with was revoked").await;
}

#[tokio::test]
async fn the_role_that_a_question_or_an_edit_wants_is_wanted_until_it_runs() {
    let world = desk().await;
    let (_, token) = somebody(&world, "dora", Role::Reviewer, 3_600).await;
    assign(&world, Role::Supervisor, 3_600).await;
    let credential = Credential { token: Some(token.id), roles: vec![Role::Reviewer] };
    let mut dora = Principal::new("default".to_owned(), "dora".to_owned(), credential);
    dora.roles.push(Role::Supervisor);
    let sam = principal("sam", &[Role::Supervisor]);
    let huge = approved(&world, &dora, 21_000).await;
    let small = approved(&world, &dora, 400).await;
    unassign(&world, Role::Supervisor).await;
    assert_void(&world, huge, "dora", "it has the role `supervisor` no longer").await;
    world.redeem(small).await.unwrap();

    // The edit wants more than the question does.
    assign(&world, Role::Supervisor, 3_600).await;
    let question = refund(&world, 6_000).await;
    let edit = Verb::Modify { arguments: r#"{"amount": 22000}"#.into(), target: None };
    answered(&world, &sam, &question, edit.clone()).await;
    let edited = answered(&world, &dora, &question, edit).await;
    let edited = edited.resolution.unwrap().action.unwrap();
    unassign(&world, Role::Supervisor).await;
    assert_void(&world, edited, "dora", "it has the role `supervisor` no longer").await;
}

#[tokio::test]
async fn an_authority_of_a_role_goes_with_the_role() {
    let world = desk().await;
    let [built_in] = Authority::built_in();
    world.engine.revoke_authority(&admin(), "", built_in.id).await.unwrap();
    let command = GrantAuthority {
        request_id: String::new(),
        holder: Holder::Role(Role::Supervisor),
        limit: Limit::default(),
        start_time: None,
        end_time: None,
        reason: "as the board decided".to_owned(),
    };
    world.engine.grant_authority(&admin(), command).await.unwrap();
    let mut dora = dora(&world, Role::Supervisor, 3_600).await;
    assign(&world, Role::Reviewer, 3_600).await;
    dora.roles.push(Role::Reviewer);
    let action = approved(&world, &dora, 400).await;
    unassign(&world, Role::Supervisor).await;
    let why = "it has the role that holds its authority no longer";
    assert_void(&world, action, "dora", why).await;
}

#[tokio::test]
async fn four_eyes_are_four_and_two_people_two_until_it_runs() {
    let world = desk().await;
    let (owned, large) = (approved(&world, &reviewer(), 400).await, refund(&world, 6_000).await);
    answered(&world, &reviewer(), &large, Verb::Approve).await;
    let large = answered(&world, &other_reviewer(), &large, Verb::Approve).await;
    let large = large.resolution.unwrap().action.unwrap();
    let name = |principal: &str, person: Option<&str>, owner: Option<&str>| UpdatePrincipal {
        principal: principal.to_owned(),
        person: person.map(str::to_owned),
        owner: owner.map(str::to_owned),
        ..UpdatePrincipal::default()
    };
    let same = name("bob", Some("alice"), None);
    world.engine.update_principal(&admin(), same).await.unwrap();
    assert_void(&world, large, "bob", "it is one person with another who approved").await;
    let owner = name("claims", None, Some("alice"));
    world.engine.update_principal(&admin(), owner).await.unwrap();
    assert_void(&world, owned, "alice", "it is the one who asked, or for whom it was asked").await;
}

#[tokio::test]
async fn what_undoes_an_action_is_permitted_by_who_took_it_back() {
    let world = desk().await;
    let (rita, token) = somebody(&world, "rita", Role::Reviewer, 3_600).await;
    let ran = approved(&world, &reviewer(), 400).await;
    world.redeem(ran).await.unwrap();
    world.report(ran).await.unwrap();
    let command = Reverse {
        request_id: String::new(),
        what: Reversed::Action(ran),
        reason: "the wrong customer".to_owned(),
    };
    world.engine.reverse(&rita, command).await.unwrap();
    let counter = world.action(ran).await.reversion.unwrap().compensation.unwrap();
    let claim = ClaimResumptions::default();
    world.engine.claim_resumptions(&agent(), claim).await.unwrap();
    world.engine.revoke_token(&admin(), "", token.id).await.unwrap();
    assert_void(&world, counter, "rita", "the token that it answered with was revoked").await;
}

#[tokio::test]
async fn of_what_was_answered_before_this_was_recorded_the_authority_counts() {
    let world = desk().await;
    let action = approved(&world, &reviewer(), 400).await;
    let question = world.escalation(world.action(action).await.escalation.unwrap()).await;
    let [now] = question.resolution.clone().unwrap().approvers.try_into().unwrap();
    let mut stored = serde_json::to_value(&now).unwrap();
    assert!(stored.as_object_mut().unwrap().remove("standing").is_some());
    let before: Approver = serde_json::from_value(stored).unwrap();
    let people = world.engine.people("default").await.unwrap();
    assert_eq!(before.why_void(&question, &people, true, world.engine.now()), None);
    assert!(now.why_void(&question, &people, true, world.engine.now()).is_some());
}

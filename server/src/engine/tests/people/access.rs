//! What a check says is what whoever tries is told.

use super::*;
use crate::domain::escalation::SeverityTier;
use crate::domain::money::Stake;
use crate::engine::Need;
use crate::engine::access::{Access, HeldRole, MadeUp, Wanted};

/// What a check says, and what claiming says to the same person a moment later.
async fn both(world: &World, who: &Principal, question: &Escalation) -> (Access, Option<Error>) {
    let wanted = Wanted::Answer(question.id);
    let checked = world.engine.check_access(who, "", &wanted).await.unwrap();
    let claim = world.engine.claim(who, "", question.id, ClaimStep::Claim(None)).await;
    if let Ok(claimed) = &claim {
        let epoch = claimed.value.escalation.live_claim(world.engine.now()).unwrap().epoch;
        let release = ClaimStep::Release { epoch };
        world.engine.claim(who, "", question.id, release).await.unwrap();
    }
    (checked, claim.err())
}

fn like(units: f64) -> MadeUp {
    MadeUp {
        lane: "money".to_owned(),
        tool: "refund".to_owned(),
        severity: SeverityTier::High,
        stake: Stake::Amount(Money::new(units, None)),
    }
}

async fn token(world: &World, name: &str, role: Role) {
    let roles = vec![role];
    let command = CreateToken {
        request_id: String::new(),
        principal: name.to_owned(),
        roles,
        ttl: Some(Span::from_secs(3_600)),
    };
    world.engine.create_token(&admin(), command).await.unwrap();
}

#[tokio::test]
async fn a_check_of_a_question_says_what_a_claim_says() {
    let world = desk().await;
    revoke_built_in(&world).await;
    grant(&world, Holder::Principal("alice".to_owned()), 500.0).await;
    grant(&world, Holder::Principal("claims".to_owned()), 500.0).await;
    let (small, large) = (refund(&world, 400).await, refund(&world, 6_000).await);
    let huge = refund(&world, 30_000).await;
    grant(&world, Holder::Role(Role::Supervisor), 50_000.0).await;
    let owner = principal("claims", &[Role::Reviewer]);
    let mut heard = Vec::new();
    for who in [reviewer(), other_reviewer(), owner, supervisor(), admin()] {
        for question in [&small, &large, &huge] {
            let (checked, told) = both(&world, &who, question).await;
            match (&checked, &told) {
                (Access::Allowed(Some(_)), None) => heard.push("yes"),
                (Access::Refused { error, .. }, Some(told)) if error == told => heard.push("no"),
                _ => panic!("{} of {}: {checked:?}, but {told:?}", who.name, question.id),
            }
        }
    }
    let yes = heard.iter().filter(|it| **it == "yes").count();
    assert_eq!((yes, heard.len()), (4, 15), "alice the small one, sue all three: {heard:?}");
}

#[tokio::test]
async fn a_closed_question_and_ones_own_vote_are_a_no() {
    let world = desk().await;
    let (closed, twice) = (refund(&world, 400).await, refund(&world, 6_000).await);
    answer(&world, &other_reviewer(), &closed, Verb::Approve).await.unwrap();
    answer(&world, &reviewer(), &twice, Verb::Approve).await.unwrap();
    for (question, by) in [(closed, "alice"), (twice.clone(), "alice")] {
        let (checked, told) = both(&world, &reviewer(), &question).await;
        let Access::Refused { error, .. } = checked else { panic!("{by}: {checked:?}") };
        assert_eq!(Some(error), told);
    }
    let (checked, _) = both(&world, &other_reviewer(), &twice).await;
    assert!(matches!(checked, Access::Allowed(_)), "bob has not answered: {checked:?}");
}

#[tokio::test]
async fn a_check_changes_nothing_and_leaves_no_event() {
    let world = desk().await;
    let question = refund(&world, 400).await;
    let before = world.engine.server_info(&admin()).await.unwrap().sequence;
    for wanted in
        [Wanted::Answer(question.id), Wanted::AnswerLike(like(1.0)), Wanted::Call(Need::Admin)]
    {
        world.engine.check_access(&reviewer(), "", &wanted).await.unwrap();
        world.engine.check_access(&agent(), "", &wanted).await.unwrap();
    }
    let after = world.engine.server_info(&admin()).await.unwrap().sequence;
    assert_eq!(after, before);
    assert_eq!(world.escalation(question.id).await, question);
}

#[tokio::test]
async fn somebody_elses_access_is_for_admins_and_counts_what_is_assigned_and_held() {
    let world = desk().await;
    token(&world, "carol", Role::Auditor).await;
    let assign = AssignRole {
        request_id: String::new(),
        principal: "carol".to_owned(),
        role: Role::Reviewer,
        start_time: None,
        end_time: Some(world.engine.now().plus(Span::from_secs(60))),
    };
    world.engine.assign_role(&admin(), assign).await.unwrap();
    let check = |caller: Principal, name: &'static str| {
        let engine = world.engine.clone();
        async move { engine.check_access(&caller, name, &Wanted::AnswerLike(like(7_000.0))).await }
    };
    let refused = check(reviewer(), "carol").await;
    assert!(matches!(refused, Err(Error::RoleRequired { role: "admin" })), "{refused:?}");
    let unknown = check(admin(), "nobody").await;
    assert!(matches!(unknown, Err(Error::NotFound { .. })), "{unknown:?}");
    let allowed = check(admin(), "carol").await.unwrap();
    assert!(matches!(allowed, Access::Allowed(Some(_))), "{allowed:?}");
    let needs = [Need::Reviewer, Need::Auditor, Need::Admin];
    let met = world.engine.check_needs(&admin(), "carol", &needs).await.unwrap();
    assert_eq!(met, [true, true, false]);
    world.clock.advance(Span::from_secs(60));
    let ended = check(admin(), "carol").await.unwrap();
    let Access::Refused { error, .. } = ended else { panic!("{ended:?}") };
    assert!(matches!(error, Error::RoleRequired { role: "reviewer" }), "{error:?}");
}

#[tokio::test]
async fn a_made_up_question_is_weighed_like_a_real_one_and_says_where_the_call_decides() {
    let world = desk().await;
    revoke_built_in(&world).await;
    grant(&world, Holder::Principal("alice".to_owned()), 5_000.0).await;
    let check = async |made_up: MadeUp| {
        world.engine.check_access(&reviewer(), "", &Wanted::AnswerLike(made_up)).await
    };
    assert!(matches!(check(like(5_000.0)).await.unwrap(), Access::Allowed(Some(_))));
    let refused = check(like(7_000.0)).await.unwrap();
    let Access::Refused { error, depends_on_call } = refused else { panic!("{refused:?}") };
    assert_eq!((depends_on_call, error.to_string()), (false, "your authority does not cover this: yours reaches to 5000, and this is 7000; nobody can; an admin has to grant authority".to_owned()));
    let only_anna =
        Limit { condition: Some(r#"args.to == "Anna""#.to_owned()), ..Limit::default() };
    grant_within(&world, Holder::Principal("alice".to_owned()), only_anna).await.unwrap();
    let depends = check(like(7_000.0)).await.unwrap();
    assert!(matches!(depends, Access::Refused { depends_on_call: true, .. }), "{depends:?}");
    let nowhere = check(MadeUp { lane: String::new(), ..like(1.0) }).await;
    assert!(matches!(nowhere, Err(Error::InvalidField { .. })), "{nowhere:?}");
}

#[tokio::test]
async fn an_agent_learns_nothing_of_others_questions() {
    let world = desk().await;
    let question = refund(&world, 400).await;
    let other = principal("other-agent", &[Role::Agent]);
    let hidden = world.engine.check_access(&other, "", &Wanted::Answer(question.id)).await;
    assert!(matches!(hidden, Err(Error::NotFound { .. })), "{hidden:?}");
    let own = world.engine.check_access(&agent(), "", &Wanted::Answer(question.id)).await.unwrap();
    let Access::Refused { error, .. } = own else { panic!("{own:?}") };
    assert!(matches!(error, Error::RoleRequired { role: "reviewer" }), "{error:?}");
}

#[tokio::test]
async fn a_caller_is_told_its_roles_and_until_when_they_count() {
    let world = desk().await;
    let command = CreateToken {
        request_id: String::new(),
        principal: "carol".to_owned(),
        roles: vec![Role::Auditor],
        ttl: Some(Span::from_secs(3_600)),
    };
    let made = world.engine.create_token(&admin(), command).await.unwrap().value;
    let until = Some(world.engine.now().plus(Span::from_secs(60)));
    let assign = AssignRole {
        request_id: String::new(),
        principal: "carol".to_owned(),
        role: Role::Supervisor,
        start_time: None,
        end_time: until,
    };
    world.engine.assign_role(&admin(), assign).await.unwrap();
    let carol = world.engine.authenticate(&made.secret).await.unwrap();
    let told = world.engine.caller(&carol).await.unwrap();
    let role = |role, is_assigned, end_time| HeldRole { role, is_assigned, end_time };
    let expire_time = made.token.expire_time;
    assert!(expire_time.is_some());
    assert_eq!(
        told.roles,
        [role(Role::Auditor, false, expire_time), role(Role::Supervisor, true, until)]
    );
    assert_eq!(told.token.map(|token| token.id), Some(made.token.id));
    assert_eq!(told.availability.map(|it| it.is_off_duty), Some(false));
}

//! Authority that holds where a condition does: by what the call says, at every step.

use super::*;
use crate::engine::queue::{ClaimNext, Next};
use crate::engine::reverse::{Reverse, Reversed};

const ANNAS: &str = r#"args.to == "Anna""#;

async fn grant_where(world: &World, holder: &str, condition: &str) -> Result<Authority, Error> {
    let limit = Limit { condition: Some(condition.to_owned()), ..Limit::default() };
    grant_within(world, Holder::Principal(holder.to_owned()), limit).await
}

async fn refund_to(world: &World, to: &str) -> Escalation {
    let run = world.run().await;
    let arguments = serde_json::json!({"amount": 400, "to": to});
    world.propose(run, "refund", arguments).await.escalation.unwrap()
}

/// A desk at which alice answers refunds to Anna alone.
async fn annas_desk() -> World {
    let world = desk().await;
    revoke_built_in(&world).await;
    grant_where(&world, "alice", ANNAS).await.unwrap();
    world
}

#[tokio::test]
async fn an_authority_holds_where_its_condition_does() {
    let world = annas_desk().await;
    let (hers, his) = (refund_to(&world, "Anna").await, refund_to(&world, "Bert").await);
    let claim = ClaimStep::Claim(None);
    let refused = world.engine.claim(&reviewer(), "", his.id, claim).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        r#"your authority does not cover this: yours holds where `args.to == "Anna"`, and this is not so; nobody can; an admin has to grant authority"#
    );
    let refused = answer(&world, &reviewer(), &his, Verb::Approve).await;
    assert!(matches!(refused, Err(Error::AuthorityExceeded { .. })), "{refused:?}");
    world.engine.claim(&reviewer(), "", hers.id, claim).await.unwrap();
    world.engine.claim(&reviewer(), "", hers.id, ClaimStep::Release { epoch: 1 }).await.unwrap();
    let approved = answer(&world, &reviewer(), &hers, Verb::Approve).await.unwrap();
    world.redeem(approved.resolution.unwrap().action.unwrap()).await.unwrap();
}

#[tokio::test]
async fn an_edit_is_looked_at_as_it_was_edited() {
    let world = annas_desk().await;
    let question = refund_to(&world, "Anna").await;
    let edit = |to: &str| Verb::Modify {
        arguments: format!(r#"{{"amount": 300, "to": "{to}"}}"#).into(),
        target: None,
    };
    let refused = answer(&world, &reviewer(), &question, edit("Bert")).await;
    assert!(matches!(refused, Err(Error::AuthorityExceeded { .. })), "{refused:?}");
    answer(&world, &reviewer(), &question, edit("Anna")).await.unwrap();
}

#[tokio::test]
async fn claim_next_passes_over_what_conditions_exclude_and_leaves_it_to_others() {
    let world = annas_desk().await;
    // More than one call tries.
    for _ in 0..40 {
        refund_to(&world, "Bert").await;
    }
    let hers = refund_to(&world, "Anna").await;
    let next = || async {
        match world.engine.claim_next(&reviewer(), ClaimNext::default()).await {
            Ok(answer) => Ok(answer.value),
            Err(error) => Err(error),
        }
    };
    let first = next().await;
    assert!(matches!(first, Err(Error::Overloaded { .. })), "{first:?}");
    let Ok(Next::Claimed(claimed, _)) = next().await else { panic!("hers was not reached") };
    assert_eq!(claimed.escalation.id, hers.id);
    let Ok(Next::Nothing { seen, .. }) = next().await else { panic!("there is no other") };
    assert_eq!((seen.not_yours, seen.held), (40, 1));

    let limit = Limit::default();
    grant_within(&world, Holder::Principal("alice".to_owned()), limit).await.unwrap();
    let Ok(Next::Claimed(..)) = next().await else { panic!("what was refused is not for ever") };
}

#[tokio::test]
async fn taking_back_asks_for_the_same_authority() {
    let world = annas_desk().await;
    grant(&world, Holder::Principal("bob".to_owned()), 1_000.0).await;
    let bob = principal("bob", &[Role::Reviewer]);
    let question = refund_to(&world, "Bert").await;
    let approved = answer(&world, &bob, &question, Verb::Approve).await.unwrap();
    let action = approved.resolution.unwrap().action.unwrap();
    let command = || Reverse {
        request_id: String::new(),
        what: Reversed::Action(action),
        reason: "the wrong one".to_owned(),
    };
    let refused = world.engine.reverse(&reviewer(), command()).await;
    assert!(matches!(refused, Err(Error::AuthorityExceeded { .. })), "{refused:?}");
    world.engine.reverse(&bob, command()).await.unwrap();
}

#[tokio::test]
async fn a_condition_that_cannot_be_said_of_a_call_holds_nowhere() {
    let world = desk().await;
    revoke_built_in(&world).await;
    grant_where(&world, "alice", r#"args.nothing == "Anna""#).await.unwrap();
    let question = refund_to(&world, "Anna").await;
    let refused = answer(&world, &reviewer(), &question, Verb::Approve).await;
    assert!(matches!(refused, Err(Error::AuthorityExceeded { .. })), "{refused:?}");
}

#[tokio::test]
async fn conditions_speak_of_the_call_alone() {
    let world = desk().await;
    for (condition, problem) in [
        ("args.to ==", "limit.condition"),
        ("1 + 1 == 2 && unknown", "unknown"),
        ("confidence > 0.9", "`confidence` is not for authority"),
        ("run.goal == 'x'", "`run.goal` is not for authority"),
        ("action.confidence > 0.9", "`action.confidence` is not for authority"),
    ] {
        let refused = grant_where(&world, "alice", condition).await.unwrap_err();
        let text = format!("{refused:?}");
        assert!(text.contains("limit.condition") && text.contains(problem), "{text}");
    }
}

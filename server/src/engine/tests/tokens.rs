//! Tokens: hashed, revocable, and never agent and reviewer at once.

use super::world::*;
use crate::domain::error::Error;
use crate::domain::principal::Role;
use crate::domain::time::Span;
use crate::engine::tokens::CreateToken;

fn token(principal: &str, roles: &[Role], ttl: Option<Span>) -> CreateToken {
    CreateToken {
        request_id: String::new(),
        principal: principal.to_owned(),
        roles: roles.to_vec(),
        ttl,
    }
}

#[tokio::test]
async fn a_token_speaks_for_its_principal_until_it_is_revoked_or_expires() {
    let world = World::new().await;
    let command = token("carol", &[Role::Reviewer], Some(Span::from_secs(600)));
    let made = world.engine.create_token(&admin(), command).await.unwrap().value;
    let caller = world.engine.authenticate(&made.secret).await.unwrap();
    assert_eq!((caller.name.as_str(), caller.roles), ("carol", vec![Role::Reviewer]));
    world.clock.advance(Span::from_secs(600));
    assert_eq!(world.engine.authenticate(&made.secret).await, Err(Error::TokenInvalid));
    let lasting = token("carol", &[Role::Reviewer], None);
    let made = world.engine.create_token(&admin(), lasting).await.unwrap().value;
    world.engine.authenticate(&made.secret).await.unwrap();
    world.engine.revoke_token(&admin(), "", made.token.id).await.unwrap();
    assert_eq!(world.engine.authenticate(&made.secret).await, Err(Error::TokenInvalid));
    assert_eq!(world.engine.authenticate("pmt_unknown").await, Err(Error::TokenInvalid));
}

#[tokio::test]
async fn nobody_is_agent_and_reviewer_even_with_two_tokens() {
    let world = World::new().await;
    let both = token("dave", &[Role::Agent, Role::Reviewer], None);
    let refused = world.engine.create_token(&admin(), both).await;
    assert_eq!(refused.err(), Some(Error::RolesConflict));
    world.engine.create_token(&admin(), token("dave", &[Role::Agent], None)).await.unwrap();
    let second = token("dave", &[Role::Reviewer], None);
    assert_eq!(world.engine.create_token(&admin(), second).await.err(), Some(Error::RolesConflict));
    let by_agent = world.engine.create_token(&agent(), token("eve", &[Role::Admin], None)).await;
    assert!(matches!(by_agent.err(), Some(Error::RoleRequired { role: "admin" })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_tokens_that_exclude_each_other_and_are_made_at_once_one_kind_wins() {
    let world = World::new().await;
    for round in 0..20 {
        let name = format!("dave-{round}");
        let makers = (0..8).map(|number| {
            let role = [Role::Agent, Role::Reviewer][number % 2];
            let (engine, command) = (world.engine.clone(), token(&name, &[role], None));
            tokio::spawn(async move { (role, engine.create_token(&admin(), command).await) })
        });
        let mut won = std::collections::BTreeSet::new();
        for maker in makers.collect::<Vec<_>>() {
            match maker.await.unwrap() {
                (role, Ok(_)) => _ = won.insert(role),
                (_, Err(error)) => assert_eq!(error, Error::RolesConflict),
            }
        }
        assert_eq!(won.len(), 1, "{name} is {won:?}");
    }
}

#[tokio::test]
async fn a_revoked_or_expired_token_no_longer_excludes() {
    let world = World::new().await;
    let brief = token("dave", &[Role::Agent], Some(Span::from_secs(60)));
    let lasting = token("dave", &[Role::Agent], None);
    world.engine.create_token(&admin(), brief).await.unwrap();
    let made = world.engine.create_token(&admin(), lasting).await.unwrap().value.token;
    let reviewing =
        async || world.engine.create_token(&admin(), token("dave", &[Role::Reviewer], None)).await;
    world.clock.advance(Span::from_secs(60));
    assert_eq!(reviewing().await.err(), Some(Error::RolesConflict));
    world.engine.revoke_token(&admin(), "", made.id).await.unwrap();
    reviewing().await.unwrap();
}

#[tokio::test]
async fn the_first_admin_token_is_made_once() {
    let world = World::new().await;
    let first = world.engine.bootstrap_admin().await.unwrap().unwrap();
    assert!(world.engine.authenticate(&first.secret).await.unwrap().has(Role::Admin));
    assert!(world.engine.bootstrap_admin().await.unwrap().is_none());
}

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

#[tokio::test]
async fn the_first_admin_token_is_made_once() {
    let world = World::new().await;
    let first = world.engine.bootstrap_admin().await.unwrap().unwrap();
    assert!(world.engine.authenticate(&first.secret).await.unwrap().has(Role::Admin));
    assert!(world.engine.bootstrap_admin().await.unwrap().is_none());
}

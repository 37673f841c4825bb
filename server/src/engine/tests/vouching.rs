//! Callers whom somebody else vouches for.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::world::*;
use crate::domain::error::Error;
use crate::domain::principal::Role;
use crate::domain::refusal::Refusal;
use crate::domain::time::{Span, Timestamp};
use crate::engine::identity::{Identities, Identity, MAX_SIGNED_BYTES};
use crate::engine::people::AssignRole;
use crate::engine::tokens::CreateToken;

const TOKEN: &str = "head.body.signature";

/// Vouches for whoever a test says, and for nobody else.
#[derive(Clone, Default)]
struct Desk {
    says: Arc<Mutex<Option<Identity>>>,
    asked: Arc<AtomicUsize>,
}

#[async_trait]
impl Identities for Desk {
    async fn verify(&self, token: &str, _: Timestamp) -> Result<Identity, Refusal> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let says = self.says.lock().unwrap().clone();
        says.filter(|_| token.starts_with(TOKEN)).ok_or(Refusal::WrongSignature)
    }
}

impl Desk {
    fn says(&self, name: &str, roles: &[Role]) {
        let expire_time = START.plus(Span::from_secs(600));
        let identity = Identity { name: name.to_owned(), roles: roles.to_vec(), expire_time };
        *self.says.lock().unwrap() = Some(identity);
    }
}

async fn vouching() -> (World, Desk) {
    let desk = Desk::default();
    desk.says("carol", &[Role::Reviewer]);
    (World::vouched_for(desk.clone()).await, desk)
}

fn seconds(seconds: i64) -> Span {
    Span::from_secs(seconds)
}

#[tokio::test]
async fn who_is_vouched_for_may_do_what_the_provider_says_until_the_token_expires() {
    let (world, desk) = vouching().await;
    let escalation = world.escalate(world.run().await).await;
    let caller = world.engine.authenticate(TOKEN).await.unwrap();
    assert_eq!((&*caller.name, &*caller.roles), ("carol", &[Role::Reviewer][..]));
    let answer = resolution(&escalation, crate::engine::resolve::Verb::Approve);
    let answered = world.engine.resolve(&caller, answer).await.unwrap().value.escalation;
    assert_eq!(answered.resolution.unwrap().reviewer, "carol");
    for _ in 0..100 {
        world.engine.authenticate(TOKEN).await.unwrap();
    }
    assert_eq!(desk.asked.load(Ordering::SeqCst), 1);
    world.clock.advance(seconds(599));
    world.engine.authenticate(TOKEN).await.unwrap();
    // What is kept of it does not outlive it.
    world.clock.advance(seconds(1));
    assert_eq!(world.engine.authenticate(TOKEN).await, Err(Error::TokenInvalid));
}

#[tokio::test]
async fn what_the_provider_takes_back_is_gone_within_seconds() {
    let (world, desk) = vouching().await;
    world.engine.authenticate(TOKEN).await.unwrap();
    *desk.says.lock().unwrap() = None;
    world.clock.advance(seconds(5));
    assert_eq!(world.engine.authenticate(TOKEN).await, Err(Error::TokenInvalid));
}

#[tokio::test]
async fn nobody_is_agent_here_and_reviewer_there() {
    let (world, desk) = vouching().await;
    let agent = CreateToken {
        request_id: String::new(),
        principal: "carol".to_owned(),
        roles: vec![Role::Agent],
        ttl: None,
    };
    world.engine.authenticate(TOKEN).await.unwrap();
    world.engine.create_token(&admin(), agent).await.unwrap();
    world.clock.advance(seconds(5));
    assert_eq!(world.engine.authenticate(TOKEN).await, Err(Error::TokenInvalid));
    desk.says("carol", &[Role::Agent]);
    world.engine.authenticate(TOKEN).await.unwrap();
    desk.says("dave", &[Role::Agent, Role::Reviewer]);
    let other = format!("{TOKEN}2");
    assert_eq!(world.engine.authenticate(&other).await, Err(Error::TokenInvalid));
}

#[tokio::test]
async fn what_is_assigned_here_comes_beside_and_must_not_exclude() {
    let (world, desk) = vouching().await;
    let assign = async |principal: &str, role| {
        let command = AssignRole {
            request_id: String::new(),
            principal: principal.to_owned(),
            role,
            start_time: None,
            end_time: None,
        };
        world.engine.assign_role(&admin(), command).await.unwrap();
    };
    assign("carol", Role::Auditor).await;
    let carol = world.engine.authenticate(TOKEN).await.unwrap();
    assert_eq!(carol.roles, [Role::Reviewer, Role::Auditor]);
    assign("dave", Role::Reviewer).await;
    desk.says("dave", &[Role::Agent]);
    let token = format!("{TOKEN}2");
    assert_eq!(world.engine.authenticate(&token).await, Err(Error::TokenInvalid));
}

#[tokio::test]
async fn who_is_given_no_role_has_those_that_are_assigned_here_while_they_are() {
    let (world, desk) = vouching().await;
    desk.says("dora", &[]);
    let nobody = Error::NoRole("dora".to_owned());
    assert_eq!(world.engine.authenticate(TOKEN).await, Err(nobody.clone()));
    let command = AssignRole {
        request_id: String::new(),
        principal: "dora".to_owned(),
        role: Role::Supervisor,
        start_time: None,
        end_time: Some(START.plus(seconds(60))),
    };
    world.engine.assign_role(&admin(), command).await.unwrap();
    let dora = world.engine.authenticate(TOKEN).await.unwrap();
    assert_eq!((&*dora.name, &*dora.roles), ("dora", &[Role::Supervisor][..]));
    let escalation = world.escalate(world.run().await).await;
    let answer = resolution(&escalation, crate::engine::resolve::Verb::Approve);
    let answered = world.engine.resolve(&dora, answer).await.unwrap().value.escalation;
    assert_eq!(answered.resolution.unwrap().reviewer, "dora");
    // The token still counts, and gives nothing by itself.
    world.clock.advance(seconds(60));
    assert_eq!(world.engine.authenticate(TOKEN).await, Err(nobody));
}

#[tokio::test]
async fn no_name_is_taken_that_a_principal_may_not_have() {
    let (world, desk) = vouching().await;
    for (number, name) in
        ["", "system/timer", "a b", "a\u{202e}b", &"x".repeat(200)].iter().enumerate()
    {
        desk.says(name, &[Role::Admin]);
        let token = format!("{TOKEN}{number}");
        assert_eq!(world.engine.authenticate(&token).await, Err(Error::TokenInvalid), "{name:?}");
    }
}

#[tokio::test]
async fn what_is_too_long_or_nobodys_to_judge_is_not_looked_at() {
    let (world, desk) = vouching().await;
    let long = format!("{TOKEN}{}", "x".repeat(MAX_SIGNED_BYTES));
    assert_eq!(world.engine.authenticate(&long).await, Err(Error::TokenInvalid));
    for other in ["pmt_unknown", "a.b", "a.b.c.d"] {
        assert_eq!(world.engine.authenticate(other).await, Err(Error::TokenInvalid));
    }
    assert_eq!(desk.asked.load(Ordering::SeqCst), 0);
    let alone = World::new().await;
    assert_eq!(alone.engine.authenticate(TOKEN).await, Err(Error::TokenInvalid));
}

//! What of refused credentials is recorded, and how little of it.

use super::world::*;
use crate::domain::error::Error;
use crate::domain::event::{EventKind, Subjects};
use crate::domain::ids::TokenId;
use crate::domain::principal::Role;
use crate::domain::refusal::{Origin, Refusal, Refused};
use crate::domain::time::{Span, Timestamp};
use crate::engine::admission::Shown;
use crate::engine::refusals::{TOKENS_APART, TOLD_EVERY};
use crate::engine::tokens::CreateToken;
use crate::store::TailFrom;

async fn refused(world: &World, secret: &str, origin: Origin) {
    let shown = world.engine.admit(Shown { secret: Some(secret), certificate: None, origin }).await;
    assert_eq!(shown, Err(Error::TokenInvalid));
}

/// What was told, in order.
async fn told(world: &World) -> Vec<Subjects> {
    let (mut from, mut told) = (0, Vec::new());
    loop {
        let commits = world.store.tail(TailFrom::Commit(from), 10_000).await.unwrap();
        let Some(last) = commits.last() else { return told };
        from = last.commit;
        let events = commits.iter().flat_map(|it| &it.events);
        let events = events.filter(|it| it.kind == EventKind::CredentialRefused);
        told.extend(events.map(|it| it.subjects.clone()));
    }
}

/// Lets the time pass after which the journal is told, and waits until it is.
async fn tell(world: &World) -> Vec<Subjects> {
    world.clock.advance(TOLD_EVERY);
    loop {
        world.engine.tell_refusals().await.unwrap();
        let told = told(world).await;
        // The engine's own work may have come first and not be done yet.
        if !told.is_empty() {
            return told;
        }
        tokio::task::yield_now().await;
    }
}

fn what(reason: Refusal, origin: Origin, count: u64, times: [Timestamp; 2]) -> Option<Refused> {
    let [first_time, last_time] = times;
    Some(Refused { reason, origin, count, first_time, last_time })
}

fn total(world: &World, reason: Refusal) -> u64 {
    world.engine.refused_credentials().into_iter().find(|it| it.0 == reason).unwrap().1
}

async fn token(world: &World, name: &str) -> (TokenId, String) {
    let command = CreateToken {
        request_id: String::new(),
        principal: name.to_owned(),
        roles: vec![Role::Reviewer],
        ttl: Some(Span::from_secs(60)),
    };
    let made = world.engine.create_token(&admin(), command).await.unwrap().value;
    (made.token.id, made.secret)
}

#[tokio::test]
async fn however_many_are_tried_in_a_minute_the_journal_has_one_event_of_them() {
    let world = World::new().await;
    let first = world.engine.now();
    for number in 0..5_000 {
        refused(&world, &format!("pmt_guess_{number}"), Origin::Public).await;
    }
    world.clock.advance(Span::from_secs(7));
    refused(&world, "pmt_last", Origin::Public).await;
    let last = world.engine.now();
    assert_eq!(told(&world).await, [], "nothing is told before its time");
    let told = tell(&world).await;
    let refused = what(Refusal::Unknown, Origin::Public, 5_001, [first, last]);
    assert_eq!(told, [Subjects { refused, ..Subjects::default() }]);
    assert_eq!(total(&world, Refusal::Unknown), 5_001);
    assert_eq!(total(&world, Refusal::Revoked), 0);
}

#[tokio::test]
async fn a_token_that_was_known_is_named_and_its_secret_nowhere() {
    let world = World::new().await;
    let (revoked, revoked_secret) = token(&world, "rita").await;
    let (expired, expired_secret) = token(&world, "rolf").await;
    world.engine.revoke_token(&admin(), "", revoked).await.unwrap();
    world.clock.advance(Span::from_secs(60));
    let now = world.engine.now();
    for (secret, origin) in [
        (&*revoked_secret, Origin::Private),
        (&revoked_secret, Origin::Private),
        (&expired_secret, Origin::Loopback),
        ("pmt_unknown", Origin::Loopback),
        ("", Origin::Public),
        ("a.signed.token", Origin::Public),
    ] {
        refused(&world, secret, origin).await;
    }
    let told = tell(&world).await;
    let of = |token, reason, origin, count| Subjects {
        token,
        refused: what(reason, origin, count, [now, now]),
        ..Subjects::default()
    };
    assert_eq!(
        told,
        [
            of(None, Refusal::Unknown, Origin::Loopback, 1),
            of(None, Refusal::Unknown, Origin::Public, 1),
            of(Some(revoked), Refusal::Revoked, Origin::Private, 2),
            of(Some(expired), Refusal::Expired, Origin::Loopback, 1),
            of(None, Refusal::Malformed, Origin::Public, 1),
        ]
    );
    let text = serde_json::to_string(&told).unwrap();
    for secret in [&revoked_secret, &expired_secret] {
        let digest = crate::domain::digest::sha256(secret.as_bytes());
        assert!(!text.contains(&secret[4..20]) && !text.contains(&digest.to_string()));
    }
}

#[tokio::test]
async fn of_many_tokens_a_few_are_told_apart() {
    let world = World::new().await;
    let more = 5;
    let mut secrets = Vec::new();
    for number in 0..TOKENS_APART + more {
        secrets.push(token(&world, &format!("r{number}")).await.1);
    }
    world.clock.advance(Span::from_secs(60));
    for secret in &secrets {
        refused(&world, secret, Origin::Private).await;
    }
    let told = tell(&world).await;
    let (named, others): (Vec<_>, Vec<_>) = told.iter().partition(|it| it.token.is_some());
    assert_eq!(named.len(), TOKENS_APART);
    let [others] = &others[..] else { panic!("{others:?}") };
    assert_eq!(others.refused.unwrap().count, more as u64);
}

#[tokio::test]
async fn who_shows_nothing_wrong_is_not_recorded() {
    let world = World::new().await;
    let (_, secret) = token(&world, "rita").await;
    let shown = Shown { secret: Some(&secret), certificate: None, origin: Origin::Public };
    assert_eq!(world.engine.admit(shown).await.unwrap().name, "rita");
    world.clock.advance(TOLD_EVERY);
    world.engine.tell_refusals().await.unwrap();
    assert_eq!(told(&world).await, []);
    assert!(world.engine.refused_credentials().iter().all(|(_, count)| *count == 0));
}

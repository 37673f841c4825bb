//! Callers whom the certificate of their connection names.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::world::*;
use crate::domain::error::Error;
use crate::domain::principal::{Principal, Role};
use crate::domain::refusal::{Origin, Refusal};
use crate::domain::time::{Span, Timestamp};
use crate::engine::admission::Shown;
use crate::engine::identity::{Chain, Identities, Identity, Workloads};
use crate::engine::tokens::CreateToken;

const NAME: &str = "spiffe://bank.example/agents/claims";

type Said = Arc<Mutex<Result<Option<Identity>, Refusal>>>;

/// Says of every certificate what a test says.
#[derive(Clone)]
struct Bundle {
    says: Said,
    asked: Arc<AtomicUsize>,
}

impl Workloads for Bundle {
    fn verify(&self, _: &Chain, _: Timestamp) -> Result<Option<Identity>, Refusal> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.says.lock().unwrap().clone()
    }
}

/// A provider that gives somebody the name of a workload.
struct Liar;

#[async_trait]
impl Identities for Liar {
    async fn verify(&self, _: &str, _: Timestamp) -> Result<Identity, Refusal> {
        Ok(identity(NAME, &[Role::Agent]))
    }
}

fn identity(name: &str, roles: &[Role]) -> Identity {
    let expire_time = START.plus(Span::from_secs(600));
    Identity { name: name.to_owned(), roles: roles.to_vec(), expire_time }
}

async fn world() -> (World, Bundle) {
    let says = Arc::new(Mutex::new(Ok(Some(identity(NAME, &[Role::Agent])))));
    let bundle = Bundle { says, asked: Arc::default() };
    let outside = Outside {
        identities: Some(Box::new(Liar)),
        workloads: Some(Box::new(bundle.clone())),
        ..Outside::default()
    };
    (World::among(POLICY, outside).await, bundle)
}

async fn admitted(world: &World, secret: Option<&str>) -> Result<Principal, Error> {
    let chain = Chain::new(b"leaf".to_vec(), Vec::new());
    world.engine.admit(Shown { secret, certificate: Some(&chain), origin: Origin::Private }).await
}

fn refused(world: &World) -> Vec<(Refusal, u64)> {
    let all = world.engine.refused_credentials();
    all.into_iter().filter(|(_, count)| *count > 0).collect()
}

#[tokio::test]
async fn a_certificate_counts_until_it_ends_or_its_authority_is_gone() {
    let (world, bundle) = world().await;
    for _ in 0..100 {
        let caller = admitted(&world, None).await.unwrap();
        assert_eq!((&*caller.name, &*caller.roles), (NAME, &[Role::Agent][..]));
        assert_eq!(caller.credential.token, None);
    }
    assert_eq!(bundle.asked.load(Ordering::SeqCst), 1);
    *bundle.says.lock().unwrap() = Err(Refusal::Certificate);
    world.clock.advance(Span::from_secs(5));
    assert_eq!(admitted(&world, None).await, Err(Error::TokenInvalid));
    *bundle.says.lock().unwrap() = Ok(Some(identity(NAME, &[Role::Agent])));
    world.clock.advance(Span::from_secs(590));
    admitted(&world, None).await.unwrap();
    // What is kept of it does not outlive it.
    world.clock.advance(Span::from_secs(5));
    assert_eq!(admitted(&world, None).await, Err(Error::TokenInvalid));
    assert_eq!(refused(&world), [(Refusal::Expired, 1), (Refusal::Certificate, 1)]);
}

#[tokio::test]
async fn a_token_of_another_is_of_no_use_beside_it_and_a_signed_one_takes_no_such_name() {
    let (world, bundle) = world().await;
    let token = async |principal: &str| {
        let command = CreateToken {
            request_id: String::new(),
            principal: principal.to_owned(),
            roles: vec![Role::Agent],
            ttl: None,
        };
        world.engine.create_token(&admin(), command).await.unwrap().value.secret
    };
    let (same, other) = (token(NAME).await, token("claims").await);
    let caller = admitted(&world, Some(&same)).await.unwrap();
    assert!(caller.credential.token.is_some(), "the token says who calls");
    assert_eq!(admitted(&world, Some(&other)).await, Err(Error::TokenInvalid));
    assert_eq!(world.engine.authenticate("a.signed.token").await, Err(Error::TokenInvalid));
    assert_eq!(refused(&world), [(Refusal::OtherPrincipal, 1)]);
    // A certificate that names nobody is no identity, and no hindrance.
    *bundle.says.lock().unwrap() = Ok(None);
    world.clock.advance(Span::from_secs(5));
    assert_eq!(admitted(&world, Some(&other)).await.unwrap().name, "claims");
    assert_eq!(admitted(&world, None).await, Err(Error::TokenInvalid));
    // One that does not count is one, whatever else is shown.
    *bundle.says.lock().unwrap() = Err(Refusal::Certificate);
    world.clock.advance(Span::from_secs(5));
    assert_eq!(admitted(&world, Some(&other)).await, Err(Error::TokenInvalid));
}

#[tokio::test]
async fn a_name_that_no_principal_may_have_and_roles_that_exclude_each_other_do_not_count() {
    let (world, bundle) = world().await;
    let long = format!("{NAME}/{}", "x".repeat(128));
    for identity in
        [identity(&long, &[Role::Agent]), identity(NAME, &[Role::Agent, Role::Reviewer])]
    {
        *bundle.says.lock().unwrap() = Ok(Some(identity));
        assert_eq!(admitted(&world, None).await, Err(Error::TokenInvalid));
    }
    assert_eq!(refused(&world), [(Refusal::Unfit, 2)]);
    *bundle.says.lock().unwrap() = Ok(Some(identity(NAME, &[])));
    assert_eq!(admitted(&world, None).await, Err(Error::NoRole(NAME.to_owned())));
}

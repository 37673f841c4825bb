//! Every credential is had before anything is redeemed.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use pointsman_api::v1::resolution::Kind;

use super::*;
use crate::answer::{Answer, answer_of};
use crate::clock::{Clock, ManualClock};
use crate::credentials::{Resolver, Secret, Unresolved};
use crate::error::ErrorKind;
use crate::testing::{Fake, resumption};

const LIFE: Duration = Duration::from_secs(3600);

/// Gives a new token each time, or none.
#[derive(Debug)]
struct Tokens {
    clock: Arc<ManualClock>,
    is_down: AtomicBool,
    count: AtomicUsize,
    names: Mutex<Vec<String>>,
}

#[derive(Clone, Debug)]
struct Shared(Arc<Tokens>);

#[async_trait]
impl Resolver for Shared {
    async fn resolve(&self, name: &str) -> Result<Secret, Unresolved> {
        self.0.names.lock().unwrap().push(name.to_owned());
        if self.0.is_down.load(Ordering::SeqCst) {
            return Err(Unresolved::Unavailable { what: "the test", problem: "is down".into() });
        }
        let number = self.0.count.fetch_add(1, Ordering::SeqCst) + 1;
        Ok(Secret::new(format!("token no {number}"))?.living(self.0.clock.now(), LIFE))
    }
}

fn tokens() -> (Arc<Tokens>, Resolvers) {
    let clock = Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH));
    let tokens = Arc::new(Tokens {
        clock: Arc::clone(&clock),
        is_down: AtomicBool::new(false),
        count: AtomicUsize::new(0),
        names: Mutex::default(),
    });
    let resolvers = Resolvers::new().with("test", Shared(Arc::clone(&tokens))).clock(clock);
    (tokens, resolvers)
}

fn crm() -> v1::CredentialRef {
    v1::CredentialRef { name: "crm".to_owned(), reference: "test:crm".to_owned() }
}

/// The permit of an answer whose checkpoint names a credential.
fn approved(connection: &Connection) -> Permit {
    let resumed = v1::Resumption { checkpoint_id: "cp_1".into(), ..resumption(1, Kind::Approved) };
    match answer_of(connection, resumed, None).unwrap() {
        Answer::Approved(permit) => permit,
        other => panic!("{other:?}"),
    }
}

fn will_show_the_checkpoint(fake: &Fake) {
    let checkpoint = v1::Checkpoint { credentials: vec![crm()], ..v1::Checkpoint::default() };
    fake.checkpoint.will(Ok(v1::GetCheckpointResponse { checkpoint: Some(checkpoint) }));
}

fn will_redeem(fake: &Fake) {
    let redeem_time = Some(prost_types::Timestamp::default());
    fake.redeem.will(Ok(v1::RedeemGrantResponse { redeem_time, ..Default::default() }));
    fake.report.will(Ok(v1::ReportOutcomesResponse::default()));
}

#[tokio::test]
async fn the_tool_is_handed_what_the_checkpoint_names() {
    let (fake, connection) = Fake::start().await;
    will_show_the_checkpoint(&fake);
    will_redeem(&fake);
    let (tokens, resolvers) = tokens();

    let executed = approved(&connection)
        .with_credentials(&resolvers)
        .execute(|arguments, credentials| async move {
            assert_eq!(arguments, r#"{"amount":3900}"#);
            Ok::<_, Infallible>(credentials.get("crm").unwrap().expose().to_owned())
        })
        .await
        .unwrap();

    assert_eq!(executed.result.unwrap(), "token no 1");
    assert_eq!(fake.checkpoint.seen()[0].checkpoint_id, "cp_1");
    assert_eq!(*tokens.names.lock().unwrap(), ["crm"]);
}

#[tokio::test]
async fn without_a_credential_nothing_is_redeemed_and_the_next_try_works() {
    let (fake, connection) = Fake::start().await;
    will_show_the_checkpoint(&fake);
    let (tokens, resolvers) = tokens();
    tokens.is_down.store(true, Ordering::SeqCst);

    let ran = AtomicBool::new(false);
    let permit = approved(&connection).with_credentials(&resolvers);
    let failed = permit.execute(async |_, _| {
        ran.store(true, Ordering::SeqCst);
        Ok::<_, Infallible>("")
    });
    let error = failed.await.unwrap_err();
    assert_eq!(
        (error.kind(), error.metadata("reference")),
        (ErrorKind::Credential, Some("test:crm"))
    );
    assert!(error.is_retryable() && error.message().contains("the grant is not redeemed"));
    assert!(!ran.into_inner() && fake.redeem.seen().is_empty() && fake.report.seen().is_empty());

    will_show_the_checkpoint(&fake);
    will_redeem(&fake);
    let mut permit = approved(&connection).with_credentials(&resolvers);
    permit.resolve().await.unwrap_err();
    tokens.is_down.store(false, Ordering::SeqCst);
    will_show_the_checkpoint(&fake);
    permit.resolve().await.unwrap();
    let (redeemed, credentials) = permit.redeem().await.unwrap();
    assert_eq!(redeemed.action_id(), "act_1");
    assert_eq!(credentials.get("crm").unwrap().expose(), "token no 1");
}

#[tokio::test]
async fn no_secret_is_told_in_an_outcome() {
    for (is_ok, withheld) in [(true, true), (false, true), (true, false)] {
        let (fake, connection) = Fake::start().await;
        will_redeem(&fake);
        let (_, resolvers) = tokens();
        let permit = approved(&connection).with_credentials(&resolvers);
        let executed = permit.references(vec![crm()]).execute(async |_, credentials| {
            let secret = credentials.get("crm").unwrap().expose();
            let said = if withheld { format!("403 for Bearer {secret}!") } else { "no".into() };
            if is_ok { Ok(said) } else { Err(said) }
        });
        let executed = executed.await.unwrap();
        executed.report.unwrap();
        let told = fake.report.seen()[0].outcomes[0].result.clone();
        let expected = "result withheld: the credential `crm` stands in it";
        assert_eq!(told, if withheld { expected } else { "no" });
        let said = executed.result.map_or_else(String::into_bytes, Into::into);
        assert_ne!(said == told, withheld, "the program itself hears everything");
    }
}

#[tokio::test]
async fn what_lapses_between_resolving_and_redeeming_is_resolved_anew() {
    let (fake, connection) = Fake::start().await;
    will_redeem(&fake);
    let (tokens, resolvers) = tokens();
    let permit = approved(&connection).with_credentials(&resolvers);
    let mut permit = permit.references(vec![crm()]);

    permit.resolve().await.unwrap();
    tokens.clock.advance(LIFE / 2);
    assert_eq!(permit.resolve().await.unwrap().get("crm").unwrap().expose(), "token no 1");
    tokens.clock.advance(LIFE / 2);
    let (_, credentials) = permit.redeem().await.unwrap();
    assert_eq!(credentials.get("crm").unwrap().expose(), "token no 2");
    assert!(fake.checkpoint.seen().is_empty(), "the worker had loaded it already");
}

#[tokio::test]
async fn a_permit_that_was_redeemed_with_its_proposal_is_reported_as_not_run() {
    let (fake, connection) = Fake::start().await;
    fake.report.will(Ok(v1::ReportOutcomesResponse::default()));
    let (tokens, resolvers) = tokens();
    tokens.is_down.store(true, Ordering::SeqCst);
    let call = crate::proposal::ExactCall::from_action(v1::Action {
        action_id: "act_1".into(),
        ..v1::Action::default()
    });
    let grant = v1::Grant { redeemed: true, ..v1::Grant::default() };
    let permit = Permit::new(connection, call, grant);
    let permit = permit.referring_to(References::Known(vec![crm()]));

    let failed = permit.with_credentials(&resolvers);
    let error = failed.execute(async |_, _| Ok::<_, Infallible>("")).await.unwrap_err();
    assert!(error.message().ends_with("; the tool did not run"), "{error}");
    let outcome = &fake.report.seen()[0].outcomes[0];
    assert_eq!(outcome.status(), v1::outcome::Status::Failed);
    let told = String::from_utf8(outcome.result.to_vec()).unwrap();
    assert!(told.starts_with("the tool did not run: the credential `crm`"), "{told}");
}

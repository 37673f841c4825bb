//! People's hands on the switch: the page docs/overrides.md, over the wire and through the
//! listener of its own.

use std::sync::mpsc;
use std::time::Duration;

use pointsman_api::v1;
use pointsman_api::v1::ErrorReason;
use pointsman_api::v1::r#override::{Kind, State};
use pointsman_api::v1::override_scope::Scope;
use pointsman_client::{Intent, OverrideAnswer, Proposal, RunEnd, RunHandle};
use tokio::runtime::{Builder, Runtime};
use tonic::Code;

use crate::harness::api::{AGENT, SUPERVISOR};
use crate::harness::fixture::{Fixture, allowed, another, asked};
use crate::harness::poll::{PATIENCE, eventually};
use crate::harness::{policy, raw};

fn intent(kind: Kind, scope: Scope) -> Intent {
    let reason = "it pays twice".to_owned();
    Intent { kind, scope: Some(scope), reason, ..Intent::default() }
}

fn of(run: &RunHandle) -> Scope {
    Scope::RunId(run.run_id().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_paused_goes_on_and_is_stopped_and_the_agent_says_what_it_did() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    let sam = fixture.overrides(SUPERVISOR);
    let run = fixture.run().await;
    let permit = allowed(&run, another("allow_it")).await;
    let pause = sam.request(intent(Kind::PauseNow, of(&run))).await.unwrap();
    assert_eq!(pause.state(), State::Requested);
    assert!(pause.enforced_time.is_some());
    let refused = run.propose(another("allow_it")).await.unwrap_err();
    assert_eq!(refused.reason(), Some(ErrorReason::RunPaused));
    assert_eq!(refused.metadata("why"), Some("it pays twice"));

    let told = run.overrides(Duration::from_secs(30)).await.unwrap();
    assert_eq!(told[0].override_id, pause.override_id);
    let mut watch = sam.watch(&pause.override_id);
    assert_eq!(watch.next().await.unwrap().state(), State::Delivered);
    let answer = OverrideAnswer {
        state: State::Effective,
        words: "I was about to refund Anna".to_owned(),
        still_running: vec!["a lookup".to_owned()],
    };
    run.acknowledge(&pause.override_id, answer).await.unwrap();
    let seen = watch.next().await.unwrap();
    assert_eq!(
        (seen.state(), &*seen.agent_words),
        (State::Effective, "I was about to refund Anna")
    );
    assert_eq!(seen.still_running, ["a lookup"]);

    sam.request(intent(Kind::Resume, of(&run))).await.unwrap();
    permit.redeem().await.unwrap();
    let waiting = asked(&run, another("ask_it")).await;
    let late = allowed(&run, another("allow_it")).await;
    let stop = sam.request(intent(Kind::Stop, of(&run))).await.unwrap();
    let refused = late.redeem().await.map(|_| ()).unwrap_err();
    assert_eq!(refused.reason(), Some(ErrorReason::RunStopped));
    assert_eq!(refused.metadata("override_id"), Some(&*stop.override_id));
    let refused = run.finish(RunEnd::Succeeded).await.unwrap_err();
    assert_eq!(refused.reason(), Some(ErrorReason::RunStopped));
    let shown = fixture.runs().get(run.run_id()).await.unwrap();
    assert_eq!(shown.state(), v1::run::State::Stopped);
    assert_eq!(shown.override_id, stop.override_id);
    eventually("the question is cancelled", PATIENCE, || async {
        let shown = fixture.shown(waiting.escalation_id()).await;
        (shown.state() == v1::escalation::State::Cancelled).then_some(())
    })
    .await;
    let listed = v1::ListOverridesRequest { run_id: run.run_id().to_owned(), ..Default::default() };
    assert_eq!(sam.list(listed).await.unwrap().overrides.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_listener_of_overrides_serves_them_and_health_and_nothing_else() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    let channel = raw::channel(&fixture.overrides_address());
    let call = |path: &'static str| raw::call(&channel, path, Some(AGENT), Vec::new().into());
    let unknown = call("/pointsman.v1.ActionService/ProposeAction").await.unwrap_err();
    assert_eq!(unknown.code(), Code::Unimplemented);
    call("/grpc.health.v1.Health/Check").await.unwrap();
    let role = call("/pointsman.v1.OverrideService/RequestOverride").await.unwrap_err();
    assert_eq!(role.code(), Code::PermissionDenied);
    let stranger = raw::call(
        &channel,
        "/pointsman.v1.OverrideService/RequestOverride",
        None,
        Vec::new().into(),
    );
    assert_eq!(stranger.await.unwrap_err().code(), Code::Unauthenticated);
}

/// A runtime of one thread, on which everything behind a port runs.
fn one_thread() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

#[test]
fn a_stop_gets_through_while_the_port_for_everything_is_stuck() {
    if Fixture::is_on_a_database() {
        println!("SKIPPED: a database is reached by the threads that are stuck here");
        return;
    }
    let (servers, people) = (one_thread(), one_thread());
    let fixture = servers.block_on(Fixture::start(policy::BY_NAME));
    let run = people.block_on(fixture.run());
    let permit = people.block_on(allowed(&run, Proposal::new("allow_it", "{}")));
    let (let_go, until) = mpsc::channel::<()>();
    let (stuck, is_stuck) = mpsc::channel();
    servers.spawn(async move {
        stuck.send(()).unwrap();
        // The only thread of the port for everything waits here, whoever calls.
        until.recv().ok();
    });
    is_stuck.recv().unwrap();
    let stopped = people.block_on(async {
        let sam = fixture.overrides(SUPERVISOR);
        let runs = fixture.runs();
        let stop = async {
            let stopped = sam.request(intent(Kind::Stop, of(&run))).await.unwrap();
            let agent = fixture.overrides(AGENT);
            let told = agent.receive(run.run_id(), Duration::from_secs(30)).await.unwrap();
            assert_eq!(told[0].override_id, stopped.override_id);
            stopped
        };
        tokio::select! {
            answer = runs.get(run.run_id()) => panic!("it is not stuck: {answer:?}"),
            stopped = stop => stopped,
        }
    });
    assert!(stopped.enforced_time.is_some());
    let_go.send(()).unwrap();
    let refused = people.block_on(permit.redeem()).map(|_| ()).unwrap_err();
    assert_eq!(refused.reason(), Some(ErrorReason::RunStopped));
    servers.block_on(async { drop(fixture) });
}

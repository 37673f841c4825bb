//! Of a stop and a redemption one wins, every time: no grant of a stopped run is ever
//! redeemed.

use serde_json::json;

use super::*;

/// How many races there are.
const RACES: usize = 1_000;
/// How many in `make soak`.
const LONG_RACES: usize = 100_000;

fn races() -> usize {
    if std::env::var_os("POINTSMAN_SOAK").is_some() { LONG_RACES } else { RACES }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_grant_of_a_stopped_run_is_ever_redeemed() {
    let world = World::new().await.at_rest();
    let mut redeemed_first = 0;
    for round in 0..races() {
        let parent = world.run().await;
        let run = world.child(parent).await;
        let action = world.propose(run, "refund", json!({"amount": 20})).await.action;
        let redemption = world.redemption(action.id).await;
        let scope = match round % 4 {
            0 => OverrideScope::Run(run),
            1 => OverrideScope::Run(parent),
            2 => OverrideScope::Agent("claims".to_owned()),
            _ => OverrideScope::Fleet,
        };
        let engine = world.engine.clone();
        let redeeming = tokio::spawn(async move { engine.redeem(&agent(), redemption).await });
        let (engine, stop) = (world.engine.clone(), overriding(OverrideKind::Stop, scope.clone()));
        let stopping =
            tokio::spawn(async move { engine.request_override(&sam(), stop).await.unwrap() });
        let (redeemed, stopped) = (redeeming.await.unwrap(), stopping.await.unwrap());
        match redeemed {
            // The journal says who was first: the sequence after each call.
            Ok(redeemed) => {
                assert!(redeemed.sequence < stopped.sequence, "redeemed after the stop");
                redeemed_first += 1;
            }
            Err(Error::Override(OverrideError::RunStopped { .. })) => {}
            Err(other) => panic!("{other:?}"),
        }
        if scope.run().is_none() {
            let resumed = world.request(OverrideKind::Resume, scope).await.unwrap();
            if resumed.state == OverrideState::Pending {
                world.engine.confirm_override(&kim(), "", resumed.it.id).await.unwrap();
            }
        }
    }
    assert!(redeemed_first < races(), "no stop ever won");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_run_starts_below_a_stopped_one() {
    let world = World::new().await.at_rest();
    for _ in 0..100 {
        let run = world.run().await;
        let engine = world.engine.clone();
        let starting = tokio::spawn(async move {
            let command = StartRun { parent: Some(run), ..StartRun::default() };
            engine.start_run(&agent(), command).await
        });
        let stop = overriding(OverrideKind::Stop, OverrideScope::Run(run));
        let engine = world.engine.clone();
        let stopping = tokio::spawn(async move { engine.request_override(&sam(), stop).await });
        let (started, stopped) = (starting.await.unwrap(), stopping.await.unwrap().unwrap());
        if let Ok(child) = started {
            assert!(child.sequence < stopped.sequence);
            assert!(is_stopped(&world.try_propose(child.value.run.id).await));
        }
    }
}

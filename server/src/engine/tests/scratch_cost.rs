//! Scratch.

use std::time::Instant;

use serde_json::json;

use super::world::*;
use crate::engine::policies::{Activate, PutPolicy};
use crate::engine::runs::StartRun;

const PLAIN: &str = "version: 1\ndefault: allow\ntools: { visit: {} }\nrules:\n  - { id: odd, tools: [visit], when: args.days > 100000, effect: escalate, reason: Odd. }\n";
const NOVEL: &str = "version: 1\ndefault: allow\ntools: { visit: {} }\nrules:\n  - { id: odd, tools: [visit], when: profiled && novelty > 1.5, effect: escalate, reason: Odd. }\n";

#[tokio::test(flavor = "multi_thread")]
async fn scratch_cost() {
    let world = World::new().await;
    let goal = "book a follow-up visit for a patient of the ward".to_owned();
    let mut run = world
        .engine
        .start_run(&agent(), StartRun { goal: goal.clone(), ..StartRun::default() })
        .await
        .unwrap()
        .value
        .run
        .id;
    let args = |n: u64| json!({"patient": format!("P{n} w{} w{}", n % 97, n % 89), "days": n % 40, "note": format!("see doctor number {} about {}", n % 13, n % 71)});
    for n in 0..10_000_u64 {
        if n % 20 == 0 {
            run = world
                .engine
                .start_run(
                    &agent(),
                    StartRun { goal: format!("{goal} {n}"), ..StartRun::default() },
                )
                .await
                .unwrap()
                .value
                .run
                .id;
        }
        let mut command = proposal(run, "visit", &args(n));
        command.redeem_if_allowed = true;
        let action = world.engine.propose(&agent(), command).await.unwrap().value.action;
        world.report(action.id).await.unwrap();
    }
    for _ in 0..3 {
        let began = Instant::now();
        let learnt = world.engine.learn("default").await.unwrap();
        eprintln!("learn {} actions: {:?}", learnt.actions, began.elapsed());
    }
    for round in 0..6 {
        let doc = if round % 2 == 0 { PLAIN } else { NOVEL };
        let doc = format!("{doc}# {round}\n");
        let put = PutPolicy { document: doc, ..PutPolicy::default() };
        let revision = world.engine.put_policy(&admin(), put).await.unwrap().value.view.record.id;
        let current = world.engine.policy_revision().unwrap();
        let command =
            Activate { request_id: String::new(), revision, current, reason: String::new() };
        let began = Instant::now();
        world.engine.activate_policy(&admin(), command).await.unwrap();
        let activated = began.elapsed();
        for n in 0..200 {
            world.engine.propose(&agent(), proposal(run, "visit", &args(n))).await.unwrap();
        }
        let mut times = Vec::new();
        for n in 0..2_000 {
            let command = proposal(run, "visit", &args(n));
            let began = Instant::now();
            world.engine.propose(&agent(), command).await.unwrap();
            times.push(began.elapsed());
        }
        times.sort();
        eprintln!(
            "round {round}: activate {activated:?}, propose p50 {:?} p99 {:?}",
            times[1000], times[1980]
        );
    }
}

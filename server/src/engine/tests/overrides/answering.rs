//! How overrides come to agents, and what agents say of them.

use super::*;
use crate::engine::overrides::{Acknowledge, OverrideNews, Said};

fn said(id: OverrideId, run: RunId, said: Said, words: &str) -> Acknowledge {
    Acknowledge {
        request_id: String::new(),
        id,
        run,
        said,
        words: words.to_owned(),
        still_running: vec!["refund of 20".to_owned()],
    }
}

async fn kinds(world: &World, by: &Principal, run: RunId) -> Vec<OverrideKind> {
    let told = world.engine.receive_overrides(by, run, None).await.unwrap();
    told.iter().map(|view| view.it.kind).collect()
}

#[tokio::test]
async fn an_override_is_requested_delivered_acknowledged_and_effective() {
    let world = World::new().await;
    let run = world.run().await;
    assert!(kinds(&world, &agent(), run).await.is_empty());
    let stop = world.request(OverrideKind::Stop, OverrideScope::Run(run)).await.unwrap();
    let id = stop.it.id;
    assert_eq!(kinds(&world, &agent(), run).await, [OverrideKind::Stop]);
    assert_eq!(kinds(&world, &agent(), run).await, [OverrideKind::Stop], "until acknowledged");
    assert_eq!(world.events(EventKind::OverrideDelivered).await, 1);

    let known = said(id, run, Said::Acknowledged, "I was about to refund Anna");
    world.engine.acknowledge_override(&agent(), known).await.unwrap();
    assert!(kinds(&world, &agent(), run).await.is_empty());
    world.clock.advance(Span::from_secs(1));
    let done = Acknowledge { still_running: Vec::new(), ..said(id, run, Said::Effective, "done") };
    world.engine.acknowledge_override(&agent(), done.clone()).await.unwrap();
    let shown = world.overriding(id).await;
    let steps: Vec<_> = shown.it.progress.steps.iter().map(|it| (it.state, &*it.by)).collect();
    use OverrideState::{Acknowledged, Delivered, Effective, Requested};
    let wanted = [
        (Requested, "sam"),
        (Delivered, "claims"),
        (Acknowledged, "claims"),
        (Effective, "claims"),
    ];
    assert_eq!(steps, wanted);
    assert_eq!((shown.state, &*shown.account.words), (Effective, "done"));
    let again = world.engine.acknowledge_override(&agent(), done).await;
    assert!(matches!(again, Err(Error::Override(OverrideError::Closed { .. }))), "{again:?}");
}

#[tokio::test]
async fn an_agent_may_refuse_and_is_held_all_the_same() {
    let world = World::new().await;
    let run = world.run().await;
    let pause = world.request(OverrideKind::PauseNow, OverrideScope::Run(run)).await.unwrap();
    let wordless = said(pause.it.id, run, Said::Refused, " ");
    let refused = world.engine.acknowledge_override(&agent(), wordless).await;
    assert!(matches!(refused, Err(Error::InvalidField { .. })), "{refused:?}");
    let refusal = said(pause.it.id, run, Said::Refused, "in the middle of a transfer");
    let shown = world.engine.acknowledge_override(&agent(), refusal).await.unwrap().value;
    assert_eq!(shown.state, OverrideState::Refused);
    assert_eq!(shown.account.still_running, ["refund of 20"]);
    assert!(is_paused(&world.try_propose(run).await));
}

#[tokio::test]
async fn each_run_of_a_wider_scope_answers_for_itself() {
    let world = World::new().await;
    let (one, two) = (world.run().await, world.run().await);
    let scope = OverrideScope::Agent("claims".to_owned());
    let pause = world.request(OverrideKind::PauseNow, scope).await.unwrap();
    for run in [one, two] {
        assert_eq!(kinds(&world, &agent(), run).await, [OverrideKind::PauseNow]);
    }
    let done = said(pause.it.id, one, Said::Effective, "");
    world.engine.acknowledge_override(&agent(), done).await.unwrap();
    assert!(kinds(&world, &agent(), one).await.is_empty());
    assert_eq!(kinds(&world, &agent(), two).await, [OverrideKind::PauseNow]);
    let shown = world.overriding(pause.it.id).await;
    let states: Vec<_> = shown.receipts.iter().map(|it| it.receipt.progress.state).collect();
    assert_eq!(states, [OverrideState::Effective, OverrideState::Delivered]);
    assert_eq!(shown.state, OverrideState::Delivered, "the one that is least far");
}

#[tokio::test]
async fn the_agent_of_a_run_below_is_told_of_what_is_done_to_the_tree() {
    let world = World::new().await;
    let run = world.run().await;
    let child = world.child_of(&other_agent(), run).await.unwrap();
    world.request(OverrideKind::Stop, OverrideScope::Run(run)).await.unwrap();
    assert_eq!(kinds(&world, &other_agent(), child).await, [OverrideKind::Stop]);
    let foreign = world.engine.receive_overrides(&other_agent(), run, None).await;
    assert!(matches!(foreign, Err(Error::NotFound { .. })), "{foreign:?}");
}

#[tokio::test]
async fn nobody_answers_for_a_run_that_an_override_does_not_cover() {
    let world = World::new().await;
    let (run, apart) = (world.run().await, world.run().await);
    let stop = world.request(OverrideKind::Stop, OverrideScope::Run(run)).await.unwrap();
    let wrong = said(stop.it.id, apart, Said::Effective, "");
    let refused = world.engine.acknowledge_override(&agent(), wrong).await;
    assert!(matches!(refused, Err(Error::NotFound { .. })), "{refused:?}");
}

#[tokio::test]
async fn who_waits_is_told_at_once_and_who_follows_is_told_once() {
    let world = World::new().await;
    let run = world.run().await;
    let mut incoming = world.engine.follow_overrides(&agent(), run).await.unwrap();
    let engine = world.engine.clone();
    let waiting = tokio::spawn(async move {
        let wait = Some(Span::from_secs(30));
        engine.receive_overrides(&agent(), run, wait).await.unwrap()
    });
    let pause = world.request(OverrideKind::PauseNow, OverrideScope::Fleet).await.unwrap();
    assert_eq!(waiting.await.unwrap()[0].it.id, pause.it.id);
    assert_eq!(incoming.next().await.unwrap().it.id, pause.it.id);
    let stop = world.request(OverrideKind::Stop, OverrideScope::Run(run)).await.unwrap();
    assert_eq!(incoming.next().await.unwrap().it.id, stop.it.id);
}

#[tokio::test]
async fn a_watch_shows_every_change() {
    let world = World::new().await;
    let run = world.run().await;
    let pause = world.request(OverrideKind::PauseNow, OverrideScope::Run(run)).await.unwrap();
    let mut watch = world.engine.watch_override(&reviewer(), pause.it.id, None).await.unwrap();
    let mut states = Vec::new();
    for step in 0..3 {
        let OverrideNews::Changed(view) = watch.next().await.unwrap() else { panic!("silence") };
        states.push(view.state);
        if step == 0 {
            assert_eq!(kinds(&world, &agent(), run).await.len(), 1);
        } else {
            let done = said(pause.it.id, run, Said::Acknowledged, "");
            world.engine.acknowledge_override(&agent(), done).await.unwrap();
        }
    }
    use OverrideState::{Acknowledged, Delivered, Requested};
    assert_eq!(states, [Requested, Delivered, Acknowledged]);
}

#[tokio::test]
async fn what_was_approved_is_not_handed_out_while_its_run_is_paused() {
    use crate::engine::resumptions::ClaimResumptions;
    let world = World::new().await;
    let run = world.run().await;
    let question = world.escalate_detached(run).await;
    world.approve(&question).await;
    world.request(OverrideKind::PauseNow, OverrideScope::Fleet).await.unwrap();
    let claim = ClaimResumptions { request_id: request_id(1), ..ClaimResumptions::default() };
    let claimed = world.engine.claim_resumptions(&agent(), claim.clone()).await.unwrap();
    assert!(claimed.value.is_empty());
    let resumed = world.request(OverrideKind::Resume, OverrideScope::Fleet).await.unwrap();
    world.engine.confirm_override(&kim(), "", resumed.it.id).await.unwrap();
    let claimed = world.engine.claim_resumptions(&agent(), claim).await.unwrap();
    assert_eq!(claimed.value.len(), 1, "nothing was kept of the empty claim");
}

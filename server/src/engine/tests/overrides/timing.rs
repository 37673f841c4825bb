//! What time does: an agent that does not answer, a pause that ends by itself, and a run's
//! time at work.

use super::*;

#[tokio::test]
async fn an_agent_that_does_not_answer_changes_nothing_of_a_stop() {
    let world = World::new().await.at_rest();
    let run = world.run().await;
    let stop = world.request(OverrideKind::Stop, OverrideScope::Run(run)).await.unwrap();
    world.pass(Span::from_secs(10 * 60)).await;
    let shown = world.overriding(stop.it.id).await;
    assert_eq!(shown.state, OverrideState::TimedOut);
    assert_eq!(world.events(EventKind::OverrideTimedOut).await, 1);
    assert!(is_stopped(&world.try_propose(run).await));
    assert!(shown.it.is_in_force());
}

#[tokio::test]
async fn a_pause_ends_by_itself_only_where_that_was_said() {
    for (at_end, ends) in [(AtEnd::Stay, false), (AtEnd::Resume, true)] {
        let world = World::new().await.at_rest();
        let run = world.run().await;
        let mut command = overriding(OverrideKind::PauseNow, OverrideScope::Run(run));
        command.at_end = at_end;
        command.ttl = Some(Span::from_secs(60));
        let pause = world.engine.request_override(&sam(), command).await.unwrap().value;
        world.pass(Span::from_secs(59)).await;
        assert!(is_paused(&world.try_propose(run).await));
        world.pass(Span::from_secs(1)).await;
        assert_eq!(world.try_propose(run).await.is_ok(), ends);
        assert_eq!(world.overriding(pause.it.id).await.it.is_in_force(), !ends);
        assert_eq!(world.events(EventKind::OverrideEnded).await, usize::from(ends));
        if ends {
            let told = world.engine.receive_overrides(&agent(), run, None).await.unwrap();
            let kinds: Vec<_> = told.iter().map(|view| view.it.kind).collect();
            assert_eq!(kinds, [OverrideKind::Resume]);
        }
    }
}

#[tokio::test]
async fn only_a_pause_ends_by_itself() {
    let world = World::new().await;
    let run = world.run().await;
    let mut command = overriding(OverrideKind::Stop, OverrideScope::Run(run));
    command.at_end = AtEnd::Resume;
    let refused = world.engine.request_override(&sam(), command).await;
    assert!(matches!(refused, Err(Error::InvalidField { .. })), "{refused:?}");
}

#[tokio::test]
async fn the_time_of_a_pause_is_no_time_at_work() {
    let policy = "version: 1\ndefault: allow\ntriggers: {time_budget: {after: 600s}}\nrules: []\n";
    let world = World::new().await.reopened(policy, false).await.at_rest();
    let run = world.run().await;
    for scope in [OverrideScope::Run(run), OverrideScope::Agent("claims".to_owned())] {
        world.request(OverrideKind::PauseNow, scope.clone()).await.unwrap();
        world.pass(Span::from_secs(60 * 60)).await;
        world.request(OverrideKind::Resume, scope).await.unwrap();
    }
    world.pass(Span::from_secs(9 * 60)).await;
    assert_eq!(world.events(EventKind::RunOverdue).await, 0);
    world.pass(Span::from_secs(2 * 60)).await;
    assert_eq!(world.events(EventKind::RunOverdue).await, 1);
}

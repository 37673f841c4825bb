//! Sessions: entries up, and down what people override, decide and ask.

use futures::StreamExt as _;

use super::*;
use crate::domain::overrides::{OverrideKind, OverrideScope, OverrideState};
use crate::domain::principal::Role;
use crate::engine::conversation::AskAgent;
use crate::engine::overrides::{Acknowledge, OverrideView, Said};
use crate::engine::tests::overrides::overriding;
use crate::engine::transcripts::{OpenSession, ReceiveUpdates, Refusal, Session, SessionEvent};

/// The next thing that a session says, apart from guidance and heartbeats.
async fn heard(session: &mut Session) -> Option<Result<SessionEvent, Error>> {
    loop {
        match session.downward.next().await {
            Some(Ok(SessionEvent::Guidance(..) | SessionEvent::Heartbeat(_))) => {}
            other => return other,
        }
    }
}

/// Reads until a session says that everything up to a number is durable.
async fn durable(session: &mut Session, through: u64) {
    loop {
        match heard(session).await.unwrap().unwrap() {
            SessionEvent::Durable { through: now, .. } if now >= through => return,
            SessionEvent::Durable { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

async fn opened(engine: &Engine, run: RunId) -> Session {
    let command = OpenSession { run: Some(run), heartbeat: None };
    engine.open_session(&agent(), command).await.unwrap()
}

#[tokio::test]
async fn a_session_says_how_far_it_is_durable_and_ends_when_all_is_said() {
    let world = World::new().await;
    let (run, engine) = (world.run().await, &world.engine);
    let mut session = opened(engine, run).await;
    assert_eq!((session.opened.attempt, session.opened.through), (1, 0));
    assert_eq!(session.upward.take(thoughts(1..=3)).await, Ok(None));
    assert_eq!(session.upward.take(thoughts(2..=5)).await, Ok(None), "what is there is ignored");
    durable(&mut session, 5).await;
    session.upward.end();
    assert_eq!(heard(&mut session).await, None);
    assert_eq!(texts(engine, run).await, expected(5));
    assert_eq!(opened(engine, run).await.opened.through, 5);
}

#[tokio::test]
async fn a_gap_is_told_once_and_a_secret_by_its_number() {
    let world = World::new().await;
    let (run, engine) = (world.run().await, &world.engine);
    let mut session = opened(engine, run).await;
    let upward = &mut session.upward;
    let gap = Some(Refusal::Gap { expected: 1 });
    assert_eq!(upward.take(thoughts(3..=4)).await, Ok(gap));
    assert_eq!(upward.take(thoughts(5..=6)).await, Ok(None), "said once");
    let bad = thought(2, "see ghp_0123456789abcdefghijABCDEFGHIJ012345");
    let mixed = [thoughts([1]), vec![bad.clone()], thoughts([3])].concat();
    let Ok(Some(Refusal::Refused { number: 2, error })) = upward.take(mixed).await else {
        panic!("a secret was taken")
    };
    assert!(matches!(error, Error::SecretFound { .. }), "{error}");
    assert_eq!(upward.take(thoughts(4..=5)).await, Ok(None), "what was on its way is ignored");
    let known = Draft { number: 1, ..bad };
    assert_eq!(upward.take(vec![known]).await, Ok(None), "what is there is ignored");
    assert_eq!(upward.take(thoughts(2..=5)).await, Ok(None));
    let gap = Some(Refusal::Gap { expected: 7 });
    assert_eq!(upward.take(thoughts([6, 8])).await, Ok(gap));
    durable(&mut session, 6).await;
    assert_eq!(texts(engine, run).await, expected(6));
}

#[tokio::test]
async fn a_newer_session_shuts_the_older_out_on_every_server() {
    let world = World::new().await;
    let run = world.run().await;
    let (other, _background) = start(&world.store, &world.clock, POLICY).await;
    let superseded =
        |attempt| Error::Transcript(TranscriptError::Superseded { run: run.to_string(), attempt });
    let mut first = opened(&world.engine, run).await;
    let mut second = opened(&world.engine, run).await;
    assert_eq!(heard(&mut first).await, Some(Err(superseded(2))));
    assert_eq!(first.upward.take(thoughts([1])).await, Err(superseded(2)));
    assert_eq!(second.upward.take(thoughts([1])).await, Ok(None));
    durable(&mut second, 1).await;
    let mut third = opened(&other, run).await;
    assert_eq!((third.opened.attempt, third.opened.through), (3, 1));
    assert_eq!(second.upward.take(thoughts([2])).await, Ok(None), "not known here yet");
    assert_eq!(heard(&mut second).await, Some(Err(superseded(3))));
    assert_eq!(third.upward.take(vec![thought(2, "thought 2")]).await, Ok(None));
    durable(&mut third, 2).await;
    assert_eq!(texts(&world.engine, run).await, expected(2));
}

#[tokio::test]
async fn a_session_brings_answers_questions_and_guidance() {
    let world = World::new().await;
    let (run, engine) = (world.run().await, &world.engine);
    let kept = world.escalate(run).await;
    world.approve(&kept).await;
    let mut session = opened(engine, run).await;
    let mut said = Vec::new();
    while said.len() < 2 {
        match session.downward.next().await.unwrap().unwrap() {
            SessionEvent::Resumption(view) => said.push(view.resumption.escalation.to_string()),
            SessionEvent::Guidance(revision, _) => said.push(revision.to_string()),
            other => panic!("{other:?}"),
        }
    }
    let in_force = engine.guidance(&agent(), Some(run)).await.unwrap().0;
    said.sort_unstable();
    assert_eq!(said, [kept.id.to_string(), in_force.to_string()]);
    let asked = world.escalate(run).await;
    let text = "which invoice?".to_owned();
    let question = AskAgent { request_id: String::new(), escalation: asked.id, text };
    engine.ask_agent(&reviewer(), question).await.unwrap();
    let Some(Ok(SessionEvent::Question(view))) = heard(&mut session).await else {
        panic!("no question came")
    };
    assert_eq!(view.text, "which invoice?");
    let of_another = world.escalate(world.run().await).await;
    world.approve(&of_another).await;
    world.approve(&world.escalation(asked.id).await).await;
    let Some(Ok(SessionEvent::Resumption(view))) = heard(&mut session).await else {
        panic!("no answer came")
    };
    assert_eq!(view.resumption.escalation, asked.id, "and not that of another run");
}

async fn overridden(world: &World, run: RunId, kind: OverrideKind) -> OverrideView {
    let command = overriding(kind, OverrideScope::Run(run));
    let sam = principal("sam", &[Role::Supervisor]);
    world.engine.request_override(&sam, command).await.unwrap().value
}

/// The next override that a session brings.
async fn told(session: &mut Session) -> OverrideView {
    match heard(session).await {
        Some(Ok(SessionEvent::Override(view))) => *view,
        other => panic!("{other:?}"),
    }
}

fn effective(view: &OverrideView, run: RunId) -> Acknowledge {
    Acknowledge {
        request_id: String::new(),
        id: view.it.id,
        run,
        said: Said::Effective,
        words: "I was about to refund Anna".to_owned(),
        still_running: Vec::new(),
    }
}

#[tokio::test]
async fn an_override_comes_down_until_it_is_acknowledged_by_the_same_way_up() {
    let world = World::new().await;
    let (run, engine) = (world.run().await, &world.engine);
    let mut session = opened(engine, run).await;
    let of_another = world.run().await;
    overridden(&world, of_another, OverrideKind::Stop).await;
    let pause = overridden(&world, run, OverrideKind::PauseNow).await;
    let brought = told(&mut session).await;
    assert_eq!((brought.it.id, brought.state), (pause.it.id, OverrideState::Delivered));
    let mut session = opened(engine, run).await;
    assert_eq!(told(&mut session).await.it.id, pause.it.id, "again in a new session");
    assert_eq!(world.events(EventKind::OverrideDelivered).await, 1);

    assert_eq!(session.upward.take(thoughts(1..=1)).await, Ok(None), "a paused agent may think");
    durable(&mut session, 1).await;
    let done = session.upward.acknowledge(effective(&pause, run)).await.unwrap();
    assert_eq!(done.state, OverrideState::Effective);
    let again = session.upward.acknowledge(effective(&pause, run)).await;
    assert!(matches!(again, Err(Error::Override(_))), "{again:?}");

    let stop = overridden(&world, run, OverrideKind::Stop).await;
    assert_eq!(told(&mut session).await.it.id, stop.it.id);
    let mut session = opened(engine, run).await;
    assert_eq!(told(&mut session).await.it.kind, OverrideKind::Stop, "also of a stopped run");
    assert_eq!(session.upward.take(thoughts(2..=2)).await, Ok(None), "it says what it does");
    durable(&mut session, 2).await;
}

#[tokio::test]
async fn what_is_new_comes_by_a_call_as_well() {
    let world = World::new().await;
    let (run, engine) = (world.run().await, &world.engine);
    let in_force = engine.guidance(&agent(), Some(run)).await.unwrap().0;
    let asks = |wait| ReceiveUpdates { run: Some(run), wait, guided_by: Some(in_force) };
    let first = ReceiveUpdates { guided_by: None, ..asks(None) };
    let updates = engine.receive_updates(&agent(), first).await.unwrap();
    assert_eq!(updates.guidance.map(|(revision, _)| revision), Some(in_force));
    append(engine, run, 0, thoughts(1..=2)).await.unwrap();
    let updates = engine.receive_updates(&agent(), asks(None)).await.unwrap();
    assert_eq!((updates.guidance, updates.overrides.len(), updates.through), (None, 0, 2));

    let claims = agent();
    let waiting = engine.receive_updates(&claims, asks(Some(Span::from_secs(30))));
    let (updates, pause) =
        tokio::join!(waiting, overridden(&world, run, OverrideKind::PauseAfterStep));
    let brought: Vec<_> = updates.unwrap().overrides.iter().map(|view| view.it.id).collect();
    assert_eq!(brought, [pause.it.id]);
    let kept = engine.receive_updates(&agent(), asks(None)).await.unwrap();
    assert_eq!(kept.overrides.len(), 1, "until it is acknowledged");
    engine.acknowledge_override(&agent(), effective(&pause, run)).await.unwrap();

    let over = engine.receive_updates(&claims, asks(Some(Span::from_secs(30))));
    let (updates, ()) = tokio::join!(over, async {
        tokio::task::yield_now().await;
        world.clock.advance(Span::from_secs(30));
    });
    let updates = updates.unwrap();
    assert!(updates.overrides.is_empty() && updates.resumptions.is_empty(), "{updates:?}");
}

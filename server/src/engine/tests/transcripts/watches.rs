//! Watching what an agent thinks.

use super::*;
use crate::domain::transcript::density::{Density, Piece};
use crate::engine::transcripts::{ReasoningWatch, WatchReasoning, WatchedReasoning};

async fn watching(engine: &Engine, run: RunId, density: Density) -> ReasoningWatch {
    let command = WatchReasoning { run: Some(run), density, ..WatchReasoning::default() };
    engine.watch_reasoning(&reviewer(), command).await.unwrap()
}

/// Reads until the snapshot has ended; answers what was shown before.
async fn snapshot(watch: &mut ReasoningWatch) -> Vec<String> {
    let mut shown = Vec::new();
    loop {
        match watch.next().await.unwrap().event {
            WatchedReasoning::SnapshotEnd { .. } => return shown,
            WatchedReasoning::Piece(piece) => shown.push(line_of(&piece)),
            other => panic!("{other:?}"),
        }
    }
}

fn line_of(piece: &Piece) -> String {
    match piece {
        Piece::Text { entry, .. } => entry.text.clone(),
        Piece::Section { line, .. } | Piece::Headline { line, .. } => line.clone(),
    }
}

#[tokio::test]
async fn a_watch_shows_what_was_there_then_what_comes_and_goes_on_by_its_cursor() {
    let world = World::new().await;
    let (run, engine) = (world.run().await, &world.engine);
    append(engine, run, 0, thoughts(1..=2)).await.unwrap();
    let mut watch = watching(engine, run, Density::Full).await;
    assert_eq!(snapshot(&mut watch).await, ["thought 1thought 2"]);
    append(engine, run, 0, thoughts(3..=4)).await.unwrap();
    world.clock.advance(Span::from_millis(100));
    let item = watch.next().await.unwrap();
    let WatchedReasoning::Piece(piece) = &item.event else { panic!("{item:?}") };
    assert_eq!(line_of(piece), "thought 3thought 4");
    append(engine, run, 0, thoughts(5..=5)).await.unwrap();
    let command = WatchReasoning {
        run: Some(run),
        cursor: item.cursor.clone(),
        density: Density::Full,
        ..WatchReasoning::default()
    };
    let mut again = engine.watch_reasoning(&reviewer(), command.clone()).await.unwrap();
    assert_eq!(snapshot(&mut again).await, ["thought 5"]);
    let other = world.run().await;
    let foreign = WatchReasoning { run: Some(other), ..command };
    let refused = engine.watch_reasoning(&reviewer(), foreign).await.err().unwrap();
    assert!(matches!(refused, Error::CursorInvalid { .. }), "{refused}");
    let stranger = principal("stranger", &agent().roles);
    let command = WatchReasoning { run: Some(run), ..WatchReasoning::default() };
    assert!(engine.watch_reasoning(&stranger, command).await.is_err());
}

#[tokio::test]
async fn what_another_server_stores_is_shown_and_silence_is_ended() {
    let world = World::new().await;
    let run = world.run().await;
    let (other, _background) = start(&world.store, &world.clock, POLICY).await;
    let mut watch = watching(&world.engine, run, Density::Digest).await;
    assert_eq!(snapshot(&mut watch).await, [] as [&str; 0]);
    append(&other, run, 0, vec![draft(1, Content::Step { title: "begin".to_owned() })])
        .await
        .unwrap();
    let shown = watch.next().await.unwrap().event;
    assert!(matches!(&shown, WatchedReasoning::Piece(it) if line_of(it) == "begin"), "{shown:?}");
    let (next, ()) = tokio::join!(watch.next(), async {
        tokio::task::yield_now().await;
        world.clock.advance(Span::from_secs(10));
    });
    assert!(matches!(next.unwrap().event, WatchedReasoning::Heartbeat { .. }));
}

#[tokio::test]
async fn a_reader_who_is_far_behind_is_told_what_is_skipped() {
    let world = World::new().await;
    let (run, engine) = (world.run().await, &world.engine);
    let mut full = watching(engine, run, Density::Full).await;
    let mut digest = watching(engine, run, Density::Digest).await;
    snapshot(&mut full).await;
    snapshot(&mut digest).await;
    for round in 0..30_u64 {
        append(engine, run, 0, thoughts(round * 100 + 1..=round * 100 + 100)).await.unwrap();
        world.clock.advance(Span::from_secs(2));
    }
    let skipped = full.next().await.unwrap().event;
    assert_eq!(skipped, WatchedReasoning::Skipped { first: 1, last: 2_744 });
    let WatchedReasoning::Piece(Piece::Text { first, entry, .. }) =
        full.next().await.unwrap().event
    else {
        panic!("nothing follows")
    };
    assert_eq!((first, entry.through), (2_745, 3_000));
    let mut through = 0;
    while through < 3_000 {
        match digest.next().await.unwrap().event {
            WatchedReasoning::Piece(Piece::Section { first: 1, last, .. }) => through = last,
            other => panic!("{other:?}"),
        }
        world.clock.advance(Span::from_secs(1));
    }
}

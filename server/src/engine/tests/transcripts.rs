//! Transcripts: every entry once and in order, whatever is sent twice, from whichever
//! server, before and after a restart.

mod sessions;
mod watches;

use futures::future::join_all;
use serde_json::json;

use super::world::*;
use crate::domain::error::{Error, TranscriptError};
use crate::domain::event::EventKind;
use crate::domain::ids::RunId;
use crate::domain::run::RunState;
use crate::domain::time::Span;
use crate::domain::transcript::{Content, Cut, CutCause, MessageRole};
use crate::engine::runs::FinishRun;
use crate::engine::transcripts::{AppendEntries, Appended, Draft, MAX_ENTRIES, Shown};
use crate::engine::{Engine, limits};

fn thought(number: u64, text: &str) -> Draft {
    draft(number, Content::Reasoning { text: text.to_owned() })
}

fn draft(number: u64, content: Content) -> Draft {
    Draft { number, agent_time: None, content }
}

fn thoughts(numbers: impl IntoIterator<Item = u64>) -> Vec<Draft> {
    numbers.into_iter().map(|number| thought(number, &format!("thought {number}"))).collect()
}

async fn append(
    engine: &Engine,
    run: RunId,
    attempt: u64,
    entries: Vec<Draft>,
) -> Result<Appended, Error> {
    let command = AppendEntries { run: Some(run), attempt, entries };
    engine.append_entries(&agent(), command).await.map(|answer| answer.value)
}

/// All that is stored, page by page.
async fn log(engine: &Engine, run: RunId) -> Vec<Shown> {
    let (mut all, mut from) = (Vec::new(), 0);
    loop {
        let page = engine.list_entries(&agent(), run, from, 7).await.unwrap();
        all.extend(page.entries);
        match page.next {
            Some(next) => from = next,
            None => return all,
        }
    }
}

fn text_of(shown: &Shown) -> (u64, String) {
    match shown {
        Shown::Entry(entry) => match &entry.content {
            Content::Reasoning { text } => (entry.number, text.clone()),
            other => (entry.number, format!("{other:?}")),
        },
        Shown::Erased { first, .. } => (*first, "erased".to_owned()),
    }
}

async fn texts(engine: &Engine, run: RunId) -> Vec<(u64, String)> {
    log(engine, run).await.iter().map(text_of).collect()
}

fn expected(through: u64) -> Vec<(u64, String)> {
    (1..=through).map(|number| (number, format!("thought {number}"))).collect()
}

#[tokio::test]
async fn what_is_sent_is_there_once_and_in_order_also_after_a_restart() {
    let world = World::new().await;
    let (run, engine) = (world.run().await, &world.engine);
    let first = append(engine, run, 0, thoughts(1..=3)).await.unwrap();
    assert_eq!((first.through, first.attempt), (3, 0));
    let again = append(engine, run, 0, thoughts(2..=20)).await.unwrap();
    assert_eq!(again.through, 20);
    let known = append(engine, run, 0, thoughts(4..=5)).await.unwrap();
    assert_eq!(known.through, 20, "what is there is ignored");
    let gap = append(engine, run, 0, thoughts(22..=23)).await.unwrap_err();
    assert_eq!(gap, Error::Transcript(TranscriptError::Gap { run: run.to_string(), expected: 21 }));
    assert_eq!(texts(engine, run).await, expected(20));
    assert_eq!(world.events(EventKind::ReasoningAppended).await, 2);
    let page = engine.list_entries(&agent(), run, 5, 2).await.unwrap();
    let numbers: Vec<_> = page.entries.iter().map(Shown::first).collect();
    assert_eq!((numbers, page.next, page.head.last), (vec![5, 6], Some(7), 20));
    let world = world.restarted().await;
    assert_eq!(texts(&world.engine, run).await, expected(20));
    assert_eq!(append(&world.engine, run, 0, thoughts(20..=21)).await.unwrap().through, 21);
    assert_eq!(texts(&world.engine, run).await, expected(21));
}

#[tokio::test]
async fn a_later_attempt_shuts_the_earlier_out() {
    let world = World::new().await;
    let (run, engine) = (world.run().await, &world.engine);
    let (other, _background) = start(&world.store, &world.clock, POLICY).await;
    assert_eq!(append(engine, run, 1, thoughts(1..=2)).await.unwrap().attempt, 1);
    assert_eq!(append(&other, run, 2, thoughts(2..=3)).await.unwrap().attempt, 2);
    for engine in [engine, &other] {
        let refused = append(engine, run, 1, thoughts(3..=4)).await.unwrap_err();
        assert_eq!(
            refused,
            Error::Transcript(TranscriptError::Superseded { run: run.to_string(), attempt: 2 })
        );
    }
    let skipped = append(engine, run, 4, thoughts(4..=4)).await.unwrap_err();
    assert!(matches!(skipped, Error::InvalidField { field, .. } if field == "attempt"));
    assert_eq!(append(engine, run, 0, thoughts(4..=4)).await.unwrap().attempt, 2);
    assert_eq!(texts(engine, run).await, expected(4));
    assert_eq!(world.events(EventKind::SessionOpened).await, 2);
}

#[tokio::test]
async fn only_the_agent_of_a_run_that_goes_on_writes_its_transcript() {
    let world = World::new().await;
    let (run, engine) = (world.run().await, &world.engine);
    let stranger = principal("stranger", &agent().roles);
    let command = AppendEntries { run: Some(run), attempt: 0, entries: thoughts(1..=1) };
    let refused = engine.append_entries(&stranger, command).await.unwrap_err();
    assert!(matches!(refused, Error::NotFound { .. }), "{refused}");
    append(engine, run, 0, thoughts(1..=1)).await.unwrap();
    assert!(engine.list_entries(&stranger, run, 0, 0).await.is_err());
    let page = engine.list_entries(&reviewer(), run, 0, 0).await.unwrap();
    assert!(!page.is_own && page.entries.len() == 1);
    let finish = FinishRun { request_id: String::new(), run, state: RunState::Succeeded };
    engine.finish_run(&agent(), finish).await.unwrap();
    let refused = append(engine, run, 0, thoughts(2..=2)).await.unwrap_err();
    assert!(matches!(refused, Error::RunNotRunning { .. }), "{refused}");
}

#[tokio::test]
async fn a_call_is_taken_as_a_whole_or_not_at_all() {
    let world = World::new().await;
    let (run, engine) = (world.run().await, &world.engine);
    let secret = "ghp_0123456789abcdefghijABCDEFGHIJ012345";
    let with_secret = vec![thought(1, "fine"), thought(2, secret)];
    let refused = append(engine, run, 0, with_secret).await.unwrap_err();
    let place = "entries[1].reasoning.text at byte 0".to_owned();
    assert!(matches!(refused, Error::SecretFound { place: at, .. } if at == place));
    let table = [
        (Vec::new(), "entries"),
        (thoughts(1..=MAX_ENTRIES as u64 + 1), "entries"),
        (thoughts([1, 3]), "entries[1].number"),
        (thoughts([0]), "entries[0].number"),
        (thoughts([u64::MAX]), "entries[0].number"),
    ];
    for (entries, place) in table {
        let refused = append(engine, run, 0, entries).await.unwrap_err();
        assert!(matches!(&refused, Error::InvalidField { field, .. } if field == place), "{place}");
    }
    assert_eq!(texts(engine, run).await, []);
    assert_eq!(append(engine, run, 0, thoughts(1..=1)).await.unwrap().through, 1);
}

#[tokio::test]
async fn what_comes_too_fast_leaves_a_note_and_nothing_else_is_lost() {
    let world = World::new().await;
    let (run, engine) = (world.run().await, &world.engine);
    for first in [1, 101, 201] {
        append(engine, run, 0, thoughts(first..first + 100)).await.unwrap();
    }
    let all = log(engine, run).await;
    let Some(Shown::Entry(last)) = all.last() else { panic!("{all:?}") };
    let Content::Cut(Cut { through, cause, .. }) = last.content else { panic!("{last:?}") };
    assert_eq!((last.number, through, cause), (257, 300, CutCause::TooFast));
    world.clock.advance(Span::from_secs(1));
    let later = append(engine, run, 0, thoughts(301..=310)).await.unwrap();
    assert_eq!((later.through, later.spent.cut_entries), (310, 44));
    assert_eq!(log(engine, run).await.len(), 256 + 1 + 10);
    let from_within = engine.list_entries(&agent(), run, 270, 2).await.unwrap();
    let shown: Vec<_> = from_within.entries.iter().map(Shown::first).collect();
    assert_eq!(shown, [257, 301], "a note shows itself to whoever asks for what it stands for");
}

/// Every origin has a rule of its own.
const BY_ORIGIN: &str = r#"
version: 1
default: escalate
tools: {pay: {}}
rules:
  - {id: user, tools: [pay], when: 'provenance("to") == "user"', effect: allow, reason: u}
  - {id: tool, tools: [pay], when: 'provenance("to") == "tool"', effect: escalate, reason: t}
  - {id: nowhere, tools: [pay], when: 'provenance("to") == "nowhere"', effect: escalate, reason: n}
"#;

async fn origin(engine: &Engine, run: RunId, to: &str) -> String {
    let proposed = engine.propose(&agent(), proposal(run, "pay", &json!({"to": to}))).await;
    proposed.unwrap().value.action.decision.rule.unwrap()
}

fn said(role: MessageRole, text: &str) -> Content {
    Content::Message { role, text: text.to_owned() }
}

fn found(text: &str) -> Content {
    let (tool, call_id) = ("search".to_owned(), String::new());
    let result = text.as_bytes().to_vec();
    Content::ToolResult { tool, call_id, result, is_error: false, action: None }
}

#[tokio::test]
async fn messages_of_the_user_and_results_are_heard_and_what_the_model_says_is_not() {
    let world = World::new().await.reopened(BY_ORIGIN, false).await;
    let run = world.run().await;
    for name in ["Ben Wolf", "Cleo Marsh", "Dora Finch"] {
        assert_eq!(origin(&world.engine, run, name).await, "nowhere");
    }
    let entries = [
        said(MessageRole::User, "pay Ben Wolf"),
        found("payee: Cleo Marsh"),
        said(MessageRole::Assistant, "I could pay Dora Finch"),
    ];
    let entries = (1..).zip(entries).map(|(number, content)| draft(number, content)).collect();
    append(&world.engine, run, 0, entries).await.unwrap();
    let origins = [("Ben Wolf", "user"), ("Cleo Marsh", "tool"), ("Dora Finch", "nowhere")];
    for (name, wanted) in origins {
        assert_eq!(origin(&world.engine, run, name).await, wanted, "{name}");
    }
    let world = world.restarted().await.reopened(BY_ORIGIN, false).await;
    for (name, wanted) in origins {
        assert_eq!(origin(&world.engine, run, name).await, wanted, "{name}, after a restart");
    }
}

#[tokio::test]
async fn words_of_a_user_beyond_its_limits_are_kept_and_not_judged_by() {
    let world = World::new().await.reopened(BY_ORIGIN, false).await;
    let (run, engine) = (world.run().await, &world.engine);
    let long = "x".repeat(16 * 1024);
    let rounds = limits::MAX_USER_BYTES / long.len();
    let mut entries: Vec<_> = (1..)
        .zip(0..rounds)
        .map(|(number, _)| draft(number, said(MessageRole::User, &long)))
        .collect();
    let next = entries.len() as u64 + 1;
    entries.push(draft(next, said(MessageRole::User, "pay Ben Wolf")));
    append(engine, run, 0, entries).await.unwrap();
    assert_eq!(log(engine, run).await.len() as u64, next);
    assert_eq!(origin(engine, run, "Ben Wolf").await, "nowhere");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whichever_server_takes_it_and_however_often_it_is_there_once() {
    let world = World::new().await;
    let (other, _background) = start(&world.store, &world.clock, POLICY).await;
    let runs = [world.run().await, world.run().await, world.run().await];
    for round in 0..20_u64 {
        let engines = [&world.engine, &other, &world.engine, &other];
        let calls = engines.iter().zip(0_u64..).flat_map(|(engine, skew)| {
            let first = (round * 5).saturating_sub(skew) + 1;
            runs.map(|run| append(engine, run, 0, thoughts(first..=round * 5 + 5)))
        });
        for appended in join_all(calls).await {
            assert_eq!(appended.unwrap().through, round * 5 + 5);
        }
        world.clock.advance(Span::from_secs(1));
    }
    for run in runs {
        assert_eq!(texts(&world.engine, run).await, expected(100));
        assert_eq!(texts(&other, run).await, expected(100));
    }
}

/// A small generator: the same seed gives the same walk.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

#[tokio::test]
async fn a_client_that_drops_repeats_and_starts_over_leaves_the_log_it_meant() {
    for seed in 1..=8 {
        let mut dice = Dice(seed << 32 | 0x7f4a_7c15);
        let mut world = World::new().await;
        let run = world.run().await;
        let (mut attempt, mut durable) = (0_u64, 0_u64);
        for _ in 0..60 {
            let first = (durable + 3).saturating_sub(dice.roll(6)).max(1);
            let last = first + dice.roll(8);
            match dice.roll(12) {
                0 => world = world.restarted().await,
                1 => attempt += 1,
                2 if attempt > 0 => {
                    let refused = append(&world.engine, run, attempt - 1, thoughts([1])).await;
                    if attempt > 1 {
                        assert!(refused.is_err(), "seed {seed}: an old attempt writes");
                    }
                    continue;
                }
                _ => world.clock.advance(Span::from_secs(1)),
            }
            match append(&world.engine, run, attempt, thoughts(first..=last)).await {
                Ok(appended) => {
                    assert!(first <= durable + 1, "seed {seed}: a gap was taken");
                    durable = durable.max(last);
                    assert_eq!(appended.through, durable, "seed {seed}");
                }
                Err(Error::Transcript(TranscriptError::Gap { expected, .. })) => {
                    assert_eq!(expected, durable + 1, "seed {seed}");
                    assert!(first > expected, "seed {seed}");
                }
                Err(other) => panic!("seed {seed}: {other}"),
            }
        }
        assert_eq!(texts(&world.engine, run).await, expected(durable), "seed {seed}");
    }
}

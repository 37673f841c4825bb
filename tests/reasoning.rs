//! What agents think, from their sessions to those who watch: over the wire, with
//! servers that restart and connections that break.

use std::time::Duration;

use pointsman_api::v1;
use pointsman_api::v1::open_session_request::Event as Said;
use pointsman_api::v1::open_session_response::Event as Told;
use pointsman_api::v1::r#override::{Kind, State};
use pointsman_api::v1::override_scope::Scope;
use pointsman_api::v1::transcript_entry::Content;
use pointsman_api::v1::transcript_message::Role;
use pointsman_api::v1::watch_reasoning_request::Density;
use pointsman_api::v1::watch_reasoning_response::Event;
use pointsman_client::{
    Agent, Connection, Intent, Proposal, ReasoningEvent, ReasoningWatch, RunHandle, Session,
    SessionUpdate, StartRun,
};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;

use crate::harness::api::{AGENT, REVIEWER, SUPERVISOR, connect};
use crate::harness::child::Place;
use crate::harness::fixture::{Fixture, asked};
use crate::harness::policy;
use crate::harness::poll::{PATIENCE, at_moment, within};
use crate::harness::proxy::{Half, Proxy};
use crate::harness::seed::{Seed, rounds};

/// How long a server lives at most before it is killed.
const LONGEST_LIFE: Duration = Duration::from_millis(500);

async fn entries(connection: &Connection, run_id: &str) -> Vec<v1::TranscriptEntry> {
    let (mut all, mut from_entry) = (Vec::new(), 1);
    while from_entry > 0 {
        let run_id = run_id.to_owned();
        let request = v1::ListEntriesRequest { run_id, from_entry, page_size: 500 };
        let page = connection.reasoning_service().list_entries(request).await.unwrap().into_inner();
        all.extend(page.entries);
        from_entry = page.next_entry;
    }
    all
}

fn text_of(entry: &v1::TranscriptEntry) -> String {
    match entry.content.clone().unwrap() {
        Content::Reasoning(it) => it.text,
        Content::Message(it) => it.text,
        Content::Step(it) => it.title,
        other => format!("{other:?}"),
    }
}

async fn texts(connection: &Connection, run_id: &str) -> Vec<String> {
    entries(connection, run_id).await.iter().map(text_of).collect()
}

/// The next thing to be shown.
async fn shown(watch: &mut ReasoningWatch) -> Event {
    loop {
        let next = within("something to be shown", PATIENCE, watch.next()).await;
        match next.unwrap().unwrap() {
            ReasoningEvent::Shown(Event::Heartbeat(_)) | ReasoningEvent::Interrupted(_) => {}
            ReasoningEvent::Shown(event) => return event,
        }
    }
}

fn watch(connection: Connection, run: &RunHandle, density: Density) -> ReasoningWatch {
    let run_id = run.run_id().to_owned();
    let watch_words = vec!["refund".to_owned()];
    let request = v1::WatchReasoningRequest {
        run_id,
        density: density.into(),
        watch_words,
        ..Default::default()
    };
    ReasoningWatch::new(connection, request)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_agent_thinks_is_seen_and_what_people_decide_comes_back() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    let run = fixture.run().await;
    let session = run.open_session().await.unwrap();
    let mut updates = Box::pin(session.updates());
    let mut full = watch(fixture.connection(REVIEWER), &run, Density::Full);
    assert!(matches!(shown(&mut full).await, Event::SnapshotEnd(_)));

    session.step("Settle the claim").unwrap();
    session.reasoning("A ref").unwrap();
    let last = session.reasoning("und\u{202e} is due").unwrap();
    within("what was said is durable", PATIENCE, session.wait_durable(last)).await.unwrap();
    let (mut seen, mut marks) = (String::new(), 0);
    while !seen.ends_with("is due") {
        let Event::Text(text) = shown(&mut full).await else { panic!("no text") };
        seen.push_str(&text.text);
        marks += text.marks.len();
    }
    assert!(seen.contains("‹U+202E RIGHT-TO-LEFT OVERRIDE›"), "{seen}");
    assert_eq!(marks, 1, "the word that is watched for");
    let raw = texts(&fixture.connection(AGENT), run.run_id()).await;
    assert_eq!(raw, ["Settle the claim", "A ref", "und\u{202e} is due"]);

    let wait = asked(&run, Proposal::new("ask_it", "{}")).await;
    let seen = fixture.shown(wait.escalation_id()).await;
    fixture.reviewer().approve(&seen, "fine").await.unwrap();
    let answer = within("the answer comes down the session", PATIENCE, async {
        loop {
            match updates.next().await.unwrap() {
                SessionUpdate::Resumption(answer) => return answer,
                SessionUpdate::Guidance(_) => {}
                other => panic!("{other:?}"),
            }
        }
    });
    assert_eq!(answer.await.escalation_id, wait.escalation_id());

    let sam = fixture.overrides(SUPERVISOR);
    let pause = sam.request(pause(&run)).await.unwrap();
    let told = within("the override comes down the session", PATIENCE, updates.next()).await;
    let Some(SessionUpdate::Override(told)) = told else { panic!("{told:?}") };
    assert_eq!((told.override_id, told.reason), (pause.override_id, pause.reason));
    within("all is durable", PATIENCE, session.close()).await.unwrap();
}

fn pause(run: &RunHandle) -> Intent {
    let scope = Some(Scope::RunId(run.run_id().to_owned()));
    let reason = "wait for the invoice".to_owned();
    Intent { kind: Kind::PauseNow, scope, reason, ..Intent::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_answers_an_override_up_the_stream_and_a_wrong_answer_ends_nothing() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    let run = fixture.run().await;
    let (up, messages) = mpsc::channel(8);
    let open = v1::SessionOpen { run_id: run.run_id().to_owned(), heartbeat: None };
    let say = |event| up.try_send(v1::OpenSessionRequest { event: Some(event) }).unwrap();
    say(Said::Open(open));
    let mut service = fixture.connection(AGENT).reasoning_service();
    let mut down = service.open_session(ReceiverStream::new(messages)).await.unwrap().into_inner();
    let mut told = async || loop {
        let message = within("the server says something", PATIENCE, down.message()).await;
        match message.unwrap().unwrap().event.unwrap() {
            Told::Opened(_) | Told::Guidance(_) | Told::Heartbeat(_) => {}
            other => return other,
        }
    };
    let paused = fixture.overrides(SUPERVISOR).request(pause(&run)).await.unwrap();
    let Told::Override(brought) = told().await else { panic!("no override") };
    assert_eq!((&brought.override_id, brought.state()), (&paused.override_id, State::Delivered));
    let (override_id, state) = (paused.override_id, State::Effective.into());
    let words = "I was about to refund Anna".to_owned();
    let still_running = vec!["a lookup".to_owned()];
    let answer = v1::SessionAcknowledgement { override_id, state, words, still_running };
    say(Said::Acknowledgement(answer.clone()));
    let Told::Override(now) = told().await else { panic!("not taken") };
    assert_eq!((now.state(), &now.agent_words), (State::Effective, &answer.words));
    for (wrong, reason) in [
        (answer.clone(), "OVERRIDE_CLOSED"),
        (v1::SessionAcknowledgement { state: 0, ..answer.clone() }, "INVALID_FIELD"),
    ] {
        say(Said::Acknowledgement(wrong));
        let Told::Refusal(refusal) = told().await else { panic!("{reason} was taken") };
        assert_eq!((&*refusal.reason, refusal.entry), (reason, 0));
        assert_eq!(refusal.override_id, answer.override_id);
    }
    drop(up);
    let end = within("the session ends", PATIENCE, down.message()).await;
    assert!(matches!(end, Ok(None)), "{end:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_withheld_under_its_number_and_the_rest_goes_on() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    let run = fixture.run().await;
    let session = run.open_session().await.unwrap();
    session.reasoning("before").unwrap();
    session.reasoning("ghp_0123456789abcdefghijABCDEFGHIJ012345").unwrap();
    for number in 0..50 {
        session.message(Role::Assistant, format!("after {number}")).unwrap();
    }
    within("all is durable", PATIENCE, session.wait_durable(52)).await.unwrap();
    let texts = texts(&fixture.connection(AGENT), run.run_id()).await;
    assert_eq!(texts[..2], ["before", "(withheld by the client: SECRET_FOUND)"]);
    assert_eq!((texts.len(), texts[51].as_str()), (52, "after 49"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_session_ends_the_older_for_good() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    let run = fixture.run().await;
    let older = run.open_session().await.unwrap();
    let newer = run.open_session().await.unwrap();
    let ended = within("the older ends", PATIENCE, older.wait_durable(1)).await.unwrap_err();
    assert_eq!(ended.reason_name(), "SESSION_SUPERSEDED");
    assert_eq!(older.reasoning("too late").unwrap_err().reason_name(), "SESSION_SUPERSEDED");
    let number = newer.reasoning("goes on").unwrap();
    within("the newer goes on", PATIENCE, newer.wait_durable(number)).await.unwrap();
}

/// Says so many things, numbered, as fast as they are taken.
async fn say(session: &Session, from: u64, through: u64) {
    for number in from..=through {
        let said = session.message(Role::Assistant, format!("said {number}")).unwrap();
        assert_eq!(said, number);
        tokio::task::yield_now().await;
    }
}

fn expected(through: u64) -> Vec<String> {
    (1..=through).map(|number| format!("said {number}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_break_lose_nothing_and_repeat_nothing() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    let target = fixture.address().trim_start_matches("http://").parse().unwrap();
    let proxy = Proxy::start(target).await;
    let agent = Agent::new(connect(&proxy.address(), AGENT));
    let run = agent.start_run(StartRun::default()).await.unwrap();
    let session = run.open_session().await.unwrap();
    let mut through = 0;
    for round in 0..6_u64 {
        proxy.cut_after(Half::Request, 400 + round * 300);
        say(&session, through + 1, through + 60).await;
        through += 60;
        let cuts = proxy.cuts();
        within("all is durable again", PATIENCE, session.wait_durable(through)).await.unwrap();
        assert!(proxy.cuts() >= cuts);
    }
    assert!(proxy.cuts() > 2, "the connection hardly broke");
    let connection = fixture.connection(AGENT);
    assert_eq!(texts(&connection, run.run_id()).await, expected(through));
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_servers_lose_nothing_that_was_acknowledged_of_a_session() {
    let mut seed = Seed::draw("reasoning kills");
    let folder = TempDir::new().unwrap();
    let place = Place::new(folder.path(), folder.path(), policy::BY_NAME);
    let mut server = place.serve_ready(PATIENCE).await;
    let agent = Agent::new(connect(server.address(), AGENT));
    let run = agent.start_run(StartRun::default()).await.unwrap();
    let session = run.open_session().await.unwrap();
    let rounds = rounds(6, 60);
    let mut through = 0;
    for _ in 0..rounds {
        let life = at_moment(seed.moment(LONGEST_LIFE));
        let talk = say(&session, through + 1, through + 300);
        tokio::join!(life, talk);
        through += 300;
        let acknowledged = session.durable_through();
        server.kill();
        server = place.serve_ready(PATIENCE).await;
        let kept = entries(&connect(server.address(), AGENT), run.run_id()).await.len() as u64;
        assert!(kept >= acknowledged, "{acknowledged} were acknowledged and {kept} are there");
        within("the session is back", PATIENCE, session.wait_durable(through)).await.unwrap();
    }
    let connection = connect(server.address(), AGENT);
    assert_eq!(texts(&connection, run.run_id()).await, expected(through));
}

/// How much more memory a server may have taken at the end than when it was warm.
const GROWTH_BYTES: u64 = 64 * 1024 * 1024;
/// Agents that think at once, and those of them that are watched.
const THINKERS: usize = 40;
const WATCHED: usize = 5;
/// Between two pieces of one agent.
const PACE: Duration = Duration::from_millis(100);

#[tokio::test(flavor = "multi_thread")]
async fn many_agents_think_for_long_and_nothing_is_lost_or_piles_up() {
    let folder = TempDir::new().unwrap();
    let place = Place::new(folder.path(), folder.path(), policy::BY_NAME);
    let server = place.serve_ready(PATIENCE).await;
    let agent = Agent::new(connect(server.address(), AGENT));
    let mut sessions = Vec::new();
    for _ in 0..THINKERS {
        let run = agent.start_run(StartRun::default()).await.unwrap();
        sessions.push((run.open_session().await.unwrap(), run));
    }
    let mut watching = tokio::task::JoinSet::new();
    for (_, run) in sessions.iter().take(WATCHED) {
        let mut watch = watch(connect(server.address(), REVIEWER), run, Density::Full);
        watching.spawn(async move {
            let mut last = 0;
            while let Some(Ok(event)) = watch.next().await {
                match event {
                    ReasoningEvent::Shown(Event::Text(text)) => {
                        assert_eq!(text.first_entry, last + 1, "a watcher missed something");
                        last = text.last_entry;
                    }
                    ReasoningEvent::Shown(Event::Skip(skip)) => last = skip.last_entry,
                    _ => {}
                }
            }
        });
    }
    let pieces = rounds(300, 6_000) as u64;
    let mut warm = 0;
    for number in 1..=pieces {
        for (session, _) in &sessions {
            assert_eq!(
                session.reasoning(format!("piece {number} of a long thought")).unwrap(),
                number
            );
        }
        at_moment(PACE).await;
        if number == pieces / 2 {
            warm = server.peak_memory();
        }
    }
    for (session, run) in sessions {
        within("all is durable", PATIENCE, session.close()).await.unwrap();
        let kept = entries(agent.connection(), run.run_id()).await;
        assert_eq!(kept.len() as u64, pieces);
        let last = kept.last().map(text_of);
        assert_eq!(last, Some(format!("piece {pieces} of a long thought")));
    }
    let growth = server.peak_memory().saturating_sub(warm);
    println!("grown by {growth} bytes from {warm}");
    assert!(growth < GROWTH_BYTES, "{growth} bytes more than when it was warm");
    while let Some(watched) = watching.try_join_next() {
        watched.unwrap();
    }
}

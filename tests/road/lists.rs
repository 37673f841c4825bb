//! Request ids and pages.

use pointsman_api::v1;
use pointsman_client::{Connection, Proposal, StartRun};

use crate::harness::api::{ADMIN, AGENT, called, request_id};
use crate::harness::fixture::{Fixture, asked};
use crate::harness::policy;

async fn start(
    connection: &Connection,
    request_id: &str,
    goal: &str,
) -> crate::harness::api::Called<v1::StartRunResponse> {
    let request = v1::StartRunRequest {
        request_id: request_id.to_owned(),
        goal: goal.to_owned(),
        ..Default::default()
    };
    called(connection.run_service().start_run(request).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_id_gets_the_same_answer() {
    let mut fixture = Fixture::start(policy::BY_NAME).await;
    let id = request_id();
    let first = start(&fixture.connection(AGENT), &id, "once").await.done();
    assert!(!first.header.as_ref().unwrap().replayed);

    for _ in 0..2 {
        let again = start(&fixture.connection(AGENT), &id, "once").await.done();
        assert_eq!(again.run, first.run);
        assert!(again.header.as_ref().unwrap().replayed);
        fixture.restart().await;
    }

    let connection = fixture.connection(AGENT);
    let refusal = start(&connection, &id, "twice").await.refused();
    assert_eq!(refusal, "REQUEST_ID_REUSED");
    let runs = fixture.runs().list(v1::ListRunsRequest::default()).await.unwrap().runs;
    assert_eq!(runs.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn request_ids_belong_to_their_caller() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    let token = fixture.token("other-agent", v1::Role::Agent).await;
    let id = request_id();

    let one = start(&fixture.connection(AGENT), &id, "mine").await.done();
    let other = start(&fixture.connection(&token), &id, "mine").await.done();

    assert_ne!(one.run.unwrap().run_id, other.run.unwrap().run_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_list_says_what_time_it_is() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    let agent = fixture.agent();
    let run = agent.start_run(StartRun::default()).await.unwrap();
    let before = fixture.admin().server_info().await.unwrap().server_time;

    let run_id = run.run_id().to_owned();
    let runs = fixture.runs().list(v1::ListRunsRequest::default()).await.unwrap();
    let tokens = v1::ListTokensRequest::default();
    let tokens = called(fixture.connection(ADMIN).admin_service().list_tokens(tokens).await).done();
    let actions = v1::ListActionsRequest { run_id, ..Default::default() };
    let connection = fixture.connection(AGENT);
    let actions = called(connection.action_service().list_actions(actions).await).done();
    let queue = v1::ListEscalationsRequest::default();
    let connection = fixture.connection(ADMIN);
    let queue = called(connection.escalation_service().list_escalations(queue).await).done();

    let nanos = |time: Option<prost_types::Timestamp>| {
        let time = time.expect("a time");
        (time.seconds, time.nanos)
    };
    for time in [runs.server_time, tokens.server_time, actions.server_time, queue.server_time] {
        assert!(nanos(time) >= nanos(before));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_hold_everything_once() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    let agent = fixture.agent();
    let mut started = Vec::new();
    for _ in 0..23 {
        started.push(agent.start_run(StartRun::default()).await.unwrap().run_id().to_owned());
    }

    let mut listed = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = v1::ListRunsRequest { page_size: 10, page_token, ..Default::default() };
        let page = fixture.runs().list(request).await.unwrap();
        assert!(page.runs.len() <= 10);
        listed.extend(page.runs.into_iter().map(|run| run.run_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }

    started.reverse();
    assert_eq!(listed, started, "newest first, each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_token_belongs_to_its_filter() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    for _ in 0..3 {
        fixture.run().await;
    }
    let connection = fixture.connection(ADMIN);
    let list = |page_size, page_token: &str, state: v1::run::State| {
        let mut service = connection.run_service();
        let request = v1::ListRunsRequest {
            page_size,
            page_token: page_token.to_owned(),
            state: state.into(),
            ..Default::default()
        };
        async move { called(service.list_runs(request).await) }
    };

    let first = list(1, "", v1::run::State::Running).await.done();
    let other = list(1, &first.next_page_token, v1::run::State::Failed).await.refused();
    let damaged = list(1, "not-a-token", v1::run::State::Running).await.refused();
    let negative = list(-1, "", v1::run::State::Running).await.refused();

    assert_eq!(other, "PAGE_TOKEN_INVALID");
    assert_eq!(damaged, "PAGE_TOKEN_INVALID");
    assert_eq!(negative, "INVALID_FIELD");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_sees_its_own_only() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    let run = fixture.run().await;
    let wait = asked(&run, Proposal::new("ask_it", "{}")).await;
    let token = fixture.token("other-agent", v1::Role::Agent).await;
    let other = pointsman_client::Runs::new(fixture.connection(&token));

    let refusal = other.get(run.run_id()).await.unwrap_err();
    assert_eq!(refusal.reason_name(), "RUN_NOT_FOUND");
    let escalation = fixture.shown(wait.escalation_id()).await;
    let refusal = other.action(escalation.action_id).await.unwrap_err();
    assert_eq!(refusal.reason_name(), "ACTION_NOT_FOUND");
    assert!(other.list(v1::ListRunsRequest::default()).await.unwrap().runs.is_empty());
}

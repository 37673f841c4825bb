//! How a server starts, refuses to start, and ends.

use std::sync::atomic::{AtomicBool, Ordering};

use pointsman_api::v1::escalation_service_client::EscalationServiceClient;
use pointsman_api::v1::run_service_client::RunServiceClient;

use super::*;

async fn start_run_fails(channel: &Channel) {
    let mut runs = RunServiceClient::new(channel.clone());
    let request = with_token("dev-agent", v1::StartRunRequest::default());
    soon(runs.start_run(request)).await.unwrap_err();
}

fn exit_code(started: Result<RunningServer, RunError>) -> u8 {
    started.map(|_| ()).expect_err("it must not start").exit_code()
}

#[tokio::test]
async fn shutdown_ends_open_streams_and_new_starts_find_the_data() {
    let server = server().await;
    let channel = server.channel().await;
    let run = start_run(&channel).await;
    let mut queue = EscalationServiceClient::new(channel);
    let request = with_token("dev-reviewer", v1::WatchEscalationsRequest::default());
    let mut watch = queue.watch_escalations(request).await.unwrap().into_inner();
    soon(watch.message()).await.unwrap();

    soon(server.running.shutdown()).await.unwrap();
    let ended = soon(watch.message()).await.unwrap_err();
    assert_eq!((ended.code(), &*reason(&ended)), (Code::Unavailable, "STOPPING"));

    let again = start(config(&server.dir)).await.unwrap();
    let url = format!("http://{}", again.local_addr());
    let channel = Endpoint::from_shared(url).unwrap().connect().await.unwrap();
    let request = v1::GetRunRequest { run_id: run.run_id };
    let mut runs = RunServiceClient::new(channel);
    runs.get_run(with_token("dev-agent", request)).await.unwrap();
}

#[tokio::test]
async fn a_dropped_server_lets_go_of_its_data() {
    let Server { running, dir } = server().await;
    let (channel, store) = {
        let server = Server { running, dir: tempfile::tempdir().unwrap() };
        (server.channel().await, Arc::downgrade(&server.running.store))
    };
    start_run_fails(&channel).await;
    soon(async {
        while store.strong_count() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    start(config(&dir)).await.unwrap();
}

#[tokio::test]
async fn the_first_start_makes_one_admin_token_and_dev_tokens_do_not_count() {
    let server = server_with(|config| config.dev = false).await;
    let secret = server.running.first_token().expect("an admin token").to_owned();
    let mut runs = RunServiceClient::new(server.channel().await);
    let list = v1::ListRunsRequest::default();
    runs.list_runs(with_token(&secret, list.clone())).await.unwrap();
    let refused = runs.list_runs(with_token("dev-admin", list)).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    soon(server.running.shutdown()).await.unwrap();
    let again = start(Config { dev: false, ..config(&server.dir) }).await.unwrap();
    assert_eq!(again.first_token(), None);
}

#[tokio::test]
async fn data_with_well_known_tokens_is_not_served() {
    let server = server().await;
    soon(server.running.shutdown()).await.unwrap();
    let refused = start(Config { dev: false, ..config(&server.dir) }).await;
    assert!(matches!(refused, Err(RunError::DevTokens)));
    assert_eq!(exit_code(refused), 2);
}

#[tokio::test]
async fn what_is_set_wrong_ends_the_start_with_code_2() {
    let dir = tempfile::tempdir().unwrap();
    let outside = Config { listen: "0.0.0.0:0".parse().unwrap(), ..config(&dir) };
    assert_eq!(exit_code(start(outside).await), 2);
    let absent = Config { policy_file: Some("/nowhere.yaml".into()), ..config(&dir) };
    assert_eq!(exit_code(start(absent).await), 2);
    let policy_file = dir.path().join("policy.yaml");
    std::fs::write(&policy_file, "version: 1\nrules: [{id: x}]\n").unwrap();
    let wrong = Config { policy_file: Some(policy_file), ..config(&dir) };
    assert_eq!(exit_code(start(wrong).await), 2);
}

#[tokio::test]
async fn a_port_or_a_folder_in_use_ends_the_start_with_code_1() {
    let server = server().await;
    let dir = tempfile::tempdir().unwrap();
    let same_port = Config { listen: server.running.local_addr(), ..config(&dir) };
    assert_eq!(exit_code(start(same_port).await), 1);
    assert_eq!(exit_code(start(config(&server.dir)).await), 1);
}

#[tokio::test]
async fn a_failed_store_acknowledges_nothing_and_ends_the_server() {
    let dir = tempfile::tempdir().unwrap();
    let settings = prepare::settings(config(&dir)).await.unwrap();
    let is_broken = Arc::new(AtomicBool::new(false));
    let breaks = Arc::clone(&is_broken);
    let mut options = store::embedded_options(&settings.config);
    options.faults = Some(Arc::new(move |_| match breaks.load(Ordering::Relaxed) {
        true => Err(std::io::Error::other("the disk is gone")),
        false => Ok(()),
    }));
    let (store, _) = store::open_embedded(options).await.unwrap();
    let running = start_on(settings, store).await.unwrap();
    let health = running.health.clone();
    let server = Server { running, dir };
    let channel = server.channel().await;
    let mut queue = EscalationServiceClient::new(channel.clone());
    let request = with_token("dev-reviewer", v1::WatchEscalationsRequest::default());
    let mut watch = queue.watch_escalations(request).await.unwrap().into_inner();

    is_broken.store(true, Ordering::Relaxed);
    let mut runs = RunServiceClient::new(channel);
    let request = with_token("dev-agent", v1::StartRunRequest::default());
    let refused = runs.start_run(request).await.unwrap_err();
    assert_eq!((refused.code(), &*reason(&refused)), (Code::Unavailable, "STOPPING"));
    let details = refused.get_error_details();
    assert_eq!(details.error_info().unwrap().metadata["effect"], "unknown");

    let ended = tokio::time::timeout(Duration::from_secs(1), server.running.wait(Shutdown::new()));
    let error = ended.await.expect("it ends within a second").unwrap_err();
    assert_eq!(error.exit_code(), 1);
    assert_eq!(health.get(), Serving::Failed);
    while let Ok(message) = soon(watch.message()).await {
        assert!(message.is_some(), "a failure is no clean end");
    }
}

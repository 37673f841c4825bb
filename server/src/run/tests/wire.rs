//! What the port answers to whom.

use pointsman_api::v1::action_service_client::ActionServiceClient;
use pointsman_api::v1::escalation_service_client::EscalationServiceClient;
use pointsman_api::v1::resolve_escalation_request::Resolution;
use pointsman_api::v1::run_service_client::RunServiceClient;
use pointsman_api::v1::watch_escalations_response::Event;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::codec::CompressionEncoding;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;

use super::*;
use crate::run::wire::Wire;

/// One request of HTTP/1.1 and the whole answer.
pub(super) async fn http1(address: SocketAddr, head: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let head =
        format!("{head}\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = Vec::new();
    soon(stream.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn the_main_road_from_proposal_to_redeemed_grant() {
    let server = server().await;
    let channel = server.channel().await;
    let run = start_run(&channel).await;
    let mut actions = ActionServiceClient::new(channel.clone());
    let request = with_token("dev-agent", proposal(&run));
    let proposed = actions.propose_action(request).await.unwrap().into_inner();
    let wait = proposed.wait.expect("without a policy a person is asked");

    let mut queue = EscalationServiceClient::new(channel);
    let watch = v1::WatchEscalationsRequest {
        view: v1::EscalationView::Full.into(),
        ..v1::WatchEscalationsRequest::default()
    };
    let watch = queue.watch_escalations(with_token("dev-reviewer", watch)).await.unwrap();
    let first = soon(watch.into_inner().message()).await.unwrap().unwrap();
    let Some(Event::Snapshot(shown)) = first.event else { panic!("a snapshot first") };
    assert_eq!(shown.escalation_id, wait.escalation_id);
    assert_eq!(&shown.briefing.as_ref().unwrap().arguments[..], br#"{"amount":600}"#);

    let resolve = v1::ResolveEscalationRequest {
        escalation_id: shown.escalation_id,
        etag: shown.etag,
        action_digest: shown.action_digest,
        resolution: Some(Resolution::Approve(v1::Approve {})),
        ..v1::ResolveEscalationRequest::default()
    };
    queue.resolve_escalation(with_token("dev-reviewer", resolve)).await.unwrap();

    let scope = v1::await_resolutions_request::Scope::Wait(v1::WaitRef {
        escalation_id: wait.escalation_id,
        wait_id: wait.wait_id,
    });
    let request = v1::AwaitResolutionsRequest { scope: Some(scope), heartbeat: None };
    let answers = queue.await_resolutions(with_token("dev-agent", request)).await.unwrap();
    let message = soon(answers.into_inner().message()).await.unwrap().unwrap();
    let Some(v1::await_resolutions_response::Event::Resumption(resumption)) = message.event else {
        panic!("the answer first")
    };
    let (grant, action) = (resumption.grant.unwrap(), resumption.action.unwrap());
    let redeem = v1::RedeemGrantRequest {
        grant_id: grant.grant_id,
        action_id: action.action_id,
        run_id: run.run_id,
        tool: action.tool,
        arguments: action.arguments,
        ..v1::RedeemGrantRequest::default()
    };
    actions.redeem_grant(with_token("dev-agent", redeem)).await.unwrap();
}

#[tokio::test]
async fn health_is_open_and_everything_else_wants_a_token() {
    let server = server().await;
    let channel = server.channel().await;
    let mut health = HealthClient::new(channel.clone());
    let checked = health.check(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(checked.status, 1);
    let mut runs = RunServiceClient::new(channel);
    let refused = runs.list_runs(v1::ListRunsRequest::default()).await.unwrap_err();
    assert_eq!((refused.code(), &*reason(&refused)), (Code::Unauthenticated, "TOKEN_INVALID"));
    let wrong = with_token("dev-reviewer", v1::StartRunRequest::default());
    let refused = runs.start_run(wrong).await.unwrap_err();
    assert_eq!((refused.code(), &*reason(&refused)), (Code::PermissionDenied, "ROLE_REQUIRED"));
}

/// The limit that a refusal names.
fn limit_of(refused: &Status) -> String {
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}");
    assert_eq!(reason(refused), "MESSAGE_TOO_LARGE");
    refused.get_error_details().error_info().unwrap().metadata["limit_bytes"].clone()
}

#[tokio::test]
async fn oversize_messages_are_refused_plain_and_inflated() {
    let server = server().await;
    let channel = server.channel().await;
    let goal = "a".repeat(65 << 10);
    let start = || {
        with_token("dev-agent", v1::StartRunRequest { goal: goal.clone(), ..Default::default() })
    };
    let reasoning = "a".repeat(5 << 20);
    let propose = || {
        let reasoning = reasoning.clone();
        with_token("dev-agent", v1::ProposeActionRequest { reasoning, ..Default::default() })
    };
    let (plain, zipped) = (RunServiceClient::new(channel.clone()), CompressionEncoding::Gzip);
    for mut runs in [plain.clone(), plain.send_compressed(zipped)] {
        assert_eq!(limit_of(&runs.start_run(start()).await.unwrap_err()), "65536");
    }
    let plain = ActionServiceClient::new(channel);
    for mut actions in [plain.clone(), plain.send_compressed(zipped)] {
        assert_eq!(limit_of(&actions.propose_action(propose()).await.unwrap_err()), "4194304");
    }
}

#[tokio::test]
async fn compressed_requests_are_read() {
    let server = server().await;
    let channel = server.channel().await;
    let mut runs = RunServiceClient::new(channel).send_compressed(CompressionEncoding::Gzip);
    let goal = "refund the customer ".repeat(100);
    let request =
        with_token("dev-agent", v1::StartRunRequest { goal: goal.clone(), ..Default::default() });
    assert_eq!(runs.start_run(request).await.unwrap().into_inner().run.unwrap().goal, goal);
}

#[tokio::test]
async fn grpc_web_works_over_http1() {
    let server = server().await;
    let head = "POST /pointsman.v1.RunService/ListRuns HTTP/1.1\r\ncontent-type: application/grpc-web+proto\r\nauthorization: Bearer dev-admin";
    let answer = http1(server.running.local_addr(), head, &[0; 5]).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("grpc-status:0"), "{answer}");
    let head = head.replace("dev-admin", "wrong");
    let answer = http1(server.running.local_addr(), &head, &[0; 5]).await;
    assert!(answer.contains("grpc-status: 16") || answer.contains("grpc-status:16"), "{answer}");
    assert!(answer.contains("grpc-status-details-bin"), "{answer}");
}

#[tokio::test]
async fn undecodable_messages_and_unknown_methods_carry_details() {
    let server = server().await;
    let address = server.running.local_addr();
    let web =
        "HTTP/1.1\r\ncontent-type: application/grpc-web+proto\r\nauthorization: Bearer dev-admin";
    // One field of an impossible wire type.
    let garbage = [0, 0, 0, 0, 1, 0x07];
    let answer =
        http1(address, &format!("POST /pointsman.v1.RunService/ListRuns {web}"), &garbage).await;
    assert!(answer.contains("grpc-status: 3"), "{answer}");
    assert!(answer.contains("grpc-status-details-bin"), "{answer}");
    for path in ["/pointsman.v1.RunService/Nope", "/nope.Service/Nope", "/"] {
        let answer = http1(address, &format!("POST {path} {web}"), &[0; 5]).await;
        assert!(answer.contains("grpc-status: 12"), "{answer}");
        assert!(answer.contains("grpc-status-details-bin"), "{answer}");
    }
}

#[tokio::test]
async fn pages_stand_beside_grpc_and_count_it() {
    let server = server().await;
    let channel = server.channel().await;
    start_run(&channel).await;
    let get = async |path: &str| {
        http1(server.running.local_addr(), &format!("GET {path} HTTP/1.1"), b"").await
    };
    assert!(get("/healthz").await.starts_with("HTTP/1.1 200"));
    assert!(get("/readyz").await.ends_with("ready\n"));
    assert!(get("/nope").await.starts_with("HTTP/1.1 404"));
    let numbers = get("/metrics").await;
    for line in [
        r#"pointsman_calls_total{method="pointsman.v1.RunService/StartRun",code="Ok"} 1"#,
        r#"pointsman_events_total{event="run.started"} 1"#,
        "pointsman_escalation_visible_seconds_count 0",
        "pointsman_oldest_open_age_seconds 0",
        "pointsman_oldest_notice_age_seconds 0",
        "pointsman_commits_total",
        "pointsman_group_size_bucket",
        "# EOF",
    ] {
        assert!(numbers.contains(line), "{line} is not in\n{numbers}");
    }
}

#[tokio::test]
async fn one_connection_too_many_is_closed_at_once() {
    let server = server_with(|config| config.limits.connections = 1).await;
    let channel = server.channel().await;
    start_run(&channel).await;
    let mut second = TcpStream::connect(server.running.local_addr()).await.unwrap();
    assert_eq!(soon(second.read(&mut [0; 1])).await.unwrap_or(0), 0);
    start_run(&channel).await;
}

#[tokio::test]
async fn strangers_of_one_address_take_no_place_of_those_who_are_known() {
    let server = server_with(|config| config.limits.unauthenticated_per_address = 2).await;
    let mut known = Vec::new();
    for _ in 0..3 {
        let channel = server.channel().await;
        start_run(&channel).await;
        known.push(channel);
    }
    let connect = async || TcpStream::connect(server.running.local_addr()).await.unwrap();
    let (first, _second) = (connect().await, connect().await);
    let mut third = connect().await;
    assert_eq!(soon(third.read(&mut [0; 1])).await.unwrap_or(0), 0);
    for channel in &known {
        start_run(channel).await;
    }
    // A place that is given back is there for the next.
    drop(first);
    soon(async {
        loop {
            let lazy = Endpoint::from_shared(server.url()).unwrap().connect_lazy();
            if HealthClient::new(lazy).check(HealthCheckRequest::default()).await.is_ok() {
                break;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn one_stream_too_many_is_told_so() {
    let server = server_with(|config| config.limits.streams = 1).await;
    let mut queue = EscalationServiceClient::new(server.channel().await);
    let request = || with_token("dev-reviewer", v1::WatchEscalationsRequest::default());
    let first = queue.watch_escalations(request()).await.unwrap();
    let refused = queue.watch_escalations(request()).await.unwrap_err();
    assert_eq!((refused.code(), &*reason(&refused)), (Code::ResourceExhausted, "TOO_MANY_WATCHES"));
    drop(first);
}

#[tokio::test]
async fn reflection_is_for_development() {
    for (is_dev, expected) in [(true, Code::Ok), (false, Code::Unimplemented)] {
        let server = server_with(|config| config.dev = is_dev).await;
        let mut reflection = ServerReflectionClient::new(server.channel().await);
        let request = ServerReflectionRequest {
            message_request: Some(MessageRequest::ListServices(String::new())),
            ..ServerReflectionRequest::default()
        };
        let listed = reflection.server_reflection_info(futures::stream::iter([request])).await;
        let Ok(listed) = listed else {
            assert_eq!(listed.unwrap_err().code(), expected);
            continue;
        };
        assert_eq!(Code::Ok, expected);
        let listed = soon(listed.into_inner().message()).await.unwrap().unwrap();
        let listed = format!("{listed:?}");
        assert!(listed.contains("pointsman.v1.ActionService"), "{listed}");
        // What the server calls it does not serve.
        assert!(!listed.contains("FactProviderService"), "{listed}");
    }
}

#[tokio::test]
async fn a_peer_that_says_nothing_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut silent = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (accepted, _) = listener.accept().await.unwrap();
    let mut wire = Wire::plain(accepted, Duration::from_millis(20));
    silent.write_all(b"PRI").await.unwrap();
    let mut buffer = [0; 64];
    assert_eq!(soon(wire.read(&mut buffer)).await.unwrap(), 3);
    let error = soon(wire.read(&mut buffer)).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
}

#[tokio::test]
async fn a_peer_that_has_spoken_may_be_silent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (accepted, _) = listener.accept().await.unwrap();
    let mut wire = Wire::plain(accepted, Duration::from_millis(20));
    peer.write_all(&[b'x'; 24]).await.unwrap();
    let mut buffer = [0; 64];
    assert_eq!(soon(wire.read(&mut buffer)).await.unwrap(), 24);
    let silence = tokio::time::timeout(Duration::from_millis(60), wire.read(&mut buffer)).await;
    assert!(silence.is_err(), "it waits on");
}

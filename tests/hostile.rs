//! Hostile peers on the wire: the server stays up, everybody else is served, and
//! the offender gets a clear answer or is cut off.

mod frames;
mod zipped;

use std::future::Future;
use std::time::{Duration, Instant};

use pointsman_api::v1;
use pointsman_api::v1::run_service_client::RunServiceClient;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::Request;

use crate::harness::api::{AGENT, called, connect, request_id};
use crate::harness::fixture::Fixture;
use crate::harness::poll::{PATIENCE, within};
use crate::harness::{policy, raw};
use frames::{End, Peer};

const START_RUN: &str = "/pointsman.v1.RunService/StartRun";
/// How long a call of somebody else may take meanwhile.
const SLOWEST: Duration = Duration::from_secs(2);
/// ENHANCE_YOUR_CALM: what HTTP/2 says to a peer that does too much.
const ENOUGH: u32 = 11;
/// More than any peer gets through before it is cut off.
const ENDLESS: usize = 1_000_000;
/// How often an attack is repeated, each time on a connection of its own.
const REPEATED: usize = 20;

/// Does something hostile while somebody else makes calls, who must not notice.
async fn while_others_are_served<T>(address: &str, attack: impl Future<Output = T>) -> T {
    let connection = connect(address, AGENT);
    let call = async || {
        let began = Instant::now();
        let request = v1::StartRunRequest { request_id: request_id(), ..Default::default() };
        called(connection.run_service().start_run(request).await).done();
        let took = began.elapsed();
        assert!(took < SLOWEST, "a call of somebody else took {took:?}");
    };
    call().await;
    let others = async {
        loop {
            call().await;
        }
    };
    let outcome = tokio::select! {
        outcome = within("the attack is over", PATIENCE, attack) => outcome,
        () = others => unreachable!("it goes on"),
    };
    call().await;
    outcome
}

/// Whether the server had enough. Whoever goes on sending may lose its last words.
fn is_cut_off(end: Option<End>) -> bool {
    matches!(end, Some(End::GoAway(ENOUGH) | End::Closed))
}

/// The ids of streams that a client opens.
fn streams() -> impl Iterator<Item = u32> {
    (1..).step_by(2)
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_are_given_up_at_once_end_the_connection() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    let attack = async {
        for _ in 0..REPEATED {
            let peer = Peer::connect(fixture.address()).await;
            let calls = streams().map(|stream| frames::call_and_reset(stream, START_RUN));
            let (sent, end) = peer.flood(calls.take(ENDLESS)).await;
            assert!(is_cut_off(end), "{end:?} after {sent} calls");
        }
    };
    while_others_are_served(fixture.address(), attack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_are_given_up_when_they_are_answered_cost_no_more_than_calls() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    let attack = async {
        let peer = Peer::connect(fixture.address()).await;
        let calls = streams().map(|stream| frames::call(stream, START_RUN));
        peer.give_up_answered(calls.take(5_000)).await
    };
    let answered = while_others_are_served(fixture.address(), attack).await;
    println!("{answered} calls were answered and given up");
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_without_an_end_end_the_connection() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    let small = frames::header("x-flood", "x");
    let large = frames::header("x-flood", &"x".repeat(100)).repeat(140);
    for block in [small, large, Vec::new()] {
        let attack = async {
            let peer = Peer::connect(fixture.address()).await;
            let more = frames::more_headers(1, &block);
            let begin = std::iter::once(frames::endless_call(1, START_RUN));
            peer.flood(begin.chain(std::iter::repeat_n(more, ENDLESS))).await
        };
        let (sent, end) = while_others_are_served(fixture.address(), attack).await;
        let size = block.len();
        assert!(is_cut_off(end), "{end:?} after {sent} frames of {size} bytes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_over_the_limit_are_refused_and_the_next_call_is_served() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    let client = || RunServiceClient::new(raw::channel(fixture.address()));
    let request = |headers: usize, bytes: usize| {
        let mut request = Request::new(v1::StartRunRequest::default());
        let metadata = request.metadata_mut();
        metadata.insert("authorization", format!("Bearer {AGENT}").parse().unwrap());
        for _ in 0..headers {
            metadata.append("x-large", "x".repeat(bytes).parse().unwrap());
        }
        request
    };
    // A little too much is refused, and the connection goes on.
    let mut runs = client();
    let refused = runs.start_run(request(1, 20 << 10)).await.unwrap_err();
    assert!(refused.message().contains("431"), "{refused:?}");
    runs.start_run(request(1, 8 << 10)).await.unwrap();
    // Far too much ends it.
    for (headers, bytes) in [(1, 64 << 10), (4_096, 16)] {
        let mut runs = client();
        let call = runs.start_run(request(headers, bytes));
        within("an answer", PATIENCE, call).await.unwrap_err();
        client().start_run(request(1, 8 << 10)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_of_64_kib_are_refused_over_http1_as_well() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    let address = fixture.address().trim_start_matches("http://").to_owned();
    let large = format!("x-large: {}\r\n", "x".repeat(64 << 10));
    for headers in [large, "x-small: 0\r\n".repeat(5_000)] {
        let attack = async {
            let mut stream = TcpStream::connect(&address).await.unwrap();
            let head = format!("GET /healthz HTTP/1.1\r\nhost: x\r\n{headers}\r\n");
            // It may be cut off before all of it is written.
            let _ = stream.write_all(head.as_bytes()).await;
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer).await;
            String::from_utf8_lossy(&answer).into_owned()
        };
        let answer = while_others_are_served(fixture.address(), attack).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    }
}

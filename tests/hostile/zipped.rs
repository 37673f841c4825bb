//! Messages that are small on the wire and large inside, or no messages at all.

use std::io::Write as _;

use bytes::{BufMut as _, Bytes, BytesMut};
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, Request};
use pointsman_client::Error;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tonic::{Code, Status};

use super::{START_RUN, while_others_are_served};
use crate::harness::api::AGENT;
use crate::harness::child::Place;
use crate::harness::fixture::Fixture;
use crate::harness::policy;
use crate::harness::poll::PATIENCE;

const PROPOSE: &str = "/pointsman.v1.ActionService/ProposeAction";
/// What a bomb holds: sixteen times the largest message.
const BOMB_BYTES: usize = 64 << 20;
/// How many are thrown at once.
const BOMBS: usize = 32;
/// How much memory all of them may cost: each the largest message, twice over.
const MEMORY_BYTES: u64 = (BOMBS as u64) * (8 << 20);

fn bomb() -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let zeros = vec![0; 1 << 20];
    for _ in 0..BOMB_BYTES / zeros.len() {
        encoder.write_all(&zeros).unwrap();
    }
    encoder.finish().unwrap().into()
}

/// Sends one message that says it is compressed, as it is; answers the status.
async fn send_zipped(address: &str, path: &str, encoding: Option<&str>, zipped: &Bytes) -> Status {
    let stream = TcpStream::connect(address.trim_start_matches("http://")).await.unwrap();
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    let driver = tokio::spawn(connection);
    let mut request = Request::post(format!("{address}{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("authorization", format!("Bearer {AGENT}"));
    if let Some(encoding) = encoding {
        request = request.header("grpc-encoding", encoding);
    }
    let mut sender = sender.ready().await.unwrap();
    let (answer, mut body) = sender.send_request(request.body(()).unwrap(), false).unwrap();
    let mut message = BytesMut::with_capacity(5 + zipped.len());
    message.put_u8(1);
    message.put_u32(zipped.len().try_into().unwrap());
    message.extend_from_slice(zipped);
    // The answer may come before all of it was taken.
    let _ = body.send_data(message.freeze(), true);
    let answer = answer.await.unwrap();
    let head: HeaderMap = answer.headers().clone();
    let trailers = match head.contains_key("grpc-status") {
        true => head,
        false => answer.into_body().trailers().await.unwrap().unwrap(),
    };
    driver.abort();
    Status::from_header_map(&trailers).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn bombs_go_off_within_the_limit_of_a_message() {
    let folder = TempDir::new().unwrap();
    let place = Place::new(folder.path(), folder.path(), policy::BY_NAME);
    let server = place.serve_ready(PATIENCE).await;
    let bomb = bomb();
    let before = server.peak_memory();
    for (path, limit) in [(START_RUN, "65536"), (PROPOSE, "4194304")] {
        let attack = async {
            let mut thrown = JoinSet::new();
            for _ in 0..BOMBS {
                let (address, bomb) = (server.address().to_owned(), bomb.clone());
                thrown.spawn(async move { send_zipped(&address, path, Some("gzip"), &bomb).await });
            }
            thrown.join_all().await
        };
        for status in while_others_are_served(server.address(), attack).await {
            let error = Error::from(status);
            assert_eq!(error.code(), Code::ResourceExhausted, "{error:?}");
            assert_eq!(error.reason_name(), "MESSAGE_TOO_LARGE");
            assert_eq!(error.metadata("limit_bytes"), Some(limit));
        }
    }
    let grown = server.peak_memory() - before;
    println!("{} MiB more for {BOMBS} bombs of {} MiB", grown >> 20, BOMB_BYTES >> 20);
    assert!(grown < MEMORY_BYTES, "{} MiB more", grown >> 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_inflated_is_told_so() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    let garbage = Bytes::from_static(b"this is not compressed at all");
    let whole = bomb();
    for (encoding, message) in [
        (Some("gzip"), garbage.clone()),
        (Some("gzip"), whole.slice(..100)),
        (Some("br"), garbage.clone()),
        (None, garbage),
    ] {
        let attack = send_zipped(fixture.address(), START_RUN, encoding, &message);
        let error = Error::from(while_others_are_served(fixture.address(), attack).await);
        assert!(!error.reason_name().is_empty(), "{encoding:?}: {error:?}");
        assert!(
            matches!(error.code(), Code::InvalidArgument | Code::Unimplemented),
            "{encoding:?}: {error:?}"
        );
    }
}

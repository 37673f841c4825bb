//! Bad input: every field of every request, one at a time, with values that are
//! empty, huge, malformed or hostile. The answer is a typed refusal that names the
//! field, or a success; never a panic, and never a change beside a refusal.
//!
//! The fields come from the descriptors: a new one is tested without anybody
//! remembering to, and a new rpc without a valid request to start from fails.

mod checkpoints;
mod conversation;
mod drills;
mod escalations;
mod overrides;
mod people;
mod reasoning;
pub mod requests;
mod reviews;
mod values;
mod wire;

use std::time::Duration;

use bytes::Bytes;
use pointsman_api::FILE_DESCRIPTOR_SET;
use pointsman_client::{Error, ErrorKind};
use prost::Message as _;
use prost_types::FileDescriptorSet;
use tokio::time::error::Elapsed;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::harness::api::{ADMIN, AGENT};
use crate::harness::fixture::Fixture;
use crate::harness::{policy, raw};
use requests::World;
use values::{Bad, Schema};

/// No call may take longer, whatever it is sent.
const LONGEST_CALL: Duration = Duration::from_secs(30);
/// How long a stream may be silent before it is taken to be open.
const SILENCE: Duration = Duration::from_secs(1);
/// How often a refusal beside which there was an event is looked at again.
const MORE_LOOKS: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn every_field_of_every_request_withstands_bad_values() {
    let schema = Schema::new(FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap());
    let world = World::start().await;
    let channel = raw::channel(world.fixture.address());
    let mut findings = Vec::new();
    let (mut refused, mut accepted) = (0, 0);
    for (path, input) in schema.methods() {
        for bad in schema.bad_values(&input) {
            let name = format!("{path} {} = {}", bad.field, bad.what);
            let (answer, has_risen) = send(&world, &channel, &path, &bad).await;
            match answer {
                Ok(Ok(_)) => accepted += 1,
                // A stream that is open says nothing yet.
                Err(_) if is_stream(&path) => accepted += 1,
                Err(_) => findings.push(format!("{name}: no answer within {LONGEST_CALL:?}")),
                Ok(Err(status)) => {
                    refused += 1;
                    findings.extend(
                        judge(&bad, &Error::from(status)).map(|why| format!("{name}: {why}")),
                    );
                    if has_risen && leaves_events(&world, &channel, &path, &bad).await {
                        findings.push(format!("{name}: refused, and still it left an event"));
                    }
                    continue;
                }
            }
            if bad.is_never_valid {
                findings.push(format!("{name}: accepted"));
            }
        }
    }
    println!("{refused} refused, {accepted} accepted");
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
    assert!(refused > 300, "only {refused} calls were refused");
}

/// Sends a request with one bad value; says also whether the server's sequence rose.
async fn send(
    world: &World,
    channel: &Channel,
    path: &str,
    bad: &Bad,
) -> (Result<Result<Bytes, Status>, Elapsed>, bool) {
    let (token, base) = world.request(path).await;
    let message = wire::with(&base, &bad.path, bad.value.as_ref());
    let limit = if is_stream(path) { SILENCE } else { LONGEST_CALL };
    let before = world.sequence().await;
    let call = raw::call(channel, path, Some(token), message.into());
    let answer = tokio::time::timeout(limit, call).await;
    (answer, world.sequence().await != before)
}

fn is_stream(path: &str) -> bool {
    let streams = [
        "/WatchEscalations",
        "/WatchRuns",
        "/WatchWall",
        "/Watch",
        "/AwaitResolutions",
        "/WatchOverride",
        "/WatchReasoning",
        "/OpenSession",
    ];
    streams.iter().any(|stream| path.ends_with(stream))
}

/// Whether a refused call leaves an event however often it is sent: the server's own
/// timers leave some too, but not each time.
async fn leaves_events(world: &World, channel: &Channel, path: &str, bad: &Bad) -> bool {
    for _ in 0..MORE_LOOKS {
        let (_, has_risen) = send(world, channel, path, bad).await;
        if !has_risen {
            return false;
        }
    }
    true
}

/// What is wrong with a refusal.
fn judge(bad: &Bad, error: &Error) -> Option<String> {
    if error.kind() != ErrorKind::Refused || error.reason_name().is_empty() {
        return Some(format!("not a typed refusal: {error:?} ({:?})", error.code()));
    }
    if matches!(error.code(), Code::Internal | Code::Unknown | Code::DataLoss) {
        return Some(format!("taken for a fault of the server: {error:?}"));
    }
    if error.reason_name() == "INVALID_FIELD" {
        let names_it = error.violations().iter().any(|one| {
            let named = one.field.split(['.', '[']).next().unwrap_or_default();
            let last = bad.field.rsplit('.').next().unwrap_or_default();
            bad.field.split('.').any(|part| part == named)
                || bad.group.as_deref() == Some(named)
                // A message that cannot be decoded: the decoder names the field.
                || one.description.contains(&format!(".{last}: "))
                || bad.group.as_ref().is_some_and(|group| one.description.contains(group))
        });
        if !names_it {
            return Some(format!("does not name the field: {error:?}"));
        }
    }
    None
}

#[tokio::test(flavor = "multi_thread")]
async fn oversize_messages_are_refused() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    let channel = raw::channel(fixture.address());
    let propose = "/pointsman.v1.ActionService/ProposeAction";
    let too_large = Bytes::from(vec![0; 4 * 1024 * 1024 + 1]);

    let status = raw::call(&channel, propose, Some(AGENT), too_large).await.unwrap_err();
    let error = Error::from(status);
    assert_eq!(error.code(), Code::ResourceExhausted, "{error:?}");
    assert_eq!(error.reason_name(), "MESSAGE_TOO_LARGE");

    // A million empty reports: small on the wire, large when decoded.
    let report = "/pointsman.v1.ActionService/ReportOutcomes";
    let million: Bytes = [0x12, 0x00].repeat(1_000_000).into();
    let status = raw::call(&channel, report, Some(AGENT), million).await.unwrap_err();
    let error = Error::from(status);
    assert!(["INVALID_FIELD", "MESSAGE_TOO_LARGE"].contains(&error.reason_name()), "{error:?}");

    let info = raw::call(
        &channel,
        "/pointsman.v1.AdminService/GetServerInfo",
        Some(ADMIN),
        Bytes::from_static(b"\xff\xff\xff"),
    );
    let error = Error::from(info.await.unwrap_err());
    assert_eq!(error.code(), Code::InvalidArgument, "{error:?}");
    fixture.admin().server_info().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_exist_says_so() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    let channel = raw::channel(fixture.address());
    for path in ["/pointsman.v1.RunService/Explode", "/pointsman.v9.RunService/GetRun", "/x/y"] {
        let status = raw::call(&channel, path, Some(ADMIN), Bytes::new()).await.unwrap_err();
        let error = Error::from(status);
        assert_eq!(error.code(), Code::Unimplemented, "{path}: {error:?}");
    }
}

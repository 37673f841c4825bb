//! A whole server on a port of its own: languages, refusals, start and end.

mod identity;
mod spiffe;
mod start;
pub(in crate::run) mod tls;
mod wire;

use std::str::FromStr as _;
use std::time::Duration;

use pointsman_api::v1;
use tempfile::TempDir;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use super::*;

/// A server with its folder, which goes when the test ends.
struct Server {
    running: RunningServer,
    dir: TempDir,
}

async fn server_with(change: impl FnOnce(&mut Config)) -> Server {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(&dir);
    change(&mut config);
    Server { running: start(config).await.unwrap(), dir }
}

async fn server() -> Server {
    server_with(|_| {}).await
}

/// `dev`, on any free port, whatever room the disk has.
fn config(dir: &TempDir) -> Config {
    let mut config = Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        data_dir: dir.path().join("data"),
        dev: true,
        shutdown_grace_seconds: 5,
        ..Config::default()
    };
    config.disk.intake_bytes = 0;
    config.disk.intake_percent = 0;
    config.disk.normal_bytes = 0;
    config
}

impl Server {
    fn url(&self) -> String {
        format!("http://{}", self.running.local_addr())
    }

    async fn channel(&self) -> Channel {
        Endpoint::from_shared(self.url()).unwrap().connect().await.unwrap()
    }
}

fn with_token<T>(secret: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let value: MetadataValue<Ascii> = MetadataValue::from_str(&format!("Bearer {secret}")).unwrap();
    request.metadata_mut().insert("authorization", value);
    request
}

fn reason(status: &Status) -> String {
    let details = status.get_error_details();
    details.error_info().map(|info| info.reason.clone()).unwrap_or_default()
}

/// A bounded wait, so that a fault is a failure and not a test that hangs.
async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), work).await.expect("it takes too long")
}

async fn start_run(channel: &Channel) -> v1::Run {
    let mut runs = v1::run_service_client::RunServiceClient::new(channel.clone());
    let request = with_token("dev-agent", v1::StartRunRequest::default());
    runs.start_run(request).await.unwrap().into_inner().run.unwrap()
}

fn proposal(run: &v1::Run) -> v1::ProposeActionRequest {
    v1::ProposeActionRequest {
        run_id: run.run_id.clone(),
        tool: "payments.refund".to_owned(),
        arguments: r#"{"amount":600}"#.into(),
        ..v1::ProposeActionRequest::default()
    }
}

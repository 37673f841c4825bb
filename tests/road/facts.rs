//! What a system of record says of a call decides what becomes of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use pointsman_api::v1;
use pointsman_api::v1::fact_provider_service_server::{
    FactProviderService, FactProviderServiceServer,
};
use pointsman_client::{Agent, Proposal, Proposed, RunHandle, StartRun};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use crate::harness::api::{AGENT, connect, request_id};
use crate::harness::child::Place;
use crate::harness::poll::eventually;

const START: Duration = Duration::from_secs(60);
const TIMEOUT_MS: u64 = 400;

/// Whose identity the customer desk has verified may be paid.
const VERIFIED: &str = "
version: 1
default: allow
facts:
  identity_verified:
    { provider: customer_desk, type: bool, tools: [pay], send: [customer], expect: true }
";

/// What the desk says.
const NO: u8 = 0;
const YES: u8 = 1;
/// It takes the question and never answers.
const HANGS: u8 = 2;

/// A customer desk, as users would write one.
#[derive(Clone, Default)]
struct Desk(Arc<AtomicU8>);

#[tonic::async_trait]
impl FactProviderService for Desk {
    async fn get_facts(
        &self,
        request: Request<v1::GetFactsRequest>,
    ) -> Result<Response<v1::GetFactsResponse>, Status> {
        let says = self.0.load(Ordering::Relaxed);
        if says == HANGS {
            std::future::pending::<()>().await;
        }
        let asked = request.into_inner();
        let told: Vec<_> = asked.arguments.unwrap_or_default().fields.into_keys().collect();
        if told != ["customer"] {
            return Err(Status::invalid_argument(format!("told {told:?}")));
        }
        let kind = prost_types::value::Kind::BoolValue(says == YES);
        let facts = asked.names.into_iter().map(|name| v1::Fact {
            name,
            value: Some(prost_types::Value { kind: Some(kind.clone()) }),
            observe_time: Some(std::time::SystemTime::now().into()),
        });
        Ok(Response::new(v1::GetFactsResponse { facts: facts.collect() }))
    }
}

impl Desk {
    /// Serves until it is told to stop.
    async fn serve(&self, address: SocketAddr) -> (SocketAddr, Served) {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = FactProviderServiceServer::new(self.clone());
        let server = tonic::transport::Server::builder().add_service(service);
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async move { drop(stopped.await) };
        let served = server.serve_with_incoming_shutdown(TcpIncoming::from(listener), stopped);
        (address, Served { stop, ended: tokio::spawn(served) })
    }
}

/// A desk that serves.
struct Served {
    stop: oneshot::Sender<()>,
    ended: JoinHandle<Result<(), tonic::transport::Error>>,
}

impl Served {
    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.ended.await.unwrap().unwrap();
    }
}

async fn pay(run: &RunHandle) -> Proposed {
    let arguments = r#"{"customer": "c-17", "note": "nobody else's business"}"#;
    // Nobody is asked the same twice.
    run.propose(Proposal::new("pay", arguments).target(request_id())).await.unwrap()
}

/// Why a person is asked.
async fn reason(run: &RunHandle) -> String {
    let Proposed::Waiting(wait) = pay(run).await else { panic!("nobody is asked") };
    wait.decision().unwrap().reason.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_verified_is_asked_about_and_so_is_who_nobody_can_vouch_for() {
    let folder = TempDir::new().unwrap();
    let desk = Desk::default();
    let (address, served) = desk.serve("127.0.0.1:0".parse().unwrap()).await;
    let mut place = Place::new(folder.path(), folder.path(), VERIFIED);
    place.set("POINTSMAN_FACTS_PROVIDERS", "customer_desk");
    let variable = |key: &str| format!("POINTSMAN_FACTS_PROVIDERS_CUSTOMER_DESK_{key}");
    place.set(&variable("URL"), &format!("grpc://{address}"));
    place.set(&variable("TIMEOUT_MS"), &TIMEOUT_MS.to_string());
    // Whatever proxies the machine is told to use, they learn nothing.
    for proxy in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"] {
        place.set(proxy, "http://127.0.0.1:9");
    }
    let server = place.serve_ready(START).await;
    let run = Agent::new(connect(server.address(), AGENT));
    let run = run.start_run(StartRun::default()).await.unwrap();

    desk.0.store(NO, Ordering::Relaxed);
    assert_eq!(reason(&run).await, "fact `identity_verified` is not as expected");
    desk.0.store(YES, Ordering::Relaxed);
    let paid = pay(&run).await;
    assert!(matches!(paid, Proposed::Allowed(_)), "{paid:?}");
    desk.0.store(HANGS, Ordering::Relaxed);
    let late = reason(&run).await;
    assert!(late.contains("`customer_desk`: no answer within 400 ms"), "{late}");

    served.stop().await;
    let gone = reason(&run).await;
    assert!(gone.contains("`customer_desk`: there is no connection to it"), "{gone}");
    desk.0.store(YES, Ordering::Relaxed);
    let (_, _served) = desk.serve(address).await;
    eventually("the desk is back", START, || async {
        matches!(pay(&run).await, Proposed::Allowed(_)).then_some(())
    })
    .await;
    let log = server.log();
    assert!(log.contains("a provider of facts does not answer"), "{log}");
    assert!(log.contains("a provider of facts answers again"), "{log}");
}

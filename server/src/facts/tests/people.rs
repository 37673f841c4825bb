//! Providers as users would write them: one over gRPC, one over HTTP.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Response};
use axum::routing::post;
use pointsman_api::v1;
use pointsman_api::v1::fact_provider_service_server::{
    FactProviderService, FactProviderServiceServer,
};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Identity, Server, ServerTlsConfig};
use tonic::{Request, Status};

/// A question with the token that was shown.
type Shown = (v1::GetFactsRequest, Option<String>);
type GrpcAnswer = Result<v1::GetFactsResponse, Status>;

/// A desk over gRPC that notes what it is asked, with the token it was shown.
#[derive(Clone)]
pub(super) struct GrpcDesk {
    answer: Arc<dyn Fn() -> GrpcAnswer + Send + Sync>,
    pub(super) asked: Arc<Mutex<Vec<Shown>>>,
}

#[tonic::async_trait]
impl FactProviderService for GrpcDesk {
    async fn get_facts(
        &self,
        request: Request<v1::GetFactsRequest>,
    ) -> Result<tonic::Response<v1::GetFactsResponse>, Status> {
        let token = request.metadata().get("authorization");
        let token = token.map(|token| token.to_str().unwrap().to_owned());
        self.asked.lock().unwrap().push((request.into_inner(), token));
        (self.answer)().map(tonic::Response::new)
    }
}

impl GrpcDesk {
    pub(super) fn new(answer: impl Fn() -> GrpcAnswer + Send + Sync + 'static) -> Self {
        Self { answer: Arc::new(answer), asked: Arc::default() }
    }

    /// Serves, with a certificate or without, and says where.
    pub(super) async fn serve(&self, identity: Option<Identity>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut server = Server::builder();
        if let Some(identity) = identity {
            server = server.tls_config(ServerTlsConfig::new().identity(identity)).unwrap();
        }
        let served = server.add_service(FactProviderServiceServer::new(self.clone()));
        tokio::spawn(served.serve_with_incoming(TcpListenerStream::new(listener)));
        address
    }
}

/// A desk over HTTP that notes what it is asked: headers and body.
#[derive(Clone)]
pub(super) struct HttpDesk {
    pub(super) asked: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
    router: Router,
}

impl HttpDesk {
    /// Answers a POST to `/facts`.
    pub(super) fn new(answer: impl Fn() -> Response<Body> + Clone + Send + Sync + 'static) -> Self {
        let asked: Arc<Mutex<Vec<_>>> = Arc::default();
        let notes = Arc::clone(&asked);
        let handler = move |headers: HeaderMap, body: Bytes| async move {
            notes.lock().unwrap().push((headers, body));
            answer()
        };
        Self { asked, router: Router::new().route("/facts", post(handler)) }
    }

    /// Serves without encryption and says where.
    pub(super) async fn serve(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(axum::serve(listener, self.router.clone()).into_future());
        address
    }
}

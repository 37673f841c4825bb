//! Which of the port's languages a request speaks, and who answers it.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use http::{Request, Response, Version, header};
use hyper::body::Incoming;
use tonic::body::Body;
use tonic_web::GrpcWebLayer;
use tower::{Layer as _, Service as _, ServiceExt as _};

use crate::domain::refusal::Origin;
use crate::engine::identity::Chain;
use crate::rpc::auth::Authenticate;
use crate::rpc::dispatch::Dispatch;
use crate::rpc::door::{Door, Gate};
use crate::rpc::limits::Gauge;
use crate::rpc::strangers::{Acquaintance, Stranger};

const GRPC: &[u8] = b"application/grpc";
const GRPC_WEB: &[u8] = b"application/grpc-web";

/// Everything behind the port, shared by all connections.
pub(super) struct Front<A> {
    /// What calls have to pass.
    pub(super) gate: Arc<Gate<A>>,
    /// The services.
    pub(super) services: Dispatch,
    /// What is not gRPC.
    pub(super) pages: Router,
    /// How many calls a connection may have at once.
    pub(super) calls_per_connection: usize,
}

/// Answers the requests of one connection.
pub(super) struct Requests<A> {
    door: Door<Dispatch, A>,
    pages: Router,
    origin: Origin,
}

enum Language {
    Grpc,
    GrpcWeb,
    Http,
}

// === impl Front ===

impl<A: Authenticate> Front<A> {
    /// What answers one connection, whose peer nobody knows yet.
    pub(super) fn connection(
        &self,
        stranger: Stranger,
        certificate: Option<Arc<Chain>>,
    ) -> Requests<A> {
        let calls = Gauge::new(self.calls_per_connection);
        let peer = Acquaintance::new(stranger, certificate);
        let origin = peer.origin();
        let door = Door::new(self.services.clone(), Arc::clone(&self.gate), calls, peer);
        Requests { door, pages: self.pages.clone(), origin }
    }
}

// === impl Requests ===

impl<A: Authenticate> hyper::service::Service<Request<Incoming>> for Requests<A> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        match language(&request) {
            Language::Grpc => {
                let door = self.door.clone();
                Box::pin(async move { Ok(door.pass(request).await) })
            }
            // Asked for readiness first, as the middleware expects.
            Language::GrpcWeb => {
                Box::pin(GrpcWebLayer::new().layer(self.door.clone()).oneshot(request))
            }
            Language::Http => {
                request.extensions_mut().insert(self.origin);
                let answer = self.pages.clone().call(request);
                Box::pin(async move { answer.await.map(|response| response.map(Body::new)) })
            }
        }
    }
}

/// gRPC proper needs the trailers of HTTP/2; over HTTP/1 it is left to the
/// middleware of gRPC-web, which refuses it.
fn language<B>(request: &Request<B>) -> Language {
    let Some(content_type) = request.headers().get(header::CONTENT_TYPE) else {
        return Language::Http;
    };
    let content_type = content_type.as_bytes();
    if !content_type.starts_with(GRPC) {
        Language::Http
    } else if content_type.starts_with(GRPC_WEB) || request.version() != Version::HTTP_2 {
        Language::GrpcWeb
    } else {
        Language::Grpc
    }
}

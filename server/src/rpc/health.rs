//! The standard health service: what [`Health`] says, for every service alike.

use std::pin::Pin;

use futures::stream::{Stream, unfold};
use pointsman_api::v1::ErrorReason as Reason;
use tonic::{Code, Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::Health as Service;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::status::Shape;
use crate::domain::error::Effect;
use crate::telemetry::health::{Health, Serving};

/// What the name of a service of ours begins with; the empty name is the server.
const OURS: &str = "pointsman.v1.";

/// Answers health checks.
#[derive(Clone, Debug)]
pub struct HealthService(Health);

// === impl HealthService ===

impl HealthService {
    /// Tells what this health says.
    pub const fn new(health: Health) -> Self {
        Self(health)
    }
}

#[tonic::async_trait]
impl Service for HealthService {
    type WatchStream =
        Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send + 'static>>;

    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        known(&request.get_ref().service)?;
        Ok(Response::new(answer(self.0.get())))
    }

    /// Ends by itself once the server drains, or shutdown would wait for it.
    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        known(&request.get_ref().service)?;
        let mut receiver = self.0.subscribe();
        receiver.mark_changed();
        let changes = unfold(Some(receiver), async |receiver| {
            let mut receiver = receiver?;
            receiver.changed().await.ok()?;
            let serving = *receiver.borrow_and_update();
            Some((Ok(answer(serving)), (serving == Serving::Yes).then_some(receiver)))
        });
        Ok(Response::new(Box::pin(changes)))
    }
}

fn known(service: &str) -> Result<(), Status> {
    if service.is_empty() || service.starts_with(OURS) {
        return Ok(());
    }
    let problem = "no such service; the empty name means the server";
    let shape = Shape::new(Code::NotFound, Reason::InvalidField).field("service", problem);
    Err(shape.into_status(problem, Effect::None))
}

fn answer(serving: Serving) -> HealthCheckResponse {
    let status = match serving {
        Serving::Yes => ServingStatus::Serving,
        Serving::Draining | Serving::Failed => ServingStatus::NotServing,
    };
    HealthCheckResponse { status: status.into() }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt as _;

    use super::*;

    #[tokio::test]
    async fn a_watch_tells_of_draining_and_ends() {
        let health = Health::new();
        let service = HealthService::new(health.clone());
        let request = Request::new(HealthCheckRequest::default());
        let mut watch = service.watch(request).await.unwrap().into_inner();
        assert_eq!(watch.next().await.unwrap().unwrap(), answer(Serving::Yes));
        health.set(Serving::Draining);
        assert_eq!(watch.next().await.unwrap().unwrap(), answer(Serving::Draining));
        assert!(watch.next().await.is_none());
    }

    #[tokio::test]
    async fn only_our_services_are_known() {
        let service = HealthService::new(Health::new());
        let check = |name: &str| Request::new(HealthCheckRequest { service: name.to_owned() });
        assert!(service.check(check("pointsman.v1.RunService")).await.is_ok());
        assert_eq!(service.check(check("other")).await.unwrap_err().code(), Code::NotFound);
    }
}

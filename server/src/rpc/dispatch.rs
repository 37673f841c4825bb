//! All services behind one tower service, chosen by the path's first part.
//!
//! A match on the name, not a router: this lies on the hot path, and the door
//! has already refused what is not here.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::{Request, Response};
use http_body::Body as HttpBody;
use pointsman_api::v1::action_service_server::ActionServiceServer;
use pointsman_api::v1::admin_service_server::AdminServiceServer;
use pointsman_api::v1::checkpoint_service_server::CheckpointServiceServer;
use pointsman_api::v1::drill_service_server::DrillServiceServer;
use pointsman_api::v1::escalation_service_server::EscalationServiceServer;
use pointsman_api::v1::insight_service_server::InsightServiceServer;
use pointsman_api::v1::override_service_server::OverrideServiceServer;
use pointsman_api::v1::policy_service_server::PolicyServiceServer;
use pointsman_api::v1::reasoning_service_server::ReasoningServiceServer;
use pointsman_api::v1::review_service_server::ReviewServiceServer;
use pointsman_api::v1::run_service_server::RunServiceServer;
use pointsman_api::v1::watch_service_server::WatchServiceServer;
use tonic::body::Body;
use tonic::codec::CompressionEncoding;
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic_health::pb::health_server::HealthServer;
use tower::{Service, ServiceExt as _};

use super::Shared;
use super::actions::Actions;
use super::admin::Admin;
use super::checkpoints::Checkpoints;
use super::drills::Drills;
use super::escalations::Escalations;
use super::foreign;
use super::health::HealthService;
use super::insight::Insight;
use super::limits::{MAX_ENCODED_BYTES, MAX_REQUEST_BYTES, RequestLimit};
use super::overrides::Overrides;
use super::policies::Policies;
use super::reasoning::Reasoning;
use super::reviews::Reviews;
use super::runs::Runs;
use super::watch::Watches;
use crate::telemetry::health::Health;

/// Every service of the server; clones share them.
#[derive(Clone)]
pub struct Dispatch(Arc<Services>);

struct Services {
    runs: RunServiceServer<Runs>,
    actions: ActionServiceServer<Actions>,
    escalations: EscalationServiceServer<Escalations>,
    checkpoints: CheckpointServiceServer<Checkpoints>,
    overrides: OverrideServiceServer<Overrides>,
    policies: PolicyServiceServer<Policies>,
    reviews: ReviewServiceServer<Reviews>,
    reasoning: ReasoningServiceServer<Reasoning>,
    insight: InsightServiceServer<Insight>,
    drills: DrillServiceServer<Drills>,
    admin: AdminServiceServer<Admin>,
    watches: WatchServiceServer<Watches>,
    health: HealthServer<HealthService>,
    reflection: Option<Routes>,
}

/// Sets the limits that every service has alike; how large a request may be
/// depends on the method.
macro_rules! limited {
    ($server:ty, $service:expr) => {
        <$server>::new($service)
            .accept_compressed(CompressionEncoding::Gzip)
            .max_encoding_message_size(MAX_ENCODED_BYTES)
    };
}

// === impl Dispatch ===

impl Dispatch {
    /// Builds the services; reflection tells anybody the whole API and is for
    /// development.
    pub fn new(shared: &Shared, health: Health) -> Result<Self, tonic_reflection::server::Error> {
        let engine = &shared.engine;
        let reflection = if shared.is_dev { Some(reflection()?) } else { None };
        Ok(Self(Arc::new(Services {
            runs: limited!(RunServiceServer<_>, Runs(shared.clone())),
            actions: limited!(ActionServiceServer<_>, Actions(engine.clone())),
            escalations: limited!(EscalationServiceServer<_>, Escalations(shared.clone())),
            checkpoints: limited!(CheckpointServiceServer<_>, Checkpoints(shared.clone())),
            overrides: limited!(OverrideServiceServer<_>, Overrides(shared.clone())),
            policies: limited!(PolicyServiceServer<_>, Policies(engine.clone())),
            insight: limited!(InsightServiceServer<_>, Insight(shared.clone())),
            drills: limited!(DrillServiceServer<_>, Drills(engine.clone())),
            reasoning: limited!(ReasoningServiceServer<_>, Reasoning(shared.clone())),
            reviews: limited!(ReviewServiceServer<_>, Reviews(engine.clone())),
            admin: limited!(AdminServiceServer<_>, Admin(shared.clone())),
            watches: limited!(WatchServiceServer<_>, Watches(shared.clone())),
            health: limited!(HealthServer<_>, HealthService::new(health)),
            reflection,
        })))
    }
}

impl<B> Service<Request<B>> for Dispatch
where
    B: HttpBody<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let services = &self.0;
        // Without the door nobody said: then it is the smaller one.
        let limit = request.extensions().get::<RequestLimit>().copied();
        let RequestLimit(limit) = limit.unwrap_or(RequestLimit(MAX_REQUEST_BYTES));
        macro_rules! served_by {
            ($server:expr) => {
                $server.clone().max_decoding_message_size(limit).call(request)
            };
        }
        match service_of(request.uri().path()) {
            ActionServiceServer::<Actions>::NAME => served_by!(services.actions),
            EscalationServiceServer::<Escalations>::NAME => served_by!(services.escalations),
            CheckpointServiceServer::<Checkpoints>::NAME => served_by!(services.checkpoints),
            RunServiceServer::<Runs>::NAME => served_by!(services.runs),
            OverrideServiceServer::<Overrides>::NAME => served_by!(services.overrides),
            PolicyServiceServer::<Policies>::NAME => served_by!(services.policies),
            InsightServiceServer::<Insight>::NAME => served_by!(services.insight),
            ReviewServiceServer::<Reviews>::NAME => served_by!(services.reviews),
            ReasoningServiceServer::<Reasoning>::NAME => served_by!(services.reasoning),
            DrillServiceServer::<Drills>::NAME => served_by!(services.drills),
            AdminServiceServer::<Admin>::NAME => served_by!(services.admin),
            WatchServiceServer::<Watches>::NAME => served_by!(services.watches),
            HealthServer::<HealthService>::NAME => served_by!(services.health),
            _ => match services.reflection.clone() {
                Some(reflection) => Box::pin(reflection.oneshot(request)),
                None => {
                    let refusal = foreign::unimplemented(request.uri().path()).into_http();
                    Box::pin(std::future::ready(Ok(refusal)))
                }
            },
        }
    }
}

fn service_of(path: &str) -> &str {
    path.strip_prefix('/').and_then(|path| path.split('/').next()).unwrap_or_default()
}

/// Both versions of the reflection service, for old and new tools. They name the
/// services that are served: the descriptors have one more, which users serve.
fn reflection() -> Result<Routes, tonic_reflection::server::Error> {
    let served = [
        RunServiceServer::<Runs>::NAME,
        ActionServiceServer::<Actions>::NAME,
        EscalationServiceServer::<Escalations>::NAME,
        CheckpointServiceServer::<Checkpoints>::NAME,
        OverrideServiceServer::<Overrides>::NAME,
        PolicyServiceServer::<Policies>::NAME,
        ReviewServiceServer::<Reviews>::NAME,
        ReasoningServiceServer::<Reasoning>::NAME,
        InsightServiceServer::<Insight>::NAME,
        DrillServiceServer::<Drills>::NAME,
        AdminServiceServer::<Admin>::NAME,
        WatchServiceServer::<Watches>::NAME,
        HealthServer::<HealthService>::NAME,
    ];
    let builder = || {
        let builder = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(pointsman_api::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
        served.iter().fold(builder, |builder, name| builder.with_service_name(*name))
    };
    Ok(Routes::new(builder().build_v1()?).add_service(builder().build_v1alpha()?))
}

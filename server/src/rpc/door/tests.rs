//! What the door lets in, refuses, and adds.

use std::future::pending;
use std::net::Ipv4Addr;

use futures::future::BoxFuture;
use tonic_types::StatusExt as _;

use super::*;
use crate::domain::error::Effect;
use crate::engine::Need;
use crate::rpc::strangers::Strangers;
use crate::telemetry::metrics::Metrics;

const GET_RUN: &str = "/pointsman.v1.RunService/GetRun";
const CHECK: &str = "/grpc.health.v1.Health/Check";

/// Knows one secret, of an agent.
struct OneToken;

impl Authenticate for OneToken {
    type Principal = &'static str;

    async fn authenticate(&self, shown: Shown<'_>) -> Result<&'static str, Error> {
        if shown.secret == Some("right") { Ok("somebody") } else { Err(Error::TokenInvalid) }
    }

    fn permit(_: &&'static str, need: Need) -> Result<(), Error> {
        match need {
            Need::Nothing | Need::Agent => Ok(()),
            _ => Err(Error::RoleRequired { role: "another" }),
        }
    }

    fn tenant(_: &&'static str) -> &'static str {
        "default"
    }
}

/// Answers with the caller as a header, or never.
#[derive(Clone)]
struct Service1 {
    is_stuck: bool,
}

impl Service<Request<()>> for Service1 {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        let stuck = self.is_stuck;
        Box::pin(async move {
            if stuck {
                pending::<()>().await;
            }
            let caller = request.extensions().get::<&'static str>().copied().unwrap_or("nobody");
            Ok(Response::builder().header("caller", caller).body(Body::empty()).unwrap())
        })
    }
}

fn door(is_stuck: bool, calls: usize) -> (Door<Service1, OneToken>, Metrics) {
    let metrics = Metrics::new();
    let methods = Methods::new(&metrics, false).unwrap();
    let gate = Arc::new(Gate::new(OneToken, methods));
    let stranger = Strangers::new(1).enter(Ipv4Addr::LOCALHOST.into()).unwrap();
    let peer = Acquaintance::new(stranger, None);
    (Door::new(Service1 { is_stuck }, gate, Gauge::new(calls), peer), metrics)
}

fn request(path: &str, headers: &[(&str, &str)]) -> Request<()> {
    let builder = Request::builder().uri(path);
    headers
        .iter()
        .fold(builder, |builder, (key, value)| builder.header(*key, *value))
        .body(())
        .unwrap()
}

fn status(response: &Response<Body>) -> (Code, String, String) {
    let status = Status::from_header_map(response.headers()).expect("a status in the head");
    let details = status.get_error_details();
    let info = details.error_info().expect("an ErrorInfo");
    (status.code(), info.reason.clone(), info.metadata["effect"].clone())
}

#[tokio::test]
async fn a_right_token_brings_its_principal_along() {
    let (door, metrics) = door(false, 1);
    let response = door.pass(request(GET_RUN, &[("authorization", "Bearer right")])).await;
    assert_eq!(response.headers()["caller"], "somebody");
    let text = metrics.render().unwrap();
    assert!(text.contains(r#"calls_total{method="pointsman.v1.RunService/GetRun",code="Ok"} 1"#));
}

#[tokio::test]
async fn without_a_right_token_nothing_but_health_is_open() {
    for headers in [&[][..], &[("authorization", "Bearer wrong")][..]] {
        let (door, _) = door(false, 1);
        let response = door.clone().pass(request(GET_RUN, headers)).await;
        let refused = (Code::Unauthenticated, "TOKEN_INVALID".into(), "none".into());
        assert_eq!(status(&response), refused);
        let response = door.pass(request(CHECK, headers)).await;
        assert_eq!(response.headers()["caller"], "nobody");
    }
}

#[tokio::test]
async fn a_wrong_role_is_refused_before_the_service_hears_of_the_call() {
    let headers = [("authorization", "Bearer right"), ("grpc-timeout", "20m")];
    let (door, _) = door(true, 1);
    let response = door.pass(request("/pointsman.v1.AdminService/ListTokens", &headers)).await;
    let refused = (Code::PermissionDenied, "ROLE_REQUIRED".into(), "none".into());
    assert_eq!(status(&response), refused);
}

#[tokio::test]
async fn unknown_methods_are_told_so_before_anything_else() {
    for path in [
        "/pointsman.v1.RunService/Nope",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/",
    ] {
        let response = door(false, 1).0.pass(request(path, &[])).await;
        assert_eq!(status(&response), (Code::Unimplemented, "UNIMPLEMENTED".into(), "none".into()));
    }
}

#[tokio::test]
async fn a_stuck_call_ends_at_its_deadline_with_an_unknown_effect() {
    let headers = [("authorization", "Bearer right"), ("grpc-timeout", "20m")];
    let response = door(true, 1).0.pass(request(GET_RUN, &headers)).await;
    let expected = (Code::DeadlineExceeded, "DEADLINE_EXCEEDED".into(), "unknown".into());
    assert_eq!(status(&response), expected);
}

#[test]
fn a_caller_can_shorten_its_time_but_not_prolong_it() {
    let methods = Methods::new(&Metrics::new(), false).unwrap();
    let limit_of = |headers: &[(&str, &str)]| {
        time_limit(methods.find(GET_RUN).unwrap(), request(GET_RUN, headers).headers())
    };
    assert_eq!(limit_of(&[]), limits::UNARY_TIMEOUT);
    assert_eq!(limit_of(&[("grpc-timeout", "2S")]), Duration::from_secs(2));
    assert_eq!(limit_of(&[("grpc-timeout", "9H")]), limits::UNARY_TIMEOUT);
}

#[tokio::test]
async fn one_call_too_many_is_shed_and_told_when_to_come_again() {
    let (door, _) = door(true, 1);
    let headers = &[("authorization", "Bearer right"), ("grpc-timeout", "50m")];
    let first = tokio::spawn(door.clone().pass(request(GET_RUN, headers)));
    tokio::task::yield_now().await;
    let second = door.clone().pass(request(GET_RUN, headers)).await;
    assert_eq!(status(&second), (Code::Unavailable, "OVERLOADED".into(), "none".into()));
    let details = Status::from_header_map(second.headers()).unwrap().get_error_details();
    assert_eq!(details.retry_info().unwrap().retry_delay, Some(Duration::from_millis(250)));
    assert_eq!(status(&first.await.unwrap()).0, Code::DeadlineExceeded);
    assert_eq!(Error::Overloaded { retry_after: limits::OVERLOAD_RETRY }.effect(), Effect::None);
}

#[test]
fn deadlines_are_read_as_the_protocol_writes_them() {
    let read = |text: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(GRPC_TIMEOUT, text.parse().unwrap());
        caller_timeout(&headers)
    };
    assert_eq!(read("2S"), Some(Duration::from_secs(2)));
    assert_eq!(read("99999999H"), Some(Duration::from_secs(99_999_999 * 3_600)));
    assert_eq!(read("15u"), Some(Duration::from_micros(15)));
    for wrong in ["", "S", "2", "2x", "-2S", "123456789S", "2é"] {
        assert_eq!(read(wrong), None, "{wrong}");
    }
}

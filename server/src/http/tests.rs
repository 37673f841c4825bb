//! Probes, the metrics page and who may read it.

use axum::body::{Body, to_bytes};
use axum::http::Request;
use tower::ServiceExt as _;

use super::*;

fn pages(reader: Option<Reader>) -> Pages {
    Pages { metrics: Metrics::new(), health: Health::new(), reader }
}

async fn get_page(pages: &Pages, path: &str, token: Option<&str>) -> (StatusCode, String) {
    let mut request = Request::builder().uri(path);
    if let Some(token) = token {
        request = request.header("authorization", token);
    }
    let response =
        router(pages.clone()).oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    let status = response.status();
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn probes_follow_the_health() {
    let pages = pages(None);
    let probe = async |path| get_page(&pages, path, None).await.0.as_u16();
    assert_eq!((probe("/healthz").await, probe("/readyz").await), (200, 200));
    pages.health.set(Serving::Draining);
    assert_eq!((probe("/healthz").await, probe("/readyz").await), (200, 503));
    pages.health.set(Serving::Failed);
    assert_eq!((probe("/healthz").await, probe("/readyz").await), (503, 503));
}

#[tokio::test]
async fn metrics_are_shown_to_whom_they_are_for() {
    let reader: Reader = Arc::new(|headers, _| {
        let right = headers.get("authorization").is_some_and(|value| value == "Bearer right");
        Box::pin(std::future::ready(right))
    });
    let guarded = pages(Some(reader));
    assert_eq!(get_page(&guarded, "/metrics", None).await.0, StatusCode::UNAUTHORIZED);
    let (status, numbers) = get_page(&guarded, "/metrics", Some("Bearer right")).await;
    assert_eq!(status, StatusCode::OK);
    assert!(numbers.contains("pointsman_build_info"), "{numbers}");
    assert_eq!(get_page(&pages(None), "/metrics", None).await.0, StatusCode::OK);
}

#[tokio::test]
async fn the_front_page_says_what_this_is_and_others_are_not_there() {
    let (status, page) = get_page(&pages(None), "/", None).await;
    assert!(status == StatusCode::OK && page.contains("human-in-the-loop"));
    assert_eq!(get_page(&pages(None), "/nope", None).await.0, StatusCode::NOT_FOUND);
}

//! What is exported, and under whose trace.

use std::sync::{Arc, Mutex};

use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as Exporter};

use super::*;

const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Keeps what it is to export.
#[derive(Clone, Debug, Default)]
struct Kept(Arc<Mutex<Vec<SpanData>>>);

impl Exporter for Kept {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().unwrap().extend(batch);
        Ok(())
    }
}

/// The spans that are exported while `work` runs.
fn exported(work: impl FnOnce()) -> Vec<SpanData> {
    let kept = Kept::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(kept.clone()).build();
    let subscriber = tracing_subscriber::registry().with(spans(&provider));
    tracing::subscriber::with_default(subscriber, work);
    provider.force_flush().unwrap();
    let spans = kept.0.lock().unwrap();
    spans.clone()
}

#[test]
fn a_call_stands_under_the_callers_span_and_names_what_it_is_about() {
    let spans = exported(|| {
        let span = tracing::debug_span!(target: CALLS, "call", run_id = tracing::field::Empty);
        let mut headers = HeaderMap::new();
        headers.insert("traceparent", TRACEPARENT.parse().unwrap());
        adopt_parent(&span, &headers);
        span.in_scope(|| run(&"run_1"));
    });
    let [span] = &spans[..] else { panic!("one span, not {}", spans.len()) };
    assert_eq!(span.span_context.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(span.parent_span_id.to_string(), "b7ad6b7169203331");
    let names_run =
        |it: &opentelemetry::KeyValue| it.key.as_str() == "run_id" && it.value.as_str() == "run_1";
    assert!(span.attributes.iter().any(names_run), "{:?}", span.attributes);
}

#[test]
fn a_call_without_a_parent_begins_a_trace_and_nothing_else_is_exported() {
    let spans = exported(|| {
        let call = tracing::debug_span!(target: CALLS, "call");
        adopt_parent(&call, &HeaderMap::new());
        drop(tracing::error_span!("of another target"));
    });
    assert_eq!(spans.len(), 1);
    assert_eq!(spans[0].parent_span_id, opentelemetry::trace::SpanId::INVALID);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_reach_a_collector() {
    let (sender, mut received) = tokio::sync::mpsc::channel(8);
    let app = axum::Router::new().fallback(move |request: axum::extract::Request| async move {
        let _ = sender.send(request.uri().path().to_owned()).await;
        [("content-type", "application/grpc"), ("grpc-status", "0")]
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });

    let provider = exporter(&endpoint).unwrap();
    let subscriber = tracing_subscriber::registry().with(spans(&provider));
    tracing::subscriber::with_default(subscriber, || {
        drop(tracing::debug_span!(target: CALLS, "call"));
    });
    let telemetry = Telemetry(Some(provider));
    tokio::task::spawn_blocking(|| telemetry.stop()).await.unwrap();
    let path = received.recv().await.unwrap();
    assert_eq!(path, "/opentelemetry.proto.collector.trace.v1.TraceService/Export");
}

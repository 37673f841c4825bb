//! Logs to standard error, and traces over OTLP where an endpoint is set.
//!
//! Spans of calls are made at level `debug` under the target [`CALLS`]: with
//! the default filter and without an endpoint they cost one load each.

use std::fmt::Display;

use http::HeaderMap;
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Level, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::filter::{EnvFilter, ParseError, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};
use tracing_subscriber::{Layer, fmt};

use crate::config::{LogFormat, TelemetryConfig};

/// The target of the spans of calls.
pub const CALLS: &str = "pointsman::call";

/// The name under which traces are exported.
const SERVICE_NAME: &str = "pointsman";

/// Why logs or traces could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The log filter cannot be read.
    #[error("`log.filter` cannot be read: {0}")]
    Filter(#[from] ParseError),
    /// The exporter cannot be made.
    #[error("`otlp.endpoint` cannot be used: {0}")]
    Exporter(#[from] ExporterBuildError),
    /// Somebody set logs up before.
    #[error("logs are set up already: {0}")]
    Twice(#[from] TryInitError),
}

/// Keeps the export going; traces not yet sent are sent by [`Telemetry::stop`].
#[derive(Debug)]
pub struct Telemetry(Option<SdkTracerProvider>);

struct Headers<'a>(&'a HeaderMap);

/// Sets logs and traces up for the process. Needs a runtime if traces are on.
pub fn start(config: &TelemetryConfig) -> Result<Telemetry, TelemetryError> {
    let filter = EnvFilter::try_new(&config.filter)?;
    let logs = fmt::layer().with_writer(std::io::stderr);
    let logs = match config.format {
        LogFormat::Text => logs.boxed(),
        LogFormat::Json => logs.json().flatten_event(true).boxed(),
    };
    let subscriber = tracing_subscriber::registry().with(logs.with_filter(filter));
    let Some(endpoint) = &config.otlp_endpoint else {
        subscriber.try_init()?;
        return Ok(Telemetry(None));
    };
    let provider = exporter(endpoint)?;
    subscriber.with(spans(&provider)).try_init()?;
    Ok(Telemetry(Some(provider)))
}

/// Makes the caller's span, if it sent a W3C `traceparent`, the parent of ours.
pub fn adopt_parent(span: &tracing::Span, headers: &HeaderMap) {
    if headers.contains_key("traceparent") {
        let parent = TraceContextPropagator::new().extract(&Headers(headers));
        // Fails only where nothing is exported, and then it does not matter.
        let _ = span.set_parent(parent);
    }
}

/// Notes in the call's span which run it is about.
pub fn run(id: &impl Display) {
    note("run_id", id);
}

/// Notes in the call's span which action it is about.
pub fn action(id: &impl Display) {
    note("action_id", id);
}

/// Notes in the call's span which escalation it is about.
pub fn escalation(id: &impl Display) {
    note("escalation_id", id);
}

fn note(field: &str, id: &impl Display) {
    tracing::Span::current().record(field, tracing::field::display(id));
}

// === impl Telemetry ===

impl Telemetry {
    /// Sends what is not sent yet.
    pub fn stop(self) {
        if let Some(Err(error)) = self.0.map(|provider| provider.shutdown()) {
            tracing::warn!(%error, "some traces could not be sent");
        }
    }
}

// === impl Headers ===

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

fn exporter(endpoint: &str) -> Result<SdkTracerProvider, ExporterBuildError> {
    let exporter = SpanExporter::builder().with_tonic().with_endpoint(endpoint).build()?;
    let resource = Resource::builder().with_service_name(SERVICE_NAME).build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}

/// Exports the spans of calls only: not the exporter's own traffic.
fn spans<S>(provider: &SdkTracerProvider) -> impl Layer<S> + use<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let only_calls = Targets::new().with_target(CALLS, Level::DEBUG);
    tracing_opentelemetry::layer()
        .with_tracer(provider.tracer(SERVICE_NAME))
        .with_filter(only_calls)
}

#[cfg(test)]
mod tests;

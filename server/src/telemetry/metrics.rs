//! The numbers of the server, in the OpenMetrics text format.
//!
//! What lies on the hot path is looked up once per method, not once per call.
//! What the engine and the store know by themselves is asked for when somebody
//! scrapes ([`Metrics::collect_from`]).

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use tonic::Code;

/// The buckets of every latency, in seconds: from 50 µs to a minute.
const LATENCY_BUCKETS: [f64; 19] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
    1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MethodLabels {
    method: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CodeLabels {
    method: String,
    code: String,
}

type Latencies = Family<MethodLabels, Histogram, fn() -> Histogram>;

/// Every number that is counted as it happens.
#[derive(Clone, Debug)]
pub struct Metrics {
    calls: Family<CodeLabels, Counter>,
    durations: Latencies,
    /// Connections refused because there were too many, or for their handshake.
    pub refused_connections: Counter,
    registry: Arc<Mutex<Registry>>,
}

/// The numbers of one method.
pub struct CallMetrics {
    method: String,
    calls: Family<CodeLabels, Counter>,
    ok: Counter,
    duration: Histogram,
}

// === impl Metrics ===

impl Metrics {
    /// Nothing counted yet.
    pub fn new() -> Self {
        let metrics = Self {
            calls: Family::default(),
            durations: Family::new_with_constructor(latency),
            refused_connections: Counter::default(),
            registry: Arc::new(Mutex::new(Registry::with_prefix("pointsman"))),
        };
        metrics.register();
        metrics
    }

    fn register(&self) {
        let mut guard = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let all = &mut *guard;
        let seconds = || Unit::Seconds;
        all.register("calls", "Calls answered, by method and gRPC code", self.calls.clone());
        all.register_with_unit(
            "call_duration",
            "Time until a call was answered or its stream began",
            seconds(),
            self.durations.clone(),
        );
        all.register(
            "refused_connections",
            "Connections refused: too many, or a handshake that failed",
            self.refused_connections.clone(),
        );
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        all.register("build", "The server's version", version);
    }

    /// Asks this source for its numbers whenever somebody scrapes.
    pub fn collect_from(&self, source: Box<dyn Collector>) {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        registry.register_collector(source);
    }

    /// The numbers of one method, to be kept by whoever answers it.
    pub fn call(&self, method: &str) -> CallMetrics {
        let method = method.trim_start_matches('/').to_owned();
        let ok = self.calls.get_or_create_owned(&CodeLabels::new(&method, Code::Ok));
        let duration = self.durations.get_or_create_owned(&MethodLabels { method: method.clone() });
        CallMetrics { calls: self.calls.clone(), ok, duration, method }
    }

    /// Everything in the OpenMetrics text format.
    pub fn render(&self) -> Result<String, fmt::Error> {
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        text::encode(&mut text, &registry)?;
        Ok(text)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

// === impl CallMetrics ===

impl CallMetrics {
    /// Counts one call.
    pub fn observe(&self, code: Code, took: Duration) {
        self.duration.observe(took.as_secs_f64());
        match code {
            Code::Ok => self.ok.inc(),
            code => self.calls.get_or_create(&CodeLabels::new(&self.method, code)).inc(),
        };
    }
}

impl fmt::Debug for CallMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CallMetrics").field(&self.method).finish()
    }
}

// === impl CodeLabels ===

impl CodeLabels {
    fn new(method: &str, code: Code) -> Self {
        Self { method: method.to_owned(), code: format!("{code:?}") }
    }
}

fn latency() -> Histogram {
    Histogram::new(LATENCY_BUCKETS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_rendered() {
        let metrics = Metrics::new();
        let call = metrics.call("/pointsman.v1.RunService/GetRun");
        call.observe(Code::Ok, Duration::from_millis(3));
        call.observe(Code::NotFound, Duration::from_millis(3));
        let text = metrics.render().unwrap();
        for line in [
            r#"pointsman_calls_total{method="pointsman.v1.RunService/GetRun",code="NotFound"} 1"#,
            r#"pointsman_call_duration_seconds_count{method="pointsman.v1.RunService/GetRun"} 2"#,
            "# EOF",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}

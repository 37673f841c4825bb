//! What novelty costs: comparing a call with a profile, and learning profiles.

use hdrhistogram::Histogram;
use pointsman_server::domain::policy::Profiles;
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

/// Calls that are compared, after they were learnt.
const CALLS: usize = 10_000;
const AGENT: &str = "dev-agent";
const TOOL: &str = "issue_refund";

/// What novelty costs.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Novelty {
    /// Calls that the profile was taught.
    pub(super) calls: usize,
    /// Learning all of them, in milliseconds; reading them from the store is not in it.
    pub(super) learning_ms: f64,
    /// Half of the comparisons took no longer, in microseconds.
    pub(super) p50_us: f64,
    /// All but one in a hundred took no longer.
    pub(super) p99_us: f64,
}

/// Learns calls whose words and arguments differ, so that the profile is full, and
/// compares each with it.
pub(super) fn measure() -> anyhow::Result<Novelty> {
    let calls: Vec<_> = (0..CALLS).map(call).collect();
    let mut profiles = Profiles::default();
    let began = Instant::now();
    for (arguments, goal) in &calls {
        profiles.learn(AGENT, TOOL, arguments, goal);
    }
    let learning_ms = began.elapsed().as_secs_f64() * 1_000.0;
    let mut spans = Histogram::<u64>::new_with_bounds(1, 1_000_000_000, 3)?;
    for (arguments, goal) in &calls {
        let began = Instant::now();
        std::hint::black_box(profiles.newness(AGENT, TOOL, arguments, goal));
        spans.saturating_record(u64::try_from(began.elapsed().as_nanos())?);
    }
    let micros = |quantile| spans.value_at_quantile(quantile) as f64 / 1_000.0;
    Ok(Novelty { calls: CALLS, learning_ms, p50_us: micros(0.5), p99_us: micros(0.99) })
}

/// A refund with a few words of its own.
fn call(number: usize) -> (Map<String, Value>, String) {
    let word = |step: usize| format!("w{}", (number / step) % 97);
    let arguments = json!({
        "account": format!("DE{:020}", number),
        "amount": (number % 7) * 10_usize.pow(u32::try_from(number % 5).unwrap_or(0)),
        "currency": "EUR",
        "note": format!("{} {} {} refund of an order", word(1), word(7), word(31)),
        format!("field_{}", number % 61): true,
    });
    let goal = format!("refund the order of {} {}", word(3), word(11));
    (arguments.as_object().cloned().unwrap_or_default(), goal)
}

impl Novelty {
    /// For people.
    pub(super) fn rows(&self) -> [(String, String); 2] {
        let Self { calls, learning_ms, p50_us, p99_us } = self;
        [
            ("novelty of a call".to_owned(), format!("p50 {p50_us:.1} us, p99 {p99_us:.1} us")),
            (format!("  learning {calls} calls"), format!("{learning_ms:.0} ms without the store")),
        ]
    }
}

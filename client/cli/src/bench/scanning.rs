//! What looking for secrets costs, which every payload pays before it is stored.

use hdrhistogram::Histogram;
use pointsman_server::domain::secrets::refuse_secrets;
use serde::Serialize;
use serde_json::json;
use tokio::time::Instant;

/// States that are looked through.
const STATES: usize = 200;
/// Messages of a state: together about 64 KiB.
const MESSAGES: usize = 160;

/// What a KiB costs.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Scanning {
    /// How large a state is.
    pub(super) bytes: usize,
    /// Half of the states took no longer for each KiB, in microseconds.
    pub(super) p50_us_per_kib: f64,
    /// All but one in a hundred took no longer.
    pub(super) p99_us_per_kib: f64,
}

/// Looks through states of messages, numbers and digests without a secret.
pub(super) fn measure() -> anyhow::Result<Scanning> {
    let mut spans = Histogram::<u64>::new_with_bounds(1, 10_000_000_000, 3)?;
    let mut bytes = 0;
    for number in 0..STATES {
        let state = state(number);
        bytes = state.len();
        let began = Instant::now();
        refuse_secrets("state", &state)?;
        let nanos = u64::try_from(began.elapsed().as_nanos())?;
        spans.saturating_record(nanos * 1_024 / bytes as u64);
    }
    let micros = |quantile| spans.value_at_quantile(quantile) as f64 / 1_000.0;
    Ok(Scanning { bytes, p50_us_per_kib: micros(0.5), p99_us_per_kib: micros(0.99) })
}

fn state(number: usize) -> Vec<u8> {
    let messages: Vec<_> = (0..MESSAGES)
        .map(|message| {
            let mixed = (number * MESSAGES + message).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            json!({
                "role": if message % 2 == 0 { "assistant" } else { "tool" },
                "content": format!(
                    "Order #W{mixed} of user sara_doe_{message} was delivered on the \
                     2026-11-{:02}; the invoice of {}.{:02} EUR is open, see \
                     https://shop.example/orders/{mixed:x} and ask before anything is paid \
                     from the account DE{mixed:020}. The keys are at the desk.",
                    message % 28 + 1, mixed % 10_000, mixed % 100,
                ),
                "digest": format!("sha256:{mixed:064x}"),
            })
        })
        .collect();
    json!({ "channel_values": { "messages": messages } }).to_string().into_bytes()
}

impl Scanning {
    /// For people.
    pub(super) fn rows(&self) -> [(String, String); 1] {
        let Self { bytes, p50_us_per_kib, p99_us_per_kib } = self;
        let spread = format!("p50 {p50_us_per_kib:.2} us, p99 {p99_us_per_kib:.2} us");
        [(format!("looking for secrets, a KiB of {}", bytes / 1_024), spread)]
    }
}

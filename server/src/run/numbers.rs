//! What the engine and the store count by themselves, for the metrics page.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, MetricEncoder,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use crate::domain::event::EventKind;
use crate::engine::Engine;
use crate::engine::stats::{LATENCY_BUCKETS, LatencySnapshot};
use crate::rpc::limits::Gauge;
use crate::store::Store;
use crate::store::stats::{STATS_GROUP_BUCKETS, StoreStats};

const MICROS_PER_SECOND: f64 = 1_000_000.0;

type Labels<'a> = [(&'a str, &'a str)];
/// What an exemplar would carry; there are none.
type NoLabels = [(&'static str, &'static str); 0];

/// Reads the numbers whenever somebody scrapes.
pub(super) struct Numbers {
    /// Counts escalations and events.
    pub(super) engine: Engine,
    /// Counts commits.
    pub(super) store: Arc<dyn Store>,
    /// Counts connections.
    pub(super) connections: Arc<Gauge>,
    /// Counts streams.
    pub(super) streams: Arc<Gauge>,
}

// === impl Numbers ===

impl fmt::Debug for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Numbers")
    }
}

impl Collector for Numbers {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page(encoder);
        page.gauge("connections", "Connections open now", &[(&[], self.connections.now() as u64)])?;
        page.gauge("streams", "Watches and waits open now", &[(&[], self.streams.now() as u64)])?;
        self.queue(&mut page)?;
        self.events(&mut page)?;
        self.latencies(&mut page)?;
        self.providers(&mut page)?;
        self.notices(&mut page)?;
        store(&mut page, &self.store.stats())
    }
}

impl Numbers {
    fn queue(&self, page: &mut Page<'_>) -> fmt::Result {
        let stats = self.engine.stats();
        let lanes = stats.open_by_lane();
        let labels: Vec<_> =
            lanes.iter().map(|(lane, count)| ([("lane", &**lane)], *count)).collect();
        let rows: Vec<_> = labels.iter().map(|(labels, count)| (&labels[..], *count)).collect();
        page.gauge("open_escalations", "Open escalations by lane", &rows)?;
        self.lateness(page)?;
        let oldest = stats.oldest_open();
        let age = oldest.map_or(0, |opened| self.engine.now().since(opened).as_micros().max(0));
        page.seconds("oldest_open_age", "Age of the oldest open escalation", age as f64)
    }

    /// What is late and why, and what the watchdog saw.
    fn lateness(&self, page: &mut Page<'_>) -> fmt::Result {
        let stats = self.engine.stats();
        let lanes = stats.lanes();
        let overdue: Vec<_> =
            lanes.iter().map(|(lane, it)| ([("lane", &**lane)], it.overdue)).collect();
        let rows: Vec<_> = overdue.iter().map(|(labels, count)| (&labels[..], *count)).collect();
        page.gauge("overdue_escalations", "Open escalations that are overdue, by lane", &rows)?;
        let late: Vec<_> = lanes
            .iter()
            .flat_map(|(lane, it)| it.late.iter().map(move |late| (lane, late)))
            .map(|(lane, (why, count))| ([("lane", &**lane), ("reason", why.name())], *count))
            .collect();
        let rows: Vec<_> = late.iter().map(|(labels, count)| (&labels[..], *count)).collect();
        page.gauge("late_escalations", "Those of them by why nobody has answered", &rows)?;
        let Some(last) = stats.watchdog() else { return Ok(()) };
        let help = "Open escalations that the watchdog last found without a timer";
        page.gauge("open_without_timer", help, &[(&[], last.pass.repaired)])?;
        let age = self.engine.now().since(last.time).as_micros().max(0);
        page.seconds("watchdog_age", "Since the watchdog last ended a look", age as f64)
    }

    fn events(&self, page: &mut Page<'_>) -> fmt::Result {
        let counts = self.engine.stats().event_counts();
        let labelled = |label: &'static str, name: fn(EventKind) -> Option<&'static str>| {
            let named = counts.iter().filter_map(|(kind, count)| Some((name(*kind)?, *count)));
            named.map(|(name, count)| ([(label, name)], count)).collect::<Vec<_>>()
        };
        page.counters("events", "Audit events by kind", &labelled("event", |it| Some(it.name())))?;
        page.counters("decisions", "Policy decisions by effect", &labelled("effect", effect))?;
        page.counters("resolutions", "Answers of people by kind", &labelled("kind", answer))?;
        let refused = self.engine.refused_credentials();
        let refused: Vec<_> =
            refused.iter().map(|(why, count)| ([("reason", why.name())], *count)).collect();
        page.counters("refused_credentials", "Credentials that did not count", &refused)?;
        let fast = self.engine.stats().fast_approvals();
        page.counters("fast_approvals", "Approvals faster than anybody reads", &[([], fast)])
    }

    fn latencies(&self, page: &mut Page<'_>) -> fmt::Result {
        let stats = self.engine.stats();
        for (name, help, latency) in [
            ("escalation_visible", "From opening until a watch had it", &stats.visible),
            ("escalation_answered", "From opening until a person answered", &stats.answered),
            ("escalation_delivered", "From the end until the agent had it", &stats.delivered),
            ("escalation_resumed", "From the end until the agent went on", &stats.resumed),
        ] {
            page.latency(name, help, &latency.snapshot())?;
        }
        Ok(())
    }

    /// What the registered providers of facts answered.
    fn providers(&self, page: &mut Page<'_>) -> fmt::Result {
        let stats: Vec<_> = self.engine.provider_stats().collect();
        let rows: Vec<_> = stats
            .iter()
            .flat_map(|(name, it)| {
                let row = |outcome, count| ([("provider", *name), ("outcome", outcome)], count);
                [row("answered", it.answered()), row("missing", it.missing())]
            })
            .collect();
        page.counters("facts", "Facts asked for, by provider and what came of it", &rows)?;
        let taken: Vec<_> = stats
            .iter()
            .map(|(name, it)| ([("provider", *name)], it.duration.snapshot()))
            .collect();
        let help = "From a question to a provider until its answer, or until giving up";
        page.latencies("fact_question_duration", help, &taken)
    }
}

impl Numbers {
    /// What the channels of notices sent, and what waits for them.
    fn notices(&self, page: &mut Page<'_>) -> fmt::Result {
        let channels = self.engine.channels();
        let all: Vec<_> = channels.all().collect();
        let attempts: Vec<_> = all
            .iter()
            .flat_map(|(name, channel)| {
                let row = |outcome, count| ([("channel", *name), ("outcome", outcome)], count);
                [row("delivered", channel.delivered()), row("failed", channel.failed())]
            })
            .collect();
        let help = "Attempts to deliver a notice, by channel and what came of it";
        page.counters("notice_attempts", help, &attempts)?;
        let labels: Vec<_> = all.iter().map(|(name, _)| [("channel", *name)]).collect();
        let counts = all.iter().map(|(name, _)| channels.waiting(name) as u64);
        let waiting: Vec<_> = labels.iter().map(|labels| &labels[..]).zip(counts).collect();
        page.gauge("notices_pending", "Notices that wait for a channel", &waiting)?;
        let now = self.engine.now();
        let oldest = all.iter().filter_map(|(name, _)| channels.oldest_waiting(name)).min();
        let age = oldest.map_or(0, |written| now.since(written).as_micros().max(0));
        page.seconds("oldest_notice_age", "Age of the oldest notice that waits", age as f64)
    }
}

fn store(page: &mut Page<'_>, stats: &StoreStats) -> fmt::Result {
    for (name, help, value) in [
        ("commits", "Commits made durable", stats.commits),
        ("commit_conflicts", "Transactions that had to try again", stats.conflicts),
        ("disk_refusals", "Transactions refused for want of space", stats.disk_refusals),
        ("cache_hits", "Reads answered from memory", stats.cache_hits),
        ("cache_misses", "Reads that were not", stats.cache_misses),
        ("journal_bytes", "Bytes of frames appended", stats.journal_bytes),
        ("payload_bytes", "Bytes of payloads taken", stats.payload_bytes),
        ("tree_heads", "Signed tree heads written", stats.heads),
        ("tree_head_failures", "Signed tree heads that could not be", stats.head_failures),
    ] {
        page.counter(name, help, value)?;
    }
    page.gauge("commit_queue", "Commits that wait now", &[(&[], stats.queue_depth)])?;
    page.gauge("unapplied", "Records synced but not yet applied", &[(&[], stats.unapplied)])?;
    page.seconds_total("sync", "Time spent making groups durable", stats.sync_micros)?;
    page.seconds("sync_max", "The longest of them", stats.sync_micros_max as f64)?;
    let bounds = STATS_GROUP_BUCKETS.iter().map(|bound| *bound as f64).chain([f64::MAX]);
    let buckets: Vec<_> = bounds.zip(stats.group_sizes).collect();
    let help = "Commits made durable together";
    page.histogram("group_size", help, None, stats.commits as f64, &buckets)
}

/// What the policy said, for the events that say it.
const fn effect(kind: EventKind) -> Option<&'static str> {
    match kind {
        EventKind::ActionAllowed => Some("allow"),
        EventKind::ActionDenied => Some("deny"),
        EventKind::ActionEscalated => Some("escalate"),
        _ => None,
    }
}

/// What a person said, for the events that say it.
const fn answer(kind: EventKind) -> Option<&'static str> {
    match kind {
        EventKind::EscalationApproved => Some("approved"),
        EventKind::EscalationRejected => Some("rejected"),
        EventKind::EscalationModified => Some("modified"),
        EventKind::EscalationResponded => Some("responded"),
        EventKind::EscalationInstructed => Some("instructed"),
        _ => None,
    }
}

/// Writes metrics in the order they are given.
struct Page<'a>(DescriptorEncoder<'a>);

// === impl Page ===

impl Page<'_> {
    fn begin(
        &mut self,
        name: &'static str,
        help: &str,
        unit: Option<&'static Unit>,
        kind: MetricType,
    ) -> Result<MetricEncoder<'_>, fmt::Error> {
        self.0.encode_descriptor(name, help, unit, kind)
    }

    fn gauge(
        &mut self,
        name: &'static str,
        help: &str,
        rows: &[(&Labels<'_>, u64)],
    ) -> fmt::Result {
        let mut metric = self.begin(name, help, None, MetricType::Gauge)?;
        rows.iter().try_for_each(|(labels, value)| encode_gauge(&mut metric, labels, value))
    }

    fn seconds(&mut self, name: &'static str, help: &str, micros: f64) -> fmt::Result {
        let mut metric = self.begin(name, help, Some(&Unit::Seconds), MetricType::Gauge)?;
        encode_gauge(&mut metric, &[], &(micros / MICROS_PER_SECOND))
    }

    fn counter(&mut self, name: &'static str, help: &str, value: u64) -> fmt::Result {
        let mut metric = self.begin(name, help, None, MetricType::Counter)?;
        encode_counter(&mut metric, &[], &value)
    }

    fn seconds_total(&mut self, name: &'static str, help: &str, micros: u64) -> fmt::Result {
        let mut metric = self.begin(name, help, Some(&Unit::Seconds), MetricType::Counter)?;
        encode_counter(&mut metric, &[], &(micros as f64 / MICROS_PER_SECOND))
    }

    fn counters<const N: usize>(
        &mut self,
        name: &'static str,
        help: &str,
        rows: &[([(&str, &str); N], u64)],
    ) -> fmt::Result {
        let mut metric = self.begin(name, help, None, MetricType::Counter)?;
        rows.iter().try_for_each(|(labels, value)| encode_counter(&mut metric, labels, value))
    }

    fn latency(&mut self, name: &'static str, help: &str, taken: &LatencySnapshot) -> fmt::Result {
        let (sum, buckets) = in_seconds(taken);
        self.histogram(name, help, Some(&Unit::Seconds), sum, &buckets)
    }

    /// The same for each of several, told apart by a label.
    fn latencies(
        &mut self,
        name: &'static str,
        help: &str,
        rows: &[([(&str, &str); 1], LatencySnapshot)],
    ) -> fmt::Result {
        let mut metric = self.begin(name, help, Some(&Unit::Seconds), MetricType::Histogram)?;
        for (labels, taken) in rows {
            let (sum, buckets) = in_seconds(taken);
            let count = buckets.iter().map(|(_, count)| count).sum();
            let mut row = metric.encode_family(labels)?;
            row.encode_histogram::<NoLabels>(sum, count, &buckets, None)?;
        }
        Ok(())
    }

    fn histogram(
        &mut self,
        name: &'static str,
        help: &str,
        unit: Option<&'static Unit>,
        sum: f64,
        buckets: &[(f64, u64)],
    ) -> fmt::Result {
        let count = buckets.iter().map(|(_, count)| count).sum();
        let mut metric = self.begin(name, help, unit, MetricType::Histogram)?;
        metric.encode_histogram::<NoLabels>(sum, count, buckets, None)
    }
}

/// Sum and buckets in seconds.
fn in_seconds(taken: &LatencySnapshot) -> (f64, Vec<(f64, u64)>) {
    let bounds = LATENCY_BUCKETS.iter().map(|bound| *bound as f64 / MICROS_PER_SECOND);
    let buckets = bounds.chain([f64::MAX]).zip(taken.buckets.iter().copied()).collect();
    (taken.sum_micros as f64 / MICROS_PER_SECOND, buckets)
}

fn encode_gauge(
    metric: &mut MetricEncoder<'_>,
    labels: &Labels<'_>,
    value: &impl EncodeGaugeValue,
) -> fmt::Result {
    if labels.is_empty() {
        return metric.encode_gauge(value);
    }
    metric.encode_family(&labels)?.encode_gauge(value)
}

fn encode_counter(
    metric: &mut MetricEncoder<'_>,
    labels: &Labels<'_>,
    value: &impl EncodeCounterValue,
) -> fmt::Result {
    if labels.is_empty() {
        return metric.encode_counter::<NoLabels, _, f64>(value, None);
    }
    metric.encode_family(&labels)?.encode_counter::<NoLabels, _, f64>(value, None)
}

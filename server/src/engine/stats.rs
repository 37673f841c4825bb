//! What the server counts about its work, for metrics and limits.
//!
//! Kept in memory from the feed; the journal has the truth. Counters of one
//! server start at zero with it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::escalation::{Escalation, EscalationState, Reading};
use crate::domain::event::{Event, EventKind};
use crate::domain::flood::DEFAULT_RULE;
use crate::domain::ids::EscalationId;
use crate::domain::queue::LateReason;
use crate::domain::resumption::Resumption;
use crate::domain::time::{Span, Timestamp};
use crate::engine::queue::{LaneStatus, LastPass};

/// Upper bounds of latency buckets, in microseconds.
pub const LATENCY_BUCKETS: [i64; 14] = [
    250,
    500,
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    1_000_000,
    5_000_000,
    60_000_000,
    3_600_000_000,
];

/// A latency histogram with fixed buckets.
#[derive(Debug, Default)]
pub struct Latency {
    buckets: [AtomicU64; LATENCY_BUCKETS.len() + 1],
    sum_micros: AtomicU64,
}

/// A histogram as read at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LatencySnapshot {
    /// Counts per bucket of [`LATENCY_BUCKETS`], and beyond the last.
    pub buckets: Vec<u64>,
    /// Sum of all observations in microseconds.
    pub sum_micros: u64,
}

impl Latency {
    /// Adds one observation; a negative one counts as zero.
    pub fn observe(&self, span: Span) {
        let micros = span.as_micros().max(0);
        let place = LATENCY_BUCKETS.partition_point(|bound| *bound < micros);
        if let Some(bucket) = self.buckets.get(place) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.sum_micros.fetch_add(micros.unsigned_abs(), Ordering::Relaxed);
    }

    /// Reads the histogram.
    pub fn snapshot(&self) -> LatencySnapshot {
        LatencySnapshot {
            buckets: self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect(),
            sum_micros: self.sum_micros.load(Ordering::Relaxed),
        }
    }
}

/// What is counted of one.
#[derive(Debug)]
struct Place {
    lane: String,
    agent: String,
    rule: String,
    created: Timestamp,
    is_overdue: bool,
    late: Option<LateReason>,
}

/// The open escalations, as far as counting goes.
#[derive(Debug, Default)]
struct OpenEscalations {
    places: HashMap<EscalationId, Place>,
    by_age: BTreeSet<(Timestamp, EscalationId)>,
    by_lane: BTreeMap<String, u64>,
    by_agent: HashMap<String, u64>,
    by_rule: HashMap<String, u64>,
}

fn decrease<K: std::hash::Hash + Eq>(counts: &mut HashMap<K, u64>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(key);
        }
    }
}

impl OpenEscalations {
    fn insert(&mut self, escalation: &Escalation) {
        let (lane, agent) = (escalation.lane.clone(), escalation.agent.clone());
        let rule = escalation.rule.clone().unwrap_or_else(|| DEFAULT_RULE.to_owned());
        let place = Place {
            lane: lane.clone(),
            agent: agent.clone(),
            rule: rule.clone(),
            created: escalation.create_time,
            is_overdue: escalation.is_overdue,
            late: escalation.late,
        };
        if self.places.insert(escalation.id, place).is_none() {
            self.by_age.insert((escalation.create_time, escalation.id));
            *self.by_lane.entry(lane).or_default() += 1;
            *self.by_agent.entry(agent).or_default() += 1;
            *self.by_rule.entry(rule).or_default() += 1;
        }
    }

    fn remove(&mut self, id: EscalationId) -> bool {
        let Some(place) = self.places.remove(&id) else { return false };
        let Place { lane, agent, rule, created, .. } = place;
        self.by_age.remove(&(created, id));
        // A lane stays listed at zero, so that its gauge goes down visibly.
        if let Some(count) = self.by_lane.get_mut(&lane) {
            *count = count.saturating_sub(1);
        }
        decrease(&mut self.by_agent, &agent);
        decrease(&mut self.by_rule, &rule);
        true
    }
}

/// What is open in each tenant.
type OpenByTenant = HashMap<String, OpenEscalations>;

/// Counters and histograms of one server.
#[derive(Debug, Default)]
pub struct Stats {
    events: Mutex<HashMap<EventKind, u64>>,
    open: Mutex<OpenByTenant>,
    watchdog: Mutex<Option<LastPass>>,
    /// Approvals faster than anybody reads.
    fast_approvals: AtomicU64,
    /// From the opening of an escalation to a watch having it.
    pub visible: Latency,
    /// From the opening of an escalation to a person's answer.
    pub answered: Latency,
    /// From the end of an escalation to its agent having the answer.
    pub delivered: Latency,
    /// From the end of an escalation to its agent or worker going on.
    pub resumed: Latency,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Stats {
    pub(super) fn count_events(&self, events: &[Event]) {
        let mut counts = lock(&self.events);
        for event in events {
            *counts.entry(event.kind).or_default() += 1;
        }
    }

    pub(super) fn note_escalation(&self, tenant: &str, escalation: &Escalation) {
        let mut tenants = lock(&self.open);
        let open = tenants.entry(tenant.to_owned()).or_default();
        if escalation.state == EscalationState::Open {
            open.insert(escalation);
        } else if open.remove(escalation.id)
            && let Some(resolution) = &escalation.resolution
        {
            self.answered.observe(resolution.resolve_time.since(escalation.create_time));
            let readings = resolution.approvers.iter().filter_map(|it| it.reading);
            let fast = readings.filter(Reading::is_too_fast).count();
            self.fast_approvals.fetch_add(fast as u64, Ordering::Relaxed);
        }
    }

    pub(super) fn note_resumption(&self, resumption: &Resumption) {
        if let Some(closed) = resumption.close_time {
            self.resumed.observe(closed.since(resumption.create_time));
        }
    }

    /// Counts in what a tenant has open; zero where it has nothing.
    fn count(&self, tenant: &str, count: impl FnOnce(&OpenEscalations) -> u64) -> u64 {
        lock(&self.open).get(tenant).map_or(0, count)
    }

    /// A tenant's open escalations of an agent, and of all.
    pub(super) fn open_counts(&self, tenant: &str, agent: &str) -> (u64, u64) {
        let of_agent = |open: &OpenEscalations| open.by_agent.get(agent).copied().unwrap_or(0);
        (self.count(tenant, of_agent), self.count(tenant, |open| open.places.len() as u64))
    }

    /// A tenant's open escalations that a rule asks.
    pub(super) fn open_by_rule(&self, tenant: &str, rule: &str) -> u64 {
        self.count(tenant, |open| open.by_rule.get(rule).copied().unwrap_or(0))
    }

    /// A tenant's open escalations of the agents that are some owner's.
    pub(super) fn open_of(&self, tenant: &str, is_owned: impl Fn(&str) -> bool) -> u64 {
        self.count(tenant, |open| {
            let owned = open.by_agent.iter().filter(|(agent, _)| is_owned(agent));
            owned.map(|(_, count)| *count).sum()
        })
    }

    /// The server's open escalations by lane.
    pub fn open_by_lane(&self) -> Vec<(String, u64)> {
        let mut lanes = BTreeMap::<_, u64>::new();
        for (lane, count) in lock(&self.open).values().flat_map(|open| &open.by_lane) {
            *lanes.entry(lane.clone()).or_default() += count;
        }
        lanes.into_iter().collect()
    }

    /// How each lane of the server does that something waits in, or waited in since the
    /// start.
    pub fn lanes(&self) -> BTreeMap<String, LaneStatus> {
        Self::lanes_in(lock(&self.open).values())
    }

    /// The same of one tenant.
    pub(super) fn lanes_of(&self, tenant: &str) -> BTreeMap<String, LaneStatus> {
        Self::lanes_in(lock(&self.open).get(tenant))
    }

    fn lanes_in<'a>(
        tenants: impl IntoIterator<Item = &'a OpenEscalations>,
    ) -> BTreeMap<String, LaneStatus> {
        let tenants: Vec<_> = tenants.into_iter().collect();
        let names = tenants.iter().flat_map(|open| open.by_lane.keys());
        let mut lanes: BTreeMap<_, _> =
            names.map(|lane| (lane.clone(), LaneStatus::default())).collect();
        for place in tenants.iter().flat_map(|open| open.places.values()) {
            let status = lanes.entry(place.lane.clone()).or_default();
            status.open += 1;
            status.oldest = Some(status.oldest.map_or(place.created, |at| at.min(place.created)));
            status.overdue += u64::from(place.is_overdue);
            if let Some(late) = place.late {
                *status.late.entry(late).or_default() += 1;
            }
        }
        lanes
    }

    pub(super) fn note_watchdog(&self, pass: LastPass) {
        *lock(&self.watchdog) = Some(pass);
    }

    /// How many approvals came faster than anybody reads.
    pub fn fast_approvals(&self) -> u64 {
        self.fast_approvals.load(Ordering::Relaxed)
    }

    /// What the watchdog last saw.
    pub fn watchdog(&self) -> Option<LastPass> {
        *lock(&self.watchdog)
    }

    /// When the oldest open escalation was opened.
    pub fn oldest_open(&self) -> Option<Timestamp> {
        let tenants = lock(&self.open);
        let oldest = tenants.values().filter_map(|open| open.by_age.first());
        oldest.map(|(created, _)| *created).min()
    }

    /// How often each event happened since the server started.
    pub fn event_counts(&self) -> Vec<(EventKind, u64)> {
        let counts = lock(&self.events);
        EventKind::ALL.iter().filter_map(|kind| Some((*kind, *counts.get(kind)?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::escalation::tests::sample;
    use crate::domain::escalation::{Approver, Resolution, ResolutionKind};
    use crate::domain::ids::AuthorityId;

    #[test]
    fn approvals_that_nobody_can_have_read_are_counted_once() {
        let (stats, open) = (Stats::default(), sample());
        let approver = |millis| Approver {
            name: "rita".to_owned(),
            authority: AuthorityId::new(uuid::Uuid::nil()),
            reading: Some(Reading { span: Span::from_millis(millis), words: 10 }),
            standing: None,
        };
        let resolution = Resolution {
            kind: ResolutionKind::Approved,
            reviewer: "rita".to_owned(),
            resolve_time: Timestamp::from_micros(1),
            reason_code: None,
            content: None,
            action: None,
            approvers: vec![approver(1_999), approver(2_000)],
        };
        let (state, resolution) = (EscalationState::Resolved, Some(resolution));
        let closed = Escalation { state, resolution, ..open.clone() };
        for seen in [&open, &closed, &closed] {
            stats.note_escalation("default", seen);
        }
        assert_eq!(stats.fast_approvals(), 1);
    }

    #[test]
    fn observations_fall_into_their_buckets() {
        let latency = Latency::default();
        for micros in [-5, 0, 250, 251, 5_000_000_000] {
            latency.observe(Span::from_micros(micros));
        }
        let snapshot = latency.snapshot();
        assert_eq!(snapshot.buckets.first(), Some(&3));
        assert_eq!(snapshot.buckets.get(1), Some(&1));
        assert_eq!(snapshot.buckets.last(), Some(&1));
        assert_eq!(snapshot.sum_micros, 5_000_000_501);
    }
}

//! How long one server takes to show what another did: printed, for whoever wants the
//! figures, with the bell and without. That it is shown is asserted, and no time.

use std::fmt;
use std::time::{Duration, Instant};

use pointsman_client::Answer;

use super::watching::Seen;
use crate::harness::fixture::another;
use crate::harness::fleet::Fleet;
use crate::harness::policy;
use crate::harness::poll::{PATIENCE, within};
use crate::harness::postgres::Cluster;
use crate::harness::seed::rounds;

const SERVERS: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_here_is_seen_there() {
    measure("with LISTEN", "true").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_here_is_seen_there_without_a_bell() {
    measure("without LISTEN", "false").await;
}

/// Asks on A, sees it on B, approves there, and goes on with a worker that waits on C.
async fn measure(how: &str, listens: &str) {
    let store = Cluster::shared().database();
    let set = [("POINTSMAN_DATABASE_LISTEN", listens)];
    let fleet = Fleet::start_with(&vec![store; SERVERS], policy::BY_NAME, &set).await;
    let mut seen = Seen::open(&fleet, 1).await;
    let (run, reviewer) = (fleet.run(0).await, fleet.reviewer(1));
    let (mut visible, mut resumed) = (Vec::new(), Vec::new());
    for _ in 0..rounds(100, 500) {
        let began = Instant::now();
        let proposing = run.propose(another("ask_it").detached());
        let showing = async { (seen.next_opened().await, began.elapsed()) };
        let (proposed, (question, shown)) = tokio::join!(proposing, showing);
        drop(proposed.unwrap());
        visible.push(shown);

        let worker = fleet.worker(2);
        let claiming = tokio::spawn(async move { (worker.claim(1).await, Instant::now()) });
        let began = Instant::now();
        reviewer.approve(&question, "").await.unwrap();
        let (claimed, at) = within("C is given it", PATIENCE, claiming).await.unwrap();
        resumed.push(at - began);
        let claimed = claimed.unwrap().pop().expect("what B approved");
        assert_eq!(claimed.escalation_id(), question.escalation_id);
        let Answer::Approved(permit) = claimed.answer().unwrap() else { panic!("not approved") };
        permit.redeem().await.unwrap();
    }
    let [visible, resumed] = [visible, resumed].map(Spread::of);
    println!("{how}: visible on B {visible}; resumed on C {resumed}");
}

/// The middle and the end of what was measured.
struct Spread {
    count: usize,
    p50: Duration,
    p99: Duration,
}

// === impl Spread ===

impl Spread {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort();
        let count = times.len();
        let [p50, p99] = [50, 99].map(|percent| times[(count * percent / 100).min(count - 1)]);
        Self { count, p50, p99 }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, p50, p99 } = self;
        write!(f, "p50 {p50:.1?}, p99 {p99:.1?} of {count}")
    }
}

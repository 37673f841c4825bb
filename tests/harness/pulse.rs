//! The rhythm of acknowledgements: how long callers were without any.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Notes when there were answers, and how often a caller changed its server.
#[derive(Debug, Default)]
pub struct Pulse {
    beats: Mutex<Beats>,
    count: AtomicU64,
    switches: AtomicU64,
}

#[derive(Debug, Default)]
struct Beats {
    last: Option<Instant>,
    longest: Duration,
}

// === impl Pulse ===

impl Pulse {
    /// Notes an answer.
    pub fn beat(&self) {
        let now = Instant::now();
        let mut beats = self.beats.lock().unwrap();
        if let Some(last) = beats.last.replace(now) {
            beats.longest = beats.longest.max(now - last);
        }
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that a caller went to another server.
    pub fn switch(&self) {
        self.switches.fetch_add(1, Ordering::Relaxed);
    }

    /// The longest time between two answers since it was last asked for; a time
    /// that has not ended counts as well.
    pub fn take_longest(&self) -> Duration {
        let mut beats = self.beats.lock().unwrap();
        let open = beats.last.map_or(Duration::ZERO, |last| last.elapsed());
        std::mem::take(&mut beats.longest).max(open)
    }

    /// How many answers there were.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// How often a caller went to another server.
    pub fn switches(&self) -> u64 {
        self.switches.load(Ordering::Relaxed)
    }
}

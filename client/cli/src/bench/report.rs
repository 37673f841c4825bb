//! The figures of a bench, for people and for programs.

use std::fmt::Write as _;

use serde::Serialize;

use super::flood::Flooded;
use super::judging::Judging;
use super::latency::Spread;
use super::load::Rate;
use super::novelty::Novelty;
use super::reasoning::Streamed;
use super::restart::Restart;
use super::rounds::{Paced, Rounds};
use super::scanning::Scanning;
use super::sessions::Idle;
use super::stop::Stopped;
use super::throughput::Proposing;
use super::waits::Waits;

/// Everything that was measured.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Report {
    /// What it was measured on.
    pub(super) machine: Machine,
    /// The empty call with one caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) echo_alone: Option<Rate>,
    /// The empty call with all callers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) echo: Option<Rate>,
    /// Allowed actions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) propose: Option<Proposing>,
    /// Rounds at a fixed rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) moderate: Option<Paced>,
    /// Rounds in a closed loop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rounds: Option<Rounds>,
    /// Many waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) waits: Option<Waits>,
    /// What a policy costs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) judging: Option<Judging>,
    /// What novelty costs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) novelty: Option<Novelty>,
    /// What looking for secrets costs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) scanning: Option<Scanning>,
    /// One agent that floods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) flood: Option<Flooded>,
    /// Stops under load.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stop: Option<Stopped>,
    /// Agents that think aloud.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reasoning: Option<Streamed>,
    /// Agents that say nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) idle: Option<Idle>,
    /// A restart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) restart: Option<Restart>,
}

/// The machine, and how quiet it was.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Machine {
    cores: usize,
    model: String,
    kernel: String,
    /// The load of a minute before and after.
    load_before: f64,
    load_after: f64,
}

impl Machine {
    /// Looks at the machine before anything runs.
    pub(super) fn look() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let cpuinfo = read("/proc/cpuinfo");
        let model =
            cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
        Self {
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            model: model.map(|(_, model)| model.trim().to_owned()).unwrap_or_default(),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            load_before: load(),
            load_after: 0.0,
        }
    }

    /// Looks again afterwards.
    pub(super) fn look_again(&mut self) {
        self.load_after = load();
    }
}

fn load() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(0.0)
}

impl Report {
    /// The report for people.
    pub(super) fn to_text(&self) -> String {
        let Machine { cores, model, kernel, load_before, load_after } = &self.machine;
        let mut text = format!(
            "{cores} cores of {model}, Linux {kernel}; load {load_before:.2} before, {load_after:.2} after\n\n"
        );
        for (name, value) in self.rows() {
            let _ = writeln!(text, "{name:<34}  {value}");
        }
        text
    }

    fn rows(&self) -> Vec<(String, String)> {
        let mut rows = Vec::new();
        if let Some(it) = &self.echo_alone {
            rows.push(("echo, 1 caller".to_owned(), rate(it)));
        }
        if let Some(it) = &self.echo {
            rows.push((format!("echo, {} callers", it.callers), rate(it)));
        }
        if let Some(it) = &self.propose {
            rows.extend(it.rows());
        }
        if let Some(it) = &self.moderate {
            rows.push((format!("rounds at {} /s, visible", it.per_second), spread(&it.visible_ms)));
            rows.push(("  resumed".to_owned(), spread(&it.resumed_ms)));
        }
        if let Some(it) = &self.rounds {
            rows.extend(it.rows());
        }
        if let Some(it) = &self.waits {
            rows.extend(it.rows());
        }
        if let Some(it) = &self.judging {
            rows.extend(it.rows());
        }
        if let Some(it) = &self.novelty {
            rows.extend(it.rows());
        }
        if let Some(it) = &self.scanning {
            rows.extend(it.rows());
        }
        if let Some(it) = &self.flood {
            rows.extend(it.rows());
        }
        if let Some(it) = &self.stop {
            rows.extend(it.rows());
        }
        if let Some(it) = &self.reasoning {
            rows.extend(it.rows());
        }
        if let Some(it) = &self.idle {
            rows.push((format!("{} idle sessions", it.sessions), it.words()));
        }
        if let Some(it) = &self.restart {
            rows.push((format!("restart, {} entries", it.entries), format!("{:.2} s", it.seconds)));
            rows.push(("  orderly stop before".to_owned(), format!("{:.2} s", it.stop_seconds)));
        }
        rows
    }
}

impl Proposing {
    fn rows(&self) -> [(String, String); 3] {
        [
            ("propose, allowed and redeemed".to_owned(), rate(&self.rate)),
            ("  of echo".to_owned(), percent(self.of_echo)),
            ("  cost".to_owned(), cost(self.commits_per_operation, self.rules_matched)),
        ]
    }
}

impl Rounds {
    fn rows(&self) -> [(String, String); 5] {
        [
            ("rounds through a person".to_owned(), rate(&self.rate)),
            ("  of echo / 5 unary calls".to_owned(), percent(self.of_ceiling)),
            ("  cost".to_owned(), cost(self.commits_per_operation, self.rules_matched)),
            ("  visible".to_owned(), spread(&self.visible_ms)),
            ("  resumed".to_owned(), spread(&self.resumed_ms)),
        ]
    }
}

impl Waits {
    fn rows(&self) -> [(String, String); 6] {
        let commits = format!("{:.2} commits each", self.commits_per_operation);
        [
            (format!("waits opened, {}", self.count), per_second(self.opened_per_second)),
            ("  first page of the queue".to_owned(), spread(&self.first_page_ms)),
            ("  claim next, 100 /s of 32 people".to_owned(), spread(&self.claim_next_ms)),
            ("  told to 200 watches".to_owned(), spread(&self.fan_out_ms)),
            ("  resolved and resumed".to_owned(), per_second(self.resumed_per_second)),
            ("  cost".to_owned(), commits),
        ]
    }
}

fn rate(rate: &Rate) -> String {
    format!("{}   {}", per_second(rate.per_second), spread(&rate.ms))
}

fn per_second(value: f64) -> String {
    format!("{value:>8.0} /s")
}

fn spread(it: &Spread) -> String {
    format!("p50 {:.2}  p99 {:.2}  max {:.2} ms", it.p50, it.p99, it.max)
}

fn percent(share: f64) -> String {
    format!("{:>8.0} %", share * 100.0)
}

fn cost(commits: f64, rules: usize) -> String {
    format!("{commits:.2} commits, {rules} rules each")
}

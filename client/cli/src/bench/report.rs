//! The figures of a bench, for people and for programs.

use std::fmt::Write as _;

use serde::Serialize;

use super::latency::Spread;
use super::load::Rate;
use super::restart::Restart;
use super::rounds::{Paced, Rounds};
use super::throughput::Proposing;
use super::waits::Waits;

/// Everything that was measured.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    /// What it was measured on.
    pub(super) machine: Machine,
    /// The empty call with one caller.
    pub(super) echo_alone: Rate,
    /// The empty call with all callers.
    pub(super) echo: Rate,
    /// Allowed actions.
    pub(super) propose: Proposing,
    /// Rounds at a fixed rate.
    pub(super) moderate: Paced,
    /// Rounds in a closed loop.
    pub(super) rounds: Rounds,
    /// Many waits.
    pub(super) waits: Waits,
    /// A restart.
    pub(super) restart: Restart,
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
        let Self { machine, echo_alone, echo, propose, moderate, rounds, waits, restart } = self;
        let mut text = format!(
            "{} cores of {}, Linux {}; load {:.2} before, {:.2} after\n\n",
            machine.cores, machine.model, machine.kernel, machine.load_before, machine.load_after
        );
        let mut row = |name: &str, value: String| {
            let _ = writeln!(text, "{name:<34}  {value}");
        };
        row("echo, 1 caller", rate(echo_alone));
        row(&format!("echo, {} callers", echo.callers), rate(echo));
        row("propose, allowed and redeemed", rate(&propose.rate));
        row("  of echo", percent(propose.of_echo));
        row("  commits, rules matched", cost(propose.commits_per_operation, propose.rules_matched));
        row("rounds through a person", rate(&rounds.rate));
        row("  of echo / 5 unary calls", percent(rounds.of_ceiling));
        row("  commits, rules matched", cost(rounds.commits_per_operation, rounds.rules_matched));
        row("  visible", spread(&rounds.visible_ms));
        row("  resumed", spread(&rounds.resumed_ms));
        row(
            &format!("rounds at {} /s, visible", moderate.per_second),
            spread(&moderate.visible_ms),
        );
        row("  resumed", spread(&moderate.resumed_ms));
        row(&format!("waits opened, {}", waits.count), per_second(waits.opened_per_second));
        row("  first page of the queue", spread(&waits.first_page_ms));
        row("  resolved and resumed", per_second(waits.resumed_per_second));
        row("  commits", format!("{:.2} commits each", waits.commits_per_operation));
        row(&format!("restart, {} entries", restart.entries), format!("{:.2} s", restart.seconds));
        row("  orderly stop before", format!("{:.2} s", restart.stop_seconds));
        text
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

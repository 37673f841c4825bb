//! How well novelty tells calls that belong to an agent's work from others, on
//! recorded trajectories:
//! `cargo run --release -p pointsman-server --example novelty_accuracy -- FILE.jsonl`.
//!
//! A profile is learnt from the calls that should run of every other trajectory; the
//! writes of the rest are scored. The area under the curve is the chance that a call
//! which should wait is newer than one which should run.

use std::collections::BTreeMap;
use std::io::BufRead as _;

use pointsman_server::domain::policy::Profile;
use serde_json::Value;

fn main() -> std::io::Result<()> {
    let Some(file) = std::env::args().nth(1) else {
        println!("want a file of calls, one JSON object a line");
        return Ok(());
    };
    let mut calls = Vec::new();
    for line in std::io::BufReader::new(std::fs::File::open(file)?).lines() {
        calls.push(serde_json::from_str::<Value>(&line?)?);
    }
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    for call in &calls {
        let next = numbers.len();
        numbers.entry(text(call, "trajectory_id").to_owned()).or_insert(next);
    }
    let is_learnt = |call: &Value| {
        numbers.get(text(call, "trajectory_id")).is_some_and(|number| number % 2 == 0)
    };
    let label = |call: &Value| text_at(call, "/label/expected").to_owned();
    let mut profiles: BTreeMap<String, Profile> = BTreeMap::new();
    for call in calls.iter().filter(|call| is_learnt(call) && label(call) == "allow") {
        let Some(Value::Object(arguments)) = call.get("arguments") else { continue };
        let profile = profiles.entry(text(call, "agent").to_owned()).or_default();
        profile.learn(text(call, "tool"), arguments, text(call, "user_goal"));
    }
    let mut scores: BTreeMap<String, [Vec<f64>; 2]> = BTreeMap::new();
    let is_scored = |call: &&Value| {
        !is_learnt(call) && call.pointer("/label/write") == Some(&Value::Bool(true))
    };
    for call in calls.iter().filter(is_scored) {
        let Some(Value::Object(arguments)) = call.get("arguments") else { continue };
        let agent = text(call, "agent");
        let score = profiles
            .get(agent)
            .map_or(1.0, |it| it.score(text(call, "tool"), arguments, text(call, "user_goal")));
        let [allow, escalate] = scores.entry(agent.to_owned()).or_default();
        match label(call).as_str() {
            "allow" => allow.push(score),
            "escalate" => escalate.push(score),
            _ => {}
        }
    }
    println!(
        "{:<16} {:>6} {:>6} {:>6}  {:>7} {:>7}",
        "agent", "run", "wait", "area", "run p90", "wait p50"
    );
    for (agent, [mut allow, mut escalate]) in scores {
        let area = area(&allow, &escalate);
        let run = quantile(&mut allow, 0.9);
        let wait = quantile(&mut escalate, 0.5);
        let (count, other) = (allow.len(), escalate.len());
        println!("{agent:<16} {count:>6} {other:>6} {area:>6.3}  {run:>7.3} {wait:>7.3}");
    }
    Ok(())
}

fn text<'c>(call: &'c Value, field: &str) -> &'c str {
    call.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn text_at<'c>(call: &'c Value, place: &str) -> &'c str {
    call.pointer(place).and_then(Value::as_str).unwrap_or_default()
}

fn area(low: &[f64], high: &[f64]) -> f64 {
    let pairs = low.iter().flat_map(|low| high.iter().map(move |high| (low, high)));
    let won: f64 = pairs
        .map(|(low, high)| match high.total_cmp(low) {
            std::cmp::Ordering::Greater => 1.0,
            std::cmp::Ordering::Equal => 0.5,
            std::cmp::Ordering::Less => 0.0,
        })
        .sum();
    won / (low.len() * high.len()).max(1) as f64
}

fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values.get((last as f64 * share) as usize).copied().unwrap_or_default()
}

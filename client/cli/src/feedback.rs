//! `pointsman feedback`: examples of where people said something else.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use pointsman_api::v1;
use pointsman_client::{FeedbackPages, Insight};
use serde_json::{Value, json};

use crate::context::{Capacity, Context};
use crate::exit::{Exit, Failure};
use crate::output::node::Node;
use crate::output::reflect::short_name;
use crate::output::time;
use crate::span::parse_span;

const AFTER_HELP: &str = "\
Nothing leaves unless the settings of the queue say `feedback: {export: labelled}`; what they
redact is replaced by marks. `pointsman eval run --trajectories FILE` reads the file.

Example: pointsman feedback export labels.jsonl --since 30d";

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum FeedbackVerb {
    /// Write labelled examples to a file, one JSON object a line
    #[command(after_help = AFTER_HELP)]
    Export(ExportArguments),
}

/// Which examples, and where to.
#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    /// The file to write; it is replaced if it is there
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Only answers of this last time
    #[arg(long, value_parser = parse_span, value_name = "SPAN")]
    since: Option<Duration>,
    /// Only of this agent
    #[arg(long, value_name = "NAME", default_value_t, hide_default_value = true)]
    agent: String,
    /// Only of this tool
    #[arg(long, value_name = "TOOL", default_value_t, hide_default_value = true)]
    tool: String,
    /// Only where this rule decided
    #[arg(long, value_name = "RULE", default_value_t, hide_default_value = true)]
    rule: String,
}

/// Does what a verb says.
pub(crate) async fn dispatch(context: &Context, verb: FeedbackVerb) -> Result<Exit, Failure> {
    let FeedbackVerb::Export(export) = verb;
    let insight = Insight::new(context.connect(Capacity::Admin).await?);
    let since_time = export.since.map(|span| {
        let now = time::local_now();
        let seconds = i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
        prost_types::Timestamp { seconds: now.seconds.saturating_sub(seconds), nanos: now.nanos }
    });
    let request = v1::ExportFeedbackRequest {
        since_time,
        until_time: None,
        agent: export.agent,
        tool: export.tool,
        rule_id: export.rule,
    };
    let pages = insight.export_feedback(request).await?;
    let count = match write(&export.file, pages).await {
        Ok(count) => count,
        Err(failure) => {
            // Half a file looks like a whole one.
            let _ = std::fs::remove_file(&export.file);
            return Err(failure);
        }
    };
    let node = Node::map([("examples", Node::number(count))]);
    context.output.one(&node, || format!("{count} examples in {}", export.file.display()));
    Ok(Exit::Ok)
}

async fn write(file: &Path, mut pages: FeedbackPages) -> Result<u64, Failure> {
    let failed = |cause: std::io::Error| {
        Failure::new(Exit::Failure, format!("cannot write {}: {cause}", file.display()))
    };
    let mut out = BufWriter::new(File::create(file).map_err(failed)?);
    let mut count = 0;
    while let Some(page) = pages.next().await? {
        for example in page {
            writeln!(out, "{}", line(&example)).map_err(failed)?;
            count += 1;
        }
    }
    out.into_inner().map_err(|error| failed(error.into_error()))?.sync_all().map_err(failed)?;
    Ok(count)
}

/// One line: what `pointsman eval run` reads, and the rest beside it.
fn line(example: &v1::FeedbackExample) -> Value {
    let json = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap_or_default();
    let name = |name: &str, prefix: &str| short_name(name, prefix).replace(' ', "_");
    let at = |time: Option<&prost_types::Timestamp>| time.and_then(time::rfc3339);
    let judgement = match example.judgement() {
        v1::Judgement::Unspecified => Value::Null,
        judgement => name(judgement.as_str_name(), "JUDGEMENT_").into(),
    };
    // A denial counts as gated there, like an escalation.
    let label = json!({"expected": "escalate"});
    json!({
        "trajectory_id": example.run_id,
        "step": step(example.propose_time.as_ref()),
        "agent": example.agent,
        "tool": example.tool,
        "arguments": json(&example.arguments),
        "target": example.target,
        "reasoning": example.reasoning,
        "user_goal": example.goal,
        "label": label,
        "kind": name(example.kind().as_str_name(), "KIND_"),
        "decided": name(example.decided().as_str_name(), "DECISION_EFFECT_"),
        "expected": name(example.expected().as_str_name(), "DECISION_EFFECT_"),
        "resolution": {
            "arguments": json(&example.new_arguments),
            "patch": json(&example.patch),
            "response": example.response,
            "instruction": example.instruction,
            "reason_code": example.reason_code,
            "note": example.note,
            "judgement": judgement,
            "severity": example.severity,
        },
        "context_digest": hex::encode(&example.context_digest),
        "policy_revision_id": example.policy_revision_id,
        "rule_id": example.rule_id,
        "action_id": example.action_id,
        "escalation_id": example.escalation_id,
        "source_id": example.source_id,
        "propose_time": at(example.propose_time.as_ref()),
        "answer_time": at(example.answer_time.as_ref()),
    })
}

/// The place of an action in its run: when it was proposed, in microseconds.
fn step(time: Option<&prost_types::Timestamp>) -> u64 {
    let Some(time) = time else { return 0 };
    let micros = time.seconds.saturating_mul(1_000_000) + i64::from(time.nanos) / 1_000;
    u64::try_from(micros).unwrap_or_default()
}

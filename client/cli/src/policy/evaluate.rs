//! `pointsman policy evaluate`: what a policy would say of a tool call.

use clap::Args;
use pointsman_api::v1;
use pointsman_api::v1::evaluate_action_request::{Policy, Run};
use pointsman_api::v1::run_message::Speaker;

use super::explain::rules_table;
use super::{connect, is_revision, read_document};
use crate::context::Context;
use crate::escalation::text_or_file;
use crate::exit::{Exit, Failure};
use crate::output::escape::inline;
use crate::output::reflect::{node_of, short_name};
use crate::output::table::risk;
use crate::output::time;

/// What to ask, and of which policy.
#[derive(Debug, Args)]
pub(crate) struct EvaluateArguments {
    /// The tool
    #[arg(long)]
    tool: String,
    /// The arguments, a JSON object, or @FILE
    #[arg(long, default_value = "{}", value_name = "JSON")]
    arguments: String,
    /// A file or a revision; left out: the one in force
    #[arg(long, value_name = "POLICY")]
    policy: Option<String>,
    /// What the tool would act on
    #[arg(long, default_value_t, hide_default_value = true)]
    target: String,
    /// The version of the tool's argument schema
    #[arg(long, default_value_t, hide_default_value = true, value_name = "VERSION")]
    tool_schema_version: String,
    /// How sure the agent would be, from 0 to 1
    #[arg(long, value_name = "NUMBER")]
    confidence: Option<f64>,
    /// As an action of this run; left out: of one that is made up
    #[arg(long, value_name = "RUN_ID", conflicts_with_all = ["agent", "on_behalf_of", "hops", "goal", "constraint_set", "user_said", "tool_said"])]
    run: Option<String>,
    /// The agent of the run that is made up
    #[arg(long, default_value = "agent")]
    agent: String,
    /// Whom it would act for
    #[arg(long, default_value_t, hide_default_value = true, value_name = "NAME")]
    on_behalf_of: String,
    /// How many delegations would lead to it
    #[arg(long, default_value_t, hide_default_value = true, value_name = "NUMBER")]
    hops: u32,
    /// What it would be to reach
    #[arg(long, default_value_t, hide_default_value = true)]
    goal: String,
    /// A constraint set that would bind it; may be given again
    #[arg(long, value_name = "NAME")]
    constraint_set: Vec<String>,
    /// What its user would have said beside the goal, or @FILE; may be given again
    #[arg(long, value_name = "TEXT")]
    user_said: Vec<String>,
    /// What a tool would have answered, or @FILE; may be given again
    #[arg(long, value_name = "TEXT")]
    tool_said: Vec<String>,
    /// Also print every rule that is about the tool, with what it saw
    #[arg(long)]
    explain: bool,
}

/// Asks, and prints the answer.
pub(super) async fn evaluate(
    context: &Context,
    evaluate: EvaluateArguments,
) -> Result<Exit, Failure> {
    let policy = match evaluate.policy {
        None => None,
        Some(id) if is_revision(&id) => Some(Policy::RevisionId(id)),
        Some(file) => Some(Policy::Document(read_document(&file)?)),
    };
    let run = match evaluate.run {
        Some(id) => Run::RunId(id),
        None => Run::Hypothesis(v1::HypotheticalRun {
            agent: evaluate.agent,
            on_behalf_of: evaluate.on_behalf_of,
            hop_count: evaluate.hops,
            goal: evaluate.goal,
            constraint_sets: evaluate.constraint_set,
            messages: heard(&evaluate.user_said, &evaluate.tool_said)?,
        }),
    };
    let question = v1::EvaluateActionRequest {
        policy,
        run: Some(run),
        tool: evaluate.tool,
        tool_schema_version: evaluate.tool_schema_version,
        target: evaluate.target,
        arguments: text_or_file(&evaluate.arguments)?.into(),
        confidence: evaluate.confidence,
        explain: evaluate.explain,
    };
    let said = connect(context).await?.evaluate(question).await?;
    context.output.one(&node_of("EvaluateActionResponse", &said), || {
        page(&said) + "\n\n" + &rules_table(&context.output, &said.rules)
    });
    Ok(Exit::Ok)
}

/// What the run that is made up would have heard: its user first.
fn heard(user: &[String], tool: &[String]) -> Result<Vec<v1::RunMessage>, Failure> {
    let message = |speaker: Speaker, name: &str, text: &String| {
        let text = String::from_utf8(text_or_file(text)?)
            .map_err(|_| Failure::usage("what was said is not text".to_owned()))?;
        Ok(v1::RunMessage { speaker: speaker.into(), tool: name.to_owned(), text })
    };
    let said = user.iter().map(|text| message(Speaker::User, "", text));
    said.chain(tool.iter().map(|text| message(Speaker::Tool, "tool", text))).collect()
}

fn page(said: &v1::EvaluateActionResponse) -> String {
    let decision = said.decision.clone().unwrap_or_default();
    let effect = short_name(decision.effect().as_str_name(), "DECISION_EFFECT_");
    let by = match decision.rule_id.as_str() {
        "" => "the default".to_owned(),
        rule => format!("rule {}", inline(rule)),
    };
    let mut lines = vec![
        format!("{effect} by {by}{}", if said.hard { ", and no rule relaxes it" } else { "" }),
        format!("reason      {}", inline(&decision.reason)),
        format!("matched     {}", inline(&decision.matched_rule_ids.join(", "))),
    ];
    if said.sampled_for_review {
        lines.push("review      a person would judge it afterwards".to_owned());
    }
    if let Some(question) = &said.question {
        let span =
            |span: Option<prost_types::Duration>| time::span(span.unwrap_or_default().seconds);
        lines.push(format!("question    {}", inline(&question.headline)));
        lines.push(format!(
            "            {}, lane {}, due in {}, closed after {}",
            risk(question.severity()).0,
            inline(&question.lane),
            span(question.due),
            span(question.expire)
        ));
    }
    lines.join("\n")
}

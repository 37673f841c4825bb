//! `pointsman policy explain`: why an action was decided as it was.

use clap::Args;
use pointsman_api::v1;
use pointsman_api::v1::explain_decision_request::Policy;
use pointsman_api::v1::rule_trace::Outcome;
use pointsman_api::v1::seen_value::Seen;

use super::{connect, is_revision, read_document};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::output::escape::inline;
use crate::output::reflect::{node_of, short_name};
use crate::output::table::{Field, Tone, table};

/// What to explain, and by which policy.
#[derive(Debug, Args)]
pub(crate) struct ExplainArguments {
    /// The action's id
    #[arg(value_name = "ACT_ID")]
    id: String,
    /// A file or a revision; left out: the policy that decided
    #[arg(long, value_name = "POLICY")]
    policy: Option<String>,
}

/// Asks, and prints every rule with what it saw.
pub(super) async fn explain(context: &Context, explain: ExplainArguments) -> Result<Exit, Failure> {
    let policy = match explain.policy {
        None => None,
        Some(id) if is_revision(&id) => Some(Policy::RevisionId(id)),
        Some(file) => Some(Policy::Document(read_document(&file)?)),
    };
    let is_other = policy.is_some();
    let request = v1::ExplainDecisionRequest { action_id: explain.id, policy };
    let why = connect(context).await?.explain(request).await?;
    let node = node_of("ExplainDecisionResponse", &why);
    context.output.one(&node, || {
        let mut page = line("decided", &why.recorded.clone().unwrap_or_default());
        if is_other {
            let words = if why.differs { "would be" } else { "same here" };
            page += &line(words, &why.decision.clone().unwrap_or_default());
        }
        page + "\n" + &rules_table(&context.output, &why.rules)
    });
    Ok(Exit::Ok)
}

/// One decision in one line.
fn line(words: &str, decision: &v1::Decision) -> String {
    let effect = short_name(decision.effect().as_str_name(), "DECISION_EFFECT_");
    let by = match decision.rule_id.as_str() {
        "" => "the default".to_owned(),
        rule => format!("rule {}", inline(rule)),
    };
    format!("{words:<10}  {effect} by {by}: {}\n", inline(&decision.reason))
}

/// Every rule that is about the tool, with what became of it.
pub(super) fn rules_table(output: &Output, rules: &[v1::RuleTrace]) -> String {
    if rules.is_empty() {
        return String::new();
    }
    let rows = rules.iter().map(|rule| {
        let (state, tone) = match rule.outcome() {
            Outcome::Applies => ("applies", Tone::Warning),
            Outcome::Fails => ("fails", Tone::Alarm),
            Outcome::Relaxed => ("relaxed", Tone::Plain),
            Outcome::DoesNotApply => ("–", Tone::Faint),
            Outcome::Unspecified => ("unknown", Tone::Plain),
        };
        let demand = short_name(rule.demand().as_str_name(), "DEMAND_").replace('_', " ");
        let mut what = rule.condition.clone();
        let values = rule.values.iter().map(seen).collect::<Vec<_>>().join(", ");
        if !values.is_empty() {
            what += &format!("  [{values}]");
        }
        if !rule.problem.is_empty() {
            what += &format!("  {}", rule.problem);
        }
        [
            Field::new(&rule.rule_id),
            Field::new(&demand),
            Field::toned(state, tone),
            Field::new(&what),
        ]
    });
    table(output, ["RULE", "DEMANDS", "STATE", "WHAT"], rows.collect())
}

fn seen(value: &v1::SeenValue) -> String {
    match &value.seen {
        Some(Seen::Value(json)) => format!("{}: {}", value.name, String::from_utf8_lossy(json)),
        Some(Seen::Problem(problem)) => format!("{}: {problem}", value.name),
        None => value.name.clone(),
    }
}

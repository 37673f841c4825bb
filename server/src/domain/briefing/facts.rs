//! What is known of an action, with who vouches for it.

use serde_json::Value;

use super::compose::Asked;
use super::{BriefFact, FactMark, MOST_FACTS_KEPT};
use crate::domain::policy::{Appraisal, FactAnswer, Facts, Origin, Path};
use crate::domain::render::Written;

/// The most arguments that name somebody or something.
const MOST_NAMES: usize = 8;

/// The facts of an action, the most important first.
pub(super) fn of(
    asked: &Asked<'_>,
    appraisal: &Appraisal<'_>,
    written: &Written<'_>,
) -> Vec<BriefFact> {
    let mut facts = Vec::new();
    systems_of_record(asked, &mut facts);
    arguments(asked.facts, appraisal, written, &mut facts);
    counted(asked, &mut facts);
    of_the_agent(asked, &mut facts);
    facts.truncate(MOST_FACTS_KEPT);
    facts
}

fn systems_of_record(asked: &Asked<'_>, facts: &mut Vec<BriefFact>) {
    for (name, answer) in &asked.facts.inputs.facts {
        let provider = asked.policy.facts.get(name).map_or("", |fact| fact.provider.as_str());
        let (value, time) = match answer {
            FactAnswer::Known { value, time } => (plain(value), Some(*time)),
            FactAnswer::Missing { problem } => (format!("no answer: {problem}"), None),
        };
        facts.push(BriefFact {
            label: spaced(name),
            value,
            mark: FactMark::System,
            source: provider.to_owned(),
            time,
        });
    }
}

/// Sums, numbers and names in the arguments.
fn arguments(
    facts: &Facts<'_>,
    appraisal: &Appraisal<'_>,
    written: &Written<'_>,
    found: &mut Vec<BriefFact>,
) {
    let tool = appraisal.tool;
    let text_at = |path: &Option<Path>| written.at(path.as_ref()?.as_str());
    if let Some(amount) = text_at(&tool.amount) {
        let currency = text_at(&tool.currency).map(|it| format!(" {it}")).unwrap_or_default();
        found.push(argument(facts, appraisal, tool.amount.as_ref(), amount + &currency));
    }
    if let Some(count) = tool.affected_count(facts.arguments).filter(|count| count.is_finite()) {
        let touched = argument(facts, appraisal, tool.affected.as_ref(), count.to_string());
        found.push(BriefFact { label: "touched".to_owned(), ..touched });
    }
    for ground in appraisal.grounding.identifiers.iter().take(MOST_NAMES) {
        if let Some(value) = written.at(&ground.path)
            && found.iter().all(|known| known.label != ground.path)
        {
            let (mark, source) = vouched(Some(ground.evidence.origin));
            found.push(BriefFact { label: ground.path.clone(), value, mark, source, time: None });
        }
    }
}

fn argument(
    facts: &Facts<'_>,
    appraisal: &Appraisal<'_>,
    path: Option<&Path>,
    value: String,
) -> BriefFact {
    let at = || path?.find(facts.arguments);
    let origin = appraisal.is_sourced.then(|| facts.sources.origin_of(at()));
    let (mark, source) = vouched(origin);
    let label = path.map_or("", Path::as_str).to_owned();
    BriefFact { label, value, mark, source, time: None }
}

/// Who vouches for an argument. The user's words come by way of the agent.
fn vouched(origin: Option<Origin>) -> (FactMark, String) {
    let (mark, source) = match origin {
        None | Some(Origin::Absent) => (FactMark::Agent, "the arguments"),
        Some(Origin::User) => (FactMark::Agent, "the arguments; the user's words hold it"),
        Some(Origin::Person) => (FactMark::System, "the arguments; a reviewer's words hold it"),
        Some(Origin::Tool) => (FactMark::Tool, "the arguments; a tool's result holds it"),
        Some(Origin::Nowhere) => (FactMark::Agent, "the arguments; nothing that was said holds it"),
    };
    (mark, source.to_owned())
}

/// What the server has counted.
fn counted(asked: &Asked<'_>, facts: &mut Vec<BriefFact>) {
    let inputs = asked.facts.inputs;
    let mut push = |label: String, value: String| {
        let source = "the server".to_owned();
        facts.push(BriefFact { label, value, mark: FactMark::System, source, time: None });
    };
    for (name, held) in &inputs.windows {
        let calls = match held.calls {
            1 => "1 call".to_owned(),
            count => format!("{count} calls"),
        };
        let over = asked.policy.windows.get(name).map_or(0, |it| it.over.as_micros() / 60_000_000);
        push(spaced(name), format!("{calls}, {} in all, in {over} min", held.total));
    }
    if let Some(novelty) = inputs.novelty.filter(|_| inputs.is_profiled()) {
        push("novelty".to_owned(), format!("{novelty:.2} on a scale from 0 to 1"));
    }
    if asked.facts.hop_count > 0 {
        push("delegations".to_owned(), asked.facts.hop_count.to_string());
    }
}

fn of_the_agent(asked: &Asked<'_>, facts: &mut Vec<BriefFact>) {
    let Some(confidence) = asked.facts.confidence else { return };
    facts.push(BriefFact {
        label: "confidence".to_owned(),
        value: format!("{:.0} %", confidence * 100.0),
        mark: FactMark::Agent,
        source: "the agent's own figure".to_owned(),
        time: None,
    });
}

/// A value as people write it: texts without quotes.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn spaced(name: &str) -> String {
    name.replace('_', " ")
}

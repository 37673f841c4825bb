//! From the document as written to the policy that judges.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::catalogue::{EffectClass, Impact, OUTCOME_TIMEOUT_DEFAULT, Tool};
use super::condition::{Condition, Constants, Defined};
use super::delay::DelayCost;
use super::document::{Document, FactSource, RuleSource, SamplingSource, ToolSource, WindowSource};
use super::evidence;
use super::link::LinkTemplate;
use super::period::Period;
use super::rule::{AskTemplate, Rule, RuleKind, When};
use super::sampling::Sampling;
use super::schema::ArgumentSchema;
use super::template;
use super::variables;
use super::{Effect, Fact, Lexicon, LexiconDoc, Policy, PolicyError, Window};
use crate::domain::briefing::{HEADLINE_WORDS, WHY_WORDS, word_count};
use crate::domain::escalation::SeverityTier;
use crate::domain::principal::Role;
use crate::domain::time::Span;
use crate::domain::transcript::density::{MAX_WATCH_WORD_BYTES, MAX_WATCH_WORDS};

/// The most bytes a document may have.
const MAX_DOCUMENT_BYTES: usize = 256 * 1024;
/// The most rules a document may have, constraints and triggers included.
const MAX_RULES: usize = 500;
/// The most tools a catalogue may have.
const MAX_TOOLS: usize = 1_000;
/// The most parameters, windows, facts and constraint sets, of each.
const MAX_DEFINED: usize = 100;
/// The most test cases.
const MAX_CASES: usize = 500;
/// The most people that a quorum may want.
const MAX_QUORUM: u32 = 10;
/// The version of the document's format that this server reads.
const FORMAT_VERSION: u32 = 1;
/// How long a person should take unless a rule says otherwise.
const DUE_DEFAULT: Span = Span::from_secs(30 * 60);

fn wrong(place: impl Into<String>, problem: impl Into<String>) -> PolicyError {
    PolicyError { place: place.into(), problem: problem.into() }
}

impl Policy {
    /// Reads, checks and compiles a document.
    pub fn parse(yaml: &str) -> Result<Self, PolicyError> {
        let policy = Self::recorded(yaml)?;
        policy.require_short_words()?;
        Ok(policy)
    }

    /// Reads a document that was put once, also by a server that took longer words.
    pub fn recorded(yaml: &str) -> Result<Self, PolicyError> {
        if yaml.len() > MAX_DOCUMENT_BYTES {
            let problem = format!("{} bytes, more than {MAX_DOCUMENT_BYTES}", yaml.len());
            return Err(wrong("the document", problem));
        }
        let document: Document = serde_norway::from_str(yaml)
            .map_err(|error| wrong("the document", error.to_string()))?;
        require_known_form(&document)?;
        compile(document)
    }

    /// Refuses words that reviewers have no time to read.
    fn require_short_words(&self) -> Result<(), PolicyError> {
        for rule in &self.rules {
            let headline = rule.ask.headline.as_deref().unwrap_or_default();
            let budget = [
                ("headline", headline, HEADLINE_WORDS, "the arguments are shown beside it"),
                (
                    "reason",
                    rule.reason.as_str(),
                    WHY_WORDS,
                    "the document's `description` has room for more",
                ),
            ];
            for (part, text, most, instead) in budget {
                let count = word_count(text);
                if count > most {
                    let problem = format!(
                        "{count} words, more than {most}: a reviewer has ten seconds; {instead}"
                    );
                    return Err(wrong(format!("rule `{}`, {part}", rule.id), problem));
                }
            }
        }
        Ok(())
    }
}

fn lexicon(added: &LexiconDoc) -> Result<Lexicon, PolicyError> {
    Lexicon::standard().extended(added).map_err(|error| wrong("lexicon", error.to_string()))
}

fn require_known_form(document: &Document) -> Result<(), PolicyError> {
    if document.version != FORMAT_VERSION {
        let problem =
            format!("{} is unknown; this server reads {FORMAT_VERSION}", document.version);
        return Err(wrong("version", problem));
    }
    for (what, count, most) in [
        ("rules", document.rules.len() + document.constraints.len(), MAX_RULES),
        ("tools", document.tools.len(), MAX_TOOLS),
        ("parameters", document.parameters.len(), MAX_DEFINED),
        ("variables", document.variables.len(), MAX_DEFINED),
        ("windows", document.windows.len(), MAX_DEFINED),
        ("facts", document.facts.len(), MAX_DEFINED),
        ("constraint_sets", document.constraint_sets.len(), MAX_DEFINED),
        ("watch_words", document.watch_words.len(), MAX_WATCH_WORDS),
        ("tests", document.tests.len(), MAX_CASES),
    ] {
        if count > most {
            return Err(wrong(what, format!("{count}, more than {most}")));
        }
    }
    for word in &document.watch_words {
        if word.trim().is_empty() || word.len() > MAX_WATCH_WORD_BYTES {
            let problem = format!("`{word}`: want 1 to {MAX_WATCH_WORD_BYTES} bytes");
            return Err(wrong("watch_words", problem));
        }
    }
    let defined = document.parameters.keys().chain(document.variables.keys());
    let defined = defined.chain(document.windows.keys()).chain(document.facts.keys());
    for name in defined.chain(document.constraint_sets.keys()).chain(&document.name) {
        require_name(&format!("`{name}`"), name, 64)?;
    }
    require_name("lane", &document.lane, 32)
}

fn compile(document: Document) -> Result<Policy, PolicyError> {
    parameters(&document.parameters)?;
    let variables: BTreeSet<_> = document.variables.keys().cloned().collect();
    let windows: BTreeSet<_> = document.windows.keys().cloned().collect();
    let facts: BTreeSet<_> = document.facts.keys().cloned().collect();
    let defined = Defined {
        parameters: &document.parameters,
        variables: &variables,
        windows: &windows,
        facts: &facts,
        has_result: false,
    };
    let compiled_variables = variables::compile(&document.variables, defined)?;
    let rules = rules(&document, defined)?;
    let expectations = expectations(&document.tools, defined)?;
    let triggers = &document.triggers;
    let calibration = triggers.confidence.as_ref().map(|it| it.calibration.clone());
    let calibration = calibration.unwrap_or_default();
    let rises = |pair: &[super::CalibrationPoint]| match pair {
        [low, high] => low.stated < high.stated && low.actual <= high.actual,
        _ => true,
    };
    if !calibration.windows(2).all(rises) {
        return Err(wrong("triggers.confidence.calibration", "the points must rise"));
    }
    if let Some(problem) = document.bounds.and_then(|bounds| bounds.problem()) {
        return Err(wrong("bounds", problem));
    }
    let parameters: Map<String, Value> = document.parameters.clone().into_iter().collect();
    let mut policy = Policy {
        name: document.name,
        default: document.default,
        lane: document.lane,
        due: document.due.map_or(DUE_DEFAULT, |it| it.0),
        expire: document.expire.map(|it| it.0),
        on_expiry: document.on_expiry,
        max_hops: document.max_delegation_hops,
        guidance: document.guidance,
        watch_words: document.watch_words,
        activation: document.activation,
        bounds: document.bounds,
        constants: Constants::new(&parameters),
        parameters,
        variables: compiled_variables,
        defined: Vec::new(),
        needs: super::Needs::default(),
        tools: tools(document.tools)?,
        unknown: Tool::default(),
        windows: document.windows.into_iter().map(|(id, it)| (id, window(it))).collect(),
        facts: compiled_facts(document.facts)?,
        expectations,
        constraint_sets: document.constraint_sets.into_keys().collect(),
        calibration,
        low_confidence: triggers
            .risk
            .as_ref()
            .map_or(super::LOW_CONFIDENCE_DEFAULT, |it| it.low_confidence),
        time_budget: triggers.time_budget.as_ref().map(|it| it.after.0),
        sampling: document.sampling.as_ref().map(|it| sampling("sampling", it)).transpose()?,
        cases: document.tests,
        lexicon: document.lexicon.as_ref().map(lexicon).transpose()?,
        rules,
    };
    policy.note_what_is_read();
    Ok(policy)
}

fn parameters(parameters: &BTreeMap<String, Value>) -> Result<(), PolicyError> {
    for (name, value) in parameters {
        let is_scalar = |value: &Value| !value.is_array() && !value.is_object() && !value.is_null();
        let is_fit = match value {
            Value::Array(items) => items.len() <= MAX_DEFINED && items.iter().all(is_scalar),
            value => is_scalar(value),
        };
        if !is_fit {
            let problem =
                format!("want a number, text, true or false, or a list of at most {MAX_DEFINED}");
            return Err(wrong(format!("parameter `{name}`"), problem));
        }
    }
    Ok(())
}

fn tools(sources: BTreeMap<String, ToolSource>) -> Result<BTreeMap<String, Tool>, PolicyError> {
    let mut tools = BTreeMap::new();
    for (name, source) in sources {
        let schema = |part: &str, source: Option<Value>| {
            let compiled = source.map(ArgumentSchema::compile).transpose();
            compiled.map_err(|error| wrong(format!("tool `{name}`, {part}"), error))
        };
        let arguments = schema("arguments", source.arguments)?;
        let result = schema("result", source.result)?;
        let part = |part: &str, problem: String| wrong(format!("tool `{name}`, {part}"), problem);
        let link = source.link.as_deref().map(LinkTemplate::compile).transpose();
        let link = link.map_err(|problem| part("link", problem))?;
        let delay_cost = source.delay_cost.as_ref().map(DelayCost::compile).transpose();
        let delay_cost = delay_cost.map_err(|problem| part("delay_cost", problem))?;
        let tool = Tool {
            is_known: true,
            description: source.description,
            writes: source.write.unwrap_or(true),
            effects: source.effects.unwrap_or_default(),
            irreversibility: source.irreversibility,
            blast_radius: source.blast_radius,
            compliance_exposure: source.compliance_exposure,
            impact: Impact {
                financial: source.impact.financial,
                reputational: source.impact.reputational,
                operational: source.impact.operational,
                affected: source.impact.affected,
            },
            compensation: source.compensation,
            is_idempotent: source.idempotent,
            outcome_timeout: source.outcome_timeout.map_or(OUTCOME_TIMEOUT_DEFAULT, |it| it.0),
            target: source.target,
            amount: source.amount,
            currency: source.currency,
            customer: source.customer,
            affected: source.affected,
            identifiers: source.identifiers,
            link,
            delay_cost,
            arguments,
            result,
        };
        tools.insert(name, tool);
    }
    Ok(tools)
}

/// What must hold of results, by tool.
fn expectations(
    tools: &BTreeMap<String, ToolSource>,
    defined: Defined<'_>,
) -> Result<BTreeMap<String, Condition>, PolicyError> {
    let defined = Defined { has_result: true, ..defined };
    let sources = tools.iter().filter_map(|(name, tool)| Some((name, tool.expects.as_ref()?)));
    sources
        .map(|(name, source)| {
            let place = format!("tool `{name}`, expects");
            Ok((name.clone(), condition(&place, source, defined)?))
        })
        .collect()
}

fn window(source: WindowSource) -> Window {
    Window { tools: source.tools, per: source.per, over: source.over.0 }
}

fn compiled_facts(
    sources: BTreeMap<String, FactSource>,
) -> Result<BTreeMap<String, Fact>, PolicyError> {
    let compiled = sources.into_iter().map(|(name, source)| {
        let fact = Fact::compile(&name, source)?;
        Ok((name, fact))
    });
    compiled.collect()
}

fn sampling(place: &str, source: &SamplingSource) -> Result<Sampling, PolicyError> {
    Sampling::read(source).map_err(|problem| wrong(place, problem))
}

/// Every rule there is: constraints, sets, rules, triggers, gates.
fn rules(document: &Document, defined: Defined<'_>) -> Result<Vec<Rule>, PolicyError> {
    let mut rules = Vec::new();
    for source in &document.constraints {
        let rule = rule(source, RuleKind::Constraint, defined)?;
        if !rule.is_hard() {
            let place = format!("constraint `{}`, effect", rule.id);
            return Err(wrong(place, "want `deny` or `require_approval`; others stand in `rules`"));
        }
        rules.push(rule);
    }
    for source in &document.rules {
        rules.push(rule(source, RuleKind::Rule, defined)?);
    }
    for source in super::expansion::of(document) {
        rules.push(rule(&source, RuleKind::Trigger, defined)?);
    }
    for (name, set) in &document.constraint_sets {
        rules.extend(super::expansion::of_set(name, set, defined)?);
    }
    rules.extend(EffectClass::ALL.map(super::expansion::gate));
    let mut ids = BTreeSet::new();
    for rule in &rules {
        if rule.kind != RuleKind::ConstraintSet && !ids.insert(rule.id.as_str()) {
            return Err(wrong(format!("rule `{}`", rule.id), "the id is used twice"));
        }
    }
    Ok(rules)
}

fn rule(source: &RuleSource, kind: RuleKind, defined: Defined<'_>) -> Result<Rule, PolicyError> {
    let place = |part: &str| format!("rule `{}`, {part}", source.id);
    require_name(&place("id"), &source.id, 64)?;
    if kind != RuleKind::Trigger
        && ["trigger.", "gate.", "window.", "fact.", "set."]
            .iter()
            .any(|it| source.id.starts_with(it))
    {
        return Err(wrong(place("id"), "names with this beginning are the server's own"));
    }
    if source.tools.is_empty() {
        return Err(wrong(place("tools"), "want at least one name or pattern"));
    }
    if let Some(lane) = &source.lane {
        require_name(&place("lane"), lane, 32)?;
    }
    if source.required_role.is_some_and(|role| !role.includes(Role::Reviewer)) {
        return Err(wrong(place("required_role"), "want `reviewer` or `supervisor`"));
    }
    if !source.relaxes.is_empty() && source.effect > Effect::Sample {
        return Err(wrong(place("relaxes"), "only a rule that allows can relax a gate"));
    }
    if let Some(quorum) = source.quorum.filter(|quorum| !(1..=MAX_QUORUM).contains(quorum)) {
        return Err(wrong(place("quorum"), format!("{quorum}: want 1 to {MAX_QUORUM} people")));
    }
    if let Some(template) = &source.headline {
        template::check(template).map_err(|problem| wrong(place("headline"), problem))?;
    }
    let when = match &source.when {
        None => When::Always,
        Some(when) => When::Holds(condition(&place("when"), when, defined)?),
    };
    let sampled =
        source.sampling.as_ref().map(|it| sampling(&place("sampling"), it)).transpose()?;
    if sampled.is_some() && source.effect != Effect::Sample {
        return Err(wrong(place("sampling"), "only with `effect: sample`"));
    }
    Ok(Rule {
        id: source.id.clone(),
        kind,
        tools: source.tools.clone(),
        is_about_others: false,
        class: None,
        set: None,
        when,
        effect: source.effect,
        relaxes: source.relaxes.clone(),
        reason: source.reason.clone(),
        ask: ask(source, &place("evidence"))?,
        sampling: sampled,
    })
}

fn ask(source: &RuleSource, place: &str) -> Result<AskTemplate, PolicyError> {
    let span = |period: Option<Period>| period.map(|period| period.0);
    Ok(AskTemplate {
        severity: source.severity,
        lane: source.lane.clone(),
        required_role: source.required_role,
        quorum: source.quorum,
        due: span(source.due),
        expire: span(source.expire),
        on_expiry: source.on_expiry,
        headline: source.headline.clone(),
        evidence: evidence::compile(place, &source.evidence)?,
    })
}

/// Compiles a condition that stands at a place.
pub(super) fn condition(
    place: &str,
    source: &str,
    defined: Defined<'_>,
) -> Result<Condition, PolicyError> {
    Condition::compile(source, defined).map_err(|error| wrong(place, error.to_string()))
}

/// How the gate of a class asks.
pub(super) fn gate_ask() -> AskTemplate {
    AskTemplate { severity: SeverityTier::High, ..AskTemplate::default() }
}

fn require_name(place: &str, text: &str, limit: usize) -> Result<(), PolicyError> {
    let is_name = (1..=limit).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    match is_name {
        true => Ok(()),
        false => Err(wrong(place, format!("`{text}`: want 1 to {limit} of `A-Za-z0-9_.-`"))),
    }
}

//! The values that conditions read: each is made when the first condition asks for
//! it, and serves all others.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use cel::Value as CelValue;
use cel::common::types::{CelBool, CelDouble, CelInt, CelNull, CelString};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use serde_json::Value;

use super::super::catalogue::{Tool, find};
use super::super::explain::Seen;
use super::super::inputs::FactAnswer;
use super::super::names::{GROUPS, fields};
use super::super::signals::Signals;
use super::super::{Facts, Policy};
use super::cost::MAX_STEPS;
use super::environment::OF;
use super::{ConditionError, Cost, Size, values};

/// Values that are made once: a value, or nothing where there is none.
type Made = OnceLock<Option<Box<dyn Val>>>;

/// The values of one action.
pub(in super::super) struct Scope<'f> {
    policy: &'f Policy,
    facts: &'f Facts<'f>,
    tool: &'f Tool,
    /// What the tool answered, once it has.
    answer: Option<&'f Value>,
    signals: Signals<'f>,
    /// One for each of [`GROUPS`].
    groups: [Made; GROUPS.len()],
    arguments: Made,
    result: Made,
    effects: Made,
    origins: Made,
    /// One for each of the document's variables and functions.
    defined: Vec<Made>,
    size: OnceLock<Size>,
    steps: AtomicU64,
    /// Why the last value could not be made.
    failure: Mutex<Option<String>>,
}

impl fmt::Debug for Scope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scope({})", self.facts.tool)
    }
}

/// A field of a group.
enum Field<'b> {
    Text(&'b str),
    Int(i64),
    Float(f64),
    Bool(bool),
    Json(&'b Value),
    Absent,
}

impl<'f> Scope<'f> {
    pub(in super::super) fn new(policy: &'f Policy, facts: &'f Facts<'f>, tool: &'f Tool) -> Self {
        Self {
            policy,
            facts,
            tool,
            answer: None,
            signals: Signals::new(policy, facts, tool),
            groups: Default::default(),
            arguments: Made::new(),
            result: Made::new(),
            effects: Made::new(),
            origins: Made::new(),
            defined: policy.defined_names().iter().map(|_| Made::new()).collect(),
            size: OnceLock::new(),
            steps: AtomicU64::new(0),
            failure: Mutex::new(None),
        }
    }

    /// The same, with what the tool answered.
    pub(in super::super) fn with_answer(self, answer: &'f Value) -> Self {
        Self { answer: Some(answer), ..self }
    }

    /// Counts what a condition may take, and refuses what is too much.
    pub(super) fn spend(&self, cost: Cost) -> Result<(), ConditionError> {
        let size =
            *self.size.get_or_init(|| Size::of(self.facts.arguments, self.facts.goal, self.answer));
        let steps = cost.at(size);
        let before = self.steps.fetch_add(steps, Ordering::Relaxed);
        match before.saturating_add(steps) <= MAX_STEPS {
            true => Ok(()),
            false => Err(ConditionError(format!(
                "judging arguments of this size would take more than {MAX_STEPS} steps"
            ))),
        }
    }

    /// Refuses to iterate over anything but a list.
    pub(super) fn require_list(&self, path: &str) -> Result<(), ConditionError> {
        let value = match path.split_once('.') {
            Some(("args", rest)) => find(self.facts.arguments, rest),
            Some((_, rest)) => self.part_of_answer(rest),
            None => self.answer,
        };
        match value {
            None | Some(Value::Array(_)) => Ok(()),
            Some(_) => Err(ConditionError(format!("`{path}` is not a list"))),
        }
    }

    /// Why the last value could not be made, once.
    pub(super) fn failure(&self) -> Option<ConditionError> {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.take().map(ConditionError)
    }

    /// What a condition sees under a name, for explanations.
    pub(in super::super) fn show(&self, name: &str) -> Seen {
        let shown = self.resolve(name).and_then(|value| {
            let value = CelValue::try_from(value.as_ref()).ok()?;
            let mut value = value.json().ok()?;
            // The library's maps have another order in every process.
            value.sort_all_objects();
            Some(value)
        });
        match shown {
            Some(value) => Seen::Value(value),
            None => Seen::Nothing(self.failure().map(|error| error.0).unwrap_or_default()),
        }
    }

    fn fail<T>(&self, problem: String) -> Option<T> {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(problem);
        None
    }

    fn part_of_answer(&self, path: &str) -> Option<&'f Value> {
        find(self.answer?.as_object()?, path)
    }

    fn field(&self, group: &str, name: &str) -> Field<'_> {
        match group {
            "action" => self.action(name),
            "run" => self.run(name),
            "tool" => self.tool(name),
            "risk" => match name {
                "high" => Field::Int(self.signals.high_risks()),
                "doubt" => Field::Bool(self.signals.is_doubtful()),
                "stakes" => Field::Text(self.signals.stakes().name()),
                _ => Field::Absent,
            },
            "impact" => match name {
                "financial" => Field::Text(self.signals.financial_impact().name()),
                "reputational" => Field::Text(self.tool.impact.reputational.name()),
                "operational" => Field::Text(self.tool.impact.operational.name()),
                _ => Field::Absent,
            },
            _ => Field::Absent,
        }
    }

    fn action(&self, name: &str) -> Field<'_> {
        let at = |path: &Option<super::super::Path>| {
            path.as_ref().and_then(|path| path.find(self.facts.arguments))
        };
        let text = |value: Option<&'f Value>| match value {
            Some(value @ (Value::String(_) | Value::Number(_))) => Field::Json(value),
            _ => Field::Absent,
        };
        match name {
            "tool" => Field::Text(self.facts.tool),
            "tool_schema_version" => Field::Text(self.facts.tool_schema_version),
            "target" if !self.facts.target.is_empty() => Field::Text(self.facts.target),
            "target" => match at(&self.tool.target) {
                Some(value) => Field::Json(value),
                None => Field::Text(""),
            },
            "confidence" => self.facts.confidence.map_or(Field::Absent, Field::Float),
            "amount" => match at(&self.tool.amount) {
                Some(value @ Value::Number(_)) => Field::Json(value),
                _ => Field::Absent,
            },
            "currency" => text(at(&self.tool.currency)),
            "customer" => text(at(&self.tool.customer)),
            "affected" => {
                let count = self.tool.affected_count(self.facts.arguments);
                count.map_or(Field::Absent, Field::Float)
            }
            "is_valid" => Field::Bool(self.signals.is_valid()),
            _ => Field::Absent,
        }
    }

    fn run(&self, name: &str) -> Field<'_> {
        match name {
            "agent" => Field::Text(self.facts.agent),
            "on_behalf_of" => Field::Text(self.facts.on_behalf_of.unwrap_or_default()),
            "hop_count" => Field::Int(i64::from(self.facts.hop_count)),
            "goal" => Field::Text(self.facts.goal),
            "unexpected_results" => Field::Int(i64::from(self.facts.inputs.unexpected_results)),
            "elapsed_seconds" => Field::Int(self.facts.inputs.elapsed.as_micros() / 1_000_000),
            _ => Field::Absent,
        }
    }

    fn tool(&self, name: &str) -> Field<'_> {
        let tool = self.tool;
        match name {
            "is_known" => Field::Bool(tool.is_known),
            "write" => Field::Bool(tool.writes),
            "irreversibility" => Field::Text(tool.irreversibility.name()),
            "blast_radius" => Field::Text(self.signals.blast_radius().name()),
            "compliance_exposure" => Field::Text(tool.compliance_exposure.name()),
            "is_priced" => Field::Bool(tool.amount.is_some()),
            "is_compensable" => Field::Bool(tool.compensation.is_some()),
            _ => Field::Absent,
        }
    }

    /// The whole of a group, for conditions that ask whether a field is there.
    fn group<'b>(&'b self, index: usize, group: &str) -> Option<CowVal<'b, 'b>> {
        made(self.groups.get(index)?, || {
            let mut map = std::collections::HashMap::new();
            for name in fields(group) {
                let value = match self.field(group, name) {
                    Field::Text(text) => CelValue::from(text),
                    Field::Int(int) => CelValue::Int(int),
                    Field::Float(float) => CelValue::Float(float),
                    Field::Bool(is) => CelValue::Bool(is),
                    Field::Json(value) => values::convert(value),
                    Field::Absent if group == "tool" && name == "effects" => self.effect_names(),
                    Field::Absent => continue,
                };
                map.insert(name.to_owned(), value);
            }
            Some(CelValue::Map(map.into()))
        })
    }

    fn effect_names(&self) -> CelValue {
        values::names(self.tool.effects.iter().map(|class| class.name()))
    }

    /// A variable of the document, or a function's value.
    fn defined<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        let names = self.policy.defined_names();
        let index = names.binary_search_by(|known| known.as_str().cmp(name)).ok()?;
        made(self.defined.get(index)?, || match name.split_once(OF) {
            Some((function, argument)) => self.function(function, argument),
            None => {
                let variable = name.strip_prefix("vars.")?;
                let condition = self.policy.variable(variable)?;
                match condition.evaluate(self) {
                    Ok(value) => Some(value),
                    Err(error) => self.fail(format!("variable `{variable}`: {error}")),
                }
            }
        })
    }

    fn function(&self, function: &str, argument: &str) -> Option<CelValue> {
        match function {
            "provenance" => Some(CelValue::from(self.signals.origin(argument).as_str())),
            "intent" => Some(CelValue::Bool(self.signals.is_implied(argument))),
            "rate" | "total" => match self.facts.inputs.windows.get(argument) {
                Some(window) if function == "rate" => {
                    Some(CelValue::Int(i64::try_from(window.calls).unwrap_or(i64::MAX)))
                }
                Some(window) => Some(CelValue::Float(window.total)),
                None => self.fail(format!("window `{argument}` was not counted")),
            },
            "fact" => match self.facts.inputs.facts.get(argument) {
                Some(FactAnswer::Known { value, .. }) => Some(values::convert(value)),
                Some(FactAnswer::Missing { problem }) => {
                    self.fail(format!("fact `{argument}`: {problem}"))
                }
                None => self.fail(format!("fact `{argument}` was not asked for")),
            },
            _ => None,
        }
    }

    fn word<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        match name {
            "args" => made(&self.arguments, || Some(values::object(self.facts.arguments))),
            "result" => made(&self.result, || self.answer.map(values::convert)),
            "origins" => made(&self.origins, || {
                Some(values::names(self.signals.origins().iter().map(|origin| origin.as_str())))
            }),
            "confidence" => Some(CowVal::owned(CelDouble::from(self.signals.confidence()))),
            "is_grounded" => {
                Some(CowVal::owned(CelBool::from(self.signals.grounding().is_grounded())))
            }
            "names_grounded" => {
                let grounding = self.signals.grounding();
                Some(CowVal::owned(CelBool::from(grounding.are_names_grounded())))
            }
            "addresses_grounded" => {
                let grounding = self.signals.grounding();
                Some(CowVal::owned(CelBool::from(grounding.are_addresses_grounded())))
            }
            "is_delegated" => {
                Some(CowVal::owned(CelBool::from(self.signals.request().is_delegated())))
            }
            "is_confirmed" => Some(CowVal::owned(CelBool::from(self.signals.is_confirmed()))),
            "support" => {
                Some(CowVal::owned(CelString::from(self.signals.grounding().support().name())))
            }
            "intended" => Some(CowVal::owned(CelBool::from(self.signals.is_intended()))),
            "novelty" => match self.facts.inputs.novelty {
                Some(novelty) => Some(CowVal::owned(CelDouble::from(novelty))),
                None => self.fail("nobody has looked how new the call is".to_owned()),
            },
            "profiled" => Some(CowVal::owned(CelBool::from(self.facts.inputs.is_profiled()))),
            "params" => self.policy.constants.value(),
            _ => None,
        }
    }
}

impl VariableResolver for Scope<'_> {
    fn resolve<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        let Some((root, rest)) = name.split_once('.') else {
            if name.contains(OF) {
                return self.defined(name);
            }
            let group = GROUPS.iter().position(|group| *group == name);
            return group.map_or_else(|| self.word(name), |index| self.group(index, name));
        };
        match root {
            "args" => find(self.facts.arguments, rest).and_then(json),
            "result" => self.part_of_answer(rest).and_then(json),
            "params" => find(self.policy.parameters(), rest).and_then(json),
            "vars" => self.defined(name),
            "tool" if rest == "effects" => made(&self.effects, || Some(self.effect_names())),
            _ => match self.field(root, rest) {
                Field::Text(text) => Some(CowVal::owned(CelString::from(text))),
                Field::Int(int) => Some(CowVal::owned(CelInt::from(int))),
                Field::Float(float) => Some(CowVal::owned(CelDouble::from(float))),
                Field::Bool(is) => Some(CowVal::owned(CelBool::from(is))),
                Field::Json(value) => json(value),
                Field::Absent => None,
            },
        }
    }
}

/// A value that is made once.
fn made<'b>(slot: &'b Made, make: impl FnOnce() -> Option<CelValue>) -> Option<CowVal<'b, 'b>> {
    let value = slot.get_or_init(|| make().and_then(|value| value.try_into().ok()));
    value.as_deref().map(CowVal::Borrowed)
}

/// A JSON value; text is borrowed.
fn json(value: &Value) -> Option<CowVal<'_, '_>> {
    match value {
        Value::Null => Some(CowVal::owned(CelNull)),
        Value::Bool(is) => Some(CowVal::owned(CelBool::from(*is))),
        Value::String(text) => Some(CowVal::owned(CelString::from(text.as_str()))),
        Value::Number(number) if number.is_i64() => {
            number.as_i64().map(|int| CowVal::owned(CelInt::from(int)))
        }
        other => values::convert(other).try_into().ok().map(CowVal::Owned),
    }
}

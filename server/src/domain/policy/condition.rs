//! Conditions in CEL: the only place that knows the expression library.
//!
//! Three traps are closed here before anything runs. The parser recurses, so
//! source and operators are capped. There is no cost limit, so comprehensions
//! must not nest. Names are checked at load, because a misspelt one would fail
//! only when an action comes.

use std::fmt;
use std::sync::{Arc, LazyLock};

use cel::common::ast::{EntryExpr, Expr, IdedExpr};
use cel::{Context, Env, Program, Value as CelValue};
use serde_json::{Map, Value};

use super::Facts;

/// The most bytes a condition may have.
const MAX_SOURCE_BYTES: usize = 2_048;
/// The most operators and brackets a condition may have.
const MAX_OPERATORS: usize = 200;
/// How deep the compiled expression may nest.
const MAX_AST_DEPTH: usize = 128;
/// What a condition may speak of.
const VARIABLES: &[&str] = &["action", "args", "run"];

static STANDARD: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// Why a condition cannot be used, or what went wrong when it ran.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConditionError(String);

/// A compiled condition.
pub struct Condition {
    source: String,
    program: Program,
    /// The variables it speaks of.
    speaks_of: Vec<&'static str>,
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Condition({})", self.source)
    }
}

/// The variables of one action: each is built for the first condition that
/// speaks of it, and serves all others.
pub(super) struct Scope<'f> {
    context: Context<'static, 'static>,
    facts: &'f Facts<'f>,
    built: Vec<&'static str>,
}

impl<'f> Scope<'f> {
    pub(super) fn new(facts: &'f Facts<'f>) -> Self {
        let context = Context::with_env(Arc::clone(&STANDARD));
        Self { context, facts, built: Vec::with_capacity(VARIABLES.len()) }
    }

    fn build(&mut self, variables: &[&'static str]) {
        for name in variables {
            if self.built.contains(name) {
                continue;
            }
            self.built.push(name);
            let value = match *name {
                "args" => object(self.facts.arguments),
                "action" => action(self.facts),
                _ => run(self.facts),
            };
            self.context.add_variable_from_value(*name, value);
        }
    }
}

impl Condition {
    /// Checks and compiles a condition.
    pub fn compile(source: &str) -> Result<Self, ConditionError> {
        if source.len() > MAX_SOURCE_BYTES {
            return Err(ConditionError(format!("more than {MAX_SOURCE_BYTES} bytes")));
        }
        let operators = source.bytes().filter(|byte| b"&|+-*/%<>=!?:([{.,".contains(byte)).count();
        if operators > MAX_OPERATORS {
            return Err(ConditionError(format!(
                "more than {MAX_OPERATORS} operators and brackets"
            )));
        }
        let program = Program::compile(source)
            .map_err(|error| ConditionError(format!("not a CEL expression: {error}")))?;
        check(program.expression(), &Position::default())?;
        let references = program.references();
        let is_used = |name: &&str| references.has_variable(name);
        let speaks_of = VARIABLES.iter().copied().filter(is_used).collect();
        drop(references);
        Ok(Self { source: source.to_owned(), program, speaks_of })
    }

    /// Whether the condition holds. Anything but a plain yes or no is an error.
    pub(super) fn holds(&self, scope: &mut Scope<'_>) -> Result<bool, ConditionError> {
        scope.build(&self.speaks_of);
        match self.program.execute(&scope.context) {
            Ok(CelValue::Bool(holds)) => Ok(holds),
            Ok(other) => Err(ConditionError(format!("gave a {:?}, not a bool", other.type_of()))),
            Err(error) => Err(ConditionError(error.to_string())),
        }
    }
}

/// Where in an expression the check stands.
#[derive(Clone, Default)]
struct Position<'a> {
    depth: usize,
    /// The variables that the comprehension around it binds, if there is one.
    bound: Option<[&'a str; 3]>,
}

impl Position<'_> {
    fn knows(&self, name: &str) -> bool {
        VARIABLES.contains(&name) || self.bound.is_some_and(|bound| bound.contains(&name))
    }
}

/// Refuses unknown names, deep expressions and nested comprehensions.
fn check(expr: &IdedExpr, at: &Position<'_>) -> Result<(), ConditionError> {
    if at.depth > MAX_AST_DEPTH {
        return Err(ConditionError(format!("nested deeper than {MAX_AST_DEPTH}")));
    }
    let next = Position { depth: at.depth + 1, bound: at.bound };
    match &expr.expr {
        Expr::Unspecified | Expr::Literal(_) => Ok(()),
        Expr::Ident(name) if at.knows(name) => Ok(()),
        Expr::Ident(name) => {
            let known = VARIABLES.join("`, `");
            Err(ConditionError(format!("`{name}` is unknown; there are `{known}`")))
        }
        Expr::Select(select) => check(&select.operand, &next),
        Expr::Call(call) => {
            if let Some(target) = &call.target {
                check(target, &next)?;
            }
            call.args.iter().try_for_each(|arg| check(arg, &next))
        }
        Expr::List(list) => list.elements.iter().try_for_each(|item| check(item, &next)),
        Expr::Map(map) => map.entries.iter().try_for_each(|entry| check_entry(&entry.expr, &next)),
        Expr::Struct(it) => it.entries.iter().try_for_each(|entry| check_entry(&entry.expr, &next)),
        Expr::Comprehension(_) if at.bound.is_some() => {
            Err(ConditionError("comprehensions must not nest: they have no cost limit".to_owned()))
        }
        Expr::Comprehension(it) => {
            check(&it.iter_range, &next)?;
            let second = it.iter_var2.as_deref().unwrap_or_default();
            let bound = Some([it.iter_var.as_str(), second, it.accu_var.as_str()]);
            let inside = Position { depth: next.depth, bound };
            [&it.accu_init, &it.loop_cond, &it.loop_step, &it.result]
                .into_iter()
                .try_for_each(|part| check(part, &inside))
        }
    }
}

fn check_entry(entry: &EntryExpr, at: &Position<'_>) -> Result<(), ConditionError> {
    match entry {
        EntryExpr::StructField(field) => check(&field.value, at),
        EntryExpr::MapEntry(entry) => {
            check(&entry.key, at)?;
            check(&entry.value, at)
        }
    }
}

fn action(facts: &Facts<'_>) -> CelValue {
    let mut fields = vec![
        ("tool", CelValue::from(facts.tool)),
        ("tool_schema_version", CelValue::from(facts.tool_schema_version)),
        ("target", CelValue::from(facts.target)),
    ];
    fields.extend(facts.confidence.map(|confidence| ("confidence", CelValue::Float(confidence))));
    record(fields)
}

fn run(facts: &Facts<'_>) -> CelValue {
    record(vec![
        ("agent", CelValue::from(facts.agent)),
        ("on_behalf_of", CelValue::from(facts.on_behalf_of.unwrap_or_default())),
        ("hop_count", CelValue::Int(i64::from(facts.hop_count))),
        ("goal", CelValue::from(facts.goal)),
    ])
}

fn record(fields: Vec<(&str, CelValue)>) -> CelValue {
    let fields: std::collections::HashMap<String, CelValue> =
        fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    CelValue::Map(fields.into())
}

fn object(map: &Map<String, Value>) -> CelValue {
    let fields: std::collections::HashMap<String, CelValue> =
        map.iter().map(|(name, value)| (name.clone(), convert(value))).collect();
    CelValue::Map(fields.into())
}

/// JSON as CEL sees it. Whole numbers are `int`, as people write them in
/// conditions; only those beyond its range stay `uint`.
fn convert(value: &Value) -> CelValue {
    match value {
        Value::Null => CelValue::Null,
        Value::Bool(value) => CelValue::Bool(*value),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(int), _) => CelValue::Int(int),
            (None, Some(uint)) => CelValue::UInt(uint),
            (None, None) => CelValue::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => CelValue::from(text.as_str()),
        Value::Array(items) => CelValue::List(Arc::new(items.iter().map(convert).collect())),
        Value::Object(map) => object(map),
    }
}

//! Conditions in CEL: with its children the only place that knows the expression
//! library.
//!
//! The traps of the library are closed before anything runs. The parser recurses,
//! so source and operators are capped. There is no cost limit, so [`cost`] bounds
//! every condition by what the arguments can hold. Maps iterate in an order that
//! differs between processes, so nothing iterates over maps. Names are checked
//! when the document is read, because a misspelt one would fail only when an
//! action comes.

mod check;
mod cost;
mod environment;
mod failure;
mod scope;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use cel::{Context, Program, Value as CelValue};
use serde_json::Value;

use cost::{Cost, Size};
pub(super) use scope::Scope;
pub(super) use values::Constants;

/// The most bytes a condition may have.
const MAX_SOURCE_BYTES: usize = 2_048;
/// The most operators and brackets a condition may have.
const MAX_OPERATORS: usize = 200;
/// How deep brackets may nest: the parser recurses through every level of precedence
/// for each of them.
const MAX_BRACKETS: usize = 32;
/// The stack that a condition within the limits may take, twice what was measured; the
/// library is optimised in every profile, because unoptimised it takes 16 times that.
const STACK_NEEDED: usize = 1024 * 1024;
/// The stack that is made where less is left.
const STACK_MADE: usize = 4 * 1024 * 1024;

/// Why a condition cannot be used, or what went wrong when it ran.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConditionError(pub(super) String);

/// What the document defines for its conditions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Defined<'a> {
    /// The parameters.
    pub(super) parameters: &'a BTreeMap<String, Value>,
    /// The names of the variables.
    pub(super) variables: &'a BTreeSet<String>,
    /// The names of the windows.
    pub(super) windows: &'a BTreeSet<String>,
    /// The names of the facts.
    pub(super) facts: &'a BTreeSet<String>,
    /// Whether there is a result to speak of.
    pub(super) has_result: bool,
}

/// A compiled condition.
pub struct Condition {
    source: String,
    program: Program,
    /// Every name that it reads: `args.amount`, `vars.large`, `provenance:to`.
    reads: BTreeSet<String>,
    /// The arguments, and parts of the result, over which it iterates: each must be a
    /// list.
    ranges: BTreeSet<String>,
    cost: Cost,
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Condition({})", self.source)
    }
}

impl Condition {
    /// Checks and compiles a condition.
    pub(super) fn compile(source: &str, defined: Defined<'_>) -> Result<Self, ConditionError> {
        let refuse = |problem: String| Err(ConditionError(problem));
        if source.len() > MAX_SOURCE_BYTES {
            return refuse(format!("more than {MAX_SOURCE_BYTES} bytes"));
        }
        let operators = source.bytes().filter(|byte| b"&|+-*/%<>=!?:([{.,".contains(byte)).count();
        if operators > MAX_OPERATORS {
            return refuse(format!("more than {MAX_OPERATORS} operators and brackets"));
        }
        if depth_of_brackets(source) > MAX_BRACKETS {
            return refuse(format!("brackets nested deeper than {MAX_BRACKETS}"));
        }
        let (program, checked, cost) = on_deep_stack(|| {
            let program = environment::compile(source)?;
            let checked = check::check(program.expression(), defined)?;
            let cost = cost::of(program.expression());
            Ok((program, checked, cost))
        })?;
        cost.require_bounded()?;
        let check::Checked { reads, ranges } = checked;
        Ok(Self { source: source.to_owned(), program, reads, ranges, cost })
    }

    /// The condition as written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Every name that it reads.
    pub(super) fn reads(&self) -> impl Iterator<Item = &str> {
        self.reads.iter().map(String::as_str)
    }

    /// Whether the condition holds. Anything but a plain yes or no is an error.
    pub(super) fn holds(&self, scope: &Scope<'_>) -> Result<bool, ConditionError> {
        match self.evaluate(scope)? {
            CelValue::Bool(holds) => Ok(holds),
            other => Err(ConditionError(format!("gave a {:?}, not a bool", other.type_of()))),
        }
    }

    /// The condition's value.
    fn evaluate(&self, scope: &Scope<'_>) -> Result<CelValue, ConditionError> {
        scope.spend(self.cost)?;
        for path in &self.ranges {
            scope.require_list(path)?;
        }
        let mut context = Context::with_env(environment::shared());
        context.set_variable_resolver(scope);
        let value = self.program.execute(&context);
        value.map_err(|error| scope.failure().unwrap_or_else(|| failure::of(&error)))
    }
}

/// Runs what recurses on a stack that holds it, whatever is left of this one.
/// Whoever evaluates conditions does it inside.
pub(super) fn on_deep_stack<T>(run: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(STACK_NEEDED, STACK_MADE, run)
}

/// How deep brackets nest; brackets inside text count as well.
fn depth_of_brackets(source: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for byte in source.bytes() {
        match byte {
            b'(' | b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

//! The functions that conditions have beyond CEL's own.
//!
//! Each takes a literal, and becomes a name when the condition is read:
//! `provenance("to")` reads the name `provenance:to`. So the document says all that
//! it will ask for, the linter can check it, and a trace can show it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue};
use cel::common::types::{CelBool, CelString};
use cel::parser::Macro;
use cel::{Env, ExecutionError, Program};
use regex::{Regex, RegexBuilder};

use super::super::names::FUNCTIONS;
use super::ConditionError;

/// What a function's name and its argument are joined by.
pub(super) const OF: char = ':';
/// The function behind `text.matches("pattern")`, whose pattern is checked.
pub(super) const MATCHES: &str = "@matches";
/// The most bytes that a compiled pattern takes.
const MAX_PATTERN_BYTES: usize = 256 * 1024;
/// How many compiled patterns a thread keeps.
const PATTERNS_KEPT: usize = 256;

static SHARED: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(environment()));

thread_local! {
    static PATTERNS: RefCell<HashMap<String, Regex>> = RefCell::new(HashMap::new());
}

/// The environment of every condition.
pub(super) fn shared() -> Arc<Env> {
    Arc::clone(&SHARED)
}

/// Reads a condition.
pub(super) fn compile(source: &str) -> Result<Program, ConditionError> {
    SHARED.compile(source).map_err(|error| ConditionError(format!("not a CEL expression: {error}")))
}

fn environment() -> Env {
    let mut env = Env::stdlib();
    for function in FUNCTIONS {
        let name = function.name;
        let expand = Macro::global(name, 1, move |helper, _, args| {
            let Some(IdedExpr { id, expr }) = args.pop() else { return Ok(None) };
            let Expr::Literal(LiteralValue::String(text)) = expr else {
                return Err(helper.new_error(id, format!("`{name}` wants a literal string")));
            };
            Ok(Some(helper.next_expr(Expr::Ident(format!("{name}{OF}{}", text.inner())))))
        });
        // The names are few, fixed and different: adding them cannot fail.
        env.add_macro(expand).ok();
    }
    env.add_macro(Macro::receiver("matches", 1, |helper, target, args| {
        let pattern = match args.first().map(|arg| (arg.id, &arg.expr)) {
            Some((_, Expr::Literal(LiteralValue::String(text)))) => text.inner().to_owned(),
            Some((id, _)) => return Err(helper.new_error(id, "`matches` wants a literal pattern")),
            None => return Ok(None),
        };
        if let Err(error) = pattern_of(&pattern) {
            return Err(helper.new_error(0, format!("`{pattern}` is not a pattern: {error}")));
        }
        let (Some(text), Some(pattern)) = (target.take(), args.pop()) else { return Ok(None) };
        let call = CallExpr { func_name: MATCHES.into(), target: None, args: vec![text, pattern] };
        Ok(Some(helper.next_expr(Expr::Call(call))))
    }))
    .ok();
    cel::add_overload!(env, fn matches: (CelString, CelString) -> Result<CelBool>, name = "@matches", id = "matches_compiled").ok();
    env
}

fn pattern_of(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).size_limit(MAX_PATTERN_BYTES).build()
}

fn matches(text: &CelString<'_>, pattern: &CelString<'_>) -> Result<CelBool, ExecutionError> {
    PATTERNS.with_borrow_mut(|known| {
        if let Some(regex) = known.get(pattern.inner()) {
            return Ok(CelBool::from(regex.is_match(text.inner())));
        }
        let regex = pattern_of(pattern.inner())
            .map_err(|error| ExecutionError::function_error("matches", error))?;
        if known.len() >= PATTERNS_KEPT {
            known.clear();
        }
        let found = regex.is_match(text.inner());
        known.insert(pattern.inner().to_owned(), regex);
        Ok(CelBool::from(found))
    })
}

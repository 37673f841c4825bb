//! What a condition may not say, found when the document is read.

use std::collections::BTreeSet;

use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, SelectExpr};

use super::super::catalogue::EffectClass;
use super::super::names::{FUNCTIONS, GROUPS, OPEN_GROUPS, VALUES, fields};
use super::environment::OF;
use super::{ConditionError, Defined};

/// How deep the compiled expression may nest.
const MAX_AST_DEPTH: usize = 64;
/// Functions of CEL that conditions do not have: they get round what is checked
/// here.
const FORBIDDEN_FUNCTIONS: &[&str] = &["bytes", "type", "dyn"];

/// What a condition turned out to use.
#[derive(Debug, Default)]
pub(super) struct Checked {
    pub(super) reads: BTreeSet<String>,
    pub(super) ranges: BTreeSet<String>,
}

/// Refuses unknown names, deep expressions, nested comprehensions, and
/// comprehensions over anything but lists.
pub(super) fn check(expr: &IdedExpr, defined: Defined<'_>) -> Result<Checked, ConditionError> {
    let mut walk = Walk { defined, found: Checked::default() };
    walk.visit(expr, &Place::default())?;
    Ok(walk.found)
}

/// Where in an expression the check stands.
#[derive(Clone, Default)]
struct Place<'a> {
    depth: usize,
    /// The variables that the comprehension around it binds, if there is one.
    bound: Option<[&'a str; 3]>,
}

impl<'a> Place<'a> {
    fn inside(&self) -> Self {
        Self { depth: self.depth + 1, bound: self.bound }
    }

    fn binds(&self, name: &str) -> bool {
        self.bound.is_some_and(|bound| bound.contains(&name))
    }

    fn is_accumulator(&self, expr: &Expr) -> bool {
        match (self.bound, expr) {
            (Some([_, _, accumulator]), Expr::Ident(name)) => name == accumulator,
            _ => false,
        }
    }
}

struct Walk<'d> {
    defined: Defined<'d>,
    found: Checked,
}

fn refuse<T>(problem: impl Into<String>) -> Result<T, ConditionError> {
    Err(ConditionError(problem.into()))
}

impl Walk<'_> {
    fn visit<'e>(&mut self, expr: &'e IdedExpr, at: &Place<'e>) -> Result<(), ConditionError> {
        if at.depth > MAX_AST_DEPTH {
            return refuse(format!("nested deeper than {MAX_AST_DEPTH}"));
        }
        match &expr.expr {
            Expr::Unspecified | Expr::Literal(_) => Ok(()),
            Expr::Ident(name) if at.binds(name) => Ok(()),
            Expr::Ident(name) => self.read(name),
            Expr::Select(select) => self.select(select, at),
            Expr::Call(call) => self.call(call, at),
            Expr::List(list) => {
                list.elements.iter().try_for_each(|it| self.visit(it, &at.inside()))
            }
            Expr::Map(map) => map.entries.iter().try_for_each(|it| self.entry(&it.expr, at)),
            Expr::Struct(_) => refuse("conditions have no message types"),
            Expr::Comprehension(it) => self.comprehension(it, at),
        }
    }

    fn entry<'e>(&mut self, entry: &'e EntryExpr, at: &Place<'e>) -> Result<(), ConditionError> {
        match entry {
            EntryExpr::StructField(field) => self.visit(&field.value, &at.inside()),
            EntryExpr::MapEntry(entry) => {
                self.visit(&entry.key, &at.inside())?;
                self.visit(&entry.value, &at.inside())
            }
        }
    }

    fn select<'e>(&mut self, select: &'e SelectExpr, at: &Place<'e>) -> Result<(), ConditionError> {
        match path_of(select) {
            Some(path) if !at.binds(path.split('.').next().unwrap_or_default()) => self.read(&path),
            _ => self.visit(&select.operand, &at.inside()),
        }
    }

    fn call<'e>(&mut self, call: &'e CallExpr, at: &Place<'e>) -> Result<(), ConditionError> {
        let name = call.func_name.as_str();
        if FORBIDDEN_FUNCTIONS.contains(&name) {
            return refuse(format!("`{name}` is not for conditions"));
        }
        if let Some(function) = FUNCTIONS.iter().find(|function| function.name == name) {
            return refuse(format!("`{}` wants one literal string", function.name));
        }
        // A list that grows by text would grow without bound.
        let grows = name == "_+_"
            && at.bound.is_some()
            && !call.args.iter().any(|arg| at.is_accumulator(&arg.expr) || is_number(&arg.expr));
        if grows {
            return refuse("inside a comprehension `+` adds numbers, one of them a literal");
        }
        let operands = call.target.as_deref().into_iter().chain(&call.args);
        operands.into_iter().try_for_each(|operand| self.visit(operand, &at.inside()))
    }

    fn comprehension<'e>(
        &mut self,
        it: &'e ComprehensionExpr,
        at: &Place<'e>,
    ) -> Result<(), ConditionError> {
        if at.bound.is_some() {
            return refuse("comprehensions must not nest");
        }
        self.range(&it.iter_range)?;
        self.visit(&it.iter_range, &at.inside())?;
        let second = it.iter_var2.as_deref().unwrap_or_default();
        let bound = Some([it.iter_var.as_str(), second, it.accu_var.as_str()]);
        let body = Place { depth: at.depth + 1, bound };
        [&it.accu_init, &it.loop_cond, &it.loop_step, &it.result]
            .into_iter()
            .try_for_each(|part| self.visit(part, &body))
    }

    /// A comprehension may iterate over what is known to be a list, or over an
    /// argument, which is checked when an action comes.
    fn range(&mut self, range: &IdedExpr) -> Result<(), ConditionError> {
        let path = match &range.expr {
            Expr::List(_) | Expr::Comprehension(_) => return Ok(()),
            Expr::Ident(name) => name.clone(),
            Expr::Select(select) => path_of(select).unwrap_or_default(),
            _ => String::new(),
        };
        let is_list = VALUES.iter().any(|it| it.name == path && it.kind.starts_with("list"))
            || path.strip_prefix("params.").is_some_and(|name| {
                self.defined.parameters.get(name).is_some_and(serde_json::Value::is_array)
            });
        let is_given = path.starts_with("args.") || path == "result" || path.starts_with("result.");
        match is_given {
            true => {
                self.found.ranges.insert(path);
                Ok(())
            }
            false if is_list => Ok(()),
            false => refuse(
                "a comprehension wants a list: one written out, a list among the arguments or \
                 parameters, `origins` or `tool.effects`",
            ),
        }
    }

    /// Notes a name, if there is such a name.
    fn read(&mut self, path: &str) -> Result<(), ConditionError> {
        let (root, rest) = path.split_once('.').unwrap_or((path, ""));
        if let Some((function, argument)) = path.split_once(OF) {
            self.function(function, argument)?;
        } else if GROUPS.contains(&root) {
            let field = rest.split('.').next().unwrap_or_default();
            if !field.is_empty() && !fields(root).any(|known| known == field) {
                let known: Vec<_> = fields(root).collect();
                return refuse(format!(
                    "`{root}.{field}` is unknown; there are `{}`",
                    known.join("`, `")
                ));
            }
        } else if !VALUES.iter().chain(OPEN_GROUPS).any(|known| known.name == root) {
            let known: Vec<_> = VALUES
                .iter()
                .map(|it| it.name)
                .filter(|name| !name.contains('.'))
                .chain(GROUPS.iter().copied())
                .chain(OPEN_GROUPS.iter().map(|it| it.name))
                .collect();
            return refuse(format!("`{root}` is unknown; there are `{}`", known.join("`, `")));
        }
        self.defined_by_document(root, rest)?;
        self.found.reads.insert(path.to_owned());
        Ok(())
    }

    fn defined_by_document(&self, root: &str, rest: &str) -> Result<(), ConditionError> {
        let name = rest.split('.').next().unwrap_or_default();
        let is_defined = match root {
            "result" if !self.defined.has_result => {
                return refuse("there is no result yet; `result` is for a tool's `expects`");
            }
            "params" => self.defined.parameters.contains_key(name),
            "vars" => self.defined.variables.contains(name),
            _ => true,
        };
        match is_defined {
            true => Ok(()),
            false => refuse(format!("`{root}.{name}` is not defined in the document")),
        }
    }

    fn function(&self, function: &str, argument: &str) -> Result<(), ConditionError> {
        let known = match function {
            "rate" | "total" => Some(("window", self.defined.windows)),
            "fact" => Some(("fact", self.defined.facts)),
            _ => None,
        };
        match known {
            Some((what, names)) if !names.contains(argument) => {
                refuse(format!("`{function}(\"{argument}\")`: the document defines no such {what}"))
            }
            None if function == "intent"
                && !EffectClass::ALL.iter().any(|class| class.name() == argument) =>
            {
                let known: Vec<_> = EffectClass::ALL.iter().map(|class| class.name()).collect();
                refuse(format!(
                    "`{argument}` is no effect class; there are `{}`",
                    known.join("`, `")
                ))
            }
            _ if argument.is_empty() => refuse(format!("`{function}` wants a name")),
            _ => Ok(()),
        }
    }
}

fn is_number(expr: &Expr) -> bool {
    use cel::common::ast::LiteralValue as L;
    matches!(expr, Expr::Literal(L::Int(_) | L::UInt(_) | L::Double(_)))
}

/// The dotted path that an expression spells, if it spells one.
fn path_of(select: &SelectExpr) -> Option<String> {
    let mut parts = vec![select.field.as_str()];
    let mut operand = &select.operand.expr;
    loop {
        match operand {
            Expr::Ident(name) => {
                parts.push(name);
                parts.reverse();
                return Some(parts.join("."));
            }
            Expr::Select(inner) if !inner.test => {
                parts.push(&inner.field);
                operand = &inner.operand.expr;
            }
            _ => return None,
        }
    }
}

//! What a condition can cost: a bound that is known before it runs.
//!
//! The library has no limit of its own. Every step counts one; a comprehension
//! counts its body once for each item of the longest list that the arguments hold,
//! and what reads text once for each KiB of it. So a condition's bound is a
//! polynomial in two numbers that are known before it runs, and an evaluation that
//! would pass the limit is an error, which escalates.

use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr};
use serde_json::{Map, Value};

use super::ConditionError;
use super::environment::MATCHES;

/// The most steps that judging one action may take: some tens of milliseconds.
pub(in super::super) const MAX_STEPS: u64 = 500_000;
/// The most steps that one condition may take for an everyday action: lists of
/// [`EVERYDAY`] items.
const MAX_CONDITION_STEPS: u64 = 100_000;
/// An everyday action.
const EVERYDAY: Size = Size { items: 100, kib: 4 };

/// How large the arguments are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Size {
    /// The items of their longest list.
    pub(in super::super) items: u64,
    /// KiB of text, begun ones included.
    pub(in super::super) kib: u64,
}

/// Steps: alone, for each item, for each KiB, and for both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Cost {
    steps: u64,
    per_item: u64,
    per_kib: u64,
    per_item_and_kib: u64,
    per_item_squared: u64,
}

impl Size {
    /// The size of arguments, and of a goal and a result that conditions may read as
    /// well.
    pub(in super::super) fn of(
        arguments: &Map<String, Value>,
        goal: &str,
        result: Option<&Value>,
    ) -> Self {
        let (mut items, mut bytes) = (0, goal.len());
        if let Some(result) = result {
            measure(result, &mut items, &mut bytes);
        }
        arguments.iter().for_each(|(name, value)| {
            bytes += name.len();
            measure(value, &mut items, &mut bytes);
        });
        Self { items: items as u64, kib: bytes.div_ceil(1024) as u64 }
    }
}

fn measure(value: &Value, items: &mut usize, bytes: &mut usize) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => *bytes += 8,
        Value::String(text) => *bytes += text.len(),
        Value::Array(list) => {
            *items = (*items).max(list.len());
            list.iter().for_each(|item| measure(item, items, bytes));
        }
        Value::Object(fields) => {
            *items = (*items).max(fields.len());
            fields.iter().for_each(|(name, value)| {
                *bytes += name.len();
                measure(value, items, bytes);
            });
        }
    }
}

impl Cost {
    const STEP: Self =
        Self { steps: 1, per_item: 0, per_kib: 0, per_item_and_kib: 0, per_item_squared: 0 };

    /// The steps for arguments of a size.
    pub(in super::super) fn at(self, size: Size) -> u64 {
        let Size { items, kib } = size;
        let each = |count: u64, of: u64| count.saturating_mul(of);
        self.steps
            .saturating_add(each(self.per_item, items))
            .saturating_add(each(self.per_kib, kib))
            .saturating_add(each(self.per_item_and_kib, items.saturating_mul(kib)))
            .saturating_add(each(self.per_item_squared, items.saturating_mul(items)))
    }

    /// Refuses what would be too much for an everyday action already.
    pub(super) fn require_bounded(self) -> Result<(), ConditionError> {
        match self.at(EVERYDAY) {
            steps if steps <= MAX_CONDITION_STEPS => Ok(()),
            steps => Err(ConditionError(format!(
                "takes up to {steps} steps for lists of {} items and {} KiB of text, more than \
                 {MAX_CONDITION_STEPS}: ask for less in comprehensions",
                EVERYDAY.items, EVERYDAY.kib
            ))),
        }
    }

    pub(in super::super) fn plus(self, other: Self) -> Self {
        Self {
            steps: self.steps.saturating_add(other.steps),
            per_item: self.per_item.saturating_add(other.per_item),
            per_kib: self.per_kib.saturating_add(other.per_kib),
            per_item_and_kib: self.per_item_and_kib.saturating_add(other.per_item_and_kib),
            per_item_squared: self.per_item_squared.saturating_add(other.per_item_squared),
        }
    }

    /// The same for each item of a list. What is bound already by items and text
    /// cannot come: comprehensions do not nest.
    fn for_each_item(self) -> Self {
        Self {
            steps: 0,
            per_item: self.steps,
            per_kib: 0,
            per_item_and_kib: self.per_kib.saturating_add(self.per_item_and_kib),
            per_item_squared: self.per_item.saturating_add(self.per_item_squared),
        }
    }
}

/// The bound of an expression.
pub(super) fn of(expr: &IdedExpr) -> Cost {
    let all = |parts: &[IdedExpr]| parts.iter().map(of).fold(Cost::STEP, Cost::plus);
    match &expr.expr {
        Expr::Unspecified | Expr::Literal(_) | Expr::Ident(_) => Cost::STEP,
        Expr::Select(select) => of(&select.operand).plus(Cost::STEP),
        Expr::Call(call) => {
            let target = call.target.as_deref().map(of).unwrap_or_default();
            all(&call.args).plus(target).plus(own(call))
        }
        Expr::List(list) => all(&list.elements),
        Expr::Map(map) => map.entries.iter().map(|it| entry(&it.expr)).fold(Cost::STEP, Cost::plus),
        Expr::Struct(it) => {
            it.entries.iter().map(|it| entry(&it.expr)).fold(Cost::STEP, Cost::plus)
        }
        Expr::Comprehension(it) => {
            let body = of(&it.loop_cond).plus(of(&it.loop_step)).for_each_item();
            of(&it.iter_range).plus(of(&it.accu_init)).plus(of(&it.result)).plus(body)
        }
    }
}

fn entry(entry: &EntryExpr) -> Cost {
    match entry {
        EntryExpr::StructField(field) => of(&field.value),
        EntryExpr::MapEntry(entry) => of(&entry.key).plus(of(&entry.value)),
    }
}

/// What a call costs beside its operands.
fn own(call: &CallExpr) -> Cost {
    let text = Cost { per_kib: 1, ..Cost::default() };
    match call.func_name.as_str() {
        "@in" | "_==_" | "_!=_" => Cost { per_item: 1, per_kib: 1, ..Cost::default() },
        // Patterns take their time with every character.
        MATCHES => Cost { per_kib: 40, ..Cost::default() },
        "_&&_"
        | "_||_"
        | "!_"
        | "_?_:_"
        | "_<_"
        | "_<=_"
        | "_>_"
        | "_>=_"
        | "@not_strictly_false" => Cost::default(),
        _ => text,
    }
}

//! Several questions of one kind, answered at once: which may be, what differs among
//! them, and which stand out.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{Escalation, Question, SeverityTier};
use crate::domain::ids::PolicyRevisionId;
use crate::domain::time::Span;

/// The most questions that are answered at once.
pub const MAX_BULK: usize = 25;
/// The most columns of a matrix.
pub const MAX_COLUMNS: usize = 24;
/// How long a preview can be answered.
pub const BULK_VALIDITY: Span = Span::from_secs(10 * 60);
/// From so many questions on one can stand out.
const MIN_FOR_OUTLIERS: usize = 4;
/// How far beyond the middle half of the numbers, in its widths, one stands out.
const FENCE: f64 = 1.5;
/// What the target is called among the arguments.
const TARGET: &str = "target";

/// Why a question is not among those that are answered at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftOut {
    /// Another tool, rule or policy revision than of the first, or no action's.
    OtherKind,
    /// Graver than medium: such are answered one by one.
    TooGrave,
    /// It wants more than one person.
    MorePeople,
    /// Somebody else holds it.
    Claimed,
    /// The caller may not answer it.
    NotYours,
    /// There is no room for more.
    NoRoom,
}

/// What questions share that are answered at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BulkKind {
    /// The tool.
    pub tool: String,
    /// The rule.
    pub rule: Option<String>,
    /// The revision that judged.
    pub policy_revision: PolicyRevisionId,
}

impl Escalation {
    /// With what it can be answered at once, or why not.
    pub fn bulk_kind(&self) -> Result<BulkKind, LeftOut> {
        match self {
            Self { severity, .. } if *severity > SeverityTier::Medium => Err(LeftOut::TooGrave),
            Self { quorum, .. } if *quorum > 1 => Err(LeftOut::MorePeople),
            Self { question: Question::ApproveAction, tool, rule, policy_revision, .. } => {
                let (tool, rule) = (tool.clone(), rule.clone());
                Ok(BulkKind { tool, rule, policy_revision: *policy_revision })
            }
            _ => Err(LeftOut::OtherKind),
        }
    }
}

/// What a question is about, by the paths of its values.
pub type Cells = BTreeMap<String, Value>;

/// The target and the arguments as cells; `items.0.price` is a value inside.
pub fn cells(target: &str, arguments: &Map<String, Value>) -> Cells {
    let mut cells = Cells::from([(TARGET.to_owned(), Value::from(target))]);
    for (key, value) in arguments {
        lay_out(format!("arguments.{key}"), value, &mut cells);
    }
    cells
}

fn lay_out(path: String, value: &Value, cells: &mut Cells) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            fields.iter().for_each(|(key, value)| lay_out(format!("{path}.{key}"), value, cells));
        }
        Value::Array(items) if !items.is_empty() => {
            let places = items.iter().enumerate();
            places.for_each(|(place, value)| lay_out(format!("{path}.{place}"), value, cells));
        }
        _ => {
            cells.insert(path, value.clone());
        }
    }
}

/// The paths whose values differ among the rows, in order.
pub fn varying(rows: &[Cells]) -> Vec<&str> {
    let paths: BTreeSet<_> = rows.iter().flat_map(BTreeMap::keys).map(String::as_str).collect();
    let differs = |path: &&str| {
        let mut values = rows.iter().map(|row| row.get(*path));
        let first = values.next();
        values.any(|value| Some(value) != first)
    };
    paths.into_iter().filter(differs).collect()
}

/// Where a row stands out among the others: by path, if any. The target is nobody's
/// figure: it differs by its nature.
pub fn outliers(rows: &[Cells]) -> Vec<Option<String>> {
    let mut found = vec![None; rows.len()];
    if rows.len() < MIN_FOR_OUTLIERS {
        return found;
    }
    for path in varying(rows).into_iter().filter(|path| *path != TARGET) {
        let column: Vec<_> = rows.iter().map(|row| row.get(path)).collect();
        for (row, stands_out) in standing_out(&column).into_iter().enumerate() {
            if stands_out && let Some(at @ None) = found.get_mut(row) {
                *at = Some(path.to_owned());
            }
        }
    }
    found
}

/// Of numbers those far from the middle half; of other values those that are not what
/// three quarters say.
fn standing_out(column: &[Option<&Value>]) -> Vec<bool> {
    let numbers: Option<Vec<f64>> = column.iter().map(|it| it.and_then(number)).collect();
    if let Some(numbers) = numbers
        && let Some((least, most)) = fences(&numbers)
    {
        return numbers.iter().map(|number| *number < least || *number > most).collect();
    }
    let usual = column.iter().find(|value| {
        let same = column.iter().filter(|other| other == value).count();
        same * 4 >= column.len() * 3
    });
    column.iter().map(|value| usual.is_some_and(|usual| usual != value)).collect()
}

/// A number, also where it is written as a text, as amounts are.
fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    number.filter(|it| it.is_finite())
}

/// Between which numbers one does not stand out; none: most are the same.
fn fences(numbers: &[f64]) -> Option<(f64, f64)> {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let quarter = |share: f64| {
        let place = share * (sorted.len() - 1) as f64;
        let at = |place: f64| sorted.get(place as usize).copied();
        let (below, above) = (at(place.floor())?, at(place.ceil())?);
        Some(below + (above - below) * place.fract())
    };
    let (low, high) = (quarter(0.25)?, quarter(0.75)?);
    let reach = FENCE * (high - low);
    (reach > 0.0).then_some((low - reach, high + reach))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rows(values: &[Value]) -> Vec<Cells> {
        let of = |value: &Value| cells("x", value.as_object().unwrap());
        values.iter().map(of).collect()
    }

    fn standing_out(values: &[Value]) -> Vec<Option<String>> {
        outliers(&rows(values))
    }

    #[test]
    fn only_what_differs_is_a_column() {
        let rows = rows(&[
            json!({"amount": 1, "to": {"iban": "A", "items": [1, 2]}, "note": "same"}),
            json!({"amount": 2, "to": {"iban": "A", "items": [1, 3]}, "note": "same", "more": true}),
        ]);
        assert_eq!(varying(&rows), ["arguments.amount", "arguments.more", "arguments.to.items.1"]);
    }

    #[test]
    fn a_number_far_from_the_middle_half_stands_out_and_so_does_another_word() {
        let amounts = |amounts: [i32; 5]| standing_out(&amounts.map(|it| json!({"amount": it})));
        let at = Some("arguments.amount".to_owned());
        assert_eq!(amounts([10, 11, 12, 13, 900]), [None, None, None, None, at.clone()]);
        assert_eq!(amounts([10, 20, 30, 40, 50]), [None, None, None, None, None]);
        assert_eq!(amounts([10, 10, 10, 10, 11]), [None, None, None, None, at]);
        let written = ["1.00", "1.50", "1.20", "90.00"].map(|it| json!({"amount": it}));
        assert_eq!(standing_out(&written)[3].as_deref(), Some("arguments.amount"));
        let currencies = ["EUR", "EUR", "EUR", "USD"].map(|it| json!({"currency": it}));
        assert_eq!(standing_out(&currencies)[3].as_deref(), Some("arguments.currency"));
        let names = ["a", "b", "c", "d"].map(|it| json!({"name": it}));
        assert_eq!(standing_out(&names), [None, None, None, None]);
    }

    #[test]
    fn among_few_none_stands_out() {
        let few = [1, 1, 900].map(|it| json!({"amount": it}));
        assert_eq!(standing_out(&few), [None, None, None]);
    }
}

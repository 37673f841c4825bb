//! Lengths of time as documents write them.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::domain::time::Span;

/// `90s`, `30m`, `24h` or `7d`; at least a second, at most ten years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Period(pub(super) Span);

impl TryFrom<String> for Period {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("`{text}`: want such as 90s, 30m, 24h or 7d");
        let unit = text.chars().last().ok_or_else(wrong)?;
        let seconds = match unit {
            's' => 1,
            'm' => 60,
            'h' => 60 * 60,
            'd' => 24 * 60 * 60,
            _ => return Err(wrong()),
        };
        let count = text.strip_suffix(unit).and_then(|count| count.parse::<i64>().ok());
        let most = 10 * 366 * 24 * 60 * 60 / seconds;
        let count = count.filter(|count| (1..=most).contains(count)).ok_or_else(wrong)?;
        Ok(Self(Span::from_secs(count * seconds)))
    }
}

impl JsonSchema for Period {
    fn schema_name() -> Cow<'static, str> {
        "Period".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[0-9]+[smhd]$",
            "description": "A length of time: `90s`, `30m`, `24h` or `7d`; at least a second, at most ten years."
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn periods_are_bounded(count: i64, unit in "[smhdé]?") {
            if let Ok(period) = Period::try_from(format!("{count}{unit}")) {
                prop_assert!(period.0 >= Span::from_secs(1));
            }
        }
    }
}

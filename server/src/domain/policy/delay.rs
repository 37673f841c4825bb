//! What it costs to wait for a person.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::period::Period;
use crate::domain::money::Money;
use crate::domain::time::Span;

/// The longest code of a currency.
const MAX_CURRENCY: usize = 8;

/// What it costs to wait for a person.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DelayCost")]
pub(super) struct DelayCostSource {
    /// So much.
    amount: f64,
    /// In this currency, such as `EUR`.
    currency: String,
    /// For each so long, such as `1m`.
    per: Period,
}

/// What it costs to wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DelayCost {
    /// So much.
    pub money: Money,
    /// For each so long.
    pub per: Span,
}

impl DelayCost {
    pub(super) fn compile(source: &DelayCostSource) -> Result<Self, String> {
        let DelayCostSource { amount, currency, per } = source;
        if !amount.is_finite() || *amount <= 0.0 {
            return Err("want an amount above 0".to_owned());
        }
        let is_code = currency.bytes().all(|byte| byte.is_ascii_alphabetic());
        if !is_code || !(1..=MAX_CURRENCY).contains(&currency.len()) {
            return Err(format!("currency: want 1 to {MAX_CURRENCY} letters"));
        }
        if per.0 <= Span::ZERO {
            return Err("per: want a time above 0".to_owned());
        }
        Ok(Self { money: Money::new(*amount, Some(currency)), per: per.0 })
    }

    /// What a wait has cost.
    pub fn of(&self, waited: Span) -> Money {
        let periods = waited.as_micros().max(0) as f64 / self.per.as_micros().max(1) as f64;
        Money::new(self.money.units() * periods, self.money.currency.as_deref())
    }
}

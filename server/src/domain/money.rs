//! Amounts of money, as far as limits need them.

use serde::{Deserialize, Serialize};

/// How many parts a unit of a currency has here: millionths.
const PARTS: f64 = 1_000_000.0;

/// An amount in a currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// In millionths of the currency's unit, without a sign; the largest number stands
    /// for all that are larger.
    pub micros: u64,
    /// The currency's code in capitals; none: the catalogue names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
}

impl Money {
    /// An amount of so many units; its sign does not matter.
    pub fn new(units: f64, currency: Option<&str>) -> Self {
        // A float beyond the range becomes the largest number: more than any limit.
        let micros = (units.abs() * PARTS).round() as u64;
        let currency = currency.map(str::to_uppercase);
        Self { micros: if units.is_nan() { u64::MAX } else { micros }, currency }
    }

    /// In units of the currency.
    pub fn units(&self) -> f64 {
        self.micros as f64 / PARTS
    }

    /// Whether a limit admits the amount: in the same currency, and no larger. Nothing
    /// is converted.
    pub fn is_within(&self, limit: &Self) -> bool {
        self.currency == limit.currency && self.micros <= limit.micros && self.micros != u64::MAX
    }
}

impl std::fmt::Display for Money {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.units())?;
        self.currency.as_ref().map_or(Ok(()), |currency| write!(f, " {currency}"))
    }
}

/// How much money an answer is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stake {
    /// The catalogue names no amount of the tool.
    #[default]
    Unpriced,
    /// This much.
    Amount(Money),
    /// The catalogue names an amount, and there is no number: it may be any.
    Unknown,
}

impl Stake {
    /// Whether there is none to look at.
    pub const fn is_unpriced(&self) -> bool {
        matches!(self, Self::Unpriced)
    }
}

impl std::fmt::Display for Stake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unpriced => f.write_str("no amount"),
            Self::Amount(money) => money.fmt(f),
            Self::Unknown => f.write_str("an unknown amount"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_admits_its_own_currency_up_to_itself() {
        let limit = Money::new(5_000.0, Some("usd"));
        assert!(Money::new(5_000.0, Some("USD")).is_within(&limit));
        assert!(Money::new(-4_999.99, Some("USD")).is_within(&limit), "its sign does not matter");
        assert!(!Money::new(5_000.01, Some("USD")).is_within(&limit));
        assert!(!Money::new(1.0, Some("EUR")).is_within(&limit), "nothing is converted");
        assert!(!Money::new(1.0, None).is_within(&limit));
        assert!(Money::new(1.0, None).is_within(&Money::new(2.0, None)));
    }

    #[test]
    fn what_is_no_amount_is_above_every_limit() {
        let most = Money::new(f64::MAX, None);
        for units in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e30] {
            assert!(!Money::new(units, None).is_within(&most), "{units}");
        }
    }
}

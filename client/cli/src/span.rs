//! Spans of time on the command line: `90s`, `30m`, `1h30m`, `7d`.

use std::time::Duration;

/// Reads numbers with units; a bare number is refused, for nobody knows its unit.
pub(crate) fn parse_span(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a span of time such as 90s, 30m, 1h30m or 7d");
    let mut total = Duration::ZERO;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, behind) = rest.split_at(digits);
        let unit_end = behind.find(|c: char| c.is_ascii_digit()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(unit_end);
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let millis = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(wrong()),
        };
        let part = number.checked_mul(millis).map(Duration::from_millis).ok_or_else(wrong)?;
        total = total.checked_add(part).ok_or_else(wrong)?;
        rest = behind;
    }
    if total.is_zero() { Err(wrong()) } else { Ok(total) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read() {
        let cases = [("90s", 90_000), ("1h30m", 5_400_000), ("250ms", 250), ("7d", 604_800_000)];
        for (text, millis) in cases {
            assert_eq!(parse_span(text), Ok(Duration::from_millis(millis)));
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in ["", "10", "s", "1w", "-1s", "1.5s", "0s", "99999999999999999999d", "5m3"] {
            assert!(parse_span(text).is_err(), "{text}");
        }
    }
}

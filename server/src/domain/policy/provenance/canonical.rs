//! The one form in which two spellings of the same thing are equal.
//!
//! Only differences that cannot lead to another thing are levelled: letter case
//! of words and host names, the scheme, `www.` and last slash of a URL, the
//! grouping and trailing zeros of a number. Characters that look alike stay
//! different, and so do invisible ones.

use std::borrow::Cow;

/// Signs that may stand before or behind a number.
const AROUND_NUMBERS: [char; 5] = ['$', '€', '£', '¥', '%'];

/// The canonical form of one word.
pub(super) fn word(word: &str) -> Cow<'_, str> {
    let word = strip_possessive(word);
    if let Some(number) = number(word) {
        return Cow::Owned(number);
    }
    if let Some(url) = url(word) {
        return Cow::Owned(url);
    }
    fold(word)
}

/// Small letters. A letter that would turn into ASCII keeps its form: the Kelvin
/// sign is no `k`.
pub(super) fn fold(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii()) {
        return Cow::Borrowed(text);
    }
    let mut folded = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_ascii() {
            folded.push(letter.to_ascii_lowercase());
        } else if letter.to_lowercase().any(|lower| lower.is_ascii()) {
            folded.push(letter);
        } else {
            folded.extend(letter.to_lowercase());
        }
    }
    Cow::Owned(folded)
}

fn strip_possessive(word: &str) -> &str {
    ["'s", "’s", "'S"]
        .iter()
        .find_map(|ending| word.strip_suffix(ending))
        .filter(|rest| !rest.is_empty())
        .unwrap_or(word)
}

/// A number without grouping, sign of currency and needless zeros: `1,000.00`,
/// `1000.0` and `$1000` are `1000`. Digits with a leading zero are a code, not a
/// number.
pub(super) fn number(word: &str) -> Option<String> {
    let bare = word.trim_matches(AROUND_NUMBERS);
    let (sign, bare) = match bare.strip_prefix('-') {
        Some(rest) => ("-", rest.trim_start_matches(AROUND_NUMBERS)),
        None => ("", bare.strip_prefix('+').unwrap_or(bare)),
    };
    let is_numeric = bare.bytes().all(|byte| byte.is_ascii_digit() || b",.".contains(&byte));
    if !is_numeric || !bare.bytes().next()?.is_ascii_digit() {
        return None;
    }
    let (whole, fraction) = split_number(bare)?;
    if whole.len() > 1 && whole.starts_with('0') {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let sign = if whole == "0" && fraction.is_empty() { "" } else { sign };
    Some(if fraction.is_empty() {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{fraction}")
    })
}

/// The whole digits and those of the fraction.
fn split_number(bare: &str) -> Option<(String, &str)> {
    let (dot, comma) = (bare.rfind('.'), bare.rfind(','));
    let decimal = match (dot, comma) {
        (Some(dot), Some(comma)) => Some(dot.max(comma)),
        (Some(dot), None) if bare.find('.') == Some(dot) => Some(dot),
        (None, Some(comma)) if bare.len() - comma <= 3 && bare.find(',') == Some(comma) => {
            Some(comma)
        }
        _ => None,
    };
    let (whole, fraction) = match decimal {
        Some(at) => (bare.get(..at)?, bare.get(at + 1..)?),
        None => (bare, ""),
    };
    if fraction.is_empty() && decimal.is_some() {
        return None;
    }
    let grouped: Vec<_> = whole.split([',', '.']).collect();
    let is_grouped = grouped.iter().skip(1).all(|group| group.len() == 3)
        && grouped.first().is_some_and(|first| !first.is_empty())
        && (grouped.len() == 1 || grouped.first().is_some_and(|first| first.len() <= 3));
    (is_grouped && !fraction.contains([',', '.'])).then(|| (grouped.concat(), fraction))
}

/// A URL without scheme, `www.` and last slash; its host in small letters, its
/// path as it is.
fn url(word: &str) -> Option<String> {
    let (bare, is_marked) = strip_scheme(word);
    let host_end = bare.find(['/', '?', '#']).unwrap_or(bare.len());
    let (host, path) = bare.split_at(host_end);
    let is_host = host.contains('.') && host.bytes().all(is_host_byte);
    if !is_host || (!is_marked && path.is_empty()) {
        return None;
    }
    let mut url = host.to_ascii_lowercase();
    url.push_str(path.trim_end_matches('/'));
    Some(url)
}

fn strip_scheme(word: &str) -> (&str, bool) {
    let strip = |text, prefix: &str| -> Option<&str> {
        let head = str::get(text, ..prefix.len())?;
        if head.eq_ignore_ascii_case(prefix) { str::get(text, prefix.len()..) } else { None }
    };
    let schemeless = strip(word, "https://").or_else(|| strip(word, "http://"));
    let bare = schemeless.unwrap_or(word);
    match strip(bare, "www.") {
        Some(bare) => (bare, true),
        None => (bare, schemeless.is_some()),
    }
}

const fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':')
}

/// The parts of an ISO date: year, month, day.
pub(super) fn iso_date(text: &str) -> Option<(u32, u32, u32)> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let is_date = parts.next().is_none() && year.len() == 4 && month.len() == 2 && day.len() == 2;
    let (year, month, day) = (year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
    (is_date && (1..=12).contains(&month) && (1..=31).contains(&day)).then_some((year, month, day))
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// The other ways to write a date, each a phrase. A date with slashes counts only
/// where day and month cannot be taken for each other.
pub(super) fn date_phrases((year, month, day): (u32, u32, u32)) -> Vec<String> {
    let Some(name) = MONTHS.get(month as usize - 1) else { return Vec::new() };
    let ordinal = match (day % 10, day / 10) {
        (_, 1) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    let mut phrases = Vec::new();
    for name in [*name, name.get(..3).unwrap_or(name)] {
        for ordinal in ["", ordinal] {
            phrases.push(format!("{name} {day}{ordinal} {year}"));
            phrases.push(format!("{day}{ordinal} {name} {year}"));
            phrases.push(format!("{day}{ordinal} of {name} {year}"));
        }
    }
    phrases.push(format!("{year}/{month:02}/{day:02}"));
    phrases.push(format!("{day:02}.{month:02}.{year}"));
    phrases.push(format!("{day}.{month}.{year}"));
    if day > 12 || day == month {
        for (one, other) in [(day, month), (month, day)] {
            phrases.push(format!("{one}/{other}/{year}"));
            phrases.push(format!("{one:02}/{other:02}/{year}"));
        }
    }
    phrases
}

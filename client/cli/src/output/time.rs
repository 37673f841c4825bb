//! Times: RFC 3339 in data, spans for people.

use std::time::Duration;

use prost_types::Timestamp;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

/// The time as RFC 3339 in UTC; none if it is out of range.
pub(crate) fn rfc3339(time: &Timestamp) -> Option<String> {
    moment(time)?.format(&Rfc3339).ok()
}

/// The hour and minute in UTC, with the date where it is another day than `now`.
pub(crate) fn clock(time: &Timestamp, now: Option<&Timestamp>) -> String {
    let Some(moment) = moment(time) else {
        return "?".into();
    };
    let is_today = now.and_then(self::moment).is_some_and(|now| now.date() == moment.date());
    let shown = if is_today {
        moment.format(format_description!("[hour]:[minute] UTC"))
    } else {
        moment.format(format_description!("[year]-[month]-[day] [hour]:[minute] UTC"))
    };
    shown.unwrap_or_else(|_| "?".into())
}

/// The time to the second in UTC, with the date where it is another day than `now`.
pub(crate) fn second(time: &Timestamp, now: &Timestamp) -> String {
    let Some(moment) = moment(time) else {
        return "?".into();
    };
    let is_today = self::moment(now).is_some_and(|now| now.date() == moment.date());
    let shown = if is_today {
        moment.format(format_description!("[hour]:[minute]:[second]"))
    } else {
        moment.format(format_description!("[year]-[month]-[day] [hour]:[minute]:[second]"))
    };
    shown.unwrap_or_else(|_| "?".into())
}

/// Reads RFC 3339, as error metadata carries it.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    let nanos = i32::try_from(moment.nanosecond()).ok()?;
    Some(Timestamp { seconds: moment.unix_timestamp(), nanos })
}

/// This machine's clock, where no server has told the time.
pub(crate) fn local_now() -> Timestamp {
    let now = OffsetDateTime::now_utc();
    let nanos = i32::try_from(now.nanosecond()).unwrap_or_default();
    Timestamp { seconds: now.unix_timestamp(), nanos }
}

/// A span after a time.
pub(crate) fn after(time: &Timestamp, span: Duration) -> Timestamp {
    let seconds = i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
    Timestamp { seconds: time.seconds.saturating_add(seconds), nanos: time.nanos }
}

/// How long until `time`: `3m40s`, or `2m late`.
pub(crate) fn until(time: Option<&Timestamp>, now: &Timestamp) -> String {
    let Some(time) = time else {
        return "–".into();
    };
    let seconds = time.seconds.saturating_sub(now.seconds);
    if seconds < 0 { format!("{} late", span(-seconds)) } else { span(seconds) }
}

/// How long since `time`: `3m40s ago`.
pub(crate) fn since(time: Option<&Timestamp>, now: &Timestamp) -> String {
    match time {
        Some(time) => format!("{} ago", span(now.seconds.saturating_sub(time.seconds).max(0))),
        None => "–".into(),
    }
}

/// A span in at most two units.
pub(crate) fn span(seconds: i64) -> String {
    let (minute, hour, day) = (60, 3600, 86_400);
    match seconds {
        ..60 => format!("{seconds}s"),
        60..600 => two(seconds / minute, "m", seconds % minute, "s"),
        600..3600 => format!("{}m", seconds / minute),
        3600..86_400 => two(seconds / hour, "h", seconds % hour / minute, "m"),
        _ if seconds < 10 * day => two(seconds / day, "d", seconds % day / hour, "h"),
        _ => format!("{}d", seconds / day),
    }
}

fn two(major: i64, major_unit: &str, minor: i64, minor_unit: &str) -> String {
    if minor == 0 {
        format!("{major}{major_unit}")
    } else {
        format!("{major}{major_unit}{minor}{minor_unit}")
    }
}

fn moment(time: &Timestamp) -> Option<OffsetDateTime> {
    let nanos = i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos);
    OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()
}

#[cfg(test)]
mod tests;

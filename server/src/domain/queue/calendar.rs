//! When people are on duty, and how time is counted then.
//!
//! A moment is open if the clock on the wall of the calendar's zone shows, at that
//! moment, a time within the hours of a day that is no holiday. That is all there is to
//! changes of clocks: an hour that the clock skips is never open, an hour that it shows
//! twice is open twice.

use std::collections::BTreeSet;

use jiff::Timestamp as Moment;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::domain::time::{Span, Timestamp};

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_MINUTE: i64 = 60 * MICROS_PER_SECOND;
const MICROS_PER_DAY: i64 = 24 * 60 * MICROS_PER_MINUTE;
/// 1970-01-01 was a Thursday; a week begins with Monday here.
const EPOCH_WEEKDAY: i64 = 3;

/// When people are on duty.
#[derive(Clone, Debug, PartialEq)]
pub struct Calendar {
    zone: TimeZone,
    /// For each day of the week, from Monday on: from which minute to which, in order.
    hours: [Vec<(u32, u32)>; 7],
    /// Days after 1970-01-01.
    holidays: BTreeSet<i64>,
}

impl Calendar {
    /// A calendar of hours that are in order and do not overlap.
    pub(super) fn new(zone: TimeZone, hours: [Vec<(u32, u32)>; 7], holidays: &[Date]) -> Self {
        let epoch = Date::constant(1970, 1, 1);
        let day = |date: &Date| date.duration_since(epoch).as_hours() / 24;
        Self { zone, hours, holidays: holidays.iter().map(day).collect() }
    }

    /// The name of the zone.
    pub fn zone_name(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    /// The moment by which `span` of open time has passed since `start`; at the latest
    /// `horizon`. The end of an hour counts as within it: eight hours that begin as the
    /// day does end with it, not on the next morning.
    pub fn after(&self, start: Timestamp, span: Span, horizon: Timestamp) -> Timestamp {
        let mut left = span.as_micros();
        if left <= 0 {
            return start.min(horizon);
        }
        for (from, until) in self.open(start, horizon) {
            let length = until.since(from).as_micros();
            if length >= left {
                return from.plus(Span::from_micros(left));
            }
            left -= length;
        }
        horizon
    }

    /// How much open time there is between two moments.
    pub fn open_time(&self, from: Timestamp, until: Timestamp) -> Span {
        let open = self.open(from, until).map(|(from, until)| until.since(from).as_micros());
        Span::from_micros(open.sum())
    }

    /// When the first open time begins that is not before `start`; at the latest
    /// `horizon`.
    pub fn first_open(&self, start: Timestamp, horizon: Timestamp) -> Timestamp {
        self.open(start, horizon).next().map_or(horizon, |(from, _)| from)
    }

    /// The open stretches between two moments, in order.
    fn open(
        &self,
        from: Timestamp,
        until: Timestamp,
    ) -> impl Iterator<Item = (Timestamp, Timestamp)> {
        Days { calendar: self, at: from.as_micros(), until: until.as_micros(), stretch: None }
            .flat_map(|day| self.open_of(day))
    }

    /// The open stretches of a day, or of the part of it that one offset holds for.
    fn open_of(&self, day: Day) -> impl Iterator<Item = (Timestamp, Timestamp)> {
        let weekday = usize::try_from((day.number + EPOCH_WEEKDAY).rem_euclid(7)).unwrap_or(0);
        let hours = self.hours.get(weekday).filter(|_| !self.holidays.contains(&day.number));
        let midnight = day.number * MICROS_PER_DAY - day.offset;
        hours.into_iter().flatten().filter_map(move |(from, until)| {
            let from = (midnight + i64::from(*from) * MICROS_PER_MINUTE).max(day.from);
            let until = (midnight + i64::from(*until) * MICROS_PER_MINUTE).min(day.until);
            let stretch = (Timestamp::from_micros(from), Timestamp::from_micros(until));
            (from < until).then_some(stretch)
        })
    }
}

/// A day by the clock on the wall, or the part of it that one offset holds for.
#[derive(Clone, Copy)]
struct Day {
    /// Days after 1970-01-01.
    number: i64,
    /// What the clock is ahead of UTC.
    offset: i64,
    from: i64,
    until: i64,
}

/// The days between two moments.
struct Days<'a> {
    calendar: &'a Calendar,
    at: i64,
    until: i64,
    /// The offset that holds now, and until when.
    stretch: Option<(i64, i64)>,
}

impl Iterator for Days<'_> {
    type Item = Day;

    fn next(&mut self) -> Option<Day> {
        if self.at >= self.until {
            return None;
        }
        let (offset, ends) = match self.stretch {
            Some(stretch) if self.at < stretch.1 => stretch,
            _ => self.calendar.stretch_at(self.at)?,
        };
        self.stretch = Some((offset, ends));
        let number = (self.at + offset).div_euclid(MICROS_PER_DAY);
        let midnight = (number + 1) * MICROS_PER_DAY - offset;
        let until = midnight.min(ends).min(self.until);
        let day = Day { number, offset, from: self.at, until };
        self.at = until;
        Some(day)
    }
}

impl Calendar {
    /// What the clock is ahead of UTC at a moment, and until when. None beyond the
    /// years that calendars are made for.
    fn stretch_at(&self, at: i64) -> Option<(i64, i64)> {
        let instant = Moment::from_microsecond(at).ok()?;
        let offset = i64::from(self.zone.to_offset(instant).seconds()) * MICROS_PER_SECOND;
        let next = self.zone.following(instant).next();
        Some((offset, next.map_or(i64::MAX, |next| next.timestamp().as_microsecond())))
    }
}

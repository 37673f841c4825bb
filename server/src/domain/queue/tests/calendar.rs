//! Business time against an oracle that looks at the clock on the wall every minute,
//! around changes of clocks.

use std::collections::BTreeSet;

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp as Instant, ToSpan as _};
use proptest::prelude::*;

use super::super::calendar::Calendar;
use super::super::compile::zone;
use crate::domain::time::{Span, Timestamp};

const MINUTE: i64 = 60 * 1_000_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// Zones whose clocks do what clocks can: by an hour, by half an hour, by two hours, at
/// midnight, over the date line, in the middle of Ramadan, and never.
const ZONES: [&str; 11] = [
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
    "Antarctica/Troll",
    "Africa/Casablanca",
    "Asia/Gaza",
    "Pacific/Apia",
    "Asia/Kathmandu",
    "UTC",
];

/// A calendar, and all that the oracle knows of it.
#[derive(Clone, Debug)]
struct Made {
    zone: TimeZone,
    hours: [Vec<(u32, u32)>; 7],
    holidays: BTreeSet<Date>,
}

impl Made {
    fn calendar(&self) -> Calendar {
        let holidays: Vec<_> = self.holidays.iter().copied().collect();
        Calendar::new(self.zone.clone(), self.hours.clone(), &holidays)
    }

    /// Whether the minute that begins at a moment is open.
    fn is_open(&self, at: i64) -> bool {
        let shown = Instant::from_microsecond(at).unwrap().to_zoned(self.zone.clone());
        let minute = u32::try_from(i64::from(shown.hour()) * 60 + i64::from(shown.minute()));
        let minute = minute.unwrap();
        let weekday = usize::try_from(shown.weekday().to_monday_zero_offset()).unwrap();
        !self.holidays.contains(&shown.date())
            && self.hours[weekday].iter().any(|(from, to)| (*from..*to).contains(&minute))
    }

    /// How many minutes are open, looked at one by one.
    fn open_minutes(&self, from: i64, until: i64) -> i64 {
        let minutes = (from..until).step_by(usize::try_from(MINUTE).unwrap());
        i64::try_from(minutes.filter(|at| self.is_open(*at)).count()).unwrap()
    }

    /// The end of the minute in which so many minutes were open.
    fn after(&self, start: i64, minutes: i64, horizon: i64) -> i64 {
        let mut left = minutes;
        let mut at = start;
        while left > 0 && at < horizon {
            left -= i64::from(self.is_open(at));
            at += MINUTE;
        }
        at
    }
}

prop_compose! {
    fn day_hours()(mut cuts in proptest::collection::vec(0_u32..=24 * 60, 0..=4)) -> Vec<(u32, u32)> {
        cuts.sort_unstable();
        cuts.dedup();
        cuts.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
    }
}

prop_compose! {
    /// A calendar, and a minute near a change of its clock.
    fn made()(
        name in proptest::sample::select(&ZONES[..]),
        hours in proptest::array::uniform7(day_hours()),
        year in 2009_i16..2032,
        change in 0_usize..4,
        minutes_off in -3 * 24 * 60_i64..3 * 24 * 60,
        days_off in proptest::collection::btree_set(-3_i64..4, 0..2),
    ) -> (Made, i64) {
        let zone = zone(name).unwrap();
        let newyear = Date::constant(2000, 1, 1).with().year(year).build().unwrap();
        let newyear = newyear.to_zoned(TimeZone::UTC).unwrap().timestamp();
        let change = zone.following(newyear).nth(change).map_or(newyear, |it| it.timestamp());
        let start = change.as_microsecond() / MINUTE * MINUTE + minutes_off * MINUTE;
        let date = change.to_zoned(zone.clone()).date();
        let holidays = days_off.into_iter().map(|off| date.checked_add(off.days()).unwrap());
        (Made { zone, hours, holidays: holidays.collect() }, start)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn business_time_is_what_the_clock_on_the_wall_shows(
        (made, start) in made(),
        minutes in 1_i64..3_000,
        length in 1_i64..4_000,
    ) {
        let (calendar, horizon) = (made.calendar(), start + length * MINUTE);
        let open = calendar.open_time(Timestamp::from_micros(start), Timestamp::from_micros(horizon));
        prop_assert_eq!(open.as_micros(), made.open_minutes(start, horizon) * MINUTE);
        let span = Span::from_micros(minutes * MINUTE);
        let after = calendar.after(Timestamp::from_micros(start), span, Timestamp::from_micros(horizon));
        prop_assert_eq!(after.as_micros(), made.after(start, minutes, horizon));
    }

    #[test]
    fn business_time_adds_up_and_never_goes_back(
        (made, start) in made(),
        spans in [0_i64..2_000_000_000_000, 0_i64..2_000_000_000_000],
    ) {
        let calendar = made.calendar();
        let start = Timestamp::from_micros(start);
        let horizon = start.plus(Span::from_micros(40 * DAY));
        let [a, b] = spans.map(Span::from_micros);
        let both = Span::from_micros(a.as_micros() + b.as_micros());
        let first = calendar.after(start, a, horizon);
        let second = calendar.after(first, b, horizon);
        prop_assert_eq!(second, calendar.after(start, both, horizon));
        prop_assert!(start <= first && first <= second && second <= horizon);
        if second < horizon {
            prop_assert_eq!(calendar.open_time(start, second), both);
        }
        let began = calendar.first_open(start, horizon);
        prop_assert_eq!(calendar.open_time(start, began), Span::ZERO);
    }
}

fn weekdays(from: u32, to: u32) -> [Vec<(u32, u32)>; 7] {
    let day = |number| if number < 5 { vec![(from, to)] } else { Vec::new() };
    std::array::from_fn(day)
}

fn at(text: &str) -> Timestamp {
    Timestamp::from_micros(text.parse::<Instant>().unwrap().as_microsecond())
}

#[test]
fn a_friday_afternoon_goes_on_on_monday_also_over_a_change_of_clocks() {
    // The clock goes ahead on the Sunday between.
    let zone = zone("Europe/Berlin").unwrap();
    let calendar = Calendar::new(zone, weekdays(9 * 60, 17 * 60), &[]);
    let far = at("2030-01-01T00:00:00Z");
    let friday = at("2026-03-27T15:30:00Z");
    let two_hours = calendar.after(friday, Span::from_secs(2 * 3_600), far);
    assert_eq!(two_hours, at("2026-03-30T08:30:00Z"));
    let half_hour = calendar.after(friday, Span::from_secs(1_800), far);
    assert_eq!(half_hour, at("2026-03-27T16:00:00Z"), "the end of a day is within it");
}

#[test]
fn an_hour_that_the_clock_shows_twice_is_open_twice_and_a_skipped_one_never() {
    let zone = zone("Europe/Berlin").unwrap();
    let sundays = std::array::from_fn(|day| if day == 6 { vec![(120, 180)] } else { Vec::new() });
    let calendar = Calendar::new(zone, sundays, &[]);
    let open = |day: &str| {
        let from = at(&format!("{day}T00:00:00Z"));
        calendar.open_time(from, from.plus(Span::from_micros(DAY / 2))).as_micros() / MINUTE
    };
    assert_eq!(open("2026-10-18"), 60);
    assert_eq!(open("2026-10-25"), 120);
    assert_eq!(open("2026-03-29"), 0);
}

#[test]
fn holidays_have_no_hours_and_years_without_end_stop_at_the_horizon() {
    let zone = zone("America/New_York").unwrap();
    let july = Date::constant(2026, 7, 3);
    assert_eq!(july.weekday(), Weekday::Friday);
    let calendar = Calendar::new(zone, weekdays(9 * 60, 17 * 60), &[july]);
    let thursday = at("2026-07-02T20:00:00Z");
    let hour = calendar.after(thursday, Span::from_secs(2 * 3_600), at("2030-01-01T00:00:00Z"));
    assert_eq!(hour, at("2026-07-06T14:00:00Z"));
    let last = Timestamp::from_micros(i64::MAX);
    assert_eq!(calendar.after(last, Span::from_secs(1), last), last);
}

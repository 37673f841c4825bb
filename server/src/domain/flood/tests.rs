//! Buckets and floods, at any time and rate.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;

const START: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

fn at(micros: i64) -> Timestamp {
    START.plus(Span::from_micros(micros))
}

fn limits() -> FloodLimits {
    FloodLimits::default()
}

proptest! {
    #[test]
    fn no_stretch_of_time_holds_more_than_the_burst_and_the_rate(
        per_minute in 1_u32..100_000,
        burst in 1_u32..50,
        gaps in proptest::collection::vec(0_i64..2_000_000, 1..300),
    ) {
        let (rate, mut bucket, mut now) = (Rate { per_minute, burst }, Bucket::default(), 0);
        let mut taken = Vec::new();
        for gap in gaps {
            now += gap;
            if bucket.take(rate, at(now)).is_ok() {
                taken.push(now);
            }
        }
        for (first, from) in taken.iter().enumerate() {
            for (last, to) in taken.iter().enumerate().skip(first) {
                let count = i64::try_from(last - first + 1).unwrap();
                let interval = 60_000_000 / i64::from(per_minute);
                prop_assert!(count <= i64::from(burst) + (to - from) / interval);
            }
        }
    }

    #[test]
    fn there_is_a_token_when_it_is_promised_and_not_before(
        per_minute in 1_u32..100_000,
        burst in 1_u32..50,
    ) {
        let (rate, mut bucket) = (Rate { per_minute, burst }, Bucket::default());
        for _ in 0..burst {
            prop_assert_eq!(bucket.take(rate, START), Ok(()));
        }
        let wait = bucket.take(rate, START).unwrap_err();
        let early = START.plus(Span::from_micros(wait.as_micros() - 1));
        prop_assert!(bucket.take(rate, early).is_err());
        prop_assert_eq!(bucket.take(rate, START.plus(wait)), Ok(()));
    }

    #[test]
    fn what_is_given_back_was_never_taken(per_minute in 1_u32..1_000, burst in 2_u32..50) {
        let (rate, mut bucket) = (Rate { per_minute, burst }, Bucket::default());
        bucket.take(rate, START).unwrap();
        let before = bucket;
        bucket.take(rate, START).unwrap();
        bucket.give_back(rate);
        prop_assert_eq!(bucket, before);
    }

    #[test]
    fn lately_is_between_nothing_and_everything(
        steps in proptest::collection::vec((0_i64..900_000_000, 0_u64..100), 1..50),
        later in 0_i64..2_000_000_000,
    ) {
        let (mut pace, mut now, mut sum) = (Pace::default(), 0, 0);
        for (gap, count) in steps {
            now += gap;
            pace.add(count, at(now), limits().window);
            sum += count;
        }
        let lately = pace.lately(at(now + later), limits().window);
        prop_assert!(lately <= sum);
        if later >= 1_200_000_000 {
            prop_assert_eq!(lately, 0);
        }
    }

    #[test]
    fn the_rate_that_is_not_limited_never_refuses(burst: u32, times in 1_usize..100) {
        let mut bucket = Bucket::default();
        for _ in 0..times {
            prop_assert_eq!(bucket.take(Rate { per_minute: 0, burst }, START), Ok(()));
        }
    }
}

#[test]
fn an_empty_bucket_fills_with_time() {
    let (rate, mut bucket) = (Rate { per_minute: 60, burst: 3 }, Bucket::default());
    for _ in 0..3 {
        bucket.take(rate, START).unwrap();
    }
    assert_eq!(bucket.take(rate, START), Err(Span::from_secs(1)));
    assert!(!bucket.is_full(START.plus(Span::from_secs(2))));
    assert!(bucket.is_full(START.plus(Span::from_secs(3))));
}

#[test]
fn a_flood_begins_above_one_figure_and_ends_below_a_smaller_one() {
    let (run, limits) = (RunId::new(Uuid::from_u128(1)), limits());
    let mut refused = Refused::new(run, START);
    let mut flood = Flood::new("agent", &refused);
    for number in 0..10 {
        refused.add(run, "pay", &format!("rule-{number}"), START);
    }
    flood.add(&refused, &limits);
    assert!(!flood.has_begun(START, &limits) && !flood.is_over(START, &limits));
    let mut one = Refused::new(run, START);
    one.add(run, "pay", "rule-0", START);
    flood.add(&one, &limits);
    assert!(flood.has_begun(START, &limits) && flood.outgrew_its_card());
    assert_eq!((flood.counts.total, flood.counts.by_rule.len()), (11, 8));
    assert_eq!(flood.counts.by_rule["rule-0"], 2);
    flood.is_let_go = true;
    assert!(flood.is_doubled(at(600_000_000), &limits), "all of them are of the last minutes");
    assert!(!flood.is_doubled(at(1_200_000_000), &limits));
}

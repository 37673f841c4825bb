//! One condition for every run, the gravest first, and none that time alone takes back.

use proptest::prelude::*;
use uuid::Uuid;

use super::pace::STEPS_MIN;
use super::*;

const fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

/// At work since the second 100, in the middle of a tool that takes 40 s at most.
fn mk_known() -> Known {
    Known {
        state: RunState::Running,
        held_since: None,
        ended: None,
        asked: Vec::new(),
        answered: None,
        working_since: at(100),
        heard: at(200),
        step: Step { tool: Some("pay".to_owned()), p95: Some(Span::from_secs(40)) },
        attempts: None,
        over: None,
    }
}

fn mk_asked(since: i64, is_yours: bool) -> Asked {
    let id = EscalationId::new(Uuid::from_u128(5));
    Asked { id, since: at(since), due: at(since + 60), is_yours }
}

fn standing(condition: Condition, since: i64, why: &str) -> Standing {
    Standing { condition, since: at(since), why: why.to_owned() }
}

#[test]
fn each_condition_says_since_when_and_why() {
    let mk = mk_known;
    let again = Attempts { tool: "pay".to_owned(), count: 3, first: at(150), last: at(199) };
    let asked = vec![mk_asked(180, false), mk_asked(160, true), mk_asked(170, true)];
    let to_others = vec![mk_asked(180, false)];
    use Condition::*;
    let table = [
        (mk(), 210, standing(Working, 100, "runs pay")),
        (mk(), 320, standing(Stalled, 200, "no event for 2 m, p95 of pay is 40 s")),
        (
            Known { step: Step { tool: None, p95: None }, ..mk() },
            500,
            standing(Stalled, 200, "no event for 5 m"),
        ),
        (Known { attempts: Some(again), ..mk() }, 210, standing(Retrying, 150, "pay, attempt 3")),
        (
            Known { over: Some(Budget::Time(at(190))), ..mk() },
            210,
            standing(OverBudget, 190, "it has used up its time"),
        ),
        (
            Known { answered: Some(at(195)), ..mk() },
            900,
            standing(Waiting, 195, "an answer waits for its agent to take it up"),
        ),
        (
            Known { state: RunState::Paused, held_since: Some(at(190)), ..mk() },
            900,
            standing(Paused, 190, "a person paused it"),
        ),
        (Known { asked, ..mk() }, 900, standing(NeedsYou, 160, "2 questions that you may answer")),
        (
            Known { asked: to_others, ..mk() },
            900,
            standing(NeedsOther, 180, "a question to others"),
        ),
        (
            Known { state: RunState::Succeeded, ended: Some(at(250)), ..mk() },
            900,
            standing(Done, 250, ""),
        ),
        (
            Known { state: RunState::Stopped, held_since: Some(at(240)), ..mk() },
            900,
            standing(Stopped, 240, "a person stopped it"),
        ),
    ];
    for (known, now, expected) in table {
        assert_eq!(known.judge(at(now)), expected, "{known:?}");
    }
}

#[test]
fn trying_again_is_forgotten_after_a_time() {
    let again = Attempts { tool: "pay".to_owned(), count: 2, first: at(150), last: at(200) };
    let known = Known { attempts: Some(again), heard: at(799), ..mk_known() };
    assert_eq!(known.judge(at(800)).condition, Condition::Retrying);
    assert_eq!(known.judge(at(801)).condition, Condition::Working);
}

#[test]
fn a_pace_is_known_from_enough_steps_and_forgets_the_old_ones() {
    let mut pace = Pace::default();
    let ended = |tool: &str, millis, is_failed| Fact::Ended {
        tool: tool.into(),
        took: Some(Span::from_millis(millis)),
        is_failed,
    };
    for number in 1..STEPS_MIN as u64 {
        pace.note(number, ended("pay", 10 * number as i64, number == 3));
        pace.note(number, Fact::Proposed { is_escalated: number < 3 });
    }
    pace.note(100, ended("other", 1, false));
    assert_eq!(pace.p95(Some("pay")), None);
    pace.note(101, ended("pay", 200, false));
    assert_eq!(pace.p95(Some("pay")), Some(Span::from_millis(200)));
    assert_eq!((pace.proposed(), pace.ended()), ((19, 2), (21, 1)));
    assert!(pace.forget_before(101));
    assert_eq!((pace.p95(None), pace.ended()), (None, (1, 0)));
    assert!(!pace.forget_before(102));
    for number in 0..2 * FACTS_KEPT as u64 {
        pace.note(number, Fact::Proposed { is_escalated: false });
    }
    assert_eq!(pace.proposed(), (FACTS_KEPT as u32, 0));
}

fn any_state() -> impl Strategy<Value = RunState> {
    use RunState::*;
    prop::sample::select(vec![Running, Succeeded, Failed, Cancelled, Paused, Stopped])
}

prop_compose! {
    fn any_known()(
        state in any_state(),
        held in prop::option::of(0..1_000_i64),
        asked in prop::collection::vec((0..1_000_i64, any::<bool>()), 0..4),
        answered in prop::option::of(0..1_000_i64),
        heard in 0..1_000_i64,
        p95 in prop::option::of(0..100_i64),
        again in prop::option::of((1..5_u32, 0..1_000_i64)),
        over in prop::option::of(0..1_000_i64),
    ) -> Known {
        let asked = asked.into_iter().map(|(since, is_yours)| mk_asked(since, is_yours)).collect();
        Known {
            state,
            held_since: held.map(at),
            ended: None,
            asked,
            answered: answered.map(at),
            working_since: at(0),
            heard: at(heard),
            step: Step { tool: None, p95: p95.map(Span::from_secs) },
            attempts: again.map(|(count, last)| Attempts {
                tool: "pay".to_owned(), count, first: at(0), last: at(last),
            }),
            over: over.map(|since| Budget::Time(at(since))),
        }
    }
}

proptest! {
    #[test]
    fn a_condition_began_before_now_and_a_run_that_ended_has_an_end(known in any_known()) {
        let now = at(1_000);
        let judged = known.judge(now);
        prop_assert!(judged.since <= now);
        let has_ended = !matches!(known.state, RunState::Running | RunState::Paused);
        prop_assert_eq!(judged.condition.is_end(), has_ended);
        if !has_ended && !known.asked.is_empty() {
            let is_yours = known.asked.iter().any(|it| it.is_yours);
            let wanted = if is_yours { Condition::NeedsYou } else { Condition::NeedsOther };
            prop_assert_eq!(judged.condition, wanted);
        }
    }

    #[test]
    fn once_stalled_a_run_stays_so_until_something_comes(known in any_known(), later in 0..5_000_i64) {
        let now = at(1_000);
        if known.judge(now).condition == Condition::Stalled {
            let then = known.judge(now.plus(Span::from_secs(later)));
            prop_assert_eq!(then.condition, Condition::Stalled);
            prop_assert!(known.stalls_at() <= now);
        }
    }
}

//! The life cycle, and what holds hold.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::domain::digest::sha256;
use crate::domain::run::RunState;

fn run(number: u128, above: &[u128]) -> Run {
    Run {
        id: RunId::new(Uuid::from_u128(number)),
        agent: "claims".to_owned(),
        on_behalf_of: None,
        parent: None,
        hop_count: 0,
        ancestors: Vec::new(),
        lineage: above.iter().map(|id| RunId::new(Uuid::from_u128(*id))).collect(),
        branch: 0,
        agent_stops: 0,
        fleet_stops: 0,
        constraint_sets: Vec::new(),
        state: RunState::Running,
        goal: None,
        create_time: at(0),
        overdue_time: None,
        clock_start: None,
        unexpected_results: 0,
        finish_time: None,
        revision: 1,
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn held(number: u128, kind: OverrideKind, covers_below: bool) -> Held {
    let reason = PayloadRef { id: Uuid::nil(), commitment: sha256(b""), size: 0 };
    let by = OverrideId::new(Uuid::from_u128(number));
    Held { by, kind, requester: "sam".to_owned(), time: at(1), reason, covers_below }
}

fn pausing(number: u128, kind: OverrideKind, covers_below: bool) -> Hold {
    Hold { pause: Some(held(number, kind, covers_below)), ..Hold::default() }
}

fn stopping(number: u128, covers_below: bool) -> Hold {
    let stop = Some(held(number, OverrideKind::Stop, covers_below));
    Hold { stop, stops: 1, is_shut: true, ..Hold::default() }
}

#[test]
fn the_life_cycle_is_this_table() {
    let mut table = String::new();
    for state in OverrideState::ALL {
        for event in OverrideEvent::ALL {
            if let Some(next) = state.after(event) {
                table += &format!("{} {event:?} -> {}\n", state.name(), next.name());
            }
        }
    }
    insta::assert_snapshot!(table, @r"
    pending Confirm -> requested
    pending Lapse -> lapsed
    pending Supersede -> superseded
    requested Deliver -> delivered
    requested Acknowledge -> acknowledged
    requested TakeEffect -> effective
    requested Refuse -> refused
    requested TimeOut -> timed_out
    requested Supersede -> superseded
    delivered Acknowledge -> acknowledged
    delivered TakeEffect -> effective
    delivered Refuse -> refused
    delivered TimeOut -> timed_out
    delivered Supersede -> superseded
    acknowledged Acknowledge -> acknowledged
    acknowledged TakeEffect -> effective
    acknowledged Refuse -> refused
    acknowledged Supersede -> superseded
    timed_out Acknowledge -> acknowledged
    timed_out TakeEffect -> effective
    timed_out Refuse -> refused
    timed_out Supersede -> superseded
    ");
}

#[test]
fn what_a_hold_forbids_is_this_table() {
    use OverrideKind::{PauseAfterStep, PauseNow};
    let run = run(1, &[]);
    let cases = [
        ("nothing", Holds::default()),
        ("after step", Holds { own: pausing(1, PauseAfterStep, false), ..Holds::default() }),
        ("now", Holds { own: pausing(1, PauseNow, false), ..Holds::default() }),
        ("stop", Holds { own: stopping(1, true), ..Holds::default() }),
    ];
    let doings = [Doing::Delegate, Doing::Propose, Doing::Finish];
    let mut table = String::new();
    for (name, holds) in cases {
        let forbidden: Vec<_> =
            doings.iter().filter(|doing| holds.against(&run, **doing).is_some()).collect();
        let redeems = holds.against_action(&run, None).is_none();
        table += &format!("{name}: {forbidden:?}, redeems {redeems}\n");
    }
    insta::assert_snapshot!(table, @r"
    nothing: [], redeems true
    after step: [Delegate, Propose], redeems true
    now: [Delegate, Propose], redeems false
    stop: [Delegate, Propose, Finish], redeems false
    ");
}

#[test]
fn what_undoes_an_action_runs_after_a_stop_only_if_it_was_asked_for_since() {
    let run = run(1, &[]);
    let stopped = Holds { own: stopping(1, true), ..Holds::default() };
    for (undoes_since, runs) in [(None, false), (Some(0), false), (Some(1), false), (Some(2), true)]
    {
        let held = stopped.against_action(&run, undoes_since.map(at));
        assert_eq!(held.is_none(), runs, "{undoes_since:?}");
    }
    let fleet = pausing(2, OverrideKind::PauseNow, true);
    let paused_too = Holds { fleet, ..stopped };
    assert!(paused_too.against_action(&run, Some(at(2))).is_some());
}

#[test]
fn a_hold_above_covers_those_below_only_where_it_says_so() {
    let run = run(2, &[1]);
    for covers_below in [false, true] {
        let above = vec![pausing(1, OverrideKind::PauseNow, covers_below)];
        let holds = Holds { above, ..Holds::default() };
        assert_eq!(holds.against(&run, Doing::Propose).is_some(), covers_below);
        let above = vec![stopping(1, covers_below)];
        let holds = Holds { above, ..Holds::default() };
        assert_eq!(holds.stop_of(&run).is_some(), covers_below);
    }
}

#[test]
fn a_run_that_started_after_a_stop_is_not_covered_by_it() {
    for (seen, is_covered) in [(0, true), (1, false)] {
        let run = Run { fleet_stops: seen, ..run(1, &[]) };
        let fleet = Hold { is_shut: false, ..stopping(1, true) };
        let holds = Holds { fleet, ..Holds::default() };
        assert_eq!(holds.stop_of(&run).is_some(), is_covered);
        let run = Run { agent_stops: seen, ..run };
        let holds = Holds { agent: stopping(1, true), ..Holds::default() };
        assert_eq!(holds.stop_of(&run).is_some(), is_covered);
    }
}

#[test]
fn of_several_pauses_the_strictest_counts() {
    let own = pausing(1, OverrideKind::PauseAfterStep, false);
    let fleet = pausing(2, OverrideKind::PauseNow, true);
    let holds = Holds { own, fleet, ..Holds::default() };
    assert_eq!(holds.pause().unwrap().by, OverrideId::new(Uuid::from_u128(2)));
}

#[test]
fn no_run_starts_while_its_agent_is_shut_or_paused() {
    assert!(Holds::default().against_starts().is_none());
    let shut = Holds { agent: stopping(1, true), ..Holds::default() };
    assert!(shut.against_starts().is_some());
    let open = Hold { is_shut: false, ..stopping(1, true) };
    assert!(Holds { agent: open, ..Holds::default() }.against_starts().is_none());
    let fleet = pausing(1, OverrideKind::PauseAfterStep, true);
    assert!(Holds { fleet, ..Holds::default() }.against_starts().is_some());
}

#[test]
fn a_run_is_shown_as_what_holds_it_says() {
    let running = run(1, &[]);
    let paused = Holds { own: pausing(3, OverrideKind::PauseNow, false), ..Holds::default() };
    let by = Some(OverrideId::new(Uuid::from_u128(3)));
    assert_eq!(paused.shown(&running), (RunState::Paused, by));
    let stopped = Holds { own: stopping(3, true), ..Holds::default() };
    assert_eq!(stopped.shown(&running), (RunState::Stopped, by));
    let finished = Run { state: RunState::Succeeded, ..running };
    assert_eq!(stopped.shown(&finished), (RunState::Succeeded, None));
}

#[test]
fn the_times_of_pauses_are_kept_up_to_a_bound() {
    let mut hold = Hold::default();
    for number in 0..MAX_PAUSES as i64 + 3 {
        let pause = Held { time: at(2 * number), ..held(1, OverrideKind::PauseNow, false) };
        hold.pause = Some(pause);
        hold.end_pause(at(2 * number + 1));
    }
    assert_eq!(hold.paused.len(), MAX_PAUSES);
    assert_eq!(hold.paused.first(), Some(&(at(6), at(7))));
}

#[test]
fn of_an_agent_the_run_that_is_least_far_tells_how_far_it_is() {
    let receipt = |number, state| Receipt {
        run: RunId::new(Uuid::from_u128(number)),
        agent: "claims".to_owned(),
        progress: Progress::begun(state, "claims", at(2)),
    };
    let it = overriding(OverrideScope::Agent("claims".to_owned()));
    assert_eq!(it.state_among(&[]), OverrideState::Requested);
    let both = [receipt(1, OverrideState::Effective), receipt(2, OverrideState::Delivered)];
    assert_eq!(it.state_among(&both), OverrideState::Delivered);
    let of_run = overriding(OverrideScope::Tree(RunId::new(Uuid::from_u128(9))));
    assert_eq!(of_run.state_among(&both), OverrideState::Requested);
}

fn overriding(scope: OverrideScope) -> Override {
    Override {
        id: OverrideId::new(Uuid::from_u128(1)),
        kind: OverrideKind::Stop,
        scope,
        agent: None,
        reason: PayloadRef { id: Uuid::nil(), commitment: sha256(b""), size: 0 },
        requester: "sam".to_owned(),
        confirmer: None,
        create_time: at(1),
        ttl: TTL_DEFAULT,
        expire_time: at(601),
        at_end: AtEnd::Stay,
        enforced_time: Some(at(1)),
        end_time: None,
        ended_by: None,
        progress: Progress::begun(OverrideState::Requested, "sam", at(1)),
        settlement: None,
        redirect: None,
        branch: None,
        question: None,
        revision: 1,
    }
}

proptest! {
    /// Whatever an agent says in whatever order: what it says once stays said, and the
    /// first steps are kept.
    #[test]
    fn progress_keeps_its_beginning_and_never_leaves_an_end(
        events in proptest::collection::vec(0..OverrideEvent::ALL.len(), 0..60),
    ) {
        let mut it = overriding(OverrideScope::Fleet);
        for event in events {
            let before = it.progress.state;
            let event = OverrideEvent::ALL[event];
            let moved = it.advance(event, "claims", at(3)).is_ok();
            prop_assert_eq!(moved, before.after(event).is_some());
            let ends = [OverrideState::Effective, OverrideState::Refused];
            prop_assert!(!ends.contains(&before) || it.progress.state == before);
            prop_assert!(it.progress.steps.len() <= 16);
            prop_assert_eq!(it.progress.steps[0].state, OverrideState::Requested);
            prop_assert_eq!(it.progress.steps.last().unwrap().state, it.progress.state);
        }
    }
}

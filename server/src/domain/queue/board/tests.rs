//! Which question is next.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::domain::escalation::Hands;
use crate::domain::escalation::tests::sample;

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

fn question(number: u128, lane: &str, agent: &str) -> Escalation {
    let mut question = sample();
    question.id = EscalationId::new(Uuid::from_u128(number));
    (question.lane, question.agent) = (lane.to_owned(), agent.to_owned());
    question.severity = SeverityTier::Medium;
    (question.state, question.claim) = (EscalationState::Open, None);
    question.due_time = NOW.plus(Span::from_secs(3_600));
    question.expire_time = NOW.plus(Span::from_secs(7_200));
    question
}

fn board(questions: &[Escalation]) -> Board {
    let mut board = Board::default();
    for question in questions {
        board.note(question);
    }
    board
}

/// Who is next, again and again, and how each is answered at once.
fn drained(board: &mut Board, weight_of: impl Fn(&str) -> u32 + Copy) -> Vec<EscalationId> {
    let mut order = Vec::new();
    while let Looked::Picked(picked) = board.pick(&[], weight_of, NOW, |_| true) {
        board.remove(picked.id);
        order.push(picked.id);
    }
    order
}

fn numbers(order: &[EscalationId]) -> Vec<u128> {
    order.iter().map(|id| Uuid::from_bytes(*id.as_bytes()).as_u128()).collect()
}

#[test]
fn critical_comes_first_whatever_its_lane() {
    let mut critical = question(3, "slow", "b");
    critical.severity = SeverityTier::Critical;
    let mut board = board(&[question(1, "fast", "a"), question(2, "fast", "a"), critical]);
    let weight = |lane: &str| if lane == "fast" { 100 } else { 1 };
    assert_eq!(numbers(&drained(&mut board, weight)), [3, 1, 2]);
}

#[test]
fn lanes_get_their_shares_and_none_starves() {
    let of = |lane: &str, from: u128| {
        (0..400).map(|at| question(from + at, lane, "a")).collect::<Vec<_>>()
    };
    let mut board = board(&[of("heavy", 0), of("light", 1_000)].concat());
    let weight = |lane: &str| if lane == "heavy" { 3 } else { 1 };
    let order = numbers(&drained(&mut board, weight));
    for window in order.chunks(4).take(100) {
        assert_eq!(window.iter().filter(|it| **it < 1_000).count(), 3, "{window:?}");
    }
}

#[test]
fn a_flood_of_one_agent_delays_that_agent() {
    let mut questions: Vec<_> = (0..1_000).map(|at| question(at, "main", "flood")).collect();
    questions.extend((0..3).map(|at| question(5_000 + at, "main", "quiet")));
    let mut board = board(&questions);
    let order = numbers(&drained(&mut board, |_| 1));
    let quiet: Vec<_> =
        (0..).zip(&order).filter(|(_, it)| **it >= 5_000).map(|(at, _)| at).collect();
    assert!(quiet.iter().all(|at: &usize| *at < 7), "{quiet:?}");
}

#[test]
fn who_was_idle_has_saved_up_nothing() {
    let mut board = board(&(0..50).map(|at| question(at, "busy", "a")).collect::<Vec<_>>());
    for _ in 0..40 {
        board.pick(&[], |_| 1, NOW, |_| true);
    }
    for at in 0..40 {
        board.note(&question(1_000 + at, "woken", "a"));
    }
    let order = numbers(&drained(&mut board, |_| 1));
    assert!(order.iter().take(6).any(|it| *it < 1_000), "{order:?}");
}

#[test]
fn of_one_agent_whose_time_runs_out_first_and_then_what_costs_most() {
    let later = question(1, "main", "a");
    let mut sooner = question(2, "main", "a");
    sooner.due_time = NOW.plus(Span::from_secs(60));
    let mut expires = question(3, "main", "a");
    expires.expire_time = NOW.plus(Span::from_secs(30));
    let mut graver = question(4, "main", "a");
    graver.severity = SeverityTier::High;
    let mut costly = question(5, "main", "a");
    let cost = crate::domain::money::Money::new(40.0, Some("EUR"));
    costly.delay_cost =
        Some(crate::domain::policy::DelayCost { money: cost, per: Span::from_secs(60) });
    let mut board = board(&[later, sooner, expires, graver, costly]);
    assert_eq!(numbers(&drained(&mut board, |_| 1)), [3, 2, 5, 4, 1]);
}

#[test]
fn what_nobody_may_take_now_is_counted_by_why() {
    let mut held = question(1, "main", "a");
    let lease = Span::from_secs(60);
    held.hold(Hands { holder: "bob", assigner: None, stands_in_for: None, note: None, lease }, NOW);
    let mut snoozed = question(2, "main", "a");
    snoozed.put_aside(NOW.plus(lease), NOW);
    let mut board = board(&[held, snoozed, question(3, "main", "a"), question(4, "side", "a")]);
    assert_eq!(board.load("bob", NOW), 2);
    let looked = board.pick(&["main".to_owned()], |_| 1, NOW, |_| false);
    let Looked::Nothing(seen) = looked else { panic!("{looked:?}") };
    assert_eq!(seen, Nothing { open: 3, held: 1, snoozed: 1, not_yours: 1 });
    let later = NOW.plus(lease);
    assert_eq!(board.load("bob", later), 0, "a lapsed claim is no load");
    let Looked::Picked(_) = board.pick(&[], |_| 1, later, |_| true) else { panic!() };
}

#[test]
fn what_is_proposed_to_one_is_not_proposed_to_another() {
    let mut board = board(&[question(1, "main", "a")]);
    let Looked::Picked(picked) = board.pick(&[], |_| 1, NOW, |_| true) else { panic!() };
    let looked = board.pick(&[], |_| 1, NOW, |_| true);
    assert!(matches!(looked, Looked::Nothing(Nothing { open: 1, held: 1, .. })), "{looked:?}");
    board.put_back(picked.id);
    assert!(matches!(board.pick(&[], |_| 1, NOW, |_| true), Looked::Picked(_)));
}

proptest! {
    /// Whatever is noted, a board holds what is open and nothing else, and hands out each
    /// question once.
    #[test]
    fn a_board_hands_out_what_is_open_once(
        noted in proptest::collection::vec((0_u128..40, 0_u8..4, 0_u8..5, any::<bool>()), 0..200)
    ) {
        let mut board = Board::default();
        let mut open = std::collections::BTreeMap::new();
        for (number, lane, agent, is_open) in noted {
            let known = open.get(&number).cloned();
            let mut it = known.unwrap_or_else(|| {
                question(number, &format!("lane{lane}"), &format!("agent{agent}"))
            });
            if is_open {
                open.insert(number, it.clone());
            } else {
                open.remove(&number);
                it.state = EscalationState::Cancelled;
            }
            board.note(&it);
        }
        prop_assert_eq!(board.items.len(), open.len());
        let mut order = numbers(&drained(&mut board, |_| 1));
        order.sort_unstable();
        prop_assert_eq!(order, open.into_keys().collect::<Vec<_>>());
        prop_assert!(board.lanes.places.is_empty() && board.lanes.order.is_empty());
    }
}

#[test]
fn what_is_heard_late_does_not_undo_what_was_noted() {
    let opened = question(1, "main", "a");
    let mut claimed = opened.clone();
    claimed.revision += 1;
    let lease = Span::from_secs(300);
    let hands = Hands { holder: "ann", assigner: None, stands_in_for: None, note: None, lease };
    claimed.hold(hands, NOW);
    let mut board = board(&[claimed, opened]);
    assert!(board.load("ann", NOW) > 0);
    assert!(matches!(board.pick(&[], |_| 1, NOW, |_| true), Looked::Nothing(_)));
}

//! The life of a review under any order of what people do, and its blindness.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::domain::digest::sha256;

const PEOPLE: [&str; 8] = ["ada", "ben", "cy", "dee", "eve", "fay", "gus", "hal"];

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn review(places: u32) -> Review {
    Review {
        id: ReviewId::new(Uuid::from_u128(1)),
        state: ReviewState::Open,
        action: ActionId::new(Uuid::from_u128(2)),
        run: RunId::new(Uuid::from_u128(3)),
        agent: "claims".to_owned(),
        tool: "refund".to_owned(),
        rule: None,
        policy_revision: PolicyRevisionId::new(Uuid::from_u128(4)),
        places,
        is_extended: false,
        claims: Vec::new(),
        epoch: 0,
        judged: Vec::new(),
        skips: Vec::new(),
        create_time: at(0),
        close_time: None,
        revision: 1,
    }
}

fn by(person: &str) -> Reviewer<'_> {
    Reviewer { name: person, person }
}

fn said(person: &str, judgement: Judgement, now: Timestamp) -> Judged {
    Judged {
        reviewer: person.to_owned(),
        person: person.to_owned(),
        judgement,
        severity: 0,
        note: None,
        judge_time: now,
    }
}

fn passed_on(person: &str, now: Timestamp) -> Skip {
    let reason = PayloadRef { id: Uuid::nil(), commitment: sha256(b"why"), size: 3 };
    Skip { reviewer: person.to_owned(), person: person.to_owned(), reason, skip_time: now }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Take(usize),
    Judge(usize, usize),
    Skip(usize),
    Wait,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..PEOPLE.len()).prop_map(Step::Take),
        4 => (0..PEOPLE.len(), 0..5_usize).prop_map(|(who, what)| Step::Judge(who, what)),
        1 => (0..PEOPLE.len()).prop_map(Step::Skip),
        1 => Just(Step::Wait),
    ];
    prop::collection::vec(step, 0..60)
}

/// Does what a step says where that may be; whoever does not hold a place is refused.
fn apply(review: &mut Review, step: Step, now: &mut Timestamp) {
    let lease = Span::from_secs(300);
    *now = now.plus(Span::from_secs(1));
    match step {
        Step::Take(who) if review.may_take(PEOPLE[who], *now) => {
            review.take(by(PEOPLE[who]), lease, *now);
        }
        Step::Judge(who, what) => {
            let (person, epoch) = (PEOPLE[who], review.epoch_of(PEOPLE[who]));
            if review.require_claim(by(person), epoch, *now).is_ok() {
                review.judge(said(person, Judgement::ALL[what], *now), *now);
            }
        }
        Step::Skip(who) => {
            let (person, epoch) = (PEOPLE[who], review.epoch_of(PEOPLE[who]));
            if review.require_claim(by(person), epoch, *now).is_ok() {
                review.skip(passed_on(person, *now), *now);
            }
        }
        Step::Wait => *now = now.plus(Span::from_secs(301)),
        Step::Take(_) => {}
    }
}

impl Review {
    fn epoch_of(&self, person: &str) -> u64 {
        self.claims.iter().find(|it| it.person == person).map_or(0, |it| it.epoch)
    }
}

proptest! {
    #[test]
    fn its_life_is_the_same_whatever_people_do(places in 1..=MAX_REVIEWERS, steps in steps()) {
        let (mut it, mut now) = (review(places), at(0));
        for step in steps {
            let before = it.clone();
            apply(&mut it, step, &mut now);
            prop_assert!(it.judged.len() <= it.places as usize);
            prop_assert!(it.places == places + u32::from(it.is_extended));
            prop_assert!(it.epoch >= before.epoch, "epochs only rise");
            let mut people: Vec<_> = it.judged.iter().map(|it| &it.person)
                .chain(it.skips.iter().map(|it| &it.person)).collect();
            let answers = people.len();
            people.sort();
            people.dedup();
            prop_assert_eq!(people.len(), answers, "nobody answers twice");
            let held = it.claims.iter().filter(|claim| now < claim.expire_time).count();
            prop_assert!(held + it.judged.len() <= it.places as usize, "places are not given twice");
            match it.state {
                ReviewState::Open => prop_assert!(it.judged.len() < it.places as usize),
                ReviewState::Done => prop_assert_eq!(it.judged.len(), it.places as usize),
                ReviewState::Skipped => prop_assert_eq!(it.skips.len(), MAX_SKIPS),
            }
            prop_assert_eq!(it.close_time.is_some(), it.state != ReviewState::Open);
            if before.state != ReviewState::Open {
                prop_assert_eq!(&it, &before, "what is over does not change");
            }
        }
    }

    /// What somebody sees who may still judge is the same whatever others have said,
    /// held or passed on: it cannot tell anything of them.
    #[test]
    fn whoever_may_still_judge_sees_nothing_of_others(
        places in 1..=MAX_REVIEWERS,
        steps in steps(),
    ) {
        let (mut it, mut now) = (review(places), at(0));
        let untouched = review(places);
        for step in steps {
            apply(&mut it, step, &mut now);
            for person in PEOPLE {
                let has_judged = it.judged.iter().any(|it| it.person == person);
                let shown = it.shown_to(person, now);
                let is_blind = it.state == ReviewState::Open && !has_judged;
                prop_assert_eq!(shown.revealed.is_none(), is_blind);
                if is_blind {
                    let alone = ShownReview { claim: None, ..shown };
                    prop_assert_eq!(alone, untouched.shown_to(person, now));
                }
            }
        }
    }
}

#[test]
fn the_life_cycle_is_this_table() {
    let mut table = String::new();
    for state in ReviewState::ALL {
        for event in [ReviewEvent::Fill, ReviewEvent::GiveUp] {
            if let Some(next) = state.after(event) {
                table += &format!("{} {event:?} -> {}\n", state.name(), next.name());
            }
        }
    }
    assert_eq!(table, "open Fill -> done\nopen GiveUp -> skipped\n");
}

#[test]
fn two_who_disagree_open_one_place_for_a_third_and_no_more() {
    let mut it = review(2);
    let say = |it: &mut Review, who, what| it.judge(said(who, what, at(1)), at(1));
    assert_eq!(say(&mut it, "ada", Judgement::Correct), Progress::Open);
    assert_eq!(say(&mut it, "ben", Judgement::WrongAction), Progress::Extended);
    assert_eq!((it.places, it.state), (3, ReviewState::Open));
    assert_eq!(say(&mut it, "cy", Judgement::CannotTell), Progress::Closed);
    assert_eq!((it.places, it.state), (3, ReviewState::Done));
}

#[test]
fn whoever_does_not_hold_a_place_is_told_why() {
    let mut it = review(1);
    it.take(by("ada"), Span::from_secs(60), at(0));
    assert!(!it.may_take("ben", at(59)) && it.may_take("ben", at(60)));
    let lost = |result| matches!(result, Err(Error::ReviewClaimLost { .. }));
    assert!(lost(it.require_claim(by("ada"), 2, at(1))), "another epoch");
    assert!(lost(it.require_claim(by("ada"), 1, at(60))), "too late");
    assert!(lost(it.require_claim(by("ben"), 1, at(1))), "another's");
    it.judge(said("ada", Judgement::Correct, at(1)), at(1));
    let again = it.require_claim(by("ada"), 1, at(2));
    assert!(matches!(again, Err(Error::AlreadyReviewed { .. })), "{again:?}");
    let closed = it.require_claim(by("ben"), 1, at(2));
    assert!(matches!(closed, Err(Error::ReviewClosed { state: "done", .. })), "{closed:?}");
}

/// Worked by hand: they agree on 0.7 of 50 actions, and by chance would on 0.5.
#[test]
fn kappa_is_what_cohen_computes() {
    use Judgement::{Correct as Yes, WrongAction as No};
    let counts = [((Yes, Yes), 20), ((Yes, No), 5), ((No, Yes), 10), ((No, No), 15)];
    let reviews: Vec<_> = counts
        .into_iter()
        .flat_map(|((first, second), count)| {
            let both = vec![said("ada", first, at(1)), said("ben", second, at(1))];
            std::iter::repeat_n(both, count)
        })
        .collect();
    let agreement = Agreement::of(reviews.iter().map(Vec::as_slice));
    assert_eq!((agreement.both, agreement.same), (50, 35));
    let [pair] = &agreement.pairs[..] else { panic!("{agreement:?}") };
    assert!((pair.kappa.unwrap() - 0.4).abs() < 1e-9, "{pair:?}");
    assert_eq!(agreement.kappa, pair.kappa);
}

#[test]
fn without_two_kinds_of_judgement_there_is_no_kappa() {
    let reviews =
        [[said("ada", Judgement::Correct, at(1)), said("ben", Judgement::Correct, at(1))]];
    let agreement = Agreement::of(reviews.iter().map(|it| it.as_slice()));
    assert_eq!((agreement.both, agreement.same, agreement.kappa), (1, 1, None));
    assert_eq!(Agreement::of(std::iter::empty()), Agreement::default());
}

#[test]
fn a_review_of_the_most_people_fits_a_record() {
    let name = |number: usize| format!("{number:064}");
    let mut it = review(MAX_REVIEWERS + 1);
    let note = passed_on("ada", at(0)).reason;
    it.judged = (0..6)
        .map(|n| Judged { note: Some(note), ..said(&name(n), Judgement::WrongAction, at(1)) })
        .collect();
    it.skips = (6..9).map(|n| passed_on(&name(n), at(1))).collect();
    let size = rmp_serde::to_vec_named(&it).unwrap().len();
    assert!(size < 4_096, "{size}");
}

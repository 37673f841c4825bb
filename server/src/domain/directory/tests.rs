//! Who may answer what, and who is one person with whom.

use super::*;
use crate::domain::authority::{Holder, Limit};
use crate::domain::escalation::{Escalation, SeverityTier};
use crate::domain::money::{Money, Stake};
use proptest::prelude::*;
use uuid::Uuid;

const NOW: Timestamp = Timestamp::from_micros(1_000_000);

fn authority(number: u128, holder: Holder, dollars: f64) -> Authority {
    let [built_in] = Authority::built_in();
    let max_amount = Some(Money::new(dollars, Some("USD")));
    let limit = Limit { max_amount, ..Limit::default() };
    Authority { id: AuthorityId::new(Uuid::from_u128(number)), holder, limit, ..built_in }
}

/// Reviewers answer up to 5,000, supervisors up to 50,000, Carla anything; what there
/// was before is revoked.
fn desk() -> Directory {
    let [built_in] = Authority::built_in();
    let carla = Authority { limit: Limit::default(), ..authority(13, named("carla"), 0.0) };
    Directory::new(
        Vec::new(),
        vec![
            Authority { revoke_time: Some(NOW), ..built_in },
            authority(11, Holder::Role(Role::Reviewer), 5_000.0),
            authority(12, Holder::Role(Role::Supervisor), 50_000.0),
            carla,
        ],
    )
}

fn named(name: &str) -> Holder {
    Holder::Principal(name.to_owned())
}

fn admits(desk: &Directory, name: &str, role: Role, dollars: f64) -> Result<AuthorityId, Error> {
    let stake = Stake::Amount(Money::new(dollars, Some("USD")));
    let matter = Matter {
        lane: "payments",
        tool: "send_money",
        severity: SeverityTier::Critical,
        stake: &stake,
        called: None,
    };
    let by = Answerer { name, roles: &[role] };
    desk.admit(by, &matter, "esc_1", NOW).map(|it| it.id)
}

#[test]
fn before_anybody_granted_any_reviewers_answer_everything() {
    let desk = Directory::default();
    assert!(admits(&desk, "anna", Role::Reviewer, 1e9).is_ok());
    assert!(admits(&desk, "anna", Role::Auditor, 1.0).is_err());
}

#[test]
fn a_refusal_says_the_limit_the_amount_and_who_could() {
    let desk = desk();
    assert!(admits(&desk, "anna", Role::Reviewer, 5_000.0).is_ok());
    assert!(admits(&desk, "bob", Role::Supervisor, 50_000.0).is_ok());
    let refused = admits(&desk, "anna", Role::Reviewer, 7_200.0).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "your authority does not cover this: yours reaches to 5000 USD, and this is 7200 USD; \
         role supervisor, carla can"
    );
    let nobody = admits(&desk, "dan", Role::Auditor, 1.0).unwrap_err();
    assert!(nobody.to_string().contains("you hold none"), "{nobody}");
    assert!(admits(&desk, "carla", Role::Reviewer, 1e9).is_ok());
}

fn entry(name: &str, person: Option<&str>, owner: Option<&str>) -> Entry {
    Entry {
        person: person.map(str::to_owned),
        owner: owner.map(str::to_owned),
        ..Entry::new(name, NOW)
    }
}

#[test]
fn who_asks_owns_or_is_acted_for_is_one_person_under_every_name() {
    let desk = Directory::new(
        vec![
            entry("payer", None, Some("anna")),
            entry("planner", None, Some("dora")),
            entry("anna.work", Some("anna"), None),
            entry("bob", Some("p-7"), None),
            entry("bob@home", Some("p-7"), None),
        ],
        Vec::new(),
    );
    let question = |ancestors: &[&str], on_behalf_of: Option<&str>| Escalation {
        agent: "payer".to_owned(),
        ancestors: ancestors.iter().map(|it| (*it).to_owned()).collect(),
        on_behalf_of: on_behalf_of.map(str::to_owned),
        ..crate::domain::escalation::tests::sample()
    };
    let may = |name: &str, question: &Escalation| {
        desk.require_four_eyes(name, question.parties(), "esc_1").is_ok()
    };
    let plain = question(&[], None);
    assert!(may("bob", &plain));
    assert!(!may("payer", &plain), "the agent itself");
    assert!(!may("anna", &plain), "its owner");
    assert!(!may("anna.work", &plain), "its owner under another name");
    assert!(may("dora", &plain));
    assert!(!may("dora", &question(&["planner"], None)), "the owner of who delegated");
    assert!(!may("planner", &question(&["planner"], None)));
    assert!(!may("bob", &question(&[], Some("bob"))), "whom it is for");
    assert!(!may("bob@home", &question(&[], Some("bob"))), "under another name");
}

proptest! {
    /// Less authority never admits more.
    #[test]
    fn a_narrower_limit_admits_a_part_of_what_the_wider_admits(
        wide in 0.0..1e6, narrow in 0.0..1.0, asked in 0.0..2e6,
    ) {
        let within = |most: f64| {
            let desk = Directory::new(
                vec![],
                vec![
                    Authority { revoke_time: Some(NOW), ..Authority::built_in()[0].clone() },
                    authority(11, named("anna"), most),
                ],
            );
            admits(&desk, "anna", Role::Reviewer, asked).is_ok()
        };
        prop_assert!(!within(wide * narrow) || within(wide));
    }
}

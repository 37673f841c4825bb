//! Limits: every part must admit, and what is not known is above each.

use super::*;

fn matter<'a>(stake: &'a Stake, severity: SeverityTier) -> Matter<'a> {
    Matter { lane: "payments", tool: "send_money", severity, stake, called: None }
}

fn up_to(units: f64) -> Limit {
    Limit {
        lanes: vec!["pay*".to_owned()],
        tools: vec!["send_*".to_owned(), "refund".to_owned()],
        max_severity: Some(SeverityTier::High),
        max_amount: Some(Money::new(units, Some("USD"))),
        condition: None,
    }
}

fn dollars(units: f64) -> Stake {
    Stake::Amount(Money::new(units, Some("USD")))
}

#[test]
fn every_part_of_a_limit_must_admit() {
    let limit = up_to(5_000.0);
    let high = SeverityTier::High;
    assert_eq!(limit.breach(None, &matter(&dollars(5_000.0), high)), None);
    let over = limit.breach(None, &matter(&dollars(5_000.01), high));
    assert_eq!(over, Some(Breach::Amount("5000 USD".to_owned())));
    let graver = limit.breach(None, &matter(&dollars(1.0), SeverityTier::Critical));
    assert_eq!(graver, Some(Breach::Severity(high)));
    let elsewhere = Matter { lane: "claims", ..matter(&Stake::Unpriced, high) };
    assert_eq!(limit.breach(None, &elsewhere), Some(Breach::Lane));
    let other = Matter { tool: "delete", ..matter(&Stake::Unpriced, high) };
    assert_eq!(limit.breach(None, &other), Some(Breach::Tool));
}

#[test]
fn an_amount_that_is_not_known_is_above_every_limit_but_none() {
    let high = SeverityTier::High;
    assert!(up_to(1e12).breach(None, &matter(&Stake::Unknown, high)).is_some());
    assert!(up_to(1.0).breach(None, &matter(&Stake::Unpriced, high)).is_none());
    assert!(
        Limit::default().breach(None, &matter(&Stake::Unknown, SeverityTier::Critical)).is_none()
    );
}

#[test]
fn it_counts_from_its_start_to_its_end() {
    let [mut authority] = Authority::built_in();
    let at = Timestamp::from_micros;
    (authority.start_time, authority.end_time) = (at(10), Some(at(20)));
    let counts: Vec<bool> =
        [9, 10, 19, 20].map(|micros| authority.is_in_force(at(micros))).to_vec();
    assert_eq!(counts, [false, true, true, false]);
    authority.revoke_time = Some(at(12));
    assert!(!authority.is_in_force(at(15)));
}

#[test]
fn a_role_holds_for_those_who_include_it() {
    let reviewers = Holder::Role(Role::Reviewer);
    assert!(reviewers.is("anna", &[Role::Supervisor]));
    assert!(!reviewers.is("anna", &[Role::Admin, Role::Auditor]));
    assert!(!Holder::Role(Role::Supervisor).is("anna", &[Role::Reviewer]));
    assert!(Holder::Principal("anna".to_owned()).is("anna", &[]));
}

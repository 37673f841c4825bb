//! The ladder, and what counts as typed.

use super::*;
use crate::domain::digest::sha256;

const TIERS: [SeverityTier; 4] =
    [SeverityTier::Low, SeverityTier::Medium, SeverityTier::High, SeverityTier::Critical];

#[test]
fn the_ladder_is_this_table() {
    let mut table = String::new();
    for tier in TIERS {
        for kind in ResolutionKind::ALL {
            let Rung { reason, evidence, confirmation } = Friction::ByTier.rung(tier, kind);
            let wants =
                [(reason, "reason"), (evidence, "evidence"), (confirmation, "confirmation")];
            let wants: Vec<_> = wants.iter().filter(|it| it.0).map(|it| it.1).collect();
            table += &format!("{:8} {:10} {}\n", tier.name(), kind.name(), wants.join(" "));
            assert_eq!(Friction::Off.rung(tier, kind), Rung::default());
        }
    }
    insta::assert_snapshot!(table);
}

fn amount(units: f64, currency: Option<&str>) -> Key {
    Key::of(&Stake::Amount(Money::new(units, currency)), "A-77", &sha256(b""))
}

#[test]
fn an_amount_is_a_number_however_it_is_written() {
    let key = amount(4812.5, Some("EUR"));
    for (typed, is) in [
        ("4812.5", true),
        (" 4812.50 ", true),
        ("4812.50 eur", true),
        ("4812.5 USD", false),
        ("4812", false),
        ("4812.5 EUR now", false),
        ("", false),
        ("NaN", false),
        ("4,812.5", false),
    ] {
        assert_eq!(key.is(typed), is, "{typed:?}");
    }
    assert_eq!((key.name(), &*key.value()), ("amount", "4812.5"));
    assert!(!amount(f64::INFINITY, None).is("inf"));
}

#[test]
fn without_an_amount_the_target_is_typed_if_it_is_as_it_looks() {
    let digest = sha256(b"action");
    let of = |target: &str| Key::of(&Stake::Unknown, target, &digest);
    assert_eq!(of("A-77"), Key::Target("A-77".to_owned()));
    assert!(of("A-77").is(" A-77 ") && !of("A-77").is("a-77"));
    let long = "x".repeat(65);
    for target in ["", "A\u{202e}77", " A-77", &long] {
        let key = of(target);
        assert_eq!(key.name(), "digest", "{target:?}");
        assert!(key.is(&digest.to_string()[..8].to_uppercase()) && !key.is(""));
    }
}

proptest::proptest! {
    #[test]
    fn what_is_shown_to_be_typed_counts_as_typed(
        units in 0.0_f64..1e9,
        target in ".{0,80}",
        is_priced: bool,
    ) {
        let stake = match is_priced {
            true => Stake::Amount(Money::new(units, None)),
            false => Stake::Unpriced,
        };
        let key = Key::of(&stake, &target, &sha256(b"x"));
        proptest::prop_assert!(key.is(&key.value()));
        proptest::prop_assert!(!key.is(""));
    }
}

//! The vectors of Standard Webhooks, and secrets that are none.

use super::*;

/// The example of the specification's own libraries.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const TIMESTAMP: i64 = 1_614_265_330;
const BODY: &[u8] = br#"{"test": 2432232314}"#;
const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

fn signature(secrets: &str) -> String {
    Secrets::of_text(secrets).unwrap().sign(ID, TIMESTAMP, BODY).unwrap()
}

#[test]
fn the_signature_is_that_of_the_specification() {
    assert_eq!(signature(SECRET), SIGNATURE);
    assert_ne!(Secrets::of_text(SECRET).unwrap().sign(ID, TIMESTAMP + 1, BODY).unwrap(), SIGNATURE);
    assert_ne!(
        Secrets::of_text(SECRET).unwrap().sign("msg_x", TIMESTAMP, BODY).unwrap(),
        SIGNATURE
    );
}

#[test]
fn a_private_key_signs_what_its_public_key_verifies() {
    use ring::signature::{ED25519, KeyPair as _, UnparsedPublicKey};
    let seed = [7; SEED_BYTES];
    let public = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
    let public = public.public_key().as_ref();
    let both = [seed.as_slice(), public].concat();
    for secret in [STANDARD.encode(seed), STANDARD.encode(both)] {
        let signed = signature(&format!("{PRIVATE_PREFIX}{secret}"));
        let signed = STANDARD.decode(signed.strip_prefix("v1a,").unwrap()).unwrap();
        let message = [format!("{ID}.{TIMESTAMP}.").as_bytes(), BODY].concat();
        UnparsedPublicKey::new(&ED25519, public).verify(&message, &signed).unwrap();
    }
}

#[test]
fn while_secrets_change_both_sign() {
    let new = format!("whsec_{}", STANDARD.encode([9; 32]));
    let both = signature(&format!("{new}\n{SECRET}\n"));
    assert_eq!(both, format!("{} {SIGNATURE}", signature(&new)));
}

#[test]
fn a_file_counts_as_it_is_now() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secret");
    assert_eq!(Secrets::of_file(path.clone()).err(), Some(UnusableSecret::Absent));
    std::fs::write(&path, SECRET).unwrap();
    let secrets = Secrets::of_file(path.clone()).unwrap();
    std::fs::write(&path, format!("whsec_{}", STANDARD.encode([9; 32]))).unwrap();
    assert_ne!(secrets.sign(ID, TIMESTAMP, BODY).unwrap(), SIGNATURE);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(secrets.sign(ID, TIMESTAMP, BODY), Err(UnusableSecret::Absent));
}

#[test]
fn what_is_no_secret_is_refused_without_showing_it() {
    let short = format!("whsec_{}", STANDARD.encode([1; 23]));
    let long = format!("whsec_{}", STANDARD.encode([1; 65]));
    let odd = format!("whsk_{}", STANDARD.encode([1; 33]));
    let torn = format!("whsk_{}", STANDARD.encode([1; 64]));
    for text in ["hunter2", "whsec_!!", &short, &long, &odd, &torn, "whpk_abc"] {
        let refused = Secrets::of_text(text).err().unwrap();
        assert_eq!(refused, UnusableSecret::Malformed, "{text}");
        assert!(!refused.to_string().contains("hunter2"));
    }
    assert_eq!(Secrets::of_text(" \n").err(), Some(UnusableSecret::Absent));
    assert_eq!(Secrets::of_text(&[SECRET; 5].join("\n")).err(), Some(UnusableSecret::TooMuch));
}

//! Plants secrets of every kind, and looks at honest content for false alarms.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::*;

const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const DIGITS: &str = "0123456789";
const HEX: &str = "0123456789abcdef";
const UPPER_DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const ALPHANUMERIC: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const URL: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Random numbers of a seed (SplitMix64), so that every run plants the same.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn of(&mut self, alphabet: &str, length: usize) -> String {
        let letters = alphabet.as_bytes();
        let mut text = String::new();
        for _ in 0..length {
            text.push(char::from(letters[self.next() as usize % letters.len()]));
        }
        text
    }

    fn uuid(&mut self) -> String {
        let parts = [8, 4, 4, 4, 12].map(|length| self.of(HEX, length));
        parts.join("-")
    }
}

/// What its issuers' documentation says that a credential looks like: a literal
/// beginning, then drawn parts between literal ones.
type Format = (&'static str, fn(&mut Draw) -> String);

const FORMATS: &[Format] = &[
    ("aws key id", |d| format!("AKIA{}", d.of(UPPER_DIGITS, 16))),
    ("aws secret", |d| format!("aws_secret_access_key = {}", d.of(BASE64, 40))),
    ("github classic", |d| format!("ghp_{}", d.of(ALPHANUMERIC, 36))),
    ("github app", |d| format!("ghs_{}", d.of(ALPHANUMERIC, 36))),
    ("github fine", |d| {
        format!("github_pat_{}_{}", d.of(ALPHANUMERIC, 22), d.of(ALPHANUMERIC, 59))
    }),
    ("gitlab", |d| format!("glpat-{}", d.of(URL, 20))),
    ("slack bot", |d| {
        format!("xoxb-{}-{}-{}", d.of(DIGITS, 12), d.of(DIGITS, 13), d.of(ALPHANUMERIC, 24))
    }),
    ("slack hook", |d| {
        let (team, hook, end) = (d.of(UPPER, 8), d.of(UPPER, 10), d.of(ALPHANUMERIC, 24));
        format!("https://hooks.slack.com/services/T{team}/B{hook}/{end}")
    }),
    ("google api", |d| format!("AIza{}", d.of(URL, 35))),
    ("google client", |d| format!("GOCSPX-{}", d.of(URL, 28))),
    ("google access", |d| format!("ya29.{}", d.of(URL, 160))),
    ("google refresh", |d| format!("1//0{}", d.of(URL, 60))),
    ("azure client", |d| format!("{}8Q~{}", d.of(ALPHANUMERIC, 3), d.of(ALPHANUMERIC, 34))),
    ("azure storage", |d| format!("AccountName=claims;AccountKey={}==;", d.of(BASE64, 86))),
    ("azure sas", |d| format!("https://x.example/y?sv=2024-11-04&sig={}", d.of(ALPHANUMERIC, 44))),
    ("hubspot", |d| format!("pat-na1-{}", d.uuid())),
    ("salesforce access", |d| format!("00D{}!{}", d.of(ALPHANUMERIC, 12), d.of(ALPHANUMERIC, 96))),
    ("salesforce refresh", |d| format!("5Aep861{}", d.of(ALPHANUMERIC, 80))),
    ("stripe", |d| format!("sk_live_{}", d.of(ALPHANUMERIC, 24))),
    ("twilio", |d| format!("SK{}", d.of(HEX, 32))),
    ("sendgrid", |d| format!("SG.{}.{}", d.of(URL, 22), d.of(URL, 43))),
    ("mailchimp", |d| format!("{}-us14", d.of(HEX, 32))),
    ("anthropic", |d| format!("sk-ant-api03-{}", d.of(URL, 93))),
    ("openai", |d| format!("sk-proj-{}", d.of(URL, 120))),
    ("hugging face", |d| format!("hf_{}", d.of(ALPHANUMERIC, 34))),
    ("npm", |d| format!("npm_{}", d.of(ALPHANUMERIC, 36))),
    ("pypi", |d| format!("pypi-AgEIcHlwaS5vcmc{}", d.of(URL, 90))),
    ("docker", |d| format!("dckr_pat_{}", d.of(URL, 27))),
    ("databricks", |d| format!("dapi{}", d.of(HEX, 32))),
    ("digitalocean", |d| format!("dop_v1_{}", d.of(HEX, 64))),
    ("shopify", |d| format!("shpat_{}", d.of(HEX, 32))),
    ("telegram", |d| format!("{}:AA{}", d.of(DIGITS, 10), d.of(URL, 33))),
    ("vault", |d| format!("hvs.{}", d.of(URL, 90))),
    ("notion", |d| format!("ntn_{}", d.of(ALPHANUMERIC, 46))),
    ("atlassian", |d| format!("ATATT3xFfGF0{}", d.of(URL, 180))),
    ("jwt", |d| {
        let (claims, signature) = (d.of(ALPHANUMERIC, 60), d.of(URL, 43));
        format!("eyJhbGciOiJSUzI1NiJ9.eyJ{claims}.{signature}")
    }),
    ("bearer", |d| format!("Authorization: Bearer {}", d.of(URL, 40))),
    ("basic", |d| format!("Authorization: Basic {}", d.of(BASE64, 32))),
    ("private key", |d| format!("-----BEGIN RSA PRIVATE KEY-----\n{}", d.of(BASE64, 64))),
    ("openssh key", |d| format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{}", d.of(BASE64, 64))),
    ("database address", |d| {
        format!("postgres://claims:{}@db.internal:5432/claims", d.of(ALPHANUMERIC, 16))
    }),
    ("oauth refresh", |d| format!(r#""refresh_token": "{}""#, d.of(URL, 48))),
    ("oauth access", |d| format!(r#""access_token":"{}""#, d.of(URL, 32))),
    ("client secret", |d| format!("client_secret={}", d.of(URL, 40))),
    ("api key", |d| format!("x-api-key: {}", d.of(ALPHANUMERIC, 32))),
    ("password", |d| format!("password: '{}'", d.of(ALPHANUMERIC, 20))),
    ("own", |d| format!("pmt_{}", d.of(URL, 43))),
];

/// The ways in which a secret comes with what agents store.
fn planted(secret: &str, way: u64) -> Vec<u8> {
    let sentence = format!("I have logged in and will go on with {secret} then look it up.");
    match way % 5 {
        0 => sentence.into_bytes(),
        1 => serde_json::json!({"step": 7, "notes": ["none", sentence]}).to_string().into_bytes(),
        2 => {
            let inner = serde_json::json!({"result": {"text": sentence}}).to_string();
            serde_json::json!({"messages": [{"role": "tool", "content": inner}]})
                .to_string()
                .into_bytes()
        }
        3 => rmp_serde::to_vec(&BTreeMap::from([("channel", sentence)])).unwrap(),
        _ => {
            let lines = "step: done\n".repeat(2_000);
            format!("{lines}log: {sentence}\n{lines}").into_bytes()
        }
    }
}

#[test]
fn planted_secrets_of_every_format_are_found_and_never_repeated() {
    assert!(FORMATS.len() >= 30);
    let mut draw = Draw(20_250_101);
    let (mut planted_in_all, mut missed) = (0, Vec::new());
    while planted_in_all < 500 {
        for (name, format) in FORMATS {
            let secret = format(&mut draw);
            let bytes = planted(&secret, draw.next());
            planted_in_all += 1;
            match refuse_secrets("state", &bytes) {
                Ok(()) => missed.push(format!("{name}: {secret}")),
                Err(error) => {
                    let text = format!("{error} {error:?}");
                    let drawn = secret.rsplit(['=', ' ', '\'', '"']).find(|it| it.len() > 8);
                    assert!(!text.contains(drawn.unwrap_or(&secret)), "{text}");
                }
            }
        }
    }
    let most = planted_in_all / 100;
    assert!(missed.len() <= most, "{} of {planted_in_all} missed: {missed:#?}", missed.len());
}

#[test]
fn a_finding_names_the_place_and_the_kind() {
    let token = Draw(1).of(ALPHANUMERIC, 36);
    let text = serde_json::json!({"a": [1, {"note": format!("see ghp_{token} there")}]});
    let refused = refuse_secrets("arguments", text.to_string().as_bytes()).unwrap_err();
    let Error::SecretFound { place, pattern } = refused else { panic!("{refused:?}") };
    assert_eq!((place.as_str(), pattern), ("arguments.a[1].note", "GitHub token"));
    let refused = refuse_secrets("note", format!("see ghp_{token}").as_bytes()).unwrap_err();
    let Error::SecretFound { place, .. } = refused else { panic!("{refused:?}") };
    assert_eq!(place, "note at byte 4");
}

#[test]
fn a_name_that_is_a_secret_itself_is_not_part_of_the_place() {
    let (name, value) = (Draw(2).of(ALPHANUMERIC, 36), Draw(3).of(UPPER_DIGITS, 16));
    let text = format!(r#"{{"ghp_{name}": "AKIA{value}"}}"#);
    let error = refuse_secrets("arguments", text.as_bytes()).unwrap_err().to_string();
    assert!(!error.contains(&name), "{error}");
}

#[test]
fn names_of_secrets_in_binary_states_count_with_their_values() {
    let value = Draw(4).of(URL, 40);
    for name in ["refresh_token", "access_token", "client_secret", "api_key"] {
        let state = rmp_serde::to_vec(&BTreeMap::from([(name, value.as_str())])).unwrap();
        assert!(refuse_secrets("state", &state).is_err(), "{name}");
    }
}

#[test]
fn honest_content_passes() {
    let honest = [
        "the bearer of this letter may pass the northern gate",
        "-----BEGIN CERTIFICATE-----\nMIIB",
        "eyJust a name",
        "AKIA is a city; sk-8 is a plane; order sk_live_music",
        "vault:claims/api",
        r#"{"password": "new_password"}"#,
        r#"{"refresh_token": "vault:claims/refresh-token", "api_key": "env:CLAIMS_API_KEY"}"#,
        r#"{"access_token": "${ACCESS_TOKEN_OF_CLAIMS}", "client_secret": "<your client secret>"}"#,
        r#"{"token_type": "Bearer", "expires_in": 3600, "max_tokens": 4096, "tokens": 1234567890}"#,
        "postgres://claims:password@localhost:5432/claims",
        "https://user:****@example.org and git@example.org:claims/api.git",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "order #W2378156, item 1008292230, user sara_doe_496, payment credit_card_3124723",
        "run_01kb3x0a2c4e6g8j0m2p4r6t8v esc_01kb3x0a2c4e6g8j0m2p4r6t8w",
        "4f9c1e1a-7a3b-4a55-9d3e-0a1b2c3d4e5f",
        "api_key_rotation_policy: rotate_every_ninety_days",
    ];
    for text in honest {
        assert_eq!(refuse_secrets("arguments", text.as_bytes()), Ok(()), "{text}");
    }
}

#[test]
fn recorded_trajectories_hardly_raise_a_false_alarm() {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let shared = std::env::var_os("POINTSMAN_SHARED").map_or_else(beside, PathBuf::from);
    let Ok(files) = fs::read_dir(shared.join("data/trajectories")) else {
        eprintln!("SKIPPED: no recordings; set POINTSMAN_SHARED or put them into ../shared");
        return;
    };
    let (mut lines, mut alarms) = (0, String::new());
    for file in files {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        for line in text.lines() {
            lines += 1;
            if let Err(error) = refuse_secrets("line", line.as_bytes()) {
                let _ = writeln!(alarms, "{error}");
            }
            assert!(serde_json::from_str::<Value>(line).is_ok(), "a line is a document");
        }
    }
    assert!(lines > 1_000, "{lines}");
    assert!(alarms.lines().count() * 100 <= lines, "of {lines} lines:\n{alarms}");
}

//! The real couriers against real receivers on loopback.

mod hostile;
mod programs;
mod reach;
mod receiver;
mod tls;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::domain::digest::sha256;
use crate::domain::escalation::SeverityTier;
use crate::domain::ids::{EscalationId, NoticeId, RunId};
use crate::domain::notice::{DeliveryProblem, Notice, NoticeKind, NoticeState, Subject};
use crate::domain::payload::PayloadRef;
use crate::domain::time::{Span, Timestamp};
use crate::engine::outbox::{Letter, Undelivered};
use receiver::Receiver;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_250_000);
const PATIENCE: Duration = Duration::from_secs(20);

fn letter() -> Letter {
    let subject = Subject {
        escalation: EscalationId::new(Uuid::from_u128(7)),
        run: RunId::new(Uuid::from_u128(8)),
        tool: "refund".to_owned(),
        agent: "claims".to_owned(),
        on_behalf_of: Some("anna".to_owned()),
        severity: SeverityTier::High,
        lane: "money".to_owned(),
        due_time: NOW,
        expire_time: NOW,
        briefing: PayloadRef { id: Uuid::nil(), commitment: sha256(b""), size: 0 },
    };
    let notice = Notice {
        id: NoticeId::new(Uuid::from_u128(9)),
        kind: NoticeKind::EscalationExpired,
        state: NoticeState::Pending,
        channel: "ops".to_owned(),
        subject: Some(subject),
        incident: None,
        attempts: 1,
        epoch: 1,
        next_time: NOW,
        attempt_time: Some(NOW),
        problem: None,
        create_time: NOW,
        close_time: None,
    };
    let headline = "Refund 600 to Anna".to_owned();
    Letter { notice, tenant: "default".to_owned(), headline, time: NOW.plus(Span::from_secs(90)) }
}

fn config(url: &str) -> WebhookConfig {
    let secret_env = Some("SECRET".to_owned());
    WebhookConfig { url: url.to_owned(), secret_env, ..WebhookConfig::default() }
}

fn env(name: &str) -> Option<String> {
    (name == "SECRET").then(|| SECRET.to_owned())
}

fn courier(config: &WebhookConfig) -> WebhookCourier {
    connect("ops", config, env, Arc::new(SystemResolver)).unwrap()
}

/// What comes of the letter, within a test's patience.
async fn deliver(courier: &dyn Courier) -> Result<(), Undelivered> {
    let letter = letter();
    tokio::time::timeout(PATIENCE, courier.deliver(&letter)).await.expect("it takes too long")
}

async fn problem(courier: &dyn Courier) -> DeliveryProblem {
    deliver(courier).await.expect_err("it was delivered").problem
}

#[tokio::test]
async fn a_notice_arrives_signed_with_all_that_it_says() {
    let receiver = Receiver::answering("HTTP/1.1 204 No Content\r\n\r\n").await;
    let url = receiver.url("/hooks/pointsman?team=1");
    deliver(&courier(&config(&url))).await.unwrap();
    let [request] = &receiver.requests()[..] else { panic!("one request") };
    assert_eq!(request.line, "POST /hooks/pointsman?team=1 HTTP/1.1");
    assert_eq!(request.header("host"), Some(&*receiver.authority()));
    assert_eq!(request.header("content-type"), Some("application/json"));
    let id = letter().notice.id.to_string();
    assert_eq!(request.header("webhook-id"), Some(&*id));
    // The time of the attempt: a receiver refuses what is more than 5 minutes old.
    assert_eq!(request.header("webhook-timestamp"), Some("1800000090"));
    let key = STANDARD.decode(SECRET.strip_prefix("whsec_").unwrap()).unwrap();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &key);
    let signed = [format!("{id}.1800000090.").as_bytes(), &request.body].concat();
    let signature = request.header("webhook-signature").unwrap().strip_prefix("v1,").unwrap();
    let signature = STANDARD.decode(signature).unwrap();
    ring::hmac::verify(&key, &signed, &signature).unwrap();
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let subject = letter().notice.subject.unwrap();
    let said = json!({
        "type": "escalation.expired",
        "timestamp": "2027-01-15T08:00:00.250Z",
        "data": {
            "notice_id": id,
            "tenant": "default",
            "text": "Expired, nobody answered and it was not allowed: Refund 600 to Anna",
            "escalation": {
                "escalation_id": subject.escalation.to_string(),
                "run_id": subject.run.to_string(),
                "headline": "Refund 600 to Anna",
                "tool": "refund",
                "agent": "claims",
                "on_behalf_of": "anna",
                "severity": "high",
                "lane": "money",
                "due_time": "2027-01-15T08:00:00.250Z",
                "expire_time": "2027-01-15T08:00:00.250Z",
            },
        },
    });
    assert_eq!(body, said);
}

#[tokio::test]
async fn while_secrets_change_a_receiver_with_either_is_served() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secret");
    let old = format!("whsec_{}", STANDARD.encode([9; 32]));
    std::fs::write(&path, format!("{SECRET}\n{old}\n")).unwrap();
    let receiver = Receiver::answering("HTTP/1.1 204 No Content\r\n\r\n").await;
    let config = WebhookConfig {
        secret_env: None,
        secret_file: Some(path.clone()),
        ..config(&receiver.url("/"))
    };
    let courier = courier(&config);
    deliver(&courier).await.unwrap();
    std::fs::write(&path, SECRET).unwrap();
    deliver(&courier).await.unwrap();
    std::fs::write(&path, "").unwrap();
    assert_eq!(problem(&courier).await, DeliveryProblem::NoSecret);
    let signatures: Vec<_> = receiver
        .requests()
        .iter()
        .map(|it| it.header("webhook-signature").unwrap().to_owned())
        .collect();
    let [both, one] = &signatures[..] else { panic!("two requests: {signatures:?}") };
    assert_eq!(both.split(' ').count(), 2);
    assert_eq!(both.split(' ').next(), Some(&**one));
}

#[tokio::test]
async fn what_a_receiver_answers_decides() {
    for (answer, outcome) in [
        ("200 OK\r\ncontent-length: 0", Ok(())),
        ("202 Accepted\r\ncontent-length: 5", Ok(())),
        ("400 Bad Request", Err(DeliveryProblem::Status(400).into())),
        ("410 Gone", Err(DeliveryProblem::Gone.into())),
        (
            "503 Busy\r\nretry-after: 120",
            Err(Undelivered {
                problem: DeliveryProblem::Status(503),
                retry_after: Some(Span::from_secs(120)),
            }),
        ),
        ("429 Slow\r\nretry-after: soon", Err(DeliveryProblem::Status(429).into())),
    ] {
        let receiver = Receiver::answering(&format!("HTTP/1.1 {answer}\r\n\r\n")).await;
        let courier = courier(&config(&receiver.url("/")));
        assert_eq!(deliver(&courier).await, outcome, "{answer}");
    }
}

#[test]
fn what_cannot_be_signed_with_or_run_is_found_at_the_start() {
    let mut config = NoticesConfig::default();
    config.webhooks.insert("ops".to_owned(), self::config("http://127.0.0.1:9"));
    assert!(register(&config, env).is_ok());
    let refused = |config: &NoticesConfig, secret: &str| {
        let env = |_: &str| Some(secret.to_owned()).filter(|it| !it.is_empty());
        register(config, env).err().unwrap().to_string()
    };
    let absent = refused(&config, "");
    assert!(absent.contains("`notices.webhooks.ops.secret_env` = `SECRET`"), "{absent}");
    let wrong = refused(&config, "hunter2");
    assert!(wrong.contains("whsec_") && !wrong.contains("hunter2"), "{wrong}");
    let program = crate::config::CommandConfig {
        program: "/nowhere/page".into(),
        ..crate::config::CommandConfig::default()
    };
    config.commands.insert("page".to_owned(), program);
    assert!(refused(&config, SECRET).contains("`/nowhere/page` is no file"));
}

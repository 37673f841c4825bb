//! The cases about people: up to where they may answer, who is woken, why nobody answered.

use pointsman_api::v1;
use pointsman_api::v1::action::State as ActionState;
use pointsman_api::v1::grant_authority_request::Holder;
use pointsman_api::v1::notice::{Kind, State as NoticeState};
use pointsman_api::v1::{LateReason, Role};
use pointsman_client::{Admin, Answer, Error, Next, Proposal, Reviewer};
use pointsman_server::config::WebhookConfig;
use serde_json::json;
use tonic::Code;

use super::Scene;
use crate::harness::api::SUPERVISOR;
use crate::harness::fixture::{Fixture, asked};
use crate::harness::poll::{PATIENCE, eventually, within};
use crate::harness::receiver::{Receiver, SECRET};

const CLAIMS: &str = include_str!("../../policies/scenarios/claims.yaml");

fn up_to(units: f64) -> v1::AuthorityLimit {
    let max_amount = Some(v1::Money { units, currency: String::new() });
    v1::AuthorityLimit { max_amount, ..Default::default() }
}

/// The desk for claims: a junior up to 5,000, a senior and a supervisor up to 50,000, and
/// nobody else.
struct Claims {
    scene: Scene,
    junior: Reviewer,
    senior: Reviewer,
    supervisor: Reviewer,
}

impl Claims {
    async fn open() -> Self {
        // The fraud desk is no part of this.
        let facts = "facts:\n  no_fraud_flag: { provider: fraud, type: bool, tools: [pay_claim], \
                     send: [claim], expect: true }\n";
        let tests = CLAIMS.split("tests:\n").next().unwrap();
        let policy = tests.replace(facts, "");
        assert!(!policy.contains("fraud"), "{policy}");
        let scene = Scene::open(&policy, "Settle the claim of Ada").await;
        let admin = scene.fixture.admin();
        let listed = admin.list_authorities(Default::default()).await.unwrap();
        for built_in in listed.authorities {
            admin.revoke_authority(built_in.authority_id).await.unwrap();
        }
        for (name, units) in [("junior", 5e3), ("senior", 5e4), ("supervisor", 5e4)] {
            let holder = Holder::Principal(name.to_owned());
            admin.grant_authority(holder, up_to(units), "the rules of the desk").await.unwrap();
        }
        let junior = scene.fixture.token("junior", Role::Reviewer).await;
        let senior = scene.fixture.token("senior", Role::Reviewer).await;
        let reviewer = |token: &str| Reviewer::new(scene.fixture.connection(token));
        let (junior, senior) = (reviewer(&junior), reviewer(&senior));
        let supervisor = reviewer(SUPERVISOR);
        Self { scene, junior, senior, supervisor }
    }
}

fn claim_of(amount: u32) -> serde_json::Value {
    json!({"amount": amount, "payee": "Ada"})
}

/// The refusal says up to where the caller may, what this is, and who can.
#[track_caller]
fn is_beyond(refused: &Error, limit: &str, who_can: &str) {
    let is = (refused.code(), refused.reason_name());
    assert_eq!(is, (Code::PermissionDenied, "AUTHORITY_EXCEEDED"), "{refused:?}");
    assert_eq!(refused.metadata("limit"), Some(limit));
    assert_eq!(refused.metadata("who_can"), Some(who_can));
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_7_500_over_5_000_is_for_a_senior_and_no_junior_approves_it() {
    let Claims { scene, junior, senior, .. } = Claims::open().await;
    scene.passes("pay_claim", claim_of(450)).await;
    let (mut wait, shown) = scene.waits("pay_claim", claim_of(7_500), "beyond-the-desk").await;
    let briefing = shown.briefing.as_ref().unwrap();
    assert_eq!(briefing.headline, "Pay 7500 to Ada");

    let (limit, who_can) = ("yours reaches to 5000, and this is 7500", "senior, supervisor can");
    is_beyond(&junior.claim(&shown.escalation_id, None).await.unwrap_err(), limit, who_can);
    is_beyond(&junior.approve(&shown, "it looks right").await.unwrap_err(), limit, who_can);
    is_beyond(&junior.reject(&shown, "wrong", "too much").await.unwrap_err(), limit, who_can);
    let less = claim_of(4_000).to_string();
    is_beyond(&junior.modify(&shown, less, "pay less").await.unwrap_err(), limit, who_can);
    let Next::Nothing(nothing) = junior.claim_next([], None).await.unwrap() else {
        panic!("it is not for the junior")
    };
    assert_eq!((nothing.open_count, nothing.not_yours_count), (1, 1));

    let Next::Claimed(held, _) = senior.claim_next([], None).await.unwrap() else {
        panic!("it is for the senior")
    };
    senior.approve(&*held, "the garage confirms it").await.unwrap();
    let answer = within("the agent is told", PATIENCE, wait.answer()).await.unwrap();
    let Answer::Approved(permit) = answer else { panic!("not approved: {answer:?}") };
    permit.redeem().await.unwrap().succeeded("paid").await.unwrap();
    let action = scene.fixture.runs().action(shown.action_id).await.unwrap();
    assert_eq!(action.state(), ActionState::Executed);
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_of_60_000_are_beyond_the_senior_and_the_supervisor_of_50_000() {
    let Claims { scene, senior, supervisor, .. } = Claims::open().await;
    let (_, within_both) = scene.waits("pay_claim", claim_of(50_000), "beyond-the-desk").await;
    supervisor.approve(&within_both, "the board knows").await.unwrap();
    let (_, beyond) = scene.waits("pay_claim", claim_of(60_000), "beyond-the-desk").await;
    for reviewer in [&senior, &supervisor] {
        let refused = reviewer.approve(&beyond, "").await.unwrap_err();
        let limit = "yours reaches to 50000, and this is 60000";
        is_beyond(&refused, limit, "nobody can; an admin has to grant authority");
    }
    let refused = supervisor.take_over(&beyond.escalation_id, "somebody has to").await.unwrap_err();
    assert_eq!(refused.reason_name(), "AUTHORITY_EXCEEDED");
}

/// What waits, and for how long: the hours of the cases, at the pace of a test.
const WAITING: &str = "
version: 1
default: allow
rules:
  - { id: waiting, tools: [wire], effect: escalate, lane: wires, due: 2h, expire: 24h, reason: Money leaves. }
";
const PAGING: &str = "
version: 1
friction: off
lanes: {wires: {chain: page}}
chains: {page: [{after: 30m, do: on_call, to: ['channel:pager']}]}
";

#[tokio::test(flavor = "multi_thread")]
async fn what_has_waited_for_thirty_minutes_pages_whoever_is_on_call() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, SECRET).unwrap();
    let mut pager = Receiver::start(SECRET).await;
    let fixture = Fixture::start_with(WAITING, |config| {
        config.notices.webhooks.insert("pager".to_owned(), pager.webhook(&secret));
    })
    .await;
    let quick = PAGING.replace("after: 30m", "after: 1s");
    assert_ne!(quick, PAGING);
    fixture.queue().put(&quick, "", "somebody is always on call").await.unwrap();
    let run = fixture.run().await;
    let answered = asked(&run, Proposal::new("wire", r#"{"amount": 1}"#)).await;
    let seen = fixture.shown(answered.escalation_id()).await;
    fixture.reviewer().reject(&seen, "wrong", "nobody owes that").await.unwrap();
    let oldest = asked(&run, Proposal::new("wire", r#"{"amount": 2}"#)).await;

    let page = pager.next().await;
    let (notice_id, text) = page.split_once(' ').unwrap();
    assert!(!text.is_empty(), "{page}");
    let told = eventually("the page is delivered", PATIENCE, || async {
        let notice = fixture.admin().get_notice(notice_id).await.unwrap();
        (notice.state() == NoticeState::Delivered).then_some(notice)
    })
    .await;
    assert_eq!((told.kind(), &*told.escalation_id), (Kind::EscalationStep, oldest.escalation_id()));
    let shown = fixture.shown(oldest.escalation_id()).await;
    let step = &shown.plan.as_ref().unwrap().steps[0];
    let time = |time: Option<prost_types::Timestamp>| time.map(|it| (it.seconds, it.nanos));
    assert!(time(told.create_time) >= time(step.step_time), "not before its time: {told:?}");
    let notices = fixture.admin().list_notices(Default::default()).await.unwrap().notices;
    let of_answered = notices.iter().filter(|it| it.escalation_id == answered.escalation_id());
    assert_eq!(of_answered.count(), 0, "nobody is woken for what was answered");
}

/// A question under settings of the queue that nobody answers: what is said of it once it
/// has waited too long.
struct Late {
    fixture: Fixture,
    escalation_id: String,
}

impl Late {
    async fn asked(fixture: Fixture, settings: &str) -> Self {
        fixture.queue().put(settings, "", "for these hours").await.unwrap();
        let run = fixture.run().await;
        let wait = asked(&run, Proposal::new("wire", "{}")).await;
        Self { escalation_id: wait.escalation_id().to_owned(), fixture }
    }

    async fn says(&self, why: LateReason) {
        let late = eventually("it is late", PATIENCE, || async {
            let shown = self.fixture.shown(&self.escalation_id).await;
            shown.overdue.then_some(shown)
        })
        .await;
        assert_eq!(late.late_reason(), why);
        let status = self.fixture.queue().status().await.unwrap();
        let lane = status.lanes.iter().find(|lane| lane.lane == "wires").unwrap();
        let counted = lane.late.iter().map(|it| (it.reason(), it.count)).collect::<Vec<_>>();
        assert_eq!((lane.overdue_count, counted), (1, vec![(why, 1)]));
    }
}

/// Two hours, at the pace of a test.
fn waiting(two_hours: &str) -> String {
    let quick = WAITING.replace("due: 2h", &format!("due: {two_hours}"));
    assert_ne!(quick, WAITING);
    quick
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waited_two_hours_says_that_nobody_may_answer_it() {
    let fixture = Fixture::start(&waiting("1s")).await;
    // The authority that there is covers another lane alone.
    let admin = fixture.admin();
    let listed = admin.list_authorities(Default::default()).await.unwrap();
    let elsewhere = v1::AuthorityLimit { lanes: vec!["mails".to_owned()], ..Default::default() };
    let everybody = Holder::Role(Role::Reviewer.into());
    admin.grant_authority(everybody, elsewhere, "no wires here").await.unwrap();
    admin.revoke_authority(&listed.authorities[0].authority_id).await.unwrap();
    Late::asked(fixture, "version: 1").await.says(LateReason::NobodyEligible).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waited_two_hours_says_that_everybody_is_off_duty() {
    let fixture = Fixture::start(&waiting("1s")).await;
    let supervisor = Admin::new(fixture.connection(SUPERVISOR));
    for principal in ["reviewer", "supervisor"] {
        let request = v1::SetAvailabilityRequest {
            principal: principal.to_owned(),
            off_duty: true,
            ..Default::default()
        };
        supervisor.set_availability(request).await.unwrap();
    }
    let team = "{version: 1, teams: {desk: {members: [reviewer]}}, \
                routing: [{lanes: [wires], team: desk}]}";
    Late::asked(fixture, team).await.says(LateReason::OffDuty).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waited_two_hours_says_that_somebody_took_it_and_did_nothing() {
    let fixture = Fixture::start(&waiting("1s")).await;
    let late = Late::asked(fixture, "version: 1").await;
    late.fixture.reviewer().claim(&late.escalation_id, None).await.unwrap();
    late.says(LateReason::ClaimedAndIdle).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waited_two_hours_says_that_nobody_could_be_told() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, SECRET).unwrap();
    let fixture = Fixture::start_with(&waiting("2s"), |config| {
        // Nobody listens there.
        let webhook = WebhookConfig {
            url: "http://127.0.0.1:9".to_owned(),
            secret_file: Some(secret.clone()),
            ..WebhookConfig::default()
        };
        config.notices.webhooks.insert("pager".to_owned(), webhook);
    })
    .await;
    let quick = PAGING.replace("after: 30m", "after: 1s");
    Late::asked(fixture, &quick).await.says(LateReason::Undelivered).await;
}

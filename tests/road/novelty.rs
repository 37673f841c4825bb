//! What an agent is known to do: learnt when a policy asks for it, and judged by.

use std::convert::Infallible;

use pointsman_client::{Policies, Proposal, RunHandle, StartRun};

use crate::harness::api::{AGENT, REVIEWER};
use crate::harness::fixture::{Fixture, allowed, asked};

const CLINIC: &str = include_str!("../../policies/scenarios/clinic.yaml");
const GOAL: &str = "book a follow-up visit for a patient of the ward";

async fn run(fixture: &Fixture) -> RunHandle {
    fixture.agent().start_run(StartRun { goal: GOAL.into(), ..StartRun::default() }).await.unwrap()
}

fn visit(arguments: &'static str) -> Proposal {
    Proposal::new("schedule_follow_up", arguments).confidence(0.9)
}

const USUAL: &str = r#"{"patient": "Ann", "days": 14}"#;
const UNFAMILIAR: &str =
    r#"{"query": "whole oncology trial cohort", "notify": ["press", "payer"]}"#;

#[tokio::test(flavor = "multi_thread")]
async fn an_unfamiliar_query_of_the_clinic_is_asked_once_the_usual_is_known() {
    let mut fixture = Fixture::start("version: 1\ndefault: allow\n").await;
    let ward = run(&fixture).await;
    for _ in 0..50 {
        let permit = allowed(&ward, visit(USUAL)).await;
        permit.execute(|_| async { Ok::<_, Infallible>("booked") }).await.unwrap();
    }
    let policies = fixture.policies();
    assert_eq!(policies.profiles().await.unwrap().profiles.unwrap().version, 0);
    let current = policies.get("").await.unwrap().0.revision_id;
    let clinic = policies.put(CLINIC, "").await.unwrap().revision.revision_id;
    policies.activate(&clinic, current, "").await.unwrap();

    let known = policies.profiles().await.unwrap();
    let set = known.profiles.unwrap();
    assert_eq!((set.version, set.action_count, &*set.policy_revision_id), (1, 50, &*clinic));
    assert_eq!((&*known.agents[0].agent, known.agents[0].call_count), ("agent", 50));
    allowed(&ward, visit(USUAL)).await;
    let wait = asked(&ward, visit(UNFAMILIAR)).await;
    let shown = fixture.shown(wait.escalation_id()).await;
    assert_eq!(shown.briefing.unwrap().rule_id, "trigger.novelty");

    fixture.write_policy(CLINIC);
    fixture.restart().await;
    let ward = run(&fixture).await;
    allowed(&ward, visit(USUAL)).await;
    asked(&ward, visit(UNFAMILIAR).target("the same, again")).await;
    let policies = fixture.policies();
    let refused = policies.learn_profiles(0).await.unwrap_err();
    assert_eq!(
        (refused.reason_name(), refused.metadata("current_version")),
        ("PROFILES_CHANGED", Some("1"))
    );
    assert_eq!(policies.learn_profiles(1).await.unwrap().version, 2);
    for token in [AGENT, REVIEWER] {
        let others = Policies::new(fixture.connection(token));
        assert_eq!(others.learn_profiles(2).await.unwrap_err().reason_name(), "ROLE_REQUIRED");
        assert_eq!(others.profiles().await.is_ok(), token == REVIEWER);
    }
}

//! Races: one answer, one redemption, one effect, whoever is faster.

use std::collections::BTreeMap;
use std::sync::Arc;

use pointsman_api::v1;
use pointsman_client::{Connection, Proposal, Reviewer};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::harness::api::{AGENT, Called, called, connect, request_id};
use crate::harness::fixture::{Fixture, allowed, another, asked};
use crate::harness::policy;
use crate::harness::poll::{PATIENCE, eventually};
use crate::harness::proxy::{Half, Proxy};
use crate::harness::seed::{Seed, rounds};

/// How many races run at once.
const ABREAST: usize = 25;
const REDEEMERS: usize = 64;

#[tokio::test(flavor = "multi_thread")]
async fn one_of_approve_reject_and_expiry_wins() {
    let fixture = Fixture::start(policy::BY_NAME).await;
    let token = fixture.token("second", v1::Role::Reviewer).await;
    let one = fixture.reviewer();
    let other = Reviewer::new(fixture.connection(&token));
    let run = fixture.run().await;
    let mut ends = BTreeMap::new();
    for batch in 0..rounds(500, 10_000) / ABREAST {
        if batch % 40 == 0 {
            println!("race {}", batch * ABREAST);
        }
        let mut races = JoinSet::new();
        for at in 0..ABREAST {
            // A few race with the clock as well.
            let tool = if at % 5 == 0 { "ask_briefly" } else { "ask_it" };
            let (run, one, other) = (run.clone(), one.clone(), other.clone());
            races.spawn(async move {
                let wait = asked(&run, another(tool).detached()).await;
                let id = wait.escalation_id().to_owned();
                let seen = one.get(&*id).await.unwrap().escalation;
                if tool == "ask_briefly" {
                    let closed = eventually("it is about to expire", PATIENCE, || async {
                        let shown = one.get(&*id).await.unwrap();
                        let left = nanos(shown.escalation.expire_time) - nanos(shown.server_time);
                        (left < 20_000_000).then_some(())
                    });
                    closed.await;
                }
                let (approved, rejected) =
                    tokio::join!(one.approve(&seen, "yes"), other.reject(&seen, "", "no"));
                (id, approved.map(|_| ()), rejected.map(|_| ()))
            });
        }
        while let Some(race) = races.join_next().await {
            let (id, approved, rejected) = race.unwrap();
            let winners = usize::from(approved.is_ok()) + usize::from(rejected.is_ok());
            let shown = eventually("the question is closed", PATIENCE, || async {
                let shown = fixture.shown(&id).await;
                (shown.state() != v1::escalation::State::Open).then_some(shown)
            })
            .await;
            let expired = shown.state() == v1::escalation::State::Expired;
            assert_eq!(winners + usize::from(expired), 1, "{id}: {approved:?}, {rejected:?}");
            for loser in [&approved, &rejected].into_iter().filter_map(|said| said.as_ref().err()) {
                let reason = loser.reason_name();
                assert!(["ESCALATION_CLOSED", "ETAG_MISMATCH"].contains(&reason), "{loser:?}");
            }
            let kind = shown.resolution.as_ref().map(v1::Resolution::kind);
            let expected = match (&approved, &rejected) {
                (Ok(()), _) => Some(v1::resolution::Kind::Approved),
                (_, Ok(())) => Some(v1::resolution::Kind::Rejected),
                _ => None,
            };
            assert_eq!(kind, expected, "{id}");
            *ends.entry(format!("{kind:?}")).or_insert(0) += 1;
        }
    }
    println!("who won: {ends:?}");
}

fn nanos(time: Option<prost_types::Timestamp>) -> i64 {
    let time = time.unwrap();
    time.seconds * 1_000_000_000 + i64::from(time.nanos)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_is_redeemed_once() {
    let mut fixture = Fixture::start(policy::BY_NAME).await;
    let run = fixture.run().await;
    for round in 0..rounds(4, 40) {
        println!("grant {}", round + 1);
        let permit = allowed(&run, Proposal::new("allow_it", "{}")).await;
        let request = v1::RedeemGrantRequest {
            grant_id: permit.grant().grant_id.clone(),
            action_id: permit.action_id().to_owned(),
            run_id: run.run_id().to_owned(),
            tool: "allow_it".to_owned(),
            arguments: "{}".into(),
            ..Default::default()
        };
        let start = Arc::new(Barrier::new(REDEEMERS));
        let mut tasks = JoinSet::new();
        for _ in 0..REDEEMERS {
            let connection = fixture.connection(AGENT);
            let (start, mut request) = (Arc::clone(&start), request.clone());
            request.request_id = request_id();
            tasks.spawn(async move {
                start.wait().await;
                let answer = redeem(&connection, &request).await;
                (request, answer)
            });
        }
        let mut winners = Vec::new();
        while let Some(task) = tasks.join_next().await {
            match task.unwrap() {
                (request, Called::Done(answer)) => winners.push((request, answer)),
                (_, Called::Refused(error)) => assert_eq!(error.reason_name(), "GRANT_REDEEMED"),
                (_, Called::Lost(error)) => panic!("{error:?}"),
            }
        }
        let [(request, answer)] = &winners[..] else { panic!("{} winners", winners.len()) };

        if round % 2 == 1 {
            fixture.restart().await;
        }
        let again = redeem(&fixture.connection(AGENT), request).await.done();
        assert!(again.header.unwrap().replayed);
        assert_eq!(again.redeem_time, answer.redeem_time);
        let other = v1::RedeemGrantRequest { request_id: request_id(), ..request.clone() };
        let refusal = redeem(&fixture.connection(AGENT), &other).await.refused();
        assert_eq!(refusal, "GRANT_REDEEMED");
    }
}

async fn redeem(
    connection: &Connection,
    request: &v1::RedeemGrantRequest,
) -> Called<v1::RedeemGrantResponse> {
    called(connection.action_service().redeem_grant(request.clone()).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_are_cut_anywhere_have_one_effect() {
    let mut seed = Seed::draw("cut calls");
    let fixture = Fixture::start(policy::BY_NAME).await;
    let target = fixture.address().trim_start_matches("http://").parse().unwrap();
    let proxy = Proxy::start(target).await;
    let calls = rounds(60, 600);
    for at in 0..calls {
        let goal = format!("cut {at}");
        let request = v1::StartRunRequest { request_id: request_id(), goal, ..Default::default() };
        let half = if seed.chance(50) { Half::Request } else { Half::Answer };
        proxy.cut_after(half, seed.below(500) as u64);
        let through = connect(&proxy.address(), AGENT);
        let first = called(through.run_service().start_run(request.clone()).await);
        proxy.let_through();
        let retried = connect(&proxy.address(), AGENT);
        let second = called(retried.run_service().start_run(request.clone()).await).done();
        if let Called::Done(first) = first {
            assert_eq!(first.run, second.run);
            assert!(second.header.unwrap().replayed);
        }
    }
    let mut goals = BTreeMap::new();
    let mut page_token = String::new();
    loop {
        let request = v1::ListRunsRequest { page_size: 500, page_token, ..Default::default() };
        let page = fixture.runs().list(request).await.unwrap();
        for run in page.runs {
            *goals.entry(run.goal).or_insert(0) += 1;
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(goals.len(), calls);
    assert!(goals.values().all(|count| *count == 1), "{goals:?}");
    // About half are cut where they are drawn; so few that it proves nothing would be a sixth.
    assert!(proxy.cuts() > calls as u64 / 6, "only {} connections were cut", proxy.cuts());
}

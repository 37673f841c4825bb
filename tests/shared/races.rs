//! Races across servers: one answer, one claim, one redemption, one expiry, whichever
//! server is faster. 2,000 in all.

use std::collections::BTreeMap;

use pointsman_api::v1;
use pointsman_client::{Connection, Proposal, Reviewer, RunHandle};
use tokio::task::JoinSet;

use super::watching::Seen;
use crate::harness::api::{AGENT, Called, called, connect, request_id};
use crate::harness::fixture::{allowed, another, asked};
use crate::harness::fleet::Fleet;
use crate::harness::policy;
use crate::harness::poll::{PATIENCE, eventually};
use crate::harness::postgres::Cluster;

const SERVERS: usize = 3;
/// How many races run at once.
const ABREAST: usize = 25;
const RESOLVED: usize = 800;
const CLAIMS: usize = 400;
const REDEMPTIONS: usize = 400;
const EXPIRIES: usize = 400;
/// How many of them are asked at once: callers have seconds for an answer.
const ASKED_AT_ONCE: usize = 50;
/// How a question ends in a race.
const APPROVED: &str = "escalation.approved";
const REJECTED: &str = "escalation.rejected";
const EXPIRED: &str = "escalation.expired";
const ENDS: [&str; 3] = [APPROVED, REJECTED, EXPIRED];
/// What somebody is told who was too late.
const TOO_LATE: [&str; 2] = ["ESCALATION_CLOSED", "ETAG_MISMATCH"];

async fn mk_fleet() -> Fleet {
    Fleet::start(&Cluster::shared().database(), SERVERS, policy::BY_NAME).await
}

/// Principals of their own, each on another server.
async fn mk_reviewers(fleet: &Fleet) -> Vec<Reviewer> {
    let mut reviewers = Vec::new();
    for (at, address) in fleet.addresses().iter().enumerate() {
        let name = format!("reviewer-{at}");
        let made = fleet.admin(at).create_token(name, &[v1::Role::Reviewer], None).await.unwrap();
        reviewers.push(Reviewer::new(connect(address, &made.secret)));
    }
    reviewers
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_approve_reject_and_expiry_wins_on_whichever_server() {
    let fleet = mk_fleet().await;
    let mut seen = Seen::open(&fleet, 0).await;
    let reviewers = mk_reviewers(&fleet).await;
    let run = fleet.run(0).await;
    let mut ends = BTreeMap::new();
    for batch in 0..RESOLVED / ABREAST {
        let mut races = JoinSet::new();
        for at in 0..ABREAST {
            // A few race with the timers of all three as well.
            let tool = if at % 5 == 0 { "ask_briefly" } else { "ask_it" };
            let asks = fleet.agent((at + batch) % SERVERS).run(run.run_id());
            let [one, other] = [0, 1].map(|next| reviewers[(at + next) % SERVERS].clone());
            races.spawn(resolve(asks, tool, one, other));
        }
        ends.extend(races.join_all().await);
    }
    let won = |end| ends.values().filter(|winner| **winner == end).count();
    let counts = ENDS.map(|end| (end, won(end)));
    println!("who won: {counts:?}");
    assert!(counts.iter().all(|(_, count)| *count > 0), "not everybody wins sometimes");
    assert_eq!(ends.len(), RESOLVED);
    catch_up(&mut seen, &fleet, &run).await;
    for (id, winner) in ends {
        for end in ENDS {
            let expected = usize::from(end == winner);
            assert_eq!(seen.count(&id, end), expected, "{id}: {end}, and {winner} won");
        }
    }
}

/// Lets one reviewer approve and another reject, and answers which event ended it.
async fn resolve(
    asks: RunHandle,
    tool: &str,
    one: Reviewer,
    other: Reviewer,
) -> (String, &'static str) {
    let wait = asked(&asks, another(tool).detached()).await;
    let id = wait.escalation_id().to_owned();
    let shown = one.get(&*id).await.unwrap().escalation;
    if tool == "ask_briefly" {
        eventually("it is about to expire", PATIENCE, || async {
            let shown = one.get(&*id).await.unwrap();
            let left = nanos(shown.escalation.expire_time) - nanos(shown.server_time);
            (left < 20_000_000).then_some(())
        })
        .await;
    }
    let (approved, rejected) =
        tokio::join!(one.approve(&shown, "yes"), other.reject(&shown, "", "no"));
    for loser in [&approved, &rejected].into_iter().filter_map(|said| said.as_ref().err()) {
        assert!(TOO_LATE.contains(&loser.reason_name()), "{id}: {loser:?}");
    }
    let state = eventually("the question is closed", PATIENCE, || async {
        let state = other.get(&*id).await.unwrap().escalation.state();
        (state != v1::escalation::State::Open).then_some(state)
    })
    .await;
    let is_expired = state == v1::escalation::State::Expired;
    let winner = match (approved.is_ok(), rejected.is_ok(), is_expired) {
        (true, false, false) => APPROVED,
        (false, true, false) => REJECTED,
        (false, false, true) => EXPIRED,
        _ => panic!("{id} is {state:?}: {approved:?}, {rejected:?}"),
    };
    (id, winner)
}

fn nanos(time: Option<prost_types::Timestamp>) -> i64 {
    let time = time.unwrap();
    time.seconds * 1_000_000_000 + i64::from(time.nanos)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_claim_of_three_servers_holds() {
    let fleet = mk_fleet().await;
    let mut seen = Seen::open(&fleet, 1).await;
    let reviewers = mk_reviewers(&fleet).await;
    let run = fleet.run(0).await;
    let mut holders = BTreeMap::new();
    for _ in 0..CLAIMS / ABREAST {
        let mut races = JoinSet::new();
        for at in 0..ABREAST {
            let asks = fleet.agent(at % SERVERS).run(run.run_id());
            races.spawn(claim(asks, reviewers.clone()));
        }
        holders.extend(races.join_all().await);
    }
    for server in 0..SERVERS {
        let count = holders.values().filter(|holder| **holder == server).count();
        println!("server {server} claimed {count}");
        assert!(count > 0, "not everybody wins sometimes");
    }
    assert_eq!(holders.len(), CLAIMS);
    catch_up(&mut seen, &fleet, &run).await;
    for id in holders.into_keys() {
        assert_eq!(seen.count(&id, "escalation.claimed"), 1, "{id}");
    }
}

/// Lets all reviewers claim a question, and answers which one has it.
async fn claim(asks: RunHandle, reviewers: Vec<Reviewer>) -> (String, usize) {
    let wait = asked(&asks, another("ask_it").detached()).await;
    let id = wait.escalation_id().to_owned();
    let claim = |at: usize| reviewers[at].claim(&*id, None);
    let claims = <[_; SERVERS]>::from(tokio::join!(claim(0), claim(1), claim(2)));
    let holders: Vec<_> = (0..SERVERS).filter(|at| claims[*at].is_ok()).collect();
    let [holder] = holders[..] else { panic!("{id}: {claims:?}") };
    for loser in claims.iter().filter_map(|claim| claim.as_ref().err()) {
        assert_eq!(loser.reason_name(), "CLAIMED_BY_OTHER", "{id}: {loser:?}");
    }
    (id, holder)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_is_redeemed_once_on_whichever_server() {
    let fleet = mk_fleet().await;
    let run = fleet.run(0).await;
    let mut winners = BTreeMap::new();
    for _ in 0..REDEMPTIONS / ABREAST {
        let mut races = JoinSet::new();
        for at in 0..ABREAST {
            let proposes = fleet.agent(at % SERVERS).run(run.run_id());
            let lines = (0..SERVERS * 2).map(|caller| fleet.connection(caller % SERVERS, AGENT));
            races.spawn(redeem(proposes, lines.collect()));
        }
        for winner in races.join_all().await {
            *winners.entry(winner % SERVERS).or_insert(0) += 1;
        }
    }
    println!("which server redeemed: {winners:?}");
    assert_eq!(winners.values().sum::<usize>(), REDEMPTIONS);
    assert_eq!(winners.len(), SERVERS, "not every server wins sometimes");
}

/// Lets every line redeem one grant at the same time; answers which one did.
async fn redeem(run: RunHandle, lines: Vec<Connection>) -> usize {
    let permit = allowed(&run, Proposal::new("allow_it", "{}")).await;
    let request = v1::RedeemGrantRequest {
        grant_id: permit.grant().grant_id.clone(),
        action_id: permit.action_id().to_owned(),
        run_id: run.run_id().to_owned(),
        tool: "allow_it".to_owned(),
        arguments: "{}".into(),
        ..Default::default()
    };
    let mut callers = JoinSet::new();
    for (at, line) in lines.into_iter().enumerate() {
        let request = v1::RedeemGrantRequest { request_id: request_id(), ..request.clone() };
        callers
            .spawn(async move { (at, called(line.action_service().redeem_grant(request).await)) });
    }
    let mut winners = Vec::new();
    for (at, answer) in callers.join_all().await {
        match answer {
            Called::Done(_) => winners.push(at),
            Called::Refused(error) => assert_eq!(error.reason_name(), "GRANT_REDEEMED"),
            Called::Lost(error) => panic!("{error:?}"),
        }
    }
    let [winner] = winners[..] else { panic!("{}: {winners:?}", permit.action_id()) };
    winner
}

#[tokio::test(flavor = "multi_thread")]
async fn three_servers_timers_end_a_question_once() {
    let fleet = mk_fleet().await;
    let mut seen = Seen::open(&fleet, 2).await;
    let run = fleet.run(0).await;
    let mut ids = Vec::new();
    while ids.len() < EXPIRIES {
        let mut asking = JoinSet::new();
        for at in 0..ASKED_AT_ONCE {
            let asks = fleet.agent(at % SERVERS).run(run.run_id());
            asking.spawn(async move {
                let wait = asked(&asks, another("ask_briefly").detached()).await;
                wait.escalation_id().to_owned()
            });
        }
        ids.extend(asking.join_all().await);
    }
    for id in &ids {
        seen.wait_for_once(EXPIRED, id).await;
    }
    catch_up(&mut seen, &fleet, &run).await;
    assert_eq!(ids.len(), EXPIRIES);
    for id in ids {
        assert_eq!(seen.count(&id, EXPIRED), 1, "{id}");
    }
}

/// Lets a watch tell all that has happened until now.
async fn catch_up(seen: &mut Seen, fleet: &Fleet, run: &RunHandle) {
    let last = asked(&fleet.agent(0).run(run.run_id()), another("ask_it")).await;
    seen.wait_for("escalation.opened", last.escalation_id()).await;
}

//! The primary is killed, stopped, replaced; sessions are ended in the midst of
//! their commits.

use std::time::{Duration, Instant};

use tokio::task::block_in_place;

use super::{SERVERS, Trial};
use crate::harness::poll::eventually;
use crate::harness::postgres::{Pair, sql};
use crate::harness::seed::{Seed, rounds};

/// How long it may take until one commit was cut off.
const LONGEST_TRY: Duration = Duration::from_secs(2);
/// For a while, ends many of the sessions that wait for the standby, whose commit is
/// done and nobody is told, and some of the others that are doing something.
const END_SESSIONS: &str = "\
    DO $$ BEGIN FOR turn IN 1..1000 LOOP \
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity \
    WHERE application_name = 'pointsman' AND state <> 'idle' \
    AND random() < CASE WHEN wait_event = 'SyncRep' THEN 0.05 ELSE 0.01 END; \
    COMMIT; END LOOP; END $$";
/// What the database logs of a commit that is done, and whose session was ended
/// before it could say so.
const UNTOLD: &str = "canceling the wait for synchronous replication and terminating connection";

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_takes_over_and_no_acknowledged_operation_is_lost() {
    let mut seed = Seed::draw("failovers");
    let mut pair = block_in_place(Pair::start);
    let mut trial = Trial::start(&vec![pair.dsn(); SERVERS], &mut seed).await;
    for round in 1..=rounds(2, 20) {
        let take_over = async || {
            block_in_place(|| {
                pair.kill_primary();
                pair.promote();
            });
        };
        trial.survive(&format!("failover {round}"), take_over).await;
        block_in_place(|| pair.rejoin());
    }
    trial.settle(&pair.dsn()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_comes_back_and_no_acknowledged_operation_is_lost() {
    let mut seed = Seed::draw("restarts of the primary");
    let mut pair = block_in_place(Pair::start);
    let mut trial = Trial::start(&vec![pair.dsn(); SERVERS], &mut seed).await;
    for round in 1..=rounds(2, 20) {
        let die = async || {
            block_in_place(|| {
                pair.kill_primary();
                pair.restart_primary();
            });
        };
        trial.survive(&format!("death and return {round}"), die).await;
        // With their sessions the servers go on until it is really gone.
        let close = async || block_in_place(|| pair.ask_primary_to_stop());
        trial.survive(&format!("smart shutdown {round}"), close).await;
        let stop = async || {
            block_in_place(|| {
                pair.stop_primary();
                pair.restart_primary();
            });
        };
        trial.survive(&format!("fast shutdown {round}"), stop).await;
    }
    trial.settle(&pair.dsn()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_end_in_the_midst_of_commits_and_nothing_is_lost_or_done_twice() {
    let mut seed = Seed::draw("ended sessions");
    let pair = block_in_place(Pair::start);
    let mut trial = Trial::start(&vec![pair.dsn(); SERVERS], &mut seed).await;
    let (wanted, dsn) = (rounds(60, 1_500), pair.primary_dsn());
    let limit = LONGEST_TRY * u32::try_from(wanted).unwrap();
    let began = Instant::now();
    let end_sessions = async || {
        eventually("commits are cut off", limit, || {
            block_in_place(|| sql(&dsn, END_SESSIONS)).unwrap();
            let untold = pair.primary_log().matches(UNTOLD).count();
            async move { (untold >= wanted).then_some(untold) }
        })
        .await
    };
    let untold = trial.survive("ended sessions", end_sessions).await;
    println!("{untold} commits were done and not told, within {:?}", began.elapsed());
    trial.settle(&pair.dsn()).await;
}

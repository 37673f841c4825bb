//! A database that has lost acknowledged commits: every server that knows of one
//! stops, names it, and does not start on that database again.

use std::time::Duration;

use tokio::task::block_in_place;

use super::SERVERS;
use crate::harness::fleet::Fleet;
use crate::harness::policy;
use crate::harness::postgres::{Cluster, Pair, sql};

/// How long a server may take to notice, or to refuse.
const NOTICES_WITHIN: Duration = Duration::from_secs(20);
/// How many commits are lost: too few for a head to be due.
const LOST: usize = 3;
const STORE_FAILED: i32 = 1;
const DAMAGED: i32 = 3;

const KEEP: &str = "\
    CREATE TABLE kept_head AS SELECT * FROM head; \
    CREATE TABLE kept_state AS SELECT * FROM state; \
    CREATE TABLE kept_sequence AS SELECT * FROM tenant_sequence";
const SET_BACK: &str = "BEGIN; \
    DELETE FROM journal WHERE commit_number > (SELECT commit_number FROM kept_head); \
    DELETE FROM head; INSERT INTO head SELECT * FROM kept_head; \
    DELETE FROM state; INSERT INTO state SELECT * FROM kept_state; \
    DELETE FROM tenant_sequence; INSERT INTO tenant_sequence SELECT * FROM kept_sequence; \
    COMMIT";
const NEWEST: &str = "SELECT commit_number FROM head";

#[tokio::test(flavor = "multi_thread")]
async fn no_server_goes_on_with_a_database_that_was_set_back() {
    let database = Cluster::shared().database();
    let mut fleet = Fleet::start(&database, SERVERS, policy::BY_NAME).await;
    fleet.run(0).await;
    sql(&database, KEEP).unwrap();
    let newest = acknowledge(&fleet, &database).await;
    sql(&database, SET_BACK).unwrap();
    all_stop_for_good(&mut fleet, newest).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_server_goes_on_after_a_failover_that_lost_commits() {
    let mut pair = block_in_place(Pair::start);
    let dsn = pair.dsn();
    let mut fleet = Fleet::start(&dsn, SERVERS, policy::BY_NAME).await;
    fleet.run(0).await;
    block_in_place(|| {
        pair.forget_standby();
        pair.kill_standby();
    });
    let newest = acknowledge(&fleet, &dsn).await;
    block_in_place(|| pair.lose());
    all_stop_for_good(&mut fleet, newest).await;
}

/// Lets a few commits be acknowledged, and every server know of them; answers the
/// newest.
async fn acknowledge(fleet: &Fleet, dsn: &str) -> u64 {
    for _ in 0..LOST {
        fleet.run(0).await;
    }
    let newest = sql(dsn, NEWEST).unwrap().parse().unwrap();
    for at in 0..SERVERS {
        fleet.admin(at).server_info().await.unwrap();
    }
    newest
}

async fn all_stop_for_good(fleet: &mut Fleet, newest: u64) {
    for at in 0..SERVERS {
        let [(stopped, said), (refused, why)] = fleet.ends_for_good(at, NOTICES_WITHIN).await;
        assert_eq!(stopped, STORE_FAILED, "server {at}:\n{said}");
        assert!(said.contains(&format!("commit {newest} was acknowledged")), "{newest}:\n{said}");
        assert_eq!(refused, DAMAGED, "server {at} starts again:\n{why}");
        assert!(why.contains(&newest.to_string()), "the commit {newest} is not named:\n{why}");
    }
}

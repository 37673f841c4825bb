//! Commits whose answer is lost on its way.

use std::net::SocketAddr;

use super::make::mk_place;
use super::proxy::{Half, Proxy};
use crate::store::conformance::make::{mk_put, text_of};
use crate::store::postgres::{PostgresOptions, PostgresStore};
use crate::store::{CommitError, Store};

/// How many commits meet a connection that breaks.
const COMMITS: u64 = 150;
/// Answers of the database are cut at each of so many places, one after the other.
const PLACES: u64 = 1_000;
const STEP: u64 = 37;

/// A commit that the database did and could not say so is found again, and not done
/// twice: nothing in the transaction itself would keep it from that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_is_lost_is_done_once() {
    let place = mk_place();
    let (user, rest) = place.url.split_once('@').unwrap();
    let (host, name) = rest.split_once('/').unwrap();
    let proxy = Proxy::start(host.parse::<SocketAddr>().unwrap()).await;
    let url = format!("{user}@{}/{name}", proxy.socket());
    let options = PostgresOptions { url, listens: false, ..place.options("one") };
    let store = PostgresStore::open(options).await.unwrap().0;

    let mut done = 0;
    for number in 0..COMMITS {
        proxy.cut_after(Half::Answer, number * STEP % PLACES);
        match store.commit(mk_put(&format!("k{number}"), "v")).await {
            Ok(committed) => {
                done += 1;
                assert_eq!((committed.commit, committed.sequence), (done, done));
            }
            Err(error) => panic!("{error} after {} cuts", proxy.cuts()),
        }
    }
    proxy.let_through();
    assert!(proxy.cuts() >= COMMITS / 3, "{} cuts only", proxy.cuts());
    assert_eq!(store.info().await.unwrap().commit, COMMITS);
    assert_eq!(text_of(&store, "k0").await.as_deref(), Some("v"));
    assert_eq!(place.sql("SELECT count(*) FROM journal"), COMMITS.to_string());
}

/// Without a database nothing is done, and whoever asks hears so; afterwards the
/// store goes on by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_database_callers_hear_so_and_later_it_goes_on() {
    let place = mk_place();
    let store = place.open("one").await;
    store.commit(mk_put("a", "1")).await.unwrap();
    let name = place.url.rsplit_once('/').unwrap().1;
    place.outside(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"));
    place.outside(&format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    ));
    let refused = store.commit(mk_put("b", "1")).await;
    assert!(matches!(refused, Err(CommitError::Unavailable { .. })), "{refused:?}");
    assert!(store.read(b"a").await.is_err());
    place.outside(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true"));
    assert_eq!(store.commit(mk_put("b", "1")).await.unwrap().commit, 2);
    assert_eq!(text_of(&store, "a").await.as_deref(), Some("1"));
}

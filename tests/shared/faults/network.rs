//! The network between servers and database is down, and tells nobody: connections
//! hang, whole or in one direction, and go on later.

use std::net::SocketAddr;
use std::time::Duration;

use super::{SERVERS, Trial};
use crate::harness::poll::at_moment;
use crate::harness::postgres::Cluster;
use crate::harness::proxy::{Half, Proxy};
use crate::harness::seed::{Seed, rounds};

/// How long a connection hangs at most: longer than an attempt of a server.
const LONGEST_CUT: Duration = Duration::from_secs(7);

#[tokio::test(flavor = "multi_thread")]
async fn connections_hang_and_nothing_is_lost_or_done_twice() {
    let mut seed = Seed::draw("hanging connections");
    let database = Cluster::shared().database();
    let (user, rest) = database.split_once('@').unwrap();
    let (host, name) = rest.split_once('/').unwrap();
    let target: SocketAddr = host.parse().unwrap();
    let mut proxies = Vec::new();
    for _ in 0..SERVERS {
        proxies.push(Proxy::start(target).await);
    }
    let stores: Vec<_> =
        proxies.iter().map(|proxy| format!("{user}@{}/{name}", proxy.socket())).collect();
    let mut trial = Trial::start(&stores, &mut seed).await;
    for round in 0..rounds(4, 40) {
        // The whole network, what goes to the database, what comes from it: there the
        // commit is done, and its server does not know.
        let halves: &[Half] = match round % 3 {
            0 => &[Half::Answer],
            1 => &[Half::Request, Half::Answer],
            _ => &[Half::Request],
        };
        let is_total = seed.chance(25);
        let at = seed.below(SERVERS);
        let cut = seed.moment(LONGEST_CUT);
        let concerned: Vec<_> =
            proxies.iter().enumerate().filter(|(it, _)| is_total || *it == at).collect();
        let hang = async || {
            concerned.iter().for_each(|(_, proxy)| proxy.hang(halves));
            at_moment(cut).await;
            concerned.iter().for_each(|(_, proxy)| proxy.heal());
        };
        let what = format!("{halves:?} of {} servers hang for {cut:.1?}", concerned.len());
        trial.survive(&what, hang).await;
    }
    trial.settle(&database).await;
}

//! Patroni promotes the standby by itself, after its own time.

use tokio::task::block_in_place;

use super::{SERVERS, Trial};
use crate::harness::patroni::Patroni;
use crate::harness::seed::Seed;

/// How often the leader is killed; each time it is the other one.
const FAILOVERS: usize = 3;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "long form: make soak-patroni"]
async fn patroni_fails_over_and_no_acknowledged_operation_is_lost() {
    let mut seed = Seed::draw("failovers of Patroni");
    let mut patroni = block_in_place(Patroni::start);
    let mut trial = Trial::start(&vec![patroni.dsn(); SERVERS], &mut seed).await;
    for round in 1..=FAILOVERS {
        let fail_over = async || block_in_place(|| patroni.fail_over());
        let took = trial.survive(&format!("failover {round}"), fail_over).await;
        println!("failover {round}: {took:.1?} without a leader");
        block_in_place(|| patroni.rejoin());
    }
    trial.settle(&patroni.dsn()).await;
}

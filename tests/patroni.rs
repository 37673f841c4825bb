//! Failover by Patroni: what was acknowledged before the leader died is there after.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::harness::patroni::Patroni;
use crate::harness::postgres::{PATIENCE, sql, until};
use crate::harness::writer::{self, Writer};

const WRITERS: usize = 4;
/// How many rows are written before the leader is killed.
const ENOUGH: usize = 400;
/// How often the leader is killed; each time it is the other one.
const CYCLES: usize = 3;

#[test]
#[ignore = "long form: make soak-patroni"]
fn rows_acknowledged_before_the_leader_is_killed_survive() {
    let began = Instant::now();
    let mut patroni = Patroni::start();
    println!("Patroni: {:?}", began.elapsed());
    let dsn = patroni.dsn();
    sql(&dsn, "CREATE TABLE row (id text PRIMARY KEY)").unwrap();
    let mut rows = BTreeSet::new();
    for cycle in 0..CYCLES {
        let writers: Vec<_> =
            (0..WRITERS).map(|one| Writer::start(&dsn, &format!("{cycle}-{one}"))).collect();
        let wanted = rows.len() + ENOUGH;
        let count = || sql(&dsn, "SELECT count(*) FROM row").ok()?.parse().ok();
        until(PATIENCE, || count().filter(|count: &usize| *count >= wanted)).expect("rows");
        let took = patroni.fail_over();
        let acknowledged = writers.into_iter().flat_map(Writer::acknowledged);
        let acknowledged: BTreeSet<_> = acknowledged.collect();
        let new = acknowledged.len();
        println!("cycle {cycle}: {new} rows, {took:?} without a leader");
        assert!((ENOUGH / 2..WRITERS * writer::ROWS).contains(&new), "not killed under load");
        let found = sql(&dsn, "SELECT id FROM row").unwrap();
        let found: BTreeSet<_> = found.lines().map(str::to_owned).collect();
        let lost: Vec<_> = rows.union(&acknowledged).filter(|row| !found.contains(*row)).collect();
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}\n{}", patroni.log());
        rows = found;
        let began = Instant::now();
        patroni.rejoin();
        println!("cycle {cycle}: rejoined within {:?}", began.elapsed());
    }
}

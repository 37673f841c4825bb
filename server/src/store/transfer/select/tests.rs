//! What goes with a tenant, and what stays.

use bytes::Bytes;

use super::*;
use crate::domain::time::Timestamp;
use crate::store::conformance::make::{mk_event, mk_removal, mk_write};
use crate::store::keys::{Timer, TimerKind};

fn mk_commit(commit: u64, tenant: &str, has_event: bool, writes: Vec<Write>) -> Commit {
    let frame = Frame {
        commit,
        group: commit - (commit - 1) % 2,
        time: Timestamp::from_micros(commit as i64),
        tenant: tenant.to_owned(),
        principal: "agent:test".to_owned(),
        request_id: None,
        first_sequence: 1,
        leaf_index: 0,
        events: Vec::from_iter(has_event.then(mk_event)),
        writes,
        salt: [1; 16],
        payloads: Vec::new(),
    };
    Commit { frame, payloads: Vec::new() }
}

fn mk_timer(tenant: &str) -> Write {
    let time = Timestamp::from_micros(1);
    let timer = Timer { time, kind: TimerKind::Due, id: [1; 16], tenant: tenant.to_owned() };
    Write { key: timer.key(), value: Some(Bytes::new()) }
}

#[test]
fn keys_outside_a_tenant_go_with_the_commit_that_wrote_them() {
    let mut selection = Selection::new("acme");
    let other = vec![mk_write("beta/run/1", "v"), mk_write("!secret/b", "v"), mk_timer("beta")];
    assert!(selection.take(mk_commit(1, "beta", true, other)).unwrap().is_none());
    let own = vec![mk_write("acme/run/1", "v"), mk_write("!secret/a", "v"), mk_timer("acme")];
    let taken = selection.take(mk_commit(2, "acme", true, own.clone())).unwrap().unwrap();
    assert_eq!(taken.frame.writes, own);
    assert_eq!((taken.frame.commit, taken.frame.group, taken.frame.leaf_index), (1, 1, 0));
    let next = mk_commit(4, "acme", true, vec![mk_write("acme/run/2", "v")]);
    let next = selection.take(Commit { frame: Frame { first_sequence: 2, ..next.frame }, ..next });
    let frame = next.unwrap().unwrap().frame;
    assert_eq!((frame.commit, frame.group, frame.leaf_index), (2, 2, 1));
}

#[test]
fn upkeep_goes_with_what_concerns_the_tenant_and_without_the_stores_own_notes() {
    let mut selection = Selection::new("acme");
    let sweep = vec![
        mk_removal("acme/request/a"),
        mk_removal("beta/request/b"),
        mk_write("!swept/requests", "9"),
    ];
    for by in ["acme", "default"] {
        let taken = selection.take(mk_commit(1, by, false, sweep.clone())).unwrap().unwrap();
        assert_eq!(taken.frame.writes, [mk_removal("acme/request/a")]);
        assert_eq!((taken.frame.tenant.as_str(), taken.frame.first_sequence), ("acme", 1));
    }
    let note = vec![mk_write("!swept/requests", "9")];
    assert!(selection.take(mk_commit(3, "acme", false, note)).unwrap().is_none());
}

#[test]
fn a_commit_of_two_tenants_is_refused() {
    for by in ["acme", "beta"] {
        let writes = vec![mk_write("acme/run/1", "v"), mk_write("beta/run/1", "v")];
        let taken = Selection::new("acme").take(mk_commit(7, by, true, writes));
        assert!(matches!(taken, Err(TransferError::Mixed { commit: 7, .. })), "{by}");
    }
}

//! Reads and scans.

use super::Fixture;
use super::make::*;
use crate::store::{Direction, Store, Transaction, Version};

async fn keys(store: &dyn Store, start: &str, end: &str, direction: Direction) -> Vec<String> {
    let found = store.scan(mk_range(start, end), direction, 100).await.unwrap();
    found.rows.iter().map(|(key, _)| String::from_utf8(key.to_vec()).unwrap()).collect()
}

pub(crate) async fn reads_what_was_written(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    assert_eq!(store.read(b"a").await.unwrap(), None);
    let first = store.commit(mk_put("a", "1")).await.unwrap();
    let found = store.read(b"a").await.unwrap().unwrap();
    assert_eq!((found.value, found.version), (mk_bytes("1"), Version(first.commit)));
    store.commit(mk_put("a", "2")).await.unwrap();
    assert_eq!(text_of(&*store, "a").await.unwrap(), "2");
    let removal = Transaction { writes: vec![mk_removal("a")], ..mk_tx() };
    store.commit(removal).await.unwrap();
    assert_eq!(store.read(b"a").await.unwrap(), None);
    store.commit(mk_put("empty", "")).await.unwrap();
    assert_eq!(text_of(&*store, "empty").await.unwrap(), "");
}

pub(crate) async fn scans_in_order_within_bounds(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    for key in ["b", "a/2", "a/10", "a/1", "c", "a0", "a/\u{7f}"] {
        store.commit(mk_put(key, key)).await.unwrap();
    }
    let up = keys(&*store, "a/", "a0", Direction::Ascending).await;
    assert_eq!(up, ["a/1", "a/10", "a/2", "a/\u{7f}"]);
    let mut down = keys(&*store, "a/", "a0", Direction::Descending).await;
    down.reverse();
    assert_eq!(up, down);
    let removal = Transaction { writes: vec![mk_removal("a/10"), mk_removal("no")], ..mk_tx() };
    store.commit(removal).await.unwrap();
    let without = ["a/1", "a/2", "a/\u{7f}"];
    assert_eq!(keys(&*store, "a/", "a0", Direction::Ascending).await, without);
    store.close().await;
    let store = fixture.open().await;
    assert_eq!(keys(&*store, "a/", "a0", Direction::Ascending).await, without);
    store.commit(mk_put("a/11", "new")).await.unwrap();
    let found = keys(&*store, "a/", "a0", Direction::Descending).await;
    assert_eq!(found, ["a/\u{7f}", "a/2", "a/11", "a/1"]);
}

pub(crate) async fn scans_say_whether_there_is_more(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    let writes = (0..5).map(|n| mk_write(&format!("k{n}"), "v")).collect();
    let commit = store.commit(Transaction { writes, ..mk_tx() }).await.unwrap().commit;
    for (limit, rows, has_more) in [(0, 0, true), (4, 4, true), (5, 5, false), (9, 5, false)] {
        let found = store.scan(mk_range("k", "l"), Direction::Ascending, limit).await.unwrap();
        assert_eq!((found.rows.len(), found.has_more, found.commit), (rows, has_more, commit));
    }
    let last = store.scan(mk_range("k", "l"), Direction::Descending, 1).await.unwrap();
    assert_eq!(last.rows[0].0, mk_bytes("k4"));
}

pub(crate) async fn a_range_that_is_upside_down_is_empty(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    store.commit(mk_put("b", "v")).await.unwrap();
    for (start, end) in [("c", "a"), ("b", "b")] {
        let found = store.scan(mk_range(start, end), Direction::Ascending, 9).await.unwrap();
        assert!(found.rows.is_empty() && !found.has_more);
    }
}

pub(crate) async fn the_state_is_the_same_after_opening_again(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    let empty = store.state_digest().await.unwrap();
    for n in 0..300 {
        store.commit(mk_put(&format!("k{}", n % 70), &n.to_string())).await.unwrap();
        if n % 7 == 0 {
            let writes = vec![mk_removal(&format!("k{}", n % 11))];
            store.commit(Transaction { writes, ..mk_tx() }).await.unwrap();
        }
    }
    let before = store.state_digest().await.unwrap();
    assert_ne!(before, empty);
    let info = store.info().await.unwrap();
    store.close().await;
    let store = fixture.open().await;
    assert_eq!(store.state_digest().await.unwrap(), before);
    let again = store.info().await.unwrap();
    assert_eq!(
        (again.commit, again.entries, again.incarnation),
        (info.commit, info.entries, info.incarnation)
    );
    assert_eq!(store.sequence("acme").await.unwrap(), 300);
}

pub(crate) async fn the_last_write_of_a_key_in_a_transaction_counts(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    let writes = vec![mk_write("a", "1"), mk_removal("a"), mk_write("a", "3"), mk_write("b", "1")];
    store.commit(Transaction { writes, ..mk_tx() }).await.unwrap();
    assert_eq!(text_of(&*store, "a").await.unwrap(), "3");
    let writes = vec![mk_write("a", "4"), mk_removal("a")];
    store.commit(Transaction { writes, ..mk_tx() }).await.unwrap();
    assert_eq!(text_of(&*store, "a").await, None);
}

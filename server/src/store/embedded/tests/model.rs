//! Random histories, with restarts and crashes between, against a plain map.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::make::*;
use crate::store::conformance::make::*;
use crate::store::embedded::EmbeddedStore;
use crate::store::{CommitError, Direction, Expectation, Store, Transaction, Version, Write};

/// One step of a history. Keys are few, so that they meet.
#[derive(Clone, Debug)]
enum Step {
    /// Writes keys (`None` removes), after reading some, which an intruder may
    /// change before the commit.
    Commit { reads: Vec<u8>, writes: Vec<(u8, Option<u8>)>, intruder: Option<u8> },
    /// Commits what a scan of a range saw, which an intruder may change.
    Guarded { from: u8, to: u8, limit: usize, intruder: Option<u8> },
    /// Scans a range.
    Scan { from: u8, to: u8, is_down: bool, limit: usize },
    /// Closes and opens again.
    Restart,
    /// Opens again without closing.
    Crash,
}

type Model = BTreeMap<String, (String, u64)>;

fn key(number: u8) -> String {
    format!("k/{number:02}")
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let small = || 0_u8..24;
    let intruder = || prop::option::of(small());
    let reads = prop::collection::vec(small(), 0..3);
    let writes = prop::collection::vec((small(), prop::option::of(any::<u8>())), 1..5);
    let step = prop_oneof![
        6 => (reads, writes, intruder())
            .prop_map(|(reads, writes, intruder)| Step::Commit { reads, writes, intruder }),
        2 => (small(), small(), 0_usize..6, intruder())
            .prop_map(|(from, to, limit, intruder)| Step::Guarded { from, to, limit, intruder }),
        3 => (small(), small(), any::<bool>(), 0_usize..8)
            .prop_map(|(from, to, is_down, limit)| Step::Scan { from, to, is_down, limit }),
        1 => Just(Step::Restart),
        1 => Just(Step::Crash),
    ];
    prop::collection::vec(step, 1..40)
}

/// A store beside the map that it must agree with.
struct Pair {
    place: Place,
    store: Option<EmbeddedStore>,
    model: Model,
    commit: u64,
}

impl Pair {
    fn new() -> Self {
        let place = mk_place();
        let store = Some(place.open().0);
        Self { place, store, model: Model::new(), commit: 0 }
    }

    fn store(&self) -> &EmbeddedStore {
        self.store.as_ref().unwrap()
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Commit { reads, writes, intruder } => self.commit(reads, writes, intruder).await,
            Step::Guarded { from, to, limit, intruder } => {
                self.guarded(from, to, limit, intruder).await;
            }
            Step::Scan { from, to, is_down, limit } => self.scan(from, to, is_down, limit).await,
            Step::Restart => {
                self.store().close().await;
                self.reopen();
            }
            Step::Crash => self.reopen(),
        }
    }

    fn reopen(&mut self) {
        self.store = None;
        let (store, report) = self.place.open();
        assert_eq!((report.commit, report.cut_bytes), (self.commit, 0));
        self.store = Some(store);
    }

    async fn put(&mut self, expectations: Vec<Expectation>, writes: Vec<Write>, holds: bool) {
        let transaction = Transaction { expectations, writes: writes.clone(), ..mk_put("", "") };
        match self.store().commit(transaction).await {
            Ok(committed) => {
                assert!(holds, "a conflict was not seen");
                self.commit += 1;
                assert_eq!(committed.commit, self.commit);
                for write in writes {
                    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                    match write.value {
                        Some(value) => {
                            let value = (text(&value), self.commit);
                            self.model.insert(text(&write.key), value);
                        }
                        None => {
                            self.model.remove(&text(&write.key));
                        }
                    }
                }
            }
            Err(error) => assert_eq!((error, holds), (CommitError::Conflict, false)),
        }
    }

    async fn intrude(&mut self, intruder: Option<u8>) {
        if let Some(number) = intruder {
            self.put(Vec::new(), vec![mk_write(&key(number), "intruder")], true).await;
        }
    }

    async fn commit(
        &mut self,
        reads: Vec<u8>,
        writes: Vec<(u8, Option<u8>)>,
        intruder: Option<u8>,
    ) {
        let mut expectations = Vec::new();
        for number in &reads {
            let found = self.store().read(key(*number).as_bytes()).await.unwrap();
            let version = found.as_ref().map(|found| found.version);
            let wanted = self.model.get(&key(*number)).map(|(_, commit)| Version(*commit));
            assert_eq!(version, wanted);
            expectations.push(mk_expected(&key(*number), version));
        }
        self.intrude(intruder).await;
        let holds = intruder.is_none_or(|number| !reads.contains(&number));
        let writes = writes
            .into_iter()
            .map(|(number, value)| match value {
                Some(value) => mk_write(&key(number), &value.to_string()),
                None => mk_removal(&key(number)),
            })
            .collect();
        self.put(expectations, writes, holds).await;
    }

    async fn guarded(&mut self, from: u8, to: u8, limit: usize, intruder: Option<u8>) {
        let range = mk_range(&key(from), &key(to));
        let found = self.store().scan(range.clone(), Direction::Ascending, limit).await.unwrap();
        let complete = !found.has_more;
        let rows: Vec<_> = found.rows.into_iter().map(|(key, row)| (key, row.version)).collect();
        self.intrude(intruder).await;
        // What was read ends at the last row, or reaches to the end.
        let last = rows.last().map(|(key, _)| String::from_utf8(key.to_vec()).unwrap());
        let holds = intruder.is_none_or(|number| {
            let is_inside = key(from) <= key(number) && key(number) < key(to);
            let is_read = complete || last.is_some_and(|last| key(number) <= last);
            !(is_inside && is_read)
        });
        let expectation = Expectation::Range { range, rows, complete };
        self.put(vec![expectation], vec![mk_write("guarded", "x")], holds).await;
    }

    async fn scan(&self, from: u8, to: u8, is_down: bool, limit: usize) {
        let direction = if is_down { Direction::Descending } else { Direction::Ascending };
        let range = mk_range(&key(from), &key(to));
        let found = self.store().scan(range, direction, limit).await.unwrap();
        let mut wanted: Vec<_> = self
            .model
            .iter()
            .filter(|(name, _)| **name >= key(from) && **name < key(to))
            .map(|(name, (value, commit))| (name.clone(), value.clone(), *commit))
            .collect();
        if is_down {
            wanted.reverse();
        }
        let has_more = wanted.len() > limit;
        wanted.truncate(limit);
        let rows: Vec<_> = found
            .rows
            .iter()
            .map(|(key, row)| {
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                (text(key), text(&row.value), row.version.0)
            })
            .collect();
        assert_eq!((rows, found.has_more, found.commit), (wanted, has_more, self.commit));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]
    #[test]
    fn every_history_agrees_with_a_map(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut pair = Pair::new();
            for step in steps {
                pair.step(step).await;
            }
            pair.scan(0, 99, false, 100).await;
        });
    }
}

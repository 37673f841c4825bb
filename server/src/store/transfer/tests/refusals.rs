//! What is refused, and that it names the place.

use std::path::Path;

use super::make::*;
use crate::store::damage::{Damage, DamageKind, OpenError};
use crate::store::embedded::tests::make::change;
use crate::store::embedded::{self, EmbeddedStore};
use crate::store::postgres::PostgresStore;
use crate::store::postgres::tests::make::{self as rows, mk_place};
use crate::store::transfer::account::Copying;
use crate::store::transfer::batch::Reading;
use crate::store::transfer::side::{Sink, Source};
use crate::store::transfer::{DatabaseReport, Place, TransferError, verify_database};

/// A copy that ends in the midst of it.
async fn interrupted(from: &Place, to: &Place) -> Sink {
    let source = Source::open(from).await.unwrap();
    let mut sink = Sink::open(to).await.unwrap();
    let mut pass = source.start(Reading::Payloads);
    sink.write(pass.next().await.unwrap()).await.unwrap();
    sink
}

fn is_unfinished<T: std::fmt::Debug>(result: Result<T, OpenError>) {
    match result {
        Err(OpenError::Unfinished { .. }) => {}
        other => panic!("{other:?}"),
    }
}

async fn verified(place: &rows::Place) -> Result<DatabaseReport, OpenError> {
    verify_database(&place.url, None, quiet()).await
}

fn damage_of(error: TransferError) -> Damage {
    match error {
        TransferError::Source(OpenError::Damaged(damage)) => *damage,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_copy_is_opened_by_nobody() {
    let (ground, there) = (mk_ground(), mk_place());
    let here = at_folder(&ground.filled("first", 600).await);
    let into = ground.dir("into");
    drop(interrupted(&here, &at_folder(&into)).await);
    is_unfinished(EmbeddedStore::open(ground.folder.options_at(&into)).map(|_| ()));
    is_unfinished(embedded::verify(&into));
    is_unfinished(embedded::restore(&into, &ground.dir("restored")));
    let refusal = refused(&at_folder(&into), &at_folder(&ground.dir("other"))).await;
    assert!(matches!(refusal, TransferError::Source(OpenError::Unfinished { .. })), "{refusal}");
    let refusal = refused(&here, &at_folder(&into)).await;
    assert!(matches!(refusal, TransferError::Sink(OpenError::NotEmpty { .. })), "{refusal}");

    drop(interrupted(&here, &at_rows(&there)).await);
    is_unfinished(PostgresStore::open(there.options("one")).await.map(|_| ()));
    is_unfinished(verified(&there).await);
    let refusal = refused(&here, &at_rows(&there)).await;
    assert!(matches!(refusal, TransferError::Sink(OpenError::Unfinished { .. })), "{refusal}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_that_holds_something_is_refused() {
    let (ground, there) = (mk_ground(), mk_place());
    let here = ground.filled("first", 20).await;
    let other = ground.filled("other", 20).await;
    let refusal = refused(&at_folder(&here), &at_folder(&other)).await;
    assert_eq!(refusal, TransferError::Sink(OpenError::NotEmpty { path: other }));
    let store = there.open("one").await;
    mk_history(&store, 3).await;
    crate::store::Store::close(&store).await;
    let refusal = refused(&at_folder(&here), &at_rows(&there)).await.to_string();
    assert!(refusal.contains("a store of 3 commits"), "{refusal}");
    assert!(verified(&there).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_a_server_has_open_is_refused() {
    let ground = mk_ground();
    let here = ground.filled("first", 20).await;
    let _server = ground.open(&here);
    let refusal = refused(&at_folder(&here), &at_folder(&ground.dir("into"))).await;
    assert!(matches!(refusal, TransferError::Source(OpenError::Locked { .. })), "{refusal}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_folder_is_refused_at_its_place() {
    let ground = mk_ground();
    for (name, part) in [("frame", "journal/0000000002.log"), ("payload", "packs/0001.pack")] {
        let here = ground.filled(name, 200).await;
        let file = here.join(part);
        change(&file, |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        });
        let into = ground.dir(&format!("{name}-into"));
        let damage = damage_of(refused(&at_folder(&here), &at_folder(&into)).await);
        assert_eq!(damage.file, file);
        assert!(damage.first_commit > 1, "{damage}");
        if into.exists() {
            is_unfinished(embedded::verify(&into));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_damaged_table_is_found_out_and_named() {
    let ground = mk_ground();
    let here = at_folder(&ground.filled("first", 120).await);
    let damages = [
        (
            "journal",
            "UPDATE journal SET frame = set_byte(frame, 40, get_byte(frame, 40) # 1) WHERE commit_number = 70",
        ),
        ("journal", "DELETE FROM journal WHERE commit_number = 70"),
        (
            "journal",
            "UPDATE journal SET last_sequence = last_sequence + 1 WHERE commit_number = 71",
        ),
        ("journal", "DELETE FROM journal WHERE commit_number = 120"),
        (
            "payload",
            "UPDATE payload SET body = set_byte(body, 9, get_byte(body, 9) # 1) WHERE body IS NOT NULL",
        ),
        ("payload", "DELETE FROM payload_chunk"),
        ("payload", "DELETE FROM payload"),
        (
            "state",
            "UPDATE state SET value = 'x' WHERE key = (SELECT key FROM state ORDER BY key LIMIT 1)",
        ),
        (
            "state",
            "UPDATE state SET version = version - 1 WHERE key = (SELECT key FROM state ORDER BY key DESC LIMIT 1)",
        ),
        ("state", "INSERT INTO state (key, value, version) VALUES ('acme/run/z', 'x', 3)"),
        (
            "tenant_sequence",
            "UPDATE tenant_sequence SET sequence = sequence + 1 WHERE tenant = 'acme'",
        ),
        ("tenant_sequence", "DELETE FROM tenant_sequence WHERE tenant = 'beta'"),
        ("head", "UPDATE head SET peaks = set_byte(peaks, 3, get_byte(peaks, 3) # 1)"),
    ];
    for (table, statement) in damages {
        let there = mk_place();
        copied(&here, &at_rows(&there)).await;
        assert_eq!(verified(&there).await.unwrap().commits, 120);
        there.sql(statement);
        let Err(OpenError::Damaged(damage)) = verified(&there).await else {
            panic!("{statement}: not found out");
        };
        assert_eq!(damage.file, Path::new(table), "{statement}: {damage}");
        if statement.contains("= 70") {
            assert_eq!(damage.first_commit, 70, "{statement}: {damage}");
        }
        let into = ground.dir(&format!("from-{}", there.url.rsplit('_').next().unwrap()));
        let damage = damage_of(refused(&at_rows(&there), &at_folder(&into)).await);
        assert_eq!(damage.file, Path::new(table), "{statement}: {damage}");
        if into.exists() {
            is_unfinished(embedded::verify(&into));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_stored_wrong_does_not_verify() {
    let (ground, there) = (mk_ground(), mk_place());
    let here = at_folder(&ground.filled("first", 100).await);
    let progress = quiet();
    let copying = Copying { tenant: Some("acme"), selects: false, progress: &progress };
    let source = Source::open(&here).await.unwrap();
    let mut sink = Sink::open(&at_rows(&there)).await.unwrap();
    let read = copying.account(&source, Reading::Payloads, Some(&mut sink)).await.unwrap();
    let written = sink.written().await.unwrap();
    let stored = copying.account(&written, Reading::Payloads, None).await.unwrap();
    read.compare(&stored).unwrap();
    let fewer = Copying { tenant: Some("beta"), selects: true, ..copying };
    let fewer = fewer.account(&source, Reading::Payloads, None).await.unwrap();
    let differs = read.compare(&fewer);
    assert!(matches!(differs, Err(TransferError::Differs { what: "root", .. })), "{differs:?}");
    there.sql("DELETE FROM state WHERE key = (SELECT key FROM state ORDER BY key LIMIT 1)");
    let written = sink.written().await.unwrap();
    let stored = copying.account(&written, Reading::Payloads, None).await.map(|_| ());
    assert_eq!(
        damage_of(stored.unwrap_err()).kind.to_string(),
        DamageKind::Row { what: "it is not what the writes of the journal give".to_owned() }
            .to_string()
    );
}

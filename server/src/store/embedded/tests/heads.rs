//! The signed head keeps history from being shortened or rewritten.

use std::fs;

use super::make::*;
use crate::store::Store;
use crate::store::conformance::make::*;
use crate::store::damage::DamageKind;
use crate::store::embedded::{EmbeddedStore, verify};

async fn mk_closed(commits: usize) -> Place {
    let place = mk_place();
    let (store, _) = place.open();
    for n in 0..commits {
        store.commit(mk_put(&format!("k{n}"), "v")).await.unwrap();
    }
    store.close().await;
    place
}

#[tokio::test]
async fn closing_writes_the_head_beside_and_outside() {
    let place = mk_closed(3).await;
    let inner = fs::read_to_string(place.data.join("head")).unwrap();
    assert_eq!(inner, fs::read_to_string(place.outer_head()).unwrap());
    assert!(inner.starts_with("pointsman/journal\n3\n"), "{inner}");
    let report = verify(&place.data).unwrap();
    assert_eq!((report.commits, report.entries, report.signed_entries), (3, 3, Some(3)));
}

#[tokio::test]
async fn many_entries_bring_a_head_without_closing() {
    let place = mk_place();
    let (store, _) = place.open();
    for _ in 0..3 {
        let transaction =
            crate::store::Transaction { events: vec![mk_event(); 400], ..mk_put("k", "v") };
        store.commit(transaction).await.unwrap();
    }
    let wanted = "pointsman/journal\n1200\n";
    while !fs::read_to_string(place.outer_head()).unwrap().starts_with(wanted) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_journal_shorter_than_its_head_is_refused() {
    for keep_inner in [true, false] {
        let place = mk_closed(5).await;
        if !keep_inner {
            fs::remove_file(place.data.join("head")).unwrap();
        }
        change(&place.segment(1), |bytes| bytes.truncate(bytes.len() - 1));
        let damage = damage_of(EmbeddedStore::open(place.options()));
        assert_eq!(damage.kind, DamageKind::Shorter { entries: 4, signed: 5 });
        assert_eq!((damage.first_commit, damage.last_commit), (5, Some(5)));
    }
}

#[tokio::test]
async fn a_wiped_store_is_refused_while_its_head_stands_outside() {
    let place = mk_closed(5).await;
    fs::remove_dir_all(place.data.join("journal")).unwrap();
    let damage = damage_of(EmbeddedStore::open(place.options()));
    assert_eq!((damage.first_commit, damage.last_commit), (1, Some(5)));
    fs::remove_dir_all(&place.data).unwrap();
    assert_eq!(damage_of(EmbeddedStore::open(place.options())).kind, DamageKind::Head);
}

#[tokio::test]
async fn another_history_is_refused() {
    let place = mk_closed(5).await;
    let other = mk_closed(5).await;
    fs::copy(other.segment(1), place.segment(1)).unwrap();
    let damage = damage_of(EmbeddedStore::open(place.options()));
    assert_eq!(damage.kind, DamageKind::Root { signed: 5 });
    fs::copy(other.outer_head(), place.outer_head()).unwrap();
    assert_eq!(damage_of(EmbeddedStore::open(place.options())).kind, DamageKind::Head);
}

#[tokio::test]
async fn the_private_key_is_readable_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = mk_closed(1).await;
    let mode = fs::metadata(place.data.join("key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn no_changed_byte_of_a_closed_store_goes_unnoticed() {
    let place = mk_place();
    let (store, _) = place.open();
    mk_history(&store, 12).await;
    store.close().await;
    verify(&place.data).unwrap();
    let noise = mk_noise(5, 300);
    for path in [place.segment(1), place.pack(1), place.data.join("head"), place.outer_head()] {
        let sound = fs::read(&path).unwrap();
        for random in noise.chunks(6) {
            // The last newline of a note is not signed.
            let length = sound.len() - 1;
            let at = random.iter().fold(0, |at, byte| at << 8 | usize::from(*byte)) % length;
            change(&path, |bytes| bytes[at] ^= 1 << (random[0] % 7));
            let found = verify(&place.data);
            assert!(found.is_err(), "byte {at} of {}: {found:?}", path.display());
            fs::write(&path, &sound).unwrap();
        }
    }
    verify(&place.data).unwrap();
}

//! A backup of a database is one like any other.

use super::make::*;
use crate::store::Store;
use crate::store::embedded;
use crate::store::postgres::tests::make::mk_place;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_a_database_is_restored_examined_and_copied() {
    const COMMITS: u64 = 300;
    let (ground, there) = (mk_ground(), mk_place());
    let store = there.open("one").await;
    mk_groups(&store, 0..COMMITS, mk_commit).await;
    store.commit(mk_commit(COMMITS)).await.unwrap();
    let (root, state) =
        (store.tree_head().await.unwrap().root, store.state_digest().await.unwrap());
    let into = ground.dir("backup");
    let made = store.backup(&into).await.unwrap();
    let again = store.backup(&into).await;
    assert!(again.unwrap_err().to_string().contains("is not empty"));
    store.commit(mk_commit(COMMITS + 1)).await.unwrap();

    let verified = embedded::verify(&into).unwrap();
    assert_eq!((verified.root, verified.commits), (root, COMMITS + 1));
    assert_eq!((verified.signed_entries, made.entries), (Some(made.entries), verified.entries));
    for private in ["key", "LOCK", "sled"] {
        assert!(!into.join(private).exists(), "{private}");
    }
    let [restored, copy] = ["restored", "copy"].map(|name| ground.dir(name));
    embedded::restore(&into, &restored).unwrap();
    copied(&at_folder(&into), &at_folder(&copy)).await;
    for dir in [restored, copy] {
        let store = ground.open(&dir);
        assert_eq!(store.tree_head().await.unwrap().root, root);
        assert_eq!(store.state_digest().await.unwrap(), state);
    }
    assert!(made.bytes > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_go_on_while_a_database_is_backed_up_and_copied() {
    let (ground, there) = (mk_ground(), mk_place());
    let store = there.open("one").await;
    mk_history(&store, 200).await;
    let into = ground.dir("backup");
    let going_on = async {
        for n in 200..400 {
            store.commit(mk_commit(n)).await.unwrap();
        }
    };
    let (made, ()) = tokio::join!(store.backup(&into), going_on);
    let made = made.unwrap();
    assert!((200..=400).contains(&made.commit));
    assert_eq!(embedded::verify(&into).unwrap().commits, made.commit);
    let copy = ground.dir("copy");
    let going_on = async {
        for n in 400..600 {
            store.commit(mk_commit(n)).await.unwrap();
        }
    };
    let (report, ()) =
        tokio::join!(async { copied(&at_rows(&there), &at_folder(&copy)).await }, going_on);
    assert!((400..=600).contains(&report.commits));
    assert_eq!(embedded::verify(&copy).unwrap().root, report.root);
}

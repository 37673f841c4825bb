//! Restoring: the same state in a new life, or a refusal that names the place.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::make::*;
use crate::domain::digest::Digest;
use crate::domain::ids::RunId;
use crate::store::conformance::make::*;
use crate::store::damage::{Damage, DamageKind, OpenError};
use crate::store::embedded::{EmbeddedStore, restore};
use crate::store::{Store, Transaction};

/// A backup of several segments and packs.
struct Backup {
    place: Place,
    from: PathBuf,
    into: PathBuf,
    digest: Digest,
    root: Digest,
}

impl Backup {
    async fn new() -> Self {
        let place = mk_place();
        let mut options = place.options();
        (options.segment_bytes, options.pack_bytes) = (6_000, 15_000);
        let (store, _) = EmbeddedStore::open(options).unwrap();
        mk_history(&store, 60).await;
        for n in 0..4 {
            // Cut into chunks, most of which the run has stored before.
            let mut state = mk_noise(9, 30_000);
            state[20_000] ^= n as u8;
            let run = Some(RunId::new(uuid::Uuid::from_u128(3)));
            let payloads = vec![mk_payload(1_000 + n, state, run)];
            store.commit(Transaction { payloads, ..mk_put("state", "v") }).await.unwrap();
        }
        let (digest, root) =
            (store.state_digest().await.unwrap(), store.tree_head().await.unwrap().root);
        let from = place.data.with_extension("backup");
        store.backup(&from).await.unwrap();
        store.close().await;
        let into = place.data.with_extension("restored");
        Self { place, from, into, digest, root }
    }

    /// Restoring is refused, and neither place is touched.
    fn refused(&self, what: &str) -> Damage {
        let before = contents(&self.from);
        let damage = match restore(&self.from, &self.into) {
            Err(OpenError::Damaged(damage)) => *damage,
            other => panic!("{what}: {other:?}"),
        };
        assert!(!self.into.exists(), "{what}: something was made");
        assert!(contents(&self.from) == before, "{what}: the backup was changed");
        damage
    }

    async fn is_restored(&self) {
        let report = restore(&self.from, &self.into).unwrap();
        let (store, opened) = EmbeddedStore::open(self.place.options_at(&self.into)).unwrap();
        assert_eq!(store.state_digest().await.unwrap(), self.digest);
        assert_eq!(store.tree_head().await.unwrap().root, self.root);
        assert_eq!((opened.commit, opened.cut_bytes, opened.quarantined), (64, 0, None));
        assert_eq!((report.commit, report.entries), (64, 64));
        assert_eq!(store.info().await.unwrap().incarnation, report.incarnation);
        store.close().await;
        fs::remove_dir_all(&self.into).unwrap();
    }

    fn files(&self, folder: &str) -> Vec<PathBuf> {
        let found = contents(&self.from).into_keys();
        found.filter(|path| path.starts_with(self.from.join(folder))).collect()
    }
}

fn contents(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            found.insert(path.clone(), fs::read(path).unwrap());
        }
    }
    found
}

fn is_index(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "idx")
}

#[tokio::test]
async fn a_sound_backup_is_the_same_state_in_a_new_life() {
    let backup = Backup::new().await;
    assert!(backup.files("journal").len() > 2 && backup.files("packs").len() > 3);
    backup.is_restored().await;
    let former = fs::read_to_string(backup.place.data.join("store")).unwrap();
    let report = restore(&backup.from, &backup.into).unwrap();
    assert!(!former.contains(&report.incarnation.to_string()));
    assert_eq!(fs::read_to_string(backup.into.join("restored/store")).unwrap(), former);
}

#[tokio::test]
async fn a_flipped_bit_is_refused_at_its_place() {
    let backup = Backup::new().await;
    let noise = mk_noise(5, 60);
    for path in [backup.files("journal"), backup.files("packs")].concat() {
        let sound = fs::read(&path).unwrap();
        for random in noise.chunks(3) {
            let at = random.iter().fold(0, |at, byte| at << 8 | usize::from(*byte)) % sound.len();
            let what = format!("byte {at} of {}", path.display());
            change(&path, |bytes| bytes[at] ^= 1 << (random[0] % 8));
            if is_index(&path) {
                // Made anew of the records.
                backup.is_restored().await;
            } else {
                let damage = backup.refused(&what);
                assert_eq!(damage.file, path, "{what}: {damage}");
                let longest = 40_000;
                let range = damage.offset as usize..damage.offset as usize + longest;
                assert!(range.contains(&at), "{what}: {damage}");
                assert!((1..=64).contains(&damage.first_commit), "{what}: {damage}");
            }
            fs::write(&path, &sound).unwrap();
        }
    }
    backup.is_restored().await;
}

#[tokio::test]
async fn a_changed_description_is_refused() {
    let backup = Backup::new().await;
    for (name, kinds) in [
        ("head", &[DamageKind::Head][..]),
        ("key.pub", &[DamageKind::Head, DamageKind::Garbled]),
        ("store", &[DamageKind::Garbled]),
    ] {
        let path = backup.from.join(name);
        let sound = fs::read(&path).unwrap();
        // The last newline of a note is not signed.
        for at in [0, 3, sound.len() / 2, sound.len() - 2] {
            if name == "store" && at > 20 {
                // Which life it was; the restored store has one of its own.
                continue;
            }
            change(&path, |bytes| bytes[at] ^= 1);
            let damage = backup.refused(&format!("byte {at} of {name}"));
            assert!(kinds.contains(&damage.kind), "byte {at} of {name}: {damage}");
            fs::write(&path, &sound).unwrap();
        }
    }
}

#[tokio::test]
async fn a_missing_file_is_named() {
    let backup = Backup::new().await;
    let all = contents(&backup.from);
    let newest = backup.files("journal").pop().unwrap();
    for (path, sound) in &all {
        fs::remove_file(path).unwrap();
        let what = format!("without {}", path.display());
        if is_index(path) {
            backup.is_restored().await;
        } else {
            let damage = backup.refused(&what);
            if *path == newest {
                // Where the journal ends now, and what the head covers.
                assert!(matches!(damage.kind, DamageKind::Shorter { signed: 64, .. }), "{damage}");
            } else {
                let next = damage.file.file_name() > path.file_name();
                let is_segment = path.starts_with(backup.from.join("journal"));
                assert!(damage.file == *path || is_segment && next, "{what}: {damage}");
            }
        }
        fs::write(path, sound).unwrap();
    }
    for name in ["journal", "packs"] {
        let aside = backup.from.with_extension("aside");
        fs::rename(backup.from.join(name), &aside).unwrap();
        let damage = backup.refused(name);
        assert_eq!((damage.kind, damage.file), (DamageKind::Missing, backup.from.join(name)));
        fs::rename(&aside, backup.from.join(name)).unwrap();
    }
    backup.is_restored().await;
}

#[tokio::test]
async fn a_cut_file_is_refused_at_its_place() {
    let backup = Backup::new().await;
    for path in [backup.files("journal"), backup.files("packs")].concat() {
        let sound = fs::read(&path).unwrap();
        for length in [sound.len() - 1, sound.len() / 2, 10, 0] {
            let what = format!("{} cut to {length} bytes", path.display());
            fs::write(&path, &sound[..length]).unwrap();
            if is_index(&path) {
                backup.is_restored().await;
            } else {
                let damage = backup.refused(&what);
                assert_eq!(damage.file, path, "{what}: {damage}");
                assert!(damage.offset <= length as u64, "{what}: {damage}");
            }
            fs::write(&path, &sound).unwrap();
        }
    }
}

#[tokio::test]
async fn more_than_the_head_covers_is_refused() {
    let backup = Backup::new().await;
    let newest = [backup.files("journal").pop(), backup.files("packs").pop()];
    for path in newest.into_iter().flatten() {
        let sound = fs::read(&path).unwrap();
        for tail in [&sound[..100], &[0; 700], b"torn"] {
            change(&path, |bytes| bytes.extend_from_slice(tail));
            let damage = backup.refused("a tail");
            let place = (damage.file.clone(), damage.offset as usize);
            assert_eq!((damage.kind, place), (DamageKind::Beyond, (path.clone(), sound.len())));
            fs::write(&path, &sound).unwrap();
        }
    }
}

#[tokio::test]
async fn commits_behind_the_head_are_refused() {
    let place = mk_place();
    let (store, _) = place.open();
    mk_history(&store, 20).await;
    let (from, later) = (place.data.with_extension("backup"), place.data.with_extension("later"));
    store.backup(&from).await.unwrap();
    let end = fs::metadata(from.join("journal/0000000001.log")).unwrap().len();
    mk_history(&store, 5).await;
    store.backup(&later).await.unwrap();
    fs::copy(from.join("head"), later.join("head")).unwrap();
    match restore(&later, &place.data.with_extension("restored")) {
        Err(OpenError::Damaged(damage)) => {
            assert_eq!((damage.kind, damage.offset), (DamageKind::Beyond, end));
            assert_eq!(damage.first_commit, 21);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_restore_overwrites_nothing_and_sets_the_old_head_aside() {
    let Backup { place, from, .. } = Backup::new().await;
    let refused = restore(&from, &place.data);
    assert_eq!(refused, Err(OpenError::NotEmpty { path: place.data.clone() }));
    fs::remove_dir_all(&place.data).unwrap();
    let report = restore(&from, &place.data).unwrap();
    assert!(report.former_head.is_some_and(|aside| aside.exists()));
    let (store, opened) = place.open();
    assert_eq!(opened.commit, 64);
    store.close().await;
}

#[tokio::test]
async fn a_refused_restore_leaves_an_empty_place_empty() {
    let backup = Backup::new().await;
    fs::create_dir(&backup.into).unwrap();
    fs::remove_file(backup.from.join("head")).unwrap();
    assert!(matches!(restore(&backup.from, &backup.into), Err(OpenError::Damaged(_))));
    assert!(contents(&backup.into).is_empty() && backup.into.exists());
}

#[tokio::test]
async fn what_is_no_backup_is_told_from_a_damaged_one() {
    let place = mk_place();
    fs::create_dir(&place.data).unwrap();
    let refused = restore(&place.data, &place.data.with_extension("restored"));
    assert_eq!(refused, Err(OpenError::Format { path: place.data }));
}

#[tokio::test]
async fn a_restore_that_was_not_finished_is_not_opened() {
    let backup = Backup::new().await;
    restore(&backup.from, &backup.into).unwrap();
    fs::remove_file(backup.into.join("store")).unwrap();
    let refused = EmbeddedStore::open(backup.place.options_at(&backup.into));
    assert!(matches!(refused.map(|_| ()), Err(OpenError::Format { .. })));
}

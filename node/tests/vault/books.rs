//! `vault.sqlite` and `keeper.sqlite` are lost: the home starts, nothing is deleted anywhere, and all of it is known again.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use heirloom::home::Home;
use heirloom::vault::audits::{self, Scope};
use heirloom::vault::status::status;
use heirloom::vault::{own_places, worker};
use heirloom_store::StoreError;
use heirloom_vault::policy::{Policy, TargetId};
use heirloom_vault::store::{Alarm, Place};
use tokio_util::sync::CancellationToken;

use crate::crash::closed;
use crate::faulty::{Fault, Faulty};
use crate::homes::{DAY_MS, Scratch, add_folder, files_below, household, photo, photos, run};
use crate::peers;
use crate::readback::{self, Readback};

type Damage = fn(&Path);

/// Everything that may happen to a file.
const DAMAGES: [(&str, Damage); 6] = [
    ("cut in half", |path| change(path, |bytes| bytes.truncate(bytes.len() / 2))),
    ("empty", |path| change(path, Vec::clear)),
    ("a header of zeros", |path| change(path, |bytes| bytes[..100].fill(0))),
    ("flipped pages", |path| {
        change(path, |bytes| {
            let pages = bytes.len() / 4096;
            bytes[pages / 2 * 4096..].iter_mut().for_each(|byte| *byte ^= 0xff);
        });
    }),
    ("rubbish", |path| std::fs::write(path, [7; 10_000]).unwrap()),
    ("gone", |path| std::fs::remove_file(path).unwrap()),
];

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

/// Damages a database of a closed home.
fn damage(scratch: &Scratch, name: &str, damage: Damage) {
    let path = scratch.root().join(name);
    for ending in ["-wal", "-shm"] {
        let beside = scratch.root().join(format!("{name}{ending}"));
        assert!(std::fs::metadata(&beside).map_or(0, |meta| meta.len()) == 0, "the home is closed");
    }
    damage(&path);
}

/// What lies beside a database under a name that says that it is damaged.
pub(crate) fn set_aside(scratch: &Scratch, name: &str) -> Vec<PathBuf> {
    let files = files_below(&scratch.root()).into_iter().map(|(path, _)| path);
    files.filter(|path| path.to_string_lossy().starts_with(&format!("{name}.damaged-"))).collect()
}

pub(crate) fn alarm(home: &Home, kind: &str) -> Option<Alarm> {
    home.vault.store.alarms().unwrap().into_iter().find(|alarm| alarm.kind == kind)
}

/// Photos that are complete in a folder.
pub(crate) fn complete(home: &Home, id: TargetId) -> u64 {
    let overview = home.vault.store.overview(home.vault.engine.now(), &Policy::default()).unwrap();
    overview.targets.get(&id).map_or(0, |counts| counts.photos)
}

/// Names of the packs in a folder.
fn packs(folder: &Path) -> BTreeSet<PathBuf> {
    let files = files_below(&folder.join("packs")).into_iter().map(|(path, _)| path);
    files.filter(|path| path.extension().is_some_and(|ending| ending == "pack")).collect()
}

pub(crate) fn only_target(home: &Home) -> TargetId {
    let rows = home.vault.store.targets().unwrap();
    assert_eq!(rows.len(), 1);
    rows[0].id
}

/// Goal: however `vault.sqlite` is damaged, the home starts, says so, knows its folder again, and after one run every photo
/// counts as safe; no pack is deleted at the place and no photo packed anew. Method: every kind of damage; then photos are
/// added and everything is read back from the folder.
#[tokio::test(flavor = "multi_thread")]
async fn lost_books_are_filled_from_the_copies() {
    for (what, how) in DAMAGES {
        let scratch = Scratch::new("Anna");
        let home = scratch.open();
        photos(&home, 0..5);
        let folder = scratch.beside("disk");
        let id = add_folder(&home, &folder);
        run(&home).await;
        assert_eq!(complete(&home, id), 5);
        let before = packs(&folder);
        closed(home);
        damage(&scratch, "vault.sqlite", how);

        let home = scratch.open();
        let is_kept = !matches!(what, "empty" | "gone");
        assert_eq!(set_aside(&scratch, "vault.sqlite").len(), usize::from(is_kept), "{what}");
        let told = alarm(&home, "books-lost").unwrap_or_else(|| panic!("{what}: nobody is told"));
        assert!(told.text.contains("Nothing is deleted"), "{told:?}");
        let id = only_target(&home);
        let report = run(&home).await;
        assert!(packs(&folder).is_superset(&before), "{what}: a pack was deleted");
        assert_eq!(complete(&home, id), 5, "{what}: {report:?}");
        let originals: Vec<_> = home.vault.store.pack_stats().unwrap();
        let originals = originals.iter().filter(|pack| pack.shelf == 3).count();
        let known = before.len();
        assert!(originals > 0 && originals <= known, "{what}: photos were packed anew");
        assert!(alarm(&home, "newer-state").is_none() && alarm(&home, "keys-used").is_none(), "{what}");
        let told = alarm(&home, "books-lost").unwrap();
        assert!(told.text.contains("made anew from the copies"), "{told:?}");

        photos(&home, 50..52);
        scratch.pass(8 * DAY_MS);
        run(&home).await;
        assert_eq!(complete(&home, id), 7, "{what}");
        let back = Readback::of_folder(&folder, &scratch.phrase).await;
        assert_eq!(back.originals().await.len(), 7, "{what}");
    }
}

/// Goal: while the only place with copies is away, books that were lost wait: nothing is packed, sent or deleted; after three
/// days copies are made anew, and even then nothing that is unknown is deleted at once when the place comes back.
#[tokio::test(flavor = "multi_thread")]
async fn lost_books_wait_for_the_place_that_knows() {
    let scratch = Scratch::new("Anna");
    let home = scratch.open();
    photos(&home, 0..4);
    let (folder, other) = (scratch.beside("disk"), scratch.beside("other"));
    add_folder(&home, &folder);
    run(&home).await;
    add_folder(&home, &other);
    let before = packs(&folder);
    // The ledger hears of the second folder.
    closed(home);
    closed(scratch.open());
    damage(&scratch, "vault.sqlite", DAMAGES[4].1);
    std::fs::rename(&folder, scratch.beside("away")).unwrap();

    let home = scratch.open();
    assert_eq!(home.vault.store.targets().unwrap().len(), 2, "both folders are known");
    assert_eq!(run(&home).await.packs, 0, "the one that has no copies says nothing about the other");
    assert_eq!(packs(&other), BTreeSet::new());
    scratch.pass(DAY_MS);
    assert_eq!(run(&home).await.packs, 0);
    std::fs::rename(scratch.beside("away"), &folder).unwrap();
    run(&home).await;
    assert!(packs(&folder).is_superset(&before));
    for row in home.vault.store.targets().unwrap() {
        assert_eq!(complete(&home, row.id), 4, "{:?}", row.place);
    }

    closed(home);
    damage(&scratch, "vault.sqlite", DAMAGES[4].1);
    for folder in [&folder, &other] {
        std::fs::rename(folder, folder.with_extension("away")).unwrap();
    }
    let home = scratch.open();
    run(&home).await;
    let status = status(&home).unwrap();
    assert_eq!(
        (status.level, status.photos.total, status.photos.none),
        ("danger", 4, 4),
        "{}",
        status.sentence
    );
    assert!(!status.sentence.contains("no photos here"), "{}", status.sentence);
    // A clock that jumps is no time that passed.
    scratch.pass(40 * DAY_MS);
    photo(&home, 30);
    assert_eq!(run(&home).await.packs, 0);
    assert!(alarm(&home, "books-lost").unwrap().text.contains("from the copies themselves"));
    worker::keep_promises(&home, 4 * DAY_MS).await.unwrap();
    run(&home).await;
    assert!(alarm(&home, "books-lost").unwrap().text.contains("every copy is made anew"));
    for folder in [&folder, &other] {
        std::fs::rename(folder.with_extension("away"), folder).unwrap();
    }
    let before = packs(&folder);
    scratch.pass(DAY_MS);
    run(&home).await;
    assert!(packs(&folder).is_superset(&before), "what is unknown is not deleted");
    for kind in ["newer-state", "keys-used"] {
        assert_eq!(alarm(&home, kind), None, "its own old heads are no thief's: {kind}");
    }
}

/// Goal: a place that a person takes out while the books are owed does not come back with them. Method: two folders, one of
/// them gone for good.
#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_was_taken_out_stays_out() {
    let scratch = Scratch::new("Anna");
    let home = scratch.open();
    photos(&home, 0..2);
    let (folder, dead) = (scratch.beside("disk"), scratch.beside("dead"));
    add_folder(&home, &folder);
    add_folder(&home, &dead);
    run(&home).await;
    closed(home);
    closed(scratch.open());
    damage(&scratch, "vault.sqlite", DAMAGES[4].1);
    std::fs::remove_dir_all(&dead).unwrap();
    let home = scratch.open();
    let id = own_places::find(&home, dead.to_str().unwrap()).unwrap();
    own_places::remove(&home, id).await.unwrap();
    run(&home).await;
    assert_eq!(complete(&home, only_target(&home)), 2);
}

/// Goal: a home that never had a place owes nothing: it packs at once for the first that it gets.
#[tokio::test(flavor = "multi_thread")]
async fn books_that_were_never_lost_are_not_owed() {
    let scratch = Scratch::new("Anna");
    let home = scratch.open();
    photos(&home, 0..2);
    // As in a home of before.
    home.vault
        .store
        .database()
        .write(|conn| -> Result<(), StoreError> {
            Ok(conn.execute_batch("DELETE FROM settings WHERE key = 'books-begun'")?)
        })
        .unwrap();
    closed(home);
    let home = scratch.open();
    assert_eq!(home.vault.store.setting("refill-owed").unwrap(), None);
    assert_eq!(alarm(&home, "books-lost"), None);
}

/// Goal: a head that only an absent place has doesn't make two chains. Method: books that are filled from a folder that is
/// one head behind; the other folder, which is ahead, comes back later.
#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_is_ahead_and_comes_late_makes_no_second_chain() {
    let scratch = Scratch::new("Anna");
    let home = scratch.open();
    photos(&home, 0..2);
    let (behind, ahead) = (scratch.beside("behind"), scratch.beside("ahead"));
    for folder in [&behind, &ahead] {
        add_folder(&home, folder);
    }
    run(&home).await;
    let place = Place::Folder(behind.to_str().unwrap().to_owned());
    let id = home.vault.store.targets().unwrap().iter().find(|row| row.place == place).unwrap().id;
    let faulty = Faulty::new(readback::target(&behind, &household(&home)));
    home.vault.engine.hold_open(id, place, Arc::clone(&faulty) as Arc<dyn heirloom_vault::Target>);
    faulty.set(Fault::Off);
    photo(&home, 30);
    run(&home).await;
    let numbers = |folder: &Path| files_below(&folder.join("heads")).len();
    assert!(numbers(&ahead) > numbers(&behind));
    closed(home);
    damage(&scratch, "vault.sqlite", DAMAGES[5].1);
    std::fs::rename(&ahead, scratch.beside("away")).unwrap();

    let home = scratch.open();
    run(&home).await;
    std::fs::rename(scratch.beside("away"), &ahead).unwrap();
    scratch.pass(DAY_MS);
    run(&home).await;
    for row in home.vault.store.targets().unwrap() {
        assert_eq!(complete(&home, row.id), 3, "{:?}", row.place);
    }
    for kind in ["newer-state", "keys-used"] {
        assert_eq!(alarm(&home, kind), None, "{kind}");
    }
    assert_eq!(Readback::of_folder(&ahead, &scratch.phrase).await.originals().await.len(), 3);
}

/// Goal: a ward that lost its books knows its keeper again and counts its photos there as safe after a run.
#[tokio::test(flavor = "multi_thread")]
async fn a_ward_that_lost_its_books_finds_its_keeper() {
    let (anna, ben) = peers::keeper_and_ward().await;
    photos(&anna.home, 0..3);
    run(&anna.home).await;
    assert_eq!(peers::complete(&anna), 3);
    let of_anna = household(&anna.home);
    let before = ben.home.vault.keeper.ward(&of_anna).unwrap().packs;
    let scratch = anna.down().await;
    damage(&scratch, "vault.sqlite", DAMAGES[3].1);
    let anna = peers::Place::up(scratch).await;
    peers::connected(&anna, &ben).await;
    assert!(run(&anna.home).await.head.is_some());
    assert_eq!(peers::complete(&anna), 3);
    let ward = ben.home.vault.keeper.ward(&of_anna).unwrap();
    assert!(ward.packs >= before && ward.held == 0, "nothing was deleted there: {ward:?}");
    assert!(ben.home.vault.keeper.alarms(0).unwrap().is_empty(), "the keeper sees no second chain");
}

/// Goal: however `keeper.sqlite` is damaged, the keeper starts, still keeps for its ward what lies there, and proves it; what
/// was agreed is remembered. If it is not, the quota is what lies there, and a person is asked to look.
#[tokio::test(flavor = "multi_thread")]
async fn a_keeper_that_lost_its_books_keeps_on() {
    let (anna, ben) = peers::keeper_and_ward().await;
    photos(&anna.home, 0..3);
    run(&anna.home).await;
    let (of_anna, of_ben) = (household(&anna.home), household(&ben.home));
    let before = ben.home.vault.keeper.ward(&of_anna).unwrap();
    let (mut scratch, mut aside) = (ben.down().await, 0);
    for (round, (what, how)) in DAMAGES.into_iter().enumerate() {
        let is_remembered = round > 0;
        damage(&scratch, "keeper.sqlite", how);
        if !is_remembered {
            let home = scratch.open();
            home.ledger.set_setting("vault-agreements", "").unwrap();
            closed(home);
            damage(&scratch, "keeper.sqlite", how);
        }
        let ben = peers::Place::up(scratch).await;
        anna.network.wake_dialer(&of_ben);
        peers::connected(&anna, &ben).await;
        let lies_there = set_aside(&ben.scratch, "keeper.sqlite").len();
        assert_eq!(lies_there > aside, !matches!(what, "empty" | "gone"), "{what}");
        aside = lies_there;
        let keeper = &ben.home.vault.keeper;
        let audited = audits::run(&anna.home, Scope::Everything, 1, &CancellationToken::new()).await.unwrap();
        assert_eq!((audited.ok, audited.wrong, audited.missing), (audited.asked, 0, 0), "{what}");
        assert!(audited.asked > 0);
        let ward = keeper.ward(&of_anna).unwrap();
        assert!(ward.packs >= before.packs && ward.state == before.state, "{what}: {ward:?}");
        assert_eq!(ward.last_head, before.last_head, "{what}");
        let told = alarm(&ben.home, "keeper-lost").unwrap();
        assert!(told.text.contains("Anna"), "{told:?}");
        if is_remembered {
            assert!(told.advice.contains("Nothing is to be done"), "{told:?}");
        } else {
            assert!(ward.quota >= ward.used && ward.quota < before.quota * 8, "{ward:?}");
            assert!(told.advice.contains("Look at it on the Family page"), "{told:?}");
        }
        assert_eq!(peers::complete(&anna), 3, "{what}");
        scratch = ben.down().await;
    }
}

//! From a folder that holds the household's copies.

use std::path::Path;

use heirloom::home::Home;
use heirloom::home::phrase;
use heirloom::restore::{SETTING_RESTORED_STATE, Stage};
use heirloom_identity::{Keyring, VaultHead};
use heirloom_spaces::MarkChange;
use heirloom_vault::Target as _;
use heirloom_vault::folder::Expected;
use heirloom_vault::target::FolderTarget;

use crate::house::{House, PASSWORD, restore, restore_all};
use crate::known::Known;

/// The newest head in a folder.
async fn head_in(folder: &Path, house: &House) -> VaultHead {
    let expected = Expected { household: house.household(), disks: Vec::new() };
    let clock = std::sync::Arc::new(heirloom::clock::now_ms);
    let disk = std::sync::Arc::new(heirloom_store::RealDisk);
    let target = FolderTarget::new(folder.to_owned(), expected, disk, clock).unwrap();
    VaultHead::decode(&target.heads().await.unwrap()[0]).unwrap()
}

/// Goal: the phrase and a folder give everything back. Method: a home with photos and decisions of every kind is backed
/// up and burnt down; what the restored home knows is compared with what it knew, originals byte for byte.
#[tokio::test(flavor = "multi_thread")]
async fn everything_comes_back_from_a_folder() {
    let mut house = House::found("Anna");
    house.live();
    let album = heirloom::sharing::create_album(&house.home, house.account(), "Summer").unwrap();
    let photos: Vec<_> = house.entries().iter().map(|entry| entry.asset).collect();
    heirloom::sharing::add_assets(&house.home, &album, house.account(), &photos).unwrap();
    let (folder, _) = house.add_folder("disk");
    house.back_up().await;
    let before = Known::of(&house.home);
    let (old, receive) = (house.home.keys.certificate.clone(), house.home.keys.receive[0].public());
    let head = head_in(&folder, &house).await;
    house.burn().await;

    let new = house.beside("new");
    let (back, restoring) = restore_all(&new, &house.words(), &[folder.to_str().unwrap()]).await;
    assert!(
        new.join("library").join(heirloom::home::library::MARKER_NAME).is_file(),
        "it is no empty mount point"
    );
    assert_eq!(before, Known::of(&back.home));
    let progress = back.complete().await;
    assert_eq!((progress.stage, progress.done, progress.total), (Stage::Done, 6, 6));
    assert_eq!(progress.household.as_deref(), Some("The Smiths of Elm Street"));
    assert_eq!(progress.head_at_ms, Some(head.made_at_ms()));
    assert!(!back.home.layout.restoring().exists(), "nothing is left to do");
    let noted = back.home.ledger.setting(SETTING_RESTORED_STATE).unwrap().unwrap();
    assert_eq!(noted, head.made_at_ms().to_string());
    assert_eq!(restoring.progress().unwrap().message, None);

    // A node of its own, above the old one; new keys in front of the old.
    let keys = &back.home.keys;
    assert!(keys.certificate.outranks(&old) && keys.certificate.generation() == 2);
    assert_ne!(keys.certificate.node(), old.node());
    assert_eq!(keys.receive.len(), 2);
    assert_eq!(keys.receive[1].public(), receive);
    let vault = keys.vault().unwrap();
    let generations: Vec<u32> = vault.keyring.keys().iter().map(|key| key.generation()).collect();
    assert_eq!(generations, [2, 1]);
    let wrapping = house.phrase.root().wrapping();
    assert!(Keyring::unwrap(&wrapping, keys.certificate.household(), &vault.wrapped).is_ok());
    let home = back.stop().await;
    check_goes_on(&house, home, &folder, &head).await;
}

/// The restored home backs up where the old one stopped, and can be restored again.
async fn check_goes_on(house: &House, home: std::sync::Arc<Home>, folder: &Path, head: &VaultHead) {
    let (account, stored) = home.ledger.password_of("anna@example.org").unwrap().unwrap();
    assert!(heirloom::password::verify(PASSWORD, Some(&stored)));
    crate::house::photo(&home, 50);
    let entry = home.ledger.entries_after(0, 1).unwrap().remove(0);
    heirloom::index::decide(&home, account, &[entry.asset], &[MarkChange::Favourite(false)]).unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    let report = heirloom::vault::backup::run(&home, &stop).await.unwrap();
    assert_eq!(report.head, Some(head.number() + 1), "{report:?}");
    let newer = head_in(folder, house).await;
    assert!(newer.outranks(head));
    assert_eq!(*newer.previous(), head.hash());
    let before = Known::of(&home);
    home.close();
    drop(home);

    let again = house.beside("again");
    let (back, _) = restore_all(&again, &house.words(), &[folder.to_str().unwrap()]).await;
    assert_eq!(before, Known::of(&back.home));
    assert_eq!(back.home.keys.certificate.generation(), 3);
    assert!(phrase::check(&back.home, &house.words(), 1).is_ok());
    drop(back.stop().await);
}

/// Goal: the newest of several states wins, and its date is shown; an older one is left aside with a word. Method: a
/// folder is copied between two backups, and both are given.
#[tokio::test(flavor = "multi_thread")]
async fn the_newest_state_wins() {
    let mut house = House::found("Anna");
    house.live();
    let (folder, _) = house.add_folder("disk");
    house.back_up().await;
    let old = house.beside("old");
    copy(&folder, &old);
    house.photo(77);
    house.back_up().await;
    let newest = head_in(&folder, &house).await;
    let before = Known::of(&house.home);
    house.burn().await;
    let places = [old.to_str().unwrap(), folder.to_str().unwrap()];
    let (outcome, restoring) = restore(&house.beside("new"), &house.words(), &places).await;
    outcome.unwrap();
    let progress = restoring.progress().unwrap();
    assert_eq!(progress.head_at_ms, Some(newest.made_at_ms()));
    let message = progress.message.unwrap();
    assert!(message.contains("older state") && message.contains("old"), "{message}");
    let back = crate::house::Back::begin(&house.beside("new"), &restoring).await;
    back.complete().await;
    assert_eq!(before, Known::of(&back.home));
    drop(back.stop().await);
}

/// Goal: a newest state that is not complete does not stop an older one that is. Method: packs that only the newest needs
/// are deleted.
#[tokio::test(flavor = "multi_thread")]
async fn an_older_state_does_when_the_newest_is_not_complete() {
    let mut house = House::found("Anna");
    house.live();
    let (folder, _) = house.add_folder("disk");
    house.back_up().await;
    let known = packs_in(&folder);
    let older = head_in(&folder, &house).await;
    let before = Known::of(&house.home);
    house.photo(77);
    house.back_up().await;
    house.burn().await;
    for pack in packs_in(&folder).into_iter().filter(|pack| !known.contains(pack)) {
        std::fs::remove_file(pack).unwrap();
    }
    let (back, restoring) =
        restore_all(&house.beside("new"), &house.words(), &[folder.to_str().unwrap()]).await;
    assert_eq!(restoring.progress().unwrap().head_at_ms, Some(older.made_at_ms()));
    assert_eq!(before, Known::of(&back.home));
    drop(back.stop().await);
}

fn packs_in(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for shelf in std::fs::read_dir(folder.join("packs")).unwrap() {
        found.extend(std::fs::read_dir(shelf.unwrap().path()).unwrap().map(|entry| entry.unwrap().path()));
    }
    found
}

/// Copies a folder with everything in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

/// Goal: what lay in a bucket can be restored from once it was copied to a folder. Method: of a folder only those files
/// that a bucket has, too.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_a_bucket_will_do() {
    let (house, folder, before) = House::burnt(|_| ()).await;
    let bucket = house.beside("bucket");
    std::fs::create_dir(&bucket).unwrap();
    for name in ["packs", "heads"] {
        copy(&folder.join(name), &bucket.join(name));
    }
    std::fs::copy(folder.join("HEIRLOOM-VAULT"), bucket.join("HEIRLOOM-VAULT")).unwrap();
    let (back, _) = restore_all(&house.beside("new"), &house.words(), &[bucket.to_str().unwrap()]).await;
    assert_eq!(before, Known::of(&back.home));
    drop(back.stop().await);
}

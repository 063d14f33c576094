//! Places that lie, folders that are taken, disks that are full, formats that are newer.

use std::path::Path;

use heirloom::restore::{Order, Problem};
use heirloom_identity::VaultHead;
use heirloom_identity::vault_head::HeadHash;
use heirloom_store::rusqlite::Connection;

use crate::folder::copy;
use crate::house::{House, refused, restore, restore_all};
use crate::known::Known;

/// Goal: nothing that is there is overwritten. Method: a home, a folder with something in it, and one that is in use.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_there_is_overwritten() {
    let house = House::found("Anna");
    let (folder, _) = house.add_folder("disk");
    house.back_up().await;
    let place = folder.to_str().unwrap();
    let said = refused(house.home.layout.root(), &house.words(), &[place]).await;
    assert!(said.contains("already a home"), "{said}");
    let full = house.beside("full");
    std::fs::create_dir(&full).unwrap();
    std::fs::write(full.join("taxes.ods"), "numbers").unwrap();
    let said = refused(&full, &house.words(), &[place]).await;
    assert!(said.contains("not empty"), "{said}");
    let empty = house.beside("empty");
    std::fs::create_dir(&empty).unwrap();
    let said = refused(&empty, &house.words(), &[empty.to_str().unwrap()]).await;
    assert!(said.contains("HEIRLOOM-VAULT"), "{said}");
}

/// Goal: two restores into one folder do not meddle with each other. Method: one holds the folder's lock.
#[tokio::test(flavor = "multi_thread")]
async fn one_restore_at_a_time_into_a_folder() {
    let house = House::found("Anna");
    house.live();
    let (folder, _) = house.add_folder("disk");
    house.back_up().await;
    let (new, words) = (house.beside("new"), house.words());
    let from = [folder.to_str().unwrap()];
    let (one, two) = tokio::join!(restore(&new, &words, &from), restore(&new, &words, &from));
    let refusals: Vec<Problem> = [one.0, two.0].into_iter().filter_map(Result::err).collect();
    assert!(refusals.len() <= 1, "{refusals:?}");
    for refusal in refusals {
        let said = refusal.to_string();
        assert!(said.contains("in use") || said.contains("already a home"), "{said}");
    }
    drop(crate::house::open(&new));
}

/// Goal: what a place sends that is not right is noticed, and another place helps. Method: of two folders one has a bit
/// flipped in every pack and a head that nobody signed.
#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_lies_is_left_aside() {
    let mut house = House::found("Anna");
    house.live();
    let (folder, _) = house.add_folder("disk");
    house.back_up().await;
    let before = Known::of(&house.home);
    let liar = house.beside("liar");
    copy(&folder, &liar);
    for file in files_below(&liar.join("packs")) {
        let mut bytes = std::fs::read(&file).unwrap();
        for at in (100..bytes.len()).step_by(5_000) {
            bytes[at] ^= 1;
        }
        std::fs::write(&file, bytes).unwrap();
    }
    house.burn().await;
    // Alone it opens nothing, and says so.
    let new = house.beside("new");
    let said = refused(&new, &house.words(), &[liar.to_str().unwrap()]).await;
    assert!(said.contains("not complete"), "{said}");
    // The same folder may be tried again with more to go by.
    let places = [liar.to_str().unwrap(), folder.to_str().unwrap()];
    let (back, _) = restore_all(&new, &house.words(), &places).await;
    assert_eq!(before, Known::of(&back.home));
    drop(back.stop().await);
}

/// Goal: what a newer program wrote is not guessed at. Method: the version of the marker and of every head is raised.
#[tokio::test(flavor = "multi_thread")]
async fn a_newer_format_is_said() {
    let house = House::found("Anna");
    let (folder, _) = house.add_folder("disk");
    house.back_up().await;
    let new = house.beside("new");
    for head in files_below(&folder.join("heads")) {
        let mut bytes = std::fs::read(&head).unwrap();
        bytes[0] = 9;
        std::fs::write(&head, bytes).unwrap();
    }
    let said = refused(&new, &house.words(), &[folder.to_str().unwrap()]).await;
    assert!(said.contains("newest Heirloom") || said.contains("no signed list"), "{said}");
    let marker = folder.join("HEIRLOOM-VAULT");
    let text = std::fs::read_to_string(&marker).unwrap();
    std::fs::write(&marker, text.replace("version 1", "version 7")).unwrap();
    let read = Order::read(&new, &house.words(), &[folder.to_str().unwrap().to_owned()]);
    assert!(matches!(read.map(drop), Err(Problem::Newer(_))));
}

/// Goal: an old program does not take an old state without a word when a newer program wrote one after it, and whoever has
/// no newer program has a way on all the same. Method: of two heads the newer one's version is raised; the same restore
/// is begun twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_newer_state_beside_an_old_one_is_said() {
    let mut house = House::found("Anna");
    house.live();
    let (folder, _) = house.add_folder("disk");
    house.back_up().await;
    let before = Known::of(&house.home);
    house.photo(77);
    house.back_up().await;
    house.burn().await;
    let heads = files_below(&folder.join("heads"));
    assert!(heads.len() > 1);
    let newest = heads.last().unwrap();
    let mut bytes = std::fs::read(newest).unwrap();
    bytes[0] = 2;
    std::fs::write(newest, bytes).unwrap();
    let new = house.beside("new");
    let said = refused(&new, &house.words(), &[folder.to_str().unwrap()]).await;
    assert!(said.contains("newer program") && said.contains("newest Heirloom"), "{said}");
    check_passed_over(&house, &folder, &before, "newer program").await;
}

/// Goal: rubbish that somebody signed with stolen keys keeps no good state from coming back. Method: two heads as this
/// home's node signs them, above its own; the keyring of one begins with a version that nobody knows, that of the other
/// does not open.
#[tokio::test(flavor = "multi_thread")]
async fn rubbish_that_a_thief_signed_is_passed_over() {
    let mut house = House::found("Anna");
    house.live();
    let (folder, _) = house.add_folder("disk");
    house.back_up().await;
    let before = Known::of(&house.home);
    let keys = &house.home.keys;
    let wrapped = keys.vault().unwrap().wrapped.clone();
    let target = heirloom::restore::source::open_folder(&folder, house.household()).unwrap();
    let pointer = [5; heirloom_identity::vault_key::POINTER_BYTES];
    for (number, first) in [(7, 9), (9, wrapped[0])] {
        let mut rubbish = vec![5; wrapped.len()];
        rubbish[0] = first;
        let (signer, certificate) = (keys.node.signer(), &keys.certificate);
        let (previous, now_ms) = (HeadHash::from_bytes([3; 32]), heirloom::clock::now_ms());
        let head =
            VaultHead::sign(signer, certificate, number, previous, now_ms, &rubbish, &pointer).unwrap();
        target.put_head(head.encode()).await.unwrap();
    }
    house.burn().await;
    let said = refused(&house.beside("new"), &house.words(), &[folder.to_str().unwrap()]).await;
    assert!(said.contains("newest Heirloom") && said.contains("begin again with this one"), "{said}");
    check_passed_over(&house, &folder, &before, "not complete").await;
}

/// Begun again, the older state comes back, and the restored home says that it is not the newest.
async fn check_passed_over(house: &House, folder: &Path, before: &Known, why: &str) {
    let (back, _) = restore_all(&house.beside("new"), &house.words(), &[folder.to_str().unwrap()]).await;
    assert_eq!(*before, Known::of(&back.home));
    let alarms = back.home.vault.store.alarms().unwrap();
    let told = alarms.iter().find(|alarm| alarm.kind == "restored-older").unwrap();
    assert!(told.text.contains(why) && told.advice.contains("30 days"), "{told:?}");
    drop(back.stop().await);
}

/// Goal: however many newer states are not complete, the one that is whole comes back. Method: a copy of the folder after
/// the first backup, which then gets the heads of a dozen more and none of their packs.
#[tokio::test(flavor = "multi_thread")]
async fn the_one_whole_state_among_many_comes_back() {
    let mut house = House::found("Anna");
    house.live();
    let (folder, _) = house.add_folder("disk");
    house.back_up().await;
    let before = Known::of(&house.home);
    let whole = house.beside("whole");
    copy(&folder, &whole);
    for number in 0..12 {
        house.photo(100 + number);
        house.back_up().await;
        copy(&folder.join("heads"), &whole.join("heads"));
    }
    house.burn().await;
    assert!(files_below(&whole.join("heads")).len() > 10);
    let (back, _) = restore_all(&house.beside("new"), &house.words(), &[whole.to_str().unwrap()]).await;
    assert_eq!(before, Known::of(&back.home));
    drop(back.stop().await);
}

/// Goal: photos that will not fit are noticed before they are fetched. Method: the ledger in the copies names a photo of
/// an exabyte.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_too_small_is_said_first() {
    let mut house = House::found("Anna");
    house.live();
    let (folder, _) = house.add_folder("disk");
    house.back_up().await;
    let path = house.home.layout.home_db();
    Connection::open(&path)
        .unwrap()
        .execute("UPDATE files SET bytes = 1 << 60 WHERE content = (SELECT min(content) FROM files)", [])
        .unwrap();
    house.back_up().await;
    house.burn().await;
    let said = refused(&house.beside("new"), &house.words(), &[folder.to_str().unwrap()]).await;
    assert!(said.contains("1.00 EiB") && said.contains("larger disk"), "{said}");
    assert!(!house.beside("new").join("config.toml").exists());
}

fn files_below(root: &Path) -> Vec<std::path::PathBuf> {
    let (mut files, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}

//! Cut off anywhere: begun again it goes on, and nothing half restored is ever taken for a home.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use heirloom::home::Home;
use heirloom::restore::{self, Order, Restoring, place};

use crate::folder::copy;
use crate::house::{Back, House, restore, restore_all};
use crate::known::Known;

/// What is under a folder that is half restored.
fn check_is_no_home(root: &Path) {
    if root.join("config.toml").exists() {
        return;
    }
    let Err(error) = Home::open(root) else { panic!("half a home was opened") };
    let said = error.to_string();
    assert!(said.contains("half restored") || said.contains("there is no home"), "{said}");
}

/// Goal: a restore that is cut off at any moment is made again and comes out whole. Method: cut off later and later, until
/// it gets through; after each cut the folder is no home.
#[tokio::test(flavor = "multi_thread")]
async fn cut_off_at_any_moment_it_goes_on() {
    let mut house = House::found("Anna");
    house.live();
    let (folder, _) = house.add_folder("disk");
    house.back_up().await;
    let before = Known::of(&house.home);
    house.burn().await;
    let (new, words) = (house.beside("new"), house.words());
    let place = folder.to_str().unwrap().to_owned();
    let (mut cuts, mut pause_us) = (0, 100);
    loop {
        let restoring = Arc::<Restoring>::default();
        let order = Order::read(&new, &words, std::slice::from_ref(&place)).unwrap();
        let limit = Duration::from_micros(pause_us);
        match tokio::time::timeout(limit, restore::run(&order, &restoring)).await {
            Ok(done) => {
                let Err(problem) = done else { break };
                // What was cut off may hold the folder for a moment longer.
                assert!(problem.to_string().contains("in use"), "{problem}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(_) => {
                cuts += 1;
                pause_us += 100 + pause_us / 8;
                settle(&new).await;
            }
        }
        if place::finish(&heirloom::home::layout::Layout::of(&new).unwrap()).unwrap() {
            break;
        }
        check_is_no_home(&new);
    }
    assert!(cuts > 3, "it was cut off {cuts} times only");
    let back = Back::begin(&new, &Restoring::default()).await;
    back.complete().await;
    assert_eq!(before, Known::of(&back.home));
    drop(back.stop().await);
}

/// Waits until nothing of a restore that was cut off still writes.
async fn settle(root: &Path) {
    for _ in 0..500 {
        let Ok(lock) = std::fs::File::open(root.join("lock")) else { return };
        if lock.try_lock().is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Goal: killed between any two of the last steps, the home is whole after the next start. Method: the complete files of
/// a restore, put into their places one by one; each such folder is finished without the phrase.
#[tokio::test(flavor = "multi_thread")]
async fn killed_while_files_are_placed_it_needs_no_phrase() {
    let mut house = House::found("Anna");
    house.live();
    let (folder, _) = house.add_folder("disk");
    house.back_up().await;
    let before = Known::of(&house.home);
    house.burn().await;
    let whole = house.beside("whole");
    restore(&whole, &house.words(), &[folder.to_str().unwrap()]).await.0.unwrap();
    let files =
        ["home.sqlite", "spaces.sqlite", "catalog.sqlite", "vault.sqlite", "keys.toml", "config.toml"];
    for placed in 0..=files.len() {
        let root = house.beside(&format!("killed-{placed}"));
        copy(&whole, &root);
        for name in &files[placed..] {
            std::fs::rename(root.join(name), root.join("restoring").join(name)).unwrap();
        }
        let note = root.join("restoring/state.toml");
        let text = std::fs::read_to_string(&note).unwrap();
        std::fs::write(&note, text.replace("\"photos\"", "\"placing\"")).unwrap();
        check_is_no_home(&root);
        let layout = heirloom::home::layout::Layout::of(&root).unwrap();
        assert!(place::finish(&layout).unwrap());
        assert!(place::finish(&layout).unwrap(), "a second time changes nothing");
        let back = Back::begin(&root, &Restoring::default()).await;
        back.complete().await;
        assert_eq!(before, Known::of(&back.home), "killed after {placed} files");
        drop(back.stop().await);
    }
}

/// Goal: a home whose photos are still coming goes on at every start. Method: stopped again and again while they come.
#[tokio::test(flavor = "multi_thread")]
async fn photos_go_on_coming_at_every_start() {
    let mut house = House::found("Anna");
    house.live();
    for seed in 30..50 {
        house.photo(seed);
    }
    let (folder, _) = house.add_folder("disk");
    house.back_up().await;
    let before = Known::of(&house.home);
    house.burn().await;
    let new = house.beside("new");
    restore(&new, &house.words(), &[folder.to_str().unwrap()]).await.0.unwrap();
    let mut starts = 0;
    for pause_ms in (0..).step_by(8) {
        starts += 1;
        let back = Back::begin(&new, &Restoring::default()).await;
        tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        let home = back.stop().await;
        if !home.layout.restoring().exists() {
            break;
        }
    }
    assert!(starts > 1, "it was never stopped in the middle");
    let home = crate::house::open(&new);
    assert_eq!(before, Known::of(&home));
}

/// Goal: an interrupted restore can be made again from another place. Method: the first place loses its packs.
#[tokio::test(flavor = "multi_thread")]
async fn it_goes_on_from_another_place() {
    let mut house = House::found("Anna");
    house.live();
    let (folder, _) = house.add_folder("disk");
    house.back_up().await;
    let before = Known::of(&house.home);
    house.burn().await;
    let half = house.beside("half");
    copy(&folder, &half);
    for shelf in std::fs::read_dir(half.join("packs")).unwrap().skip(1) {
        std::fs::remove_dir_all(shelf.unwrap().path()).unwrap();
    }
    let new = house.beside("new");
    let first = restore(&new, &house.words(), &[half.to_str().unwrap()]).await.0;
    if first.is_err() {
        check_is_no_home(&new);
        restore(&new, &house.words(), &[folder.to_str().unwrap()]).await.0.unwrap();
    }
    let other = house.beside("other");
    let (back, _) =
        restore_all(&other, &house.words(), &[half.to_str().unwrap(), folder.to_str().unwrap()]).await;
    assert_eq!(before, Known::of(&back.home));
    drop(back.stop().await);
}

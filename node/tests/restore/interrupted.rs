//! Cut off anywhere: begun again it goes on, and nothing half restored is ever taken for a home.

use std::path::Path;
use std::sync::Arc;
use std::task::Poll;

use heirloom::home::Home;
use heirloom::home::layout::Layout;
use heirloom::restore::{self, Order, Progress, Restoring, Stage, awaited, place};

use crate::again::another_disk;
use crate::folder::copy;
use crate::house::{Back, House, restore, restore_all};
use crate::known::Known;
use crate::wait::{until, wait_until_closed};

/// What is under a folder that is half restored.
fn check_is_no_home(root: &Path) {
    if root.join("config.toml").exists() {
        return;
    }
    let Err(error) = Home::open(root) else { panic!("half a home was opened") };
    let said = error.to_string();
    assert!(said.contains("half restored") || said.contains("there is no home"), "{said}");
}

/// Goal: a restore that is cut off at any moment is made again and comes out whole. Method: cut off after more and more of
/// its steps, until it gets through; after each cut the folder is no home.
#[tokio::test(flavor = "multi_thread")]
async fn cut_off_at_any_moment_it_goes_on() {
    let (house, disk, before) = House::burnt(|_| ()).await;
    let (new, words) = (house.beside("new"), house.words());
    let place = disk.to_str().unwrap().to_owned();
    let (mut cuts, mut steps) = (0, 1);
    loop {
        let restoring = Arc::<Restoring>::default();
        let order = Order::read(&new, &words, std::slice::from_ref(&place)).unwrap();
        match cut_after(steps, Box::pin(restore::run(&order, &restoring))).await {
            Some(Ok(())) => break,
            // What was cut off may take the folder only now.
            Some(Err(problem)) => assert!(problem.to_string().contains("in use"), "{problem}"),
            None => {
                cuts += 1;
                steps += 1 + steps / 4;
            }
        }
        // What was cut off may still write.
        wait_until_closed(&new);
        if place::finish(&Layout::of(&new).unwrap()).unwrap() {
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

/// Goal: a disk that was lent and given back is not waited for without end, however often the computer is switched off.
/// Method: photos are nowhere, the disk is gone, and more than two weeks of waiting are noted from before this start.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_never_comes_back_ends_the_wait() {
    let (house, disk, _) = House::burnt(|_| ()).await;
    let lent = house.beside("lent");
    copy(&disk, &lent);
    another_disk(&lent);
    std::fs::rename(&disk, house.beside("gone")).unwrap();
    let new = house.beside("new");
    restore(&new, &house.words(), &[lent.to_str().unwrap()]).await.0.unwrap();
    std::fs::remove_dir_all(&lent).unwrap();
    std::fs::write(new.join("restoring/waited"), "1300000000 0\n").unwrap();
    let back = Back::begin(&new, &Restoring::default()).await;
    let progress = back.complete().await;
    assert!(progress.message.unwrap().contains("in none of the copies"));
    assert!(!new.join("restoring").exists());
    drop(back.stop().await);
}

/// Goal: a person who knows that a disk does not come back need not wait for days. Method: photos are on a lent disk only,
/// which is gone; the home names it, and is told to go on without.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_says_that_a_disk_does_not_come_back() {
    let (house, disk, _) = House::burnt(|_| ()).await;
    let lent = house.beside("lent");
    copy(&disk, &lent);
    another_disk(&lent);
    let new = house.beside("new");
    let (outcome, restoring) = restore(&new, &house.words(), &[lent.to_str().unwrap()]).await;
    outcome.unwrap();
    std::fs::remove_dir_all(&disk).unwrap();
    std::fs::remove_dir_all(&lent).unwrap();
    let back = Back::begin(&new, &restoring).await;
    let left_out = std::cell::RefCell::new(Vec::new());
    let done = until("the rest to come without what is left out", &[&back.home], || {
        let progress = back.home.restoring.progress()?;
        for place in &progress.awaits {
            if !left_out.borrow().contains(place) {
                awaited::leave_out(&back.home.layout, place).unwrap();
                back.home.vault.wake();
                left_out.borrow_mut().push(place.clone());
            }
        }
        (progress.stage == Stage::Done).then_some(progress)
    })
    .await;
    assert!(left_out.borrow().contains(&lent.display().to_string()), "{left_out:?}");
    assert!(done.message.unwrap().contains("6 photos are in none of the copies"));
    assert!(!back.home.layout.restoring().exists(), "nothing is waited for any more");
    back.stop().await;
}

/// Goes so many steps with something, and drops it then if it is not done.
async fn cut_after<T>(steps: u32, work: impl Future<Output = T>) -> Option<T> {
    let mut work = std::pin::pin!(work);
    let mut left = steps;
    std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        work.as_mut().poll(context).map(Some)
    })
    .await
}

/// Goal: killed between any two of the last steps, the home is whole after the next start. Method: the complete files of
/// a restore, put into their places one by one; each such folder is finished without the phrase.
#[tokio::test(flavor = "multi_thread")]
async fn killed_while_files_are_placed_it_needs_no_phrase() {
    let (house, folder, before) = House::burnt(|_| ()).await;
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
        let layout = Layout::of(&root).unwrap();
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
    let (house, folder, before) =
        House::burnt(|house| (30..50).for_each(|seed| drop(house.photo(seed)))).await;
    let (new, away) = (house.beside("new"), house.beside("away"));
    restore(&new, &house.words(), &[folder.to_str().unwrap()]).await.0.unwrap();
    // At the first start the disk is not there.
    std::fs::rename(&folder, &away).unwrap();
    let back = Back::begin(&new, &Restoring::default()).await;
    until("a word that the disk is away", &[&back.home], || {
        back.home.restoring.progress()?.message.filter(|said| said.contains("away"))
    })
    .await;
    assert!(back.stop().await.layout.restoring().exists());
    std::fs::rename(&away, &folder).unwrap();
    loop {
        let back = Back::begin(&new, &Restoring::default()).await;
        let moved =
            |now: &Progress| now.stage == Stage::Done || now.stage == Stage::Originals && now.done > 0;
        until("a photo to come", &[&back.home], || back.home.restoring.progress().filter(moved)).await;
        if !back.stop().await.layout.restoring().exists() {
            break;
        }
    }
    let home = crate::house::open(&new);
    assert_eq!(before, Known::of(&home));
}

/// Goal: an interrupted restore can be made again from another place. Method: the first place loses its packs.
#[tokio::test(flavor = "multi_thread")]
async fn it_goes_on_from_another_place() {
    let (house, folder, before) = House::burnt(|_| ()).await;
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

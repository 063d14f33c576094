//! Disks without room: what is left free for this home, and books that cannot grow.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use heirloom::home::Home;
use heirloom::vault::status::status;
use heirloom::vault::{backup, heal};
use heirloom_store::rusqlite::Connection;
use heirloom_store::{Disk, DraftFile, Fault, RealDisk, StoreError};
use heirloom_vault::policy::Policy;
use tokio_util::sync::CancellationToken;

use crate::homes::{Scratch, add_folder, files_below, household, original, photo, photos, picture, run};
use crate::peers::{self, Place};

/// Sets how much a home leaves free of its disk.
fn leave_free(scratch: &Scratch, megabytes: u32) {
    let path = scratch.root().join("config.toml");
    let config = std::fs::read_to_string(&path).unwrap();
    let others = config.lines().filter(|line| !line.starts_with("leave_free_mb"));
    let lines: Vec<_> = others.map(str::to_owned).chain([format!("leave_free_mb = {megabytes}")]).collect();
    std::fs::write(&path, lines.join("\n") + "\n").unwrap();
}

/// Goal: a home that is to leave more of its disk free than there is takes no more of another's photos, keeps those that it
/// has, and both homes say so; told to leave little, it takes them.
#[tokio::test(flavor = "multi_thread")]
async fn a_keeper_leaves_its_own_photos_room() {
    let (anna, ben) = peers::keeper_and_ward().await;
    photos(&anna.home, 0..2);
    run(&anna.home).await;
    assert_eq!(peers::complete(&anna), 2);
    let of_ben = household(&ben.home);
    let scratch = ben.down().await;
    leave_free(&scratch, u32::MAX);
    let ben = Place::up(scratch).await;
    anna.network.wake_dialer(&of_ben);
    peers::connected(&anna, &ben).await;
    photo(&anna.home, 30);
    run(&anna.home).await;
    assert_eq!(peers::complete(&anna), 2, "what it has stays");
    let said = status(&anna.home).unwrap();
    assert_eq!((said.keepers[0].state, said.keepers[0].free), ("full", Some(0)));
    let reason = said.reasons.iter().find(|reason| reason.kind == "full").unwrap();
    assert!(reason.text.contains("no more room"), "{reason:?}");
    assert!(ben.home.vault.keeper.state(&household(&anna.home)).unwrap().free == Some(0));

    let scratch = ben.down().await;
    leave_free(&scratch, 1);
    let ben = Place::up(scratch).await;
    anna.network.wake_dialer(&of_ben);
    peers::connected(&anna, &ben).await;
    run(&anna.home).await;
    assert_eq!(peers::complete(&anna), 3);
    drop(ben);
}

/// Lets the books grow to so many pages of 4 KiB; less than they have means no page more.
fn limit_pages(home: &Home, pages: u32) {
    let set = move |conn: &Connection| -> Result<(), StoreError> {
        Ok(conn.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?)
    };
    home.vault.store.database().write(set).unwrap();
}

fn drafts(folder: &Path) -> usize {
    files_below(folder)
        .iter()
        .filter(|(path, _)| path.extension().is_some_and(|ending| ending == "part"))
        .count()
}

/// Goal: books that find no room end a run in words, leave nothing half-written, count nothing that is not so, and the next
/// run with room does everything; a start in between sets nothing aside. Method: SQLite is told how large the file may be.
#[tokio::test(flavor = "multi_thread")]
async fn books_that_find_no_room_lose_nothing() {
    let scratch = Scratch::new("Anna");
    let home = scratch.open();
    photos(&home, 0..2);
    let folder = scratch.beside("disk");
    let id = add_folder(&home, &folder);
    run(&home).await;
    photos(&home, 10..50);
    limit_pages(&home, 1);
    // What is left in the file goes first.
    let store = &home.vault.store;
    let full = (0..1_000)
        .find_map(|number| store.set_setting(&format!("filling/{number}"), &"x".repeat(3_000)).err());
    assert!(full.is_some_and(|error| error.is_disk_full()));
    let failed = backup::run(&home, &CancellationToken::new()).await.err();
    let failed = failed.expect("forty photos need pages");
    assert_eq!(Fault::of(failed.as_ref()), Fault::Full, "{failed:#}");
    assert!(format!("{failed:#}").contains("full"), "{failed:#}");
    assert_eq!((drafts(&folder), drafts(&home.layout.outbox())), (0, 0));
    let complete = |home: &Arc<Home>| {
        let overview = home.vault.store.overview(home.vault.engine.now(), &Policy::default()).unwrap();
        overview.targets[&id].photos
    };
    assert_eq!(complete(&home), 2);
    crate::crash::closed(home);
    let home = scratch.open();
    let aside = files_below(&scratch.root())
        .into_iter()
        .any(|(path, _)| path.to_string_lossy().contains(".damaged-"));
    assert!(!aside, "a full disk damages nothing");
    run(&home).await;
    assert_eq!(complete(&home), 42);
}

/// A disk on which no file can be written while it is full.
#[derive(Clone, Default)]
struct Narrow(Arc<AtomicBool>);

impl Narrow {
    fn set_full(&self, full: bool) {
        self.0.store(full, Ordering::SeqCst);
    }

    fn write<T>(&self, write: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        if self.0.load(Ordering::SeqCst) { Err(io::ErrorKind::StorageFull.into()) } else { write() }
    }
}

impl Disk for Narrow {
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn DraftFile>> {
        self.write(|| RealDisk.create_new(path))
    }
    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename_new(from, to)
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        RealDisk.sync_dir(path)
    }
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.write(|| RealDisk.create_dir(path))
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }
}

/// Goal: a full disk of this home ends copying and healing in words, leaves nothing half-written, takes nothing away, and both
/// go on when there is room. Method: a disk that takes no file for a while, with new photos to be copied and others missing.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_home_copies_and_heals_when_there_is_room() {
    let (scratch, disk, stop) = (Scratch::new("Anna"), Narrow::default(), CancellationToken::new());
    let home = scratch.open_on(Arc::new(disk.clone()));
    let contents: Vec<_> = (0..4).map(|seed| photo(&home, seed)).collect();
    let id = add_folder(&home, &scratch.beside("disk"));
    run(&home).await;
    photos(&home, 20..22);
    let gone: Vec<_> = contents[..3].iter().map(|content| original(&home, content)).collect();
    gone.iter().for_each(|path| std::fs::remove_file(path).unwrap());

    disk.set_full(true);
    for _ in 0..2 {
        let failed = heal::mend(&home, &stop).await.unwrap_err();
        assert!(format!("{failed:#}").contains("the disk is full"), "{failed:#}");
        // The folder is full, too, or the outbox is: which is said by whichever is met first.
        let ran = backup::run(&home, &stop).await;
        let is_said = match &ran {
            Err(failed) => Fault::of(failed.as_ref()) == Fault::Full,
            Ok(_) => home.vault.store.target(id).unwrap().unwrap().full_ms.is_some(),
        };
        assert!(is_said, "{ran:?}");
    }
    assert_eq!((drafts(&home.layout.inbox()), drafts(&home.layout.outbox())), (0, 0));
    assert_eq!(drafts(&scratch.beside("disk")), 0);

    disk.set_full(false);
    assert_eq!(heal::mend(&home, &stop).await.unwrap().healed, 3);
    for (seed, path) in (0..).zip(&gone) {
        assert_eq!(std::fs::read(path).unwrap(), picture(seed));
    }
    run(&home).await;
    let overview = home.vault.store.overview(home.vault.engine.now(), &Policy::default()).unwrap();
    assert_eq!(overview.targets[&id].photos, 6);
}

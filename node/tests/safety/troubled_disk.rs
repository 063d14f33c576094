//! Disks and databases that refuse at a chosen moment, and files that vanish: one bad thing is one line of
//! the report, a full disk ends the import with a clear word, and the next attempt finds everything in order.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use heirloom::home::Home;
use heirloom::index;
use heirloom::ingest::import::FileOutcome;
use heirloom::workers::{Workers, wait_until_idle};
use heirloom_catalog::AssetRef;
use heirloom_spaces::MarkChange;
use heirloom_store::rusqlite::Connection;
use heirloom_store::{Disk, DraftFile, RealDisk};
use heirloom_testkit::photo;

use crate::homes::{self, Scratch, anna, problems, write};

/// A real disk that asks before it creates a file.
struct Asking<F>(F);

impl<F: Fn(&Path) -> io::Result<()> + Send + Sync> Disk for Asking<F> {
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn DraftFile>> {
        (self.0)(path)?;
        RealDisk.create_new(path)
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename_new(from, to)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        RealDisk.sync_dir(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        RealDisk.create_dir(path)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }
}

fn source(scratch: &Scratch, count: u32) -> std::path::PathBuf {
    for n in 0..count {
        write(&scratch.beside("source").join(format!("{n:02}.png")), &photo(n, None));
    }
    scratch.beside("source")
}

/// Goal: a file that is gone between listing and reading is one line of the report.
/// Method: while the first file is being kept, the second is deleted; both were listed before.
#[test]
fn a_file_that_vanishes_during_an_import_is_named() {
    let scratch = Scratch::new();
    let source = source(&scratch, 3);
    let victim = source.join("01.png");
    let disk = Asking(move |_: &Path| std::fs::remove_file(&victim).or(Ok(())));
    let home = scratch.open_on(Arc::new(disk));
    let (lines, summary) = homes::import(&home, &source);
    assert_eq!((summary.added, summary.failed, summary.stopped), (2, 1, None));
    let failed = lines.iter().find(|line| line.outcome == FileOutcome::Failed).unwrap();
    let reason = failed.reason.as_deref().unwrap();
    assert!(failed.path.ends_with("01.png") && reason.contains("cannot read"), "{failed:?}");
    assert!(reason.contains("gone"), "the reason says what to do: {reason}");
    assert_eq!(problems(&home), []);
}

/// Goal: a full disk ends the import with a clear word instead of a line for each of a thousand files, and the
/// next import finishes the work. Method: the disk is full after five files, then has room again.
#[test]
fn a_full_disk_ends_the_import_and_the_next_one_goes_on() {
    let scratch = Scratch::new();
    let source = source(&scratch, 400);
    let full = Arc::new(AtomicBool::new(true));
    let (asked, kept) = (Arc::clone(&full), std::sync::atomic::AtomicU32::new(0));
    let disk = Asking(move |_: &Path| {
        let enough = asked.load(Ordering::SeqCst) && kept.fetch_add(1, Ordering::SeqCst) >= 5;
        if enough { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
    });
    let home = scratch.open_on(Arc::new(disk));
    let (lines, summary) = homes::import(&home, &source);
    let why = summary.stopped.unwrap();
    assert!(why.contains("the disk is full") && why.contains("free some space"), "{why}");
    assert_eq!(summary.added, 5);
    assert!(lines.len() < 100, "{} lines for a full disk", lines.len());
    full.store(false, Ordering::SeqCst);
    let (_, summary) = homes::import(&home, &source);
    assert_eq!((summary.added, summary.duplicate, summary.stopped), (395, 5, None));
    assert_eq!(problems(&home), []);
}

/// A database of the home that refuses some changes until told otherwise.
struct Refusing {
    conn: Connection,
    changes: usize,
}

impl Refusing {
    fn start(home: &Path, database: &str, changes: &[&str]) -> Self {
        let conn = Connection::open(home.join(database)).unwrap();
        for (number, change) in changes.iter().enumerate() {
            let refuse = "BEGIN SELECT RAISE(ABORT, 'refused'); END";
            conn.execute_batch(&format!("CREATE TRIGGER refuse_{number} BEFORE {change} {refuse}")).unwrap();
        }
        Self { conn, changes: changes.len() }
    }

    fn stop(self) {
        for number in 0..self.changes {
            self.conn.execute_batch(&format!("DROP TRIGGER refuse_{number}")).unwrap();
        }
    }
}

/// Places a photo whose row cannot be written.
fn placed_without_row(scratch: &Scratch) -> (Arc<Home>, Refusing) {
    let source = source(scratch, 1);
    let home = scratch.open();
    let refusing = Refusing::start(&scratch.root(), "home.sqlite", &["INSERT ON assets"]);
    let (_, summary) = homes::import(&home, &source);
    assert_eq!(summary.failed, 1);
    assert_eq!(scratch.originals().len(), 1);
    (home, refusing)
}

/// Goal: a photo that was placed but could not be recorded is taken in at the next start, however orderly the
/// program ended. Method: the ledger refuses one row; the home is closed in order and opened again.
#[test]
fn a_photo_without_its_row_is_taken_in_at_the_next_start() {
    let scratch = Scratch::new();
    let (home, refusing) = placed_without_row(&scratch);
    refusing.stop();
    home.close();
    drop(home);
    let home = scratch.recover();
    assert_eq!(home.ledger.totals().unwrap().0, 1);
    assert_eq!(problems(&home), []);
    home.close();
    drop(home);
    assert!(!scratch.open().was_unclean, "looked through once is enough");
}

/// Goal: another photo of that name is not taken for it.
/// Method: the ledger refuses one row; then a different photo of the same name and size comes.
#[test]
fn a_photo_without_its_row_gives_way_to_nobody() {
    let scratch = Scratch::new();
    let (home, refusing) = placed_without_row(&scratch);
    refusing.stop();
    write(&scratch.beside("other/00.png"), &photo(9, None));
    let (_, summary) = homes::import(&home, &scratch.beside("other"));
    assert_eq!((summary.added, scratch.originals().len()), (1, 2));
    home.close();
    drop(home);
    let home = scratch.recover();
    assert_eq!(home.ledger.totals().unwrap().0, 2);
    assert_eq!(problems(&home), []);
}

/// Goal: whoever gives the same photo again meanwhile does not leave a second copy of it.
/// Method: the ledger refuses one row, then takes it; import again in the same run.
#[test]
fn a_photo_without_its_row_is_taken_when_it_comes_again() {
    let scratch = Scratch::new();
    let (home, refusing) = placed_without_row(&scratch);
    refusing.stop();
    let (_, summary) = homes::import(&home, &scratch.beside("source"));
    assert_eq!(summary.added, 1);
    assert_eq!(scratch.originals().len(), 1, "the same bytes lie there twice");
    assert_eq!(problems(&home), []);
}

/// Goal: a decision that the catalog did not take is saved, and shown after the next start.
/// Method: the catalog refuses a mark; the home is closed in order and opened again.
#[test]
fn a_decision_that_the_catalog_missed_is_shown_at_the_next_start() {
    let scratch = Scratch::new();
    let source = source(&scratch, 1);
    let home = scratch.open();
    let (lines, _) = homes::import(&home, &source);
    let asset = lines[0].asset.unwrap();
    let refusing = Refusing::start(&scratch.root(), "catalog.sqlite", &["INSERT ON marks"]);
    let error = index::decide(&home, anna(&home), &[asset], &[MarkChange::Favourite(true)]).unwrap_err();
    assert!(error.to_string().contains("your change is saved"), "{error}");
    refusing.stop();
    home.close();
    drop(home);
    let home = scratch.open();
    let detail = home.catalog().asset(&AssetRef::Uuid(asset)).unwrap().unwrap();
    assert!(detail.favourite);
}

/// Goal: whoever waits for thumbnails is not kept waiting by a catalog that takes no outcome, and the job is
/// done once it does. Method: the catalog refuses what was derived, as it does on a full disk; then takes it.
#[test]
fn nobody_waits_for_a_catalog_that_takes_nothing() {
    let scratch = Scratch::new();
    let source = source(&scratch, 1);
    let home = scratch.open();
    let outcomes = ["UPDATE ON assets", "UPDATE ON jobs WHEN NEW.state = 'waiting'"];
    let refusing = Refusing::start(&scratch.root(), "catalog.sqlite", &outcomes);
    homes::import(&home, &source);
    let workers = Workers::start(&home).unwrap();
    let error = wait_until_idle(&home, &mut |_| true).unwrap_err().to_string();
    assert!(error.contains("the photos are safe") && error.contains("refused"), "{error}");
    drop(workers);
    refusing.stop();
    home.close();
    drop(home);
    let home = scratch.open();
    let workers = Workers::start(&home).unwrap();
    wait_until_idle(&home, &mut |_| true).unwrap();
    let counts = home.catalog().counts().unwrap();
    assert_eq!((counts.waiting, counts.running, counts.failed), (0, 0, 0));
    assert!(home.catalog().asset(&AssetRef::Local(1)).unwrap().unwrap().thumbhash.is_some());
    drop(workers);
}

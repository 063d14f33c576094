//! Disks and databases that refuse at a chosen moment, and files that vanish: one bad thing is one line of
//! the report, a full disk ends the import with a clear word, and the next attempt finds everything in order.

use std::io;
use std::path::Path;
use std::sync::Arc;

use heirloom::ingest::import::FileOutcome;
use heirloom_store::{Disk, DraftFile, RealDisk};
use heirloom_testkit::photo;

use crate::homes::{self, Scratch, problems, write};

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
    assert_eq!(problems(&home), []);
}

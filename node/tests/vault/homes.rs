//! Homes in scratch folders, with a clock of their own, and folders that keep their copies.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use heirloom::home::Home;
use heirloom::vault::backup::{self, RunReport};
use heirloom::vault::known_places::note_disk;
use heirloom_identity::{ContentHash, HouseholdId, Phrase};
use heirloom_media::InProcess;
use heirloom_store::{Disk, RealDisk};
use heirloom_vault::policy::{Standing, TargetId};
use heirloom_vault::store::Place;
use heirloom_vault::target::FolderTarget;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::found::{found, quick_folder};
pub(crate) use crate::photos::{derive, keep, picture};

/// When every test begins.
pub(crate) const BEGIN_MS: i64 = 1_800_000_000_000;
/// A day.
pub(crate) const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// A home that is open, and may be opened again.
pub(crate) struct Scratch {
    pub(crate) folder: Arc<TempDir>,
    pub(crate) phrase: Phrase,
    pub(crate) clock: Arc<AtomicI64>,
}

impl Scratch {
    /// A new home with one account.
    pub(crate) fn new(name: &str) -> Self {
        let folder = Arc::new(quick_folder());
        let founded = found(&folder.path().join("home"), name, BEGIN_MS);
        Self { folder, phrase: founded.phrase, clock: Arc::new(AtomicI64::new(BEGIN_MS)) }
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// A place beside the home.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn open(&self) -> Arc<Home> {
        self.open_on(Arc::new(RealDisk))
    }

    pub(crate) fn open_on(&self, disk: Arc<dyn Disk>) -> Arc<Home> {
        self.try_open_on(disk).unwrap()
    }

    /// Opens the home, unless the disk fails.
    pub(crate) fn try_open_on(&self, disk: Arc<dyn Disk>) -> anyhow::Result<Arc<Home>> {
        let home = Home::open_with(&self.root(), disk, Arc::new(InProcess))?;
        let clock = Arc::clone(&self.clock);
        assert!(home.vault.engine.set_clock(Arc::new(move || clock.load(Ordering::SeqCst))));
        Ok(home)
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, ms: i64) {
        self.clock.fetch_add(ms, Ordering::SeqCst);
    }
}

/// The household.
pub(crate) fn household(home: &Home) -> HouseholdId {
    *home.keys.certificate.household()
}

/// A new photo of the home's first account, with its pictures made.
pub(crate) fn photo(home: &Arc<Home>, seed: u32) -> ContentHash {
    let entry = keep(home, &format!("IMG_{seed}.png"), picture(seed));
    derive(home);
    entry.file.hashes.content
}

/// Several photos.
pub(crate) fn photos(home: &Arc<Home>, seeds: std::ops::Range<u32>) {
    for seed in seeds {
        photo(home, seed);
    }
}

/// Where an original lies.
pub(crate) fn original(home: &Home, content: &ContentHash) -> PathBuf {
    home.layout.original(&home.ledger.file(content).unwrap().unwrap().path)
}

/// A folder of the home's own as a place for copies.
pub(crate) fn add_folder(home: &Home, folder: &Path) -> TargetId {
    std::fs::create_dir_all(folder).unwrap();
    let disk = FolderTarget::create(folder, &household(home), [7; 16], Arc::new(RealDisk)).unwrap();
    let path = folder.to_str().unwrap().to_owned();
    note_disk(&home.vault.store, &path, disk).unwrap();
    let place = Place::Folder(path);
    home.vault.store.add_target(&place, Standing::Active, home.vault.engine.now()).unwrap()
}

/// Packs and places everything.
pub(crate) async fn run(home: &Arc<Home>) -> RunReport {
    backup::run(home, &CancellationToken::new()).await.unwrap()
}

/// Every file below a folder with its size.
pub(crate) fn files_below(root: &Path) -> Vec<(PathBuf, u64)> {
    let (mut files, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = std::fs::metadata(&path).unwrap().len();
                files.push((path.strip_prefix(root).unwrap().to_owned(), bytes));
            }
        }
    }
    files.sort();
    files
}

/// Copies a folder with everything in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    let mut copying = std::process::Command::new("cp");
    assert!(copying.arg("-a").arg(from).arg(to).status().unwrap().success());
}

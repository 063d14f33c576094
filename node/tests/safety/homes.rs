//! Homes for tests: founded once, copied for each test, because hashing a password takes its time.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use heirloom::care::doctor;
use heirloom::home::create::{self, Founding};
use heirloom::home::library::MARKER_NAME;
use heirloom::home::{Home, reconcile};
use heirloom::ingest::import::{self, FileReport, Summary};
use heirloom_identity::AccountId;
use heirloom_media::InProcess;
use heirloom_store::{Disk, RealDisk};
use tempfile::TempDir;

/// A founded home's files, by path below it.
type Files = Vec<(PathBuf, Vec<u8>)>;

/// A home in a folder of its own.
pub(crate) struct Scratch {
    folder: TempDir,
}

impl Scratch {
    /// A new home with one account, Anna. One thread imports, so that every run takes the same steps.
    pub(crate) fn new() -> Self {
        static FOUNDED: OnceLock<Files> = OnceLock::new();
        let scratch = Self { folder: quick_folder() };
        for (path, bytes) in FOUNDED.get_or_init(found) {
            write(&scratch.root().join(path), bytes);
        }
        for name in ["library", "inbox", "cache"] {
            fs::create_dir_all(scratch.root().join(name)).unwrap();
        }
        scratch
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
        Home::open_with(&self.root(), disk, Arc::new(InProcess))
    }

    /// Opens the home as every command does after a crash.
    pub(crate) fn recover(&self) -> Arc<Home> {
        let home = self.open();
        assert!(home.was_unclean, "the crash was not noticed");
        reconcile::adopt_orphans(&home).unwrap();
        home
    }

    /// The originals, with their paths below the library.
    pub(crate) fn originals(&self) -> Files {
        let library = self.root().join("library");
        let mut files = read_all(&library);
        files.retain(|(path, _)| path != Path::new(MARKER_NAME));
        files.sort();
        files
    }
}

/// A folder in memory where the system has one: what a power cut does is simulated, so a real fsync would
/// only take time.
fn quick_folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn found() -> Files {
    let folder = quick_folder();
    let root = folder.path().join("home");
    let founding = Founding {
        name: "The Smiths",
        email: "anna@example.org",
        password: "correct horse",
        passphrase: None,
        now_ms: 1,
    };
    create::create(&root, &founding).unwrap();
    fs::write(root.join("config.toml"), "workers = 1\n").unwrap();
    Home::open(&root).unwrap().close();
    read_all(&root)
}

/// Every file below a folder, by path below it.
fn read_all(root: &Path) -> Files {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push((path.strip_prefix(root).unwrap().to_owned(), fs::read(&path).unwrap()));
            }
        }
    }
    files
}

/// Writes a file and the folders above it.
pub(crate) fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// The first account.
pub(crate) fn anna(home: &Home) -> AccountId {
    home.ledger.accounts().unwrap()[0].id
}

/// Imports a folder for Anna.
pub(crate) fn import(home: &Arc<Home>, folder: &Path) -> (Vec<FileReport>, Summary) {
    let mut lines = Vec::new();
    let summary = import::import(home, anna(home), &[folder.to_owned()], &mut |line| {
        lines.push(line.clone());
        true
    });
    (lines, summary)
}

/// What `doctor --verify` finds, without what it says of the free space of this machine.
pub(crate) fn problems(home: &Arc<Home>) -> Vec<doctor::Problem> {
    let findings = doctor::examine(home, true, &mut |_| true).unwrap();
    findings.problems.into_iter().filter(|problem| problem.kind != "disk").collect()
}

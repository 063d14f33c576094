//! A disk that says how it comes on: after each thing that it did, whoever waits for it knows that it is not stuck.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use heirloom_store::{Disk, DraftFile};

use super::reply::Beat;

/// See the module.
pub(super) struct Beating {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) beat: Beat,
}

impl Beating {
    fn done<T>(&self, outcome: T) -> T {
        self.beat.goes_on();
        outcome
    }

    fn file(&self, file: Box<dyn DraftFile>) -> Box<dyn DraftFile> {
        Box::new(BeatingFile { file, beat: self.beat.clone() })
    }
}

impl Disk for Beating {
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn DraftFile>> {
        self.done(self.disk.create_new(path)).map(|file| self.file(file))
    }

    fn create_large(&self, path: &Path) -> io::Result<Box<dyn DraftFile>> {
        self.done(self.disk.create_large(path)).map(|file| self.file(file))
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.done(self.disk.rename_new(from, to))
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.done(self.disk.sync_dir(path))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.done(self.disk.create_dir(path))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.done(self.disk.remove(path))
    }
}

struct BeatingFile {
    file: Box<dyn DraftFile>,
    beat: Beat,
}

impl Write for BeatingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let outcome = self.file.write(bytes);
        self.beat.goes_on();
        outcome
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl DraftFile for BeatingFile {
    fn sync(&mut self) -> io::Result<()> {
        let outcome = self.file.sync();
        self.beat.goes_on();
        outcome
    }
}

//! A disk that loses power at a chosen step and then keeps only what it promised.
//!
//! `kill -9` leaves the page cache alone, so it proves little about fsync. This disk works on real files and
//! counts its steps; at the chosen one it refuses everything from then on. [`CrashDisk::lose_power`] then
//! rewrites the folder as a hostile file system might find it: bytes that were not synced are torn or gone,
//! and each name that was not made durable by syncing its folder is kept or taken back, independently of the
//! order in which names were given.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use heirloom_store::{Disk, DraftFile, RealDisk};

/// See the module's description. Cheap to clone; clones are the same disk.
#[derive(Clone)]
pub struct CrashDisk {
    state: Arc<Mutex<State>>,
}

struct State {
    step: u64,
    crash_at: u64,
    /// How many bytes of each file are durable, by its present name; absent: all of them.
    durable_bytes: HashMap<PathBuf, u64>,
    pending: Vec<Pending>,
}

/// A change of names that no folder sync has made durable.
#[derive(Debug)]
enum Pending {
    Created(PathBuf),
    /// With whether the old name's removal and the new name's arrival are durable.
    Renamed {
        from: PathBuf,
        to: PathBuf,
        from_gone: bool,
    },
    Removed(PathBuf, Vec<u8>),
    Folder(PathBuf),
}

impl CrashDisk {
    /// A disk whose power goes at step `crash_at` (counted from 0): that step does not happen.
    #[must_use]
    pub fn new(crash_at: u64) -> Self {
        let state = State { step: 0, crash_at, durable_bytes: HashMap::new(), pending: Vec::new() };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// A disk whose power never goes; counts steps.
    #[must_use]
    pub fn steady() -> Self {
        Self::new(u64::MAX)
    }

    /// Steps taken so far.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.lock().step
    }

    /// Whether the power is gone.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        let state = self.lock();
        state.step > state.crash_at
    }

    /// Leaves the folder as the next start may find it; `seed` chooses what of the undurable was lucky.
    ///
    /// # Errors
    /// When the real files cannot be rewritten.
    pub fn lose_power(&self, seed: u64) -> io::Result<()> {
        let mut state = self.lock();
        let mut chance = Chance(seed | 1);
        // Bytes first: a later step may move the file back to an older name.
        for (path, durable) in std::mem::take(&mut state.durable_bytes) {
            tear(&path, durable, &mut chance)?;
        }
        for pending in std::mem::take(&mut state.pending).into_iter().rev() {
            undo_perhaps(pending, &mut chance)?;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a step, or refuses it.
    fn step(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.lock();
        let step = state.step;
        state.step += 1;
        if step >= state.crash_at {
            return Err(io::Error::other("the power is gone"));
        }
        Ok(state)
    }
}

impl Disk for CrashDisk {
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn DraftFile>> {
        let mut state = self.step()?;
        let file = RealDisk.create_new(path)?;
        state.pending.push(Pending::Created(path.to_owned()));
        state.durable_bytes.insert(path.to_owned(), 0);
        Ok(Box::new(CrashFile { disk: self.clone(), path: path.to_owned(), file, bytes: 0 }))
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.step()?;
        RealDisk.rename_new(from, to)?;
        if let Some(durable) = state.durable_bytes.remove(from) {
            state.durable_bytes.insert(to.to_owned(), durable);
        }
        // A name that was never durable and is given up before any sync leaves no trace of its own.
        state.pending.retain(|pending| !matches!(pending, Pending::Created(path) if path == from));
        let (from, to) = (from.to_owned(), to.to_owned());
        state.pending.push(Pending::Renamed { from, to, from_gone: false });
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.step()?;
        RealDisk.sync_dir(path)?;
        let inside = |name: &Path| name.parent() == Some(path);
        state.pending.retain_mut(|pending| match pending {
            Pending::Created(name) | Pending::Removed(name, _) | Pending::Folder(name) => !inside(name),
            Pending::Renamed { from, to, from_gone } => {
                *from_gone |= inside(from);
                // Once the new name is durable only the old one's fate is open, and that one is harmless.
                !inside(to)
            }
        });
        Ok(())
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.step()?;
        if !path.is_dir() {
            RealDisk.create_dir(path)?;
            state.pending.push(Pending::Folder(path.to_owned()));
        }
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.step()?;
        let Ok(bytes) = std::fs::read(path) else { return RealDisk.remove(path) };
        RealDisk.remove(path)?;
        state.durable_bytes.remove(path);
        state.pending.push(Pending::Removed(path.to_owned(), bytes));
        Ok(())
    }
}

struct CrashFile {
    disk: CrashDisk,
    /// The name it was created under; drafts are written before they are renamed.
    path: PathBuf,
    file: Box<dyn DraftFile>,
    bytes: u64,
}

impl Write for CrashFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        drop(self.disk.step()?);
        let written = self.file.write(bytes)?;
        self.bytes += u64::try_from(written).unwrap_or(0);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl DraftFile for CrashFile {
    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.disk.step()?;
        self.file.sync()?;
        state.durable_bytes.insert(self.path.clone(), self.bytes);
        Ok(())
    }
}

/// Cuts a file somewhere behind its durable bytes, and perhaps blanks what is left there.
fn tear(path: &Path, durable: u64, chance: &mut Chance) -> io::Result<()> {
    let Ok(mut bytes) = std::fs::read(path) else { return Ok(()) };
    let durable = usize::try_from(durable).unwrap_or(usize::MAX).min(bytes.len());
    let lucky = durable + chance.below(bytes.len() - durable + 1);
    bytes.truncate(lucky);
    if chance.flip() {
        bytes[durable..].fill(0);
    }
    std::fs::write(path, bytes)
}

fn undo_perhaps(pending: Pending, chance: &mut Chance) -> io::Result<()> {
    let lost = chance.flip();
    match pending {
        Pending::Created(path) if lost => RealDisk.remove(&path),
        Pending::Renamed { from, to, from_gone } if to.exists() => match (lost, from_gone) {
            (true, false) => std::fs::rename(&to, &from),
            // The old name is durably gone and the new one never arrived: the bytes have no name.
            (true, true) => RealDisk.remove(&to),
            (false, false) if chance.flip() => std::fs::copy(&to, &from).map(drop),
            (false, _) => Ok(()),
        },
        Pending::Removed(path, bytes) if lost => std::fs::write(path, bytes),
        Pending::Folder(path) if lost => match std::fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        },
        Pending::Created(_) | Pending::Renamed { .. } | Pending::Removed(..) | Pending::Folder(_) => Ok(()),
    }
}

/// A small repeatable source of chance (xorshift64*).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn flip(&mut self) -> bool {
        self.next() >> 63 == 1
    }

    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.next() % bound).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heirloom_store::{SyncedFolders, place_new};

    fn write(disk: &CrashDisk, path: &Path, sync: bool) -> io::Result<()> {
        let mut file = disk.create_new(path)?;
        file.write_all(b"a photo")?;
        if sync { file.sync() } else { Ok(()) }
    }

    #[test]
    fn what_was_placed_survives_every_seed() {
        for seed in 0..64 {
            let root = tempfile::tempdir().unwrap();
            let (draft, name) = (root.path().join("in.part"), root.path().join("a/b/photo"));
            let disk = CrashDisk::steady();
            write(&disk, &draft, true).unwrap();
            place_new(&disk, &SyncedFolders::default(), root.path(), &draft, &name).unwrap();
            disk.lose_power(seed).unwrap();
            assert_eq!(std::fs::read(&name).unwrap(), b"a photo", "seed {seed}");
        }
    }

    #[test]
    fn what_was_not_synced_is_lost_for_some_seed() {
        let mut torn = 0;
        for seed in 0..64 {
            let root = tempfile::tempdir().unwrap();
            let path = root.path().join("in.part");
            let disk = CrashDisk::steady();
            write(&disk, &path, false).unwrap();
            disk.lose_power(seed).unwrap();
            torn += u32::from(std::fs::read(&path).map_or(true, |bytes| bytes != b"a photo"));
        }
        assert!(torn > 32, "only {torn} of 64 crashes hurt");
    }

    #[test]
    fn nothing_happens_from_the_crash_on() {
        let root = tempfile::tempdir().unwrap();
        let disk = CrashDisk::new(1);
        let mut file = disk.create_new(&root.path().join("x")).unwrap();
        assert!(file.write_all(b"late").is_err() && file.sync().is_err());
        assert!(disk.is_dead());
        assert!(disk.create_new(&root.path().join("y")).is_err());
    }
}

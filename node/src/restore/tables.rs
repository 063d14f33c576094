//! The files of the home, from their chunks: databases as they stood when the head was made.
//!
//! They grow in `restoring/`. A chunk that is there already and has its hash is not fetched again, so whatever an attempt
//! before this one left behind is of use, whichever head it was for.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use heirloom_identity::ContentHash;
use heirloom_vault::{FileSnapshot, Index, Located};

use super::fetch::{Fetcher, Lack};
use super::{Problem, Restoring};
use crate::home::lock::Lock;
use crate::restore::blocking;

/// What a home consists of, besides its photos, and whether it can do without.
const FILES: [(&str, bool); 6] = [
    ("home.sqlite", true),
    ("spaces.sqlite", true),
    ("catalog.sqlite", false),
    ("pictures", false),
    ("config.toml", false),
    ("places", false),
];
/// The largest file that is taken back.
const FILE_BYTES_MAX: u64 = 1 << 40;
/// Chunks that are fetched in one go.
const LOOKED_UP_MAX: usize = 16_384;

/// Where files grow, and where their chunks come from.
pub(crate) struct Files<'a> {
    /// Where files grow.
    pub(crate) folder: &'a Path,
    /// Where chunks are.
    pub(crate) index: &'a Arc<Index>,
    /// What fetches them.
    pub(crate) fetcher: &'a Fetcher,
    /// Held by whoever writes; none in a home that is open.
    pub(crate) lock: Option<&'a Arc<Lock>>,
}

impl Files<'_> {
    /// Brings every file of the home.
    ///
    /// # Errors
    /// [`Problem::Away`] and [`Problem::Incomplete`] when a file is not complete that a home cannot do without.
    pub(super) async fn bring(&self, files: &[FileSnapshot], restoring: &Restoring) -> Result<(), Problem> {
        let wanted: Vec<(&FileSnapshot, bool)> = FILES
            .iter()
            .filter_map(|(name, needed)| Some((files.iter().find(|file| file.name == *name)?, *needed)))
            .collect();
        for (name, needed) in FILES {
            if needed && !wanted.iter().any(|(file, _)| file.name == name) {
                return Err(Problem::Incomplete(format!("{name} is not among them")));
            }
        }
        if let Some((file, _)) = wanted.iter().find(|(file, _)| file.bytes > FILE_BYTES_MAX) {
            return Err(Problem::Incomplete(format!("{} cannot be so large", file.name)));
        }
        let total: u64 = wanted.iter().map(|(file, _)| file.bytes).sum();
        super::space::check(self.folder, total)?;
        restoring.begin(super::Stage::Tables, wanted.len() as u64, total);
        for (file, needed) in wanted {
            match self.bring_one(file, restoring).await? {
                None => {}
                Some(Lack::Away) if needed => return Err(Problem::Away { what: file.name.clone() }),
                Some(Lack::Lost) if needed => {
                    return Err(Problem::Incomplete(format!("parts of {} are in none of them", file.name)));
                }
                Some(_) => {
                    restoring.say(format!("{} was not complete and is made anew", file.name));
                    remove(&self.folder.join(&file.name))?;
                }
            }
            restoring.add(1, 0);
        }
        Ok(())
    }

    /// Brings one file, which is complete when nothing is lacking.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) async fn bring_one(
        &self,
        file: &FileSnapshot,
        restoring: &Restoring,
    ) -> Result<Option<Lack>, Problem> {
        let path = self.folder.join(&file.name);
        let (snapshot, index, lock) = (file.clone(), Arc::clone(self.index), self.lock.cloned());
        let looked = blocking(move || {
            let begun = begin(&path, &snapshot, &index);
            drop(lock);
            begun
        });
        let Begun { target, mut wanted, lost } = looked.await?;
        let missing: u64 = wanted.iter().map(|(offsets, at)| at.size * offsets.len() as u64).sum();
        restoring.add(0, file.bytes.saturating_sub(missing));
        let mut worst = lost.then_some(Lack::Lost);
        while !wanted.is_empty() && worst != Some(Lack::Lost) {
            let rest = wanted.split_off(wanted.len().min(LOOKED_UP_MAX));
            let now = std::mem::replace(&mut wanted, rest);
            let mut take = |offsets: Vec<u64>, got: Result<Vec<u8>, Lack>| {
                match got {
                    Ok(bytes) => {
                        for offset in &offsets {
                            target.write_all_at(&bytes, *offset).context("cannot write what was fetched")?;
                            restoring.add(0, bytes.len() as u64);
                        }
                    }
                    Err(lack) => worst = Some(worst.map_or(lack, |worst| worst.min(lack))),
                }
                Ok(())
            };
            self.fetcher.each(now, &mut take).await?;
        }
        let lock = self.lock.cloned();
        blocking(move || {
            let synced = target.sync_all().context("cannot make what was fetched durable");
            drop(lock);
            synced
        })
        .await?;
        Ok(worst)
    }
}

/// A file that grows.
struct Begun {
    target: File,
    /// Chunks that are not here: where in the file each belongs (the same bytes may belong to several places), and where
    /// it is.
    wanted: Vec<(Vec<u64>, Located)>,
    /// Whether chunks are in no pack.
    lost: bool,
}

/// Opens a file of the right length and says which of its chunks are not here.
fn begin(path: &Path, file: &FileSnapshot, index: &Index) -> anyhow::Result<Begun> {
    let attempt = || format!("cannot write {}", path.display());
    for ending in ["-wal", "-shm", "-journal"] {
        remove(&beside(path, ending))?;
    }
    let is_new = !path.exists();
    let mut options = OpenOptions::new();
    let target = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
    let target = target.with_context(attempt)?;
    target.set_len(file.bytes).with_context(attempt)?;
    let mut wanted: HashMap<ContentHash, Vec<u64>> = HashMap::new();
    let mut offset = 0;
    let mut buffer = Vec::new();
    for (hash, bytes) in file.chunk_sizes() {
        let mut is_here = false;
        if !is_new {
            buffer.resize(bytes as usize, 0);
            target.read_exact_at(&mut buffer, offset).with_context(attempt)?;
            is_here = ContentHash::of(&buffer) == *hash;
        }
        if !is_here {
            wanted.entry(*hash).or_default().push(offset);
        }
        offset += u64::from(bytes);
    }
    let count = wanted.len();
    let located = wanted.into_iter().filter_map(|(hash, offsets)| Some((offsets, index.lookup(&hash)?)));
    let wanted: Vec<_> = located.collect();
    let lost = wanted.len() < count;
    Ok(Begun { target, wanted, lost })
}

/// A name beside a file, as SQLite makes them.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Removes a file; fine if it is not there.
///
/// # Errors
/// What the system says.
pub(super) fn remove(path: &Path) -> anyhow::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

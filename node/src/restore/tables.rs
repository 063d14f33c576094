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
use crate::restore::blocking;

/// What a home consists of, besides its photos, and whether it can do without.
const FILES: [(&str, bool); 5] = [
    ("home.sqlite", true),
    ("spaces.sqlite", true),
    ("catalog.sqlite", false),
    ("pictures", false),
    ("config.toml", false),
];
/// The largest file that is taken back.
const FILE_BYTES_MAX: u64 = 1 << 40;
/// Bytes between two reports of progress are at least those of a chunk; chunks looked up at once.
const LOOKED_UP_MAX: usize = 16_384;

/// A chunk that is not here.
struct Wanted {
    hash: ContentHash,
    /// Where in the file it belongs; the same bytes may belong to several places.
    offsets: Vec<u64>,
}

/// Brings every file of the home into `folder`.
///
/// # Errors
/// [`Problem::Away`] and [`Problem::Incomplete`] when a file is not complete that a home cannot do without.
pub(super) async fn bring(
    folder: &Path,
    files: &[FileSnapshot],
    index: &Arc<Index>,
    fetcher: &Fetcher,
    restoring: &Restoring,
) -> Result<(), Problem> {
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
    super::space::check(folder, total)?;
    restoring.begin(super::Stage::Tables, wanted.len() as u64, total);
    for (file, needed) in wanted {
        match bring_one(folder, file, index, fetcher, restoring).await? {
            None => {}
            Some(Lack::Away) => return Err(Problem::Away { what: file.name.clone() }),
            Some(Lack::Lost) if needed => {
                return Err(Problem::Incomplete(format!("parts of {} are in none of them", file.name)));
            }
            Some(Lack::Lost) => {
                restoring.say(format!("{} was not complete and is made anew", file.name));
                remove(&folder.join(&file.name))?;
            }
        }
        restoring.add(1, 0);
    }
    Ok(())
}

async fn bring_one(
    folder: &Path,
    file: &FileSnapshot,
    index: &Arc<Index>,
    fetcher: &Fetcher,
    restoring: &Restoring,
) -> Result<Option<Lack>, Problem> {
    let path = folder.join(&file.name);
    let (snapshot, found_in) = (file.clone(), Arc::clone(index));
    let looked = blocking(move || {
        let (file, wanted) = begin(&path, &snapshot)?;
        let mut located = Vec::with_capacity(wanted.len());
        let mut lost = false;
        for wanted in wanted {
            match found_in.lookup(&wanted.hash) {
                Some(at) => located.push((wanted.offsets, at)),
                None => lost = true,
            }
        }
        Ok((Arc::new(file), located, lost))
    });
    let (target, mut located, lost) = looked.await?;
    let missing: u64 = located.iter().map(|(offsets, at)| at.size * offsets.len() as u64).sum();
    restoring.add(0, file.bytes.saturating_sub(missing));
    let mut worst = lost.then_some(Lack::Lost);
    while !located.is_empty() && worst != Some(Lack::Lost) {
        let rest = located.split_off(located.len().min(LOOKED_UP_MAX));
        let now: Vec<(Vec<u64>, Located)> = std::mem::replace(&mut located, rest);
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
        fetcher.each(now, &mut take).await?;
    }
    blocking(move || target.sync_all().context("cannot make what was fetched durable")).await?;
    Ok(worst)
}

/// Opens a file of the right length and says which of its chunks are not here.
fn begin(path: &Path, file: &FileSnapshot) -> anyhow::Result<(File, Vec<Wanted>)> {
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
    let wanted = wanted.into_iter().map(|(hash, offsets)| Wanted { hash, offsets });
    Ok((target, wanted.collect()))
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

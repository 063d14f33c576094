//! Some threads, each fetching one file after the other in the order in which they lie in the packs.

use std::collections::HashMap;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use heirloom_identity::ContentHash;
use heirloom_store::{Disk, DraftFile, RealDisk, SyncedFolders, place_new};
use heirloom_vault::folder::PackFolder;
use heirloom_vault::{Located, PackId, fetch_blob};

use crate::Outcome;
use crate::home::{self, Manifest};

/// Threads: some decrypt while others wait for the disk.
const THREADS: usize = 4;

/// Answers how many bytes the files have, and how many the packs.
pub(crate) fn run(store: &Path, out: &Path) -> Outcome<(u64, u64)> {
    let folder = home::open(store)?;
    let manifest = home::manifest(&folder)?;
    let files = files(&folder, &manifest)?;
    let bytes = files.iter().map(|(_, located)| located.size).sum();
    let stored = manifest.index.packs().iter().map(|pack| u64::from(pack.bytes)).sum();

    let drafts = out.join(".drafts");
    RealDisk.create_dir(&drafts)?;
    let (next, synced) = (AtomicUsize::new(0), SyncedFolders::default());
    let work = || -> Outcome<()> {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some((path, located)) = files.get(number) else { return Ok(()) };
            let draft = drafts.join(number.to_string());
            let mut file = RealDisk.create_large(&draft)?;
            write(&folder, &manifest, located, &mut *file)?;
            place_new(&RealDisk, &synced, out, &draft, &out.join(path))?;
        }
    };
    thread::scope(|scope| -> Outcome<()> {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| "restoring stopped")?)
    })?;
    fs::remove_dir(&drafts)?;
    Ok((bytes, stored))
}

/// Every file's path and place, in the order of the packs.
fn files(folder: &PackFolder, manifest: &Manifest) -> Outcome<Vec<(PathBuf, Located)>> {
    let names = manifest.root.files.first().ok_or("no names")?;
    let mut text = Vec::new();
    for chunk in &names.chunks {
        text.extend(home::fetch(folder, &manifest.keys, place(manifest, chunk)?)?);
    }
    let mut files = Vec::new();
    for line in String::from_utf8(text)?.lines() {
        let (blob, path) = line.split_once(' ').ok_or("a line without a name")?;
        let path = PathBuf::from(path);
        if !path.components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(format!("{} is no place below the folder", path.display()).into());
        }
        files.push((path, place(manifest, &blob.parse()?)?));
    }
    // Packs have random names; the files were packed in the order of their own names, which are in this order now.
    let mut order: HashMap<PackId, usize> = HashMap::new();
    files.sort_by_cached_key(|(_, located)| {
        let (pack, entry) = &located.pieces[0];
        let seen = order.len();
        (*order.entry(pack.id).or_insert(seen), entry.offset)
    });
    Ok(files)
}

fn place(manifest: &Manifest, blob: &ContentHash) -> Outcome<Located> {
    Ok(manifest.index.lookup(blob).ok_or("the manifest lacks a blob")?)
}

fn write(
    folder: &PackFolder,
    manifest: &Manifest,
    located: &Located,
    mut file: &mut dyn DraftFile,
) -> Outcome<()> {
    let (keys, household) = (&manifest.keys, home::household());
    let mut fetch = |pack: &_, range| home::read(folder, pack, &range);
    fetch_blob(keys, &household, located.clone(), &mut fetch, &mut file)?;
    file.flush()?;
    Ok(file.sync()?)
}

//! `heirloom import --copy`: folders of photos, copied into the library.
//!
//! One thread walks, a bounded number read, hash and keep. A file whose folder, name, size and modified time
//! are known from an earlier import is not opened. One bad file is a line of the report; a full disk ends
//! the import, because no later file could be kept either.

use std::ffi::OsString;
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use heirloom_identity::{AccountId, AssetId};
use heirloom_media::Format;
use serde::{Deserialize, Serialize};

use super::draft::Writing;
use super::walk::{Found, walk};
use super::{Incoming, IngestError, Kept, keep_bytes, keep_draft};
use crate::clock;
use crate::home::Home;
use crate::ledger::assets::Origin;
use crate::ledger::sources::{Known, Source};

/// Files that wait for a free thread.
const QUEUE_FILES_MAX: usize = 64;
/// Larger files go through a draft instead of memory.
const IN_MEMORY_BYTES_MAX: u64 = 128 << 20;

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileOutcome {
    /// A new photo.
    Added,
    /// The account had it.
    Duplicate,
    /// Not a photo that this version keeps.
    Skipped,
    /// A photo, perhaps, that could not be kept.
    Failed,
}

/// A line of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileReport {
    /// The file, with what is not UTF-8 replaced.
    pub path: String,
    /// What became of it.
    pub outcome: FileOutcome,
    /// The photo it is now.
    pub asset: Option<AssetId>,
    /// Why, unless it was added.
    pub reason: Option<String>,
}

/// The last line of the report.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Always true.
    pub done: bool,
    /// New photos.
    pub added: u64,
    /// Photos that were there.
    pub duplicate: u64,
    /// Other files.
    pub skipped: u64,
    /// Files that could not be kept.
    pub failed: u64,
    /// Bytes of the new photos.
    pub bytes: u64,
    /// Wall time.
    pub seconds: f64,
    /// Why the import ended early, if it did.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub stopped: Option<String>,
}

struct Task {
    path: PathBuf,
    source: Source,
    modified_ms: i64,
    bytes: u64,
}

struct Report {
    file: FileReport,
    bytes: u64,
    stop: Option<String>,
}

/// Imports files and folders for an account. `report` is called on this thread with a line per file and may
/// answer `false` to stop.
pub fn import(
    home: &Arc<Home>,
    account: AccountId,
    paths: &[PathBuf],
    report: &mut dyn FnMut(&FileReport) -> bool,
) -> Summary {
    let started = Instant::now();
    let stop = AtomicBool::new(false);
    let (tasks, queue) = sync_channel::<Task>(QUEUE_FILES_MAX);
    let (reports, reported) = sync_channel::<Report>(QUEUE_FILES_MAX);
    let queue = Mutex::new(queue);
    let mut summary = Summary { done: true, ..Summary::default() };
    std::thread::scope(|scope| {
        let walker = reports.clone();
        let (stop, queue) = (&stop, &queue);
        scope.spawn(move || walk_all(home, account, paths, &tasks, &walker, stop));
        for _ in 0..home.config.worker_count() {
            let reports = reports.clone();
            scope.spawn(move || keep_all(home, account, queue, &reports, stop));
        }
        drop(reports);
        for Report { file, bytes, stop: reason } in reported {
            count(&mut summary, &file, bytes);
            if let Some(reason) = reason {
                summary.stopped.get_or_insert(reason);
                stop.store(true, Ordering::Relaxed);
            }
            if !report(&file) {
                summary.stopped.get_or_insert_with(|| "stopped by the person who asked for it".to_owned());
                stop.store(true, Ordering::Relaxed);
            }
        }
    });
    summary.seconds = started.elapsed().as_secs_f64();
    summary
}

fn count(summary: &mut Summary, file: &FileReport, bytes: u64) {
    match file.outcome {
        FileOutcome::Added => {
            summary.added += 1;
            summary.bytes += bytes;
        }
        FileOutcome::Duplicate => summary.duplicate += 1,
        FileOutcome::Skipped => summary.skipped += 1,
        FileOutcome::Failed => summary.failed += 1,
    }
}

fn walk_all(
    home: &Home,
    account: AccountId,
    paths: &[PathBuf],
    tasks: &SyncSender<Task>,
    reports: &SyncSender<Report>,
    stop: &AtomicBool,
) {
    for path in paths {
        let going_on = walk(path, &mut |found| {
            let sent = match found {
                Found::Unreadable { path, error } => {
                    let reason = format!("cannot be read: {error}");
                    reports.send(line(&path, FileOutcome::Failed, None, Some(reason))).is_ok()
                }
                // The library itself is not imported into itself.
                Found::Folder { folder, .. } if folder.starts_with(home.layout.root()) => true,
                Found::Folder { folder, files } => sort_out(home, account, &folder, files, tasks, reports),
            };
            sent && !stop.load(Ordering::Relaxed)
        });
        if !going_on {
            return;
        }
    }
}

/// Reports the known and the foreign files of a folder, and queues the rest; `false` when nobody listens.
fn sort_out(
    home: &Home,
    account: AccountId,
    folder: &Path,
    files: Vec<(OsString, Metadata)>,
    tasks: &SyncSender<Task>,
    reports: &SyncSender<Report>,
) -> bool {
    let folder_bytes = folder.as_os_str().as_bytes().to_vec();
    let known = home.ledger.known_sources(&account, &folder_bytes).unwrap_or_else(|error| {
        tracing::warn!(%error, "cannot tell which files were imported before; reading them all");
        std::collections::HashMap::new()
    });
    files.into_iter().all(|(name, meta)| {
        let path = folder.join(&name);
        let name = name.as_bytes().to_vec();
        let modified_ns = clock::modified_ns(&meta);
        match known.get(&name) {
            Some(known) if is_unchanged(home, known, meta.len(), modified_ns) => {
                let reason = Some("known from an earlier import; not opened".to_owned());
                return reports.send(line(&path, FileOutcome::Duplicate, Some(known.asset), reason)).is_ok();
            }
            _ => {}
        }
        if !has_photo_name(&path) {
            let reason = Some("not a kind of photo that this version keeps".to_owned());
            return reports.send(line(&path, FileOutcome::Skipped, None, reason)).is_ok();
        }
        let source = Source { folder: folder_bytes.clone(), name, bytes: meta.len(), modified_ns };
        let task = Task { path, source, modified_ms: clock::modified_ms(&meta), bytes: meta.len() };
        tasks.send(task).is_ok()
    })
}

/// Whether a file looks as it did when it was read, and what it became is still here.
fn is_unchanged(home: &Home, known: &Known, bytes: u64, modified_ns: i64) -> bool {
    known.bytes == bytes
        && known.modified_ns == modified_ns
        && std::fs::metadata(home.layout.original(&known.path)).is_ok_and(|original| original.len() == bytes)
}

fn has_photo_name(path: &Path) -> bool {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    ending.is_some_and(|ending| Format::ALL_EXTENSIONS.contains(&ending.as_str()))
}

fn keep_all(
    home: &Home,
    account: AccountId,
    queue: &Mutex<Receiver<Task>>,
    reports: &SyncSender<Report>,
    stop: &AtomicBool,
) {
    loop {
        let task = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(task) = task else { return };
        if stop.load(Ordering::Relaxed) {
            continue;
        }
        let report = keep_one(home, account, &task);
        if report.stop.is_some() {
            // Said here, since whoever reads the reports may be a few behind.
            stop.store(true, Ordering::Relaxed);
        }
        if reports.send(report).is_err() {
            return;
        }
    }
}

fn keep_one(home: &Home, account: AccountId, task: &Task) -> Report {
    let incoming = Incoming {
        account,
        given_name: task.path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        modified_ms: task.modified_ms,
        origin: Origin::Import,
        source: Some(task.source.clone()),
    };
    match read_and_keep(home, incoming, task) {
        Ok(Kept::Added(entry)) => {
            let report = line(&task.path, FileOutcome::Added, Some(entry.asset), None);
            Report { bytes: entry.file.bytes, ..report }
        }
        Ok(Kept::Duplicate(entry)) => {
            let reason = Some("already in this library".to_owned());
            line(&task.path, FileOutcome::Duplicate, Some(entry.asset), reason)
        }
        Err(error) => {
            let full = "the disk is full: free some space and import again, nothing was lost";
            let why = || if error.is_disk_full() { format!("{full} ({error})") } else { error.to_string() };
            let stop = error.ends_import().then(why);
            let report = line(&task.path, FileOutcome::Failed, None, Some(error.to_string()));
            Report { stop, ..report }
        }
    }
}

fn read_and_keep(home: &Home, incoming: Incoming, task: &Task) -> Result<Kept, IngestError> {
    let at = |source| IngestError::Disk { attempt: "read", path: task.path.clone(), source };
    if task.bytes <= IN_MEMORY_BYTES_MAX {
        let bytes = std::fs::read(&task.path).map_err(at)?;
        return keep_bytes(home, incoming, bytes);
    }
    let mut file = std::fs::File::open(&task.path).map_err(at)?;
    let mut writing = Writing::start(&home.disk, &home.layout.inbox()).map_err(at)?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        match std::io::Read::read(&mut file, &mut buffer).map_err(at)? {
            0 => break,
            count => writing.write(&buffer[..count]).map_err(at)?,
        }
    }
    keep_draft(home, incoming, writing.finish().map_err(at)?)
}

fn line(path: &Path, outcome: FileOutcome, asset: Option<AssetId>, reason: Option<String>) -> Report {
    let file = FileReport { path: path.to_string_lossy().into_owned(), outcome, asset, reason };
    Report { file, bytes: 0, stop: None }
}

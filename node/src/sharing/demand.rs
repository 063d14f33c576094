//! One file, now, because somebody looks at it: fetched whole and verified, then shown.
//!
//! A picture stays. An original stays if this home keeps originals of the album; otherwise it lies in the inbox for a
//! while, so that a second look, or the parts of a film, need no second fetch. Several people who want the same file
//! wait for one fetch, and a fetch goes on when the one who asked gives up waiting.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use heirloom_identity::ContentHash;
use heirloom_spaces::{Album, Entry};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::missing::{self, Missing};
use super::{fetch, lock, originals, pictures};
use crate::home::Home;
use crate::ledger::albums::Keep;
use crate::ledger::shared_files::FileKind;

/// Files that are fetched on demand at the same time.
const DEMANDS_MAX: usize = 32;
/// How long whoever looks at a picture waits for it.
const PICTURE_WAIT: Duration = Duration::from_secs(10);
/// How long whoever asks for an original waits for it; the fetch goes on.
const ORIGINAL_WAIT: Duration = Duration::from_secs(60);
/// How long an original that is not kept lies in the inbox.
const HELD_FOR: Duration = Duration::from_hours(1);
/// Bytes of such originals; the oldest go.
const HELD_BYTES_MAX: u64 = 4 << 30;
/// How long the beginning of a file that never came whole lies in the inbox.
const PARTS_FOR: Duration = Duration::from_hours(24 * 14);
/// Room on the disk that a file on demand leaves.
const LEAVE_BYTES: u64 = 512 << 20;

/// Why a file of another home cannot be had now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// No home that may have it is connected.
    #[error("no home that has it can be reached now")]
    Off,
    /// Those that are connected do not have it for us, or it cannot be used.
    #[error("{0}")]
    Not(String),
    /// The entry has no such picture, or one that is too large to be fetched.
    #[error("there is no such picture of it")]
    NoSuch,
    /// It is on its way, and takes longer than anybody waits.
    #[error("it is still on its way")]
    TakesLong,
    /// This home has no room for it, or fetches too many files at once.
    #[error("{0}")]
    NoRoom(&'static str),
}

type Outcome = Option<Result<(), Unreachable>>;

/// The fetches that are under way.
#[derive(Debug, Default)]
pub struct Demands {
    running: Mutex<HashMap<ContentHash, watch::Receiver<Outcome>>>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Demands {
    /// Whether a file is on its way already.
    pub(super) fn is_running(&self, file: &Missing) -> bool {
        lock(&self.running).contains_key(&file.hash)
    }

    /// Ends all fetches.
    pub(super) async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// The file of an entry, fetched if need be.
///
/// # Errors
/// See [`Unreachable`].
pub async fn file(
    home: &Arc<Home>,
    album: &Arc<Album>,
    entry: &Entry,
    kind: FileKind,
) -> Result<PathBuf, Unreachable> {
    let wanted = missing::files(album.space, entry).find(|file| file.kind == kind);
    let wanted = wanted.ok_or(Unreachable::NoSuch)?;
    let gone = || Unreachable::Not("this home is going to sleep".to_owned());
    let (at, of) = (Arc::clone(home), Arc::clone(album));
    let begun = tokio::task::spawn_blocking(move || begin(&at, &of, &wanted)).await;
    let mut outcome = begun.map_err(|_| gone())??;
    let wait = if kind == FileKind::Original { ORIGINAL_WAIT } else { PICTURE_WAIT };
    let ended = tokio::time::timeout(wait, outcome.wait_for(Option::is_some)).await;
    let ended = ended.map_err(|_| Unreachable::TakesLong)?;
    ended.map_err(|_| gone())?.clone().ok_or_else(gone)??;
    let at = Arc::clone(home);
    let found = tokio::task::spawn_blocking(move || found(&at, &wanted)).await;
    found.ok().flatten().ok_or_else(|| Unreachable::Not("it is gone again".to_owned()))
}

/// Where a file lies that was fetched.
fn found(home: &Home, file: &Missing) -> Option<PathBuf> {
    match file.kind {
        FileKind::Thumbnail | FileKind::Preview => {
            Some(pictures::place(home, &file.hash)).filter(|path| path.is_file())
        }
        FileKind::Original => {
            let kept = originals::here(home, &file.hash).ok().flatten().map(|here| here.path);
            kept.or_else(|| held(home, &file.hash))
        }
    }
}

/// An original that lies in the inbox for a while.
pub fn held(home: &Home, content: &ContentHash) -> Option<PathBuf> {
    Some(held_path(home, content)).filter(|path| path.is_file())
}

fn held_path(home: &Home, content: &ContentHash) -> PathBuf {
    fetch::folder(home).join(format!("{content}.held"))
}

/// Joins the fetch of a file, or begins one. Waits for the disk, so it is called on a thread for that.
fn begin(
    home: &Arc<Home>,
    album: &Arc<Album>,
    file: &Missing,
) -> Result<watch::Receiver<Outcome>, Unreachable> {
    let demands = &home.sharing.demands;
    let mut running = lock(&demands.running);
    if let Some(outcome) = running.get(&file.hash) {
        return Ok(outcome.clone());
    }
    if fetch::providers(home, album).is_empty() {
        return Err(Unreachable::Off);
    }
    if running.len() >= DEMANDS_MAX {
        return Err(Unreachable::NoRoom("too many files are on their way; try again soon"));
    }
    if !home.has_room_for_own(file.bytes, LEAVE_BYTES) {
        return Err(Unreachable::NoRoom("the disk at home is nearly full"));
    }
    let (tell, outcome) = watch::channel(None);
    running.insert(file.hash, outcome.clone());
    drop(running);
    let (home, album, file) = (Arc::clone(home), Arc::clone(album), *file);
    let part = fetch::folder(&home).join(format!("{}.asked.part", file.hash));
    demands.tasks.spawn(async move {
        let came = fetch_one(&home, &album, file, part).await;
        lock(&home.sharing.demands.running).remove(&file.hash);
        // Whoever asked may be gone.
        tell.send(Some(came)).unwrap_or_default();
    });
    Ok(outcome)
}

async fn fetch_one(
    home: &Arc<Home>,
    album: &Arc<Album>,
    file: Missing,
    part: PathBuf,
) -> Result<(), Unreachable> {
    let wanted = vec![fetch::wanted(&album.space, &file, part.clone())];
    let stop = home.sharing.demands.stop.clone();
    fetch::bare(home, album, wanted, stop).await.map_err(|error| Unreachable::Not(error.to_string()))?;
    let (home, album) = (Arc::clone(home), Arc::clone(album));
    let placed = tokio::task::spawn_blocking(move || place(&home, &album, &file, &part)).await;
    placed.unwrap_or_else(|error| Err(Unreachable::Not(error.to_string())))
}

fn place(home: &Home, album: &Album, file: &Missing, part: &Path) -> Result<(), Unreachable> {
    let in_words = |error: &dyn std::fmt::Display| Unreachable::Not(error.to_string());
    let keep = home.ledger.keep(&album.space).map_err(|error| in_words(&error))?;
    if file.kind == FileKind::Original && keep != Keep::Originals {
        sweep(home);
        return std::fs::rename(part, held_path(home, &file.hash)).map_err(|error| in_words(&error));
    }
    match fetch::place(home, album, file, part) {
        fetch::Got::Placed => {
            let row = (file.space, file.hash, file.kind);
            home.ledger.received(vec![row]).map_err(|error| in_words(&error))?;
            home.sharing.came(&file.space, file.kind, file.bytes);
            Ok(())
        }
        fetch::Got::Useless(reason) | fetch::Got::NotTaken(reason) => Err(Unreachable::Not(reason)),
        fetch::Got::NotCome(error) => Err(in_words(&error)),
    }
}

/// Removes from the inbox what nobody looked at for a while.
pub(super) fn sweep(home: &Home) {
    let Ok(entries) = std::fs::read_dir(fetch::folder(home)) else { return };
    let mut held: Vec<(Duration, u64, PathBuf)> = Vec::new();
    for entry in entries.flatten() {
        let Ok(meta) = entry.metadata() else { continue };
        let age = meta.modified().ok().and_then(|at| SystemTime::now().duration_since(at).ok());
        let (age, path) = (age.unwrap_or_default(), entry.path());
        let is_held = path.extension().is_some_and(|ending| ending == "held");
        let most = if is_held { HELD_FOR } else { PARTS_FOR };
        if age > most {
            std::fs::remove_file(&path).unwrap_or_default();
        } else if is_held {
            held.push((age, meta.len(), path));
        }
    }
    held.sort();
    let mut bytes = 0_u64;
    for (_, size, path) in held {
        bytes = bytes.saturating_add(size);
        if bytes > HELD_BYTES_MAX {
            std::fs::remove_file(path).unwrap_or_default();
        }
    }
}

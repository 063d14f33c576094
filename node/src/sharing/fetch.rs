//! Fetching files of an album from the homes that may have them, and placing what came.
//!
//! One call fetches a batch. The bytes come and are verified on the network's threads; a blocking thread of its own
//! looks at each finished file and places it, while the next ones are still coming.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use heirloom_identity::{HouseholdId, SpaceId};
use heirloom_net::Connection;
use heirloom_net::transfer::{self, Budget, FETCH_STALL, Fetching, ItemError, Progress, Wanted};
use heirloom_spaces::Album;
use tokio_util::sync::CancellationToken;

use super::missing::Missing;
use super::{originals, pictures};
use crate::home::Home;
use crate::home::events::{AlbumPart, Event};
use crate::ledger::shared_files::FileKind;
use crate::protocols::content::Token;

/// Finished files that are recorded with one fsync.
const RECORDED_AT_ONCE: usize = 128;
/// How long a finished file waits for others before it is recorded.
const RECORD_AFTER: Duration = Duration::from_millis(250);
/// How often an open page hears of progress.
const TELL_EVERY: Duration = Duration::from_millis(500);

/// What became of a file.
#[derive(Debug)]
pub enum Got {
    /// It is in its place.
    Placed,
    /// It did not come; another try may have more luck.
    NotCome(ItemError),
    /// It came, and cannot be used; asking again is of no use.
    Useless(String),
    /// It came, and this home could not take it in; the disk is full, or broken.
    NotTaken(String),
}

/// The connections to those members of an album that are reachable now.
pub fn providers(home: &Home, album: &Album) -> Vec<Connection> {
    let us = home.keys.certificate.household();
    let others: Vec<HouseholdId> =
        album.membership.members.keys().filter(|household| *household != us).copied().collect();
    let Some(network) = home.network() else { return Vec::new() };
    network.connections(&others).into_iter().map(|(_, connection)| connection).collect()
}

/// The folder of files that are on their way; made if need be.
pub fn folder(home: &Home) -> PathBuf {
    let folder = home.layout.inbox().join("shared");
    if let Err(error) = std::fs::create_dir_all(&folder) {
        tracing::warn!(%error, "cannot make the folder of files that are on their way");
    }
    folder
}

/// Fetches a batch of one album's files and places what came; an outcome for each, in order.
pub async fn fetch(
    home: &Arc<Home>,
    album: &Arc<Album>,
    files: Vec<Missing>,
    stop: CancellationToken,
) -> Vec<Got> {
    let connections = providers(home, album);
    let at = Arc::clone(home);
    let Ok(folder) = tokio::task::spawn_blocking(move || folder(&at)).await else { return Vec::new() };
    let parts: Vec<PathBuf> = files.iter().map(|file| folder.join(format!("{}.part", file.hash))).collect();
    let wanted = files.iter().zip(&parts).map(|(file, part)| wanted(&album.space, file, part.clone()));
    let wanted: Vec<Wanted> = wanted.collect();
    let (sender, finished) = channel();
    let placing = {
        let (home, album) = (Arc::clone(home), Arc::clone(album));
        tokio::task::spawn_blocking(move || Placing::new(&home, &album, &files, &parts).run(&finished))
    };
    let summary = transfer::fetch(connections, wanted, fetching(home, sender, stop)).await;
    for provider in summary.providers.iter().filter_map(|provider| provider.fault.as_ref()) {
        if provider.is_lie() {
            tracing::warn!(fault = %provider, "a home sent what it should not have sent");
        }
    }
    // The sender went with the fetch, so the placing ends after the last file.
    placing.await.unwrap_or_default()
}

/// Fetches one file to its part and no further.
///
/// # Errors
/// [`ItemError`].
pub(super) async fn bare(
    home: &Arc<Home>,
    album: &Album,
    wanted: Vec<Wanted>,
    stop: CancellationToken,
) -> Result<(), ItemError> {
    let connections = providers(home, album);
    let (sender, _finished) = channel();
    let summary = transfer::fetch(connections, wanted, fetching(home, sender, stop)).await;
    summary.outcomes.into_iter().next().unwrap_or(Err(ItemError::Cancelled))
}

fn fetching(
    home: &Home,
    sender: Sender<(usize, Result<(), ItemError>)>,
    stop: CancellationToken,
) -> Fetching {
    let progress: Arc<dyn Progress> = Arc::new(Report { sender });
    Fetching { progress, throttle: home.sharing.download_budget(), cancel: stop, stall: FETCH_STALL }
}

/// A file as the network is asked for it.
pub(super) fn wanted(space: &SpaceId, file: &Missing, part: PathBuf) -> Wanted {
    let token = Token { pseudonym: space.pseudonym(), kind: file.kind, content: file.content };
    Wanted { token: token.encode().to_vec(), root: file.hash, bytes: file.bytes, part, done: None }
}

struct Report {
    sender: Sender<(usize, Result<(), ItemError>)>,
}

impl Progress for Report {
    fn bytes(&self, _item: usize, _proved: u64) {}

    fn done(&self, item: usize, outcome: Result<(), ItemError>) {
        // Nobody listens only when the node is ending.
        self.sender.send((item, outcome)).unwrap_or_default();
    }
}

/// Places what comes, on a thread that may wait for the disk.
struct Placing<'a> {
    home: &'a Home,
    album: &'a Album,
    files: &'a [Missing],
    parts: &'a [PathBuf],
    outcomes: Vec<Got>,
    unrecorded: Vec<usize>,
    told: Instant,
}

impl<'a> Placing<'a> {
    fn new(home: &'a Home, album: &'a Album, files: &'a [Missing], parts: &'a [PathBuf]) -> Self {
        let outcomes = files.iter().map(|_| Got::NotCome(ItemError::Cancelled)).collect();
        Self { home, album, files, parts, outcomes, unrecorded: Vec::new(), told: Instant::now() }
    }

    fn run(mut self, finished: &Receiver<(usize, Result<(), ItemError>)>) -> Vec<Got> {
        loop {
            match finished.recv_timeout(RECORD_AFTER) {
                Ok((item, outcome)) => self.take(item, outcome),
                Err(RecvTimeoutError::Timeout) => self.record(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.unrecorded.len() >= RECORDED_AT_ONCE {
                self.record();
            }
        }
        self.record();
        self.tell();
        self.outcomes
    }

    fn take(&mut self, item: usize, outcome: Result<(), ItemError>) {
        let (Some(file), Some(part)) = (self.files.get(item), self.parts.get(item)) else { return };
        let got = match outcome {
            Err(ItemError::Disk(error)) => Got::NotTaken(error.to_string()),
            Err(error) => Got::NotCome(error),
            Ok(()) => place(self.home, self.album, file, part),
        };
        if matches!(got, Got::Placed) {
            self.unrecorded.push(item);
            self.home.sharing.came(&file.space, file.kind, file.bytes);
        }
        if let Some(slot) = self.outcomes.get_mut(item) {
            *slot = got;
        }
        if self.told.elapsed() >= TELL_EVERY {
            self.tell();
        }
    }

    fn record(&mut self) {
        let items = std::mem::take(&mut self.unrecorded);
        let rows = items.iter().filter_map(|item| self.files.get(*item));
        let rows: Vec<_> = rows.map(|file| (file.space, file.hash, file.kind)).collect();
        if rows.is_empty() {
            return;
        }
        if let Err(error) = self.home.ledger.received(rows) {
            tracing::warn!(%error, "files of an album are here but could not be recorded; they are found again");
        }
    }

    fn tell(&mut self) {
        self.told = Instant::now();
        self.home.events.tell(Event::Album { space: self.album.space, changed: vec![AlbumPart::Progress] });
    }
}

/// Gives a verified file its place. What cannot be used is removed.
pub(super) fn place(home: &Home, album: &Album, file: &Missing, part: &Path) -> Got {
    match file.kind {
        FileKind::Thumbnail | FileKind::Preview => {
            match pictures::take_in(home, file.kind, &file.hash, part) {
                Ok(()) => Got::Placed,
                Err(pictures::Refused::Disk(error)) => Got::NotTaken(error.to_string()),
                Err(error) => {
                    tracing::warn!(%error, hash = %file.hash, "a picture of another home is not shown");
                    Got::Useless(error.to_string())
                }
            }
        }
        FileKind::Original => match home.albums.entry(&file.space, &file.content) {
            Ok(Some(entry)) => match originals::keep(home, album, &entry, part) {
                Ok(()) => Got::Placed,
                Err(error) => Got::NotTaken(error.to_string()),
            },
            Ok(None) => {
                std::fs::remove_file(part).unwrap_or_default();
                Got::Useless("it was removed from the album meanwhile".to_owned())
            }
            Err(error) => Got::NotTaken(error.to_string()),
        },
    }
}

/// A budget without a limit: what a home may take in is bounded by its line.
pub(super) fn unlimited() -> Arc<Budget> {
    Arc::new(Budget::new(None))
}

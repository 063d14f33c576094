//! Looking after the originals here: those that are gone or whose bits rotted come back from the copies.
//!
//! Every original is read again every 25 to 35 days, at a time of its own ([`scrub`]). One that is not what it was, or not
//! there, is fetched, checked, and put back under its old name; what stood there is moved to `damaged/`. Nobody has to ask.
//! After a restore all originals are missing, and the same code brings them ([`missing`]). What is to be done is found
//! again from the ledger and the disk, so a stop at any moment costs nothing but the files on their way.
//!
//! Read first: [`missing`], [`scrub`], [`super::put_back`].

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use anyhow::Context;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use heirloom_identity::ContentHash;
use heirloom_vault::Target;
use heirloom_vault::policy::TargetId;
use heirloom_vault::store::{Heal, NewAlarm, OriginalState};
use tokio_util::sync::CancellationToken;

use super::besides;
use super::fetch::{FetchError, Reader};
use super::packing::scrub_at;
use super::polite::{blocking, polite};
use super::put_back::{Back, Part, put_back};
use super::refill;
use crate::home::events::Event;
use crate::home::{Home, library};
use crate::ingest::keep::hash_file;
use crate::ledger::assets::StoredFile;

pub use super::demand::{Unreachable, demand};
pub use super::engine::Restoring as Progress;

/// Originals that are fetched at the same time, each in steps of 4 MiB.
const FETCHES_AT_ONCE: usize = 6;
/// Ledger rows that are looked at in one go.
const BATCH: u32 = 1_000;
/// Originals that are read again in one go.
const SCRUB_BATCH: usize = 32;
/// Originals that are known to be damaged and are tried again in one go.
const AWAY_MAX: usize = 1_000;
/// Originals in a row for which nobody was reached, after which the others are not tried either if all places are off.
const SILENCE_MAX: u64 = 6;
/// Room on the disk that originals which come back leave.
const LEAVE_BYTES: u64 = 512 << 20;
/// The alarm about originals that cannot be brought back.
const ALARM_AWAY: &str = "originals-away";
/// The alarm about a library whose disk is not there.
const ALARM_LIBRARY: &str = "library-away";

/// What came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Healed {
    /// Originals that were brought back.
    pub healed: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Originals that could not be brought back now.
    pub left: u64,
}

/// Whether what comes back is told to people one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Telling {
    /// A photo was lost and is back: that is news.
    Each,
    /// A restore brings everything.
    Nothing,
}

/// Fetches every original that the ledger knows and the library lacks, the newest first, from `extra` and from every place
/// of the vault. Those that are there, as large as they came, are not read.
///
/// # Errors
/// When the vault is not on, a database cannot be read, or the disk is full. What came stays.
pub async fn missing(
    home: &Arc<Home>,
    extra: &[Arc<dyn Target>],
    progress: &(dyn Fn(Progress) + Send + Sync),
    stop: &CancellationToken,
) -> anyhow::Result<Healed> {
    bring_missing(home, extra, progress, stop, Telling::Nothing).await
}

/// Brings back originals that are gone, and tries again those that could not be brought back before; each one that is back
/// is told of. Does nothing while the whole library is away: its disk is not mounted, and nothing is lost.
///
/// # Errors
/// As [`missing`].
pub async fn mend(home: &Arc<Home>, stop: &CancellationToken) -> anyhow::Result<Healed> {
    let at = Arc::clone(home);
    if is_library_away(home).await? || blocking(move || Ok(refill::is_owed(&at.vault.store)?)).await? {
        return Ok(Healed::default());
    }
    let mut before = i64::MAX;
    while !stop.is_cancelled() {
        let (at, since) = (Arc::clone(home), before);
        let (last, doubted) = blocking(move || away_before(&at, since)).await?;
        let Some(last) = last else { break };
        before = last;
        for contents in doubted.chunks(SCRUB_BATCH) {
            scrub_these(home, contents.to_vec(), &mut ScrubReport::default(), stop).await?;
        }
    }
    bring_missing(home, &[], &|_| (), stop, Telling::Each).await
}

/// The next photos that were found damaged or gone: how far they go, and those to be read again: the damaged ones, and those
/// that are there although they were not when somebody last looked.
fn away_before(home: &Home, before: i64) -> anyhow::Result<(Option<i64>, Vec<ContentHash>)> {
    let away = home.vault.store.originals_away(before, AWAY_MAX)?;
    let mut doubted = Vec::new();
    for photo in &away {
        let content = photo.picture.content;
        let is_back = || Ok(home.ledger.file(&content)?.is_none_or(|file| home.has_original(&file)));
        let is_back: anyhow::Result<bool> = is_back();
        if photo.original == OriginalState::Damaged || is_back? {
            doubted.push(content);
        }
    }
    Ok((away.last().map(|photo| photo.number), doubted))
}

/// Reads every original now, and brings back whatever is damaged or gone, because a person asked for it.
///
/// # Errors
/// When a database cannot be read or written.
pub async fn repair(home: &Arc<Home>, stop: &CancellationToken) -> anyhow::Result<Healed> {
    // Whoever asks for this says that the folder as it is now is the library.
    let at = Arc::clone(home);
    blocking(move || library::mark(&at.layout, at.keys.certificate.household())).await?;
    let (mut report, mut after) = (ScrubReport::default(), ContentHash::from_bytes([0; 32]));
    while !stop.is_cancelled() {
        let at = Arc::clone(home);
        let files =
            blocking(move || Ok(at.ledger.files_after(&after, u32::try_from(SCRUB_BATCH).unwrap_or(1))?));
        let files = files.await?;
        let Some(last) = files.last() else { break };
        after = last.hashes.content;
        scrub_these(home, files.iter().map(|file| file.hashes.content).collect(), &mut report, stop).await?;
    }
    note_away(home).await?;
    Ok(Healed {
        healed: report.healed,
        bytes: report.healed_bytes,
        left: report.bad.saturating_sub(report.healed),
    })
}

async fn bring_missing(
    home: &Arc<Home>,
    extra: &[Arc<dyn Target>],
    progress: &(dyn Fn(Progress) + Send + Sync),
    stop: &CancellationToken,
    telling: Telling,
) -> anyhow::Result<Healed> {
    let at = Arc::clone(home);
    blocking(move || {
        anyhow::ensure!(!at.is_library_away()?, library::AWAY);
        anyhow::ensure!(!refill::is_owed(&at.vault.store)?, refill::OWED);
        Ok(())
    })
    .await?;
    let _only = home.vault.engine.healing.lock().await;
    let reader = Reader::of(home, extra).await?;
    let (count, bytes) = count_missing(home).await?;
    let tally = Tally { total: count, total_bytes: bytes, ..Tally::default() };
    let tell = || {
        let now = tally.progress();
        home.vault.engine.set_restoring((telling == Telling::Nothing).then_some(now));
        progress(now);
    };
    tell();
    let mut before = u32::MAX;
    while !stop.is_cancelled() && !tally.is_full() {
        let (at, since) = (Arc::clone(home), before);
        let (last, files) = blocking(move || missing_before(&at, since)).await?;
        let Some(last) = last else { break };
        before = last;
        let (mut next, mut under_way) = (files.into_iter(), FuturesUnordered::new());
        loop {
            let goes_on = under_way.len() < FETCHES_AT_ONCE && !stop.is_cancelled() && !tally.is_full();
            if let Some(file) = if goes_on { next.next() } else { None } {
                under_way.push(bring_file(home, &reader, file, telling));
                continue;
            }
            let came = tokio::select! {
                () = stop.cancelled() => break,
                came = under_way.next() => came,
            };
            let Some((file, brought)) = came else { break };
            tally.note(&file, brought);
            tell();
            // Nobody is there: the rest waits for the next time, instead of being tried one by one.
            if tally.silence() >= SILENCE_MAX && reader.all_rest() {
                before = 0;
                break;
            }
        }
    }
    home.vault.engine.set_restoring(None);
    home.events.tell(Event::Vault);
    anyhow::ensure!(!tally.is_full(), "the disk is full: originals come back when there is room");
    note_away(home).await?;
    Ok(tally.healed())
}

/// How far it is, counted by whoever brings something.
#[derive(Default)]
struct Tally {
    total: u64,
    total_bytes: u64,
    done: AtomicU64,
    bytes: AtomicU64,
    left: AtomicU64,
    disk_is_full: AtomicBool,
    /// Originals in a row for which nobody was reached.
    silence: AtomicU64,
}

impl Tally {
    fn note(&self, file: &StoredFile, brought: Result<Back, FetchError>) {
        match brought {
            Ok(Back::Placed(_) | Back::WasThere) => {
                self.silence.store(0, Ordering::Relaxed);
                self.done.fetch_add(1, Ordering::Relaxed);
                self.bytes.fetch_add(file.bytes, Ordering::Relaxed);
            }
            Ok(Back::Unknown) => {}
            Err(error) => {
                tracing::debug!(%error, path = file.path, "an original cannot be brought back now");
                self.left.fetch_add(1, Ordering::Relaxed);
                if matches!(error, FetchError::Unreachable) {
                    self.silence.fetch_add(1, Ordering::Relaxed);
                }
                let full =
                    matches!(&error, FetchError::Write(error) if error.kind() == ErrorKind::StorageFull);
                self.disk_is_full.fetch_or(full, Ordering::Relaxed);
            }
        }
    }

    fn is_full(&self) -> bool {
        self.disk_is_full.load(Ordering::Relaxed)
    }

    fn silence(&self) -> u64 {
        self.silence.load(Ordering::Relaxed)
    }

    fn progress(&self) -> Progress {
        Progress {
            done: self.done.load(Ordering::Relaxed),
            total: self.total,
            bytes: self.bytes.load(Ordering::Relaxed),
            total_bytes: self.total_bytes,
        }
    }

    fn healed(&self) -> Healed {
        let Progress { done, bytes, .. } = self.progress();
        Healed { healed: done, bytes, left: self.left.load(Ordering::Relaxed) }
    }
}

async fn count_missing(home: &Arc<Home>) -> anyhow::Result<(u64, u64)> {
    let home = Arc::clone(home);
    blocking(move || {
        let (mut after, mut count, mut bytes) = (ContentHash::from_bytes([0; 32]), 0, 0);
        loop {
            let files = home.ledger.files_after(&after, BATCH)?;
            let Some(last) = files.last() else { return Ok((count, bytes)) };
            after = last.hashes.content;
            for file in files.iter().filter(|file| !home.has_original(file)) {
                count += 1;
                bytes += file.bytes;
            }
        }
    })
    .await
}

/// The next rows before `before`: how far they go, and the files of those that are not here, each once.
fn missing_before(home: &Home, before: u32) -> anyhow::Result<(Option<u32>, Vec<StoredFile>)> {
    let entries = home.ledger.entries_before(before, BATCH)?;
    let last = entries.last().map(|entry| entry.seq);
    let mut files: Vec<StoredFile> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for entry in entries {
        if !home.has_original(&entry.file) && seen.insert(entry.file.hashes.content) {
            files.push(entry.file);
        }
    }
    Ok((last, files))
}

/// Fetches one original and puts it in its place.
async fn bring(
    home: &Arc<Home>,
    reader: &Reader,
    file: &StoredFile,
    telling: Telling,
) -> Result<Back, FetchError> {
    let content = file.hashes.content;
    let (at, bytes) = (Arc::clone(home), file.bytes);
    let brought = match besides::fetch(home, reader, &content, move |_| begin(&at, bytes)).await {
        Ok((part, from)) => finish(home, content, part, from, telling).await,
        Err(error) => Err(error),
    };
    if let Err(FetchError::NotKept | FetchError::Damaged | FetchError::Unreachable) = &brought {
        let at = Arc::clone(home);
        blocking(move || note_state(&at, content)).await?;
    }
    brought
}

/// Fetches one original and says which it was.
async fn bring_file(
    home: &Arc<Home>,
    reader: &Reader,
    file: StoredFile,
    telling: Telling,
) -> (StoredFile, Result<Back, FetchError>) {
    let brought = bring(home, reader, &file, telling).await;
    (file, brought)
}

/// Fetches one original because somebody looks at it.
pub(super) async fn bring_one(
    home: &Arc<Home>,
    reader: &Reader,
    file: &StoredFile,
) -> Result<Back, FetchError> {
    bring(home, reader, file, Telling::Nothing).await
}

/// A file for an original that comes, if there is room for it.
fn begin(home: &Home, bytes: u64) -> Result<Part, FetchError> {
    if home.is_library_away().map_err(anyhow::Error::from)? {
        return Err(FetchError::Here(anyhow::anyhow!(library::AWAY)));
    }
    if !home.has_room_for_own(bytes, LEAVE_BYTES) {
        return Err(FetchError::Write(ErrorKind::StorageFull.into()));
    }
    Part::begin(home).map_err(FetchError::Write)
}

async fn finish(
    home: &Arc<Home>,
    content: ContentHash,
    part: Part,
    from: Option<TargetId>,
    telling: Telling,
) -> Result<Back, FetchError> {
    let at = Arc::clone(home);
    let back = blocking(move || {
        let back = put_back(&at, &content, part)?;
        let now_ms = at.vault.engine.now();
        at.vault.store.scrubbed(&[(content, scrub_at(&content, now_ms))])?;
        if let (Back::Placed(set_aside), Telling::Each) = (&back, telling) {
            let name = at.ledger.assets_of(&content)?.first().map(|entry| entry.given_name.clone());
            let name = name.unwrap_or_default();
            tracing::info!(name, aside = ?set_aside, "a photo that was damaged or gone is back");
            at.vault.store.record_heal(&Heal { at_ms: now_ms, content, name, target: from })?;
        }
        Ok(back)
    });
    let back = back.await?;
    if telling == Telling::Each {
        home.events.tell(Event::Vault);
    }
    Ok(back)
}

/// Notes how an original that could not be brought is here.
fn note_state(home: &Home, content: ContentHash) -> anyhow::Result<()> {
    let Some(file) = home.ledger.file(&content)? else { return Ok(()) };
    let is_there = home.layout.original(&file.path).exists();
    let state = if is_there { OriginalState::Damaged } else { OriginalState::Missing };
    if home.vault.store.picture_of(&content)?.is_some_and(|photo| photo.original == state) {
        return Ok(());
    }
    Ok(home.vault.store.set_original_state(&[content], state)?)
}

/// What reading originals again found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ScrubReport {
    /// Originals that were read.
    pub read: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Originals that were damaged or gone.
    pub bad: u64,
    /// Of these, those that are back.
    pub healed: u64,
    /// Their bytes.
    pub healed_bytes: u64,
}

/// Reads originals again that are due, up to so many bytes, and those that somebody has reason to doubt. What is damaged
/// or gone is brought back at once.
///
/// # Errors
/// When a database cannot be read or written.
pub async fn scrub(
    home: &Arc<Home>,
    bytes_max: u64,
    stop: &CancellationToken,
) -> anyhow::Result<ScrubReport> {
    let mut report = ScrubReport::default();
    if is_library_away(home).await? {
        return Ok(report);
    }
    let doubted: Vec<ContentHash> = home.vault.engine.take_suspects().into_iter().collect();
    for contents in doubted.chunks(SCRUB_BATCH) {
        scrub_these(home, contents.to_vec(), &mut report, stop).await?;
    }
    while report.bytes < bytes_max && !stop.is_cancelled() {
        let at = Arc::clone(home);
        let due = blocking(move || Ok(at.vault.store.scrub_due(at.vault.engine.now(), SCRUB_BATCH)?)).await?;
        if due.is_empty() {
            break;
        }
        scrub_these(home, due.iter().map(|photo| photo.picture.content).collect(), &mut report, stop).await?;
    }
    note_away(home).await?;
    Ok(report)
}

async fn scrub_these(
    home: &Arc<Home>,
    contents: Vec<ContentHash>,
    report: &mut ScrubReport,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let _only = tokio::select! {
        () = stop.cancelled() => return Ok(()),
        only = home.vault.engine.healing.lock() => only,
    };
    let (at, stopping) = (Arc::clone(home), stop.clone());
    let (read, bytes, bad) = polite(move || read_again(&at, &contents, &stopping)).await?;
    report.read += read;
    report.bytes += bytes;
    report.bad += bad.len() as u64;
    if bad.is_empty() {
        return Ok(());
    }
    // Without the vault the damage is noted and told of, and that is all that can be done.
    let Ok(reader) = Reader::of(home, &[]).await else { return Ok(()) };
    for file in bad {
        let brought = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            brought = bring(home, &reader, &file, Telling::Each) => brought,
        };
        match brought {
            Ok(_) => {
                report.healed += 1;
                report.healed_bytes += file.bytes;
            }
            Err(error) => {
                tracing::warn!(%error, path = file.path, "a damaged photo cannot be brought back now");
            }
        }
    }
    Ok(())
}

/// Reads originals and compares them with their hashes; how many were read, their bytes, and those that are bad.
fn read_again(
    home: &Home,
    contents: &[ContentHash],
    stop: &CancellationToken,
) -> anyhow::Result<(u64, u64, Vec<StoredFile>)> {
    let (store, now_ms) = (&home.vault.store, home.vault.engine.now());
    let (mut whole, mut bad, mut read, mut bytes) = (Vec::new(), Vec::new(), 0, 0);
    for content in contents {
        if stop.is_cancelled() {
            break;
        }
        read += 1;
        let Some(file) = home.ledger.file(content)? else {
            store.forget_pictures(&[*content])?;
            continue;
        };
        bytes += file.bytes;
        match look(home, &file) {
            Looked::Whole => whole.push((*content, scrub_at(content, now_ms))),
            Looked::Damaged => {
                tracing::warn!(path = file.path, "the bytes of a photo are not what they were");
                store.set_original_state(&[*content], OriginalState::Damaged)?;
                bad.push(file);
            }
            Looked::Missing => {
                tracing::warn!(path = file.path, "a photo is gone from the library");
                store.set_original_state(&[*content], OriginalState::Missing)?;
                bad.push(file);
            }
        }
    }
    store.scrubbed(&whole)?;
    Ok((read, bytes, bad))
}

/// How an original is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Looked {
    Whole,
    Damaged,
    Missing,
}

fn look(home: &Home, file: &StoredFile) -> Looked {
    let path = home.layout.original(&file.path);
    // Twice, since what memory or a cable did once is not what the disk holds.
    for _ in 0..2 {
        match hash_file(&path) {
            Ok((hashes, _)) if hashes.content == file.hashes.content => return Looked::Whole,
            Err(error) if error.kind() == ErrorKind::NotFound => return Looked::Missing,
            _ => {}
        }
    }
    Looked::Damaged
}

/// Whether the disk with the library is not there though there are photos: then nothing is lost, and people are told.
async fn is_library_away(home: &Arc<Home>) -> anyhow::Result<bool> {
    let home = Arc::clone(home);
    blocking(move || {
        let is_away = home.is_library_away()?;
        let (store, now_ms) = (&home.vault.store, home.vault.engine.now());
        if is_away {
            let text = "The disk with your photos is not there: the library folder lacks its marker.";
            let advice = "Connect the disk. If it is lost, `heirloom vault repair` brings the photos back.";
            store.raise(&alarm(ALARM_LIBRARY, text, advice), now_ms)?;
        } else {
            store.lower(ALARM_LIBRARY, None)?;
        }
        Ok(is_away)
    })
    .await
    .context("cannot look at the library")
}

/// Tells people of originals that are not here as they should be, or that all are.
async fn note_away(home: &Arc<Home>) -> anyhow::Result<()> {
    let home = Arc::clone(home);
    blocking(move || {
        let store = &home.vault.store;
        let (damaged, missing) = store.originals_away_count()?;
        if damaged + missing == 0 {
            return Ok(store.lower(ALARM_AWAY, None)?);
        }
        let text = format!(
            "{} here {} damaged or missing, and no copy could be reached.",
            if damaged + missing == 1 {
                "1 photo".to_owned()
            } else {
                format!("{} photos", damaged + missing)
            },
            if damaged + missing == 1 { "is" } else { "are" },
        );
        let advice = "They come back by themselves when a home or disk that has a copy is on. \
                      `heirloom doctor --verify` names them.";
        Ok(store.raise(&alarm(ALARM_AWAY, &text, advice), home.vault.engine.now())?)
    })
    .await
}

fn alarm(kind: &'static str, text: &str, advice: &str) -> NewAlarm {
    NewAlarm { kind, household: None, text: text.to_owned(), advice: advice.to_owned() }
}

//! Looking after the originals here: those that are gone or whose bits rotted come back from the copies.
//!
//! Every original is read again every 25 to 35 days, at a time of its own ([`scrub`]). One that is not what it was, or not
//! there, is fetched, checked, and put back under its old name; what stood there is moved to `damaged/`. Nobody has to ask.
//! After a restore all originals are missing, and the same code brings them ([`missing`]). What is to be done is found
//! again from the ledger and the disk, so a stop at any moment costs nothing but the files on their way.
//!
//! Read first: [`missing`], [`scrub`], [`super::put_back`].

mod alarms;
mod bring;
mod scrub;
mod tally;

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use heirloom_identity::ContentHash;
use heirloom_vault::Target;
use heirloom_vault::store::OriginalState;
use tokio_util::sync::CancellationToken;

use self::alarms::{is_library_away, note_away};
pub(super) use self::bring::bring_one;
use self::bring::{Telling, bring};
use self::scrub::scrub_these;
pub use self::scrub::{ScrubReport, scrub};
use self::tally::Tally;
pub use super::demand::{Unreachable, demand};
pub use super::engine::Restoring as Progress;
use super::fetch::Reader;
use super::polite::blocking;
use super::refill;
use crate::home::{Home, library};
use crate::ledger::assets::StoredFile;

/// Originals that are fetched at the same time, each in steps of 4 MiB.
const FETCHES_AT_ONCE: usize = 6;
/// Ledger rows that are looked at in one go.
const BATCH: u32 = 1_000;
/// Originals that are read again in one go.
const SCRUB_BATCH: usize = 32;
/// Originals that are known to be damaged and are tried again in one go.
const AWAY_MAX: usize = 1_000;

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
    let (total, total_bytes) = count_missing(home).await?;
    let tally = Tally::of(total, total_bytes);
    let bringing = Bringing { home, reader, tally, telling, progress, stop };
    bringing.tell();
    let mut before = u32::MAX;
    while bringing.goes_on() {
        let (at, since) = (Arc::clone(home), before);
        let (last, files) = blocking(move || missing_before(&at, since)).await?;
        let Some(last) = last else { break };
        before = last;
        bringing.bring(files).await;
    }
    home.vault.engine.set_restoring(None);
    anyhow::ensure!(!bringing.tally.is_full(), "the disk is full: originals come back when there is room");
    note_away(home).await?;
    Ok(bringing.tally.healed())
}

/// What bringing many originals needs.
struct Bringing<'a> {
    home: &'a Arc<Home>,
    reader: Reader,
    tally: Tally,
    telling: Telling,
    progress: &'a (dyn Fn(Progress) + Send + Sync),
    stop: &'a CancellationToken,
}

impl Bringing<'_> {
    /// Brings these originals, several at the same time.
    async fn bring(&self, files: Vec<StoredFile>) {
        let (mut next, mut under_way) = (files.into_iter(), FuturesUnordered::new());
        loop {
            if under_way.len() < FETCHES_AT_ONCE
                && self.goes_on()
                && let Some(file) = next.next()
            {
                under_way
                    .push(async move { (bring(self.home, &self.reader, &file, self.telling).await, file) });
                continue;
            }
            let came = tokio::select! {
                () = self.stop.cancelled() => return,
                came = under_way.next() => came,
            };
            let Some((brought, file)) = came else { return };
            self.tally.note(&file, brought);
            self.tell();
            if self.is_in_vain() {
                return;
            }
        }
    }

    fn goes_on(&self) -> bool {
        !self.stop.is_cancelled() && !self.tally.is_full() && !self.is_in_vain()
    }

    /// Whether nobody is there: the rest waits for the next time, instead of being tried one by one.
    fn is_in_vain(&self) -> bool {
        self.tally.is_silent() && self.reader.all_rest()
    }

    fn tell(&self) {
        let now = self.tally.progress();
        self.home.vault.engine.set_restoring((self.telling == Telling::Nothing).then_some(now));
        (self.progress)(now);
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
    let mut seen = HashSet::new();
    for entry in entries {
        if !home.has_original(&entry.file) && seen.insert(entry.file.hashes.content) {
            files.push(entry.file);
        }
    }
    Ok((last, files))
}

//! Photos of a newer state that this home does not have: their originals into the library, and a row in the ledger.

use std::collections::HashSet;
use std::io::{self, ErrorKind, Write};
use std::sync::Arc;

use futures_util::StreamExt;
use heirloom_identity::{AccountId, ContentHash};
use heirloom_store::StoreError;
use heirloom_vault::PackId;
use tokio_util::sync::CancellationToken;

use super::accounts::Owners;
use super::reading::Newer;
use super::states;
use crate::home::{Home, library};
use crate::ingest::draft::{Draft, Writing};
use crate::ingest::keep::{IngestError, keep_draft_of, keep_stored};
use crate::ingest::{Incoming, Kept};
use crate::ledger::assets::{Entry, Origin};
use crate::vault::fetch::{FetchError, Reader};
use crate::vault::place;
use crate::vault::polite::blocking;
use crate::vault::{besides, refill};

/// Rows that are looked at in one go.
const BATCH: u32 = 1_000;
/// Originals that are fetched at the same time: fewer than a restore, because the home is in use.
const FETCHES_AT_ONCE: usize = 3;
/// Photos after which people are told how far it is.
const TOLD_EVERY: u64 = 25;
/// Originals in a row for which nobody was reached, after which the others are not tried either if all places are off.
const SILENCE_MAX: u64 = 6;
/// Room on the disk that originals which come leave.
const LEAVE_BYTES: u64 = 512 << 20;

/// What came of a look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Photos that came.
    pub(super) brought: u64,
    /// Photos that no place has whole.
    pub(super) lost: u64,
    /// Photos for which nobody could be reached, or that were not tried.
    pub(super) away: u64,
}

/// A photo that is lacking, and whose it is here.
#[derive(Clone)]
struct Lacking {
    entry: Entry,
    account: AccountId,
}

/// How many photos of a newer state are not here.
pub(super) fn count_lacking(home: &Home, newer: &Newer, owners: &Owners) -> anyhow::Result<u64> {
    let (mut before, mut count) = (u32::MAX, 0);
    while let (Some(last), lacking) = lacking_before(home, newer, owners, before)? {
        before = last;
        count += lacking.len() as u64;
    }
    Ok(count)
}

/// The next rows before `before`: how far they go, and those that are lacking here.
fn lacking_before(
    home: &Home,
    newer: &Newer,
    owners: &Owners,
    before: u32,
) -> anyhow::Result<(Option<u32>, Vec<Lacking>)> {
    let entries = newer.ledger.entries_before(before, BATCH)?;
    let last = entries.last().map(|entry| entry.seq);
    // What a restore still brings is no loss.
    let is_restoring = place::is_restoring(home);
    let mut lacking = Vec::new();
    for entry in entries {
        let Some(account) = owners.get(&entry.account).copied() else { continue };
        let known = home.ledger.by_content(&account, &entry.file.hashes.content)?;
        let is_here = known.is_some_and(|known| is_restoring || home.has_original(&known.file));
        if !is_here {
            lacking.push(Lacking { entry, account });
        }
    }
    Ok((last, lacking))
}

/// Brings every photo that is lacking, the newest first.
///
/// # Errors
/// When the disk is full, the library's disk is away, or a database fails. What came stays.
pub(super) async fn bring(
    home: &Arc<Home>,
    id: &str,
    newer: &Arc<Newer>,
    owners: &Arc<Owners>,
    stop: &CancellationToken,
) -> anyhow::Result<Tally> {
    let (mut tally, mut before, mut silence, mut untold) = (Tally::default(), u32::MAX, 0, 0);
    loop {
        let (at, from, of) = (Arc::clone(home), Arc::clone(newer), Arc::clone(owners));
        let looked = blocking(move || {
            anyhow::ensure!(!at.is_library_away()?, library::AWAY);
            anyhow::ensure!(!refill::is_owed(&at.vault.store)?, refill::OWED);
            lacking_before(&at, &from, &of, before)
        });
        let (Some(last), lacking) = looked.await? else { return Ok(tally) };
        before = last;
        let mut coming = futures_util::stream::iter(lacking)
            .map(|lacking| bring_one(home, newer, lacking))
            .buffer_unordered(FETCHES_AT_ONCE);
        while let Some(came) = coming.next().await {
            match came {
                Ok(()) => {
                    (tally.brought, silence, untold) = (tally.brought + 1, 0, untold + 1);
                    if untold >= TOLD_EVERY && !tell(home, id, std::mem::take(&mut untold)).await? {
                        return Ok(tally);
                    }
                }
                Err(error) => note_failed(error, &mut tally, &mut silence)?,
            }
            if stop.is_cancelled() || silence >= SILENCE_MAX && newer.reader.all_rest() {
                tally.away += 1;
                tell(home, id, untold).await?;
                return Ok(tally);
            }
        }
        if !tell(home, id, std::mem::take(&mut untold)).await? {
            return Ok(tally);
        }
    }
}

/// Notes that so many more photos are here, about which decisions are to be taken; whether it is to go on. What a kill
/// leaves out is counted again with the next look.
async fn tell(home: &Arc<Home>, id: &str, count: u64) -> anyhow::Result<bool> {
    let (at, id) = (Arc::clone(home), id.to_owned());
    blocking(move || {
        if count > 0 {
            states::change_one(&at, &id, |state| {
                state.brought += count;
                state.decided = 0;
            })?;
        }
        // Somebody may have said meanwhile that it is not theirs.
        Ok(states::list(&at)?.iter().any(|state| state.id == id && state.is_wanted()))
    })
    .await
}

fn note_failed(error: FetchError, tally: &mut Tally, silence: &mut u64) -> anyhow::Result<()> {
    match error {
        FetchError::Unreachable => {
            tally.away += 1;
            *silence += 1;
        }
        FetchError::NotKept | FetchError::NoKey | FetchError::Damaged => tally.lost += 1,
        FetchError::Write(error) if error.kind() == ErrorKind::StorageFull => {
            anyhow::bail!("the disk is full: photos come when there is room")
        }
        FetchError::Write(error) => return Err(error.into()),
        FetchError::Here(error) if is_unreadable(&error) => {
            tracing::warn!("a photo of a newer state cannot be taken in: {error:#}");
            tally.lost += 1;
        }
        FetchError::Here(error) => return Err(error),
    }
    Ok(())
}

/// Whether one file is at fault, and not this home: one bad photo stops no other.
fn is_unreadable(error: &anyhow::Error) -> bool {
    let is_ours = match error.downcast_ref::<IngestError>() {
        Some(error @ IngestError::Disk { .. }) => error.ends_import(),
        Some(IngestError::LibraryAway | IngestError::Store(_) | IngestError::Catalog(_)) => true,
        Some(IngestError::NotAPhoto(_) | IngestError::NoAccount) => false,
        None => error.chain().any(|cause| cause.is::<StoreError>()),
    };
    !is_ours
}

async fn bring_one(home: &Arc<Home>, newer: &Arc<Newer>, lacking: Lacking) -> Result<(), FetchError> {
    let Lacking { entry, account } = lacking;
    let incoming = Incoming {
        account,
        given_name: entry.given_name,
        modified_ms: entry.modified_ms,
        origin: Origin::Recovered,
        source: None,
    };
    let (hashes, arrived_ms) = (entry.file.hashes, entry.arrived_ms);
    let (at, known) = (Arc::clone(home), incoming.clone());
    let stored = blocking(move || Ok(keep_stored(&at, known, &hashes, arrived_ms)?));
    if stored.await?.is_some() {
        return Ok(());
    }
    let arriving = fetch(home, &newer.reader, newer, &hashes.content).await?;
    let at = Arc::clone(home);
    blocking(move || {
        let draft = arriving.finish(&hashes.content)?;
        let (Kept::Added(_) | Kept::Duplicate(_)) = keep_draft_of(&at, incoming, draft, arrived_ms)?;
        Ok(())
    })
    .await?;
    Ok(())
}

async fn fetch(
    home: &Arc<Home>,
    reader: &Reader,
    newer: &Newer,
    content: &ContentHash,
) -> Result<Arriving, FetchError> {
    let (index, at) = (Arc::clone(&newer.index), Arc::clone(home));
    let locate = move |blob: &ContentHash, without: &HashSet<PackId>| Ok(index.lookup_without(blob, without));
    let begin = move |bytes| {
        if at.is_library_away().map_err(anyhow::Error::from)? {
            return Err(FetchError::Here(anyhow::anyhow!(library::AWAY)));
        }
        if !at.has_room_for_own(bytes, LEAVE_BYTES) {
            return Err(FetchError::Write(ErrorKind::StorageFull.into()));
        }
        let writing = Writing::start(&at.disk, &at.layout.inbox()).map_err(FetchError::Write)?;
        Ok(Arriving(writing))
    };
    Ok(besides::fetch_located(Arc::new(locate), reader, content, begin).await?.0)
}

/// An original that is being written into the inbox.
struct Arriving(Writing);

impl Arriving {
    /// Ends it, if it is what it should be.
    fn finish(self, content: &ContentHash) -> anyhow::Result<Draft> {
        let draft = self.0.finish()?;
        anyhow::ensure!(draft.hashes.content == *content, "what was fetched is another file");
        Ok(draft)
    }
}

impl Write for Arriving {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

//! Reading originals again: is each still what it was?

use std::io::ErrorKind;
use std::sync::Arc;

use heirloom_identity::ContentHash;
use heirloom_vault::store::OriginalState;
use tokio_util::sync::CancellationToken;

use super::bring::{Telling, bring};
use super::{SCRUB_BATCH, is_library_away, note_away};
use crate::home::Home;
use crate::ingest::keep::hash_file;
use crate::ledger::assets::StoredFile;
use crate::vault::fetch::Reader;
use crate::vault::packing::scrub_at;
use crate::vault::polite::{blocking, polite};

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

/// Reads these originals again now, and brings back what is damaged or gone.
pub(super) async fn scrub_these(
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

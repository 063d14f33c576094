//! Thumbnails and previews back into the cache, the newest photos first, so that the timeline can be looked at long before
//! the originals are here. Whatever does not come is made from the original later.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use heirloom_identity::ContentHash;
use heirloom_vault::Located;
use tokio_util::sync::CancellationToken;

use super::fetch::{Fetcher, Lack};
use super::{Restoring, Stage};
use crate::home::Home;
use crate::home::events::Event;
use crate::ledger::assets::Entry;
use crate::restore::blocking;

/// Photos that are looked at in one step.
const BATCH: u32 = 2_048;

/// Which of a photo's pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Thumbnail,
    Preview,
}

/// A picture that is not here.
struct Wanted {
    entry: Entry,
    place: PathBuf,
    at: Located,
}

/// Brings all thumbnails, then all previews; says whether all that are in the vault are here now.
///
/// # Errors
/// When a database or the cache fails.
pub(super) async fn bring(
    home: &Arc<Home>,
    fetcher: &Fetcher,
    restoring: &Restoring,
    stop: &CancellationToken,
) -> anyhow::Result<bool> {
    let newest = {
        let home = Arc::clone(home);
        blocking(move || Ok(home.ledger.newest()?)).await?
    };
    let total = {
        let home = Arc::clone(home);
        blocking(move || Ok(home.ledger.totals()?.0)).await?
    };
    restoring.begin(Stage::Pictures, 2 * total, 0);
    let mut complete = true;
    for which in [Which::Thumbnail, Which::Preview] {
        let mut before = newest.saturating_add(1);
        while before > 1 && !stop.is_cancelled() {
            let (next, looked_at, wanted) = look(home, which, before).await?;
            before = next;
            restoring.add(looked_at - wanted.len() as u64, 0);
            complete &= fetch(home, fetcher, restoring, wanted).await?;
        }
    }
    Ok(complete && !stop.is_cancelled())
}

/// The next photos below a number of arrival, and which of their pictures are not here.
async fn look(home: &Arc<Home>, which: Which, before: u32) -> anyhow::Result<(u32, u64, Vec<Wanted>)> {
    let home = Arc::clone(home);
    blocking(move || {
        let after = before.saturating_sub(BATCH + 1);
        let mut entries = home.ledger.entries_after(after, BATCH)?;
        entries.retain(|entry| entry.seq < before);
        let looked_at = entries.len() as u64;
        let mut wanted = Vec::new();
        for entry in entries.into_iter().rev() {
            let places = home.derivatives(&entry.file.hashes.content);
            let place = match which {
                Which::Thumbnail => places.thumbnail,
                Which::Preview => places.preview,
            };
            if place.exists() {
                continue;
            }
            if let Some(at) = locate(&home, which, &entry.file.hashes.content)? {
                wanted.push(Wanted { entry, place, at });
            }
        }
        Ok((after + 1, looked_at, wanted))
    })
    .await
}

fn locate(home: &Home, which: Which, content: &ContentHash) -> anyhow::Result<Option<Located>> {
    let Some(photo) = home.vault.store.picture_of(content)? else { return Ok(None) };
    let blob = match which {
        Which::Thumbnail => photo.picture.thumbnail,
        Which::Preview => photo.picture.preview,
    };
    let Some(blob) = blob else { return Ok(None) };
    Ok(home.vault.store.locate(&blob)?)
}

/// Says whether all came that somebody may have.
async fn fetch(
    home: &Arc<Home>,
    fetcher: &Fetcher,
    restoring: &Restoring,
    wanted: Vec<Wanted>,
) -> anyhow::Result<bool> {
    let mut complete = true;
    let items = wanted.into_iter().map(|Wanted { entry, place, at }| ((entry, place), at)).collect();
    let mut take = |(entry, place): (Entry, PathBuf), got: Result<Vec<u8>, Lack>| {
        match got {
            Ok(bytes) => {
                write(&place, &bytes)?;
                restoring.add(1, bytes.len() as u64);
                let Entry { account, asset, seq, .. } = entry;
                home.events.tell(Event::Asset { account, asset, local_id: seq });
            }
            Err(lack) => {
                complete &= lack == Lack::Lost;
                restoring.add(1, 0);
            }
        }
        Ok(())
    };
    fetcher.each(items, &mut take).await?;
    Ok(complete)
}

/// Writes a file of the cache under a temporary name first, so that nobody sees half of it.
fn write(place: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let draft = place.with_extension("back");
    let written = match std::fs::write(&draft, bytes) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            std::fs::create_dir_all(place.parent().unwrap_or(Path::new("/")))
                .and_then(|()| std::fs::write(&draft, bytes))
        }
        other => other,
    };
    written.and_then(|()| std::fs::rename(&draft, place)).context("cannot write a picture; is the disk full?")
}

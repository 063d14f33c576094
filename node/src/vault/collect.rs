//! Deleting at the places what no head there needs any more.
//!
//! Paced by what a keeper deletes without asking anybody: everyday merging troubles no person.

use std::sync::Arc;
use std::time::Duration;

use heirloom_vault::policy::TargetId;
use heirloom_vault::target::DELETE_MAX;
use heirloom_vault::{PackId, Target};
use tokio_util::sync::CancellationToken;

use super::each_place::each_place;
use super::fetch::Reader;
use super::polite::blocking;
use crate::home::Home;

/// Rounds at one place in one run.
const ROUNDS_MAX: u32 = 64;
/// How long one place is given in one run.
const PLACE_TIME: Duration = Duration::from_mins(10);

/// Deletes what may be deleted, at every place that can be reached, all at the same time.
///
/// # Errors
/// When a database cannot be read or written.
pub(super) async fn collect(
    home: &Arc<Home>,
    reader: &Reader,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let places = reader.sources().iter().filter_map(|source| Some((source.id?, Arc::clone(&source.target))));
    each_place(places.collect(), PLACE_TIME, stop, |(id, target)| collect_at(home, id, target)).await
}

async fn collect_at(home: &Arc<Home>, id: TargetId, target: Arc<dyn Target>) -> anyhow::Result<()> {
    // First: what goes for good makes room, and lets more be deleted.
    match target.tidy().await {
        Ok(0) => {}
        Ok(packs) => tracing::debug!(packs, target = %id, "what was deleted 30 days ago is gone"),
        Err(error) => {
            tracing::debug!(%error, target = %id, "what was deleted 30 days ago stays a little longer");
        }
    }
    for _ in 0..ROUNDS_MAX {
        let at = Arc::clone(home);
        let due = blocking(move || {
            let store = &at.vault.store;
            let due = store.deletable(id, DELETE_MAX)?;
            let mut sized: Vec<(PackId, u64)> = Vec::new();
            for pack in due {
                let bytes = store.pack(&pack)?.map_or(0, |(pack, _)| u64::from(pack.bytes));
                sized.push((pack, bytes));
            }
            Ok(sized)
        });
        let due = due.await?;
        if due.is_empty() {
            return Ok(());
        }
        let Ok(state) = target.state().await else { return Ok(()) };
        let mut left = state.deletable.unwrap_or(u64::MAX);
        let fits = due.into_iter().filter(|(_, bytes)| {
            let fits = *bytes <= left;
            left -= if fits { *bytes } else { 0 };
            fits
        });
        let packs: Vec<PackId> = fits.map(|(pack, _)| pack).collect();
        if packs.is_empty() {
            return Ok(());
        }
        match target.delete(packs.clone()).await {
            Ok(outcome) if !outcome.waits_for_person => {
                let at = Arc::clone(home);
                blocking(move || Ok(at.vault.store.mark_gone(id, &packs)?)).await?;
            }
            Ok(_) => return Ok(()),
            Err(error) => {
                tracing::debug!(%error, target = %id, "useless packs stay a little longer");
                return Ok(());
            }
        }
    }
    Ok(())
}

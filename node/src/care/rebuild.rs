//! `heirloom rebuild`: throws the catalog and the cache away and derives them again.

use std::path::Path;
use std::sync::{Arc, PoisonError};

use anyhow::Context;
use heirloom_catalog::Catalog;

use crate::home::{Home, reconcile};
use crate::sharing::{pictures, timeline};

/// Replaces the catalog by one fed from the ledger, the library space and the albums, and empties the cache, but for the
/// pictures of other homes: those can be fetched only while their homes are on. Afterwards a job for every photo of the
/// household is waiting. Photos that arrive meanwhile wait for as long as the feeding takes.
///
/// # Errors
/// When a file cannot be removed or a database fails; the next start then finishes the feeding.
pub fn rebuild(home: &Arc<Home>) -> anyhow::Result<()> {
    let settled = home.changes.write().unwrap_or_else(PoisonError::into_inner);
    // Until it is done, a start has to finish what is left undone here.
    let was_settled = home.is_settled();
    home.look_again();
    let revision = home.catalog().revision_high()?;
    home.layout.remove_catalog()?;
    let catalog = Catalog::open(&home.layout.catalog_db())?;
    catalog.raise_revisions(revision.saturating_add(1))?;
    home.replace_catalog(catalog);
    empty_cache(&home.layout.cache())?;
    reconcile::feed_entries(home)?;
    reconcile::feed_marks(home)?;
    timeline::fill(home)?;
    if was_settled {
        home.adoption_done();
    }
    drop(settled);
    home.work.wake();
    Ok(())
}

fn empty_cache(cache: &Path) -> anyhow::Result<()> {
    let attempt = || format!("cannot empty {}", cache.display());
    for entry in std::fs::read_dir(cache).with_context(attempt)? {
        let path = entry.with_context(attempt)?.path();
        if path.ends_with(pictures::FOLDER) {
            continue;
        }
        let removed =
            if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        removed.with_context(attempt)?;
    }
    Ok(())
}

//! The file of the catalog, `catalog.sqlite`: opened, or made anew, since nothing in it is the only copy of anything.
//!
//! Made anew is not the same as free: a large library is looked through for hours. So that is done when the file is at fault,
//! and not when its disk is full or does not answer.

use anyhow::Context;
use heirloom_catalog::{Catalog, CatalogError};
use heirloom_store::{Fault, StoreError, must_be_lost, set_aside, unreadable_part};

use super::layout::Layout;
use crate::api::dates::iso;
use crate::clock;

/// Characters of a day in the name of a file that is set aside.
const DAY_CHARS: usize = 10;

/// Opens the catalog; one that is damaged or newer is derived again.
///
/// # Errors
/// As [`drop_catalog`]; or when a new one cannot be made.
pub(super) fn open_catalog(layout: &Layout) -> anyhow::Result<Catalog> {
    let path = layout.catalog_db();
    match Catalog::open(&path) {
        Ok(catalog) => Ok(catalog),
        Err(error) => {
            tracing::warn!(%error, "the catalog cannot be used");
            drop_catalog(layout, error)?;
            Catalog::open(&path).with_context(|| format!("cannot make a new catalog at {}", path.display()))
        }
    }
}

/// Has a catalog make way that cannot be used. One of which a part cannot be read any more is set aside, so that nothing else
/// gets those sectors of the disk.
///
/// # Errors
/// When it is not the file that is at fault: a disk that is full, or does not answer.
pub(super) fn drop_catalog(layout: &Layout, error: CatalogError) -> anyhow::Result<()> {
    let path = layout.catalog_db();
    let error = match error {
        CatalogError::OutOfStep { .. } | CatalogError::Impossible { .. } => return layout.remove_catalog(),
        CatalogError::Store(error) => error,
    };
    if matches!(error, StoreError::TooNew { .. } | StoreError::Migrate { .. })
        && error.fault() == Fault::Other
    {
        return layout.remove_catalog();
    }
    must_be_lost(&path, error).map_err(|error| match error.fault() {
        Fault::Full => anyhow::Error::from(error).context("the disk is full; free some space"),
        _ => anyhow::Error::from(error).context(
            "the index of your photos cannot be opened now; nothing was lost, see that the disk is connected and may be \
             written to, and start again",
        ),
    })?;
    if unreadable_part(&path).is_none() {
        return layout.remove_catalog();
    }
    let stamp: String = iso(clock::now_ms()).chars().take(DAY_CHARS).collect();
    let aside = set_aside(&path, &stamp)?;
    tracing::warn!(path = %aside.display(), "a part of the catalog cannot be read from the disk, which may be failing");
    Ok(())
}

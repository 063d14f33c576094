//! The file of the catalog, `catalog.sqlite`: opened, or made anew, since nothing in it is the only copy of anything.
//!
//! Made anew is not the same as free: a large library is looked through for hours. So that is not done when its disk is full or
//! does not answer, when it may not be opened, or when another program has it; whatever else is wrong is wrong in the file.

use anyhow::Context;
use heirloom_catalog::{Catalog, CatalogError};
use heirloom_store::rusqlite::ErrorCode;
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
    if error.fault() == Fault::Other && !is_of_the_machine(&error) {
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

/// Whether it is said of no file, though nothing more is known of it: the disk failed at a write, or memory is short.
fn is_of_the_machine(error: &StoreError) -> bool {
    match error {
        StoreError::Commit { .. } => true,
        StoreError::Open { source, .. } | StoreError::Migrate { source, .. } | StoreError::Sql(source) => {
            matches!(source.sqlite_error_code(), Some(ErrorCode::SystemIoFailure | ErrorCode::OutOfMemory))
        }
        StoreError::TooNew { .. }
        | StoreError::Damaged { .. }
        | StoreError::Unreadable { .. }
        | StoreError::WriterGone => false,
    }
}

#[cfg(test)]
mod tests {
    use heirloom_store::rusqlite::{self, Connection, ffi};

    use super::*;

    /// Whether a catalog made way after an error.
    fn is_dropped(error: StoreError) -> bool {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::of(folder.path()).unwrap();
        drop(Catalog::open(&layout.catalog_db()).unwrap());
        let outcome = drop_catalog(&layout, error.into());
        assert_eq!(outcome.is_ok(), !layout.catalog_db().exists(), "{outcome:?}");
        outcome.is_ok()
    }

    fn failed(code: i32) -> StoreError {
        StoreError::Sql(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None))
    }

    #[test]
    fn a_catalog_makes_way_unless_it_is_the_machine_that_is_at_fault() {
        for code in [ffi::SQLITE_ERROR, ffi::SQLITE_MISMATCH, ffi::SQLITE_CONSTRAINT, ffi::SQLITE_SCHEMA] {
            assert!(is_dropped(failed(code)), "{code}");
        }
        assert!(is_dropped(StoreError::Sql(rusqlite::Error::QueryReturnedNoRows)));
        assert!(is_dropped(StoreError::TooNew { path: "x".into(), found: 9, known: 8 }));
        for code in [
            ffi::SQLITE_FULL,
            ffi::SQLITE_IOERR,
            ffi::SQLITE_IOERR_WRITE,
            ffi::SQLITE_IOERR_FSYNC,
            ffi::SQLITE_CANTOPEN,
            ffi::SQLITE_READONLY,
            ffi::SQLITE_PERM,
            ffi::SQLITE_BUSY,
            ffi::SQLITE_LOCKED,
            ffi::SQLITE_NOMEM,
        ] {
            assert!(!is_dropped(failed(code)), "{code}");
        }
        assert!(!is_dropped(StoreError::Commit { reason: "disk I/O error".into(), disk_full: false }));
    }

    /// Goal: a catalog that lacks something, which no check of the file finds, is opened and used again. Method: its largest
    /// table is dropped, and what a use of it says is handed on as at a start.
    #[test]
    fn a_catalog_that_lacks_a_table_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::of(folder.path()).unwrap();
        drop(open_catalog(&layout).unwrap());
        let conn = Connection::open(layout.catalog_db()).unwrap();
        conn.execute_batch("PRAGMA foreign_keys = OFF; DROP TABLE assets").unwrap();
        let error = conn.prepare("SELECT * FROM assets").map(drop).unwrap_err();
        drop(conn);
        drop_catalog(&layout, error.into()).unwrap();
        drop(open_catalog(&layout).unwrap());
        let conn = Connection::open(layout.catalog_db()).unwrap();
        assert!(conn.prepare("SELECT * FROM assets").is_ok());
    }
}

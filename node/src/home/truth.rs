//! The two databases that are the truth, `home.sqlite` and `spaces.sqlite`: opened, or said in words why not.
//!
//! Nothing stands for them here. One that is gone, damaged, or lies on a part of the disk that can't be read any more is left
//! as it is, and the home does not start: begun anew, it would take every photo for somebody's stray file. What brings it back
//! are the copies (`docs/guide/safety.md`, "When the disk fails").

use std::path::Path;

use heirloom_store::{Fault, StoreError, unreadable_part};

use super::layout::Layout;
use crate::ledger::Ledger;

/// The setting that `spaces.sqlite` was made: from then on it must be there.
const SETTING_SPACES: &str = "spaces-begun";

/// Opens the ledger of a home that was founded or restored.
///
/// # Errors
/// In words: what cannot be read, and what to do.
pub(super) fn open_ledger(layout: &Layout) -> anyhow::Result<Ledger> {
    let path = layout.home_db();
    if !is_there(&path) {
        return Err(gone(layout, &path));
    }
    Ledger::open(&path).map_err(|error| in_words(layout, &path, error.into()))
}

/// Refuses a home whose decisions are gone. They are made at the first opening, and not again.
///
/// # Errors
/// In words; or when the ledger cannot be read or written.
pub(super) fn spaces_must_be_there(layout: &Layout, ledger: &Ledger) -> anyhow::Result<()> {
    let path = layout.spaces_db();
    let known = || Ok::<_, StoreError>((ledger.setting(SETTING_SPACES)?.is_some(), is_in_use(ledger)?));
    let (is_noted, is_in_use) = known().map_err(|error| in_words(layout, &layout.home_db(), error.into()))?;
    match (is_there(&path), is_noted) {
        (false, true) => Err(gone(layout, &path)),
        (false, false) if is_in_use => Err(gone(layout, &path)),
        (false, false) | (true, true) => Ok(()),
        (true, false) => note_spaces(ledger),
    }
}

/// Whether a home was opened before, though nobody noted that its decisions were made: by a program that noted nothing.
/// Before its first opening a home has one account and nothing else.
fn is_in_use(ledger: &Ledger) -> Result<bool, StoreError> {
    Ok(ledger.totals()?.0 > 0 || ledger.accounts()?.len() > 1 || ledger.has_albums()?)
}

/// Notes that `spaces.sqlite` is there from now on.
///
/// # Errors
/// When it could not be saved.
pub(super) fn note_spaces(ledger: &Ledger) -> anyhow::Result<()> {
    if ledger.setting(SETTING_SPACES)?.is_none() {
        ledger.set_setting(SETTING_SPACES, "yes")?;
    }
    Ok(())
}

/// Whether a database is there that was written to; one that cannot be looked at is for whoever opens it. A log without its
/// database does not count: `SQLite` throws it away and begins anew.
fn is_there(path: &Path) -> bool {
    match std::fs::metadata(path) {
        Ok(meta) => meta.len() > 0,
        Err(error) => error.kind() != std::io::ErrorKind::NotFound,
    }
}

/// What a database holds, for people.
fn holds(path: &Path) -> &'static str {
    match path.file_name().and_then(|name| name.to_str()) {
        Some("spaces.sqlite") => "your captions, favourites and albums",
        _ => "the list of your photos and accounts",
    }
}

fn gone(layout: &Layout, path: &Path) -> anyhow::Error {
    anyhow::anyhow!(
        "{} is gone, or empty. {}",
        path.display(),
        advice(layout, path, "If it was moved or renamed, put it back. ")
    )
}

/// Says of an error of one of these databases what it means and what to do.
pub(super) fn in_words(layout: &Layout, path: &Path, error: anyhow::Error) -> anyhow::Error {
    let shown = path.display();
    let fault = Fault::of(error.as_ref());
    let may_be_broken = matches!(fault, Fault::Damage | Fault::Reading);
    let part = may_be_broken.then(|| unreadable_part(path)).flatten();
    let said = match (fault, part) {
        (Fault::Damage | Fault::Reading, Some((file, at))) => format!(
            "{} cannot be read from byte {at} on: this part of the disk is broken. {}",
            file.display(),
            advice(layout, path, "")
        ),
        (Fault::Damage, None) => format!("{shown} is damaged. {}", advice(layout, path, "")),
        (Fault::Reading, None) => format!(
            "{shown} cannot be read now: its disk, or the network share that it is on, does not answer as it should. Nothing was \
             changed. See that the disk is connected and start again; if that does not help, the disk is failing: copy the \
             whole folder {} to another one",
            layout.root().display()
        ),
        (Fault::Full, _) => format!(
            "the disk of {} is full, so {shown} cannot be opened. Nothing was lost: make some room and start again",
            layout.root().display()
        ),
        (Fault::Access, _) => format!(
            "{shown} cannot be opened for writing. Nothing was changed: see that it and its folder belong to this user, and that \
             the disk is not write-protected"
        ),
        (Fault::Busy, _) => format!("{shown} is held by another program; end that one and start again"),
        (Fault::Other, _) => return error,
    };
    error.context(said)
}

/// Says of an error at opening what is known of copies what it means. Damage is none: it is put right. Neither database is
/// the only one of its kind, so nobody is sent into a restore.
pub(super) fn books_in_words(layout: &Layout, error: anyhow::Error) -> anyhow::Error {
    let path = error.chain().find_map(|cause| path_of(cause.downcast_ref()?)).map(Path::to_owned);
    let path = path.unwrap_or_else(|| layout.vault_db());
    match Fault::of(error.as_ref()) {
        Fault::Damage | Fault::Other => error,
        Fault::Full | Fault::Access | Fault::Busy => in_words(layout, &path, error),
        Fault::Reading => {
            let said = format!(
                "{} cannot be read now. It holds only what this home knows of copies, and no photo. Nothing was changed. See \
                 that the disk is connected and start again: if it is a part of the disk that is broken, that file is put \
                 aside then, and what it held is asked of the places that have copies. If these words come again, the disk is \
                 failing: copy the whole folder {} to another one",
                path.display(),
                layout.root().display()
            );
            error.context(said)
        }
    }
}

/// Which file an error is said of.
fn path_of(error: &StoreError) -> Option<&Path> {
    match error {
        StoreError::Open { path, .. }
        | StoreError::Migrate { path, .. }
        | StoreError::TooNew { path, .. }
        | StoreError::Unreadable { path, .. }
        | StoreError::Damaged { path, .. } => Some(path),
        _ => None,
    }
}

fn advice(layout: &Layout, path: &Path, first: &str) -> String {
    let root = layout.root().display();
    format!(
        "It holds {}, and there is no second one here, so Heirloom does not begin a new one. Nothing was changed, and every photo \
         that lies in {} stays there. {first}What to do: copy the whole folder {root} to another disk while it can be read. \
         Then rename {root}, and bring your home back from its copies with `heirloom restore --home {root}` and your 24 words. \
         Photos that are newer than the copies are in the renamed folder: take them in with `heirloom import --copy`",
        holds(path),
        layout.library().display(),
    )
}

#[cfg(test)]
mod tests {
    use heirloom_store::rusqlite::{self, ffi};

    use super::*;

    /// Goal: trouble with what is known of copies is said of the right file, and sends nobody into a restore.
    #[test]
    fn troubles_of_books_have_words_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::of(folder.path()).unwrap();
        for code in [ffi::SQLITE_IOERR_READ, ffi::SQLITE_BUSY, ffi::SQLITE_FULL, ffi::SQLITE_CANTOPEN] {
            let source = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            let error = StoreError::Open { path: layout.keeper_db(), source };
            let said = format!("{:#}", books_in_words(&layout, anyhow::Error::new(error).context("opening")));
            assert!(said.contains("keeper.sqlite") && !said.contains("vault.sqlite"), "{said}");
            assert!(!said.contains("restore") && !said.contains("accounts"), "{said}");
        }
    }

    /// Goal: each kind of trouble has words of its own, with the path and with what to do.
    #[test]
    fn troubles_have_words() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::of(folder.path()).unwrap();
        let path = layout.spaces_db();
        std::fs::write(&path, [7; 9_000]).unwrap();
        let words = |code: i32| {
            let error = StoreError::Sql(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
            format!("{:#}", in_words(&layout, &path, error.into()))
        };
        let cases = [
            (ffi::SQLITE_CORRUPT, "is damaged. It holds your captions"),
            (ffi::SQLITE_NOTADB, "heirloom restore --home"),
            (ffi::SQLITE_IOERR_READ, "does not answer as it should. Nothing was changed"),
            (ffi::SQLITE_FULL, "is full"),
            (ffi::SQLITE_IOERR_SHMSIZE, "make some room"),
            (ffi::SQLITE_CANTOPEN, "write-protected"),
            (ffi::SQLITE_BUSY, "another program"),
        ];
        for (code, expected) in cases {
            let said = words(code);
            assert!(said.contains(expected) && said.contains("spaces.sqlite"), "{code}: {said}");
        }
    }
}

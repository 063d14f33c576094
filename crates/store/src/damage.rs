//! Databases that may be lost: one that is damaged is set aside under a dated name, never deleted, and begun anew.
//!
//! A file with a part that the disk can't read any more is damaged, too; its sectors stay with the file that was set aside,
//! and nothing else is written to them. A full disk, a share that doesn't answer and a loose cable damage nothing: they are
//! errors, and pass.
//!
//! Whether what was lost can be had from elsewhere is for the caller to know; the ledger is no such database.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::database::{BUSY_WAIT, beside};
use crate::reading::{Readable, forget_files, look_through};
use crate::{Database, Durability, Fault, Migration, StoreError};

/// Names that are tried for a file that is set aside.
const NAMES_TRIED_MAX: u32 = 1_000;

/// How closely a file is looked at before it is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Its beginning and its list of tables: quick, whatever its size.
    Beginning,
    /// Every page.
    Whole,
}

/// What was found in a database's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A database, as far as was looked.
    Sound,
    /// Nothing, or an empty file.
    Nothing,
    /// A damaged one, which lies here now.
    Damaged(PathBuf),
}

/// Looks at the database at `path` and sets it aside if it is damaged; `stamp` becomes part of its name then. Nobody may
/// have it open.
///
/// # Errors
/// When it cannot be looked at for another reason, or not be moved.
pub fn set_aside_if_damaged(path: &Path, look: Look, stamp: &str) -> Result<Found, StoreError> {
    match std::fs::metadata(path) {
        Ok(meta) if meta.len() > 0 => {}
        Ok(_) => return Ok(Found::Nothing),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(source) => return Err(StoreError::Unreadable { path: path.to_owned(), source }),
    }
    let Err(error) = check(path, look) else { return Ok(Found::Sound) };
    if is_lost(path, error, || check(path, look))? {
        Ok(Found::Damaged(set_aside(path, stamp)?))
    } else {
        Ok(Found::Sound)
    }
}

/// Whether what an error was said of is lost: it is said again, and the file bears it out.
fn is_lost(
    path: &Path,
    error: StoreError,
    again: impl FnOnce() -> Result<(), StoreError>,
) -> Result<bool, StoreError> {
    if !matches!(error.fault(), Fault::Damage | Fault::Reading) {
        return Err(error);
    }
    // Once more, since what memory or a cable did once is not what the disk holds: from the disk, and not from memory.
    forget_files(&[path, &beside(path, "-wal")]);
    match again() {
        Ok(()) => Ok(false),
        Err(error) => must_be_lost(path, error).map(|()| true),
    }
}

/// Returns when the database at `path`, of which an error was said, is lost for good: what it holds is not what SQLite wrote,
/// or a part of it can't be read any more.
///
/// # Errors
/// Why it is not: the error itself, or that nothing of the file can be read now.
pub fn must_be_lost(path: &Path, error: StoreError) -> Result<(), StoreError> {
    let fault = error.fault();
    if !matches!(fault, Fault::Damage | Fault::Reading) {
        return Err(error);
    }
    match look_through(&[path, &beside(path, "-wal")]) {
        Readable::Whole if fault == Fault::Damage => Ok(()),
        Readable::Whole => Err(error),
        Readable::InPart { .. } => Ok(()),
        Readable::NotNow(source) => Err(StoreError::Unreadable { path: path.to_owned(), source }),
    }
}

/// Which of the two files of a database can't be read, and from which byte on; none when both can be, or nothing at all.
#[must_use]
pub fn unreadable_part(path: &Path) -> Option<(PathBuf, u64)> {
    let log = beside(path, "-wal");
    match look_through(&[path, &log]) {
        Readable::InPart { file: 0, at } => Some((path.to_owned(), at)),
        Readable::InPart { at, .. } => Some((log, at)),
        Readable::Whole | Readable::NotNow(_) => None,
    }
}

/// Opens a database that may be lost: one that is damaged is set aside, and a new one begun.
///
/// # Errors
/// As [`Database::open`], but for damage.
pub fn open_or_begin(
    path: &Path,
    durability: Durability,
    migrations: &[Migration],
    look: Look,
    stamp: &str,
) -> Result<(Database, Found), StoreError> {
    let found = set_aside_if_damaged(path, look, stamp)?;
    let open = || Database::open(path, durability, migrations);
    let error = match open() {
        Ok(db) => return Ok((db, found)),
        Err(error) => error,
    };
    let found = if is_lost(path, error, || open().map(drop))? {
        Found::Damaged(set_aside(path, stamp)?)
    } else {
        found
    };
    Ok((open()?, found))
}

fn check(path: &Path, look: Look) -> Result<(), StoreError> {
    let at_open = |source| StoreError::Open { path: path.to_owned(), source };
    let conn = Connection::open(path).map_err(at_open)?;
    conn.busy_timeout(BUSY_WAIT).map_err(at_open)?;
    let _: i64 =
        conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(at_open)?;
    if look == Look::Beginning {
        return Ok(());
    }
    let said: String = conn.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(at_open)?;
    if said == "ok" { Ok(()) } else { Err(StoreError::Damaged { path: path.to_owned(), what: said }) }
}

/// Moves a database and its log aside, with `stamp` in its name; returns where it lies now. Nobody may have it open.
///
/// # Errors
/// When it is not there, or cannot be moved.
pub fn set_aside(path: &Path, stamp: &str) -> Result<PathBuf, StoreError> {
    let at = |source: std::io::Error| StoreError::Open {
        path: path.to_owned(),
        source: rusqlite::Error::ToSqlConversionFailure(Box::new(source)),
    };
    let name = |number: u32| {
        let again = if number == 0 { String::new() } else { format!("-{number}") };
        beside(path, &format!(".damaged-{stamp}{again}"))
    };
    let aside = (0..NAMES_TRIED_MAX).map(name).find(|name| !name.exists()).unwrap_or_else(|| name(0));
    // The log last: without its database nothing reads it, while a database without its log looks like an older one.
    std::fs::rename(path, &aside).map_err(at)?;
    for ending in ["-wal", "-shm"] {
        match std::fs::rename(beside(path, ending), beside(&aside, ending)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(at(error)),
            _ => {}
        }
    }
    Ok(aside)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIGRATIONS: &[Migration] =
        &[Migration { number: 1, name: "words", sql: "CREATE TABLE words(word TEXT NOT NULL)" }];

    fn open(path: &Path) -> (Database, Found) {
        open_or_begin(path, Durability::Full, MIGRATIONS, Look::Whole, "today").unwrap()
    }

    fn words(db: &Database) -> i64 {
        let count = |conn: &Connection| -> Result<i64, StoreError> {
            Ok(conn.query_row("SELECT count(*) FROM words", [], |row| row.get(0))?)
        };
        db.read(count).unwrap()
    }

    /// Goal: whatever happens to a file, it is set aside as it is and a new one is begun; one that is whole is left alone.
    #[test]
    fn damage_is_set_aside() {
        type Damage = fn(&mut Vec<u8>);
        let damages: [(&str, Damage); 4] = [
            ("cut in half", |bytes| bytes.truncate(bytes.len() / 2)),
            ("a header of zeros", |bytes| bytes[..100].fill(0)),
            ("a flipped page", |bytes| bytes[3 * 4096..4 * 4096].iter_mut().for_each(|byte| *byte ^= 0xff)),
            ("rubbish", |bytes| bytes.iter_mut().for_each(|byte| *byte = 7)),
        ];
        for (what, damage) in damages {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a.sqlite");
            let (db, found) = open(&path);
            assert_eq!(found, Found::Nothing);
            db.write(|conn| -> Result<(), StoreError> {
                for number in 0..2_000 {
                    conn.execute("INSERT INTO words VALUES (?1)", [format!("{number:0>50}")])?;
                }
                Ok(())
            })
            .unwrap();
            drop(db);
            let (db, found) = open(&path);
            assert_eq!((words(&db), found), (2_000, Found::Sound));
            drop(db);
            let mut bytes = std::fs::read(&path).unwrap();
            damage(&mut bytes);
            std::fs::write(&path, &bytes).unwrap();
            let (db, found) = open(&path);
            let aside = folder.path().join("a.sqlite.damaged-today");
            assert_eq!((words(&db), found), (0, Found::Damaged(aside.clone())), "{what}");
            assert_eq!(std::fs::read(&aside).unwrap(), bytes, "{what}");
            drop(db);
            assert_eq!(open(&path).1, Found::Sound);
            // A second time on the same day takes nothing's place.
            std::fs::write(&path, [7; 8192]).unwrap();
            assert_eq!(open(&path).1, Found::Damaged(folder.path().join("a.sqlite.damaged-today-1")));
        }
    }

    fn failing(code: i32) -> StoreError {
        StoreError::Sql(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None))
    }

    /// Goal: an error of a disk or share that passes, and a full disk, set nothing aside; nor does one that is not said again.
    /// Method: errors are said of a file that is whole.
    #[test]
    fn what_passes_sets_nothing_aside() {
        use rusqlite::ffi;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sqlite");
        drop(open(&path));
        for code in [ffi::SQLITE_FULL, ffi::SQLITE_CANTOPEN, ffi::SQLITE_BUSY, ffi::SQLITE_IOERR_WRITE] {
            let again = || unreachable!("there is nothing to look at");
            assert!(is_lost(&path, failing(code), again).is_err());
            assert!(must_be_lost(&path, failing(code)).is_err());
        }
        for code in [ffi::SQLITE_CORRUPT, ffi::SQLITE_NOTADB, ffi::SQLITE_IOERR_READ] {
            assert!(!is_lost(&path, failing(code), || Ok(())).unwrap(), "it has passed");
        }
        for code in [ffi::SQLITE_IOERR_READ, ffi::SQLITE_IOERR_CORRUPTFS] {
            let error = is_lost(&path, failing(code), || Err(failing(code))).unwrap_err();
            assert_eq!(
                error.fault(),
                Fault::Reading,
                "the file can be read: the disk is at fault, not the file"
            );
        }
        assert!(is_lost(&path, failing(ffi::SQLITE_CORRUPT), || Err(failing(ffi::SQLITE_CORRUPT))).unwrap());
        assert_eq!(unreadable_part(&path), None);
    }

    /// Goal: a file that can't be looked at is neither empty nor damaged. Method: its folder is a file.
    #[test]
    fn a_file_that_cannot_be_looked_at_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let found = set_aside_if_damaged(&file.join("a.sqlite"), Look::Whole, "today");
        assert!(matches!(found, Err(StoreError::Unreadable { .. })), "{found:?}");
    }

    /// A quick look finds what keeps the file from being opened, and a program that is too old is no damage.
    #[test]
    fn a_newer_file_is_not_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sqlite");
        drop(open(&path));
        let older = open_or_begin(&path, Durability::Full, &[], Look::Beginning, "today");
        assert!(matches!(older, Err(StoreError::TooNew { .. })));
        std::fs::write(&path, b"no database").unwrap();
        let (_, found) =
            open_or_begin(&path, Durability::Full, MIGRATIONS, Look::Beginning, "today").unwrap();
        assert!(matches!(found, Found::Damaged(_)));
    }
}

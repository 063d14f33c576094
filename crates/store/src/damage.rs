//! Databases that may be lost: one that is damaged is set aside under a dated name, never deleted, and begun anew.
//!
//! Whether what was lost can be had from elsewhere is for the caller to know; the ledger is no such database.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::database::{BUSY_WAIT, beside};
use crate::{Database, Durability, Migration, StoreError};

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
    if std::fs::metadata(path).map_or(0, |meta| meta.len()) == 0 {
        return Ok(Found::Nothing);
    }
    match check(path, look) {
        Ok(()) => Ok(Found::Sound),
        Err(error) if error.is_damage() => Ok(Found::Damaged(set_aside(path, stamp)?)),
        Err(error) => Err(error),
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
    match Database::open(path, durability, migrations) {
        Ok(db) => Ok((db, found)),
        Err(error) if error.is_damage() => {
            let aside = set_aside(path, stamp)?;
            Ok((Database::open(path, durability, migrations)?, Found::Damaged(aside)))
        }
        Err(error) => Err(error),
    }
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

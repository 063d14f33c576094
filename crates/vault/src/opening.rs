//! Opening the two databases of the vault: `vault.sqlite`, what a ward knows, and `keeper.sqlite`, what a keeper knows.
//!
//! Both may be lost. A damaged one is set aside and a new one begun, so that neither takes the other with it, nor the home.
//! What was in them is had again from elsewhere: see [`VaultStore::load_manifest`](crate::VaultStore::load_manifest) and
//! [`Keeper::take_on`](crate::Keeper::take_on).
//!
//! Until they had a file of their own the keeper's tables were in `vault.sqlite`. They are copied before they are dropped
//! there, and copied anew after a crash in between: nobody writes to the copy before the drop.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use heirloom_store::rusqlite::{self, Connection, OpenFlags, OptionalExtension};
use heirloom_store::{
    Database, Durability, Fault, Found, Look, StoreError, must_be_lost, open_or_begin, set_aside,
    set_aside_if_damaged,
};

use crate::{KEEPER_MIGRATIONS, MIGRATIONS};

/// The step of [`MIGRATIONS`] that drops the keeper's tables from `vault.sqlite`.
pub(crate) const MOVED: u32 = 4;

/// Both databases, open, and what was found in their places.
#[derive(Debug)]
pub struct Opened {
    /// What is known of this household's packs.
    pub ward: Database,
    /// What is known of packs that are kept for others.
    pub keeper: Database,
    /// What `vault.sqlite` was.
    pub ward_found: Found,
    /// What `keeper.sqlite` was.
    pub keeper_found: Found,
}

/// Opens or creates `vault.sqlite` and `keeper.sqlite`; `stamp` goes into the name of one that is set aside.
///
/// # Errors
/// See [`StoreError`]; damage is no error.
pub fn open(vault: &Path, keeper: &Path, look: Look, stamp: &str) -> Result<Opened, StoreError> {
    let mut ward_found = set_aside_if_damaged(vault, look, stamp)?;
    let mut keeper_found = set_aside_if_damaged(keeper, look, stamp)?;
    if ward_found == Found::Sound {
        let moved = match move_tables(vault, keeper) {
            // A quick look sees no damage in the tables themselves.
            Err(error) if may_be_lost(&error) => move_again(vault, keeper, stamp)?,
            moved => Moved::of(moved?),
        };
        match moved {
            Moved::Nothing => {}
            Moved::All => keeper_found = Found::Sound,
            Moved::Damaged(aside) => ward_found = Found::Damaged(aside),
        }
    }
    let (ward, again) = open_or_begin(vault, Durability::Full, MIGRATIONS, Look::Beginning, stamp)?;
    let ward_found = worse(ward_found, again);
    let (keeper, again) = open_or_begin(keeper, Durability::Full, KEEPER_MIGRATIONS, Look::Beginning, stamp)?;
    let keeper_found = worse(keeper_found, again);
    Ok(Opened { ward, keeper, ward_found, keeper_found })
}

/// What came of moving the keeper's tables.
enum Moved {
    /// There was nothing to move.
    Nothing,
    /// They are in `keeper.sqlite`.
    All,
    /// They cannot be read: `vault.sqlite` lies here now.
    Damaged(PathBuf),
}

impl Moved {
    fn of(had_tables: bool) -> Self {
        if had_tables { Self::All } else { Self::Nothing }
    }
}

/// Moves the tables after damage kept them from it: the tables that were not copied must not be dropped, so either the
/// copy is begun anew, or the file that they cannot be read from is kept as it is.
fn move_again(vault: &Path, keeper: &Path, stamp: &str) -> Result<Moved, StoreError> {
    if let Found::Damaged(aside) = set_aside_if_damaged(vault, Look::Whole, stamp)? {
        return Ok(Moved::Damaged(aside));
    }
    if keeper.exists() {
        set_aside(keeper, stamp)?;
    }
    match move_tables(vault, keeper) {
        Err(error) if may_be_lost(&error) => {
            must_be_lost(vault, error)?;
            Ok(Moved::Damaged(set_aside(vault, stamp)?))
        }
        moved => Ok(Moved::of(moved?)),
    }
}

fn may_be_lost(error: &StoreError) -> bool {
    matches!(error.fault(), Fault::Damage | Fault::Reading)
}

/// When the newest head was signed that a `vault.sqlite` knows, of whatever version; nothing in it changes. `None` when it
/// knows none, or is damaged: then the next opening begins it anew.
///
/// # Errors
/// When it cannot be read for another reason.
pub fn newest_head_ms(vault: &Path) -> Result<Option<i64>, StoreError> {
    if is_empty(vault)? {
        return Ok(None);
    }
    let read = || -> rusqlite::Result<Option<i64>> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(vault, flags)?;
        if version(&conn)? == 0 {
            return Ok(None);
        }
        let sql = "SELECT at_ms FROM heads ORDER BY number DESC LIMIT 1";
        conn.query_row(sql, [], |row| row.get(0)).optional()
    };
    match read().map_err(|source| StoreError::Open { path: vault.to_owned(), source }) {
        Err(error) => must_be_lost(vault, error).map(|()| None),
        read => read,
    }
}

/// Whether a `vault.sqlite` still has tables of the keeper that the newest version drops.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn has_keeper(vault: &Path) -> Result<bool, StoreError> {
    if is_empty(vault)? {
        return Ok(false);
    }
    let at_open = |source| StoreError::Open { path: vault.to_owned(), source };
    let conn = Connection::open(vault).map_err(at_open)?;
    Ok(version(&conn).map_err(at_open)? < MOVED && !tables(&conn).map_err(at_open)?.is_empty())
}

/// Whether nothing is there, or an empty file; one that can't be looked at now is neither.
fn is_empty(path: &Path) -> Result<bool, StoreError> {
    match std::fs::metadata(path) {
        Ok(meta) => Ok(meta.len() == 0),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(source) => Err(StoreError::Unreadable { path: path.to_owned(), source }),
    }
}

fn version(conn: &Connection) -> rusqlite::Result<u32> {
    conn.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// A second look counts only if it found damage: before it there may have been nothing.
fn worse(first: Found, second: Found) -> Found {
    if matches!(second, Found::Damaged(_)) { second } else { first }
}

/// Copies the keeper's tables out of a `vault.sqlite` that still has them; whether it had.
fn move_tables(vault: &Path, keeper: &Path) -> Result<bool, StoreError> {
    let at_open = |path: &Path| {
        let path = path.to_owned();
        move |source| StoreError::Open { path, source }
    };
    let tables = {
        let conn = Connection::open(vault).map_err(at_open(vault))?;
        if version(&conn)? >= MOVED {
            return Ok(false);
        }
        tables(&conn)?
    };
    if tables.is_empty() {
        return Ok(false);
    }
    drop(Database::open(keeper, Durability::Full, KEEPER_MIGRATIONS)?);
    let conn = Connection::open(keeper).map_err(at_open(keeper))?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    let name = vault.to_str().ok_or_else(|| StoreError::Open {
        path: vault.to_owned(),
        source: rusqlite::Error::InvalidPath(vault.to_owned()),
    })?;
    conn.execute("ATTACH DATABASE ?1 AS before", [name])?;
    let mut sql = "BEGIN IMMEDIATE;".to_owned();
    for table in &tables {
        sql += &format!("DELETE FROM main.{table}; INSERT INTO main.{table} SELECT * FROM before.{table};");
    }
    // People were told of alarms up to a number.
    sql += "DELETE FROM main.sqlite_sequence;
            INSERT INTO main.sqlite_sequence SELECT * FROM before.sqlite_sequence WHERE name = 'keeper_alarms';
            COMMIT;";
    conn.execute_batch(&sql)?;
    Ok(true)
}

/// The keeper's tables in a `vault.sqlite`.
fn tables(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'keeper!_%' ESCAPE '!'";
    conn.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insert(db: &Database, sql: &'static str) {
        db.write(move |conn| -> Result<(), StoreError> { Ok(conn.execute_batch(sql)?) }).unwrap();
    }

    fn number(db: &Database, sql: &str) -> i64 {
        db.read(|conn| -> Result<_, StoreError> { Ok(conn.query_row(sql, [], |row| row.get(0))?) }).unwrap()
    }

    /// Goal: a vault of before, with both sides in one file, loses nothing, also when the move is cut off between its two
    /// steps. Method: each earlier version of the file with data in it.
    #[test]
    fn the_keepers_tables_move_to_a_file_of_their_own() {
        for version in 1..4 {
            let folder = tempfile::tempdir().unwrap();
            let (vault, keeper) = (folder.path().join("vault.sqlite"), folder.path().join("keeper.sqlite"));
            let before = Database::open(&vault, Durability::Full, &MIGRATIONS[..version]).unwrap();
            insert(&before, "INSERT INTO settings VALUES ('verified', '5')");
            if version > 1 {
                insert(
                    &before,
                    "INSERT INTO keeper_wards VALUES (zeroblob(32), 7, 0, 0, 0, 0);
                     UPDATE keeper_clock SET running_ms = 9;
                     INSERT INTO keeper_alarms VALUES (3, zeroblob(32), 1, 1, 1);
                     DELETE FROM keeper_alarms",
                );
            }
            drop(before);
            if version > 1 {
                // Cut off after the copy.
                assert!(move_tables(&vault, &keeper).unwrap());
            }
            let opened = open(&vault, &keeper, Look::Whole, "today").unwrap();
            assert_eq!(opened.ward_found, Found::Sound);
            assert_eq!(number(&opened.ward, "SELECT value + 0 FROM settings"), 5);
            let left = "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'keeper%'";
            assert_eq!(number(&opened.ward, left), 0, "version {version}");
            if version > 1 {
                assert_eq!(opened.keeper_found, Found::Sound);
                assert_eq!(number(&opened.keeper, "SELECT quota_bytes FROM keeper_wards"), 7);
                assert_eq!(number(&opened.keeper, "SELECT running_ms FROM keeper_clock"), 9);
                assert_eq!(number(&opened.keeper, "SELECT seq FROM sqlite_sequence"), 3);
            }
            insert(&opened.keeper, "UPDATE keeper_wards SET quota_bytes = 8");
            drop(opened);
            let again = open(&vault, &keeper, Look::Whole, "today").unwrap();
            assert_eq!(number(&again.keeper, "SELECT coalesce(max(quota_bytes), 8) FROM keeper_wards"), 8);
        }
    }

    /// A vault of before, with a home that it keeps copies for, and a head.
    fn of_before(vault: &Path) {
        let before = Database::open(vault, Durability::Full, &MIGRATIONS[..3]).unwrap();
        insert(
            &before,
            "INSERT INTO keeper_wards VALUES (zeroblob(32), 7, 0, 0, 0, 0);
             INSERT INTO heads VALUES (4, zeroblob(32), 1234, 0, x'00')",
        );
    }

    /// Goal: what looks at the file before it was moved drops nothing. Method: the newest head is asked for, and the file is
    /// opened without its keeper, which is refused; then it is opened as always.
    #[test]
    fn tables_that_were_not_copied_are_not_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let (vault, keeper) = (folder.path().join("vault.sqlite"), folder.path().join("keeper.sqlite"));
        assert_eq!(newest_head_ms(&vault).unwrap(), None);
        of_before(&vault);
        assert_eq!(newest_head_ms(&vault).unwrap(), Some(1234));
        let refused = crate::store::open_database(&vault).unwrap_err();
        assert!(matches!(refused, StoreError::Migrate { number: MOVED, .. }), "{refused}");
        let opened = open(&vault, &keeper, Look::Beginning, "today").unwrap();
        assert_eq!(number(&opened.keeper, "SELECT quota_bytes FROM keeper_wards"), 7);
        drop(opened);
        assert_eq!(newest_head_ms(&vault).unwrap(), Some(1234));
        drop(crate::store::open_database(&vault).unwrap());
        std::fs::write(&vault, b"no database at all").unwrap();
        assert_eq!(newest_head_ms(&vault).unwrap(), None);
    }

    /// Goal: a file that can't be looked at now is no vault that knows nothing. Method: its folder is a file.
    #[test]
    fn what_cannot_be_looked_at_is_not_empty() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let vault = file.join("vault.sqlite");
        assert!(matches!(newest_head_ms(&vault), Err(StoreError::Unreadable { .. })));
        assert!(matches!(has_keeper(&vault), Err(StoreError::Unreadable { .. })));
        assert_eq!(newest_head_ms(&folder.path().join("none")).unwrap(), None);
        assert!(!has_keeper(&file).unwrap());
    }

    /// Goal: half a copy that is damaged is not taken for a whole one. Method: the copy of a move that was cut off, with its
    /// later pages damaged, which a quick look does not see.
    #[test]
    fn a_damaged_copy_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (vault, keeper) = (folder.path().join("vault.sqlite"), folder.path().join("keeper.sqlite"));
        of_before(&vault);
        assert!(move_tables(&vault, &keeper).unwrap());
        let mut bytes = std::fs::read(&keeper).unwrap();
        bytes[4096..].fill(0x5a);
        std::fs::write(&keeper, bytes).unwrap();
        let opened = open(&vault, &keeper, Look::Beginning, "today").unwrap();
        assert_eq!(opened.ward_found, Found::Sound);
        assert_eq!(number(&opened.keeper, "SELECT quota_bytes FROM keeper_wards"), 7);
    }

    /// Goal: damage of one side leaves the other alone.
    #[test]
    fn one_sides_damage_is_not_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let (vault, keeper) = (folder.path().join("vault.sqlite"), folder.path().join("keeper.sqlite"));
        let opened = open(&vault, &keeper, Look::Whole, "today").unwrap();
        assert_eq!((opened.ward_found, opened.keeper_found), (Found::Nothing, Found::Nothing));
        insert(&opened.ward, "INSERT INTO settings VALUES ('verified', '5')");
        insert(&opened.keeper, "UPDATE keeper_clock SET running_ms = 9");
        drop((opened.ward, opened.keeper));
        std::fs::write(&keeper, b"no database").unwrap();
        let opened = open(&vault, &keeper, Look::Whole, "today").unwrap();
        assert!(matches!(opened.keeper_found, Found::Damaged(_)) && opened.ward_found == Found::Sound);
        assert_eq!(number(&opened.ward, "SELECT value + 0 FROM settings"), 5);
        insert(&opened.keeper, "UPDATE keeper_clock SET running_ms = 9");
        drop((opened.ward, opened.keeper));
        std::fs::write(&vault, b"no database").unwrap();
        let opened = open(&vault, &keeper, Look::Whole, "today").unwrap();
        assert!(matches!(opened.ward_found, Found::Damaged(_)) && opened.keeper_found == Found::Sound);
        assert_eq!(number(&opened.keeper, "SELECT running_ms FROM keeper_clock"), 9);
    }
}

//! Opening the two databases of the vault: `vault.sqlite`, what a ward knows, and `keeper.sqlite`, what a keeper knows.
//!
//! Both may be lost. A damaged one is set aside and a new one begun, so that neither takes the other with it, nor the home.
//! What was in them is had again from elsewhere: see [`VaultStore::load_manifest`](crate::VaultStore::load_manifest) and
//! [`Keeper::take_on`](crate::Keeper::take_on).
//!
//! Until they had a file of their own the keeper's tables were in `vault.sqlite`. They are copied before they are dropped
//! there, and copied anew after a crash in between: nobody writes to the copy before the drop.

use std::path::Path;

use heirloom_store::rusqlite::{self, Connection};
use heirloom_store::{Database, Durability, Found, Look, StoreError, open_or_begin, set_aside_if_damaged};

use crate::{KEEPER_MIGRATIONS, MIGRATIONS};

/// The step of [`MIGRATIONS`] that drops the keeper's tables from `vault.sqlite`.
const MOVED: u32 = 4;

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
        match move_tables(vault, keeper) {
            Ok(true) => keeper_found = Found::Sound,
            Ok(false) => {}
            // A quick look sees no damage in the tables themselves.
            Err(error) if error.is_damage() => {
                ward_found = set_aside_if_damaged(vault, Look::Whole, stamp)?;
            }
            Err(error) => return Err(error),
        }
    }
    let (ward, again) = open_or_begin(vault, Durability::Full, MIGRATIONS, Look::Beginning, stamp)?;
    let ward_found = worse(ward_found, again);
    let (keeper, again) = open_or_begin(keeper, Durability::Full, KEEPER_MIGRATIONS, Look::Beginning, stamp)?;
    let keeper_found = worse(keeper_found, again);
    Ok(Opened { ward, keeper, ward_found, keeper_found })
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
        let version: u32 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if version >= MOVED {
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

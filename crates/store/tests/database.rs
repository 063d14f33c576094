//! One writer, many readers, group commit and migrations, against real files.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::path::Path;

use heirloom_store::rusqlite::{self, Connection};
use heirloom_store::{Database, Durability, Migration, StoreError, schema_of};

const ONE: Migration =
    Migration { number: 1, name: "photos", sql: "CREATE TABLE photo(id INTEGER PRIMARY KEY, name TEXT)" };
const TWO: Migration =
    Migration { number: 2, name: "captions", sql: "ALTER TABLE photo ADD COLUMN caption TEXT" };

fn open(folder: &Path) -> Database {
    Database::open(&folder.join("t.sqlite"), Durability::Full, &[ONE, TWO]).unwrap()
}

fn insert(conn: &Connection, name: &str) -> Result<i64, StoreError> {
    conn.execute("INSERT INTO photo(name) VALUES (?1)", [name])?;
    Ok(conn.last_insert_rowid())
}

fn names(db: &Database) -> Vec<String> {
    db.read(|conn| -> Result<_, StoreError> {
        let mut statement = conn.prepare_cached("SELECT name FROM photo ORDER BY id")?;
        Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<Vec<_>, _>>()?)
    })
    .unwrap()
}

#[test]
fn many_threads_write_and_each_sees_its_own_commit() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let db = db.clone();
            scope.spawn(move || {
                for n in 0..50 {
                    let name = format!("{thread}-{n}");
                    let written = name.clone();
                    db.write(move |conn| insert(conn, &written)).unwrap();
                    assert!(names(&db).contains(&name), "a finished write is visible");
                }
            });
        }
    });
    assert_eq!(names(&db).len(), 400);
}

#[test]
fn a_failed_write_takes_nothing_else_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    db.write(|conn| insert(conn, "kept")).unwrap();
    let failed: Result<(), StoreError> = db.write(|conn| {
        insert(conn, "undone")?;
        Err(StoreError::Sql(rusqlite::Error::QueryReturnedNoRows))
    });
    assert!(failed.is_err());
    db.write(|conn| insert(conn, "after")).unwrap();
    assert_eq!(names(&db), ["kept", "after"]);
}

#[test]
fn a_panicking_write_is_undone_and_the_writer_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    let outcome: Result<(), StoreError> = db.write(|conn| {
        insert(conn, "undone")?;
        panic!("a bug in a caller")
    });
    assert!(matches!(outcome, Err(StoreError::WriterGone)));
    db.write(|conn| insert(conn, "after")).unwrap();
    assert_eq!(names(&db), ["after"]);
}

#[test]
fn a_reader_cannot_write() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    assert!(db.read(|conn| insert(conn, "no")).is_err());
}

#[test]
fn an_older_file_moves_forward_and_a_newer_one_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.sqlite");
    let old = Database::open(&path, Durability::Normal, &[ONE]).unwrap();
    old.write(|conn| insert(conn, "from version 1")).unwrap();
    drop(old);
    let new = open(folder.path());
    assert_eq!(names(&new), ["from version 1"]);
    let schema = new.read(schema_of).unwrap();
    assert_eq!(schema, ["photo.id INTEGER", "photo.name TEXT", "photo.caption TEXT"]);
    drop(new);
    let error = Database::open(&path, Durability::Normal, &[ONE]).unwrap_err();
    assert!(matches!(error, StoreError::TooNew { found: 2, known: 1, .. }), "{error}");
}

#[test]
fn a_failed_migration_leaves_the_version_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.sqlite");
    let bad = Migration { number: 2, name: "broken", sql: "CREATE TABLE half(id); CREATE TABLE photo(id)" };
    drop(Database::open(&path, Durability::Full, &[ONE]).unwrap());
    let error = Database::open(&path, Durability::Full, &[ONE, bad]).unwrap_err();
    assert!(matches!(error, StoreError::Migrate { number: 2, .. }), "{error}");
    let db = Database::open(&path, Durability::Full, &[ONE]).unwrap();
    assert_eq!(db.read(schema_of).unwrap(), ["photo.id INTEGER", "photo.name TEXT"]);
}

#[test]
fn a_file_that_is_no_database_is_refused_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.sqlite");
    std::fs::write(&path, b"a letter from grandma, not a database at all").unwrap();
    assert!(matches!(Database::open(&path, Durability::Full, &[ONE]), Err(StoreError::Open { .. })));
    assert!(std::fs::read(&path).unwrap().starts_with(b"a letter"));
}

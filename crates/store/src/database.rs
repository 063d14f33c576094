//! A database file: one writer, many readers.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use crate::migrate::migrate;
use crate::writer::Writer;
use crate::{Migration, StoreError};

/// Readers kept open while idle; more are opened under load and closed afterwards.
const READERS_IDLE_MAX: usize = 6;
/// How long a connection waits for another process (a backup tool, `sqlite3`) to let go.
pub(crate) const BUSY_WAIT: Duration = Duration::from_secs(5);
/// Prepared statements kept per connection.
const STATEMENTS_CACHED_MAX: usize = 128;

/// When a commit counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// After an fsync: for what people decided and for what only arrival knows.
    Full,
    /// After the write; a power cut may undo the last commits, never corrupt: for what can be derived again.
    Normal,
}

/// A handle to one SQLite file; cheap to clone, shared between threads. The last handle to go joins the
/// writer thread, so nothing outlives it.
#[derive(Clone)]
pub struct Database {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    // Dropped before `writer`, so that the writer's connection is the last one and checkpoints the log.
    readers: Mutex<Vec<Connection>>,
    writer: Writer,
}

impl Database {
    /// Opens or creates the file at `path` and brings it to the newest of `migrations`.
    ///
    /// # Errors
    /// [`StoreError::Open`], [`StoreError::Migrate`] or [`StoreError::TooNew`]; the file keeps its last good
    /// version.
    pub fn open(path: &Path, durability: Durability, migrations: &[Migration]) -> Result<Self, StoreError> {
        let at_open = |source| StoreError::Open { path: path.to_owned(), source };
        let conn = Connection::open(path).map_err(at_open)?;
        prepare(&conn, durability).map_err(at_open)?;
        migrate(&conn, path, migrations)?;
        sync_parent(path);
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let writer = Writer::start(conn, &name).map_err(|error| StoreError::Open {
            path: path.to_owned(),
            source: rusqlite::Error::ToSqlConversionFailure(Box::new(error)),
        })?;
        let inner = Inner { path: path.to_owned(), readers: Mutex::new(Vec::new()), writer };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The file this handle stands for.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Runs `work` on the writer thread and returns after the commit that makes it durable.
    ///
    /// Blocks; asynchronous callers wrap it in `spawn_blocking`. An `Err` from `work` undoes all it did. May
    /// share its commit with other writes, which neither see nor undo each other. Must not be called from
    /// inside another write of the same database.
    ///
    /// # Errors
    /// What `work` returned, or a [`StoreError`] when it could not be made durable.
    pub fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    {
        self.inner.writer.run(work)
    }

    /// Has `tell` called after every commit that changed a row, when the change can be read and before whoever made it has
    /// its answer. A write that only failed may be told of, too.
    ///
    /// It is called on the thread that writes: it has to be quick, and must not write to the same database.
    pub fn on_commit(&self, tell: impl Fn() + Send + 'static) {
        self.inner.writer.on_commit(Box::new(tell));
    }

    /// Runs `work` on a read-only connection of the calling thread; sees every finished write.
    ///
    /// # Errors
    /// What `work` returned, or [`StoreError::Open`] when no reader could be opened.
    pub fn read<T, E, F>(&self, work: F) -> Result<T, E>
    where
        E: From<StoreError>,
        F: FnOnce(&Connection) -> Result<T, E>,
    {
        let reader = self.take_reader().map_err(E::from)?;
        let outcome = work(&reader);
        let mut idle = self.inner.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < READERS_IDLE_MAX {
            idle.push(reader);
        }
        outcome
    }

    fn take_reader(&self) -> Result<Connection, StoreError> {
        let idle = self.inner.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match idle {
            Some(reader) => Ok(reader),
            None => open_reader(&self.inner.path)
                .map_err(|source| StoreError::Open { path: self.inner.path.clone(), source }),
        }
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("path", &self.inner.path).finish_non_exhaustive()
    }
}

fn prepare(conn: &Connection, durability: Durability) -> rusqlite::Result<()> {
    conn.busy_timeout(BUSY_WAIT)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_CACHED_MAX);
    conn.pragma_update(None, "journal_mode", "WAL")?;
    let synchronous = match durability {
        Durability::Full => "FULL",
        Durability::Normal => "NORMAL",
    };
    conn.pragma_update(None, "synchronous", synchronous)?;
    // On macOS a plain fsync leaves data in the drive's cache.
    conn.pragma_update(None, "fullfsync", durability == Durability::Full)?;
    conn.pragma_update(None, "checkpoint_fullfsync", true)?;
    conn.pragma_update(None, "foreign_keys", true)?;
    conn.pragma_update(None, "temp_store", "MEMORY")
}

fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    // Read-write flags because a reader of a WAL file needs its shared memory; `query_only` keeps it honest.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(BUSY_WAIT)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_CACHED_MAX);
    conn.pragma_update(None, "query_only", true)?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(conn)
}

/// Writes a copy of the database at `from` as it stands at one moment into the file at `to`, which is replaced if it is
/// there. Whoever has the database open goes on meanwhile, writers too. Pages keep their places, so that two copies differ
/// only where something changed. The copy is not synced: it is for reading, not for keeping.
///
/// # Errors
/// [`StoreError::Open`] naming the file that cannot be opened or made, [`StoreError::Sql`] when pages cannot be copied.
pub fn copy_database(from: &Path, to: &Path) -> Result<(), StoreError> {
    let at_open = |path: &Path, source| StoreError::Open { path: path.to_owned(), source };
    remove_database(to)
        .map_err(|error| at_open(to, rusqlite::Error::ToSqlConversionFailure(error.into())))?;
    let source = open_reader(from).map_err(|error| at_open(from, error))?;
    let mut copy = Connection::open(to).map_err(|error| at_open(to, error))?;
    copy.pragma_update(None, "synchronous", "OFF")?;
    let backup = Backup::new(&source, &mut copy)?;
    // All pages in one step, so that no write comes between two of them.
    match backup.step(-1)? {
        StepResult::Done => Ok(()),
        _ => Err(StoreError::Sql(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY),
            Some("the database was busy all the time".to_owned()),
        ))),
    }
}

/// A name beside a database file, as SQLite makes them.
pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Removes a database file and what SQLite keeps beside it.
fn remove_database(path: &Path) -> std::io::Result<()> {
    for ending in ["", "-wal", "-shm", "-journal"] {
        match std::fs::remove_file(beside(path, ending)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Makes a freshly created file's directory entry durable; best effort, since some file systems refuse it.
fn sync_parent(path: &Path) {
    if let Some(parent) = path.parent()
        && let Ok(folder) = std::fs::File::open(parent)
    {
        folder.sync_all().unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIGRATIONS: &[Migration] =
        &[Migration { number: 1, name: "words", sql: "CREATE TABLE words(word TEXT NOT NULL)" }];

    fn words(path: &Path) -> Vec<String> {
        let db = Database::open(path, Durability::Normal, MIGRATIONS).unwrap();
        db.read(|conn| -> Result<_, StoreError> {
            let mut statement = conn.prepare("SELECT word FROM words ORDER BY rowid")?;
            Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
        })
        .unwrap()
    }

    fn add(db: &Database, word: &str) {
        let word = word.to_owned();
        let insert = move |conn: &Connection| -> Result<(), StoreError> {
            conn.execute("INSERT INTO words VALUES (?1)", [&word])?;
            Ok(())
        };
        db.write(insert).unwrap();
    }

    /// Goal: a copy holds one moment, while others write. Method: copy while a thread writes; every copy is a beginning
    /// of what was written, and never shorter than the one before.
    #[test]
    fn a_copy_is_one_moment_of_a_busy_database() {
        let folder = tempfile::tempdir().unwrap();
        let db = Database::open(&folder.path().join("a.sqlite"), Durability::Normal, MIGRATIONS).unwrap();
        let written: Vec<String> = (0..400).map(|number| format!("{number:0>200}")).collect();
        let copy = folder.path().join("copy.sqlite");
        let mut longest = 0;
        std::thread::scope(|scope| {
            let writing = scope.spawn(|| written.iter().for_each(|word| add(&db, word)));
            loop {
                let ended = writing.is_finished();
                copy_database(db.path(), &copy).unwrap();
                let found = words(&copy);
                assert!(found.len() >= longest && written.starts_with(&found));
                longest = found.len();
                if ended {
                    return;
                }
            }
        });
        assert_eq!(longest, written.len());
    }

    /// Goal: whoever listens hears of every change once it can be read, and of nothing else.
    #[test]
    fn changes_are_told_when_they_can_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sqlite");
        let db = Database::open(&path, Durability::Normal, MIGRATIONS).unwrap();
        let found = Arc::new(Mutex::new(Vec::new()));
        let (reader, heard) = (open_reader(&path).unwrap(), Arc::clone(&found));
        db.on_commit(move || {
            let count = reader.query_row("SELECT count(*) FROM words", [], |row| row.get::<_, i64>(0));
            heard.lock().unwrap().push(count.unwrap());
        });
        add(&db, "one");
        add(&db, "two");
        let nothing = |conn: &Connection| -> Result<(), StoreError> {
            conn.execute("DELETE FROM words WHERE word = 'three'", [])?;
            Ok(())
        };
        db.write(nothing).unwrap();
        assert_eq!(*found.lock().unwrap(), [1, 2]);
    }

    /// Goal: a listener that panics, or that brings another one, ends nothing: all are told, and what is written is written.
    #[test]
    fn listeners_do_the_writer_no_harm() {
        let folder = tempfile::tempdir().unwrap();
        let db = Database::open(&folder.path().join("a.sqlite"), Durability::Normal, MIGRATIONS).unwrap();
        let (told, later) = (Arc::new(Mutex::new(0)), Arc::new(Mutex::new(0)));
        db.on_commit(|| panic!("on purpose"));
        let counts = |count: &Arc<Mutex<u32>>| {
            let count = Arc::clone(count);
            move || *count.lock().unwrap() += 1
        };
        db.on_commit(counts(&told));
        let (weak, count) = (Arc::downgrade(&db.inner), Arc::clone(&later));
        db.on_commit(move || {
            let Some(inner) = weak.upgrade() else { return };
            let count = Arc::clone(&count);
            inner.writer.on_commit(Box::new(move || *count.lock().unwrap() += 1));
        });
        add(&db, "one");
        add(&db, "two");
        assert_eq!((*told.lock().unwrap(), *later.lock().unwrap()), (2, 1));
    }

    /// Goal: a copy made after a small change differs from the one before in few places.
    #[test]
    fn pages_keep_their_places() {
        let folder = tempfile::tempdir().unwrap();
        let db = Database::open(&folder.path().join("a.sqlite"), Durability::Full, MIGRATIONS).unwrap();
        (0..2_000).for_each(|number| add(&db, &format!("{number:0>500}")));
        let copy = |name: &str| {
            let path = folder.path().join(name);
            copy_database(db.path(), &path).unwrap();
            std::fs::read(path).unwrap()
        };
        let before = copy("one");
        add(&db, "one more");
        let after = copy("two");
        let same = before.chunks(4096).zip(after.chunks(4096)).filter(|(one, two)| one == two).count();
        assert!(same + 5 > before.len() / 4096, "{same} of {} pages are the same", before.len() / 4096);
    }
}

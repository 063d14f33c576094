//! Segments, heads and the files of the home as the manifest last said them.

use heirloom_identity::ContentHash;
use heirloom_store::StoreError;
use heirloom_store::rusqlite::{self, Connection, OptionalExtension, Row};

use super::copies::forget_dropped;
use super::packs::find;
use super::{VaultStore, bytes, pieces, signed, unsigned};
use crate::policy::TargetId;
use crate::{FileSnapshot, PackId};

/// The setting that holds the number of the last head that was only counted on.
const COUNTED_ON: &str = "counted-on";
/// Heads that are remembered.
const HEADS_KEPT: i64 = 64;

/// A head that this home signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadRow {
    /// Its number.
    pub number: u64,
    /// Its hash, which the next one names.
    pub hash: [u8; 32],
    /// When it was made, milliseconds since the Unix epoch, UTC.
    pub at_ms: i64,
    /// The head as it is sent.
    pub head: Vec<u8>,
}

impl VaultStore {
    /// Packs that no segment lists yet and that some place has proved, the oldest first; those of what the household is
    /// made of need no proof, they wait in the outbox.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn unwritten(&self, limit: usize) -> Result<Vec<PackId>, StoreError> {
        self.pack_ids(
            "SELECT id FROM packs p WHERE segment IS NULL AND dropped_ms IS NULL
               AND (shelf = 0 OR EXISTS (SELECT 1 FROM copies c WHERE c.pack = p.number AND c.state = 2))
             ORDER BY number LIMIT ?1",
            limit,
        )
    }

    /// Dropped packs that some segment lists and that no segment takes back yet, the oldest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn dropped_unwritten(&self, limit: usize) -> Result<Vec<PackId>, StoreError> {
        self.pack_ids(
            "SELECT id FROM packs WHERE dropped_ms IS NOT NULL AND dropped_segment IS NULL
             ORDER BY number LIMIT ?1",
            limit,
        )
    }

    /// Notes that a segment stands in a recorded pack: which packs it lists, which it takes back, and which segments it
    /// takes the place of. Packs that only those listed are unwritten again.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn note_segment(
        &self,
        segment: &ContentHash,
        lists: &[PackId],
        drops: &[PackId],
        replaces: &[ContentHash],
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let (segment, lists, drops) = (*segment, lists.to_vec(), drops.to_vec());
        let replaces = replaces.to_vec();
        self.write(move |conn| {
            let number = add_segment(conn, &segment, now_ms)?;
            for id in &lists {
                list_pack(conn, id, number)?;
            }
            for id in &drops {
                conn.prepare_cached(
                    "UPDATE packs SET dropped_segment = ?2
                     WHERE id = ?1 AND dropped_ms IS NOT NULL AND dropped_segment IS NULL",
                )?
                .execute((id.as_bytes(), number))?;
            }
            for old in replaces.iter().filter(|old| **old != segment) {
                conn.prepare_cached(
                    "DELETE FROM segments WHERE blob = (SELECT number FROM blobs WHERE hash = ?1)",
                )?
                .execute([old.as_bytes()])?;
            }
            // What the new segments left out is found from no head to come, so it waits for the next one.
            conn.prepare_cached(
                "UPDATE packs SET since_head = NULL
                 WHERE segment IS NULL AND dropped_ms IS NULL AND since_head IS NOT NULL",
            )?
            .execute([])?;
            Ok(())
        })
    }

    /// The segments that the next root lists, the oldest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn segments(&self) -> Result<Vec<ContentHash>, StoreError> {
        self.db.read(|conn| {
            let mut statement = conn.prepare_cached(
                "SELECT b.hash FROM segments s JOIN blobs b ON b.number = s.blob ORDER BY s.number",
            )?;
            let segments = statement.query_map([], |row| bytes(row, 0).map(ContentHash::from_bytes))?;
            Ok(segments.collect::<Result<_, _>>()?)
        })
    }

    /// The packs that a segment lists, dropped ones not among them.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn packs_in(&self, segment: &ContentHash) -> Result<Vec<PackId>, StoreError> {
        self.db.read(|conn| {
            let mut statement = conn.prepare_cached(
                "SELECT p.id FROM packs p JOIN segments s ON s.number = p.segment
                 JOIN blobs b ON b.number = s.blob
                 WHERE b.hash = ?1 AND p.dropped_ms IS NULL ORDER BY p.number",
            )?;
            let packs =
                statement.query_map([segment.as_bytes()], |row| bytes(row, 0).map(PackId::from_bytes))?;
            Ok(packs.collect::<Result<_, _>>()?)
        })
    }

    /// Records a head that was signed, and the blobs that a restore from it begins with: its root and the chunks of its
    /// files; the segments are known. From then on nothing else of the kind is wanted.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn record_head(&self, head: &HeadRow, needs: &[ContentHash]) -> Result<(), StoreError> {
        let (head, needs) = (head.clone(), needs.to_vec());
        self.write(move |conn| Ok(sign_off(conn, &head, &needs)?))
    }

    /// [`VaultStore::record_head`] together with what the head's root says: its files, and settings that tell the next run
    /// what it said. Either all of it is recorded or nothing.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn record_manifest(
        &self,
        head: &HeadRow,
        needs: &[ContentHash],
        files: &[FileSnapshot],
        settings: &[(&str, String)],
    ) -> Result<(), StoreError> {
        let (head, needs, files) = (head.clone(), needs.to_vec(), files.to_vec());
        let settings: Vec<(String, String)> =
            settings.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
        self.write(move |conn| {
            write_files(conn, &files)?;
            for setting in &settings {
                conn.prepare_cached("INSERT OR REPLACE INTO settings(key, value) VALUES (?1, ?2)")?
                    .execute((&setting.0, &setting.1))?;
            }
            Ok(sign_off(conn, &head, &needs)?)
        })
    }

    /// Counts on from a head of this node that a place has and that is not known here; its hash is the one that the next
    /// head names. Nothing is known of what it lists, so that no pack is found from it or dropped by it, and what a restore
    /// begins with stays what it was.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn count_on(&self, head: &HeadRow) -> Result<(), StoreError> {
        let head = head.clone();
        self.write(move |conn| {
            let sql = "SELECT coalesce((SELECT through FROM heads ORDER BY number DESC LIMIT 1), 0)";
            let through = conn.query_row(sql, [], |row| row.get(0))?;
            conn.prepare_cached("INSERT OR REPLACE INTO settings(key, value) VALUES (?1, ?2)")?
                .execute((COUNTED_ON, head.number.to_string()))?;
            Ok(write_head(conn, &head, through)?)
        })
    }

    /// Whether a segment lists packs, or takes some back, and no head was made since: then the next head is owed, though
    /// nothing else changed. A run that is cut off between the two leaves it so.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn owes_head(&self) -> Result<bool, StoreError> {
        self.db.read(|conn| {
            // What no segment ever listed (0) is taken back by no segment; it waits for a head, and no head for it.
            let sql = "SELECT
                   EXISTS (SELECT 1 FROM packs WHERE segment IS NOT NULL AND since_head IS NULL)
                OR EXISTS (SELECT 1 FROM packs WHERE dropped_ms IS NOT NULL AND dropped_segment > 0
                             AND dropped_head IS NULL)";
            Ok(conn.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
        })
    }

    /// The newest head that was recorded.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn last_head(&self) -> Result<Option<HeadRow>, StoreError> {
        self.db.read(|conn| {
            let mut statement = conn
                .prepare_cached("SELECT number, hash, at_ms, head FROM heads ORDER BY number DESC LIMIT 1")?;
            Ok(statement.query_row([], head_row).optional()?)
        })
    }

    /// The newest head, if it is this home's to give: one that was only counted on is somebody else's, and names what no
    /// other place need have.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn head_to_give(&self) -> Result<Option<HeadRow>, StoreError> {
        let counted_on = self.setting(COUNTED_ON)?.and_then(|number| number.parse().ok());
        Ok(self.last_head()?.filter(|last| Some(last.number) != counted_on))
    }

    /// The head with this number that was recorded, as it was sent; the last few are remembered.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn head_numbered(&self, number: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.db.read(|conn| {
            let mut statement = conn.prepare_cached("SELECT head FROM heads WHERE number = ?1")?;
            Ok(statement.query_row([signed(number)], |row| row.get(0)).optional()?)
        })
    }

    /// The newest head that a place has.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn head_at(&self, target: TargetId) -> Result<Option<u64>, StoreError> {
        Ok(self.target(target)?.and_then(|target| target.head))
    }

    /// A place took the head with this number.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn set_head_at(&self, target: TargetId, number: u64) -> Result<(), StoreError> {
        self.write(move |conn| {
            conn.prepare_cached("UPDATE targets SET head = ?2 WHERE number = ?1")?
                .execute((target.0, signed(number)))?;
            Ok(())
        })
    }

    /// A place turned out to have no head newer than this one, whatever it took before; `None`: it has none at all.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn head_lost_at(&self, target: TargetId, left: Option<u64>) -> Result<(), StoreError> {
        self.write(move |conn| {
            conn.prepare_cached("UPDATE targets SET head = ?2 WHERE number = ?1")?
                .execute((target.0, left.map(signed)))?;
            Ok(())
        })
    }

    /// Whether a place proved every pack that a restore from the newest head begins with, so that the head may go there.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn head_ready(&self, target: TargetId) -> Result<bool, StoreError> {
        Ok(self.head_awaits(target)?.is_some_and(|awaited| awaited.is_empty()))
    }

    /// The packs that a restore from the newest head begins with and that a place has not proved; `None` when there is no
    /// head, or it needs something that stands in no pack.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn head_awaits(&self, target: TargetId) -> Result<Option<Vec<PackId>>, StoreError> {
        self.db.read(|conn| {
            let mut statement = conn.prepare_cached("SELECT blob FROM needed")?;
            let blobs: Vec<i64> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
            if blobs.is_empty() {
                return Ok(None);
            }
            let mut packs = std::collections::BTreeSet::new();
            for blob in blobs {
                let Some(found) = pieces::packs_of(conn, blob)? else { return Ok(None) };
                packs.extend(found);
            }
            let mut awaited = Vec::new();
            for pack in packs {
                awaited.extend(unproven_pack(conn, target, pack)?);
            }
            Ok(Some(awaited))
        })
    }

    /// The files of the home, as the last manifest has them, by name.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn files(&self) -> Result<Vec<FileSnapshot>, StoreError> {
        self.db.read(|conn| {
            let mut statement =
                conn.prepare_cached("SELECT name, bytes, chunk_bytes, chunks FROM files ORDER BY name")?;
            Ok(statement.query_map([], file)?.collect::<Result<_, _>>()?)
        })
    }

    /// Remembers the files of a manifest in place of those before.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn set_files(&self, files: &[FileSnapshot]) -> Result<(), StoreError> {
        let files = files.to_vec();
        self.write(move |conn| Ok(write_files(conn, &files)?))
    }

    fn pack_ids(&self, sql: &str, limit: usize) -> Result<Vec<PackId>, StoreError> {
        self.db.read(|conn| {
            let mut statement = conn.prepare_cached(sql)?;
            let packs = statement.query_map([signed(limit)], |row| bytes(row, 0).map(PackId::from_bytes))?;
            Ok(packs.collect::<Result<_, _>>()?)
        })
    }
}

/// Notes a segment that stands in a recorded pack; its number.
pub(super) fn add_segment(conn: &Connection, segment: &ContentHash, now_ms: i64) -> rusqlite::Result<i64> {
    let blob = pieces::intern(conn, segment)?;
    conn.prepare_cached("INSERT OR IGNORE INTO segments(blob, at_ms) VALUES (?1, ?2)")?
        .execute((blob, now_ms))?;
    conn.prepare_cached("SELECT number FROM segments WHERE blob = ?1")?.query_row([blob], |row| row.get(0))
}

pub(super) fn list_pack(conn: &Connection, id: &PackId, segment: i64) -> rusqlite::Result<()> {
    if let Some((pack, _)) = find(conn, id)? {
        conn.prepare_cached("UPDATE packs SET segment = ?2 WHERE number = ?1")?.execute((pack, segment))?;
    }
    Ok(())
}

pub(super) fn write_files(conn: &Connection, files: &[FileSnapshot]) -> rusqlite::Result<()> {
    conn.execute("DELETE FROM files", [])?;
    let mut statement = conn.prepare_cached(
        "INSERT OR REPLACE INTO files(name, bytes, chunk_bytes, chunks) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for file in files {
        let chunks: Vec<u8> = file.chunks.iter().flat_map(|chunk| *chunk.as_bytes()).collect();
        statement.execute((&file.name, signed(file.bytes), file.chunk_bytes, chunks))?;
    }
    Ok(())
}

/// A head was signed: what segments list is found from it, and what they take back is not.
fn sign_off(conn: &Connection, head: &HeadRow, needs: &[ContentHash]) -> rusqlite::Result<()> {
    let through = conn.query_row("SELECT coalesce(max(number), 0) FROM packs", [], |row| row.get(0))?;
    write_head(conn, head, through)?;
    conn.execute("DELETE FROM needed", [])?;
    for blob in needs {
        let number = pieces::intern(conn, blob)?;
        conn.prepare_cached("INSERT OR IGNORE INTO needed(blob) VALUES (?1)")?.execute([number])?;
    }
    conn.execute("INSERT OR IGNORE INTO needed(blob) SELECT blob FROM segments", [])?;
    let number = signed(head.number);
    conn.execute(
        "UPDATE packs SET since_head = ?1 WHERE since_head IS NULL AND segment IS NOT NULL",
        [number],
    )?;
    conn.execute(
        "UPDATE packs SET dropped_head = ?1
         WHERE dropped_ms IS NOT NULL AND dropped_segment IS NOT NULL AND dropped_head IS NULL",
        [number],
    )?;
    forget_dropped(conn)
}

fn write_head(conn: &Connection, head: &HeadRow, through: i64) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO heads(number, hash, at_ms, through, head) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute((signed(head.number), head.hash, head.at_ms, through, &head.head))?;
    conn.prepare_cached("DELETE FROM heads WHERE number <= ?1 - ?2")?
        .execute((signed(head.number), HEADS_KEPT))?;
    Ok(())
}

fn unproven_pack(conn: &Connection, target: TargetId, pack: i64) -> rusqlite::Result<Option<PackId>> {
    conn.prepare_cached(
        "SELECT id FROM packs p WHERE number = ?1
           AND NOT EXISTS (SELECT 1 FROM copies c WHERE c.target = ?2 AND c.pack = ?1 AND c.state = 2)",
    )?
    .query_row((pack, target.0), |row| bytes(row, 0).map(PackId::from_bytes))
    .optional()
}

fn head_row(row: &Row<'_>) -> rusqlite::Result<HeadRow> {
    Ok(HeadRow { number: unsigned(row, 0)?, hash: bytes(row, 1)?, at_ms: row.get(2)?, head: row.get(3)? })
}

fn file(row: &Row<'_>) -> rusqlite::Result<FileSnapshot> {
    let chunks: Vec<u8> = row.get(3)?;
    Ok(FileSnapshot {
        name: row.get(0)?,
        bytes: unsigned(row, 1)?,
        chunk_bytes: row.get(2)?,
        chunks: chunks.as_chunks::<32>().0.iter().map(|hash| ContentHash::from_bytes(*hash)).collect(),
    })
}

//! Packs and what stands in them.

use std::collections::{BTreeSet, HashSet};

use heirloom_identity::ContentHash;
use heirloom_store::StoreError;
use heirloom_store::rusqlite::{self, Connection, OptionalExtension, Row};

use super::pieces::{self, Piece};
use super::{VaultStore, bytes, impossible, signed, unsigned};
use crate::policy::TargetId;
use crate::{BlobKind, Entry, Located, PackId, PackRef};

/// Photos that can be told apart when packs are put in order; a shelf comes before the next whatever its photos.
const NEWEST_BITS: u32 = 40;

impl VaultStore {
    /// Records a pack that is durable somewhere, and what stands in it. May be called twice.
    ///
    /// # Errors
    /// When it could not be saved; then the pack does not exist.
    pub fn record_pack(&self, pack: &PackRef, entries: &[Entry], now_ms: i64) -> Result<(), StoreError> {
        let (pack, entries) = (*pack, entries.to_vec());
        self.write(move |conn| {
            let Some((_, blobs)) = insert(conn, &pack, &entries, now_ms)? else { return Ok(()) };
            Ok(pieces::refresh(conn, &blobs)?)
        })
    }

    /// A pack and what stands in it, in the order of the pack.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn pack(&self, id: &PackId) -> Result<Option<(PackRef, Vec<Entry>)>, StoreError> {
        self.db.read(|conn| {
            let Some((number, pack)) = find(conn, id)? else { return Ok(None) };
            Ok(Some((pack, entries_of(conn, number)?)))
        })
    }

    /// Packs in the order of their ids, those after `after`; dropped ones not among them.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn packs_after(&self, after: Option<PackId>, limit: usize) -> Result<Vec<PackRef>, StoreError> {
        self.db.read(|conn| {
            let mut statement = conn.prepare_cached(
                "SELECT id, generation, salt, bytes FROM packs WHERE id > ?1 AND dropped_ms IS NULL
                 ORDER BY id LIMIT ?2",
            )?;
            let after = after.map(|id| id.as_bytes().to_vec()).unwrap_or_default();
            Ok(statement
                .query_map((after, signed(limit)), |row| pack_ref(row, 0))?
                .collect::<Result<_, _>>()?)
        })
    }

    /// Which of these packs are not known here, dropped ones being known until they are deleted everywhere.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn unknown_of(&self, packs: &[PackId]) -> Result<Vec<PackId>, StoreError> {
        self.db.read(|conn| {
            let mut unknown = Vec::new();
            for id in packs {
                if find(conn, id)?.is_none() {
                    unknown.push(*id);
                }
            }
            Ok(unknown)
        })
    }

    /// Whether a blob stands wholly in packs.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn has(&self, blob: &ContentHash) -> Result<bool, StoreError> {
        self.db.read(|conn| Ok(is_packed(conn, blob)?))
    }

    /// Which of these blobs don't stand wholly in packs, each once, in their order.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn missing_of(&self, blobs: &[ContentHash]) -> Result<Vec<ContentHash>, StoreError> {
        self.db.read(|conn| {
            let mut seen = BTreeSet::new();
            let mut missing = Vec::new();
            for blob in blobs {
                if seen.insert(blob) && !is_packed(conn, blob)? {
                    missing.push(*blob);
                }
            }
            Ok(missing)
        })
    }

    /// Where a blob's pieces are; `None` when it doesn't stand wholly in packs.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn locate(&self, blob: &ContentHash) -> Result<Option<Located>, StoreError> {
        self.db.read(|conn| Ok(locate(conn, blob, &HashSet::new())?))
    }

    /// Where a blob's pieces are besides these packs, which could not be read.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn locate_without(
        &self,
        blob: &ContentHash,
        without: &HashSet<PackId>,
    ) -> Result<Option<Located>, StoreError> {
        self.db.read(|conn| Ok(locate(conn, blob, without)?))
    }

    /// Where a blob's pieces are in packs that this place has proved; `None` when it has not got all of it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn locate_at(&self, blob: &ContentHash, target: TargetId) -> Result<Option<Located>, StoreError> {
        self.db.read(|conn| {
            let mut statement = conn.prepare_cached(
                "SELECT 1 FROM copies WHERE target = ?1 AND pack = ?2 AND state = 2 AND proven_ms IS NOT NULL",
            )?;
            let mut proven = Vec::new();
            for piece in pieces_of(conn, blob)? {
                if statement.exists((target.0, piece.0))? {
                    proven.push(piece);
                }
            }
            Ok(put_together(blob, &proven))
        })
    }

    /// Leaves packs out of the vault: their blobs are no longer found in them. The next segment tells so, and once a
    /// head that knows it is at a place, the packs may be deleted there ([`VaultStore::deletable`]).
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn drop_packs(&self, packs: &[PackId], now_ms: i64) -> Result<(), StoreError> {
        let packs = packs.to_vec();
        self.write(move |conn| {
            let mut blobs = BTreeSet::new();
            for id in &packs {
                drop_one(conn, id, now_ms, &mut blobs)?;
            }
            Ok(pieces::refresh(conn, &blobs)?)
        })
    }

    /// Forgets what stands in a pack besides these blobs: it is packed anew. `false` when nothing else stands in it.
    ///
    /// The pack itself stays what it is wherever it is, and manifests that list all of it stay true.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn keep_only(&self, pack: &PackId, blobs: &[ContentHash]) -> Result<bool, StoreError> {
        let (pack, kept) = (*pack, blobs.iter().copied().collect::<HashSet<_>>());
        self.write(move |conn| {
            let Some((number, _)) = find(conn, &pack)? else { return Ok(false) };
            let mut forgotten = BTreeSet::new();
            for entry in entries_of(conn, number)?.iter().filter(|entry| !kept.contains(&entry.blob)) {
                forgotten.extend(pieces::number_of(conn, &entry.blob)?);
            }
            for blob in &forgotten {
                conn.prepare_cached("DELETE FROM entries WHERE pack = ?1 AND blob = ?2")?
                    .execute((number, blob))?;
            }
            conn.prepare_cached(
                "UPDATE packs SET plain = (SELECT coalesce(sum(max(bytes, 1)), 0) FROM entries WHERE pack = ?1)
                 WHERE number = ?1",
            )?
            .execute([number])?;
            pieces::refresh(conn, &forgotten)?;
            Ok(!forgotten.is_empty())
        })
    }
}

/// Writes a pack and its entries; the number it got and the blobs it concerns, or `None` when it was there.
pub(super) fn insert(
    conn: &Connection,
    pack: &PackRef,
    entries: &[Entry],
    now_ms: i64,
) -> rusqlite::Result<Option<(i64, BTreeSet<i64>)>> {
    if find(conn, &pack.id)?.is_some() {
        return Ok(None);
    }
    let shelf = entries.iter().map(|entry| entry.kind.shelf()).min().unwrap_or(0);
    let plain: u64 = entries.iter().map(|entry| u64::from(entry.bytes.max(1))).sum();
    conn.prepare_cached(
        "INSERT INTO packs(id, generation, salt, bytes, shelf, turn, plain, made_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, ?7)",
    )?
    .execute((
        pack.id.as_bytes(),
        pack.generation,
        pack.salt,
        pack.bytes,
        shelf,
        signed(plain),
        now_ms,
    ))?;
    let number = conn.last_insert_rowid();
    let mut blobs = BTreeSet::new();
    for (position, entry) in entries.iter().enumerate() {
        let blob = pieces::intern(conn, &entry.blob)?;
        blobs.insert(blob);
        conn.prepare_cached(
            "INSERT INTO entries(pack, position, blob, kind, size, at, bytes, offset, first_chunk)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute((
            number,
            signed(position),
            blob,
            entry.kind.number(),
            signed(entry.size),
            signed(entry.at),
            entry.bytes,
            entry.offset,
            entry.first_chunk,
        ))?;
    }
    let turn = turn(conn, number, shelf, &blobs)?;
    conn.prepare_cached("UPDATE packs SET turn = ?2 WHERE number = ?1")?.execute((number, turn))?;
    Ok(Some((number, blobs)))
}

/// When it is a pack's turn to be sent, lower first: by shelf, then by the newest photo in it.
fn turn(conn: &Connection, number: i64, shelf: u8, blobs: &BTreeSet<i64>) -> rusqlite::Result<i64> {
    let mut newest = if shelf == 0 { number } else { 0 };
    if shelf > 0 {
        let mut statement = conn.prepare_cached(pieces::PHOTOS_WITH_SQL)?;
        for blob in blobs {
            let mut rows = statement.query([blob])?;
            while let Some(row) = rows.next()? {
                newest = newest.max(row.get(0)?);
            }
        }
    }
    let end = 1_i64 << NEWEST_BITS;
    Ok((i64::from(shelf) << NEWEST_BITS) + (end - 1 - newest.clamp(0, end - 1)))
}

fn drop_one(conn: &Connection, id: &PackId, now_ms: i64, blobs: &mut BTreeSet<i64>) -> rusqlite::Result<()> {
    let Some((number, _)) = find(conn, id)? else { return Ok(()) };
    let mut statement = conn.prepare_cached("SELECT DISTINCT blob FROM entries WHERE pack = ?1")?;
    let mut rows = statement.query([number])?;
    while let Some(row) = rows.next()? {
        blobs.insert(row.get(0)?);
    }
    note_replaced(conn, number)?;
    conn.prepare_cached("DELETE FROM entries WHERE pack = ?1")?.execute([number])?;
    // What no segment lists needs no segment to take it back.
    conn.prepare_cached(
        "UPDATE packs SET dropped_ms = ?2, dropped_segment = iif(segment IS NULL, 0, NULL)
         WHERE number = ?1 AND dropped_ms IS NULL",
    )?
    .execute((number, now_ms))?;
    conn.prepare_cached("UPDATE copies SET state = 4 WHERE pack = ?1")?.execute([number])?;
    Ok(())
}

/// Notes in which packs the pieces of one that is dropped stand, too, also for those that it took the place of itself.
fn note_replaced(conn: &Connection, number: i64) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "INSERT OR IGNORE INTO replaced(pack, by) SELECT ?1, n.pack FROM entries e
         JOIN entries n ON n.blob = e.blob AND n.pack <> e.pack WHERE e.pack = ?1",
    )?
    .execute([number])?;
    conn.prepare_cached(
        "INSERT OR IGNORE INTO replaced(pack, by) SELECT old.pack, new.by FROM replaced old
         JOIN replaced new ON new.pack = old.by WHERE old.by = ?1 AND new.by <> old.pack",
    )?
    .execute([number])?;
    Ok(())
}

pub(super) fn find(conn: &Connection, id: &PackId) -> rusqlite::Result<Option<(i64, PackRef)>> {
    conn.prepare_cached("SELECT number, id, generation, salt, bytes FROM packs WHERE id = ?1")?
        .query_row([id.as_bytes()], |row| Ok((row.get(0)?, pack_ref(row, 1)?)))
        .optional()
}

pub(super) fn entries_of(conn: &Connection, pack: i64) -> rusqlite::Result<Vec<Entry>> {
    let mut statement = conn.prepare_cached(
        "SELECT e.kind, b.hash, e.size, e.at, e.bytes, e.offset, e.first_chunk
         FROM entries e JOIN blobs b ON b.number = e.blob WHERE e.pack = ?1 ORDER BY e.position",
    )?;
    statement.query_map([pack], |row| entry(row, 0))?.collect()
}

pub(super) fn is_packed(conn: &Connection, blob: &ContentHash) -> rusqlite::Result<bool> {
    let packed: Option<bool> = conn
        .prepare_cached("SELECT packed FROM blobs WHERE hash = ?1")?
        .query_row([blob.as_bytes()], |row| row.get(0))
        .optional()?;
    Ok(packed == Some(true))
}

pub(super) fn locate(
    conn: &Connection,
    blob: &ContentHash,
    without: &HashSet<PackId>,
) -> rusqlite::Result<Option<Located>> {
    let mut pieces = pieces_of(conn, blob)?;
    pieces.retain(|(_, pack, _)| !without.contains(&pack.id));
    Ok(put_together(blob, &pieces))
}

/// All pieces of a blob, with the number of their pack.
fn pieces_of(conn: &Connection, blob: &ContentHash) -> rusqlite::Result<Vec<(i64, PackRef, Entry)>> {
    let mut statement = conn.prepare_cached(
        "SELECT e.kind, b.hash, e.size, e.at, e.bytes, e.offset, e.first_chunk,
           p.id, p.generation, p.salt, p.bytes, p.number
         FROM blobs b JOIN entries e ON e.blob = b.number JOIN packs p ON p.number = e.pack
         WHERE b.hash = ?1",
    )?;
    statement
        .query_map([blob.as_bytes()], |row| Ok((row.get(11)?, pack_ref(row, 7)?, entry(row, 0)?)))?
        .collect()
}

/// Chooses pieces that are the whole blob, if there are such.
fn put_together(blob: &ContentHash, pieces: &[(i64, PackRef, Entry)]) -> Option<Located> {
    let sizes = pieces.iter().map(|(pack, _, entry)| Piece {
        pack: *pack,
        size: entry.size,
        at: entry.at,
        bytes: entry.bytes.into(),
    });
    let chosen = pieces::chain(&sizes.collect::<Vec<_>>())?;
    let chosen: Vec<_> = chosen.into_iter().map(|index| (pieces[index].1, pieces[index].2)).collect();
    let (_, first) = chosen.first()?;
    Some(Located { kind: first.kind, blob: *blob, size: first.size, pieces: chosen })
}

pub(super) fn pack_ref(row: &Row<'_>, from: usize) -> rusqlite::Result<PackRef> {
    Ok(PackRef {
        id: PackId::from_bytes(bytes(row, from)?),
        generation: row.get(from + 1)?,
        salt: bytes(row, from + 2)?,
        bytes: row.get(from + 3)?,
    })
}

fn entry(row: &Row<'_>, from: usize) -> rusqlite::Result<Entry> {
    let kind = BlobKind::from_number(row.get(from)?).ok_or_else(|| impossible(from, "no kind of blob"))?;
    Ok(Entry {
        kind,
        blob: ContentHash::from_bytes(bytes(row, from + 1)?),
        size: unsigned(row, from + 2)?,
        at: unsigned(row, from + 3)?,
        bytes: row.get(from + 4)?,
        offset: row.get(from + 5)?,
        first_chunk: row.get(from + 6)?,
    })
}

//! Photos: which blobs belong together, and how the originals here are.

use std::collections::BTreeSet;

use heirloom_identity::ContentHash;
use heirloom_store::StoreError;
use heirloom_store::rusqlite::{self, Connection, OptionalExtension, Row};

use super::pieces::{self, Covers};
use super::{VaultStore, bytes, optional_bytes, signed, stored_as_number, unsigned};
use crate::policy::drill::Candidate;
use crate::policy::scrub::SCRUB_LATEST_MS;
use crate::policy::{DAY_MS, TargetId};

/// A photo as the vault sees it: three blobs that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Picture {
    /// The original.
    pub content: ContentHash,
    /// Its thumbnail, once there is one.
    pub thumbnail: Option<ContentHash>,
    /// Its preview, once there is one.
    pub preview: Option<ContentHash>,
    /// The original's size.
    pub bytes: u64,
    /// When it came, milliseconds since the Unix epoch, UTC.
    pub arrived_ms: i64,
}

/// How an original is, here at home.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OriginalState {
    /// Here, and whole when it was last read.
    Here,
    /// It was read and is not what it was; it was set aside.
    Damaged,
    /// It is not here, or not yet.
    Missing,
}

stored_as_number!(OriginalState { Here = 0, Damaged = 1, Missing = 2 });

/// A photo as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhotoNow {
    /// Its number in the order of noting.
    pub number: i64,
    /// Its blobs.
    pub picture: Picture,
    /// How its original is here.
    pub original: OriginalState,
    /// Whether all its blobs stand in packs.
    pub packed: bool,
}

impl VaultStore {
    /// Notes photos, or what became known of them since. A thumbnail or preview that is `None` leaves the one known.
    /// `scrub_due_ms`: when the original of a photo noted for the first time is to be read again; of a photo noted
    /// before it stays as it was.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn note_pictures(&self, pictures: &[(Picture, i64)]) -> Result<(), StoreError> {
        let pictures = pictures.to_vec();
        self.write(move |conn| {
            let mut known = Covers::default();
            for (picture, scrub_due_ms) in &pictures {
                let photo = note(conn, picture, *scrub_due_ms)?;
                pieces::refresh_photo(conn, photo, &mut known)?;
            }
            Ok(())
        })
    }

    /// Forgets photos that are no longer in the household's library. Their blobs are no longer wanted.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn forget_pictures(&self, contents: &[ContentHash]) -> Result<(), StoreError> {
        let contents = contents.to_vec();
        self.write(move |conn| {
            for content in &contents {
                let Some(blob) = pieces::number_of(conn, content)? else { continue };
                let blobs = blobs_of(conn, blob)?;
                conn.prepare_cached("DELETE FROM photos WHERE content = ?1")?.execute([blob])?;
                unwant(conn, blobs)?;
            }
            Ok(())
        })
    }

    /// Photos in the order of noting, those after number `after`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn pictures_after(&self, after: i64, limit: usize) -> Result<Vec<PhotoNow>, StoreError> {
        self.select("WHERE f.number > ?1 ORDER BY f.number LIMIT ?2", after, limit)
    }

    /// The photo with this original.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn picture_of(&self, content: &ContentHash) -> Result<Option<PhotoNow>, StoreError> {
        self.db.read(|conn| {
            let sql = format!("{PHOTO_SQL} WHERE c.hash = ?1");
            let mut statement = conn.prepare_cached(&sql)?;
            Ok(statement.query_row([content.as_bytes()], photo).optional()?)
        })
    }

    /// Photos that are not wholly in packs yet, the newest first, those before number `before`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn unpacked_pictures(&self, before: i64, limit: usize) -> Result<Vec<PhotoNow>, StoreError> {
        self.select("WHERE f.packs IS NULL AND f.number < ?1 ORDER BY f.number DESC LIMIT ?2", before, limit)
    }

    /// The photos that have this blob as their original, thumbnail or preview.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn pictures_with(&self, blob: &ContentHash) -> Result<Vec<PhotoNow>, StoreError> {
        self.db.read(|conn| {
            let Some(blob) = pieces::number_of(conn, blob)? else { return Ok(Vec::new()) };
            let sql = format!("{PHOTO_SQL} WHERE f.number IN ({})", pieces::PHOTOS_WITH_SQL);
            let mut statement = conn.prepare_cached(&sql)?;
            Ok(statement.query_map([blob], photo)?.collect::<Result<_, _>>()?)
        })
    }

    /// Photos whose original is damaged or missing here, the newest first, those before number `before`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn originals_away(&self, before: i64, limit: usize) -> Result<Vec<PhotoNow>, StoreError> {
        self.select("WHERE f.state <> 0 AND f.number < ?1 ORDER BY f.number DESC LIMIT ?2", before, limit)
    }

    /// How many originals are damaged and how many are missing here.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn originals_away_count(&self) -> Result<(u64, u64), StoreError> {
        self.db.read(|conn| {
            let mut statement = conn.prepare_cached(
                "SELECT count(*) FILTER (WHERE state = 1), count(*) FILTER (WHERE state = 2)
                 FROM photos WHERE state <> 0",
            )?;
            Ok(statement.query_row([], |row| Ok((unsigned(row, 0)?, unsigned(row, 1)?)))?)
        })
    }

    /// Says how originals are here.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn set_original_state(
        &self,
        contents: &[ContentHash],
        state: OriginalState,
    ) -> Result<(), StoreError> {
        let contents = contents.to_vec();
        self.write(move |conn| {
            for content in &contents {
                let Some(blob) = pieces::number_of(conn, content)? else { continue };
                conn.prepare_cached("UPDATE photos SET state = ?2 WHERE content = ?1")?
                    .execute((blob, state))?;
            }
            Ok(())
        })
    }

    /// Originals here that are to be read again by now, the most overdue first. Those that would be due later than any
    /// plan says were planned by a clock that was ahead, and are due now.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn scrub_due(&self, now_ms: i64, limit: usize) -> Result<Vec<PhotoNow>, StoreError> {
        let mut due = self.select(
            "WHERE f.state = 0 AND f.scrub_due_ms <= ?1 ORDER BY f.scrub_due_ms LIMIT ?2",
            now_ms,
            limit,
        )?;
        let latest_ms = now_ms.saturating_add(SCRUB_LATEST_MS).saturating_add(DAY_MS);
        due.extend(self.select(
            "WHERE f.state = 0 AND f.scrub_due_ms > ?1 ORDER BY f.scrub_due_ms LIMIT ?2",
            latest_ms,
            limit - due.len().min(limit),
        )?);
        Ok(due)
    }

    /// An original was read and is whole; it is read again at `next_ms` ([`scrub`](crate::policy::scrub)).
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn scrubbed(&self, originals: &[(ContentHash, i64)]) -> Result<(), StoreError> {
        let originals = originals.to_vec();
        self.write(move |conn| {
            for (content, next_ms) in &originals {
                let Some(blob) = pieces::number_of(conn, content)? else { continue };
                conn.prepare_cached("UPDATE photos SET state = 0, scrub_due_ms = ?2 WHERE content = ?1")?
                    .execute((blob, next_ms))?;
            }
            Ok(())
        })
    }

    /// All photos that a drill can fetch: those that are wholly in packs.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn drill_candidates(&self) -> Result<Vec<Candidate>, StoreError> {
        self.db.read(|conn| {
            let mut statement =
                conn.prepare_cached("SELECT number, drilled_ms FROM photos WHERE packs IS NOT NULL")?;
            let candidates = statement
                .query_map([], |row| Ok(Candidate { photo: row.get(0)?, drilled_ms: row.get(1)? }))?;
            Ok(candidates.collect::<Result<_, _>>()?)
        })
    }

    /// The photos with these numbers, as far as they are there.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn pictures(&self, numbers: &[i64]) -> Result<Vec<PhotoNow>, StoreError> {
        self.db.read(|conn| {
            let mut statement = conn.prepare_cached(&format!("{PHOTO_SQL} WHERE f.number = ?1"))?;
            let mut photos = Vec::with_capacity(numbers.len());
            for number in numbers {
                photos.extend(statement.query_row([number], photo).optional()?);
            }
            Ok(photos)
        })
    }

    /// A drill fetched photos.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn drilled(&self, photos: &[i64], now_ms: i64) -> Result<(), StoreError> {
        let photos = photos.to_vec();
        self.write(move |conn| {
            let mut statement = conn.prepare_cached("UPDATE photos SET drilled_ms = ?2 WHERE number = ?1")?;
            for photo in &photos {
                statement.execute((photo, now_ms))?;
            }
            Ok(())
        })
    }

    /// Where a photo is complete, and since when each place has proved its oldest-proved part.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn copies_of(&self, content: &ContentHash) -> Result<Vec<(TargetId, i64)>, StoreError> {
        self.db.read(|conn| {
            let Some(blob) = pieces::number_of(conn, content)? else { return Ok(Vec::new()) };
            let packs: Option<Option<Vec<u8>>> = conn
                .prepare_cached("SELECT packs FROM photos WHERE content = ?1")?
                .query_row([blob], |row| row.get(0))
                .optional()?;
            let Some(Some(packs)) = packs else { return Ok(Vec::new()) };
            let packs: BTreeSet<u32> = pieces::read_packs(&packs).collect();
            Ok(places_with(conn, &packs)?)
        })
    }

    fn select(&self, condition: &str, number: i64, limit: usize) -> Result<Vec<PhotoNow>, StoreError> {
        self.db.read(|conn| {
            let mut statement = conn.prepare_cached(&format!("{PHOTO_SQL} {condition}"))?;
            let photos = statement.query_map((number, signed(limit)), photo)?;
            Ok(photos.collect::<Result<_, _>>()?)
        })
    }
}

const PHOTO_SQL: &str = "SELECT f.number, c.hash, t.hash, v.hash, f.bytes, f.arrived_ms, f.state,
   f.packs IS NOT NULL
 FROM photos f JOIN blobs c ON c.number = f.content
 LEFT JOIN blobs t ON t.number = f.thumbnail LEFT JOIN blobs v ON v.number = f.preview";

fn photo(row: &Row<'_>) -> rusqlite::Result<PhotoNow> {
    let hash = |column| Ok::<_, rusqlite::Error>(optional_bytes(row, column)?.map(ContentHash::from_bytes));
    Ok(PhotoNow {
        number: row.get(0)?,
        picture: Picture {
            content: ContentHash::from_bytes(bytes(row, 1)?),
            thumbnail: hash(2)?,
            preview: hash(3)?,
            bytes: unsigned(row, 4)?,
            arrived_ms: row.get(5)?,
        },
        original: row.get(6)?,
        packed: row.get(7)?,
    })
}

fn note(conn: &Connection, picture: &Picture, scrub_due_ms: i64) -> rusqlite::Result<i64> {
    let content = pieces::intern(conn, &picture.content)?;
    let number = |blob: Option<ContentHash>| blob.map(|blob| pieces::intern(conn, &blob)).transpose();
    let (thumbnail, preview) = (number(picture.thumbnail)?, number(picture.preview)?);
    let before = blobs_of(conn, content)?;
    let photo = conn
        .prepare_cached(
            "INSERT INTO photos(content, thumbnail, preview, bytes, arrived_ms, scrub_due_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT(content) DO UPDATE SET thumbnail = coalesce(?2, thumbnail),
           preview = coalesce(?3, preview), bytes = ?4, arrived_ms = ?5
         RETURNING number",
        )?
        .query_row(
            (content, thumbnail, preview, signed(picture.bytes), picture.arrived_ms, scrub_due_ms),
            |row| row.get(0),
        )?;
    for blob in [Some(content), thumbnail, preview].into_iter().flatten() {
        conn.prepare_cached("UPDATE blobs SET unwanted = 0 WHERE number = ?1 AND unwanted = 1")?
            .execute([blob])?;
    }
    unwant(conn, before)?;
    Ok(photo)
}

/// The blobs of the photo with this original.
fn blobs_of(conn: &Connection, content: i64) -> rusqlite::Result<[Option<i64>; 3]> {
    let found = conn
        .prepare_cached("SELECT content, thumbnail, preview FROM photos WHERE content = ?1")?
        .query_row([content], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]))
        .optional()?;
    Ok(found.unwrap_or_default())
}

/// Says of those blobs that no photo has any more that they are not wanted.
fn unwant(conn: &Connection, blobs: [Option<i64>; 3]) -> rusqlite::Result<()> {
    for blob in blobs.into_iter().flatten() {
        if !conn.prepare_cached(pieces::PHOTOS_WITH_SQL)?.exists([blob])? {
            conn.prepare_cached("UPDATE blobs SET unwanted = 1 WHERE number = ?1")?.execute([blob])?;
        }
    }
    Ok(())
}

/// The places where all these packs are proven and are found by a head there.
fn places_with(conn: &Connection, packs: &BTreeSet<u32>) -> rusqlite::Result<Vec<(TargetId, i64)>> {
    let mut places: Option<Vec<(TargetId, i64)>> = None;
    let mut statement = conn.prepare_cached(
        "SELECT c.target, c.proven_ms FROM copies c
         JOIN packs p ON p.number = c.pack JOIN targets t ON t.number = c.target
         WHERE c.pack = ?1 AND c.state = 2 AND p.since_head <= t.head AND c.proven_ms IS NOT NULL",
    )?;
    for pack in packs {
        let here: Vec<(TargetId, i64)> = statement
            .query_map([pack], |row| Ok((TargetId(row.get(0)?), row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        let earliest = |(target, proven): (TargetId, i64)| {
            let (_, now) = here.iter().find(|(other, _)| *other == target)?;
            Some((target, proven.min(*now)))
        };
        places = Some(match places {
            None => here,
            Some(before) => before.into_iter().filter_map(earliest).collect(),
        });
    }
    Ok(places.unwrap_or_default())
}

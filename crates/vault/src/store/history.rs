//! Drills, heals and growth: what was done, for people to see.

use heirloom_identity::ContentHash;
use heirloom_store::StoreError;

use super::{VaultStore, bytes, signed, unsigned};
use crate::policy::TargetId;
use crate::policy::forecast::{Day, LOOK_BACK_DAYS, day_of};

/// Characters of a photo's name that are remembered.
const NAME_CHARS_MAX: usize = 255;
/// Drills and heals that are remembered.
const HISTORY_MAX: i64 = 10_000;

/// A drill: photos were fetched, opened and compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drill {
    /// When, milliseconds since the Unix epoch, UTC.
    pub at_ms: i64,
    /// From where; `None`: from several places.
    pub target: Option<TargetId>,
    /// How many photos.
    pub photos: u64,
    /// How many bytes.
    pub bytes: u64,
    /// How many of them did not come back as they should.
    pub problems: u64,
}

/// An original that was damaged or missing here and was brought back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heal {
    /// When, milliseconds since the Unix epoch, UTC.
    pub at_ms: i64,
    /// Which.
    pub content: ContentHash,
    /// What the file is called.
    pub name: String,
    /// From where; `None`: from several places.
    pub target: Option<TargetId>,
}

impl VaultStore {
    /// Records a drill.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn record_drill(&self, drill: Drill) -> Result<(), StoreError> {
        self.write(move |conn| {
            conn.prepare_cached(
                "INSERT INTO drills(at_ms, target, photos, bytes, problems) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute((
                drill.at_ms,
                drill.target.map(|target| target.0),
                signed(drill.photos),
                signed(drill.bytes),
                signed(drill.problems),
            ))?;
            conn.prepare_cached("DELETE FROM drills WHERE number <= (SELECT max(number) FROM drills) - ?1")?
                .execute([HISTORY_MAX])?;
            Ok(())
        })
    }

    /// The last drills, the newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn drills(&self, limit: usize) -> Result<Vec<Drill>, StoreError> {
        self.db.read(|conn| {
            let mut statement = conn.prepare_cached(
                "SELECT at_ms, target, photos, bytes, problems FROM drills ORDER BY number DESC LIMIT ?1",
            )?;
            let drills = statement.query_map([signed(limit)], |row| {
                Ok(Drill {
                    at_ms: row.get(0)?,
                    target: row.get::<_, Option<u32>>(1)?.map(TargetId),
                    photos: unsigned(row, 2)?,
                    bytes: unsigned(row, 3)?,
                    problems: unsigned(row, 4)?,
                })
            })?;
            Ok(drills.collect::<Result<_, _>>()?)
        })
    }

    /// Records that an original was brought back.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn record_heal(&self, heal: &Heal) -> Result<(), StoreError> {
        let heal = heal.clone();
        self.write(move |conn| {
            let name: String = heal.name.chars().take(NAME_CHARS_MAX).collect();
            conn.prepare_cached("INSERT INTO heals(at_ms, content, name, target) VALUES (?1, ?2, ?3, ?4)")?
                .execute((heal.at_ms, heal.content.as_bytes(), name, heal.target.map(|target| target.0)))?;
            conn.prepare_cached("DELETE FROM heals WHERE number <= (SELECT max(number) FROM heals) - ?1")?
                .execute([HISTORY_MAX])?;
            Ok(())
        })
    }

    /// The last originals that were brought back, the newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn heals(&self, limit: usize) -> Result<Vec<Heal>, StoreError> {
        self.db.read(|conn| {
            let mut statement = conn.prepare_cached(
                "SELECT at_ms, content, name, target FROM heals ORDER BY number DESC LIMIT ?1",
            )?;
            let heals = statement.query_map([signed(limit)], |row| {
                Ok(Heal {
                    at_ms: row.get(0)?,
                    content: ContentHash::from_bytes(bytes(row, 1)?),
                    name: row.get(2)?,
                    target: row.get::<_, Option<u32>>(3)?.map(TargetId),
                })
            })?;
            Ok(heals.collect::<Result<_, _>>()?)
        })
    }

    /// Notes how much there is today; the last word of a day counts.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn note_growth(&self, photos: u64, bytes: u64, now_ms: i64) -> Result<(), StoreError> {
        self.write(move |conn| {
            conn.prepare_cached("INSERT OR REPLACE INTO growth(day, photos, bytes) VALUES (?1, ?2, ?3)")?
                .execute((day_of(now_ms), signed(photos), signed(bytes)))?;
            conn.prepare_cached("DELETE FROM growth WHERE day < ?1")?
                .execute([day_of(now_ms) - 2 * LOOK_BACK_DAYS])?;
            Ok(())
        })
    }

    /// How much there was day by day, for [`forecast`](crate::policy::forecast), the oldest day first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn growth(&self) -> Result<Vec<Day>, StoreError> {
        self.db.read(|conn| {
            let mut statement = conn.prepare_cached("SELECT day, photos, bytes FROM growth ORDER BY day")?;
            let days = statement.query_map([], |row| {
                Ok(Day { day: row.get(0)?, photos: unsigned(row, 1)?, bytes: unsigned(row, 2)? })
            })?;
            Ok(days.collect::<Result<_, _>>()?)
        })
    }
}

//! What the catalog is fed with: an arrival, a derivation, marks.

use heirloom_identity::{AccountId, AssetId, ContentHash, Sha1};
use heirloom_store::rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use heirloom_store::rusqlite::{self, Connection, OptionalExtension, Row, named_params};
use serde::{Deserialize, Serialize};

/// Whether an asset moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A still.
    Image,
    /// A video.
    Video,
}

impl ToSql for Kind {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(match self {
            Self::Image => 0_i64,
            Self::Video => 1,
        }))
    }
}

impl FromSql for Kind {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value.as_i64()? {
            0 => Ok(Self::Image),
            1 => Ok(Self::Video),
            other => Err(FromSqlError::OutOfRange(other)),
        }
    }
}

/// What only the moment of arrival knows: a row of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// The row number in the ledger; what grids call a photo by.
    pub local_id: u32,
    /// The asset.
    pub asset: AssetId,
    /// Who owns it.
    pub account: AccountId,
    /// BLAKE3 of the original.
    pub content: ContentHash,
    /// SHA-1 of the original, for clients that ask by it.
    pub sha1: Sha1,
    /// The name it came with, such as `IMG_0042.HEIC`.
    pub file_name: String,
    /// Where the original lies, relative to the home, with `/` between names.
    pub library_path: String,
    /// The original's size.
    pub bytes: u64,
    /// When it came, milliseconds since the Unix epoch, UTC.
    pub arrived_ms: i64,
    /// The month (`yyyymm`) of arrival under which its marks are kept; never changes.
    pub added_month: i32,
    /// The file's modified time, milliseconds since the Unix epoch, UTC; the capture date of last resort.
    pub modified_ms: i64,
    /// The original's media type, by content.
    pub mime: String,
    /// Whether it moves.
    pub kind: Kind,
}

/// What the file itself says, and what was made from its pixels.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Derivation {
    /// Pixels across, upright; 0 when unknown.
    pub width: u32,
    /// Pixels down, upright; 0 when unknown.
    pub height: u32,
    /// How long it plays; `None` for a still.
    pub duration_ms: Option<u32>,
    /// When it was taken, local milliseconds.
    pub taken_local_ms: Option<i64>,
    /// Minutes that the local clock was ahead of UTC.
    pub offset_minutes: Option<i32>,
    /// Degrees north.
    pub latitude: Option<f64>,
    /// Degrees east.
    pub longitude: Option<f64>,
    /// The camera's maker.
    pub make: Option<String>,
    /// The camera.
    pub model: Option<String>,
    /// The lens.
    pub lens: Option<String>,
    /// The aperture as an f-number.
    pub f_number: Option<f64>,
    /// The focal length as built, not as 35 mm equivalent.
    pub focal_length_mm: Option<f64>,
    /// How long the shutter was open.
    pub exposure_seconds: Option<f64>,
    /// The sensitivity.
    pub iso: Option<u32>,
    /// The description embedded in the file.
    pub description: Option<String>,
    /// The rating embedded in the file, 1 to 5; 0 means none.
    pub rating: Option<u8>,
    /// A thumbhash, at most 255 bytes; a longer one is dropped.
    pub thumbhash: Option<Vec<u8>>,
    /// The dominant colour, RGB.
    pub colour: Option<[u8; 3]>,
    /// Which generation of the derivation this is, from 1; a higher one gets new addresses for its pictures.
    pub version: u32,
    /// What was odd about the file, in words.
    pub warnings: Vec<String>,
}

/// What a person decided about a photo; lies over what the file says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Marks {
    /// Whether it is a favourite.
    pub favourite: bool,
    /// The caption; an empty one hides what the file says.
    pub caption: Option<String>,
    /// The rating, 1 to 5; 0 hides what the file says.
    pub rating: Option<u8>,
    /// Whether it is put away: out of the timeline, still in albums and search.
    pub archived: bool,
    /// The corrected capture date: local milliseconds, and minutes ahead of UTC if known. Replaces both.
    pub taken: Option<(i64, Option<i32>)>,
    /// The corrected place: degrees north, degrees east.
    pub place: Option<(f64, f64)>,
}

impl Marks {
    /// The marks kept for an asset; none are like the default.
    pub(crate) fn load(conn: &Connection, asset: &AssetId) -> rusqlite::Result<Self> {
        let mut select = conn.prepare_cached(
            "SELECT favourite, archived, caption, rating, taken_local_ms, offset_minutes, latitude, longitude
             FROM marks WHERE asset_id = :asset",
        )?;
        let found = select.query_row(named_params! {":asset": asset.as_bytes()}, Self::from_row);
        Ok(found.optional()?.unwrap_or_default())
    }

    /// Keeps the marks of an asset, whether it has arrived or not.
    pub(crate) fn save(&self, conn: &Connection, asset: &AssetId) -> rusqlite::Result<()> {
        if *self == Self::default() {
            conn.prepare_cached("DELETE FROM marks WHERE asset_id = :asset")?
                .execute(named_params! {":asset": asset.as_bytes()})?;
            return Ok(());
        }
        conn.prepare_cached(
            "INSERT OR REPLACE INTO marks (asset_id, favourite, archived, caption, rating, taken_local_ms,
               offset_minutes, latitude, longitude)
             VALUES (:asset, :favourite, :archived, :caption, :rating, :taken, :offset, :latitude, :longitude)",
        )?
        .execute(named_params! {
            ":asset": asset.as_bytes(),
            ":favourite": self.favourite,
            ":archived": self.archived,
            ":caption": self.caption,
            ":rating": self.rating,
            ":taken": self.taken.map(|(local_ms, _)| local_ms),
            ":offset": self.taken.and_then(|(_, offset)| offset),
            ":latitude": self.place.map(|(latitude, _)| latitude),
            ":longitude": self.place.map(|(_, longitude)| longitude),
        })?;
        Ok(())
    }

    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let taken: Option<i64> = row.get("taken_local_ms")?;
        let offset: Option<i32> = row.get("offset_minutes")?;
        let latitude: Option<f64> = row.get("latitude")?;
        let longitude: Option<f64> = row.get("longitude")?;
        Ok(Self {
            favourite: row.get("favourite")?,
            archived: row.get("archived")?,
            caption: row.get("caption")?,
            rating: row.get("rating")?,
            taken: taken.map(|local_ms| (local_ms, offset)),
            place: latitude.zip(longitude),
        })
    }
}

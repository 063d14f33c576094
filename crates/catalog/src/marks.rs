//! What a person decided about a photo, copied from the library space.

use heirloom_identity::AssetId;
use heirloom_store::rusqlite::{self, Connection, OptionalExtension, Row, named_params};

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

//! The timeline as Immich's clients ask for it: months, and all photos of one month.

use heirloom_identity::{AccountId, AssetId};
use heirloom_store::rusqlite::{self, Connection, Row, named_params};

use super::View;
use super::months::all_months;
use crate::catalog::owner_of;
use crate::detail::utc_ms;
use crate::{Catalog, CatalogError, Kind};

/// Which photos a bucket holds; `None` means both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BucketFilter {
    /// Only favourites, or only others.
    pub favourite: Option<bool>,
    /// Only archived ones, or only those in the timeline.
    pub archived: Option<bool>,
}

/// A month and how many photos of the filter it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// The month, `yyyymm`.
    pub month: i32,
    /// Photos in it, at least one.
    pub count: u32,
}

/// A photo of a bucket.
#[derive(Debug, Clone, PartialEq)]
pub struct BucketPhoto {
    /// The lasting id.
    pub asset: AssetId,
    /// The number that grids carry.
    pub local_id: u32,
    /// Whether it moves.
    pub kind: Kind,
    /// Pixels across, upright.
    pub width: Option<u32>,
    /// Pixels down, upright.
    pub height: Option<u32>,
    /// How long it plays; 0 for a still.
    pub duration_ms: u32,
    /// When it was taken, local milliseconds.
    pub taken_local_ms: i64,
    /// Minutes that the local clock was ahead of UTC, when known.
    pub offset_minutes: Option<i32>,
    /// When it came, milliseconds since the Unix epoch, UTC.
    pub arrived_ms: i64,
    /// Whether it is a favourite.
    pub favourite: bool,
    /// Whether it is put away from the timeline.
    pub archived: bool,
    /// The thumbhash.
    pub thumbhash: Option<Vec<u8>>,
    /// Degrees north.
    pub latitude: Option<f64>,
    /// Degrees east.
    pub longitude: Option<f64>,
}

impl BucketPhoto {
    /// Width over height; 1.5 while it is not known.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.width.zip(self.height).map_or(1.5, |(width, height)| f64::from(width) / f64::from(height))
    }

    /// When it was taken, milliseconds since the Unix epoch, UTC; where the zone is unknown the local clock
    /// is taken for UTC.
    #[must_use]
    pub fn taken_utc_ms(&self) -> i64 {
        utc_ms(self.taken_local_ms, self.offset_minutes)
    }

    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            asset: AssetId::from_bytes(row.get("asset_id")?),
            local_id: row.get("id")?,
            kind: row.get("kind")?,
            width: row.get("width")?,
            height: row.get("height")?,
            duration_ms: row.get("duration_ms")?,
            taken_local_ms: row.get("taken_local_ms")?,
            offset_minutes: row.get("offset_minutes")?,
            arrived_ms: row.get("arrived_ms")?,
            favourite: row.get("favourite")?,
            archived: row.get("archived")?,
            thumbhash: row.get("thumbhash")?,
            latitude: row.get("latitude")?,
            longitude: row.get("longitude")?,
        })
    }
}

impl Catalog {
    /// The months that hold photos of the filter, newest first.
    ///
    /// # Errors
    /// [`CatalogError::Store`].
    pub fn buckets(&self, account: &AccountId, filter: BucketFilter) -> Result<Vec<Bucket>, CatalogError> {
        self.db.read(|conn| {
            let Some(owner) = owner_of(conn, account)? else { return Ok(Vec::new()) };
            let counted = match (filter.archived, filter.favourite) {
                (Some(false), None) => all_months(conn, owner, View::All)?,
                (Some(false), Some(true)) => all_months(conn, owner, View::Favourites)?,
                _ => return Ok(count_buckets(conn, owner, filter)?),
            };
            let held = counted.into_iter().filter(|month| month.count > 0);
            Ok(held.map(|month| Bucket { month: month.month, count: month.count }).collect())
        })
    }

    /// The photos of one month that pass the filter, in the order of the timeline.
    ///
    /// # Errors
    /// [`CatalogError::Store`].
    pub fn bucket(
        &self,
        account: &AccountId,
        month: i32,
        filter: BucketFilter,
    ) -> Result<Vec<BucketPhoto>, CatalogError> {
        self.db.read(|conn| {
            let Some(owner) = owner_of(conn, account)? else { return Ok(Vec::new()) };
            let mut select = conn.prepare_cached(&bucket_sql(filter))?;
            let rows =
                select.query_map(named_params! {":owner": owner, ":month": month}, BucketPhoto::from_row)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

fn count_buckets(conn: &Connection, owner: i64, filter: BucketFilter) -> rusqlite::Result<Vec<Bucket>> {
    let sql = format!(
        "SELECT month, COUNT(*) FROM assets WHERE owner = :owner AND {} GROUP BY month ORDER BY month DESC",
        condition(filter)
    );
    let mut select = conn.prepare_cached(&sql)?;
    let rows = select.query_map(named_params! {":owner": owner}, |row| {
        Ok(Bucket { month: row.get(0)?, count: row.get(1)? })
    })?;
    rows.collect()
}

/// The query behind [`Catalog::bucket`].
pub(crate) fn bucket_sql(filter: BucketFilter) -> String {
    format!(
        "SELECT id, asset_id, kind, width, height, duration_ms, taken_local_ms, offset_minutes, arrived_ms,
           favourite, archived, thumbhash, latitude, longitude
         FROM assets WHERE owner = :owner AND month = :month AND {} ORDER BY taken_local_ms DESC, id DESC",
        condition(filter)
    )
}

fn condition(filter: BucketFilter) -> String {
    let archived = match filter.archived {
        None => "archived IN (0, 1)",
        Some(false) => "archived = 0",
        Some(true) => "archived = 1",
    };
    let favourite = match filter.favourite {
        None => "",
        Some(false) => " AND favourite = 0",
        Some(true) => " AND favourite = 1",
    };
    format!("{archived}{favourite}")
}

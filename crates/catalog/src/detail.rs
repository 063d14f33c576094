//! Everything about one photo.

use heirloom_identity::{AccountId, AssetId, ContentHash, Sha1};
use heirloom_store::rusqlite::types::ToSql;
use heirloom_store::rusqlite::{self, OptionalExtension, Row, named_params};

use crate::stored::stored_as_number;
use crate::{Catalog, CatalogError, Kind};

pub(crate) const BY_ASSET_SQL: &str =
    "SELECT a.*, c.account FROM assets a JOIN accounts c ON c.id = a.owner WHERE a.asset_id = :key";
pub(crate) const BY_LOCAL_SQL: &str =
    "SELECT a.*, c.account FROM assets a JOIN accounts c ON c.id = a.owner WHERE a.id = :key";

/// How a caller names a photo: by its lasting id or by the number that grids carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AssetRef {
    /// The asset's id.
    Uuid(AssetId),
    /// The local id.
    Local(u32),
}

impl std::str::FromStr for AssetRef {
    type Err = heirloom_identity::IdError;

    /// Reads a decimal local id or a UUID.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let decimal = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(local_id) if decimal => Ok(Self::Local(local_id)),
            _ => text.parse().map(Self::Uuid),
        }
    }
}

/// How far the derivation of a photo has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Not derived yet: no thumbnail.
    Pending,
    /// Derived.
    Derived,
    /// Set aside: no thumbnail, see [`AssetDetail::failure`].
    Failed,
}

stored_as_number!(State { Pending = 0, Derived = 1, Failed = 2 });

/// Who said when a photo was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DatedBy {
    /// Nobody: it is the file's modified time.
    File,
    /// The camera.
    Metadata,
    /// A person who corrected it.
    Person,
}

stored_as_number!(DatedBy { File = 0, Metadata = 1, Person = 2 });

/// One photo as a person sees it: marks over metadata over the file.
#[derive(Debug, Clone, PartialEq)]
pub struct AssetDetail {
    /// The number that grids carry.
    pub local_id: u32,
    /// The lasting id.
    pub asset: AssetId,
    /// The owner.
    pub account: AccountId,
    /// BLAKE3 of the original.
    pub content: ContentHash,
    /// SHA-1 of the original.
    pub sha1: Sha1,
    /// Whether it moves.
    pub kind: Kind,
    /// The name it came with.
    pub file_name: String,
    /// Where the original lies, relative to the home.
    pub library_path: String,
    /// The original's size.
    pub bytes: u64,
    /// The original's media type.
    pub mime: String,
    /// When it came, milliseconds since the Unix epoch, UTC.
    pub arrived_ms: i64,
    /// The month (`yyyymm`) of arrival under which its marks are kept.
    pub added_month: i32,
    /// The file's modified time, milliseconds since the Unix epoch, UTC.
    pub modified_ms: i64,
    /// How far its derivation has come.
    pub state: State,
    /// Why it was set aside.
    pub failure: Option<String>,
    /// The generation of its derivatives; 0 while there are none.
    pub version: u32,
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
    /// Who said so.
    pub dated_by: DatedBy,
    /// The month (`yyyymm`) of the timeline in which it stands.
    pub month: i32,
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
    /// The focal length as built.
    pub focal_length_mm: Option<f64>,
    /// How long the shutter was open.
    pub exposure_seconds: Option<f64>,
    /// The sensitivity.
    pub iso: Option<u32>,
    /// The caption.
    pub caption: Option<String>,
    /// The rating, 1 to 5.
    pub rating: Option<u8>,
    /// Whether it is a favourite.
    pub favourite: bool,
    /// Whether it is put away from the timeline.
    pub archived: bool,
    /// The thumbhash.
    pub thumbhash: Option<Vec<u8>>,
    /// The dominant colour, RGB.
    pub colour: Option<[u8; 3]>,
    /// What was odd about the file, in words.
    pub warnings: Vec<String>,
    /// Whether it is another home's, shown from an album: the account sees it and does not own it.
    pub shared: bool,
}

impl AssetDetail {
    /// When it was taken, milliseconds since the Unix epoch, UTC; where the zone is unknown the local clock
    /// is taken for UTC.
    #[must_use]
    pub fn taken_utc_ms(&self) -> i64 {
        utc_ms(self.taken_local_ms, self.offset_minutes)
    }

    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let bytes: i64 = row.get("bytes")?;
        let colour: Option<u32> = row.get("colour")?;
        let warnings: String = row.get("warnings")?;
        Ok(Self {
            local_id: row.get("id")?,
            asset: AssetId::from_bytes(row.get("asset_id")?),
            account: AccountId::from_bytes(row.get("account")?),
            content: ContentHash::from_bytes(row.get("content")?),
            sha1: Sha1::from_bytes(row.get("sha1")?),
            kind: row.get("kind")?,
            file_name: row.get("file_name")?,
            library_path: row.get("library_path")?,
            bytes: u64::try_from(bytes).unwrap_or(0),
            mime: row.get("mime")?,
            arrived_ms: row.get("arrived_ms")?,
            added_month: row.get("added_month")?,
            modified_ms: row.get("modified_ms")?,
            state: row.get("state")?,
            failure: row.get("failure")?,
            version: row.get("version")?,
            width: row.get("width")?,
            height: row.get("height")?,
            duration_ms: row.get("duration_ms")?,
            taken_local_ms: row.get("taken_local_ms")?,
            offset_minutes: row.get("offset_minutes")?,
            dated_by: row.get("dated_by")?,
            month: row.get("month")?,
            latitude: row.get("latitude")?,
            longitude: row.get("longitude")?,
            make: row.get("make")?,
            model: row.get("model")?,
            lens: row.get("lens")?,
            f_number: row.get("f_number")?,
            focal_length_mm: row.get("focal_length_mm")?,
            exposure_seconds: row.get("exposure_seconds")?,
            iso: row.get("iso")?,
            caption: row.get("caption")?,
            rating: row.get("rating")?,
            favourite: row.get("favourite")?,
            archived: row.get("archived")?,
            thumbhash: row.get("thumbhash")?,
            colour: colour.map(|rgb| {
                let [_, red, green, blue] = rgb.to_be_bytes();
                [red, green, blue]
            }),
            warnings: serde_json::from_str(&warnings).unwrap_or_default(),
            shared: row.get("shared")?,
        })
    }
}

impl Catalog {
    /// Everything about one photo, whoever owns it; `None` when there is no such photo.
    ///
    /// # Errors
    /// [`CatalogError::Store`].
    pub fn asset(&self, asset: &AssetRef) -> Result<Option<AssetDetail>, CatalogError> {
        self.db.read(|conn| {
            let (sql, key): (_, &dyn ToSql) = match asset {
                AssetRef::Uuid(id) => (BY_ASSET_SQL, id.as_bytes()),
                AssetRef::Local(id) => (BY_LOCAL_SQL, id),
            };
            let mut statement = conn.prepare_cached(sql)?;
            Ok(statement.query_row(named_params! {":key": key}, AssetDetail::from_row).optional()?)
        })
    }
}

/// A local time as an instant.
pub(crate) fn utc_ms(local_ms: i64, offset_minutes: Option<i32>) -> i64 {
    local_ms.saturating_sub(i64::from(offset_minutes.unwrap_or(0)) * 60_000)
}

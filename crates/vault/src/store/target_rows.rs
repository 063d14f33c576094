//! A place as a row: what is known of it, and how it is written and read.

use heirloom_identity::HouseholdId;
use heirloom_store::StoreError;
use heirloom_store::rusqlite::{self, Connection, OptionalExtension, Row};

use super::copies::Placed;
use super::{impossible, optional_bytes, optional_unsigned, signed};
use crate::policy::{Holder, Standing, TargetId};

/// Places that may be known at once.
pub const TARGETS_MAX: usize = 64;
/// Other homes whose wish to be kept for may wait for an answer.
pub const ASKS_MAX: usize = 64;
/// Characters of a reason that another home gives, of a folder's name.
const TEXT_CHARS_MAX: usize = 1024;

/// Where packs go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Another home.
    Household(HouseholdId),
    /// A folder on a disk of this home.
    Folder(String),
    /// A bucket of an object store.
    S3(S3Place),
}

/// A bucket of an object store, with the keys to it.
#[derive(Clone, PartialEq, Eq)]
pub struct S3Place {
    /// The service's address.
    pub endpoint: String,
    /// The bucket.
    pub bucket: String,
    /// What its objects' names begin with.
    pub prefix: String,
    /// The service's region.
    pub region: String,
    /// Who this home is there.
    pub access_key: String,
    /// A secret.
    pub secret_key: String,
}

impl std::fmt::Debug for S3Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { endpoint, bucket, prefix, region, .. } = self;
        write!(f, "S3Place({endpoint} {bucket}/{prefix} {region}, keys)")
    }
}

/// What a place last said about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reported {
    /// What it keeps for us at most.
    pub quota: Option<u64>,
    /// What of that is taken.
    pub used: u64,
    /// Of that, what was deleted and is still held.
    pub held: u64,
    /// What it could still take.
    pub free: Option<u64>,
}

/// A place as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetRow {
    /// Its number here.
    pub id: TargetId,
    /// Where it is.
    pub place: Place,
    /// How far the agreement is.
    pub standing: Standing,
    /// Why it refused.
    pub refusal: Option<String>,
    /// What it was last asked to keep.
    pub asked_bytes: Option<u64>,
    /// What it said of itself.
    pub reported: Reported,
    /// When it was added. All times are milliseconds since the Unix epoch, UTC.
    pub added_ms: i64,
    /// When it was last reached.
    pub seen_ms: Option<i64>,
    /// For how long it, or its disk, was not reached while this home was on and reached others.
    pub away_ms: i64,
    /// Since when it is back, if it was away long enough to be missed.
    pub returned_ms: Option<i64>,
    /// Since when its disk is not there.
    pub absent_ms: Option<i64>,
    /// Since when it says that it is full.
    pub full_ms: Option<i64>,
    /// What else went wrong last; `None` when nothing did.
    pub trouble: Option<String>,
    /// The newest head that is there.
    pub head: Option<u64>,
    /// When it was last asked by a plan of audits.
    pub audited_ms: Option<i64>,
}

impl TargetRow {
    /// The home, if it is one.
    #[must_use]
    pub const fn household(&self) -> Option<HouseholdId> {
        match &self.place {
            Place::Household(household) => Some(*household),
            Place::Folder(_) | Place::S3(_) => None,
        }
    }

    /// The place as placement and repair see it. `placed`: what `VaultStore::placed` says of it; `on`: whether it is
    /// reached right now.
    #[must_use]
    pub fn holder(&self, placed: Placed, on: bool) -> Holder {
        Holder {
            target: self.id,
            household: self.household(),
            active: self.standing == Standing::Active,
            full: self.full_ms.is_some(),
            on: on && self.absent_ms.is_none(),
            away_ms: self.away_ms,
            returned_ms: self.returned_ms,
            quota: self.reported.quota,
            used: placed.bytes.saturating_add(self.reported.held),
            placed: placed.bytes,
        }
    }
}

/// Another home asks this one to keep copies for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// Which.
    pub household: HouseholdId,
    /// How much.
    pub bytes: u64,
    /// When it last asked, milliseconds since the Unix epoch, UTC.
    pub at_ms: i64,
}

/// Why a place was not added.
#[derive(Debug, thiserror::Error)]
pub enum TargetsError {
    /// There are too many already.
    #[error("no more than {TARGETS_MAX} places can hold copies")]
    TooMany,
    /// A name or address is too long.
    #[error("that name or address is too long")]
    TooLong,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<rusqlite::Error> for TargetsError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

pub(super) fn add(
    conn: &Connection,
    place: &Place,
    standing: Standing,
    now_ms: i64,
) -> Result<TargetId, TargetsError> {
    let fields = Fields::of(place);
    if fields.texts().iter().any(|text| text.chars().count() > TEXT_CHARS_MAX) {
        return Err(TargetsError::TooLong);
    }
    if let Some(id) = fields.find(conn)? {
        conn.prepare_cached(
            "UPDATE targets SET state = ?2, region = ?3, access_key = ?4, secret_key = ?5 WHERE number = ?1",
        )?
        .execute((id.0, standing.name(), fields.region, fields.access_key, fields.secret_key))?;
        return Ok(id);
    }
    let known: i64 = conn.query_row("SELECT count(*) FROM targets", [], |row| row.get(0))?;
    if known >= signed(TARGETS_MAX) {
        return Err(TargetsError::TooMany);
    }
    conn.prepare_cached(
        "INSERT INTO targets(kind, household, place, bucket, prefix, region, access_key, secret_key, state, added_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute((
        fields.kind,
        fields.household,
        fields.place,
        fields.bucket,
        fields.prefix,
        fields.region,
        fields.access_key,
        fields.secret_key,
        standing.name(),
        now_ms,
    ))?;
    let number = u32::try_from(conn.last_insert_rowid())
        .map_err(|_| TargetsError::from(impossible(0, "a target number beyond 2^32")))?;
    Ok(TargetId(number))
}

/// A place as columns.
#[derive(Default)]
struct Fields<'a> {
    kind: &'static str,
    household: Option<&'a [u8; 32]>,
    place: &'a str,
    bucket: &'a str,
    prefix: &'a str,
    region: &'a str,
    access_key: &'a str,
    secret_key: &'a str,
}

impl<'a> Fields<'a> {
    fn of(place: &'a Place) -> Self {
        match place {
            Place::Household(household) => {
                Self { kind: "household", household: Some(household.as_bytes()), ..Self::default() }
            }
            Place::Folder(folder) => Self { kind: "folder", place: folder, ..Self::default() },
            Place::S3(s3) => Self {
                kind: "s3",
                household: None,
                place: &s3.endpoint,
                bucket: &s3.bucket,
                prefix: &s3.prefix,
                region: &s3.region,
                access_key: &s3.access_key,
                secret_key: &s3.secret_key,
            },
        }
    }

    const fn texts(&self) -> [&'a str; 6] {
        [self.place, self.bucket, self.prefix, self.region, self.access_key, self.secret_key]
    }

    fn find(&self, conn: &Connection) -> rusqlite::Result<Option<TargetId>> {
        conn.prepare_cached(
            "SELECT number FROM targets
             WHERE kind = ?1 AND household IS ?2 AND place = ?3 AND bucket = ?4 AND prefix = ?5",
        )?
        .query_row((self.kind, self.household, self.place, self.bucket, self.prefix), |row| {
            row.get(0).map(TargetId)
        })
        .optional()
    }
}

pub(super) fn shortened(text: &str) -> String {
    text.chars().take(TEXT_CHARS_MAX).collect()
}

pub(super) fn target(row: &Row<'_>) -> rusqlite::Result<TargetRow> {
    let column = |name: &str| row.as_ref().column_index(name);
    Ok(TargetRow {
        id: TargetId(row.get("number")?),
        place: place(row)?,
        standing: standing(row)?,
        refusal: row.get("refusal")?,
        asked_bytes: optional_unsigned(row, column("asked_bytes")?)?,
        reported: Reported {
            quota: optional_unsigned(row, column("quota")?)?,
            used: optional_unsigned(row, column("used")?)?.unwrap_or(0),
            held: optional_unsigned(row, column("held")?)?.unwrap_or(0),
            free: optional_unsigned(row, column("free")?)?,
        },
        added_ms: row.get("added_ms")?,
        seen_ms: row.get("seen_ms")?,
        away_ms: row.get("away_ms")?,
        returned_ms: row.get("returned_ms")?,
        absent_ms: row.get("absent_ms")?,
        full_ms: row.get("full_ms")?,
        trouble: row.get("trouble")?,
        head: optional_unsigned(row, column("head")?)?,
        audited_ms: row.get("audited_ms")?,
    })
}

fn place(row: &Row<'_>) -> rusqlite::Result<Place> {
    let column = row.as_ref().column_index("household")?;
    if let Some(household) = optional_bytes(row, column)? {
        return Ok(Place::Household(HouseholdId::from_bytes(household)));
    }
    if row.get_ref("kind")?.as_str().is_ok_and(|kind| kind == "folder") {
        return Ok(Place::Folder(row.get("place")?));
    }
    Ok(Place::S3(S3Place {
        endpoint: row.get("place")?,
        bucket: row.get("bucket")?,
        prefix: row.get("prefix")?,
        region: row.get("region")?,
        access_key: row.get("access_key")?,
        secret_key: row.get("secret_key")?,
    }))
}

fn standing(row: &Row<'_>) -> rusqlite::Result<Standing> {
    let name: String = row.get("state")?;
    let found = Standing::ALL.into_iter().find(|standing| standing.name() == name);
    found.ok_or_else(|| impossible(0, "no standing"))
}

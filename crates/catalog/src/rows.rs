//! The rows of `assets`: how they are written and read back, column by column.

use heirloom_identity::AssetId;
use heirloom_store::rusqlite::{self, Connection, OptionalExtension, Row, named_params};

use crate::catalog::owner_or_new;
use crate::shown::{Facts, Shown};
use crate::{Arrival, CatalogError, Derivation, Marks};

/// Thumbhashes are written with one byte of length.
const THUMBHASH_BYTES_MAX: usize = 255;

/// What [`facts_from_row`] reads, and both names of the photo.
const FACTS_SQL: &str = "SELECT id, asset_id, kind, modified_ms, state, version, duration_ms, aspect,
    colour565, file_taken_local_ms, file_offset_minutes, file_latitude, file_longitude, file_caption,
    file_rating, shared FROM assets";

/// Adds a row unless it is there; what only the derivation knows and nobody looks for is left empty.
pub(crate) fn add(conn: &Connection, arrival: &Arrival, facts: &Facts) -> Result<bool, CatalogError> {
    let owner = owner_or_new(conn, &arrival.account)?;
    let shown = Shown::of(facts, &Marks::load(conn, &arrival.asset)?);
    let added = conn
        .prepare_cached(
            "INSERT INTO assets (id, asset_id, owner, content, sha1, kind, file_name, library_path, bytes, mime,
               arrived_ms, added_month, modified_ms, state, version, duration_ms, aspect, colour565,
               taken_local_ms, offset_minutes, dated_by, month, latitude, longitude, caption, rating, favourite,
               archived, flags, shared)
             VALUES (:id, :asset, :owner, :content, :sha1, :kind, :file_name, :library_path, :bytes, :mime,
               :arrived, :added_month, :modified, :state, :version, :duration, :aspect, :colour565,
               :taken, :offset, :dated_by, :month, :latitude, :longitude, :caption, :rating, :favourite,
               :archived, :flags, :shared)
             ON CONFLICT DO NOTHING",
        )?
        .execute(named_params! {
            ":id": arrival.local_id,
            ":asset": arrival.asset.as_bytes(),
            ":owner": owner,
            ":content": arrival.content.as_bytes(),
            ":sha1": arrival.sha1.as_bytes(),
            ":kind": arrival.kind,
            ":file_name": arrival.file_name,
            ":library_path": arrival.library_path,
            ":bytes": i64::try_from(arrival.bytes).unwrap_or(i64::MAX),
            ":mime": arrival.mime,
            ":arrived": arrival.arrived_ms,
            ":added_month": arrival.added_month,
            ":modified": arrival.modified_ms,
            ":state": facts.state,
            ":version": facts.version,
            ":duration": facts.duration_ms,
            ":aspect": facts.aspect,
            ":colour565": facts.colour565,
            ":taken": shown.taken_local_ms,
            ":offset": shown.offset_minutes,
            ":dated_by": shown.dated_by,
            ":month": shown.month,
            ":latitude": shown.place.map(|place| place.0),
            ":longitude": shown.place.map(|place| place.1),
            ":caption": shown.caption,
            ":rating": shown.rating,
            ":favourite": shown.favourite,
            ":archived": shown.archived,
            ":flags": shown.flags,
            ":shared": facts.shared,
        })?;
    if added == 0 {
        check_same(conn, arrival)?;
    }
    Ok(added == 1)
}

fn check_same(conn: &Connection, arrival: &Arrival) -> Result<(), CatalogError> {
    let known = load_by_local(conn, arrival.local_id)?;
    if known.is_some_and(|(asset, _)| asset == arrival.asset) {
        return Ok(());
    }
    Err(CatalogError::OutOfStep { local_id: arrival.local_id })
}

/// Writes what the file says and no index holds.
pub(crate) fn save_derivation(
    conn: &Connection,
    local_id: u32,
    derivation: &Derivation,
) -> Result<(), CatalogError> {
    let warnings = serde_json::to_string(&derivation.warnings).expect("strings are JSON");
    let thumbhash = derivation.thumbhash.as_ref().filter(|hash| hash.len() <= THUMBHASH_BYTES_MAX);
    conn.prepare_cached(
        "UPDATE assets SET failure = NULL, width = :width, height = :height, file_taken_local_ms = :taken,
           file_offset_minutes = :offset, file_latitude = :latitude, file_longitude = :longitude,
           file_caption = :caption, file_rating = :rating, make = :make, model = :model, lens = :lens,
           f_number = :f_number, focal_length_mm = :focal_length, exposure_seconds = :exposure, iso = :iso,
           thumbhash = :thumbhash, colour = :colour, warnings = :warnings
         WHERE id = :id",
    )?
    .execute(named_params! {
        ":id": local_id,
        ":width": Some(derivation.width).filter(|width| *width > 0),
        ":height": Some(derivation.height).filter(|height| *height > 0),
        ":taken": derivation.taken_local_ms,
        ":offset": derivation.offset_minutes,
        ":latitude": derivation.latitude,
        ":longitude": derivation.longitude,
        ":caption": derivation.description,
        ":rating": derivation.rating,
        ":make": derivation.make,
        ":model": derivation.model,
        ":lens": derivation.lens,
        ":f_number": derivation.f_number,
        ":focal_length": derivation.focal_length_mm,
        ":exposure": derivation.exposure_seconds,
        ":iso": derivation.iso,
        ":thumbhash": thumbhash,
        ":colour": derivation.colour.map(|[red, green, blue]| u32::from_be_bytes([0, red, green, blue])),
        ":warnings": warnings,
    })?;
    Ok(())
}

/// Writes everything that the timeline's indexes hold, which is what moves the revision.
pub(crate) fn save_shown(
    conn: &Connection,
    local_id: u32,
    facts: &Facts,
    shown: &Shown,
) -> Result<(), CatalogError> {
    conn.prepare_cached(
        "UPDATE assets SET state = :state, version = :version, duration_ms = :duration, aspect = :aspect,
           colour565 = :colour565, taken_local_ms = :taken, offset_minutes = :offset, dated_by = :dated_by,
           month = :month, latitude = :latitude, longitude = :longitude, caption = :caption, rating = :rating,
           favourite = :favourite, archived = :archived, flags = :flags
         WHERE id = :id",
    )?
    .execute(named_params! {
        ":id": local_id,
        ":state": facts.state,
        ":version": facts.version,
        ":duration": facts.duration_ms,
        ":aspect": facts.aspect,
        ":colour565": facts.colour565,
        ":taken": shown.taken_local_ms,
        ":offset": shown.offset_minutes,
        ":dated_by": shown.dated_by,
        ":month": shown.month,
        ":latitude": shown.place.map(|place| place.0),
        ":longitude": shown.place.map(|place| place.1),
        ":caption": shown.caption,
        ":rating": shown.rating,
        ":favourite": shown.favourite,
        ":archived": shown.archived,
        ":flags": shown.flags,
    })?;
    Ok(())
}

pub(crate) fn load_by_local(conn: &Connection, local_id: u32) -> rusqlite::Result<Option<(AssetId, Facts)>> {
    conn.prepare_cached(&format!("{FACTS_SQL} WHERE id = :id"))?
        .query_row(named_params! {":id": local_id}, |row| {
            Ok((AssetId::from_bytes(row.get("asset_id")?), facts_from_row(row)?))
        })
        .optional()
}

pub(crate) fn load_by_asset(conn: &Connection, asset: &AssetId) -> rusqlite::Result<Option<(u32, Facts)>> {
    conn.prepare_cached(&format!("{FACTS_SQL} WHERE asset_id = :asset"))?
        .query_row(named_params! {":asset": asset.as_bytes()}, |row| {
            Ok((row.get("id")?, facts_from_row(row)?))
        })
        .optional()
}

fn facts_from_row(row: &Row<'_>) -> rusqlite::Result<Facts> {
    let taken: Option<i64> = row.get("file_taken_local_ms")?;
    let offset: Option<i32> = row.get("file_offset_minutes")?;
    let latitude: Option<f64> = row.get("file_latitude")?;
    let longitude: Option<f64> = row.get("file_longitude")?;
    Ok(Facts {
        kind: row.get("kind")?,
        modified_ms: row.get("modified_ms")?,
        state: row.get("state")?,
        version: row.get("version")?,
        duration_ms: row.get("duration_ms")?,
        aspect: row.get("aspect")?,
        colour565: row.get("colour565")?,
        taken: taken.map(|local_ms| (local_ms, offset)),
        place: latitude.zip(longitude),
        caption: row.get("file_caption")?,
        rating: row.get("file_rating")?,
        shared: row.get("shared")?,
    })
}

//! What goes in: arrivals, derivations, failures and marks. Each may come twice and in any order.

use heirloom_identity::AssetId;
use heirloom_store::rusqlite::{self, Connection, OptionalExtension, Row, named_params};

use crate::catalog::owner_or_new;
use crate::detail::State;
use crate::jobs;
use crate::shown::{Facts, Shown};
use crate::{Arrival, Catalog, CatalogError, Derivation, JobKind, Marks};

/// Thumbhashes are written with one byte of length.
const THUMBHASH_BYTES_MAX: usize = 255;

/// What [`facts_from_row`] reads, and both names of the photo.
const FACTS_SQL: &str = "SELECT id, asset_id, kind, modified_ms, state, version, duration_ms,
    aspect, colour565, file_taken_local_ms, file_offset_minutes, file_latitude, file_longitude, file_caption, file_rating FROM assets";

impl Catalog {
    /// Shows new photos in the timeline at once, each with a `derive` job waiting; says how many were new.
    ///
    /// All or nothing. Photos that are here already are left alone.
    ///
    /// # Errors
    /// [`CatalogError::OutOfStep`] when a local id or an asset id already stands for something else.
    pub fn insert(&self, arrivals: &[Arrival]) -> Result<usize, CatalogError> {
        let arrivals = arrivals.to_vec();
        self.db.write(move |conn| {
            let mut added = 0;
            for arrival in &arrivals {
                if add(conn, arrival, &Facts::arrived(arrival.kind, arrival.modified_ms))? {
                    jobs::enqueue(conn, JobKind::Derive, arrival.local_id, arrival.arrived_ms)?;
                    added += 1;
                }
            }
            Ok(added)
        })
    }

    /// Shows a photo that was already derived, in one step and with no job; says whether it was new.
    ///
    /// # Errors
    /// As [`Catalog::insert`].
    pub fn insert_derived(&self, arrival: Arrival, derivation: Derivation) -> Result<bool, CatalogError> {
        Ok(self.insert_derived_all(vec![(arrival, derivation)])? == 1)
    }

    /// [`Catalog::insert_derived`] for many, all or nothing; says how many were new.
    ///
    /// # Errors
    /// As [`Catalog::insert`].
    pub fn insert_derived_all(&self, batch: Vec<(Arrival, Derivation)>) -> Result<usize, CatalogError> {
        self.db.write(move |conn| {
            let mut added = 0;
            for (arrival, derivation) in &batch {
                let facts = Facts::derived(arrival.kind, arrival.modified_ms, derivation);
                if add(conn, arrival, &facts)? {
                    save_derivation(conn, arrival.local_id, derivation)?;
                    added += 1;
                } else {
                    derive(conn, arrival.local_id, derivation)?;
                }
            }
            Ok(added)
        })
    }

    /// Takes what was derived from an original and ends its job; `false` when there is no such photo.
    ///
    /// # Errors
    /// [`CatalogError::Store`].
    pub fn derived(&self, local_id: u32, derivation: Derivation) -> Result<bool, CatalogError> {
        self.db.write(move |conn| derive(conn, local_id, &derivation))
    }

    /// Sets a photo aside that cannot be derived, with the reason a person will read; `false` when there is
    /// no such photo.
    ///
    /// A photo that was derived before keeps what it has; its job is set aside all the same.
    ///
    /// # Errors
    /// [`CatalogError::Store`].
    pub fn failed(&self, local_id: u32, reason: &str, now_ms: i64) -> Result<bool, CatalogError> {
        let reason = reason.to_owned();
        self.db.write(move |conn| {
            if load_by_local(conn, local_id)?.is_none() {
                return Ok(false);
            }
            jobs::set_aside(conn, JobKind::Derive, local_id, &reason, now_ms)?;
            set_failure(conn, local_id, Some(&reason))?;
            Ok(true)
        })
    }

    /// Takes the marks of photos, replacing all earlier ones; says for how many something changed.
    ///
    /// Marks may come before their photo. All or nothing.
    ///
    /// # Errors
    /// [`CatalogError::Store`].
    pub fn marked(&self, marks: &[(AssetId, Marks)]) -> Result<usize, CatalogError> {
        let batch = marks.to_vec();
        self.db.write(move |conn| {
            let mut changed = 0;
            for (asset, marks) in &batch {
                changed += usize::from(mark(conn, asset, marks)?);
            }
            Ok(changed)
        })
    }
}

/// Moves a photo that isn't derived between pending (`None`) and failed.
pub(crate) fn set_failure(
    conn: &Connection,
    local_id: u32,
    failure: Option<&str>,
) -> Result<(), CatalogError> {
    let Some((asset, mut facts)) = load_by_local(conn, local_id)? else { return Ok(()) };
    if facts.state == State::Derived {
        return Ok(());
    }
    facts.state = if failure.is_some() { State::Failed } else { State::Pending };
    let shown = Shown::of(&facts, &Marks::load(conn, &asset)?);
    save_shown(conn, local_id, &facts, &shown)?;
    conn.prepare_cached("UPDATE assets SET failure = :failure WHERE id = :id")?
        .execute(named_params! {":id": local_id, ":failure": failure})?;
    Ok(())
}

/// Adds a row unless it is there; what only the derivation knows and nobody looks for is left empty.
fn add(conn: &Connection, arrival: &Arrival, facts: &Facts) -> Result<bool, CatalogError> {
    let owner = owner_or_new(conn, &arrival.account)?;
    let shown = Shown::of(facts, &Marks::load(conn, &arrival.asset)?);
    let added = conn
        .prepare_cached(
            "INSERT INTO assets (id, asset_id, owner, content, sha1, kind, file_name, library_path, bytes, mime,
               arrived_ms, added_month, modified_ms, state, version, duration_ms, aspect, colour565,
               taken_local_ms, offset_minutes, dated_by, month, latitude, longitude, caption, rating, favourite,
               archived, flags)
             VALUES (:id, :asset, :owner, :content, :sha1, :kind, :file_name, :library_path, :bytes, :mime,
               :arrived, :added_month, :modified, :state, :version, :duration, :aspect, :colour565,
               :taken, :offset, :dated_by, :month, :latitude, :longitude, :caption, :rating, :favourite,
               :archived, :flags)
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

fn derive(conn: &Connection, local_id: u32, derivation: &Derivation) -> Result<bool, CatalogError> {
    let Some((asset, before)) = load_by_local(conn, local_id)? else { return Ok(false) };
    let facts = Facts::derived(before.kind, before.modified_ms, derivation);
    let shown = Shown::of(&facts, &Marks::load(conn, &asset)?);
    save_derivation(conn, local_id, derivation)?;
    save_shown(conn, local_id, &facts, &shown)?;
    jobs::forget(conn, JobKind::Derive, local_id)?;
    Ok(true)
}

/// Writes what the file says and no index holds.
fn save_derivation(conn: &Connection, local_id: u32, derivation: &Derivation) -> Result<(), CatalogError> {
    let warnings = serde_json::to_string(&derivation.warnings).expect("strings are JSON");
    let thumbhash = derivation.thumbhash.as_ref().filter(|hash| hash.len() <= THUMBHASH_BYTES_MAX);
    conn.prepare_cached(
        "UPDATE assets SET failure = NULL, width = :width, height = :height, file_taken_local_ms = :taken, file_offset_minutes = :offset,
           file_latitude = :latitude, file_longitude = :longitude, file_caption = :caption,
           file_rating = :rating, make = :make, model = :model, lens = :lens, f_number = :f_number,
           focal_length_mm = :focal_length, exposure_seconds = :exposure, iso = :iso, thumbhash = :thumbhash,
           colour = :colour, warnings = :warnings
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

fn mark(conn: &Connection, asset: &AssetId, marks: &Marks) -> Result<bool, CatalogError> {
    if Marks::load(conn, asset)? == *marks {
        return Ok(false);
    }
    marks.save(conn, asset)?;
    if let Some((local_id, facts)) = load_by_asset(conn, asset)? {
        save_shown(conn, local_id, &facts, &Shown::of(&facts, marks))?;
    }
    Ok(true)
}

/// Writes everything that the timeline's indexes hold, which is what moves the revision.
fn save_shown(conn: &Connection, local_id: u32, facts: &Facts, shown: &Shown) -> Result<(), CatalogError> {
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

fn load_by_local(conn: &Connection, local_id: u32) -> rusqlite::Result<Option<(AssetId, Facts)>> {
    conn.prepare_cached(&format!("{FACTS_SQL} WHERE id = :id"))?
        .query_row(named_params! {":id": local_id}, |row| {
            Ok((AssetId::from_bytes(row.get("asset_id")?), facts_from_row(row)?))
        })
        .optional()
}

fn load_by_asset(conn: &Connection, asset: &AssetId) -> rusqlite::Result<Option<(u32, Facts)>> {
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
    })
}

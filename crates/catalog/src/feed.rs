//! What goes in: arrivals, derivations, failures and marks. Each may come twice and in any order.

use heirloom_identity::AssetId;
use heirloom_store::rusqlite::{Connection, named_params};

use crate::detail::State;
use crate::jobs;
use crate::rows::{add, load_by_asset, load_by_local, save_derivation, save_shown};
use crate::shared;
use crate::shown::{Facts, Shown};
use crate::{Arrival, Catalog, CatalogError, Derivation, JobKind, Marks};

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
                shared::make_way(conn, &arrival.asset)?;
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
                shared::make_way(conn, &arrival.asset)?;
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

fn derive(conn: &Connection, local_id: u32, derivation: &Derivation) -> Result<bool, CatalogError> {
    let Some((asset, before)) = load_by_local(conn, local_id)? else { return Ok(false) };
    let facts =
        Facts { shared: before.shared, ..Facts::derived(before.kind, before.modified_ms, derivation) };
    let shown = Shown::of(&facts, &Marks::load(conn, &asset)?);
    save_derivation(conn, local_id, derivation)?;
    save_shown(conn, local_id, &facts, &shown)?;
    jobs::forget(conn, JobKind::Derive, local_id)?;
    Ok(true)
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

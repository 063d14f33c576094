//! Deleting: asked for, perhaps waiting for people, held for 30 days, then collected.

use heirloom_identity::HouseholdId;
use heirloom_store::rusqlite::{Connection, named_params};

use super::rows::{self, PackState, WardRow, blob};
use super::{AlarmKind, Collected, Home, Keeper, KeeperError, budget};
use crate::target::{DELETE_MAX, HOLD_MS};
use crate::{DeleteOutcome, PackId};

/// Packs removed in one [`Keeper::collect`].
const COLLECT_MAX: usize = 4096;

impl Keeper {
    /// Takes a wish to delete. What may go is held from now on for 30 days of running time; when it is more than a
    /// twentieth (by bytes) of what is kept in 30 days, all of this wish waits for people.
    ///
    /// # Errors
    /// [`KeeperError::NotAWard`], [`KeeperError::TooLarge`], [`KeeperError::Store`].
    pub fn delete(&self, ward: &HouseholdId, packs: &[PackId]) -> Result<DeleteOutcome, KeeperError> {
        if packs.len() > DELETE_MAX {
            return Err(KeeperError::TooLarge { limit: DELETE_MAX, unit: "packs" });
        }
        let slot = self.slot_of_ward(ward)?;
        let _working = slot.work();
        let row = self.keeping(ward)?;
        let mut packs = packs.to_vec();
        packs.sort_unstable();
        packs.dedup();
        self.db.write(move |conn| wish(conn, &row, &packs))
    }

    /// Notes what a person in one of the two homes thinks of the deletion that waits. It happens when both allow it, and
    /// is forgotten when one doesn't.
    ///
    /// # Errors
    /// [`KeeperError::NotAWard`], [`KeeperError::Store`].
    pub fn answer_deletion(
        &self,
        ward: &HouseholdId,
        by: Home,
        allow: bool,
    ) -> Result<DeleteOutcome, KeeperError> {
        let slot = self.slot_of_ward(ward)?;
        let _working = slot.work();
        let ward = *ward;
        self.db.write(move |conn| answer(conn, &ward, by, allow))
    }

    /// Removes packs and heads whose hold has ended, and what is left of wards whose agreement was. A limited number at a
    /// time; wards whose disk isn't there wait.
    ///
    /// # Errors
    /// [`KeeperError::Io`], [`KeeperError::Store`]; other wards' were removed all the same.
    pub fn collect(&self) -> Result<Collected, KeeperError> {
        let mut all = Collected::default();
        let mut outcome = Ok(());
        for ward in self.db.read(|conn| rows::wards(conn).map_err(KeeperError::from))? {
            match self
                .collect_ward(&ward, COLLECT_MAX.saturating_sub(usize::try_from(all.packs).unwrap_or(0)))
            {
                Ok(some) => {
                    all.packs += some.packs;
                    all.bytes += some.bytes;
                }
                Err(KeeperError::DiskAbsent | KeeperError::Busy) => {}
                Err(error) => outcome = Err(error),
            }
        }
        outcome.map(|()| all)
    }

    fn collect_ward(&self, ward: &WardRow, limit: usize) -> Result<Collected, KeeperError> {
        let slot = self.slot_of_ward(&ward.household)?;
        let _working = slot.work();
        let folder = match self.folder(&ward.household) {
            // Nothing of it is left but rows: its folder was removed, and then the power went.
            Err(KeeperError::DiskAbsent) if ward.ended => {
                self.drop_ward(&ward.household, None)?;
                return Ok(Collected::default());
            }
            other => other?,
        };
        self.drop_heads(&ward.household, &folder)?;
        let due = self.db.read(|conn| due(conn, &ward.household, limit))?;
        let mut collected = Collected::default();
        let mut outcome = Ok(());
        for (pack, bytes) in due {
            // The file first: a row without a file is no pack, a file without a row would come back as one.
            match folder.remove(&pack).and_then(|()| folder.forget_damaged(&pack)) {
                Ok(()) => {}
                Err(away) if away.is_away() => return Err(away.into()),
                // One that can't be removed keeps none of the others.
                Err(error) => {
                    outcome = outcome.and(Err(error));
                    continue;
                }
            }
            let household = ward.household;
            self.db.write(move |conn| -> Result<(), KeeperError> {
                Ok(rows::forget(conn, &household, &pack)?)
            })?;
            collected.packs += 1;
            collected.bytes += bytes;
        }
        if ward.ended && outcome.is_ok() {
            self.drop_ward(&ward.household, Some(&folder))?;
        }
        if let Err(error) = outcome {
            tracing::warn!(ward = %ward.household, %error, "some of what another home deleted can't be removed");
        }
        Ok(collected)
    }
}

fn wish(conn: &Connection, ward: &WardRow, packs: &[PackId]) -> Result<DeleteOutcome, KeeperError> {
    let (household, totals) = (&ward.household, rows::totals(conn, ward)?);
    let mut kept = Vec::new();
    for pack in packs {
        match rows::pack(conn, household, pack)? {
            Some(row) if row.state == PackState::Kept => kept.push(row),
            // Lost here already: nothing to hold.
            Some(row) if row.state == PackState::Bad => rows::forget(conn, household, pack)?,
            _ => {}
        }
    }
    let bytes: u64 = kept.iter().map(|row| row.bytes).sum();
    let count = |packs: usize| u32::try_from(packs).unwrap_or(u32::MAX);
    if bytes <= budget::deletable(totals.kept, totals.held_unasked) {
        let until = rows::running(conn)?.saturating_add(HOLD_MS);
        for row in &kept {
            rows::hold(conn, household, &row.pack, until, false)?;
        }
        return Ok(DeleteOutcome { held: count(packs.len()), waits_for_person: false });
    }
    let new: Vec<_> = kept.iter().filter(|row| !row.asked).collect();
    for row in &new {
        conn.prepare_cached("UPDATE keeper_packs SET asked = 1 WHERE household = :ward AND pack = :pack")?
            .execute(named_params! {":ward": blob(household), ":pack": row.pack.as_bytes()})?;
    }
    if !new.is_empty() {
        // Whoever allowed the smaller wish has not allowed this one.
        set_allowed(conn, household, false, false)?;
        // A wish after the last one was answered is a new question to people, also on the same day.
        let raise = if totals.asked_packs == 0 { rows::raise_anew } else { rows::raise };
        raise(conn, household, AlarmKind::DeletionAsked, u64::from(count(new.len())))?;
    }
    Ok(DeleteOutcome { held: count(packs.len() - kept.len()), waits_for_person: true })
}

fn answer(
    conn: &Connection,
    ward: &HouseholdId,
    by: Home,
    allow: bool,
) -> Result<DeleteOutcome, KeeperError> {
    let row = rows::ward(conn, ward)?.ok_or(KeeperError::NotAWard)?;
    if rows::totals(conn, &row)?.asked_packs == 0 {
        return Ok(DeleteOutcome::default());
    }
    let here = row.allowed_here || by == Home::Keeper;
    let there = row.allowed_there || by == Home::Ward;
    if allow && !(here && there) {
        set_allowed(conn, ward, here, there)?;
        return Ok(DeleteOutcome { held: 0, waits_for_person: true });
    }
    set_allowed(conn, ward, false, false)?;
    let until = rows::running(conn)?.saturating_add(HOLD_MS);
    let sql = if allow {
        "UPDATE keeper_packs SET state = 1, hold_until = :until, by_person = 1, asked = 0
         WHERE household = :ward AND asked = 1 AND state = 0"
    } else {
        "UPDATE keeper_packs SET asked = 0 WHERE household = :ward AND asked = 1 AND :until >= 0"
    };
    let changed = conn.execute(sql, named_params! {":ward": blob(ward), ":until": until})?;
    let held = if allow { u32::try_from(changed).unwrap_or(u32::MAX) } else { 0 };
    Ok(DeleteOutcome { held, waits_for_person: false })
}

fn set_allowed(conn: &Connection, ward: &HouseholdId, here: bool, there: bool) -> Result<(), KeeperError> {
    conn.prepare_cached(
        "UPDATE keeper_wards SET allowed_here = :here, allowed_there = :there WHERE household = :ward",
    )?
    .execute(named_params! {":ward": blob(ward), ":here": here, ":there": there})?;
    Ok(())
}

/// Packs of a ward whose hold has ended.
fn due(conn: &Connection, ward: &HouseholdId, limit: usize) -> Result<Vec<(PackId, u64)>, KeeperError> {
    let now = rows::running(conn)?;
    let mut statement = conn.prepare_cached(
        "SELECT * FROM keeper_packs WHERE household = :ward AND state = 1 AND hold_until <= :now LIMIT :limit",
    )?;
    let found = statement
        .query_map(
            named_params! {":ward": blob(ward), ":now": now, ":limit": rows::count(limit)},
            rows::read_pack,
        )?
        .map(|row| row.map(|row| (row.pack, row.bytes)))
        .collect::<Result<_, _>>()?;
    Ok(found)
}

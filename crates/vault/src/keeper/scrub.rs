//! Packs are read whole every 25 to 35 days, so that rot is found while somebody else still has the pack.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use heirloom_identity::HouseholdId;
use heirloom_store::rusqlite::{Connection, named_params};

use super::rows::{self, PackRow, blob};
use super::{Keeper, KeeperError, ScrubReport};
use crate::PackId;
use crate::folder::{FolderError, PackFolder};
use crate::target::DAY_MS;

/// The shortest time between two scrubs of a pack.
const SCRUB_MIN_MS: i64 = 25 * DAY_MS;
/// How much longer it may be; each pack has its own, another one each time.
const SCRUB_SPREAD_MS: u64 = 10 * DAY_MS.unsigned_abs();
/// Packs of a ward looked at in one step.
const STEP_PACKS_MAX: usize = 256;
/// Packs of a ward that may fail to be read in one step; more, and it is the disk that fails.
const FAILURES_MAX: usize = 8;

/// When a pack is read next, in running time.
pub(super) fn scrub_after(now: i64, pack: &PackId, scrubs: i64) -> i64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(pack.as_bytes()).update(&scrubs.to_le_bytes());
    let mut chance = [0; 8];
    hasher.finalize_xof().fill(&mut chance);
    let spread = u64::from_le_bytes(chance) % (SCRUB_SPREAD_MS + 1);
    now.saturating_add(SCRUB_MIN_MS).saturating_add(i64::try_from(spread).unwrap_or(0))
}

impl Keeper {
    /// Reads packs that are due, about `budget_bytes` of them and at least one, and compares them with their ids. A
    /// damaged one is moved aside and answers as missing from then on, so that its ward sends it again.
    ///
    /// # Errors
    /// [`KeeperError::Store`]. Wards whose disk isn't there wait.
    pub fn scrub_step(&self, budget_bytes: u64) -> Result<ScrubReport, KeeperError> {
        let mut report = ScrubReport::default();
        let mut wards = self.db.read(|conn| rows::wards(conn).map_err(KeeperError::from))?;
        // Another begins each time, so that the one with most to read doesn't keep the others from their turn.
        let first = self.scrubs.fetch_add(1, Ordering::Relaxed) % wards.len().max(1);
        wards.rotate_left(first);
        for ward in wards {
            match self.scrub_ward(&ward.household, budget_bytes, &mut report) {
                Ok(())
                | Err(
                    KeeperError::DiskAbsent | KeeperError::Busy | KeeperError::Io(_) | KeeperError::NotAWard,
                ) => {}
                Err(other) => return Err(other),
            }
        }
        Ok(report)
    }

    fn scrub_ward(
        &self,
        ward: &HouseholdId,
        budget_bytes: u64,
        report: &mut ScrubReport,
    ) -> Result<(), KeeperError> {
        let folder = self.folder(ward)?;
        let (mut read, mut failed, mut outcome) = (Vec::new(), Vec::new(), Ok(()));
        for row in self.db.read(|conn| due(conn, ward))? {
            if report.packs > 0 && report.bytes.saturating_add(row.bytes) > budget_bytes {
                break;
            }
            match self.scrub_pack(ward, &folder, &row) {
                Ok(true) => read.push((row.pack, row.scrubs)),
                Ok(false) => report.bad.push((*ward, row.pack)),
                Err(KeeperError::Io(why)) => {
                    // One file that can be neither read nor moved keeps the others from nothing.
                    failed.push(row.pack);
                    outcome = outcome.and(Err(KeeperError::Io(why)));
                    if failed.len() >= FAILURES_MAX {
                        break;
                    }
                }
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
            report.packs += 1;
            report.bytes += row.bytes;
        }
        let ward = *ward;
        self.db.write(move |conn| {
            failed.iter().try_for_each(|pack| put_off(conn, &ward, pack))?;
            read.iter().try_for_each(|(pack, scrubs)| note_read(conn, &ward, pack, *scrubs))
        })?;
        outcome
    }

    /// Whether the pack is right, or nothing can be said of it today.
    fn scrub_pack(
        &self,
        ward: &HouseholdId,
        folder: &Arc<PackFolder>,
        row: &PackRow,
    ) -> Result<bool, KeeperError> {
        // A fault that passes is no reason to have a pack sent again: it is read once more first.
        let found = match folder.check(&row.pack) {
            Err(FolderError::Io { .. }) => folder.check_twice(&row.pack),
            other => other,
        };
        match found {
            Ok(_) => Ok(true),
            Err(why @ (FolderError::Missing | FolderError::Wrong(_))) => {
                Ok(!self.found_bad(ward, folder, &row.pack, &why)?)
            }
            Err(other) => Err(other.into()),
        }
    }
}

fn due(conn: &Connection, ward: &HouseholdId) -> Result<Vec<PackRow>, KeeperError> {
    let now = rows::running(conn)?;
    let mut statement = conn.prepare_cached(
        "SELECT * FROM keeper_packs WHERE household = :ward AND state < 2 AND scrub_due <= :now
         ORDER BY scrub_due LIMIT :limit",
    )?;
    let found = statement
        .query_map(
            named_params! {":ward": blob(ward), ":now": now, ":limit": rows::count(STEP_PACKS_MAX)},
            rows::read_pack,
        )?
        .collect::<Result<_, _>>()?;
    Ok(found)
}

/// A pack that could be neither read nor set aside is tried again in a day, so that it is not the first of every step.
fn put_off(conn: &Connection, ward: &HouseholdId, pack: &PackId) -> Result<(), KeeperError> {
    let due = rows::running(conn)?.saturating_add(DAY_MS);
    conn.prepare_cached("UPDATE keeper_packs SET scrub_due = :due WHERE household = :ward AND pack = :pack")?
        .execute(named_params! {":ward": blob(ward), ":pack": pack.as_bytes(), ":due": due})?;
    Ok(())
}

fn note_read(conn: &Connection, ward: &HouseholdId, pack: &PackId, scrubs: i64) -> Result<(), KeeperError> {
    let due = scrub_after(rows::running(conn)?, pack, scrubs.saturating_add(1));
    conn.prepare_cached(
        "UPDATE keeper_packs SET scrubs = scrubs + 1, scrub_due = :due WHERE household = :ward AND pack = :pack",
    )?
    .execute(named_params! {":ward": blob(ward), ":pack": pack.as_bytes(), ":due": due})?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_are_due_apart_from_each_other() {
        let days: Vec<_> = (0..200_u8)
            .map(|n| scrub_after(0, &PackId::from_bytes([n; 32]), i64::from(n % 3)) / DAY_MS)
            .collect();
        assert!(days.iter().all(|day| (25..=35).contains(day)));
        for day in 25..35 {
            let count = days.iter().filter(|due| **due == day).count();
            assert!(count > 5, "{count} packs are due on day {day}");
        }
        let pack = PackId::from_bytes([1; 32]);
        assert_ne!(scrub_after(0, &pack, 0), scrub_after(0, &pack, 1));
    }
}

//! A keeper whose tables were lost: what lies in its folder is taken on again.
//!
//! Packs, heads and kit records are found by the survey of each ward's folder. What only the tables knew is gone: how far
//! holds are (whatever lies there is kept again, and its ward asks again for what it doesn't need), and what was agreed,
//! unless somebody else remembers it. Nothing is ever removed because of it.

use heirloom_identity::HouseholdId;

use super::rows::{self, blob, int};
use super::{Keeper, KeeperError};
use crate::PackId;
use crate::folder::{Expected, PackFolder, marker_of};
use crate::target::HOLD_MS;

/// Folders that are looked at.
const FOLDERS_MAX: usize = 4_096;
/// Names of packs that are read at once.
const PAGE: usize = 4_096;
/// What is taken for the quota of a ward of which only its packs are known: these, rounded up to a multiple of this.
const QUOTA_STEP: u64 = 1 << 30;

/// An agreement that somebody else remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreed {
    /// The ward.
    pub household: HouseholdId,
    /// Its quota.
    pub quota: u64,
    /// Since when, milliseconds since the Unix epoch, UTC.
    pub since_ms: i64,
}

/// A ward that was taken on again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakenOn {
    /// The ward.
    pub household: HouseholdId,
    /// Its quota from now on.
    pub quota: u64,
    /// Nobody remembers what was agreed: the quota is what lies here, rounded up.
    pub is_guess: bool,
}

impl Keeper {
    /// Whether the tables were just made, so that what lies in the folder is to be [taken on](Keeper::take_on).
    ///
    /// # Errors
    /// [`KeeperError::Store`].
    pub fn is_new(&self) -> Result<bool, KeeperError> {
        Ok(self.running_ms()? == 0)
    }

    /// Fills tables that were just made from what lies in the folder and from agreements that somebody remembers. Does
    /// nothing a second time. A ward whose disk is not there is taken on if it is remembered.
    ///
    /// # Errors
    /// [`KeeperError::Store`]; a folder that can't be read is left out.
    pub fn take_on(&self, agreed: &[Agreed], now_ms: i64) -> Result<Vec<TakenOn>, KeeperError> {
        if !self.is_new()? {
            return Ok(Vec::new());
        }
        let known = self.db.read(|conn| rows::wards(conn).map_err(KeeperError::from))?;
        let is_known = |household: &HouseholdId| known.iter().any(|ward| ward.household == *household);
        let mut wards: Vec<HouseholdId> = agreed.iter().map(|agreed| agreed.household).collect();
        wards.extend(self.folders());
        wards.sort();
        wards.dedup();
        wards.retain(|ward| !is_known(ward));
        let mut taken = Vec::new();
        for household in wards {
            let agreed = agreed.iter().find(|agreed| agreed.household == household);
            let marker = marker_of(&self.place_of(&household)).filter(|found| found.household == household);
            let (quota, since_ms) = match (agreed, marker) {
                (Some(agreed), _) => (agreed.quota, agreed.since_ms),
                (None, Some(_)) => (self.used_up(&household).next_multiple_of(QUOTA_STEP), now_ms),
                (None, None) => continue,
            };
            taken.push((TakenOn { household, quota, is_guess: agreed.is_none() }, since_ms, marker));
        }
        let rows = taken.clone();
        self.db.write(move |conn| -> Result<(), KeeperError> {
            for (ward, since_ms, marker) in rows {
                conn.execute(
                    "INSERT OR IGNORE INTO keeper_wards VALUES (?1, ?2, ?3, 0, 0, 0)",
                    (blob(&ward.household), int(ward.quota), since_ms),
                )?;
                if let Some(marker) = marker {
                    rows::add_disk(conn, &ward.household, marker.disk)?;
                }
            }
            conn.execute("UPDATE keeper_clock SET running_ms = max(running_ms, 1)", [])?;
            Ok(())
        })?;
        Ok(taken.into_iter().map(|(ward, ..)| ward).collect())
    }

    /// The newest alarm that is older than a hold, by this home's running time: whoever forgot which alarms people were
    /// told of goes on after that one.
    ///
    /// # Errors
    /// [`KeeperError::Store`].
    pub fn stale_alarm(&self) -> Result<i64, KeeperError> {
        self.db.read(|conn| {
            let before = rows::running(conn)?.saturating_sub(HOLD_MS);
            let sql = "SELECT coalesce(max(number), 0) FROM keeper_alarms WHERE raised < ?1";
            Ok(conn.query_row(sql, [before], |row| row.get(0))?)
        })
    }

    /// Households whose folders lie here.
    fn folders(&self) -> Vec<HouseholdId> {
        let entries = std::fs::read_dir(self.root()).into_iter().flatten().flatten().take(FOLDERS_MAX);
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
    }

    /// Bytes of the packs in a ward's folder, at least one; what can't be listed counts nothing.
    fn used_up(&self, ward: &HouseholdId) -> u64 {
        let expected = Expected { household: *ward, disks: Vec::new() };
        let Ok(folder) = PackFolder::open(&self.place_of(ward), &expected, std::sync::Arc::clone(&self.disk))
        else {
            return 1;
        };
        let (mut bytes, mut after): (u64, Option<PackId>) = (1, None);
        while let Ok(page) = folder.list(after.as_ref(), PAGE) {
            let Some((last, _)) = page.last() else { break };
            after = Some(*last);
            bytes = page.iter().fold(bytes, |sum, (_, bytes)| sum.saturating_add(*bytes));
        }
        bytes
    }
}

//! How much wards take here day by day, so that people hear when there will be no room.

use heirloom_identity::HouseholdId;

use super::rows::{self, blob, int, uint};
use super::{Keeper, KeeperError};
use crate::policy::forecast::{Day, LOOK_BACK_DAYS, day_of};

impl Keeper {
    /// Notes how much each ward takes today; the last word of a day counts.
    ///
    /// # Errors
    /// [`KeeperError::Store`].
    pub fn note_growth(&self, now_ms: i64) -> Result<(), KeeperError> {
        let day = day_of(now_ms);
        self.db.write(move |conn| -> Result<(), KeeperError> {
            for ward in rows::wards(conn)? {
                let bytes = rows::totals(conn, &ward)?.budget.used();
                conn.prepare_cached("INSERT OR REPLACE INTO keeper_growth VALUES (?1, ?2, ?3)")?
                    .execute((blob(&ward.household), day, int(bytes)))?;
            }
            conn.prepare_cached("DELETE FROM keeper_growth WHERE day < ?1")?
                .execute([day - 2 * LOOK_BACK_DAYS])?;
            Ok(())
        })
    }

    /// How much a ward took day by day, for [`forecast`](crate::policy::forecast), the oldest day first.
    ///
    /// # Errors
    /// [`KeeperError::Store`].
    pub fn growth(&self, ward: &HouseholdId) -> Result<Vec<Day>, KeeperError> {
        self.db.read(|conn| {
            let mut statement = conn
                .prepare_cached("SELECT day, bytes FROM keeper_growth WHERE household = ?1 ORDER BY day")?;
            let days = statement.query_map((blob(ward),), |row| {
                Ok(Day { day: row.get(0)?, photos: 0, bytes: uint(row.get(1)?) })
            })?;
            Ok(days.collect::<Result<_, _>>()?)
        })
    }
}

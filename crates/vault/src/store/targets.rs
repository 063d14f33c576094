//! The places that packs go to: other homes, folders, object stores. And what other homes ask of this one.

use heirloom_identity::HouseholdId;
use heirloom_store::StoreError;
use heirloom_store::rusqlite::{OptionalExtension, named_params};

use super::target_rows::{ASKS_MAX, Ask, Place, Reported, TargetRow, TargetsError, add, shortened, target};
use super::{VaultStore, bytes, signed, unsigned};
use crate::policy::{Policy, Standing, TargetId};

/// The setting that counts how long nobody was reached.
const ALONE: &str = "alone";

impl VaultStore {
    /// All places, in the order in which they were added.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn targets(&self) -> Result<Vec<TargetRow>, StoreError> {
        self.db.read(|conn| {
            let mut statement = conn.prepare_cached("SELECT * FROM targets ORDER BY number")?;
            Ok(statement.query_map([], target)?.collect::<Result<_, _>>()?)
        })
    }

    /// One place.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn target(&self, id: TargetId) -> Result<Option<TargetRow>, StoreError> {
        self.db.read(|conn| {
            let mut statement = conn.prepare_cached("SELECT * FROM targets WHERE number = ?1")?;
            Ok(statement.query_row([id.0], target).optional()?)
        })
    }

    /// The place that another home is.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn target_of(&self, household: &HouseholdId) -> Result<Option<TargetRow>, StoreError> {
        self.db.read(|conn| {
            let mut statement = conn.prepare_cached("SELECT * FROM targets WHERE household = ?1")?;
            Ok(statement.query_row([household.as_bytes()], target).optional()?)
        })
    }

    /// Adds a place, or finds the one that is known; its standing and keys are then as said here.
    ///
    /// # Errors
    /// See [`TargetsError`]; nothing was added.
    pub fn add_target(
        &self,
        place: &Place,
        standing: Standing,
        now_ms: i64,
    ) -> Result<TargetId, TargetsError> {
        let place = place.clone();
        self.db.write(move |conn| add(conn, &place, standing, now_ms))
    }

    /// Forgets a place and everything known of copies there.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn remove_target(&self, id: TargetId) -> Result<(), StoreError> {
        self.write(move |conn| {
            conn.prepare_cached("DELETE FROM targets WHERE number = ?1")?.execute([id.0])?;
            Ok(())
        })
    }

    /// A home was asked to keep so much. One that keeps some already goes on doing so until it answers.
    ///
    /// # Errors
    /// See [`TargetsError`].
    pub fn ask_target(
        &self,
        household: HouseholdId,
        bytes: u64,
        now_ms: i64,
    ) -> Result<TargetId, TargetsError> {
        self.db.write(move |conn| -> Result<TargetId, TargetsError> {
            let place = Place::Household(household);
            let known: Option<String> = conn
                .prepare_cached("SELECT state FROM targets WHERE household = ?1")?
                .query_row([household.as_bytes()], |row| row.get(0))
                .optional()?;
            let standing = match known.as_deref() {
                Some("active") => Standing::Active,
                _ => Standing::Asked,
            };
            let id = add(conn, &place, standing, now_ms)?;
            conn.prepare_cached("UPDATE targets SET asked_bytes = ?2 WHERE number = ?1")?
                .execute((id.0, signed(bytes)))?;
            Ok(id)
        })
    }

    /// A person said how much a bucket may take; none: as much as fits.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn limit_bucket(&self, id: TargetId, bytes: Option<u64>) -> Result<(), StoreError> {
        self.write(move |conn| {
            conn.prepare_cached("UPDATE targets SET asked_bytes = ?2 WHERE number = ?1 AND kind = 's3'")?
                .execute((id.0, bytes.map(signed)))?;
            Ok(())
        })
    }

    /// A home said that it keeps up to `quota` bytes for us.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn target_granted(&self, id: TargetId, quota: Option<u64>) -> Result<(), StoreError> {
        self.write(move |conn| {
            conn.prepare_cached(
                "UPDATE targets SET state = iif(state = 'leaving', state, 'active'), refusal = NULL,
                   quota = ?2, asked_bytes = NULL WHERE number = ?1",
            )?
            .execute((id.0, quota.map(signed)))?;
            Ok(())
        })
    }

    /// A home said that it does not keep copies for us, or no more.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn target_refused(&self, id: TargetId, reason: &str) -> Result<(), StoreError> {
        let reason = shortened(reason);
        self.write(move |conn| {
            conn.prepare_cached(
                "UPDATE targets SET state = 'refused', refusal = ?2, asked_bytes = NULL WHERE number = ?1",
            )?
            .execute((id.0, reason))?;
            Ok(())
        })
    }

    /// A person here no longer wants a place to keep copies: what is there stays until enough others have it.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn leave_target(&self, id: TargetId) -> Result<(), StoreError> {
        self.write(move |conn| {
            conn.prepare_cached("UPDATE targets SET state = 'leaving' WHERE number = ?1")?.execute([id.0])?;
            conn.prepare_cached("DELETE FROM copies WHERE target = ?1 AND state = 0")?.execute([id.0])?;
            Ok(())
        })
    }

    /// A place was reached, its disk is there, and this is what it said. If it had been missed, it is to be counted again.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn target_seen(
        &self,
        id: TargetId,
        reported: Reported,
        policy: &Policy,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let warn_ms = policy.warn_ms;
        self.write(move |conn| {
            conn.prepare_cached(
                "UPDATE targets SET quota = coalesce(:quota, quota), used = :used, held = :held,
                   free = :free, seen_ms = :now, absent_ms = NULL, trouble = NULL,
                   returned_ms = iif(away_ms >= :warn, :now, returned_ms), away_ms = 0
                 WHERE number = :id",
            )?
            .execute(named_params! {
                ":id": id.0, ":quota": reported.quota.map(signed), ":used": signed(reported.used),
                ":held": signed(reported.held), ":free": reported.free.map(signed), ":now": now_ms,
                ":warn": warn_ms,
            })?;
            Ok(())
        })
    }

    /// A place was reached and its disk is not there: as good as away, and counted so, but told differently.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn target_disk_absent(&self, id: TargetId, now_ms: i64) -> Result<(), StoreError> {
        self.write(move |conn| {
            conn.prepare_cached(
                "UPDATE targets SET seen_ms = ?2, absent_ms = coalesce(absent_ms, ?2) WHERE number = ?1",
            )?
            .execute((id.0, now_ms))?;
            Ok(())
        })
    }

    /// A place said that it is full, or that it no longer is.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn set_target_full(&self, id: TargetId, full: bool, now_ms: i64) -> Result<(), StoreError> {
        self.write(move |conn| {
            conn.prepare_cached(
                "UPDATE targets SET full_ms = iif(?2, coalesce(full_ms, ?3), NULL) WHERE number = ?1",
            )?
            .execute((id.0, full, now_ms))?;
            Ok(())
        })
    }

    /// Something went wrong with a place that none of the others describes; `None`: no longer.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn set_target_trouble(&self, id: TargetId, trouble: Option<&str>) -> Result<(), StoreError> {
        let trouble = trouble.map(shortened);
        self.write(move |conn| {
            conn.prepare_cached("UPDATE targets SET trouble = ?2 WHERE number = ?1")?
                .execute((id.0, trouble))?;
            Ok(())
        })
    }

    /// So much time passed while this home was on. Places not reached in it were away for it, but only if anybody at all
    /// was reached: else it is this home that is cut off, which [`VaultStore::alone_ms`] counts.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn time_passed(&self, passed_ms: i64, reached: &[TargetId], anybody: bool) -> Result<(), StoreError> {
        let passed_ms = passed_ms.max(0);
        let reached: Vec<u32> = reached.iter().map(|id| id.0).collect();
        let anybody = anybody || !reached.is_empty();
        let alone = if anybody { 0 } else { self.alone_ms()?.saturating_add(passed_ms) };
        self.set_moment(ALONE, alone)?;
        if !anybody {
            return Ok(());
        }
        self.write(move |conn| {
            let mut statement = conn.prepare_cached(
                "SELECT number, absent_ms IS NOT NULL FROM targets WHERE kind = 'household'",
            )?;
            let homes: Vec<(u32, bool)> =
                statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
            for (number, _) in
                homes.into_iter().filter(|(number, absent)| *absent || !reached.contains(number))
            {
                conn.prepare_cached("UPDATE targets SET away_ms = away_ms + ?2 WHERE number = ?1")?
                    .execute((number, passed_ms))?;
            }
            Ok(())
        })
    }

    /// For how long this home has reached nobody while it was on.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn alone_ms(&self) -> Result<i64, StoreError> {
        Ok(self.moment(ALONE)?.unwrap_or(0))
    }

    /// Another home asks this one to keep copies. Its last word counts; beyond [`ASKS_MAX`] nothing more is noted.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn note_ask(&self, ask: Ask) -> Result<(), StoreError> {
        self.write(move |conn| {
            conn.prepare_cached(
                "INSERT INTO asks(household, bytes, at_ms) SELECT ?1, ?2, ?3
                 WHERE EXISTS (SELECT 1 FROM asks WHERE household = ?1)
                   OR (SELECT count(*) FROM asks) < ?4
                 ON CONFLICT(household) DO UPDATE SET bytes = ?2, at_ms = ?3",
            )?
            .execute((
                ask.household.as_bytes(),
                signed(ask.bytes),
                ask.at_ms,
                signed(ASKS_MAX),
            ))?;
            Ok(())
        })
    }

    /// What other homes ask of this one, the oldest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn asks(&self) -> Result<Vec<Ask>, StoreError> {
        self.db.read(|conn| {
            let mut statement =
                conn.prepare_cached("SELECT household, bytes, at_ms FROM asks ORDER BY at_ms, household")?;
            let asks = statement.query_map([], |row| {
                Ok(Ask {
                    household: HouseholdId::from_bytes(bytes(row, 0)?),
                    bytes: unsigned(row, 1)?,
                    at_ms: row.get(2)?,
                })
            })?;
            Ok(asks.collect::<Result<_, _>>()?)
        })
    }

    /// A wish was answered.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn forget_ask(&self, household: &HouseholdId) -> Result<(), StoreError> {
        let household = *household;
        self.write(move |conn| {
            conn.prepare_cached("DELETE FROM asks WHERE household = ?1")?.execute([household.as_bytes()])?;
            Ok(())
        })
    }
}

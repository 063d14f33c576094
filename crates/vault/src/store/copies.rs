//! Copies: which pack is to be, is, or was at which place.

use std::collections::BTreeMap;

use heirloom_store::StoreError;
use heirloom_store::rusqlite::{self, Connection, Row};

use super::packs::{find, pack_ref};
use super::{VaultStore, bytes, signed, unsigned};
use crate::policy::audit::Held;
use crate::policy::placement::Assignment;
use crate::policy::{CopyState, DAY_MS, PackCopies, PackCopy, Policy, TargetId};
use crate::{PackId, PackRef};

/// A copy that was lost, or sent and not proved, and for so long was not made good fails.
const FAILING_MS: i64 = 5 * DAY_MS;

/// What is placed at a target, for its quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Placed {
    /// Packs that are there or are to be there.
    pub packs: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl VaultStore {
    /// Decides that packs go to places. What is already there, or on its way, stays as it is; a copy that was too many, and
    /// no longer is because others are gone, is to be proved again rather than deleted.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn assign(&self, assignments: &[Assignment]) -> Result<(), StoreError> {
        let assignments = assignments.to_vec();
        let policy = Policy::default();
        self.write(move |conn| {
            conn.prepare_cached(NEEDED_AGAIN_SQL)?.execute((policy.copies, policy.replace_ms))?;
            let mut statement = conn.prepare_cached(
                "INSERT OR IGNORE INTO copies(target, pack, state, turn, bytes)
                 SELECT ?1, number, 0, turn, bytes FROM packs WHERE id = ?2 AND dropped_ms IS NULL",
            )?;
            for one in &assignments {
                statement.execute((one.target.0, one.pack.as_bytes()))?;
            }
            Ok(())
        })
    }

    /// The packs to be sent to a place next: what the household is made of, then thumbnails, previews, originals, the
    /// newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn pending_for(&self, target: TargetId, limit: usize) -> Result<Vec<PackRef>, StoreError> {
        Ok(self.next_for(target, limit)?.into_iter().map(|(pack, _)| pack).collect())
    }

    /// The packs to be sent to a place next, each with its shelf: 0 is what the household is made of.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn next_for(&self, target: TargetId, limit: usize) -> Result<Vec<(PackRef, u8)>, StoreError> {
        self.db.read(|conn| {
            let mut statement = conn.prepare_cached(PENDING_SQL)?;
            let next = |row: &Row<'_>| Ok((pack_ref(row, 0)?, row.get(4)?));
            let packs = statement.query_map((target.0, signed(limit)), next)?;
            Ok(packs.collect::<Result<_, _>>()?)
        })
    }

    /// The packs that were sent to a place and that it has yet to prove.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn unproven_at(&self, target: TargetId, limit: usize) -> Result<Vec<PackRef>, StoreError> {
        self.db.read(|conn| {
            let mut statement = conn.prepare_cached(
                "SELECT p.id, p.generation, p.salt, p.bytes FROM copies c JOIN packs p ON p.number = c.pack
                 WHERE c.target = ?1 AND c.state = 1 ORDER BY c.turn LIMIT ?2",
            )?;
            let packs = statement.query_map((target.0, signed(limit)), |row| pack_ref(row, 0))?;
            Ok(packs.collect::<Result<_, _>>()?)
        })
    }

    /// Everything that a place said it has, for [`audit::plan`](crate::policy::audit::plan).
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn held_at(&self, target: TargetId) -> Result<Vec<Held>, StoreError> {
        self.db.read(|conn| {
            let mut statement = conn.prepare_cached(
                "SELECT p.id, p.bytes, c.proven_ms FROM copies c JOIN packs p ON p.number = c.pack
                 WHERE c.target = ?1 AND c.state IN (1, 2)",
            )?;
            let held = statement.query_map([target.0], |row| {
                Ok(Held {
                    pack: PackId::from_bytes(bytes(row, 0)?),
                    bytes: row.get(1)?,
                    proven_ms: row.get(2)?,
                })
            })?;
            Ok(held.collect::<Result<_, _>>()?)
        })
    }

    /// How many packs a place proved, as far as is known here.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn proven_at(&self, target: TargetId) -> Result<u64, StoreError> {
        self.db.read(|conn| {
            let mut statement =
                conn.prepare_cached("SELECT count(*) FROM copies WHERE target = ?1 AND state = 2")?;
            Ok(statement.query_row([target.0], |row| unsigned(row, 0))?)
        })
    }

    /// How many packs are known, dropped ones that still lie somewhere among them.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn pack_count(&self) -> Result<usize, StoreError> {
        self.db.read(|conn| {
            let count: u64 =
                conn.prepare_cached("SELECT count(*) FROM packs")?.query_row([], |row| unsigned(row, 0))?;
            Ok(usize::try_from(count).unwrap_or(usize::MAX))
        })
    }

    /// A place took packs. They count for nothing until it proved them.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn mark_sent(&self, target: TargetId, packs: &[PackId], now_ms: i64) -> Result<(), StoreError> {
        self.mark(target, packs, SENT_SQL, now_ms)
    }

    /// A place proved that it has packs, now.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn mark_proven(&self, target: TargetId, packs: &[PackId], now_ms: i64) -> Result<(), StoreError> {
        self.mark(target, packs, PROVEN_SQL, now_ms)
    }

    /// Copies at a place turned out to be wrong or gone.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn mark_lost(&self, target: TargetId, packs: &[PackId], now_ms: i64) -> Result<(), StoreError> {
        self.mark(target, packs, LOST_SQL, now_ms)
    }

    /// Lost copies are to be sent again.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn resend(&self, target: TargetId, packs: &[PackId], now_ms: i64) -> Result<(), StoreError> {
        self.mark(target, packs, RESEND_SQL, now_ms)
    }

    /// Copies at a place may go ([`repair::Action::Trim`](crate::policy::repair::Action)).
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn trim(&self, target: TargetId, packs: &[PackId], now_ms: i64) -> Result<(), StoreError> {
        self.mark(target, packs, TRIM_SQL, now_ms)
    }

    /// A place deleted packs, or never had them.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn mark_gone(&self, target: TargetId, packs: &[PackId]) -> Result<(), StoreError> {
        let packs = packs.to_vec();
        self.write(move |conn| {
            for id in &packs {
                let Some((pack, _)) = find(conn, id)? else { continue };
                conn.prepare_cached("DELETE FROM copies WHERE target = ?1 AND pack = ?2")?
                    .execute((target.0, pack))?;
            }
            Ok(forget_dropped(conn)?)
        })
    }

    /// A list from the place says that it has these packs: those known here and not yet counted there are taken as sent,
    /// to be proved rather than to be sent again. After a restore this is how a home learns what its keepers hold.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn found_at(&self, target: TargetId, packs: &[PackId], now_ms: i64) -> Result<(), StoreError> {
        let packs = packs.to_vec();
        self.write(move |conn| {
            let mut statement = conn.prepare_cached(
                "INSERT INTO copies(target, pack, state, turn, bytes, sent_ms)
                 SELECT ?1, number, 1, turn, bytes, ?3 FROM packs WHERE id = ?2 AND dropped_ms IS NULL
                 ON CONFLICT(target, pack) DO UPDATE SET state = 1, sent_ms = ?3 WHERE state IN (0, 3)",
            )?;
            for id in &packs {
                statement.execute((target.0, id.as_bytes(), now_ms))?;
            }
            Ok(())
        })
    }

    /// The places that proved a pack, and when last, the newest proof first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn holders(&self, pack: &PackId) -> Result<Vec<(TargetId, i64)>, StoreError> {
        self.db.read(|conn| {
            let mut statement = conn.prepare_cached(
                "SELECT c.target, c.proven_ms FROM copies c JOIN packs p ON p.number = c.pack
                 WHERE p.id = ?1 AND c.state = 2 AND c.proven_ms IS NOT NULL ORDER BY c.proven_ms DESC",
            )?;
            let holders =
                statement.query_map([pack.as_bytes()], |row| Ok((TargetId(row.get(0)?), row.get(1)?)))?;
            Ok(holders.collect::<Result<_, _>>()?)
        })
    }

    /// Which of these packs a place still waits for: a copy of them in `outbox/` must stay.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn awaited_of(&self, packs: &[PackId]) -> Result<Vec<PackId>, StoreError> {
        self.db.read(|conn| {
            let mut statement = conn.prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM copies c JOIN packs p ON p.number = c.pack
                 WHERE p.id = ?1 AND c.state IN (0, 1, 3))",
            )?;
            let mut awaited = Vec::new();
            for id in packs {
                if statement.query_row([id.as_bytes()], |row| row.get(0))? {
                    awaited.push(*id);
                }
            }
            Ok(awaited)
        })
    }

    /// All packs that are not dropped, with their copies, the oldest pack first: what
    /// [`placement`](crate::policy::placement) and [`repair`](crate::policy::repair) decide about.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn pack_copies(&self) -> Result<Vec<PackCopies>, StoreError> {
        self.db.read(|conn| {
            let mut packs = packs_without_copies(conn)?;
            let mut statement = conn.prepare_cached(COPIES_SQL)?;
            let mut rows = statement.query([FAILING_MS])?;
            while let Some(row) = rows.next()? {
                if let Some(pack) = packs.get_mut(&row.get::<_, i64>(0)?) {
                    pack.copies.push(copy(row)?);
                }
            }
            Ok(packs.into_values().collect())
        })
    }

    /// What is placed at each target: there, or to be there, or not yet deleted.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn placed(&self) -> Result<BTreeMap<TargetId, Placed>, StoreError> {
        self.db.read(|conn| {
            let mut statement =
                conn.prepare_cached("SELECT target, count(*), sum(bytes) FROM copies GROUP BY target")?;
            let placed = statement.query_map([], |row| {
                Ok((TargetId(row.get(0)?), Placed { packs: unsigned(row, 1)?, bytes: unsigned(row, 2)? }))
            })?;
            Ok(placed.collect::<Result<_, _>>()?)
        })
    }

    /// The packs that may be deleted at a place now: copies too many, as long as enough other homes have proved theirs and
    /// have a head that lists them, and dropped packs once the place has a head that
    /// does without them, and has proved whatever it is to have in their place.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn deletable(&self, target: TargetId, limit: usize) -> Result<Vec<PackId>, StoreError> {
        let policy = Policy::default();
        self.db.read(|conn| {
            let mut statement = conn.prepare_cached(DELETABLE_SQL)?;
            let packs = statement
                .query_map((target.0, signed(limit), policy.copies, policy.replace_ms), |row| {
                    bytes(row, 0).map(PackId::from_bytes)
                })?;
            Ok(packs.collect::<Result<_, _>>()?)
        })
    }

    fn mark(
        &self,
        target: TargetId,
        packs: &[PackId],
        sql: &'static str,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let packs = packs.to_vec();
        self.write(move |conn| {
            let mut statement = conn.prepare_cached(sql)?;
            for id in &packs {
                if let Some((pack, _)) = find(conn, id)? {
                    statement.execute((target.0, pack, now_ms))?;
                }
            }
            Ok(())
        })
    }
}

pub(super) const PENDING_SQL: &str = "SELECT p.id, p.generation, p.salt, p.bytes, p.shelf
 FROM copies c JOIN packs p ON p.number = c.pack
 WHERE c.target = ?1 AND c.state = 0 ORDER BY c.turn LIMIT ?2";
// By the clock of the days on which the place was reached: one that is off fails at nothing.
const COPIES_SQL: &str = "SELECT c.pack, c.target, c.state, c.proven_ms,
   c.state IN (0, 1, 3) AND coalesce(coalesce(c.lost_ms, iif(c.state = 1, c.sent_ms, NULL)) <= t.seen_ms - ?1, 0)
 FROM copies c JOIN targets t ON t.number = c.target ORDER BY c.target";
const SENT_SQL: &str = "UPDATE copies SET state = 1, sent_ms = ?3
 WHERE target = ?1 AND pack = ?2 AND state IN (0, 3)";
// A proof counts for a copy in whatever state, but one that is being deleted stays so. A proof now is a proof now,
// whatever time an earlier one has: that clock may have been ahead. What is proved at once was sent just now.
pub(super) const PROVEN_SQL: &str = "UPDATE copies
 SET sent_ms = iif(state = 2, sent_ms, coalesce(sent_ms, ?3)), state = 2, proven_ms = ?3, lost_ms = NULL
 WHERE target = ?1 AND pack = ?2 AND state <> 4";
pub(super) const LOST_SQL: &str = "UPDATE copies SET state = 3, lost_ms = coalesce(lost_ms, ?3)
 WHERE target = ?1 AND pack = ?2 AND state IN (1, 2)";
const RESEND_SQL: &str = "UPDATE copies SET state = 0
 WHERE target = ?1 AND pack = ?2 AND state = 3 AND ?3 IS NOT NULL";
// The head is not asked for: a copy that waits for it is none that has to be sent again.
const NEEDED_AGAIN_SQL: &str = "UPDATE copies SET state = 1
 WHERE state = 4 AND EXISTS (SELECT 1 FROM packs p WHERE p.number = copies.pack AND p.dropped_ms IS NULL)
   AND ?1 > (SELECT count(*) FROM copies o JOIN targets h ON h.number = o.target
     WHERE o.pack = copies.pack AND o.target <> copies.target AND o.state = 2 AND h.kind = 'household'
       AND h.state = 'active' AND h.away_ms < ?2)";
const TRIM_SQL: &str = "UPDATE copies SET state = 4
 WHERE target = ?1 AND pack = ?2 AND ?3 IS NOT NULL";
// A head may be at a place before everything that it lists is: a dropped pack stays there until what takes its place, and
// is to be there, has been proved there.
pub(super) const DELETABLE_SQL: &str = "SELECT p.id FROM copies c
 JOIN packs p ON p.number = c.pack JOIN targets t ON t.number = c.target
 WHERE c.target = ?1 AND c.state = 4
   AND ((p.dropped_ms IS NULL AND ?3 <= (
       SELECT count(*) FROM copies o JOIN targets h ON h.number = o.target
       WHERE o.pack = c.pack AND o.target <> c.target AND o.state = 2 AND h.kind = 'household'
         AND h.state = 'active' AND h.away_ms < ?4 AND h.head >= p.since_head))
     OR (p.dropped_head IS NOT NULL AND t.head >= p.dropped_head
     AND NOT EXISTS (
       SELECT 1 FROM replaced r JOIN copies w ON w.pack = r.by AND w.target = c.target
       WHERE r.pack = p.number AND w.state IN (0, 1, 3))))
 LIMIT ?2";

/// Forgets dropped packs that are nowhere any more and that the manifest does without.
pub(super) fn forget_dropped(conn: &Connection) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "DELETE FROM packs WHERE dropped_ms IS NOT NULL AND dropped_head IS NOT NULL
           AND NOT EXISTS (SELECT 1 FROM copies c WHERE c.pack = packs.number)",
    )?
    .execute([])?;
    Ok(())
}

fn packs_without_copies(conn: &Connection) -> rusqlite::Result<BTreeMap<i64, PackCopies>> {
    let mut statement =
        conn.prepare_cached("SELECT number, id, bytes, shelf FROM packs WHERE dropped_ms IS NULL")?;
    statement
        .query_map([], |row| {
            let pack = PackCopies {
                pack: PackId::from_bytes(bytes(row, 1)?),
                bytes: row.get(2)?,
                shelf: row.get(3)?,
                copies: Vec::new(),
            };
            Ok((row.get(0)?, pack))
        })?
        .collect()
}

fn copy(row: &Row<'_>) -> rusqlite::Result<PackCopy> {
    let state: CopyState = row.get(2)?;
    Ok(PackCopy { target: TargetId(row.get(1)?), state, proven_ms: row.get(3)?, failing: row.get(4)? })
}

//! What audits found, day by day.

use heirloom_store::StoreError;
use heirloom_store::rusqlite;

use super::copies::{LOST_SQL, PROVEN_SQL};
use super::packs::find;
use super::{VaultStore, signed};
use crate::PackId;
use crate::policy::TargetId;
use crate::policy::audit::Outcome;
use crate::policy::forecast::day_of;

/// How many answers there were of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutcomeCounts {
    /// Proved.
    pub ok: u32,
    /// Not what the pack is.
    pub wrong: u32,
    /// Not there, though the disk is.
    pub missing: u32,
    /// Not reached.
    pub offline: u32,
    /// The disk was not there.
    pub disk_absent: u32,
    /// No time.
    pub busy: u32,
}

impl OutcomeCounts {
    /// Counts one more.
    pub const fn add(&mut self, outcome: Outcome) {
        let count = match outcome {
            Outcome::Ok => &mut self.ok,
            Outcome::Wrong => &mut self.wrong,
            Outcome::Missing => &mut self.missing,
            Outcome::Offline => &mut self.offline,
            Outcome::DiskAbsent => &mut self.disk_absent,
            Outcome::Busy => &mut self.busy,
        };
        *count = count.saturating_add(1);
    }
}

/// What one place answered on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditDay {
    /// Days since the Unix epoch, UTC.
    pub day: i64,
    /// The place.
    pub target: TargetId,
    /// Its answers.
    pub counts: OutcomeCounts,
}

impl VaultStore {
    /// Records what came of questions to a place: proofs count from now on, losses are to be sent again. Says which packs
    /// were found lost that were not before.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn record_audit(
        &self,
        target: TargetId,
        outcomes: &[(PackId, Outcome)],
        now_ms: i64,
    ) -> Result<Vec<PackId>, StoreError> {
        let outcomes = outcomes.to_vec();
        self.write(move |conn| {
            let mut counts = OutcomeCounts::default();
            let mut lost = Vec::new();
            for (id, outcome) in &outcomes {
                counts.add(*outcome);
                let Some((pack, _)) = find(conn, id)? else { continue };
                let sql = match outcome {
                    Outcome::Ok => PROVEN_SQL,
                    Outcome::Wrong | Outcome::Missing => LOST_SQL,
                    Outcome::Offline | Outcome::DiskAbsent | Outcome::Busy => continue,
                };
                let changed = conn.prepare_cached(sql)?.execute((target.0, pack, now_ms))?;
                if outcome.is_loss() && changed > 0 {
                    lost.push(*id);
                }
            }
            add_counts(conn, target, &counts, now_ms)?;
            Ok(lost)
        })
    }

    /// A plan of audits was carried out for a place, whatever came of it.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn set_audited(&self, target: TargetId, now_ms: i64) -> Result<(), StoreError> {
        self.write(move |conn| {
            conn.prepare_cached("UPDATE targets SET audited_ms = ?2 WHERE number = ?1")?
                .execute((target.0, now_ms))?;
            Ok(())
        })
    }

    /// What audits found since a moment, by day and place, the newest day first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn audit_days(&self, since_ms: i64, limit: usize) -> Result<Vec<AuditDay>, StoreError> {
        self.db.read(|conn| {
            let mut statement = conn.prepare_cached(
                "SELECT day, target, ok, wrong, missing, offline, disk_absent, busy FROM audits
                 WHERE day >= ?1 ORDER BY day DESC, target LIMIT ?2",
            )?;
            let days = statement.query_map((day_of(since_ms), signed(limit)), |row| {
                Ok(AuditDay {
                    day: row.get(0)?,
                    target: TargetId(row.get(1)?),
                    counts: OutcomeCounts {
                        ok: row.get(2)?,
                        wrong: row.get(3)?,
                        missing: row.get(4)?,
                        offline: row.get(5)?,
                        disk_absent: row.get(6)?,
                        busy: row.get(7)?,
                    },
                })
            })?;
            Ok(days.collect::<Result<_, _>>()?)
        })
    }
}

fn add_counts(
    conn: &rusqlite::Connection,
    target: TargetId,
    counts: &OutcomeCounts,
    now_ms: i64,
) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "INSERT INTO audits(day, target, ok, wrong, missing, offline, disk_absent, busy)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT(day, target) DO UPDATE SET ok = ok + ?3, wrong = wrong + ?4, missing = missing + ?5,
           offline = offline + ?6, disk_absent = disk_absent + ?7, busy = busy + ?8",
    )?
    .execute((
        day_of(now_ms),
        target.0,
        counts.ok,
        counts.wrong,
        counts.missing,
        counts.offline,
        counts.disk_absent,
        counts.busy,
    ))?;
    Ok(())
}

//! The life of a job: queued, claimed, done, put back, set aside.

use heirloom_identity::AssetId;
use heirloom_store::rusqlite::{self, Connection, OptionalExtension, named_params};

use super::{ATTEMPTS_MAX, BACKOFF_FIRST_MS, DEATHS_MAX, Job, JobKind, PRIORITY_NORMAL, Retry};
use crate::feed::set_failure;
use crate::{Catalog, CatalogError};

/// What a job says that took the program down with it too often.
const DIED_REASON: &str = "the program stopped each time while it worked on this file";

pub(crate) const NEXT_SQL: &str =
    "SELECT j.id, j.local_id, j.attempts, a.asset_id FROM jobs j JOIN assets a ON a.id = j.local_id
     WHERE j.state = 'waiting' AND j.kind = :kind AND j.not_before_ms <= :now
     ORDER BY j.priority DESC, j.id LIMIT 1";

impl Catalog {
    /// Queues the derivation of a photo that has lost its pictures; nothing happens while it is queued,
    /// running or set aside.
    ///
    /// # Errors
    /// [`CatalogError::Store`].
    pub fn derive_again(&self, local_id: u32, now_ms: i64) -> Result<(), CatalogError> {
        self.db.write(move |conn| Ok(enqueue(conn, JobKind::Derive, local_id, now_ms)?))
    }

    /// Takes the most urgent job of these kinds that may run now, counting the attempt; `None` when nothing
    /// waits. Earlier kinds are asked first; within a kind, higher priority, then the older job.
    ///
    /// # Errors
    /// [`CatalogError::Store`].
    pub fn claim(&self, now_ms: i64, kinds: &[JobKind]) -> Result<Option<Job>, CatalogError> {
        let kinds = kinds.to_vec();
        // A worker asks often and mostly in vain: look first, without troubling the writer.
        if !self.db.read::<_, CatalogError, _>(|conn| Ok(next(conn, now_ms, &kinds)?.is_some()))? {
            return Ok(None);
        }
        self.db.write(move |conn| {
            let Some(job) = next(conn, now_ms, &kinds)? else { return Ok(None) };
            conn.prepare_cached(
                "UPDATE jobs SET state = 'running', attempts = :attempt, updated_ms = :now WHERE id = :id",
            )?
            .execute(named_params! {":id": job.id, ":attempt": job.attempt, ":now": now_ms})?;
            Ok(Some(job))
        })
    }

    /// Ends a job that was done; fine when it is gone already.
    ///
    /// # Errors
    /// [`CatalogError::Store`].
    pub fn finish(&self, job: &Job) -> Result<(), CatalogError> {
        let id = job.id;
        self.db.write(move |conn| {
            conn.prepare_cached("DELETE FROM jobs WHERE id = :id AND state = 'running'")?
                .execute(named_params! {":id": id})?;
            Ok(())
        })
    }

    /// Gives a job back that was not worked on, its attempt not counted: for an orderly stop.
    ///
    /// # Errors
    /// [`CatalogError::Store`].
    pub fn release(&self, job: &Job, now_ms: i64) -> Result<(), CatalogError> {
        let id = job.id;
        self.db.write(move |conn| {
            conn.prepare_cached(
                "UPDATE jobs SET state = 'waiting', attempts = attempts - 1, updated_ms = :now
                 WHERE id = :id AND state = 'running'",
            )?
            .execute(named_params! {":id": id, ":now": now_ms})?;
            Ok(())
        })
    }

    /// Puts a job back after a failure that may pass (a full disk, an unreadable mount), or sets it aside
    /// after its last attempt. A failure that cannot pass goes to [`Catalog::failed`] at once.
    ///
    /// # Errors
    /// [`CatalogError::Store`].
    pub fn retry_later(&self, job: &Job, reason: &str, now_ms: i64) -> Result<Retry, CatalogError> {
        let (job, reason) = (job.clone(), reason.to_owned());
        self.db.write(move |conn| {
            if job.attempt >= ATTEMPTS_MAX {
                set_aside(conn, job.kind, job.local_id, &reason, now_ms)?;
                set_failure(conn, job.local_id, Some(&reason))?;
                return Ok(Retry::SetAside);
            }
            let not_before_ms = now_ms.saturating_add(BACKOFF_FIRST_MS << (2 * (job.attempt.max(1) - 1)));
            conn.prepare_cached(
                "UPDATE jobs SET state = 'waiting', not_before_ms = :not_before, reason = :reason,
                   updated_ms = :now WHERE id = :id AND state = 'running'",
            )?
            .execute(named_params! {
                ":id": job.id, ":not_before": not_before_ms, ":reason": reason, ":now": now_ms,
            })?;
            Ok(Retry::Waiting { not_before_ms })
        })
    }

    /// At start: jobs that were running when the program stopped wait again, or are set aside when that
    /// has happened [`DEATHS_MAX`](super::DEATHS_MAX) times. Says how many there were.
    ///
    /// # Errors
    /// [`CatalogError::Store`].
    pub fn recover(&self, now_ms: i64) -> Result<usize, CatalogError> {
        self.db.write(move |conn| {
            let mut select = conn
                .prepare("SELECT kind, local_id, attempts FROM jobs WHERE state = 'running' ORDER BY id")?;
            let running: Vec<(JobKind, u32, u32)> = select
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
                .collect::<Result<_, _>>()?;
            for (kind, local_id, attempts) in &running {
                if *attempts >= DEATHS_MAX {
                    set_aside(conn, *kind, *local_id, DIED_REASON, now_ms)?;
                    set_failure(conn, *local_id, Some(DIED_REASON))?;
                }
            }
            conn.execute(
                "UPDATE jobs SET state = 'waiting', updated_ms = :now WHERE state = 'running'",
                named_params! {":now": now_ms},
            )?;
            Ok(running.len())
        })
    }
}

/// Queues work for a photo unless it is queued already.
pub(crate) fn enqueue(conn: &Connection, kind: JobKind, local_id: u32, now_ms: i64) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "INSERT INTO jobs (kind, local_id, priority, attempts, state, not_before_ms, updated_ms)
         VALUES (:kind, :local, :priority, 0, 'waiting', 0, :now) ON CONFLICT (kind, local_id) DO NOTHING",
    )?
    .execute(named_params! {
        ":kind": kind, ":local": local_id, ":priority": PRIORITY_NORMAL, ":now": now_ms,
    })?;
    Ok(())
}

/// Drops whatever is queued for a photo.
pub(crate) fn forget(conn: &Connection, kind: JobKind, local_id: u32) -> rusqlite::Result<()> {
    conn.prepare_cached("DELETE FROM jobs WHERE kind = :kind AND local_id = :local")?
        .execute(named_params! {":kind": kind, ":local": local_id})?;
    Ok(())
}

/// Sets a photo's work aside, whether it was queued or not.
pub(crate) fn set_aside(
    conn: &Connection,
    kind: JobKind,
    local_id: u32,
    reason: &str,
    now_ms: i64,
) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "INSERT INTO jobs (kind, local_id, priority, attempts, state, not_before_ms, reason, updated_ms)
         VALUES (:kind, :local, :priority, 1, 'failed', 0, :reason, :now)
         ON CONFLICT (kind, local_id) DO UPDATE SET state = 'failed', reason = excluded.reason,
           updated_ms = excluded.updated_ms",
    )?
    .execute(named_params! {
        ":kind": kind, ":local": local_id, ":priority": PRIORITY_NORMAL, ":reason": reason, ":now": now_ms,
    })?;
    Ok(())
}

fn next(conn: &Connection, now_ms: i64, kinds: &[JobKind]) -> rusqlite::Result<Option<Job>> {
    let mut select = conn.prepare_cached(NEXT_SQL)?;
    for kind in kinds {
        let found = select.query_row(named_params! {":kind": kind, ":now": now_ms}, |row| {
            let begun: u32 = row.get(2)?;
            Ok(Job {
                id: row.get(0)?,
                kind: *kind,
                local_id: row.get(1)?,
                asset: AssetId::from_bytes(row.get(3)?),
                attempt: begun + 1,
            })
        });
        if let Some(job) = found.optional()? {
            return Ok(Some(job));
        }
    }
    Ok(None)
}

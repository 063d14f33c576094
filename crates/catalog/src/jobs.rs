//! Work that is still to be done: durable, most urgent first, tried a bounded number of times.
//!
//! The queue never refuses: it holds at most one row for each photo and kind of work, so the number of photos
//! bounds it, and a lost row is made again from the photos that lack a derivation ([`Catalog::queue_due`]).
//! An attempt is counted before its work begins, so a file that takes the whole program down with it is set
//! aside after [`ATTEMPTS_MAX`] starts like any other.

use heirloom_identity::AssetId;
use heirloom_store::rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use heirloom_store::rusqlite::{self, Connection, OptionalExtension, named_params};

use crate::feed::set_failure;
use crate::{Catalog, CatalogError};

/// How often a job is begun before it is set aside.
pub const ATTEMPTS_MAX: u32 = 3;
/// How long a job rests after its first failure; four times as long after each further one.
pub const BACKOFF_FIRST_MS: i64 = 15_000;

/// How urgent: background work first made, then what a person looks at.
const PRIORITY_NORMAL: i64 = 0;
const PRIORITY_WATCHED: i64 = 10;
const PRIORITY_BACKGROUND: i64 = -10;

/// Work that outlived the program too often says this.
const DIED_REASON: &str = "the program stopped each time while it worked on this file";

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobKind {
    /// Read an original and make its derivatives.
    Derive,
}

impl JobKind {
    /// The word for it in the table and on the page.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Derive => "derive",
        }
    }
}

impl ToSql for JobKind {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.name()))
    }
}

impl FromSql for JobKind {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value.as_str()? {
            "derive" => Ok(Self::Derive),
            _ => Err(FromSqlError::InvalidType),
        }
    }
}

/// A job that was claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The job's number.
    pub id: i64,
    /// What is to be done.
    pub kind: JobKind,
    /// The photo.
    pub local_id: u32,
    /// The photo's lasting id.
    pub asset: AssetId,
    /// Which attempt this is, from 1 to [`ATTEMPTS_MAX`].
    pub attempt: u32,
}

/// What became of a job that could not be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// It waits for its next attempt.
    Waiting {
        /// Not before this time, milliseconds since the Unix epoch, UTC.
        not_before_ms: i64,
    },
    /// It had its last attempt and was set aside.
    SetAside,
}

/// How many jobs there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JobCounts {
    /// To be done.
    pub waiting: u64,
    /// Being done.
    pub running: u64,
    /// Set aside.
    pub failed: u64,
}

/// A job that was set aside, for a person to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The job's number.
    pub id: i64,
    /// What could not be done.
    pub kind: JobKind,
    /// The photo.
    pub local_id: u32,
    /// The photo's lasting id.
    pub asset: AssetId,
    /// The name it came with.
    pub name: String,
    /// Why.
    pub reason: String,
    /// Since when, milliseconds since the Unix epoch, UTC.
    pub at_ms: i64,
}

impl Catalog {
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

    /// At start: jobs that were running when the program stopped wait again, or are set aside when that was
    /// their last attempt. Says how many there were.
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
                if *attempts >= ATTEMPTS_MAX {
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

    /// Queues every photo that lacks a derivation of at least this version and isn't set aside: what to call
    /// at start. Photos without any come before photos with an older one. Says how many jobs are new.
    ///
    /// # Errors
    /// [`CatalogError::Store`].
    pub fn queue_due(&self, version: u32, now_ms: i64) -> Result<usize, CatalogError> {
        self.db.write(move |conn| {
            let sql =
                "INSERT INTO jobs (kind, local_id, priority, attempts, state, not_before_ms, updated_ms)
                       SELECT :kind, id, :priority, 0, 'waiting', 0, :now FROM assets
                       WHERE state = :state AND version < :version ORDER BY id
                       ON CONFLICT (kind, local_id) DO NOTHING";
            let mut added = 0;
            for (state, priority) in [(0, PRIORITY_NORMAL), (1, PRIORITY_BACKGROUND)] {
                added += conn.execute(
                    sql,
                    named_params! {
                        ":kind": JobKind::Derive, ":priority": priority, ":now": now_ms, ":state": state,
                        ":version": version.max(1),
                    },
                )?;
            }
            Ok(added)
        })
    }

    /// Moves waiting jobs of these photos to the front, because somebody looks at them.
    ///
    /// # Errors
    /// [`CatalogError::Store`].
    pub fn hurry(&self, local_ids: &[u32]) -> Result<(), CatalogError> {
        let local_ids = local_ids.to_vec();
        self.db.write(move |conn| {
            let mut update = conn.prepare_cached(
                "UPDATE jobs SET priority = :priority WHERE kind = :kind AND local_id = :local AND priority < :priority",
            )?;
            for local_id in local_ids {
                update.execute(named_params! {
                    ":kind": JobKind::Derive, ":local": local_id, ":priority": PRIORITY_WATCHED,
                })?;
            }
            Ok(())
        })
    }

    /// How many jobs wait, run and are set aside.
    ///
    /// # Errors
    /// [`CatalogError::Store`].
    pub fn counts(&self) -> Result<JobCounts, CatalogError> {
        self.db.read(|conn| {
            let mut select = conn.prepare_cached("SELECT COUNT(*) FROM jobs WHERE state = :state")?;
            let mut count = |state: &str| -> rusqlite::Result<u64> {
                let count: i64 = select.query_row(named_params! {":state": state}, |row| row.get(0))?;
                Ok(u64::try_from(count).unwrap_or(0))
            };
            Ok(JobCounts { waiting: count("waiting")?, running: count("running")?, failed: count("failed")? })
        })
    }

    /// When the next waiting job may run, for a worker that found nothing; `None` when none waits.
    ///
    /// # Errors
    /// [`CatalogError::Store`].
    pub fn next_due_ms(&self) -> Result<Option<i64>, CatalogError> {
        self.db.read(|conn| {
            let sql = "SELECT MIN(not_before_ms) FROM jobs WHERE state = 'waiting'";
            Ok(conn.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
        })
    }

    /// Jobs that were set aside, newest job first, at most `limit`.
    ///
    /// # Errors
    /// [`CatalogError::Store`].
    pub fn problems(&self, limit: u32) -> Result<Vec<Problem>, CatalogError> {
        self.db.read(|conn| {
            let mut select = conn.prepare_cached(
                "SELECT j.id, j.kind, j.local_id, a.asset_id, a.file_name, COALESCE(j.reason, ''), j.updated_ms
                 FROM jobs j JOIN assets a ON a.id = j.local_id
                 WHERE j.state = 'failed' ORDER BY j.id DESC LIMIT :limit",
            )?;
            let rows = select.query_map(named_params! {":limit": limit}, |row| {
                Ok(Problem {
                    id: row.get(0)?,
                    kind: row.get(1)?,
                    local_id: row.get(2)?,
                    asset: AssetId::from_bytes(row.get(3)?),
                    name: row.get(4)?,
                    reason: row.get(5)?,
                    at_ms: row.get(6)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Gives a job that was set aside a fresh set of attempts, at once; `false` when there is none with this
    /// number.
    ///
    /// # Errors
    /// [`CatalogError::Store`].
    pub fn retry(&self, id: i64, now_ms: i64) -> Result<bool, CatalogError> {
        self.db.write(move |conn| {
            let found: Option<u32> = conn
                .prepare_cached("SELECT local_id FROM jobs WHERE id = :id AND state = 'failed'")?
                .query_row(named_params! {":id": id}, |row| row.get(0))
                .optional()?;
            let Some(local_id) = found else { return Ok(false) };
            conn.prepare_cached(
                "UPDATE jobs SET state = 'waiting', attempts = 0, not_before_ms = 0, reason = NULL,
                   priority = :priority, updated_ms = :now WHERE id = :id",
            )?
            .execute(named_params! {":id": id, ":priority": PRIORITY_WATCHED, ":now": now_ms})?;
            set_failure(conn, local_id, None)?;
            Ok(true)
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
    let mut select = conn.prepare_cached(
        "SELECT j.id, j.local_id, j.attempts, a.asset_id FROM jobs j JOIN assets a ON a.id = j.local_id
         WHERE j.state = 'waiting' AND j.kind = :kind AND j.not_before_ms <= :now
         ORDER BY j.priority DESC, j.id LIMIT 1",
    )?;
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

//! The queue as a whole: what is missing from it, what goes first, what was set aside.

use heirloom_identity::{AccountId, AssetId};
use heirloom_store::rusqlite::{self, Connection, OptionalExtension, named_params};

use super::{JobCounts, JobKind, PRIORITY_BACKGROUND, PRIORITY_NORMAL, PRIORITY_WATCHED, Problem};
use crate::detail::State;
use crate::feed::set_failure;
use crate::{Catalog, CatalogError};

const PROBLEM_SQL: &str =
    "SELECT j.id, j.kind, j.local_id, a.asset_id, a.file_name, COALESCE(j.reason, ''), j.updated_ms
     FROM jobs j JOIN assets a ON a.id = j.local_id JOIN accounts c ON c.id = a.owner
     WHERE j.state = 'failed'";

fn select_problems(
    conn: &Connection,
    sql: &str,
    params: &[(&str, &dyn rusqlite::ToSql)],
) -> Result<Vec<Problem>, CatalogError> {
    let mut select = conn.prepare_cached(sql)?;
    let rows = select.query_map(params, |row| {
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
}

impl Catalog {
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
                       WHERE state = :state AND version < :version AND shared = 0 ORDER BY id
                       ON CONFLICT (kind, local_id) DO NOTHING";
            let mut added = 0;
            for (state, priority) in
                [(State::Pending, PRIORITY_NORMAL), (State::Derived, PRIORITY_BACKGROUND)]
            {
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
                "UPDATE jobs SET priority = :priority
                 WHERE kind = :kind AND local_id = :local AND priority < :priority",
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
        let sql = format!("{PROBLEM_SQL} ORDER BY j.id DESC LIMIT :limit");
        self.db.read(|conn| select_problems(conn, &sql, named_params! {":limit": limit}))
    }

    /// The same for the photos of one account.
    ///
    /// # Errors
    /// [`CatalogError::Store`].
    pub fn problems_of(&self, account: &AccountId, limit: u32) -> Result<Vec<Problem>, CatalogError> {
        let sql = format!("{PROBLEM_SQL} AND c.account = :account ORDER BY j.id DESC LIMIT :limit");
        let account = account.as_bytes();
        self.db.read(|conn| select_problems(conn, &sql, named_params! {":account": account, ":limit": limit}))
    }

    /// One job that was set aside, by its number.
    ///
    /// # Errors
    /// [`CatalogError::Store`].
    pub fn problem(&self, id: i64) -> Result<Option<Problem>, CatalogError> {
        let sql = format!("{PROBLEM_SQL} AND j.id = :id");
        let found = self.db.read(|conn| select_problems(conn, &sql, named_params! {":id": id}))?;
        Ok(found.into_iter().next())
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

//! Work that is still to be done: durable, most urgent first, tried a bounded number of times.
//!
//! The queue never refuses: it holds at most one row for each photo and kind of work, so the number of photos
//! bounds it, and a lost row is made again from the photos that lack a derivation
//! ([`crate::Catalog::queue_due`]).
//! An attempt is counted before its work begins, so a file that takes the whole program down with it is set
//! aside after [`ATTEMPTS_MAX`] starts like any other.

mod queue;
mod review;

use heirloom_identity::AssetId;
use heirloom_store::rusqlite;
use heirloom_store::rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

#[cfg(test)]
pub(crate) use queue::NEXT_SQL;
pub(crate) use queue::{enqueue, forget, set_aside};

/// How often a job is begun before it is set aside.
pub const ATTEMPTS_MAX: u32 = 3;
/// How often the program may end while it works on a job before the job is suspected of ending it. More than
/// attempts, because a power cut or a kill is rarely the photo's fault.
pub const DEATHS_MAX: u32 = 10;
/// How long a job rests after its first failure; four times as long after each further one.
pub const BACKOFF_FIRST_MS: i64 = 15_000;

/// How urgent, higher first: what somebody looks at, what is new, what is only made anew.
const PRIORITY_WATCHED: i64 = 10;
const PRIORITY_NORMAL: i64 = 0;
const PRIORITY_BACKGROUND: i64 = -10;

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

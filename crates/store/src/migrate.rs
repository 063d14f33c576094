//! Moves a database's schema forward, one numbered step at a time.
//!
//! The number of the last step done is SQLite's `user_version`. Steps are append-only: a released step is
//! never edited. Each runs in a transaction of its own, so a crash leaves the version before it.

use std::path::Path;

use rusqlite::Connection;

use crate::StoreError;

/// One numbered step of a schema.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// Counts from 1 without gaps.
    pub number: u32,
    /// A few words for error messages.
    pub name: &'static str,
    /// The statements, run as one batch.
    pub sql: &'static str,
}

/// Applies what is missing; may be called on every start.
pub(crate) fn migrate(conn: &Connection, path: &Path, steps: &[Migration]) -> Result<(), StoreError> {
    debug_assert!(steps.iter().zip(1..).all(|(step, n)| step.number == n), "migrations count from 1");
    let found: u32 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = steps.last().map_or(0, |step| step.number);
    if found > known {
        return Err(StoreError::TooNew { path: path.to_owned(), found, known });
    }
    for step in steps.iter().filter(|step| step.number > found) {
        apply(conn, step).map_err(|source| StoreError::Migrate {
            path: path.to_owned(),
            number: step.number,
            name: step.name,
            source,
        })?;
    }
    Ok(())
}

fn apply(conn: &Connection, step: &Migration) -> rusqlite::Result<()> {
    let sql = format!("BEGIN IMMEDIATE;\n{}\n;PRAGMA user_version = {};\nCOMMIT;", step.sql, step.number);
    conn.execute_batch(&sql).inspect_err(|_| {
        // A failed statement leaves the transaction open; the error that matters is the first one.
        conn.execute_batch("ROLLBACK").unwrap_or_default();
    })
}

/// Lists every table and column as `table.column TYPE`, sorted, for tests that compare a documented schema
/// with what the migrations make.
///
/// # Errors
/// When SQLite cannot be asked.
pub fn schema_of(conn: &Connection) -> Result<Vec<String>, StoreError> {
    let mut statement = conn.prepare(
        "SELECT m.name || '.' || p.name || ' ' || p.type FROM sqlite_schema m, pragma_table_info(m.name) p
         WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' ORDER BY m.name, p.cid",
    )?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

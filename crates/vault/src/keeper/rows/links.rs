//! The rows of heads.

use heirloom_identity::HouseholdId;
use heirloom_store::rusqlite::{Connection, Result as SqlResult, named_params};

use super::{blob, int, uint};
use crate::keeper::chain::Link;

pub(in crate::keeper) fn links(conn: &Connection, ward: &HouseholdId) -> SqlResult<Vec<Link>> {
    conn.prepare_cached("SELECT * FROM keeper_heads WHERE household = :ward")?
        .query_map(named_params! {":ward": blob(ward)}, |row| {
            Ok(Link {
                head: row.get("head")?,
                previous: row.get("previous")?,
                certificate: row.get("certificate")?,
                generation: row.get("generation")?,
                number: uint(row.get("number")?),
                made_ms: row.get("made_ms")?,
                superseded: row.get("superseded")?,
                fork: row.get("fork")?,
                told: row.get("told")?,
                jump: row.get("jump")?,
                lost: row.get("lost")?,
            })
        })?
        .collect()
}

pub(in crate::keeper) fn add_link(conn: &Connection, ward: &HouseholdId, link: &Link) -> SqlResult<()> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO keeper_heads
         VALUES (:ward, :head, :previous, :certificate, :generation, :number, :made, :superseded, :fork, :told,
           :jump, :lost)",
    )?
    .execute(named_params! {
        ":ward": blob(ward),
        ":head": link.head,
        ":previous": link.previous,
        ":certificate": link.certificate,
        ":generation": link.generation,
        ":number": int(link.number),
        ":made": link.made_ms,
        ":superseded": link.superseded,
        ":fork": link.fork,
        ":told": link.told,
        ":jump": link.jump,
        ":lost": link.lost,
    })
    .map(drop)
}

/// Notes that every head but one has been superseded, from now on if it wasn't before. One that another keeper `told` of
/// supersedes only such: the ward gives a head to a keeper that has what it names, and that is what can be restored.
pub(in crate::keeper) fn supersede(
    conn: &Connection,
    ward: &HouseholdId,
    newest: &Link,
    now: i64,
) -> SqlResult<()> {
    conn.prepare_cached(
        "UPDATE keeper_heads SET superseded = :now, jump = (head != :previous)
         WHERE household = :ward AND head != :newest AND superseded IS NULL AND told >= :told",
    )?
    .execute(named_params! {
        ":ward": blob(ward), ":newest": newest.head, ":previous": newest.previous, ":told": newest.told,
        ":now": now,
    })?;
    conn.prepare_cached(
        "UPDATE keeper_heads SET superseded = NULL, told = :told WHERE household = :ward AND head = :newest",
    )?
    .execute(named_params! {":ward": blob(ward), ":newest": newest.head, ":told": newest.told})
    .map(drop)
}

/// Notes whether a head's file is on the disk.
pub(in crate::keeper) fn set_lost(
    conn: &Connection,
    ward: &HouseholdId,
    head: &[u8; 32],
    lost: bool,
) -> SqlResult<()> {
    conn.prepare_cached("UPDATE keeper_heads SET lost = :lost WHERE household = :ward AND head = :head")?
        .execute(named_params! {":ward": blob(ward), ":head": head, ":lost": lost})
        .map(drop)
}

pub(in crate::keeper) fn drop_link(conn: &Connection, ward: &HouseholdId, head: &[u8; 32]) -> SqlResult<()> {
    conn.prepare_cached("DELETE FROM keeper_heads WHERE household = :ward AND head = :head")?
        .execute(named_params! {":ward": blob(ward), ":head": head})
        .map(drop)
}

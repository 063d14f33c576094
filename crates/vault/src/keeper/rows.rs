//! The SQL of the keeper's tables.

mod alarms;
mod links;

pub(super) use alarms::{alarms, raise, raise_anew};
pub(super) use links::{add_link, drop_link, links, set_lost, supersede};

use heirloom_identity::HouseholdId;
use heirloom_store::rusqlite::{Connection, OptionalExtension, Result as SqlResult, Row, named_params};

use super::budget::Budget;
use crate::folder::DiskId;
use crate::pack::PACK_BYTES_MIN;
use crate::{PackId, Room};

/// How a pack stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PackState {
    Kept,
    Held,
    Bad,
}

impl PackState {
    /// The tables' number; statements here write it out.
    fn of(code: i64) -> Self {
        match code {
            0 => Self::Kept,
            1 => Self::Held,
            _ => Self::Bad,
        }
    }
}

/// A pack, as its row says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PackRow {
    pub(super) pack: PackId,
    pub(super) bytes: u64,
    pub(super) state: PackState,
    pub(super) asked: bool,
    pub(super) scrubs: i64,
}

/// A ward, as its row says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WardRow {
    pub(super) household: HouseholdId,
    pub(super) quota: u64,
    pub(super) since_ms: i64,
    pub(super) ended: bool,
    pub(super) allowed_here: bool,
    pub(super) allowed_there: bool,
}

/// Sums over a ward's packs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Totals {
    pub(super) budget: Budget,
    pub(super) packs: u64,
    pub(super) kept: u64,
    pub(super) held: u64,
    /// Held, and no person was asked.
    pub(super) held_unasked: u64,
    pub(super) bad: u64,
    pub(super) asked_packs: u64,
    pub(super) asked_bytes: u64,
}

/// A size or a count as SQLite knows it.
pub(super) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A limit as SQLite knows it.
pub(super) fn count(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

pub(super) fn uint(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

pub(super) fn blob(id: &HouseholdId) -> &[u8] {
    id.as_bytes()
}

pub(super) fn running(conn: &Connection) -> SqlResult<i64> {
    conn.prepare_cached("SELECT running_ms FROM keeper_clock")?.query_row([], |row| row.get(0))
}

pub(super) fn ward(conn: &Connection, ward: &HouseholdId) -> SqlResult<Option<WardRow>> {
    conn.prepare_cached("SELECT * FROM keeper_wards WHERE household = :ward")?
        .query_row(named_params! {":ward": blob(ward)}, read_ward)
        .optional()
}

pub(super) fn wards(conn: &Connection) -> SqlResult<Vec<WardRow>> {
    conn.prepare_cached("SELECT * FROM keeper_wards ORDER BY since_ms, household")?
        .query_map([], read_ward)?
        .collect()
}

fn read_ward(row: &Row<'_>) -> SqlResult<WardRow> {
    Ok(WardRow {
        household: HouseholdId::from_bytes(row.get("household")?),
        quota: uint(row.get("quota_bytes")?),
        since_ms: row.get("since_ms")?,
        ended: row.get("ended")?,
        allowed_here: row.get("allowed_here")?,
        allowed_there: row.get("allowed_there")?,
    })
}

pub(super) fn disks(conn: &Connection, ward: &HouseholdId) -> SqlResult<Vec<DiskId>> {
    conn.prepare_cached("SELECT disk FROM keeper_disks WHERE household = :ward")?
        .query_map(named_params! {":ward": blob(ward)}, |row| Ok(DiskId(row.get(0)?)))?
        .collect()
}

pub(super) fn add_disk(conn: &Connection, ward: &HouseholdId, disk: DiskId) -> SqlResult<()> {
    conn.prepare_cached("INSERT OR IGNORE INTO keeper_disks VALUES (:ward, :disk)")?
        .execute(named_params! {":ward": blob(ward), ":disk": disk.0})
        .map(drop)
}

pub(super) fn pack(conn: &Connection, ward: &HouseholdId, pack: &PackId) -> SqlResult<Option<PackRow>> {
    conn.prepare_cached("SELECT * FROM keeper_packs WHERE household = :ward AND pack = :pack")?
        .query_row(named_params! {":ward": blob(ward), ":pack": pack.as_bytes()}, read_pack)
        .optional()
}

/// A ward's packs in order of id, whatever their state.
pub(super) fn packs(
    conn: &Connection,
    ward: &HouseholdId,
    after: Option<&PackId>,
    limit: usize,
) -> SqlResult<Vec<PackRow>> {
    // An empty blob stands before every other.
    let after = after.map_or(&[][..], |pack| pack.as_bytes());
    conn.prepare_cached(
        "SELECT * FROM keeper_packs WHERE household = :ward AND pack > :after ORDER BY pack LIMIT :limit",
    )?
    .query_map(named_params! {":ward": blob(ward), ":after": after, ":limit": count(limit)}, read_pack)?
    .collect()
}

/// A ward's kept packs in order of id.
pub(super) fn kept(
    conn: &Connection,
    ward: &HouseholdId,
    after: Option<&PackId>,
    limit: usize,
) -> SqlResult<Vec<(PackId, u64)>> {
    let after = after.map_or(&[][..], |pack| pack.as_bytes());
    conn.prepare_cached(
        "SELECT pack, bytes FROM keeper_packs WHERE household = :ward AND pack > :after AND state = 0
         ORDER BY pack LIMIT :limit",
    )?
    .query_map(named_params! {":ward": blob(ward), ":after": after, ":limit": count(limit)}, |row| {
        Ok((PackId::from_bytes(row.get(0)?), uint(row.get(1)?)))
    })?
    .collect()
}

/// How many packs of a ward are here, kept or held.
pub(super) fn whole(conn: &Connection, ward: &HouseholdId) -> SqlResult<u64> {
    conn.prepare_cached("SELECT count(*) FROM keeper_packs WHERE household = :ward AND state < 2")?
        .query_row(named_params! {":ward": blob(ward)}, |row| row.get(0).map(uint))
}

/// A ward's packs that are lost or damaged here.
pub(super) fn bad(conn: &Connection, ward: &HouseholdId, limit: usize) -> SqlResult<Vec<PackId>> {
    conn.prepare_cached(
        "SELECT pack FROM keeper_packs WHERE household = :ward AND state = 2 ORDER BY pack LIMIT :limit",
    )?
    .query_map(named_params! {":ward": blob(ward), ":limit": count(limit)}, |row| {
        Ok(PackId::from_bytes(row.get(0)?))
    })?
    .collect()
}

pub(super) fn read_pack(row: &Row<'_>) -> SqlResult<PackRow> {
    Ok(PackRow {
        pack: PackId::from_bytes(row.get("pack")?),
        bytes: uint(row.get("bytes")?),
        state: PackState::of(row.get("state")?),
        asked: row.get("asked")?,
        scrubs: row.get("scrubs")?,
    })
}

/// Writes that a pack is kept, whatever it was before. One that counts already keeps its part of the quota.
pub(super) fn keep(
    conn: &Connection,
    ward: &HouseholdId,
    pack: &PackId,
    bytes: u64,
    room: Room,
    scrub_due: i64,
) -> SqlResult<()> {
    conn.prepare_cached(
        "INSERT INTO keeper_packs VALUES (:ward, :pack, :bytes, :reserve, 0, NULL, 0, 0, 0, :due)
         ON CONFLICT DO UPDATE SET reserve = CASE state WHEN 2 THEN :reserve ELSE reserve END, state = 0,
           hold_until = NULL, by_person = 0, asked = 0, bytes = :bytes, scrub_due = :due",
    )?
    .execute(named_params! {
        ":ward": blob(ward),
        ":pack": pack.as_bytes(),
        ":bytes": int(bytes),
        ":reserve": room == Room::Reserve,
        ":due": scrub_due,
    })
    .map(drop)
}

/// Starts the hold of a kept pack; one that is lost or damaged needs none, and its row goes.
pub(super) fn hold(
    conn: &Connection,
    ward: &HouseholdId,
    pack: &PackId,
    until: i64,
    by_person: bool,
) -> SqlResult<()> {
    conn.prepare_cached(
        "UPDATE keeper_packs SET state = 1, hold_until = :until, by_person = :person, asked = 0
         WHERE household = :ward AND pack = :pack AND state = 0",
    )?
    .execute(named_params! {
        ":ward": blob(ward), ":pack": pack.as_bytes(), ":until": until, ":person": by_person,
    })?;
    conn.prepare_cached("DELETE FROM keeper_packs WHERE household = :ward AND pack = :pack AND state = 2")?
        .execute(named_params! {":ward": blob(ward), ":pack": pack.as_bytes()})
        .map(drop)
}

pub(super) fn mark_bad(conn: &Connection, ward: &HouseholdId, pack: &PackId) -> SqlResult<bool> {
    conn.prepare_cached(
        "UPDATE keeper_packs SET state = 2, hold_until = NULL, by_person = 0, asked = 0
         WHERE household = :ward AND pack = :pack AND state = 0",
    )?
    .execute(named_params! {":ward": blob(ward), ":pack": pack.as_bytes()})
    .map(|changed| changed > 0)
}

pub(super) fn forget(conn: &Connection, ward: &HouseholdId, pack: &PackId) -> SqlResult<()> {
    conn.prepare_cached("DELETE FROM keeper_packs WHERE household = :ward AND pack = :pack")?
        .execute(named_params! {":ward": blob(ward), ":pack": pack.as_bytes()})
        .map(drop)
}

pub(super) fn totals(conn: &Connection, ward: &WardRow) -> SqlResult<Totals> {
    let mut totals =
        Totals { budget: Budget { quota: ward.quota, ..Budget::default() }, ..Totals::default() };
    let mut statement = conn.prepare_cached(
        "SELECT reserve, state, by_person, asked, count(*), sum(bytes), sum(max(bytes, :least)) FROM keeper_packs
         WHERE household = :ward GROUP BY reserve, state, by_person, asked",
    )?;
    let least = count(PACK_BYTES_MIN);
    let mut rows = statement.query(named_params! {":ward": blob(&ward.household), ":least": least})?;
    while let Some(row) = rows.next()? {
        let (reserve, state): (bool, i64) = (row.get(0)?, row.get(1)?);
        let (by_person, asked): (bool, bool) = (row.get(2)?, row.get(3)?);
        let (packs, bytes) = (uint(row.get(4)?), uint(row.get(5)?));
        let state = PackState::of(state);
        totals.add(state, by_person, asked, (packs, bytes));
        if state != PackState::Bad {
            totals.budget.add(reserve, uint(row.get(6)?));
        }
    }
    totals.budget.reserve += small_bytes(conn, &ward.household)?;
    Ok(totals)
}

impl Totals {
    fn add(&mut self, state: PackState, by_person: bool, asked: bool, (packs, bytes): (u64, u64)) {
        match state {
            PackState::Bad => {
                self.bad += packs;
                return;
            }
            PackState::Kept => {
                self.packs += packs;
                self.kept += bytes;
            }
            PackState::Held => {
                self.held += bytes;
                self.held_unasked += if by_person { 0 } else { bytes };
            }
        }
        if asked {
            self.asked_packs += packs;
            self.asked_bytes += bytes;
        }
    }
}

/// Bytes of heads and kit records.
fn small_bytes(conn: &Connection, ward: &HouseholdId) -> SqlResult<u64> {
    let head = i64::try_from(heirloom_identity::vault_head::HEAD_BYTES_MAX).unwrap_or(i64::MAX);
    conn.prepare_cached(
        "SELECT (SELECT count(*) * :head FROM keeper_heads WHERE household = :ward)
           + (SELECT coalesce(sum(bytes), 0) FROM keeper_kits WHERE household = :ward)",
    )?
    .query_row(named_params! {":ward": blob(ward), ":head": head}, |row| row.get(0).map(uint))
}

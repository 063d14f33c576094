//! The SQL of the keeper's tables.

use heirloom_identity::HouseholdId;
use heirloom_store::StoreError;
use heirloom_store::rusqlite::{Connection, OptionalExtension, Result as SqlResult, Row, named_params};

use super::budget::Budget;
use super::chain::Link;
use super::{Alarm, AlarmKind};
use crate::folder::DiskId;
use crate::pack::PACK_BYTES_MIN;
use crate::target::DAY_MS;
use crate::{PackId, Room};

/// Alarms kept; older ones are dropped.
const ALARMS_KEPT: i64 = 512;
/// Alarms returned at once.
const ALARMS_MAX: usize = 256;

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

fn uint(number: i64) -> u64 {
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

pub(super) fn links(conn: &Connection, ward: &HouseholdId) -> SqlResult<Vec<Link>> {
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

pub(super) fn add_link(conn: &Connection, ward: &HouseholdId, link: &Link) -> SqlResult<()> {
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
pub(super) fn supersede(conn: &Connection, ward: &HouseholdId, newest: &Link, now: i64) -> SqlResult<()> {
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
pub(super) fn set_lost(conn: &Connection, ward: &HouseholdId, head: &[u8; 32], lost: bool) -> SqlResult<()> {
    conn.prepare_cached("UPDATE keeper_heads SET lost = :lost WHERE household = :ward AND head = :head")?
        .execute(named_params! {":ward": blob(ward), ":head": head, ":lost": lost})
        .map(drop)
}

pub(super) fn drop_link(conn: &Connection, ward: &HouseholdId, head: &[u8; 32]) -> SqlResult<()> {
    conn.prepare_cached("DELETE FROM keeper_heads WHERE household = :ward AND head = :head")?
        .execute(named_params! {":ward": blob(ward), ":head": head})
        .map(drop)
}

/// Raises an alarm; the same one within a day of running time only adds its packs, so that nobody can flood people.
pub(super) fn raise(
    conn: &Connection,
    ward: &HouseholdId,
    kind: AlarmKind,
    packs: u64,
) -> Result<(), StoreError> {
    let now = running(conn)?;
    let added = conn
        .prepare_cached(
            "UPDATE keeper_alarms SET packs = packs + :packs WHERE number =
             (SELECT max(number) FROM keeper_alarms WHERE household = :ward AND kind = :kind AND raised > :since)",
        )?
        .execute(named_params! {
            ":ward": blob(ward), ":kind": kind.code(), ":packs": int(packs), ":since": now - DAY_MS,
        })?;
    if added > 0 {
        return Ok(());
    }
    raise_anew(conn, ward, kind, packs)
}

/// Raises an alarm that is another one than those before it, however late they were.
pub(super) fn raise_anew(
    conn: &Connection,
    ward: &HouseholdId,
    kind: AlarmKind,
    packs: u64,
) -> Result<(), StoreError> {
    let now = running(conn)?;
    conn.prepare_cached(
        "INSERT INTO keeper_alarms (household, kind, packs, raised) VALUES (:ward, :kind, :packs, :now)",
    )?
    .execute(named_params! {
        ":ward": blob(ward), ":kind": kind.code(), ":packs": int(packs), ":now": now,
    })?;
    conn.prepare_cached(
        "DELETE FROM keeper_alarms WHERE number <= (SELECT max(number) FROM keeper_alarms) - :kept",
    )?
    .execute(named_params! {":kept": ALARMS_KEPT})?;
    Ok(())
}

pub(super) fn alarms(conn: &Connection, after: i64) -> SqlResult<Vec<Alarm>> {
    let mut statement = conn.prepare_cached(
        "SELECT number, household, kind, packs FROM keeper_alarms WHERE number > :after ORDER BY number LIMIT :limit",
    )?;
    let rows = statement.query_map(named_params! {":after": after, ":limit": count(ALARMS_MAX)}, |row| {
        let kind = AlarmKind::of(row.get(2)?);
        let (number, ward) = (row.get(0)?, HouseholdId::from_bytes(row.get(1)?));
        Ok(Alarm { number, ward, kind, packs: uint(row.get(3)?) })
    })?;
    rows.collect()
}

impl AlarmKind {
    const fn code(self) -> i64 {
        match self {
            Self::Fork => 1,
            Self::DeletionAsked => 2,
            Self::Damaged => 3,
            Self::OldDisk => 4,
            Self::Restored => 5,
        }
    }

    fn of(code: i64) -> Self {
        match code {
            1 => Self::Fork,
            2 => Self::DeletionAsked,
            4 => Self::OldDisk,
            5 => Self::Restored,
            _ => Self::Damaged,
        }
    }
}

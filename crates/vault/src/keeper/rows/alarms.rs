//! The rows of alarms.

use heirloom_identity::HouseholdId;
use heirloom_store::StoreError;
use heirloom_store::rusqlite::{Connection, Result as SqlResult, named_params};

use super::{blob, count, int, running, uint};
use crate::keeper::{Alarm, AlarmKind};
use crate::target::DAY_MS;

/// Alarms kept; older ones are dropped.
const ALARMS_KEPT: i64 = 512;
/// Alarms returned at once.
const ALARMS_MAX: usize = 256;

/// Raises an alarm; the same one within a day of running time only adds its packs, so that nobody can flood people.
pub(in crate::keeper) fn raise(
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
pub(in crate::keeper) fn raise_anew(
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

pub(in crate::keeper) fn alarms(conn: &Connection, after: i64) -> SqlResult<Vec<Alarm>> {
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

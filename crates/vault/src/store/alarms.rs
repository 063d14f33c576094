//! Alarms: what people must see, until somebody said that they saw it.

use heirloom_identity::HouseholdId;
use heirloom_store::StoreError;
use heirloom_store::rusqlite::{self, Row};

use super::{VaultStore, bytes, impossible, signed};

/// Alarms that are kept; the oldest go.
const ALARMS_MAX: usize = 256;
/// Characters of an alarm's text, of its advice.
const TEXT_CHARS_MAX: usize = 2048;

/// Something to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAlarm {
    /// What kind it is, a word for programs; there is at most one alarm of a kind and household.
    pub kind: &'static str,
    /// The other home that it is about.
    pub household: Option<HouseholdId>,
    /// A sentence.
    pub text: String,
    /// What to do.
    pub advice: String,
}

/// An alarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// Its number, never used again.
    pub id: i64,
    /// What kind it is.
    pub kind: String,
    /// The other home that it is about.
    pub household: Option<HouseholdId>,
    /// A sentence.
    pub text: String,
    /// What to do.
    pub advice: String,
    /// When it began, milliseconds since the Unix epoch, UTC.
    pub at_ms: i64,
    /// When it was last so.
    pub last_ms: i64,
    /// Whether somebody said that they saw it.
    pub seen: bool,
}

impl VaultStore {
    /// Something is so, and perhaps was so before: an alarm that was seen stays seen until [`VaultStore::lower`].
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn raise(&self, alarm: &NewAlarm, now_ms: i64) -> Result<(), StoreError> {
        self.write_alarm(alarm, now_ms, "last_ms = max(last_ms, ?5)")
    }

    /// Something happened once more: an alarm that was seen is to be seen again.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn report(&self, alarm: &NewAlarm, now_ms: i64) -> Result<(), StoreError> {
        self.write_alarm(alarm, now_ms, "last_ms = ?5, at_ms = iif(seen, ?5, at_ms), seen = 0")
    }

    /// It is no longer so.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn lower(&self, kind: &'static str, household: Option<HouseholdId>) -> Result<(), StoreError> {
        self.write(move |conn| {
            conn.prepare_cached("DELETE FROM alarms WHERE kind = ?1 AND household = ?2")?
                .execute((kind, subject(household.as_ref())))?;
            Ok(())
        })
    }

    /// Somebody saw an alarm.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn alarm_seen(&self, id: i64) -> Result<(), StoreError> {
        self.write(move |conn| {
            conn.prepare_cached("UPDATE alarms SET seen = 1 WHERE number = ?1")?.execute([id])?;
            Ok(())
        })
    }

    /// All alarms, those not seen first, the newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn alarms(&self) -> Result<Vec<Alarm>, StoreError> {
        self.db.read(|conn| {
            let mut statement = conn.prepare_cached(
                "SELECT number, kind, household, text, advice, at_ms, last_ms, seen FROM alarms
                 ORDER BY seen, at_ms DESC, number DESC LIMIT ?1",
            )?;
            let alarms = statement.query_map([signed(ALARMS_MAX)], alarm)?;
            Ok(alarms.collect::<Result<_, _>>()?)
        })
    }

    fn write_alarm(&self, alarm: &NewAlarm, now_ms: i64, again: &'static str) -> Result<(), StoreError> {
        let alarm = alarm.clone();
        self.write(move |conn| {
            let shortened = |text: &str| text.chars().take(TEXT_CHARS_MAX).collect::<String>();
            conn.prepare_cached(&format!(
                "INSERT INTO alarms(kind, household, text, advice, at_ms, last_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?5)
                 ON CONFLICT(kind, household) DO UPDATE SET text = ?3, advice = ?4, {again}"
            ))?
            .execute((
                alarm.kind,
                subject(alarm.household.as_ref()),
                shortened(&alarm.text),
                shortened(&alarm.advice),
                now_ms,
            ))?;
            conn.prepare_cached(
                "DELETE FROM alarms WHERE number IN
                   (SELECT number FROM alarms ORDER BY seen, last_ms DESC, number DESC LIMIT -1 OFFSET ?1)",
            )?
            .execute([signed(ALARMS_MAX)])?;
            Ok(())
        })
    }
}

/// Whom it is about, in a column that is never null so that there is one row for each.
fn subject(household: Option<&HouseholdId>) -> &[u8] {
    household.map_or(&[], |household| household.as_bytes())
}

fn alarm(row: &Row<'_>) -> rusqlite::Result<Alarm> {
    let about = row.get_ref(2)?.as_blob().map_err(|_| impossible(2, "no bytes"))?;
    let household = if about.is_empty() { None } else { Some(HouseholdId::from_bytes(bytes(row, 2)?)) };
    Ok(Alarm {
        id: row.get(0)?,
        kind: row.get(1)?,
        household,
        text: row.get(3)?,
        advice: row.get(4)?,
        at_ms: row.get(5)?,
        last_ms: row.get(6)?,
        seen: row.get(7)?,
    })
}

//! Recovery kits of this home: who was given which part, and who keeps the records. No part itself stays here.

use heirloom_identity::{HouseholdId, KitId};
use heirloom_store::StoreError;
use heirloom_store::rusqlite::{OptionalExtension, Row, named_params};

use super::{Ledger, bytes, damaged, optional_bytes};

/// How a part of a kit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartState {
    /// It was sent, and is not acknowledged; or it is printed.
    Given,
    /// Its holder has it.
    Held,
    /// Its holder says that it is not the kit's.
    Wrong,
    /// Its holder says that it has none.
    Gone,
    /// Its holder knows that the kit is revoked.
    Ended,
}

impl PartState {
    /// The word for it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::Held => "held",
            Self::Wrong => "wrong",
            Self::Gone => "gone",
            Self::Ended => "ended",
        }
    }

    fn of(text: &str) -> Option<Self> {
        let all = [Self::Given, Self::Held, Self::Wrong, Self::Gone, Self::Ended];
        all.into_iter().find(|state| state.text() == text)
    }
}

/// One part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartRow {
    /// Its number, from 1.
    pub number: u8,
    /// Who holds it; `None`: it is on paper.
    pub household: Option<HouseholdId>,
    /// How it is.
    pub state: PartState,
    /// Whether its holder is still to hear that people here refuse what is asked of it.
    pub refuse: bool,
}

/// A kit of this home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KitRow {
    /// The kit.
    pub kit: KitId,
    /// What people call it.
    pub name: String,
    /// Its record, which is no secret.
    pub record: Vec<u8>,
    /// How long holders wait before they give their parts out.
    pub delay_ms: i64,
    /// Milliseconds since the Unix epoch, UTC.
    pub created_ms: i64,
    /// When every holder last said that its part is right.
    pub verified_ms: Option<i64>,
    /// When a holder last said that somebody asks for its part, until people here answered.
    pub asked_ms: Option<i64>,
    /// Its end, signed.
    pub revocation: Option<Vec<u8>>,
    /// Its parts, by their numbers.
    pub parts: Vec<PartRow>,
}

impl Ledger {
    /// Records a new kit, durably.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn add_kit(&self, new: KitRow) -> Result<(), StoreError> {
        self.write_kits(move |conn| {
            conn.prepare_cached(
                "INSERT INTO kits(kit, name, record, delay_ms, created_ms)
                 VALUES (:kit, :name, :record, :delay_ms, :created_ms)",
            )?
            .execute(named_params! {
                ":kit": new.kit.as_bytes(), ":name": new.name, ":record": new.record,
                ":delay_ms": new.delay_ms, ":created_ms": new.created_ms,
            })?;
            for part in &new.parts {
                conn.prepare_cached(
                    "INSERT INTO kit_parts(kit, number, household, state) VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute((
                    new.kit.as_bytes(),
                    part.number,
                    part.household.as_ref().map(HouseholdId::as_bytes),
                    part.state.text(),
                ))?;
            }
            Ok(())
        })
    }

    /// Every kit that was ever made, the newest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn kits(&self) -> Result<Vec<KitRow>, StoreError> {
        self.db.read(|conn| {
            let mut kits = conn.prepare_cached("SELECT * FROM kits ORDER BY created_ms DESC, kit")?;
            let mut kits: Vec<KitRow> = kits.query_map([], read_kit)?.collect::<Result<_, _>>()?;
            let mut parts = conn.prepare_cached("SELECT * FROM kit_parts WHERE kit = ?1 ORDER BY number")?;
            for kit in &mut kits {
                kit.parts = parts.query_map([kit.kit.as_bytes()], read_part)?.collect::<Result<_, _>>()?;
            }
            Ok(kits)
        })
    }

    /// Notes how a part is, durably.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn set_part(&self, kit: &KitId, number: u8, state: PartState) -> Result<(), StoreError> {
        let kit = *kit.as_bytes();
        self.write_kits(move |conn| {
            conn.prepare_cached("UPDATE kit_parts SET state = ?3 WHERE kit = ?1 AND number = ?2")?
                .execute((kit, number, state.text()))?;
            Ok(())
        })
    }

    /// Notes that every holder said that its part is right, durably.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn kit_verified(&self, kit: &KitId, now_ms: i64) -> Result<(), StoreError> {
        let kit = *kit.as_bytes();
        self.write_kits(move |conn| {
            conn.execute("UPDATE kits SET verified_ms = ?2 WHERE kit = ?1", (kit, now_ms))?;
            Ok(())
        })
    }

    /// Notes that somebody asks for a part of a kit, durably; whether there is such a kit and it was not revoked.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn kit_asked(&self, kit: &KitId, at_ms: i64) -> Result<bool, StoreError> {
        let kit = *kit.as_bytes();
        self.write_kits(move |conn| {
            let sql = "UPDATE kits SET asked_ms = ?2 WHERE kit = ?1 AND revocation IS NULL";
            Ok(conn.execute(sql, (kit, at_ms))? > 0)
        })
    }

    /// Notes that people here refuse what is asked of the holders of a kit, durably; each is told.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn refuse_kit(&self, kit: &KitId) -> Result<(), StoreError> {
        let kit = *kit.as_bytes();
        self.write_kits(move |conn| {
            conn.execute("UPDATE kits SET asked_ms = NULL WHERE kit = ?1", [kit])?;
            let sql = "UPDATE kit_parts SET refuse = 1 WHERE kit = ?1 AND household IS NOT NULL";
            conn.execute(sql, [kit])?;
            Ok(())
        })
    }

    /// Notes that a holder heard that people here refuse.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn refusal_told(&self, kit: &KitId, number: u8) -> Result<(), StoreError> {
        let kit = *kit.as_bytes();
        self.write_kits(move |conn| {
            conn.prepare_cached("UPDATE kit_parts SET refuse = 0 WHERE kit = ?1 AND number = ?2")?
                .execute((kit, number))?;
            Ok(())
        })
    }

    /// Ends a kit, durably.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn end_kit(&self, kit: &KitId, revocation: Vec<u8>) -> Result<(), StoreError> {
        let kit = *kit.as_bytes();
        self.write_kits(move |conn| {
            let sql =
                "UPDATE kits SET revocation = ?2, asked_ms = NULL WHERE kit = ?1 AND revocation IS NULL";
            conn.execute(sql, (kit, revocation))?;
            Ok(())
        })
    }

    /// Whether a keeper has what it should have of a kit: its record, or the news that it ended.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn kit_is_told(&self, kit: &KitId, keeper: &HouseholdId, ended: bool) -> Result<bool, StoreError> {
        self.db.read(|conn| {
            let sql = "SELECT 1 FROM kit_records WHERE kit = ?1 AND household = ?2 AND state = ?3";
            let told = (kit.as_bytes(), keeper.as_bytes(), record_state(ended));
            Ok(conn.prepare_cached(sql)?.query_row(told, |_| Ok(())).optional()?.is_some())
        })
    }

    /// Notes that a keeper has the record of a kit, or knows that it ended.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn kit_told(&self, kit: &KitId, keeper: &HouseholdId, ended: bool) -> Result<(), StoreError> {
        let (kit, keeper) = (*kit.as_bytes(), *keeper.as_bytes());
        self.write_kits(move |conn| {
            conn.prepare_cached(
                "INSERT OR REPLACE INTO kit_records(kit, household, state) VALUES (?1, ?2, ?3)",
            )?
            .execute((kit, keeper, record_state(ended)))?;
            Ok(())
        })
    }
}

fn record_state(ended: bool) -> &'static str {
    if ended { "ended" } else { "kept" }
}

fn read_kit(row: &Row<'_>) -> heirloom_store::rusqlite::Result<KitRow> {
    Ok(KitRow {
        kit: KitId::from_bytes(bytes(row, "kit")?),
        name: row.get("name")?,
        record: row.get("record")?,
        delay_ms: row.get("delay_ms")?,
        created_ms: row.get("created_ms")?,
        verified_ms: row.get("verified_ms")?,
        asked_ms: row.get("asked_ms")?,
        revocation: row.get("revocation")?,
        parts: Vec::new(),
    })
}

fn read_part(row: &Row<'_>) -> heirloom_store::rusqlite::Result<PartRow> {
    let state: String = row.get("state")?;
    Ok(PartRow {
        number: row.get("number")?,
        household: optional_bytes(row, "household")?.map(HouseholdId::from_bytes),
        state: PartState::of(&state).ok_or_else(|| damaged("state", "no state of a part"))?,
        refuse: row.get("refuse")?,
    })
}

//! What was done: checks, drills, and photos that came back.

use std::collections::BTreeMap;

use heirloom_identity::AssetId;
use heirloom_vault::policy::DAY_MS;
use serde::Serialize;
use utoipa::ToSchema;

use super::Gathered;
use crate::api::dates::iso;

/// Days of checks that are told.
const HISTORY_DAYS: i64 = 92;
/// Drills and heals that are told.
const HISTORY_MAX: usize = 100;

/// The checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditsNow {
    /// Everything that any place has was checked since then.
    pub checked_all_at: Option<String>,
    /// Day by day, the newest first.
    pub history: Vec<AuditDayNow>,
}

/// The checks of one day, of all places together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditDayNow {
    /// The day.
    pub day: String,
    /// Proofs.
    pub ok: u64,
    /// Answers that prove nothing.
    pub wrong: u64,
    /// Packs that were gone.
    pub missing: u64,
    /// Questions without an answer.
    pub offline: u64,
}

/// A drill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DrillNow {
    /// When.
    pub at: String,
    /// Photos that came back as they were.
    pub photos: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Photos that did not.
    pub problems: u64,
    /// From where.
    pub from: String,
}

/// A photo that was brought back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HealNow {
    /// When.
    pub at: String,
    /// Its name.
    pub name: String,
    /// The photo.
    #[schema(value_type = Option<String>)]
    pub asset: Option<AssetId>,
    /// From where.
    pub from: String,
}

impl Gathered<'_> {
    pub(super) fn audits(&self) -> anyhow::Result<AuditsNow> {
        let since = self.now_ms - HISTORY_DAYS * DAY_MS;
        let limit = usize::try_from(HISTORY_DAYS).unwrap_or(0) * self.rows.len().max(1);
        let mut days: BTreeMap<i64, AuditDayNow> = BTreeMap::new();
        for row in self.home.vault.store.audit_days(since, limit)? {
            let date = iso(row.day * DAY_MS).chars().take(10).collect();
            let fresh = AuditDayNow { day: date, ok: 0, wrong: 0, missing: 0, offline: 0 };
            let (day, counts) = (days.entry(row.day).or_insert(fresh), row.counts);
            day.ok += u64::from(counts.ok);
            day.wrong += u64::from(counts.wrong);
            day.missing += u64::from(counts.missing);
            day.offline += u64::from(counts.offline) + u64::from(counts.disk_absent) + u64::from(counts.busy);
        }
        let held = self.overview.targets.values().filter(|counts| counts.packs + counts.stale > 0);
        let checked: Option<Vec<i64>> = held.map(|counts| counts.checked_all_ms).collect();
        let checked_all_at = checked.and_then(|checked| checked.into_iter().min()).map(iso);
        Ok(AuditsNow { checked_all_at, history: days.into_values().rev().collect() })
    }

    pub(super) fn drills(&self) -> anyhow::Result<Vec<DrillNow>> {
        let drills = self.home.vault.store.drills(HISTORY_MAX)?.into_iter().map(|drill| DrillNow {
            at: iso(drill.at_ms),
            photos: drill.photos,
            bytes: drill.bytes,
            problems: drill.problems,
            from: self.target_name(drill.target),
        });
        Ok(drills.collect())
    }

    pub(super) fn heals(&self) -> anyhow::Result<Vec<HealNow>> {
        let mut heals = Vec::new();
        for heal in self.home.vault.store.heals(HISTORY_MAX)? {
            let asset = self.home.ledger.assets_of(&heal.content)?.first().map(|entry| entry.asset);
            heals.push(HealNow {
                at: iso(heal.at_ms),
                name: heal.name,
                asset,
                from: self.target_name(heal.target),
            });
        }
        Ok(heals)
    }
}

//! The lists of the answer: what is kept here, own places, wishes, and what happened.

use std::collections::BTreeMap;

use heirloom_vault::Ward;
use heirloom_vault::keeper::WardState;
use heirloom_vault::policy::{DAY_MS, Standing, forecast};
use heirloom_vault::store::{Place, TargetRow};

use super::{AskNow, AuditDayNow, AuditsNow, DeletionNow, DrillNow, Gathered, HealNow, PlaceNow, WardNow};
use crate::api::dates::iso;
use crate::vault::place;

/// Days of checks that are told.
const HISTORY_DAYS: i64 = 92;
/// Drills and heals that are told.
const HISTORY_MAX: usize = 100;

impl Gathered<'_> {
    pub(super) fn wards(&self) -> anyhow::Result<Vec<WardNow>> {
        self.wards.iter().map(|ward| self.ward(ward)).collect()
    }

    fn ward(&self, ward: &Ward) -> anyhow::Result<WardNow> {
        let growth = forecast::bytes_per_month(&self.home.vault.keeper.growth(&ward.household)?);
        let grows = growth.filter(|_| ward.state != WardState::Ended);
        let full_ms = grows.and_then(|growth| forecast::full_at_ms(ward.free, growth, self.now_ms));
        Ok(WardNow {
            household: ward.household,
            name: self.name(&ward.household),
            state: match ward.state {
                WardState::Keeping => "ok",
                WardState::Ended => "ending",
                WardState::DiskAbsent | WardState::AnotherDisk => "diskAbsent",
            },
            bytes: ward.used,
            quota: ward.quota,
            held: ward.held,
            packs: ward.packs,
            last_head_at: ward.last_head.map(|head| iso(head.made_at_ms)),
            free: Some(ward.free),
            growth_bytes_month: growth,
            full_at: full_ms.map(iso),
            ask: ward.ask.map(|ask| DeletionNow { packs: ask.packs, bytes: ask.bytes }),
        })
    }

    pub(super) fn places(&self) -> Vec<PlaceNow> {
        let own = self.rows.iter().filter(|row| row.household().is_none());
        let place = |row: &TargetRow| {
            let counts = self.counts(row.id);
            let state = match (&row.trouble, row.absent_ms, row.full_ms) {
                _ if row.standing == Standing::Leaving => "leaving",
                (_, Some(_), _) => "diskAbsent",
                (_, _, Some(_)) => "full",
                (Some(trouble), ..) => trouble.as_str(),
                (None, None, None) if !place::is_on(self.home, &row.place) => "diskAbsent",
                (None, None, None) => "ok",
            };
            PlaceNow {
                id: row.id.to_string(),
                kind: if matches!(row.place, Place::S3(_)) { "s3" } else { "folder" },
                place: self.place_name(&row.place),
                state: state.to_owned(),
                packs: counts.packs,
                bytes: counts.bytes,
                last_proven_at: counts.last_proven_ms.map(iso),
            }
        };
        own.map(place).collect()
    }

    pub(super) fn asks(&self) -> anyhow::Result<Vec<AskNow>> {
        let asks = self.home.vault.store.asks()?.into_iter().map(|ask| AskNow {
            household: ask.household,
            name: self.name(&ask.household),
            bytes: ask.bytes,
            at: iso(ask.at_ms),
        });
        Ok(asks.collect())
    }

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

//! Homes: those that keep copies, those that copies are kept for, and those that ask.

use heirloom_identity::HouseholdId;
use heirloom_net::PathKind;
use heirloom_vault::Ward;
use heirloom_vault::keeper::WardState;
use heirloom_vault::policy::repair::{Absence, absence};
use heirloom_vault::policy::{Policy, Standing, forecast};
use heirloom_vault::store::{TargetCounts, TargetRow};
use serde::Serialize;
use utoipa::ToSchema;

use super::Gathered;
use crate::api::dates::iso;
use crate::vault::{deletions, place};

/// Milliseconds of an hour.
const HOUR_MS: f64 = 3_600_000.0;
/// The shortest time over which it is judged how fast copies go.
const RATE_MS_MIN: i64 = 60_000;

/// A home that keeps copies.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeeperNow {
    /// Its id.
    #[schema(value_type = String)]
    pub household: HouseholdId,
    /// What people here call it.
    pub name: String,
    /// `ok`, `asked`, `refused`, `leaving`, `offline`, `warning`, `absent`, `full`, `diskAbsent`.
    pub state: &'static str,
    /// Packs that it proved.
    pub packs: u64,
    /// Photos that are complete there.
    pub photos: u64,
    /// Bytes of the packs.
    pub bytes: u64,
    /// What it agreed to, or was asked for.
    pub quota: u64,
    /// What is left of that.
    pub free: Option<u64>,
    /// When it last proved something.
    pub last_proven_at: Option<String>,
    /// When it was last reached.
    pub last_seen_at: Option<String>,
    /// `lan`, `direct`, `relay` or `off`.
    pub path: &'static str,
    /// How long it takes until everything is there, as fast as in the last hour; nothing while nothing moves.
    pub hours_left: Option<f64>,
    /// How much is added a month.
    pub growth_bytes_month: Option<u64>,
    /// When it will be full.
    pub full_at: Option<String>,
    /// A deletion of our copies there, asked for in our name, that waits for a word of people here.
    pub ask: Option<DeletionNow>,
}

/// A home that this one keeps copies for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WardNow {
    /// Its id.
    #[schema(value_type = String)]
    pub household: HouseholdId,
    /// What people here call it.
    pub name: String,
    /// `ok`, `ending` (nothing new is taken, and what is here is held for 30 days), `diskAbsent`.
    pub state: &'static str,
    /// Bytes that it takes here, held ones with them.
    pub bytes: u64,
    /// What was agreed.
    pub quota: u64,
    /// Bytes that it deleted and that are held.
    pub held: u64,
    /// Its packs.
    pub packs: u64,
    /// When it last said what it has.
    pub last_head_at: Option<String>,
    /// What is left of the quota.
    pub free: Option<u64>,
    /// How much is added a month.
    pub growth_bytes_month: Option<u64>,
    /// When it will be full.
    pub full_at: Option<String>,
    /// A deletion that waits for a person.
    pub ask: Option<DeletionNow>,
}

/// See [`WardNow::ask`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeletionNow {
    /// How many packs.
    pub packs: u64,
    /// How many bytes.
    pub bytes: u64,
}

impl From<deletions::Asked> for DeletionNow {
    fn from(asked: deletions::Asked) -> Self {
        Self { packs: asked.packs, bytes: asked.bytes }
    }
}

/// A home that asks this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AskNow {
    /// Its id.
    #[schema(value_type = String)]
    pub household: HouseholdId,
    /// What people here call it.
    pub name: String,
    /// How much.
    pub bytes: u64,
    /// When.
    pub at: String,
}

impl Gathered<'_> {
    pub(super) fn keepers(&self, policy: &Policy) -> anyhow::Result<Vec<KeeperNow>> {
        let homes = self.rows.iter().filter_map(|row| Some((row, row.household()?)));
        homes.map(|(row, household)| self.keeper(row, household, policy)).collect()
    }

    fn keeper(&self, row: &TargetRow, household: HouseholdId, policy: &Policy) -> anyhow::Result<KeeperNow> {
        let (counts, reported) = (self.counts(row.id), &row.reported);
        let left = reported.quota.map(|quota| quota.saturating_sub(reported.used));
        let free = reported.free.or(left);
        let grows = self.growth.zip(free).filter(|_| row.standing == Standing::Active);
        let full_ms = grows.and_then(|(growth, free)| forecast::full_at_ms(free, growth, self.now_ms));
        Ok(KeeperNow {
            household,
            name: self.name(&household),
            state: self.state(row, policy),
            packs: counts.packs,
            photos: counts.photos,
            bytes: counts.bytes,
            quota: reported.quota.or(row.asked_bytes).unwrap_or(0),
            free,
            last_proven_at: counts.last_proven_ms.map(iso),
            last_seen_at: self.seen_ms(row, &household)?.map(iso),
            path: self.path(&household),
            hours_left: self.hours_left(&counts),
            growth_bytes_month: self.growth,
            full_at: full_ms.map(iso),
            ask: deletions::at(&self.home.vault.store, &household)?.map(DeletionNow::from),
        })
    }

    /// How long it takes until all of it is there. Of what is not packed yet, the originals' size is known, and pictures to
    /// look at are small beside it.
    #[expect(clippy::cast_precision_loss, reason = "it is told in hours and days")]
    pub(super) fn hours_left(&self, counts: &TargetCounts) -> Option<f64> {
        let photos = &self.overview.photos;
        let since_ms = self.now_ms.saturating_sub(counts.recent_since_ms?).max(RATE_MS_MIN);
        if counts.photos >= photos.total || counts.recent_bytes == 0 {
            return None;
        }
        let all = self.overview.bytes.max(photos.bytes);
        let left = all.saturating_sub(counts.bytes).max(counts.pending_bytes);
        let hours = left as f64 / counts.recent_bytes as f64 * since_ms as f64 / HOUR_MS;
        Some((hours * 100.0).ceil() / 100.0)
    }

    fn seen_ms(&self, row: &TargetRow, household: &HouseholdId) -> anyhow::Result<Option<i64>> {
        if place::is_on(self.home, &row.place) {
            return Ok(Some(self.now_ms));
        }
        let peer = self.home.ledger.peer(household)?;
        Ok(row.seen_ms.max(peer.and_then(|peer| peer.last_seen_ms)))
    }

    fn path(&self, household: &HouseholdId) -> &'static str {
        let Some(network) = self.home.network() else { return "off" };
        let path = network.path(household);
        match path.kind {
            PathKind::Off => "off",
            PathKind::Relay => "relay",
            PathKind::Direct if path.is_local => "lan",
            PathKind::Direct => "direct",
        }
    }

    fn state(&self, row: &TargetRow, policy: &Policy) -> &'static str {
        match row.standing {
            Standing::Asked => return "asked",
            Standing::Refused => return "refused",
            Standing::Leaving => return "leaving",
            Standing::Active => {}
        }
        if row.absent_ms.is_some() {
            return "diskAbsent";
        }
        match absence(row.away_ms, policy) {
            Absence::Alarmed | Absence::Replaced => "absent",
            Absence::Warned => "warning",
            Absence::Short if !place::is_on(self.home, &row.place) => "offline",
            Absence::Short if row.full_ms.is_some() => "full",
            Absence::Short => "ok",
        }
    }

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

    pub(super) fn asks(&self) -> anyhow::Result<Vec<AskNow>> {
        let asks = self.home.vault.store.asks()?.into_iter().map(|ask| AskNow {
            household: ask.household,
            name: self.name(&ask.household),
            bytes: ask.bytes,
            at: iso(ask.at_ms),
        });
        Ok(asks.collect())
    }
}

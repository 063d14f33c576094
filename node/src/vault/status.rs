//! How safe everything is, as the Safety page and `heirloom vault status --json` say it.
//!
//! Everything said here is counted from what was proved. The words are the policy's ([`health::assess`]); `facts` says
//! what they are made from.

mod facts;
mod lists;

use std::collections::HashMap;
use std::sync::Arc;

use heirloom_identity::{AssetId, HouseholdId};
use heirloom_net::PathKind;
use heirloom_vault::policy::repair::{Absence, absence};
use heirloom_vault::policy::{PhotoCounts, Policy, Standing, TargetId, forecast, health};
use heirloom_vault::store::{Overview, Place, TargetCounts, TargetRow};
use serde::Serialize;
use utoipa::ToSchema;

use super::kits::reminders::ReminderNow;
use super::kits::status::{KitNow, KitRequestNow};
use super::own_places::bucket_name;
use super::{deletions, place, refill};
use crate::api::dates::iso;
use crate::home::{Home, phrase};
use crate::restore::Stage;

/// Bytes an hour at 40 Mbit/s.
const BYTES_PER_HOUR: f64 = 40e6 / 8.0 * 3600.0;

/// How safe everything is.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = VaultStatus)]
pub struct VaultStatus {
    /// `safe`, `attention`, `danger` or `off`.
    pub level: &'static str,
    /// In one sentence.
    pub sentence: String,
    /// Another computer has taken the place of this one: nothing here can be made safer.
    pub replaced: bool,
    /// What keeps it from being better, the worst first.
    pub reasons: Vec<ReasonNow>,
    /// In how many other homes every photo is complete.
    pub complete_homes: u32,
    /// The photos.
    pub photos: PhotosNow,
    /// Packs.
    pub packs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What is still to be sent or proved.
    pub pending: PendingNow,
    /// Homes that keep copies, were asked, or said no.
    pub keepers: Vec<KeeperNow>,
    /// Homes that this one keeps copies for.
    pub wards: Vec<WardNow>,
    /// Folders and buckets.
    pub targets: Vec<PlaceNow>,
    /// Homes that ask this one to keep copies.
    pub asks: Vec<AskNow>,
    /// The checks.
    pub audits: AuditsNow,
    /// The drills, the newest first.
    pub drills: Vec<DrillNow>,
    /// When the last drill was.
    pub last_drill_at: Option<String>,
    /// Photos that were damaged or gone and are back, the newest first.
    pub heals: Vec<HealNow>,
    /// What people have yet to see.
    pub alarms: Vec<AlarmNow>,
    /// How far a restore is, while there is one.
    pub restoring: Option<RestoringNow>,
    /// What would come back if this computer were lost now.
    pub if_lost_now: IfLostNow,
    /// The recovery phrase.
    pub phrase: PhraseNow,
    /// Recovery kits of this home, the newest first.
    pub kits: Vec<KitNow>,
    /// Machines that ask this home for a part of a kit.
    pub kit_requests: Vec<KitRequestNow>,
    /// What was not looked at for a year, and not put off.
    pub reminders: Vec<ReminderNow>,
}

/// See [`VaultStatus::reasons`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReasonNow {
    /// A word for programs.
    pub kind: &'static str,
    /// `attention` or `danger`.
    pub level: &'static str,
    /// What is so.
    pub text: String,
    /// What to do.
    pub advice: String,
}

/// See [`VaultStatus::photos`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PhotosNow {
    /// All.
    pub total: u64,
    /// Complete in as many other homes as wished.
    pub safe: u64,
    /// Complete in fewer, but at least one.
    pub one_home: u64,
    /// Complete in no other home.
    pub none: u64,
}

/// See [`VaultStatus::pending`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PendingNow {
    /// Packs that some place waits for.
    pub packs: u64,
    /// Their bytes, for each place.
    pub bytes: u64,
    /// Photos that are not complete in as many homes as wished.
    pub photos: u64,
}

/// A home that keeps copies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
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

/// A folder or a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlaceNow {
    /// Its number.
    pub id: String,
    /// `folder` or `s3`.
    pub kind: &'static str,
    /// The folder, or the bucket.
    pub place: String,
    /// `ok`, `full`, `diskAbsent`, `leaving`, or what went wrong.
    pub state: String,
    /// Packs that it proved.
    pub packs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// When it last proved something.
    pub last_proven_at: Option<String>,
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

/// Something that people should see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlarmNow {
    /// Its number.
    pub id: i64,
    /// A word for programs.
    pub kind: String,
    /// What is so.
    pub text: String,
    /// What to do.
    pub advice: String,
    /// Since when.
    pub at: String,
}

/// How far a restore is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RestoringNow {
    /// What is being done.
    pub stage: Stage,
    /// Things that are here.
    pub done: u64,
    /// All of them.
    pub total: u64,
    /// Bytes that are here.
    pub bytes: u64,
    /// All of them.
    pub total_bytes: u64,
}

/// What would come back.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IfLostNow {
    /// Photos that would.
    pub photos: u64,
    /// When the newest of them came.
    pub newest_at: Option<String>,
    /// Photos that would not.
    pub unsafe_photos: u64,
    /// How long it would take at 40 Mbit/s.
    pub hours_at_40_mbit: Option<f64>,
}

/// The recovery phrase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PhraseNow {
    /// Whether this home has the keys that the phrase opens.
    pub enabled: bool,
    /// When somebody last typed it.
    pub verified_at: Option<String>,
}

/// Counts how safe everything is. Blocks; takes a moment in a large home.
///
/// # Errors
/// When a database cannot be read.
pub fn status(home: &Arc<Home>) -> anyhow::Result<VaultStatus> {
    let policy = Policy::default();
    let gathered = Gathered::of(home, &policy)?;
    let replaced = home.is_outranked();
    let health = if replaced {
        health::replaced(&gathered.overview.photos)
    } else {
        health::assess(&facts::facts(&gathered, &policy)?, &policy)
    };
    let (store, overview) = (&home.vault.store, &gathered.overview);
    let wanted = policy.copies.max(1);
    let safe = overview.photos.at_least(wanted);
    let (total, some) = (overview.photos.total, overview.photos.at_least(1));
    let reason = |reason: health::Reason| ReasonNow {
        kind: reason.kind,
        level: reason.level.name(),
        text: reason.text,
        advice: reason.advice,
    };
    let drills = gathered.drills()?;
    Ok(VaultStatus {
        level: health.level.name(),
        sentence: health.sentence,
        replaced,
        reasons: health.reasons.into_iter().map(reason).collect(),
        complete_homes: health.complete_homes,
        photos: PhotosNow {
            total,
            safe,
            one_home: some.saturating_sub(safe),
            none: total.saturating_sub(some),
        },
        packs: overview.packs,
        bytes: overview.bytes,
        pending: PendingNow {
            packs: overview.pending_packs,
            bytes: overview.pending_bytes,
            photos: total.saturating_sub(safe),
        },
        keepers: gathered.keepers(&policy)?,
        wards: gathered.wards()?,
        targets: gathered.places(),
        asks: gathered.asks()?,
        audits: gathered.audits()?,
        last_drill_at: drills.first().map(|drill| drill.at.clone()),
        drills,
        heals: gathered.heals()?,
        alarms: store.alarms()?.into_iter().filter(|alarm| !alarm.seen).map(AlarmNow::from).collect(),
        restoring: restoring(home),
        if_lost_now: if_lost_now(overview),
        phrase: PhraseNow {
            enabled: home.keys.vault().is_some(),
            verified_at: phrase::verified_ms(home)?.map(iso),
        },
        kits: super::kits::status::kits(home)?,
        kit_requests: super::kits::status::requests(home)?,
        reminders: super::kits::reminders::due(home, gathered.now_ms)?,
    })
}

impl From<heirloom_vault::store::Alarm> for AlarmNow {
    fn from(alarm: heirloom_vault::store::Alarm) -> Self {
        Self { id: alarm.id, kind: alarm.kind, text: alarm.text, advice: alarm.advice, at: iso(alarm.at_ms) }
    }
}

impl From<deletions::Asked> for DeletionNow {
    fn from(asked: deletions::Asked) -> Self {
        Self { packs: asked.packs, bytes: asked.bytes }
    }
}

fn restoring(home: &Home) -> Option<RestoringNow> {
    let progress = home.restoring.progress().filter(|progress| progress.stage != Stage::Done)?;
    Some(RestoringNow {
        stage: progress.stage,
        done: progress.done,
        total: progress.total,
        bytes: progress.bytes,
        total_bytes: progress.total_bytes,
    })
}

/// All photos, of which no copy is known.
fn photos_of_ledger(home: &Home) -> anyhow::Result<PhotoCounts> {
    let (total, bytes) = home.ledger.file_totals()?;
    let mut photos = PhotoCounts { total, bytes, nowhere: total, ..PhotoCounts::default() };
    photos.in_homes[0] = total;
    Ok(photos)
}

#[expect(clippy::cast_precision_loss, reason = "hours are told to a tenth")]
fn if_lost_now(overview: &Overview) -> IfLostNow {
    let photos = &overview.photos;
    let safe = photos.total.saturating_sub(photos.nowhere);
    let share = if photos.total == 0 { 0.0 } else { safe as f64 / photos.total as f64 };
    let hours = photos.bytes as f64 * share / BYTES_PER_HOUR;
    IfLostNow {
        photos: safe,
        newest_at: photos.newest_safe_ms.map(iso),
        unsafe_photos: photos.nowhere,
        hours_at_40_mbit: (safe > 0).then_some((hours * 10.0).ceil() / 10.0),
    }
}

/// What is looked up once.
pub(super) struct Gathered<'a> {
    pub(super) home: &'a Arc<Home>,
    pub(super) now_ms: i64,
    pub(super) overview: Overview,
    /// What is known of copies was lost: every photo counts as being nowhere until it is known again.
    pub(super) books_owed: bool,
    pub(super) rows: Vec<TargetRow>,
    pub(super) wards: Vec<heirloom_vault::Ward>,
    names: HashMap<HouseholdId, String>,
    growth: Option<u64>,
}

impl<'a> Gathered<'a> {
    fn of(home: &'a Arc<Home>, policy: &Policy) -> anyhow::Result<Self> {
        let (store, now_ms) = (&home.vault.store, home.vault.engine.now());
        let names = home.ledger.peers()?.into_iter().map(|peer| (peer.household, peer.name())).collect();
        let (mut overview, books_owed) = (store.overview(now_ms, policy)?, refill::is_owed(store)?);
        if books_owed {
            overview.photos = photos_of_ledger(home)?;
        }
        Ok(Self {
            home,
            now_ms,
            overview,
            books_owed,
            rows: store.targets()?,
            wards: home.vault.keeper.wards()?,
            names,
            growth: forecast::bytes_per_month(&store.growth()?),
        })
    }

    pub(super) fn name(&self, household: &HouseholdId) -> String {
        self.names.get(household).cloned().unwrap_or_else(|| household.to_string()[..8].to_owned())
    }

    /// What people call a place.
    pub(super) fn place_name(&self, place: &Place) -> String {
        match place {
            Place::Household(household) => self.name(household),
            Place::Folder(folder) => folder.clone(),
            Place::S3(bucket) => bucket_name(bucket),
        }
    }

    fn target_name(&self, id: Option<TargetId>) -> String {
        let row = self.rows.iter().find(|row| Some(row.id) == id);
        row.map_or_else(|| "a copy".to_owned(), |row| self.place_name(&row.place))
    }

    pub(super) fn counts(&self, id: TargetId) -> TargetCounts {
        self.overview.targets.get(&id).copied().unwrap_or_default()
    }

    fn keepers(&self, policy: &Policy) -> anyhow::Result<Vec<KeeperNow>> {
        let mut keepers = Vec::new();
        for row in &self.rows {
            let Some(household) = row.household() else { continue };
            let (counts, reported) = (self.counts(row.id), &row.reported);
            let quota = reported.quota.or(row.asked_bytes).unwrap_or(0);
            let left = reported.quota.map(|quota| quota.saturating_sub(reported.used));
            let free = reported.free.or(left);
            let full_at = self.growth.zip(free).filter(|_| row.standing == Standing::Active);
            keepers.push(KeeperNow {
                household,
                name: self.name(&household),
                state: self.state(row, policy),
                packs: counts.packs,
                photos: counts.photos,
                bytes: counts.bytes,
                quota,
                free,
                last_proven_at: counts.last_proven_ms.map(iso),
                last_seen_at: self.seen_ms(row)?.map(iso),
                path: self.path(&household),
                growth_bytes_month: self.growth,
                full_at: full_at
                    .and_then(|(growth, free)| forecast::full_at_ms(free, growth, self.now_ms))
                    .map(iso),
                ask: deletions::at(&self.home.vault.store, &household)?.map(DeletionNow::from),
            });
        }
        Ok(keepers)
    }

    fn seen_ms(&self, row: &TargetRow) -> anyhow::Result<Option<i64>> {
        let Some(household) = row.household() else { return Ok(row.seen_ms) };
        if place::is_on(self.home, &row.place) {
            return Ok(Some(self.now_ms));
        }
        let peer = self.home.ledger.peer(&household)?;
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
}

//! How safe everything is, as the Safety page and `heirloom vault status --json` say it.
//!
//! Everything said here is counted from what was proved. The words are the policy's ([`health::assess`]); `facts` says
//! what they are made from.

mod facts;
mod gathered;
mod history;
mod homes;
mod places;

use std::sync::Arc;

use heirloom_vault::policy::{Policy, health};
use heirloom_vault::store::{Alarm, Overview};
use serde::Serialize;
use utoipa::ToSchema;

use self::gathered::Gathered;
pub use self::history::{AuditDayNow, AuditsNow, DrillNow, HealNow};
pub use self::homes::{AskNow, DeletionNow, KeeperNow, WardNow};
pub use self::places::PlaceNow;
use super::kits::reminders::{self, ReminderNow};
use super::kits::status::{self as kits, KitNow, KitRequestNow};
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
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PendingNow {
    /// Packs that some place waits for.
    pub packs: u64,
    /// Their bytes, for each place.
    pub bytes: u64,
    /// Photos that are not complete in as many homes as wished.
    pub photos: u64,
    /// How long it takes until all homes that are on have everything, as fast as in the last hour; nothing while nothing
    /// moves.
    pub hours_left: Option<f64>,
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
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
    /// Homes and disks that it waits for, by their names.
    pub awaits: Vec<String>,
    /// What a person should know.
    pub message: Option<String>,
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
        health::assess(&facts::facts(&gathered)?, &policy)
    };
    let overview = &gathered.overview;
    let safe = overview.photos.at_least(policy.copies.max(1));
    let (total, some) = (overview.photos.total, overview.photos.at_least(1));
    let (drills, keepers) = (gathered.drills()?, gathered.keepers(&policy)?);
    Ok(VaultStatus {
        level: health.level.name(),
        sentence: health.sentence,
        replaced,
        reasons: health.reasons.into_iter().map(ReasonNow::from).collect(),
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
            hours_left: keepers.iter().filter_map(|keeper| keeper.hours_left).reduce(f64::max),
        },
        keepers,
        wards: gathered.wards()?,
        targets: gathered.places(),
        asks: gathered.asks()?,
        audits: gathered.audits()?,
        last_drill_at: drills.first().map(|drill| drill.at.clone()),
        drills,
        heals: gathered.heals()?,
        alarms: alarms(home)?,
        restoring: restoring(home),
        if_lost_now: if_lost_now(overview),
        phrase: PhraseNow {
            enabled: home.keys.vault().is_some(),
            verified_at: phrase::verified_ms(home)?.map(iso),
        },
        kits: kits::kits(home)?,
        kit_requests: kits::requests(home)?,
        reminders: reminders::due(home, gathered.now_ms)?,
    })
}

impl From<health::Reason> for ReasonNow {
    fn from(reason: health::Reason) -> Self {
        Self { kind: reason.kind, level: reason.level.name(), text: reason.text, advice: reason.advice }
    }
}

impl From<Alarm> for AlarmNow {
    fn from(alarm: Alarm) -> Self {
        Self { id: alarm.id, kind: alarm.kind, text: alarm.text, advice: alarm.advice, at: iso(alarm.at_ms) }
    }
}

fn alarms(home: &Home) -> anyhow::Result<Vec<AlarmNow>> {
    let unseen = home.vault.store.alarms()?.into_iter().filter(|alarm| !alarm.seen);
    Ok(unseen.map(AlarmNow::from).collect())
}

fn restoring(home: &Home) -> Option<RestoringNow> {
    let progress = home.restoring.progress().filter(|progress| progress.stage != Stage::Done)?;
    Some(RestoringNow {
        stage: progress.stage,
        done: progress.done,
        total: progress.total,
        bytes: progress.bytes,
        total_bytes: progress.total_bytes,
        awaits: progress.awaits,
        message: progress.message,
    })
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

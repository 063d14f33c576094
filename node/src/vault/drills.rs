//! Drills: photos fetched back from the places that say they have them, opened, and compared with what they must be.
//!
//! Each photo is fetched from one place alone, the places in turn, so that a place that could not restore is found out.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

use anyhow::Context;
use heirloom_vault::policy::audit::Outcome;
use heirloom_vault::policy::{Policy, Seed, TargetId, drill};
use heirloom_vault::store::{Drill, PhotoNow};
use heirloom_vault::{Located, PackId, PackRef, TargetError};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::audits;
use super::fetch::{FetchError, Reader, Source};
use super::polite::blocking;
use crate::home::Home;

/// What came of a drill.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DrillReport {
    /// Photos that were fetched and are what they must be.
    pub photos: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Photos that did not come, or are something else.
    pub problems: u64,
    /// Photos that nobody who was on had.
    pub unreachable: u64,
}

/// Holds a drill now.
///
/// # Errors
/// When the vault is not on, or a database cannot be read or written.
pub async fn run(home: &Arc<Home>, seed: u64, stop: &CancellationToken) -> anyhow::Result<DrillReport> {
    let all = Reader::of(home, &[]).await?;
    let at = Arc::clone(home);
    let photos = blocking(move || {
        let store = &at.vault.store;
        let chosen = drill::choose(&store.drill_candidates()?, &Policy::default(), seed);
        Ok(store.pictures(&chosen)?)
    });
    let mut seed = Seed::new(seed);
    let (mut report, mut places) = (DrillReport::default(), BTreeMap::<TargetId, Drill>::new());
    let mut drilled = Vec::new();
    for photo in photos.await? {
        let fetched = tokio::select! {
            () = stop.cancelled() => break,
            fetched = fetch(home, &all, &photo, &mut seed) => fetched?,
        };
        match fetched {
            Fetched::Whole(target) => {
                report.photos += 1;
                report.bytes += photo.picture.bytes;
                let one = place(&mut places, target);
                one.photos += 1;
                one.bytes += photo.picture.bytes;
            }
            Fetched::Problem(target) => {
                report.problems += 1;
                place(&mut places, target).problems += 1;
            }
            Fetched::Unreachable => {
                report.unreachable += 1;
                continue;
            }
        }
        drilled.push(photo.number);
    }
    finish(home, places, drilled, report).await?;
    Ok(report)
}

fn place(places: &mut BTreeMap<TargetId, Drill>, target: TargetId) -> &mut Drill {
    let fresh = Drill { at_ms: 0, target: Some(target), photos: 0, bytes: 0, problems: 0 };
    places.entry(target).or_insert(fresh)
}

async fn finish(
    home: &Arc<Home>,
    places: BTreeMap<TargetId, Drill>,
    drilled: Vec<i64>,
    report: DrillReport,
) -> anyhow::Result<()> {
    let at = Arc::clone(home);
    blocking(move || {
        let (store, now_ms) = (&at.vault.store, at.vault.engine.now());
        store.drilled(&drilled, now_ms)?;
        for (_, drill) in places {
            store.record_drill(Drill { at_ms: now_ms, ..drill })?;
        }
        Ok(())
    })
    .await?;
    if report.problems > 0 {
        home.vault.wake();
    }
    Ok(())
}

/// What came of one photo.
enum Fetched {
    Whole(TargetId),
    Problem(TargetId),
    Unreachable,
}

/// Fetches the original from one place that has all of it.
async fn fetch(home: &Arc<Home>, all: &Reader, photo: &PhotoNow, seed: &mut Seed) -> anyhow::Result<Fetched> {
    let (at, content) = (Arc::clone(home), photo.picture.content);
    let ids: Vec<TargetId> = all.sources().iter().filter_map(|source| source.id).collect();
    let holders = blocking(move || {
        let located = ids.into_iter().map(|id| Ok((id, at.vault.store.locate_at(&content, id)?)));
        let located = located.collect::<anyhow::Result<Vec<_>>>()?.into_iter();
        Ok(located.filter_map(|(id, located)| Some((id, located?))).collect::<Vec<_>>())
    });
    let mut holders = holders.await?;
    while !holders.is_empty() {
        let place = usize::try_from(seed.below(holders.len() as u64)).unwrap_or(0);
        let (id, located) = holders.swap_remove(place);
        let Some(source) = all.sources().iter().find(|source| source.id == Some(id)) else { continue };
        match fetch_from(home, source, located.clone()).await {
            Ok(()) => return Ok(Fetched::Whole(id)),
            Err(FetchError::Unreachable) => {}
            Err(FetchError::Here(error)) => return Err(error),
            Err(error) => {
                tracing::warn!(%error, target = %id, "a drill could not get a photo back");
                blame(home, source, id, &located).await?;
                return Ok(Fetched::Problem(id));
            }
        }
    }
    Ok(Fetched::Unreachable)
}

async fn fetch_from(home: &Home, source: &Source, located: Located) -> Result<(), FetchError> {
    let keys = home.keys.vault().ok_or(FetchError::NoKey)?;
    let reader = Reader::new(keys.keyring.clone(), *home.keys.certificate.household(), vec![source.clone()]);
    reader.blob(located, Nowhere).await?;
    Ok(())
}

/// Finds out which of a photo's packs are at fault: each is fetched whole.
async fn blame(home: &Arc<Home>, source: &Source, id: TargetId, located: &Located) -> anyhow::Result<()> {
    let mut outcomes: Vec<(PackId, Outcome)> = Vec::new();
    let packs: BTreeMap<PackId, PackRef> = located.pieces.iter().map(|(pack, _)| (pack.id, *pack)).collect();
    for pack in packs.values() {
        let outcome = match source.target.get(pack.id, 0..u64::from(pack.bytes)).await {
            Ok(bytes) => {
                let id = blocking(move || Ok(PackId::of(&bytes))).await.context("cannot hash a pack")?;
                if id == pack.id { Outcome::Ok } else { Outcome::Wrong }
            }
            Err(TargetError::Missing) => Outcome::Missing,
            Err(TargetError::Wrong(_)) => Outcome::Wrong,
            Err(TargetError::DiskAbsent) => Outcome::DiskAbsent,
            Err(TargetError::Busy) => Outcome::Busy,
            Err(_) => Outcome::Offline,
        };
        outcomes.push((pack.id, outcome));
    }
    audits::record(home, id, outcomes).await?;
    Ok(())
}

/// Takes bytes and keeps none: only their hash is of interest.
struct Nowhere;

impl Write for Nowhere {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

//! Two keepers of one household tell each other its newest head, so that a head which was replaced, or shown to one of
//! them only, is noticed although the household itself is silent.
//!
//! Neither names the household: whoever does not keep for it learns nothing from the question. What its keepers have in
//! common, and nobody else has, is the wrapped keyring that stands in every head of one generation. A *mark* is made of
//! it, for this asker and this answerer only.

use std::sync::Arc;

use heirloom_identity::{HouseholdId, VaultHead};
use heirloom_vault::{Keeper, KeeperError};

use super::asking::Line;
use super::keep::refusal;
use super::messages::{MARKS_MAX, VaultAnswer, VaultRefusal};
use super::notices;
use super::places::Work;
use crate::home::Home;
use crate::protocols::network::Network;

/// Derivation context: household ‖ asker ‖ answerer ‖ wrapped keyring → mark.
const MARK: &str = "heirloom 2026 vault keepers in common v1";
/// Wards that are compared with one other home at a time.
const WARDS_MAX: usize = 64;
/// Of the heads of a ward, the newest, the oldest, and each of so many between them are looked at.
const STEP: usize = 8;

/// A ward, and what its keepers know it by.
struct Known {
    ward: HouseholdId,
    newest: Vec<u8>,
    marks: Vec<[u8; 32]>,
}

fn mark(head: &VaultHead, asker: &HouseholdId, answerer: &HouseholdId) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key(MARK);
    for part in [head.household().as_bytes(), asker.as_bytes(), answerer.as_bytes()] {
        hasher.update(part);
    }
    *hasher.update(head.keyring()).finalize().as_bytes()
}

/// Every ward but the other home itself, as one of the two knows it.
fn wards(keeper: &Keeper, asker: &HouseholdId, answerer: &HouseholdId) -> Result<Vec<Known>, KeeperError> {
    let mut all = Vec::new();
    for ward in keeper.wards()?.into_iter().take(WARDS_MAX) {
        if ward.household == *asker || ward.household == *answerer || ward.last_head.is_none() {
            continue;
        }
        let heads = keeper.heads(&ward.household)?;
        let Some(newest) = heads.first().cloned() else { continue };
        let chosen = heads.iter().step_by(STEP).chain(heads.last());
        let chosen = chosen.filter_map(|head| VaultHead::decode(head).ok());
        let mut marks: Vec<_> = chosen.map(|head| mark(&head, asker, answerer)).collect();
        marks.sort_unstable();
        marks.dedup();
        marks.truncate(MARKS_MAX);
        all.push(Known { ward: ward.household, newest, marks });
    }
    Ok(all)
}

/// Answers another keeper with the newest head of the ward that its marks stand for.
pub(super) async fn answer(network: &Arc<Network>, peer: HouseholdId, marks: Vec<[u8; 32]>) -> VaultAnswer {
    let home = &network.home;
    let Some(place) = home.vault.places.take(peer, Work::Read).await else {
        return VaultAnswer::Refused(VaultRefusal::Busy);
    };
    let (keeper, us) = (Arc::clone(&home.vault.keeper), household(home));
    let look = move || -> Result<Option<Vec<u8>>, KeeperError> {
        let mut known = wards(&keeper, &peer, &us)?.into_iter();
        let found = known.find(|known| known.marks.iter().any(|mark| marks.contains(mark)));
        Ok(found.map(|known| known.newest))
    };
    let looked = tokio::task::spawn_blocking(look).await;
    drop(place);
    match looked {
        Ok(Ok(Some(head))) => VaultAnswer::Newest(head),
        Ok(Ok(None)) => VaultAnswer::Refused(VaultRefusal::NotAWard),
        Ok(Err(error)) => VaultAnswer::Refused(refusal(&error)),
        Err(_) => VaultAnswer::Refused(VaultRefusal::Failed),
    }
}

/// Asks another home for the newest heads of the wards that both keep for, and keeps those that are newer. A head that
/// belongs to another chain becomes an alarm.
pub(super) async fn exchange(network: &Arc<Network>, peer: HouseholdId, line: &Line) -> anyhow::Result<()> {
    let home = &network.home;
    let (keeper, us) = (Arc::clone(&home.vault.keeper), household(home));
    let known = tokio::task::spawn_blocking(move || wards(&keeper, &us, &peer)).await??;
    for Known { ward, newest, marks } in known {
        let Some(theirs) = line.newest_of(marks).await? else { continue };
        let is_theirs = VaultHead::decode(&theirs).is_ok_and(|head| *head.household() == ward);
        if theirs == newest || !is_theirs {
            continue;
        }
        let keeper = Arc::clone(&home.vault.keeper);
        let kept = tokio::task::spawn_blocking(move || keeper.tell_head(&ward, &theirs)).await?;
        match kept {
            Ok(()) => tracing::info!(%ward, peer = %peer, "another keeper has a newer head"),
            Err(KeeperError::Older) => {
                tracing::debug!(%ward, peer = %peer, "another keeper has an older head");
            }
            Err(error) => {
                tracing::warn!(%ward, peer = %peer, %error, "the head of another keeper is not taken");
            }
        }
    }
    notices::pass_on(network).await;
    Ok(())
}

fn household(home: &Home) -> HouseholdId {
    *home.keys.certificate.household()
}

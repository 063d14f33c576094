//! The homes that keep copies, and places of one's own that were restored from: which are used from now on, and what people
//! are told of that.

use heirloom_store::StoreError;
use heirloom_vault::policy::Standing;
use heirloom_vault::store::{NewAlarm, Place, VaultStore};

use super::Comer;
use crate::restore::manifest::Opened;
use crate::vault::known_places::{KnownPlaces, name_of};

/// The alarm about places of one's own after a restore.
const ALARM_PLACES: &str = "restored-places";

/// Of the places that were restored from, those that are this household's own. A disk may be lent: nothing is written to
/// one that the manifest does not name. Whoever has a bucket's keys may use it.
pub(super) fn own(known: Option<&KnownPlaces>, comer: &Comer<'_>) -> Vec<Place> {
    let is_own = |place: &&Place| match place {
        Place::Household(_) => false,
        Place::Folder(folder) => known.is_some_and(|known| known.has_folder(folder)),
        Place::S3(_) => true,
    };
    comer.held.iter().map(|(place, _)| place).filter(is_own).cloned().collect()
}

/// The homes that keep copies, and places of one's own that were restored from; what was listed there need not be sent again
/// once it is proved.
pub(super) fn take_over(
    store: &VaultStore,
    opened: &Opened,
    comer: &Comer<'_>,
    own: Vec<Place>,
    now_ms: i64,
) -> Result<(), StoreError> {
    let homes = opened.root.agreements.iter().filter(|agreement| agreement.they_keep.is_some());
    let homes = homes.map(|agreement| (Place::Household(agreement.household), agreement.they_keep));
    for (place, quota) in homes.chain(own.into_iter().map(|place| (place, None))) {
        // One that is not taken over is found again when a person adds it.
        let id = match store.add_target(&place, Standing::Active, now_ms) {
            Ok(id) => id,
            Err(error) => {
                tracing::warn!(%error, "a place that keeps copies was not taken over");
                continue;
            }
        };
        if quota.is_some() {
            store.target_granted(id, quota)?;
        }
        if let Some((_, packs)) = comer.held.iter().find(|(held, _)| *held == place) {
            store.found_at(id, packs, now_ms)?;
        }
    }
    Ok(())
}

/// Which places of one's own are used from now on, and which are not; `None` when there is nothing to say.
pub(super) fn about(known: Option<&KnownPlaces>, own: &[Place], comer: &Comer<'_>) -> Option<NewAlarm> {
    let join = |names: Vec<String>| names.join(" and ");
    let used = join(own.iter().filter_map(name_of).collect());
    let lent = comer.held.iter().map(|(place, _)| place).filter(|place| !own.contains(place));
    let lent = join(lent.filter_map(name_of).collect());
    let forgotten = known.map(|known| join(known.besides(own)));
    let mut text = Vec::new();
    if !used.is_empty() {
        text.push(format!("Copies are written to {used} from now on, as before the restore."));
    }
    if !lent.is_empty() {
        text.push(format!(
            "Nothing is written to {lent}, from which this home was restored: it is not one of its places."
        ));
    }
    match forgotten.as_deref() {
        Some("") => {}
        Some(forgotten) => {
            text.push(format!("Before the restore, copies went to {forgotten}, too; now they don't."));
        }
        None => {
            text.push("Disks and stores that you added before the restore are not used any more.".to_owned());
        }
    }
    let is_complete = lent.is_empty() && forgotten.is_some_and(|forgotten| forgotten.is_empty());
    let advice = if is_complete {
        "If that is not wanted, take it out on the Safety page."
    } else {
        "Add disks and stores of your own again on the Safety page. The keys of stores were on the old computer only."
    };
    let alarm =
        NewAlarm { kind: ALARM_PLACES, household: None, text: text.join(" "), advice: advice.to_owned() };
    (!text.is_empty()).then_some(alarm)
}

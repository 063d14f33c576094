//! What the ledger remembers of agreements and places, for the day on which `vault.sqlite` or `keeper.sqlite` is lost.
//!
//! Both databases may be lost; the ledger may not. So it holds a copy of the little that cannot be asked for again: which
//! homes keep copies, which folders and buckets do, for whom this home keeps how much. No keys of buckets: those are typed
//! again. It is written at the opening, before every run, and now and then, if something changed.

use heirloom_identity::HouseholdId;
use heirloom_store::StoreError;
use heirloom_vault::keeper::{Agreed, WardState};
use heirloom_vault::policy::Standing;
use heirloom_vault::store::{Place, VaultStore};
use serde::{Deserialize, Serialize};

use super::known_places::KnownPlaces;
use super::refill;
use crate::home::Home;
use crate::ledger::Ledger;

/// The ledger's setting that holds it, as JSON.
const SETTING: &str = "vault-agreements";

/// Homes and places with copies, and homes that copies are kept for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Remembered {
    /// Homes that keep copies.
    pub(super) keepers: Vec<Keeper>,
    /// Folders and buckets of one's own.
    pub(super) own: KnownPlaces,
    /// Homes that copies are kept for.
    wards: Vec<Ward>,
}

/// A home that keeps copies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Keeper {
    household: String,
    quota: Option<u64>,
}

/// A home that copies are kept for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Ward {
    household: String,
    quota: u64,
    since_ms: i64,
}

impl Remembered {
    /// Reads it; nothing is remembered if it cannot be understood.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub(super) fn load(ledger: &Ledger) -> Result<Self, StoreError> {
        let text = ledger.setting(SETTING)?.unwrap_or_default();
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }

    /// Whether no place is remembered.
    pub(super) fn has_no_place(&self) -> bool {
        self.keepers.is_empty() && self.own == KnownPlaces::default()
    }

    /// What was agreed with the homes that copies are kept for.
    pub(super) fn agreed(&self) -> Vec<Agreed> {
        let agreed = |ward: &Ward| {
            let household = ward.household.parse().ok()?;
            Some(Agreed { household, quota: ward.quota, since_ms: ward.since_ms })
        };
        self.wards.iter().filter_map(agreed).collect()
    }

    /// Uses the places again, as far as they can be used without being told more.
    ///
    /// # Errors
    /// When it could not be saved.
    pub(super) fn use_places(&self, store: &VaultStore, now_ms: i64) -> Result<(), StoreError> {
        let keepers = self.keepers.iter().filter_map(|keeper| {
            let household: HouseholdId = keeper.household.parse().ok()?;
            Some((Place::Household(household), keeper.quota))
        });
        let folders = self.own.folder.iter().map(|known| (Place::Folder(known.path.clone()), None));
        use_places(store, keepers.chain(folders), now_ms)
    }

    fn places_of(home: &Home) -> anyhow::Result<(Vec<Keeper>, KnownPlaces)> {
        let mut keepers = Vec::new();
        for row in home.vault.store.targets()? {
            if let (Some(household), Standing::Active) = (row.household(), row.standing) {
                keepers.push(Keeper { household: household.to_string(), quota: row.reported.quota });
            }
        }
        Ok((keepers, KnownPlaces::of(home)?))
    }
}

/// Uses places that are not used yet.
///
/// # Errors
/// When it could not be saved.
pub(super) fn use_places(
    store: &VaultStore,
    places: impl Iterator<Item = (Place, Option<u64>)>,
    now_ms: i64,
) -> Result<(), StoreError> {
    let used: Vec<Place> = store.targets()?.into_iter().map(|row| row.place).collect();
    for (place, quota) in places.filter(|(place, _)| !used.contains(place)) {
        // One that cannot be used is found again when a person adds it.
        match store.add_target(&place, Standing::Active, now_ms) {
            Ok(id) if quota.is_some() => store.target_granted(id, quota)?,
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "a place that keeps copies is not used again"),
        }
    }
    Ok(())
}

/// Has the ledger remember how things are now. While places are still to be found again it keeps those that it knows.
///
/// # Errors
/// When a database cannot be read or written.
pub(crate) fn note(home: &Home) -> anyhow::Result<()> {
    let before = Remembered::load(&home.ledger)?;
    let (keepers, own) = if refill::is_owed(&home.vault.store)? {
        (before.keepers.clone(), before.own.clone())
    } else {
        Remembered::places_of(home)?
    };
    let wards = home.vault.keeper.wards()?.into_iter().filter(|ward| ward.state != WardState::Ended);
    let wards = wards.map(|ward| Ward {
        household: ward.household.to_string(),
        quota: ward.quota,
        since_ms: ward.since_ms,
    });
    let now = Remembered { keepers, own, wards: wards.collect() };
    if now != before {
        home.ledger.set_setting(SETTING, &serde_json::to_string(&now)?)?;
    }
    Ok(())
}

/// No longer remembers a place that a person took out; while the books are owed nothing else would have it forgotten.
///
/// # Errors
/// When the ledger cannot be read or written.
pub(crate) fn forget_place(ledger: &Ledger, place: &Place) -> anyhow::Result<()> {
    let mut now = Remembered::load(ledger)?;
    match place {
        Place::Household(household) => {
            now.keepers.retain(|keeper| keeper.household != household.to_string());
        }
        Place::Folder(path) => now.own.folder.retain(|known| known.path != *path),
        Place::S3(s3) => now.own.bucket.retain(|known| {
            (&known.endpoint, &known.bucket, &known.prefix) != (&s3.endpoint, &s3.bucket, &s3.prefix)
        }),
    }
    Ok(ledger.set_setting(SETTING, &serde_json::to_string(&now)?)?)
}

/// Has a ledger that came from another machine remember nothing.
///
/// # Errors
/// When it could not be saved.
pub(crate) fn forget(ledger: &Ledger) -> Result<(), StoreError> {
    ledger.set_setting(SETTING, "")
}

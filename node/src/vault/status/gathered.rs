//! What the answer is made from, looked up once.

use std::collections::HashMap;
use std::sync::Arc;

use heirloom_identity::HouseholdId;
use heirloom_vault::Ward;
use heirloom_vault::policy::{PhotoCounts, Policy, TargetId, forecast};
use heirloom_vault::store::{Overview, Place, TargetCounts, TargetRow};

use crate::home::Home;
use crate::vault::own_places::bucket_name;
use crate::vault::refill;

/// See the module's description.
pub(super) struct Gathered<'a> {
    pub(super) home: &'a Arc<Home>,
    pub(super) now_ms: i64,
    pub(super) overview: Overview,
    /// What is known of copies was lost: every photo counts as being nowhere until it is known again.
    pub(super) books_owed: bool,
    pub(super) rows: Vec<TargetRow>,
    pub(super) wards: Vec<Ward>,
    /// Bytes that are added a month.
    pub(super) growth: Option<u64>,
    names: HashMap<HouseholdId, String>,
}

impl<'a> Gathered<'a> {
    pub(super) fn of(home: &'a Arc<Home>, policy: &Policy) -> anyhow::Result<Self> {
        let (store, now_ms) = (&home.vault.store, home.vault.engine.now());
        let names = home.ledger.peers()?.into_iter().map(|peer| (peer.household, peer.name())).collect();
        let (mut overview, books_owed) = (store.overview_of_late(now_ms, policy)?, refill::is_owed(store)?);
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

    /// The same for one that may be gone by now.
    pub(super) fn target_name(&self, id: Option<TargetId>) -> String {
        let row = self.rows.iter().find(|row| Some(row.id) == id);
        row.map_or_else(|| "a copy".to_owned(), |row| self.place_name(&row.place))
    }

    pub(super) fn counts(&self, id: TargetId) -> TargetCounts {
        self.overview.targets.get(&id).copied().unwrap_or_default()
    }
}

/// All photos, of which no copy is known.
fn photos_of_ledger(home: &Home) -> anyhow::Result<PhotoCounts> {
    let (total, bytes) = home.ledger.file_totals()?;
    let mut photos = PhotoCounts { total, bytes, nowhere: total, ..PhotoCounts::default() };
    photos.in_homes[0] = total;
    Ok(photos)
}

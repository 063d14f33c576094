//! Which place gets which pack, as the policy decides, and what the policy needs to know of the places.

mod limited;

use std::collections::BTreeMap;
use std::path::Path;

use heirloom_vault::folder::marker_of;
use heirloom_vault::policy::placement::{self, Assignment};
use heirloom_vault::policy::repair::{self, Action};
use heirloom_vault::policy::{Holder, PackCopies, Policy, Standing, TargetId};
use heirloom_vault::store::{Place, TargetRow};
use heirloom_vault::{PackId, PackRef};

use crate::home::Home;
use crate::restore::Stage;

pub use heirloom_vault::folder::{Looks, Seen};
pub use limited::{FOLDER_TIME, Limited};

/// What sealing and padding add to originals at most, as one part in so many: for judging whether a home has room for
/// everything before everything is packed.
const OVERHEAD_ONE_IN: u64 = 50;

/// Decides where packs go.
pub struct Placer {
    holders: Vec<Holder>,
    vault_bytes: u64,
    policy: Policy,
}

impl Placer {
    /// Looks at the places as they are now.
    ///
    /// # Errors
    /// When a database cannot be read.
    pub fn new(home: &Home, policy: Policy) -> anyhow::Result<Self> {
        let (_, originals) = home.ledger.file_totals()?;
        let packs = home.vault.store.pack_copies()?;
        let packed: u64 = packs.iter().map(|pack| u64::from(pack.bytes)).sum();
        let expected = originals.saturating_add(originals / OVERHEAD_ONE_IN);
        Ok(Self { holders: holders(home)?, vault_bytes: packed.max(expected), policy })
    }

    /// Sends lost copies again, takes away what is too many, and gives every pack the places that it lacks.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn place_all(&mut self, home: &Home) -> anyhow::Result<()> {
        let store = &home.vault.store;
        let (packs, now_ms) = (store.pack_copies()?, home.vault.engine.now());
        let (mut resend, mut trim): (BTreeMap<_, Vec<_>>, BTreeMap<_, Vec<_>>) = Default::default();
        for action in repair::plan(&packs, &self.holders, &self.policy, now_ms) {
            match action {
                Action::Resend { pack, target } => resend.entry(target).or_default().push(pack),
                Action::Trim { pack, target } => trim.entry(target).or_default().push(pack),
            }
        }
        for (target, packs) in resend {
            store.resend(target, &packs, now_ms)?;
        }
        for (target, packs) in trim {
            store.trim(target, &packs, now_ms)?;
        }
        self.assign(home, &store.pack_copies()?)?;
        Ok(())
    }

    /// Gives a new pack its places and says which.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn place_one(&mut self, home: &Home, pack: &PackRef, shelf: u8) -> anyhow::Result<Vec<TargetId>> {
        let new = PackCopies { pack: pack.id, bytes: pack.bytes, shelf, copies: Vec::new() };
        let assigned = self.assign(home, &[new])?;
        Ok(assigned.into_iter().map(|one| one.target).collect())
    }

    fn assign(&mut self, home: &Home, packs: &[PackCopies]) -> anyhow::Result<Vec<Assignment>> {
        let assigned = placement::assign(packs, &self.holders, self.vault_bytes, &self.policy);
        home.vault.store.assign(&assigned)?;
        let sizes: BTreeMap<PackId, u32> = packs.iter().map(|pack| (pack.pack, pack.bytes)).collect();
        for one in &assigned {
            let bytes = u64::from(sizes.get(&one.pack).copied().unwrap_or(0));
            if let Some(holder) = self.holders.iter_mut().find(|holder| holder.target == one.target) {
                holder.used = holder.used.saturating_add(bytes);
                holder.placed = holder.placed.saturating_add(bytes);
            }
        }
        Ok(assigned)
    }
}

/// The places as the policy sees them.
///
/// # Errors
/// When the database cannot be read.
pub fn holders(home: &Home) -> anyhow::Result<Vec<Holder>> {
    let placed = home.vault.store.placed()?;
    let rows = home.vault.store.targets()?;
    let known = rows.iter().filter(|row| matches!(row.standing, Standing::Active | Standing::Leaving));
    let holder = |row: &TargetRow| {
        let placed = placed.get(&row.id).map_or(0, |placed| placed.bytes);
        Holder {
            target: row.id,
            household: row.household(),
            active: row.standing == Standing::Active,
            full: row.full_ms.is_some(),
            on: is_on(home, &row.place),
            away_ms: row.away_ms,
            returned_ms: row.returned_ms,
            quota: row.reported.quota,
            used: placed.saturating_add(row.reported.held),
            placed,
        }
    };
    Ok(known.map(holder).collect())
}

/// Whether a place can be reached, as far as can be told without asking it. Blocks for some seconds at most.
pub fn is_on(home: &Home, place: &Place) -> bool {
    match place {
        Place::Household(household) => {
            home.network().is_some_and(|network| network.connection(household).is_some())
        }
        Place::Folder(folder) => folder_seen(home, folder) == Seen::There,
        Place::S3(_) => true,
    }
}

/// Whether the disk with a folder of this household's is there, or does not answer. Blocks for some seconds at most.
pub fn folder_seen(home: &Home, folder: &str) -> Seen {
    let household = *home.keys.certificate.household();
    let is_ours = move |folder: &Path| marker_of(folder).is_some_and(|marker| marker.household == household);
    home.vault.engine.folder_looks.at(Path::new(folder), is_ours)
}

/// Whether what goes to a place stays in this network.
pub fn is_near(home: &Home, place: &Place) -> bool {
    match place {
        Place::Household(household) => home.network().is_some_and(|network| network.path(household).is_local),
        Place::Folder(_) => true,
        Place::S3(_) => false,
    }
}

/// Whether a restore is still bringing what the home consists of.
pub fn is_restoring(home: &Home) -> bool {
    home.restoring.progress().is_some_and(|progress| progress.stage != Stage::Done)
}

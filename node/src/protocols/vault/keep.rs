//! Asking this home's keeper for another household: on a thread that may wait for the disk, when there is a place.

use std::sync::Arc;

use heirloom_identity::HouseholdId;
use heirloom_vault::{Keeper, KeeperError};

use super::messages::VaultRefusal;
use super::places::Work;
use crate::home::Home;

/// The keeper, asked for one household.
pub(super) struct Keep<'a> {
    pub(super) home: &'a Arc<Home>,
    pub(super) of: HouseholdId,
}

impl Keep<'_> {
    /// Asks the keeper on a thread that may wait for the disk, when there is a place for it.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Keeper) -> Result<T, KeeperError> + Send + 'static,
    ) -> Result<T, VaultRefusal> {
        let place = self.home.vault.places.take(self.of, Work::Read).await.ok_or(VaultRefusal::Busy)?;
        let answer = self.ask_in_place(work).await;
        drop(place);
        answer
    }

    /// Asks it for whoever has a place already.
    pub(super) async fn ask_in_place<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Keeper) -> Result<T, KeeperError> + Send + 'static,
    ) -> Result<T, VaultRefusal> {
        let keeper = Arc::clone(&self.home.vault.keeper);
        let asked = tokio::task::spawn_blocking(move || work(&keeper)).await;
        asked.map_err(|_| VaultRefusal::Failed)?.map_err(|error| refusal(&error))
    }
}

/// What is said of a keeper's error; what exactly broke here is this home's own affair.
pub(super) fn refusal(error: &KeeperError) -> VaultRefusal {
    match error {
        KeeperError::NotAWard => VaultRefusal::NotAWard,
        KeeperError::Full { quota, used } => VaultRefusal::Full { quota: *quota, used: *used },
        KeeperError::DiskAbsent => VaultRefusal::DiskAbsent,
        KeeperError::Missing => VaultRefusal::Missing,
        KeeperError::Wrong(_) => VaultRefusal::Wrong,
        KeeperError::Busy => VaultRefusal::Busy,
        KeeperError::TooLarge { .. } => VaultRefusal::TooLarge,
        KeeperError::Older => VaultRefusal::Older,
        KeeperError::Fork => VaultRefusal::Fork,
        KeeperError::Store(_) | KeeperError::Io(_) => {
            tracing::error!(%error, "the packs of another home cannot be reached");
            VaultRefusal::Failed
        }
    }
}

//! The places of the vault as something that packs can be put to.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use heirloom_vault::Target;
use heirloom_vault::folder::Expected;
use heirloom_vault::policy::{Standing, TargetId};
use heirloom_vault::store::{Place, TargetRow};
use heirloom_vault::target::{FolderTarget, S3Target};

use super::Vault;
use super::place::{FOLDER_TIME, Limited};
use crate::home::Home;
use crate::protocols::vault::PeerTarget;

impl Vault {
    /// The places that hold packs of this home, or are to: those that agreed, and those that are being left. A place that
    /// cannot be used at all is left out and says so on the page.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn targets(&self, home: &Arc<Home>) -> anyhow::Result<Vec<(TargetId, Arc<dyn Target>)>> {
        let mut targets = Vec::new();
        for row in self.store.targets()? {
            if matches!(row.standing, Standing::Asked | Standing::Refused) {
                continue;
            }
            match self.target(home, &row) {
                Ok(target) => targets.push((row.id, target)),
                Err(error) => {
                    tracing::warn!(%error, target = %row.id, "a place for copies cannot be used");
                    self.store.set_target_trouble(row.id, Some(&error.to_string()))?;
                }
            }
        }
        Ok(targets)
    }

    /// Lets a bucket take so many bytes at most; none: as many as fit.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn limit_bucket(&self, id: TargetId, bytes: Option<u64>) -> anyhow::Result<()> {
        self.store.limit_bucket(id, bytes)?;
        // The next one to use it opens it with the new limit.
        self.engine.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        Ok(())
    }

    fn target(
        &self,
        home: &Arc<Home>,
        row: &TargetRow,
    ) -> Result<Arc<dyn Target>, heirloom_vault::TargetError> {
        if let Place::Household(household) = &row.place {
            return Ok(Arc::new(PeerTarget::new(Arc::clone(home), *household)));
        }
        let mut open = self.engine.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((place, target)) = open.get(&row.id)
            && *place == row.place
        {
            return Ok(Arc::clone(target));
        }
        let household = *home.keys.certificate.household();
        let clock = self.engine.clock();
        let target: Arc<dyn Target> = match &row.place {
            Place::S3(s3) => Arc::new(S3Target::new(s3, household, true, clock)?.limited_to(row.asked_bytes)),
            Place::Folder(folder) => {
                let expected = Expected { household, disks: Vec::new() };
                let disk = Arc::clone(&home.disk);
                let folder = FolderTarget::new(PathBuf::from(folder), expected, disk, clock)?;
                Arc::new(Limited::new(folder, FOLDER_TIME))
            }
            Place::Household(household) => Arc::new(PeerTarget::new(Arc::clone(home), *household)),
        };
        open.insert(row.id, (row.place.clone(), Arc::clone(&target)));
        Ok(target)
    }
}

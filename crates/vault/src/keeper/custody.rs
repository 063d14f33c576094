//! The handle to everything kept here.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use heirloom_identity::HouseholdId;
use heirloom_store::{Database, Disk};

use super::{Alarm, Collected, Home, KeeperError, ScrubReport, Ward};
use crate::proof::Challenge;
use crate::{Answer, DeleteOutcome, PackId, Room, TargetState};

/// Everything kept for wards. Blocking; cheap calls but for those that read or write packs. Share it with an `Arc`.
pub struct Keeper {
    db: Database,
    root: PathBuf,
    disk: Arc<dyn Disk>,
}

impl Keeper {
    /// Opens the custody of this home: `db` with the vault's tables, the folder `kept/`.
    ///
    /// # Errors
    /// [`KeeperError`]
    pub fn open(db: Database, root: PathBuf, disk: Arc<dyn Disk>) -> Result<Self, KeeperError> {
        Ok(Self { db, root, disk })
    }

    /// Follows.
    ///
    /// # Errors
    /// [`KeeperError`]
    pub fn agree(
        &self,
        ward: &HouseholdId,
        quota: u64,
        now_ms: i64,
        random: [u8; 16],
    ) -> Result<(), KeeperError> {
        let _unused = (ward, quota, now_ms, random, &self.db, &self.root, &self.disk);
        Err(KeeperError::Busy)
    }

    /// Follows.
    ///
    /// # Errors
    /// [`KeeperError`]
    pub fn end(&self, ward: &HouseholdId) -> Result<(), KeeperError> {
        let _unused = (ward, &self.db, &self.root, &self.disk);
        Err(KeeperError::Busy)
    }

    /// Follows.
    ///
    /// # Errors
    /// [`KeeperError`]
    pub fn wards(&self) -> Result<Vec<Ward>, KeeperError> {
        let _unused = (&self.db, &self.root, &self.disk);
        Err(KeeperError::Busy)
    }

    /// Follows.
    ///
    /// # Errors
    /// [`KeeperError`]
    pub fn ward(&self, ward: &HouseholdId) -> Result<Ward, KeeperError> {
        let _unused = (ward, &self.db, &self.root, &self.disk);
        Err(KeeperError::Busy)
    }

    /// Follows.
    ///
    /// # Errors
    /// [`KeeperError`]
    pub fn put(
        &self,
        ward: &HouseholdId,
        pack: &PackId,
        bytes: &[u8],
        room: Room,
    ) -> Result<(), KeeperError> {
        let _unused = (ward, pack, bytes, room, &self.db, &self.root, &self.disk);
        Err(KeeperError::Busy)
    }

    /// Follows.
    ///
    /// # Errors
    /// [`KeeperError`]
    pub fn read(&self, ward: &HouseholdId, pack: &PackId, range: Range<u64>) -> Result<Vec<u8>, KeeperError> {
        let _unused = (ward, pack, range, &self.db, &self.root, &self.disk);
        Err(KeeperError::Busy)
    }

    /// Follows.
    ///
    /// # Errors
    /// [`KeeperError`]
    pub fn list(
        &self,
        ward: &HouseholdId,
        after: Option<&PackId>,
        limit: usize,
    ) -> Result<Vec<(PackId, u64)>, KeeperError> {
        let _unused = (ward, after, limit, &self.db, &self.root, &self.disk);
        Err(KeeperError::Busy)
    }

    /// Follows.
    ///
    /// # Errors
    /// [`KeeperError`]
    pub fn prove(&self, ward: &HouseholdId, challenges: &[Challenge]) -> Result<Vec<Answer>, KeeperError> {
        let _unused = (ward, challenges, &self.db, &self.root, &self.disk);
        Err(KeeperError::Busy)
    }

    /// Follows.
    ///
    /// # Errors
    /// [`KeeperError`]
    pub fn delete(&self, ward: &HouseholdId, packs: &[PackId]) -> Result<DeleteOutcome, KeeperError> {
        let _unused = (ward, packs, &self.db, &self.root, &self.disk);
        Err(KeeperError::Busy)
    }

    /// Follows.
    ///
    /// # Errors
    /// [`KeeperError`]
    pub fn answer_deletion(
        &self,
        ward: &HouseholdId,
        by: Home,
        allow: bool,
    ) -> Result<DeleteOutcome, KeeperError> {
        let _unused = (ward, by, allow, &self.db, &self.root, &self.disk);
        Err(KeeperError::Busy)
    }

    /// Follows.
    ///
    /// # Errors
    /// [`KeeperError`]
    pub fn put_head(&self, ward: &HouseholdId, head: &[u8]) -> Result<(), KeeperError> {
        let _unused = (ward, head, &self.db, &self.root, &self.disk);
        Err(KeeperError::Busy)
    }

    /// Follows.
    ///
    /// # Errors
    /// [`KeeperError`]
    pub fn heads(&self, ward: &HouseholdId) -> Result<Vec<Vec<u8>>, KeeperError> {
        let _unused = (ward, &self.db, &self.root, &self.disk);
        Err(KeeperError::Busy)
    }

    /// Follows.
    ///
    /// # Errors
    /// [`KeeperError`]
    pub fn put_kit(&self, ward: &HouseholdId, kit: &[u8]) -> Result<(), KeeperError> {
        let _unused = (ward, kit, &self.db, &self.root, &self.disk);
        Err(KeeperError::Busy)
    }

    /// Follows.
    ///
    /// # Errors
    /// [`KeeperError`]
    pub fn kits(&self, ward: &HouseholdId) -> Result<Vec<Vec<u8>>, KeeperError> {
        let _unused = (ward, &self.db, &self.root, &self.disk);
        Err(KeeperError::Busy)
    }

    /// Follows.
    ///
    /// # Errors
    /// [`KeeperError`]
    pub fn state(&self, ward: &HouseholdId) -> Result<TargetState, KeeperError> {
        let _unused = (ward, &self.db, &self.root, &self.disk);
        Err(KeeperError::Busy)
    }

    /// Follows.
    ///
    /// # Errors
    /// [`KeeperError`]
    pub fn tick(&self, delta_ms: i64) -> Result<(), KeeperError> {
        let _unused = (delta_ms, &self.db, &self.root, &self.disk);
        Err(KeeperError::Busy)
    }

    /// Follows.
    ///
    /// # Errors
    /// [`KeeperError`]
    pub fn running_ms(&self) -> Result<i64, KeeperError> {
        let _unused = (&self.db, &self.root, &self.disk);
        Err(KeeperError::Busy)
    }

    /// Follows.
    ///
    /// # Errors
    /// [`KeeperError`]
    pub fn collect(&self) -> Result<Collected, KeeperError> {
        let _unused = (&self.db, &self.root, &self.disk);
        Err(KeeperError::Busy)
    }

    /// Follows.
    ///
    /// # Errors
    /// [`KeeperError`]
    pub fn scrub_step(&self, budget_bytes: u64) -> Result<ScrubReport, KeeperError> {
        let _unused = (budget_bytes, &self.db, &self.root, &self.disk);
        Err(KeeperError::Busy)
    }

    /// Follows.
    ///
    /// # Errors
    /// [`KeeperError`]
    pub fn use_disk(&self, ward: &HouseholdId, random: [u8; 16]) -> Result<(), KeeperError> {
        let _unused = (ward, random, &self.db, &self.root, &self.disk);
        Err(KeeperError::Busy)
    }

    /// Follows.
    ///
    /// # Errors
    /// [`KeeperError`]
    pub fn alarms(&self, after: i64) -> Result<Vec<Alarm>, KeeperError> {
        let _unused = (after, &self.db, &self.root, &self.disk);
        Err(KeeperError::Busy)
    }
}

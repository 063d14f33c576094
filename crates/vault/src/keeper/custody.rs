//! The handle to everything kept here, and what was agreed with each ward.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use heirloom_identity::HouseholdId;
use heirloom_store::{Database, Disk};

use super::budget::{self, Spare};
use super::rows::{self, WardRow, int};
use super::{Alarm, DeletionAsk, KeeperError, LastHead, Ward, WardState, chain, survey};
use crate::folder::{DiskId, Expected, FolderError, Looks, Marker, PackFolder, marker_of};
use crate::target::HOLD_MS;
use crate::{Room, TargetState};

/// How long a disk with a ward's packs may take to say that it is there.
const DISK_TIME: Duration = Duration::from_secs(10);

/// For how long a disk that said that it is there is not asked again before each thing; whether the right one is there is
/// looked at each time all the same.
const SEEN_TIME: Duration = Duration::from_secs(1);
/// For how long a disk that was there and doesn't answer is only busy, and not gone.
const STALL_TIME: Duration = Duration::from_mins(1);

/// Everything kept for wards. Blocking; cheap but for calls that read or write packs. Share it with an `Arc`.
pub struct Keeper {
    pub(super) db: Database,
    pub(super) disk: Arc<dyn Disk>,
    root: PathBuf,
    slots: Mutex<HashMap<HouseholdId, Arc<Slot>>>,
    /// Steps of reading packs whole that were begun.
    pub(super) scrubs: AtomicUsize,
    pub(super) spare: Spare,
    looks: Looks,
}

/// What is in memory of one ward.
#[derive(Default)]
pub(super) struct Slot {
    /// Held by whoever changes the ward's packs or heads.
    work: Mutex<()>,
    /// The ward's folder, once its disk was found.
    folder: Mutex<Option<Arc<PackFolder>>>,
    /// When the ward's disk last said that it is there.
    seen: Mutex<Option<Instant>>,
}

impl Slot {
    fn seen(&self) -> MutexGuard<'_, Option<Instant>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_seen_within(&self, time: Duration) -> bool {
        self.seen().is_some_and(|seen| seen.elapsed() < time)
    }

    pub(super) fn work(&self) -> MutexGuard<'_, ()> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn folder(&self) -> MutexGuard<'_, Option<Arc<PackFolder>>> {
        self.folder.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keeper {
    /// Takes the database that [`KEEPER_MIGRATIONS`](crate::KEEPER_MIGRATIONS) made and the folder `kept/`, whose parent exists.
    ///
    /// # Errors
    /// [`KeeperError::Io`] when the folder can't be made.
    pub fn open(db: Database, root: PathBuf, disk: Arc<dyn Disk>) -> Result<Self, KeeperError> {
        let at = FolderError::io("the folder for other homes' packs couldn't be made");
        disk.create_dir(&root).map_err(&at)?;
        root.parent().map_or(Ok(()), |parent| disk.sync_dir(parent)).map_err(&at)?;
        Ok(Self {
            db,
            disk,
            root,
            slots: Mutex::default(),
            scrubs: AtomicUsize::new(0),
            spare: Spare::default(),
            looks: Looks::default(),
        })
    }

    /// Leaves so much of each disk free, instead of a part of it.
    #[must_use]
    pub fn leaving_free(mut self, bytes: Option<u64>) -> Self {
        self.spare = bytes.map_or(Spare::Part, Spare::Bytes);
        self
    }

    /// Agrees to keep packs of a household, or changes how much, or takes back that the agreement was ended. `random` names
    /// the disk if there is none of this ward yet; a folder of it that is there already, from before this home lost its
    /// database, is taken on.
    ///
    /// # Errors
    /// [`KeeperError::DiskAbsent`] when the folder belongs to another household, [`KeeperError::Io`],
    /// [`KeeperError::Store`].
    pub fn agree(
        &self,
        ward: &HouseholdId,
        quota: u64,
        now_ms: i64,
        random: [u8; 16],
    ) -> Result<(), KeeperError> {
        let slot = self.slot(ward);
        let _working = slot.work();
        let (known, row) = self.db.read(|conn| -> Result<_, KeeperError> {
            Ok((rows::disks(conn, ward)?, rows::ward(conn, ward)?))
        })?;
        // A ward whose end was interrupted when nothing of it was left begins anew.
        let is_over = match row.filter(|row| row.ended) {
            Some(row) => self.describe(&row).map(|ward| ward.packs == 0 && ward.held == 0)?,
            None => row.is_none() && known.is_empty(),
        };
        let disk = if is_over { Some(self.make_folder(ward, DiskId(random))?) } else { None };
        let ward = *ward;
        self.db.write(move |conn| {
            if let Some(disk) = disk {
                rows::add_disk(conn, &ward, disk)?;
            }
            // Somebody who is a ward again gets back what is still held.
            conn.execute(
                "UPDATE keeper_packs SET state = 0, hold_until = NULL, by_person = 0 WHERE household = ?1 AND state = 1
                 AND EXISTS (SELECT 1 FROM keeper_wards WHERE household = ?1 AND ended = 1)",
                (rows::blob(&ward),),
            )?;
            conn.execute(
                "INSERT INTO keeper_wards VALUES (?1, ?2, ?3, 0, 0, 0)
                 ON CONFLICT DO UPDATE SET quota_bytes = ?2, ended = 0",
                (rows::blob(&ward), int(quota), now_ms),
            )?;
            Ok(())
        })
    }

    /// Ends an agreement: nothing more is taken, and what is here is held for 30 days of running time, then removed.
    ///
    /// # Errors
    /// [`KeeperError::NotAWard`], [`KeeperError::Store`].
    pub fn end(&self, ward: &HouseholdId) -> Result<(), KeeperError> {
        let slot = self.slot_of_ward(ward)?;
        let _working = slot.work();
        let ward = *ward;
        self.db.write(move |conn| {
            let until = rows::running(conn)?.saturating_add(HOLD_MS);
            conn.execute("UPDATE keeper_wards SET ended = 1 WHERE household = ?1", (rows::blob(&ward),))?;
            conn.execute(
                "UPDATE keeper_packs SET state = 1, hold_until = ?2, by_person = 1, asked = 0
                 WHERE household = ?1 AND state = 0",
                (rows::blob(&ward), until),
            )?;
            Ok(())
        })
    }

    /// All wards, those that were agreed first first.
    ///
    /// # Errors
    /// [`KeeperError::Store`].
    pub fn wards(&self) -> Result<Vec<Ward>, KeeperError> {
        let wards = self.db.read(|conn| rows::wards(conn).map_err(KeeperError::from))?;
        wards.iter().map(|ward| self.describe(ward)).collect()
    }

    /// One ward.
    ///
    /// # Errors
    /// [`KeeperError::NotAWard`], [`KeeperError::Store`].
    pub fn ward(&self, ward: &HouseholdId) -> Result<Ward, KeeperError> {
        self.describe(&self.ward_row(ward)?)
    }

    /// What a ward hears about its own packs.
    ///
    /// # Errors
    /// [`KeeperError::NotAWard`], [`KeeperError::DiskAbsent`], [`KeeperError::Store`].
    pub fn state(&self, ward: &HouseholdId) -> Result<TargetState, KeeperError> {
        let found = self.ward(ward)?;
        let free = self.folder(ward)?.volume()?.free_for(|disk| self.spare.of(disk)).min(found.free);
        Ok(TargetState {
            quota: Some(found.quota),
            used: found.used,
            held: found.held,
            free: Some(if found.state == WardState::Ended { 0 } else { free }),
            packs: found.packs,
            deletable: Some(found.deletable),
            asked: found.ask.is_some(),
        })
    }

    /// Adds to this home's running time, in which holds count. A crash may lose what was not added yet: holds last longer
    /// then, never shorter.
    ///
    /// # Errors
    /// [`KeeperError::Store`].
    pub fn tick(&self, delta_ms: i64) -> Result<(), KeeperError> {
        let delta_ms = delta_ms.max(0);
        self.db.write(move |conn| {
            let now = rows::running(conn)?.saturating_add(delta_ms);
            conn.execute("UPDATE keeper_clock SET running_ms = ?1", (now,))?;
            Ok(())
        })
    }

    /// This home's running time, in milliseconds.
    ///
    /// # Errors
    /// [`KeeperError::Store`].
    pub fn running_ms(&self) -> Result<i64, KeeperError> {
        self.db.read(|conn| Ok(rows::running(conn)?))
    }

    /// What people here should know, from the first number after `after` on; at most 256. Kept until there are 512 newer.
    ///
    /// # Errors
    /// [`KeeperError::Store`].
    pub fn alarms(&self, after: i64) -> Result<Vec<Alarm>, KeeperError> {
        self.db.read(|conn| Ok(rows::alarms(conn, after)?))
    }

    /// Takes the disk that is there now for a ward's packs, because a person said so: the one that was used before is gone.
    /// What it lacks counts as lost from now on. `random` names it if it has no marker.
    ///
    /// # Errors
    /// [`KeeperError::NotAWard`], [`KeeperError::Wrong`] when it holds another household's packs, [`KeeperError::Io`],
    /// [`KeeperError::Store`].
    pub fn use_disk(&self, ward: &HouseholdId, random: [u8; 16]) -> Result<(), KeeperError> {
        let slot = self.slot_of_ward(ward)?;
        {
            let _working = slot.work();
            let disk = self.make_folder(ward, DiskId(random)).map_err(|error| match error {
                KeeperError::DiskAbsent => KeeperError::Wrong("that folder holds another household's packs"),
                other => other,
            })?;
            let ward = *ward;
            self.db
                .write(move |conn| -> Result<(), KeeperError> { Ok(rows::add_disk(conn, &ward, disk)?) })?;
            *slot.folder() = None;
        }
        self.folder(ward).map(drop)
    }

    /// The folder `kept/`.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Where a ward's folder is.
    pub(super) fn place_of(&self, ward: &HouseholdId) -> PathBuf {
        self.root.join(ward.to_string())
    }

    pub(super) fn ward_row(&self, ward: &HouseholdId) -> Result<WardRow, KeeperError> {
        self.db.read(|conn| rows::ward(conn, ward)?.ok_or(KeeperError::NotAWard))
    }

    /// A ward that may still bring something.
    pub(super) fn keeping(&self, ward: &HouseholdId) -> Result<WardRow, KeeperError> {
        let row = self.ward_row(ward)?;
        if row.ended { Err(KeeperError::NotAWard) } else { Ok(row) }
    }

    pub(super) fn slot_of_ward(&self, ward: &HouseholdId) -> Result<Arc<Slot>, KeeperError> {
        self.ward_row(ward)?;
        Ok(self.slot(ward))
    }

    fn slot(&self, ward: &HouseholdId) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(*ward).or_default())
    }

    pub(super) fn forget_slot(&self, ward: &HouseholdId) {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).remove(ward);
    }

    /// The ward's folder, if its disk is there. A disk that comes, or comes back, is compared with what the tables say
    /// before anybody relies on either.
    pub(super) fn folder(&self, ward: &HouseholdId) -> Result<Arc<PackFolder>, KeeperError> {
        let slot = self.slot_of_ward(ward)?;
        // Before the lock, so that nobody waits in it for a disk that does not answer.
        self.must_answer(ward, &slot)?;
        let mut known = slot.folder();
        if let Some(folder) = known.as_ref().filter(|folder| folder.is_there().is_ok()) {
            return Ok(Arc::clone(folder));
        }
        *known = None;
        let disks = self.db.read(|conn| rows::disks(conn, ward).map_err(KeeperError::from))?;
        let expected = Expected { household: *ward, disks };
        let folder = Arc::new(PackFolder::open(&self.place_of(ward), &expected, Arc::clone(&self.disk))?);
        if expected.disks.is_empty() {
            // Its tables were lost while its disk was not there.
            let (ward, disk) = (*ward, folder.disk_id());
            self.db.write(move |conn| rows::add_disk(conn, &ward, disk).map_err(KeeperError::from))?;
        }
        survey::compare(&self.db, ward, &folder)?;
        *known = Some(Arc::clone(&folder));
        Ok(folder)
    }

    /// Returns when the ward's disk answers, or did so just now.
    ///
    /// # Errors
    /// [`KeeperError::Busy`] when it was there a moment ago and takes long, [`KeeperError::DiskAbsent`].
    fn must_answer(&self, ward: &HouseholdId, slot: &Slot) -> Result<(), KeeperError> {
        if slot.is_seen_within(SEEN_TIME) {
            return Ok(());
        }
        match self.looks.within(DISK_TIME, &self.place_of(ward), marker_of) {
            Some(Some(_)) => {
                *slot.seen() = Some(Instant::now());
                Ok(())
            }
            Some(None) => {
                *slot.seen() = None;
                Err(KeeperError::DiskAbsent)
            }
            // A disk that has much to do, or wakes up.
            None if slot.is_seen_within(STALL_TIME) => Err(KeeperError::Busy),
            None => Err(KeeperError::DiskAbsent),
        }
    }

    /// The marker in a folder; nothing when its disk is not there, or does not answer.
    fn marker_at(&self, place: &Path) -> Option<Marker> {
        self.looks.within(DISK_TIME, place, marker_of).flatten()
    }

    /// Makes the ward's folder, or finds one of its own; returns which disk it is.
    fn make_folder(&self, ward: &HouseholdId, random: DiskId) -> Result<DiskId, KeeperError> {
        let place = self.place_of(ward);
        let marker = match marker_of(&place) {
            Some(found) if found.household == *ward => found,
            Some(_) => return Err(KeeperError::DiskAbsent),
            None => Marker { household: *ward, disk: random },
        };
        Ok(PackFolder::create(&place, marker, Arc::clone(&self.disk))?.disk_id())
    }

    fn describe(&self, ward: &WardRow) -> Result<Ward, KeeperError> {
        let (totals, links, disks) = self.db.read(|conn| -> Result<_, KeeperError> {
            let household = &ward.household;
            Ok((rows::totals(conn, ward)?, rows::links(conn, household)?, rows::disks(conn, household)?))
        })?;
        let ask = DeletionAsk {
            packs: totals.asked_packs,
            bytes: totals.asked_bytes,
            allowed_here: ward.allowed_here,
            allowed_there: ward.allowed_there,
        };
        let last_head = chain::newest_own(&links).map(|link| LastHead {
            generation: link.generation,
            number: link.number,
            made_at_ms: link.made_ms,
        });
        let state = match self.marker_at(&self.place_of(&ward.household)) {
            _ if ward.ended => WardState::Ended,
            None => WardState::DiskAbsent,
            Some(found)
                if found.household == ward.household && (disks.is_empty() || disks.contains(&found.disk)) =>
            {
                WardState::Keeping
            }
            Some(_) => WardState::AnotherDisk,
        };
        Ok(Ward {
            household: ward.household,
            quota: ward.quota,
            used: totals.budget.used(),
            held: totals.held,
            packs: totals.packs,
            bad: totals.bad,
            last_head,
            ask: (ask.packs > 0).then_some(ask),
            deletable: budget::deletable(totals.kept, totals.held_unasked),
            free: totals.budget.free(Room::Common),
            state,
            since_ms: ward.since_ms,
        })
    }
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeper").field("root", &self.root).finish_non_exhaustive()
    }
}

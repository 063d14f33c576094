//! Packs come, are read and are proved.

use std::ops::Range;

use heirloom_identity::HouseholdId;

use super::budget::Budget;
use super::rows::{self, PackRow, PackState};
use super::scrub::scrub_after;
use super::{AlarmKind, Keeper, KeeperError};
use crate::folder::{FolderError, PackFolder};
use crate::pack::{PACK_BYTES_MAX, PACK_BYTES_MIN};
use crate::proof::{CHALLENGES_MAX, Challenge};
use crate::target::LIST_MAX;
use crate::{Answer, PackId, Room};

impl Keeper {
    /// Keeps a pack; returns when it is durable and recorded. May be repeated. One whose deletion is held is kept again.
    ///
    /// # Errors
    /// [`KeeperError::NotAWard`], [`KeeperError::TooLarge`], [`KeeperError::Wrong`] when the bytes aren't what the id says,
    /// [`KeeperError::Full`], [`KeeperError::DiskAbsent`], [`KeeperError::Io`], [`KeeperError::Store`].
    pub fn put(
        &self,
        ward: &HouseholdId,
        pack: &PackId,
        bytes: &[u8],
        room: Room,
    ) -> Result<(), KeeperError> {
        if bytes.len() > PACK_BYTES_MAX {
            return Err(KeeperError::TooLarge { limit: PACK_BYTES_MAX, unit: "bytes" });
        }
        let slot = self.slot_of_ward(ward)?;
        let _working = slot.work();
        let row = self.keeping(ward)?;
        let folder = self.folder(ward)?;
        let (known, totals) = self.db.read(|conn| -> Result<_, KeeperError> {
            Ok((rows::pack(conn, ward, pack)?, rows::totals(conn, &row)?))
        })?;
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        // What is kept or held counts already.
        let counted = known.is_some_and(|known| known.state != PackState::Bad);
        if !counted {
            if size.max(PACK_BYTES_MIN as u64) > totals.budget.free(room) {
                return Err(KeeperError::Full { quota: row.quota, used: totals.budget.used() });
            }
            self.check_disk(&folder, size, room, &totals.budget)?;
        }
        folder.put(pack, bytes)?;
        let (ward, pack) = (*ward, *pack);
        self.db.write(move |conn| -> Result<(), KeeperError> {
            let due = scrub_after(rows::running(conn)?, &pack, known.map_or(0, |known| known.scrubs));
            Ok(rows::keep(conn, &ward, &pack, size, room, due)?)
        })?;
        if known.is_some_and(|known| known.state == PackState::Bad) {
            // Only rubbish is left there; it goes with the pack if not now.
            folder.forget_damaged(&pack).unwrap_or_default();
        }
        Ok(())
    }

    /// Part of a pack, kept or held; exactly that long. Of one that is bad, what is left of it, until it came again: it may be
    /// all that there is of somebody's photos, and whoever reads it checks it.
    ///
    /// # Errors
    /// [`KeeperError::NotAWard`], [`KeeperError::Missing`], [`KeeperError::Wrong`] when no such range can be,
    /// [`KeeperError::DiskAbsent`], [`KeeperError::Io`], [`KeeperError::Store`].
    pub fn read(&self, ward: &HouseholdId, pack: &PackId, range: Range<u64>) -> Result<Vec<u8>, KeeperError> {
        let folder = self.folder(ward)?;
        let row = self.pack_row(ward, pack)?.ok_or(KeeperError::Missing)?;
        if range.start > range.end || range.end > row.bytes {
            return Err(KeeperError::Wrong("the pack hasn't got that range"));
        }
        if row.state == PackState::Bad {
            return Ok(folder.read_aside(pack, &range)?);
        }
        match folder.read(pack, &range) {
            // Of the rest of the pack nothing is said: it may be all that there is of somebody's photos.
            Err(error @ FolderError::Io { .. }) => Err(error.of_this_part().into()),
            Err(error @ (FolderError::Missing | FolderError::Wrong(_))) => {
                self.found_bad(ward, &folder, pack, &error)?;
                Err(KeeperError::Missing)
            }
            other => Ok(other?),
        }
    }

    /// Kept packs and their sizes in order of id, those after `after`; at most `limit`, which is at most
    /// [`LIST_MAX`]. Held ones, and those that are lost or damaged here, are not among them.
    ///
    /// # Errors
    /// [`KeeperError::NotAWard`], [`KeeperError::DiskAbsent`], [`KeeperError::Io`], [`KeeperError::Store`].
    pub fn list(
        &self,
        ward: &HouseholdId,
        after: Option<&PackId>,
        limit: usize,
    ) -> Result<Vec<(PackId, u64)>, KeeperError> {
        self.folder(ward)?;
        self.db.read(|conn| Ok(rows::kept(conn, ward, after, limit.min(LIST_MAX))?))
    }

    /// Packs that were kept and are lost or damaged here, in order of id, at most `limit`: what their ward should hear of
    /// when it is met. One that comes again is no longer among them.
    ///
    /// # Errors
    /// [`KeeperError::NotAWard`], [`KeeperError::Store`].
    pub fn bad(&self, ward: &HouseholdId, limit: usize) -> Result<Vec<PackId>, KeeperError> {
        self.ward_row(ward)?;
        self.db.read(|conn| Ok(rows::bad(conn, ward, limit.min(LIST_MAX))?))
    }

    /// Answers questions, in their order. What is found damaged or lost on the way is noted.
    ///
    /// # Errors
    /// [`KeeperError::NotAWard`], [`KeeperError::TooLarge`], [`KeeperError::Store`].
    pub fn prove(&self, ward: &HouseholdId, challenges: &[Challenge]) -> Result<Vec<Answer>, KeeperError> {
        if challenges.len() > CHALLENGES_MAX {
            return Err(KeeperError::TooLarge { limit: CHALLENGES_MAX, unit: "questions" });
        }
        self.ward_row(ward)?;
        challenges.iter().map(|challenge| self.answer(ward, challenge)).collect()
    }

    fn answer(&self, ward: &HouseholdId, challenge: &Challenge) -> Result<Answer, KeeperError> {
        let folder = match self.folder(ward) {
            Ok(folder) => folder,
            Err(KeeperError::DiskAbsent) => return Ok(Answer::DiskAbsent),
            // The disk is there and doesn't answer: nothing is known about any pack.
            Err(KeeperError::Io(_) | KeeperError::Busy) => return Ok(Answer::Busy),
            Err(other) => return Err(other),
        };
        // A question about another size is about another pack: nothing is wrong here.
        let here = self.pack_row(ward, &challenge.pack)?.filter(|row| {
            row.state == PackState::Kept && row.bytes == u64::from(challenge.bytes) && challenge.is_sound()
        });
        if here.is_none() {
            return Ok(Answer::Missing);
        }
        Ok(match folder.prove(challenge).map_err(|error| folder.look_again(&challenge.pack, error)) {
            Ok(proof) => Answer::Proof(proof),
            Err(error @ (FolderError::Missing | FolderError::Wrong(_))) => {
                match self.found_bad(ward, &folder, &challenge.pack, &error) {
                    Err(KeeperError::DiskAbsent) => Answer::DiskAbsent,
                    Err(KeeperError::Io(_)) => Answer::Busy,
                    found => found.map(|_| Answer::Missing)?,
                }
            }
            Err(away) if away.is_away() => Answer::DiskAbsent,
            Err(_) => Answer::Busy,
        })
    }

    fn pack_row(&self, ward: &HouseholdId, pack: &PackId) -> Result<Option<PackRow>, KeeperError> {
        self.db.read(|conn| Ok(rows::pack(conn, ward, pack)?))
    }

    /// Notes that a pack is lost or damaged: from now on it answers as missing, and the ward may send it again. One whose
    /// deletion is held is forgotten. Returns whether the ward should hear of it.
    ///
    /// The caller must not hold the ward's lock. Looks again under it: a pack that was removed or put anew meanwhile is
    /// not bad.
    pub(super) fn found_bad(
        &self,
        ward: &HouseholdId,
        folder: &PackFolder,
        pack: &PackId,
        why: &FolderError,
    ) -> Result<bool, KeeperError> {
        let slot = self.slot_of_ward(ward)?;
        let _working = slot.work();
        let row = self.pack_row(ward, pack)?.filter(|row| row.state != PackState::Bad);
        let Some(row) = row else { return Ok(false) };
        match (folder.check_twice(pack), row.state) {
            // The rest of it can be read, and may be needed before the hold is over.
            (Err(error), PackState::Held) if error.is_unreadable() => return Ok(false),
            // A disk that doesn't even move the file is at fault itself, and nothing is said of the pack.
            (Err(error), _) if error.is_unreadable() => folder.set_aside(pack)?,
            (Err(FolderError::Missing | FolderError::Wrong(_)), PackState::Held) => {
                return self.forget_held(ward, folder, pack);
            }
            // Where even that fails the row still says that the pack is bad, and nothing reads it.
            (Err(FolderError::Wrong(_)), _) => folder.set_aside(pack).unwrap_or_default(),
            (Err(FolderError::Missing), _) => {}
            _ => return Ok(false),
        }
        tracing::warn!(%pack, why = %why, "a pack that is kept for another home is damaged or lost");
        let (ward, pack) = (*ward, *pack);
        self.db.write(move |conn| -> Result<bool, KeeperError> {
            let marked = rows::mark_bad(conn, &ward, &pack)?;
            if marked {
                rows::raise(conn, &ward, AlarmKind::Damaged, 1)?;
            }
            Ok(marked)
        })
    }
}

impl Keeper {
    /// Leaves this home's own photos room on a disk that both share.
    fn check_disk(
        &self,
        folder: &PackFolder,
        size: u64,
        room: Room,
        budget: &Budget,
    ) -> Result<(), KeeperError> {
        let volume = folder.volume()?;
        if volume.free_for(|disk| budget.spare(room, size, self.spare.of(disk))) < size {
            let used = budget.used();
            return Err(KeeperError::Full { quota: used.saturating_add(volume.free), used });
        }
        Ok(())
    }

    /// A deleted pack that rotted while it was held is no loss to anybody; it goes with its file. The ward's lock is held.
    fn forget_held(
        &self,
        ward: &HouseholdId,
        folder: &PackFolder,
        pack: &PackId,
    ) -> Result<bool, KeeperError> {
        // The file first; where that fails it stays held until it is collected.
        folder.remove(pack)?;
        folder.forget_damaged(pack)?;
        let (ward, pack) = (*ward, *pack);
        self.db.write(move |conn| -> Result<(), KeeperError> { Ok(rows::forget(conn, &ward, &pack)?) })?;
        Ok(false)
    }
}

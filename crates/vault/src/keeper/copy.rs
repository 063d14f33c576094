//! Writing a ward's packs to another disk, which its owner then carries home.

use std::path::Path;
use std::sync::Arc;

use heirloom_identity::HouseholdId;

use super::rows::{self, PackState};
use super::{Keeper, KeeperError};
use crate::PackId;
use crate::folder::{DiskId, FolderError, Marker, PackFolder, marker_of};
use crate::target::LIST_MAX;

/// Packs one after the other that can't be read; more, and it is the disk that fails.
const FAILURES_MAX: u32 = 8;

/// How far [`Keeper::write_copy`] came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Copied {
    /// Packs that are on the other disk.
    pub packs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Packs there are, if the copy comes to its end.
    pub packs_total: u64,
    /// Packs that turned out to be lost or damaged here and weren't copied.
    pub bad: u64,
    /// Packs that could not be read now and weren't copied; nothing else is said of them.
    pub unread: u64,
}

impl Copied {
    /// Packs that are not on the other disk.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.bad.saturating_add(self.unread)
    }
}

/// What became of one pack.
enum Outcome {
    /// It is on the other disk.
    Copied,
    /// It is lost or damaged here.
    Bad,
    /// It could not be read, twice.
    Unread(&'static str),
}

impl Keeper {
    /// Writes all packs kept or held for a ward, its kit records and its heads to a folder on another disk, in the layout
    /// that a restore reads; held ones, too, because older heads speak of them, and a ward that ended has no others. What
    /// is there already and right isn't written again, so it goes on after an interruption. The folder's parent exists;
    /// `random` names the new disk. `progress` hears of every pack and says whether to go on.
    ///
    /// # Errors
    /// [`KeeperError::NotAWard`], [`KeeperError::DiskAbsent`], [`KeeperError::Wrong`] when another vault is in the folder or
    /// there are heads and not one pack for them, [`KeeperError::Full`], [`KeeperError::Busy`] when `progress` said to stop, [`KeeperError::Io`]
    /// also when pack after pack can't be read, [`KeeperError::Store`].
    pub fn write_copy(
        &self,
        ward: &HouseholdId,
        to: &Path,
        random: [u8; 16],
        progress: &mut dyn FnMut(&Copied) -> bool,
    ) -> Result<Copied, KeeperError> {
        let from = self.folder(ward)?;
        let marker = match marker_of(to) {
            Some(found) if found.household == *ward => found,
            Some(_) => return Err(KeeperError::Wrong("another household's vault is in that folder")),
            None => Marker { household: *ward, disk: DiskId(random) },
        };
        let to = PackFolder::create(to, marker, Arc::clone(&self.disk))?;
        let mut copied = Copied {
            packs_total: self.db.read(|conn| rows::whole(conn, ward).map_err(KeeperError::from))?,
            ..Copied::default()
        };
        self.copy_packs(ward, (&from, &to), &mut copied, progress)?;
        let heads = from.heads()?;
        if copied.packs == 0 && copied.unread > 0 {
            return Err(fails());
        }
        if copied.packs == 0 && !heads.is_empty() {
            return Err(KeeperError::Wrong("none of that household's packs is here to be copied"));
        }
        from.kits()?.iter().try_for_each(|kit| to.put_kit(kit))?;
        // One that was there already may have got its name from a process that was killed before it synced.
        to.sync_names()?;
        // Heads last: they speak of packs that are there by now.
        heads.iter().try_for_each(|head| to.put_head(head))?;
        Ok(copied)
    }

    fn copy_packs(
        &self,
        ward: &HouseholdId,
        folders: (&Arc<PackFolder>, &PackFolder),
        copied: &mut Copied,
        progress: &mut dyn FnMut(&Copied) -> bool,
    ) -> Result<(), KeeperError> {
        let (mut after, mut failures): (Option<PackId>, _) = (None, 0);
        loop {
            let page = self
                .db
                .read(|conn| rows::packs(conn, ward, after.as_ref(), LIST_MAX).map_err(KeeperError::from))?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.pack);
            for row in page.iter().filter(|row| row.state != PackState::Bad) {
                match self.copy_pack(ward, folders, &row.pack, row.bytes)? {
                    Outcome::Copied => {
                        failures = 0;
                        copied.packs += 1;
                        copied.bytes += row.bytes;
                    }
                    Outcome::Bad => copied.bad += 1,
                    Outcome::Unread(why) => {
                        failures += 1;
                        if failures >= FAILURES_MAX {
                            return Err(fails());
                        }
                        tracing::warn!(pack = %row.pack, why, "a pack is not copied");
                        copied.unread += 1;
                    }
                }
                if !progress(copied) {
                    return Err(KeeperError::Busy);
                }
            }
        }
    }

    fn copy_pack(
        &self,
        ward: &HouseholdId,
        (from, to): (&Arc<PackFolder>, &PackFolder),
        pack: &PackId,
        bytes: u64,
    ) -> Result<Outcome, KeeperError> {
        if to.check(pack).is_ok() {
            return Ok(Outcome::Copied);
        }
        let read = || from.read(pack, &(0..bytes));
        // A fault that passes leaves no pack out.
        let found = match read() {
            Err(FolderError::Io { .. }) => read(),
            other => other,
        };
        match found {
            Ok(whole) if PackId::of(&whole) == *pack => {
                to.put(pack, &whole)?;
                Ok(Outcome::Copied)
            }
            Ok(_) => {
                let why = FolderError::Wrong("the pack is damaged");
                self.found_bad(ward, from, pack, &why).map(|_| Outcome::Bad)
            }
            Err(why @ (FolderError::Missing | FolderError::Wrong(_))) => {
                self.found_bad(ward, from, pack, &why).map(|_| Outcome::Bad)
            }
            // A part of the disk that can't be read keeps no other pack from the copy; the pack stays where it is, since the
            // rest of it may be read.
            Err(other) => match other.of_this_part() {
                FolderError::Wrong(why) => Ok(Outcome::Unread(why)),
                other => Err(other.into()),
            },
        }
    }
}

fn fails() -> KeeperError {
    KeeperError::Io(
        "one part of the copies after the other can't be read; the disk that they are on may be failing"
            .into(),
    )
}

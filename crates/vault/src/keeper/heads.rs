//! A ward's heads and kit records, and the end of a ward.

use heirloom_identity::{HouseholdId, VaultHead};

use super::chain::{self, Link, Verdict};
use super::rows::{self, blob};
use super::{AlarmKind, Keeper, KeeperError, survey};
use crate::folder::PackFolder;
use crate::target::KIT_BYTES_MAX;

impl Keeper {
    /// Keeps a signed head, durably, if it is the newest; the ones before it are held for 30 days of running time.
    ///
    /// # Errors
    /// [`KeeperError::NotAWard`]; [`KeeperError::Wrong`] when it is no head of this ward's; [`KeeperError::Older`] for a
    /// replay, or when the node that signed it was replaced; [`KeeperError::Fork`] when it contradicts one that is here
    /// and is not the newest (both are kept, people are told); [`KeeperError::DiskAbsent`], [`KeeperError::Full`],
    /// [`KeeperError::Io`], [`KeeperError::Store`].
    pub fn put_head(&self, ward: &HouseholdId, head: &[u8]) -> Result<(), KeeperError> {
        self.take_head(ward, head, false)
    }

    /// Keeps a head that another keeper told of, if it is the newest, so that no older one is taken for it. It stands
    /// beside the one that the ward put here itself and never takes its place: what it names may not be here.
    ///
    /// # Errors
    /// Those of [`put_head`](Keeper::put_head).
    pub fn tell_head(&self, ward: &HouseholdId, head: &[u8]) -> Result<(), KeeperError> {
        self.take_head(ward, head, true)
    }

    fn take_head(&self, ward: &HouseholdId, head: &[u8], told: bool) -> Result<(), KeeperError> {
        let head =
            VaultHead::decode(head).map_err(|_| KeeperError::Wrong("these bytes are no signed head"))?;
        if head.household() != ward {
            return Err(KeeperError::Wrong("the head is another household's"));
        }
        let slot = self.slot_of_ward(ward)?;
        let _working = slot.work();
        self.keeping(ward)?;
        let folder = self.folder(ward)?;
        let links = self.db.read(|conn| rows::links(conn, ward).map_err(KeeperError::from))?;
        let link = Link { told, ..Link::of(&head) };
        let (ward, id) = (*ward, link.head);
        match chain::judge(&links, &link) {
            Verdict::Newest(alarm) => {
                folder.put_head(&head)?;
                self.db.write(move |conn| -> Result<(), KeeperError> {
                    for other in links.into_iter().filter(|other| other.contradicts(&link)) {
                        rows::add_link(conn, &ward, &Link { fork: true, ..other })?;
                    }
                    rows::add_link(conn, &ward, &link)?;
                    rows::supersede(conn, &ward, &link, rows::running(conn)?)?;
                    alarm.map_or(Ok(()), |kind| rows::raise(conn, &ward, kind, 0).map_err(KeeperError::from))
                })?;
                self.drop_heads(&ward, &folder)
            }
            Verdict::Known => {
                // Its file may be what an old disk lacks.
                folder.put_head(&head)?;
                let Some(known) = links.into_iter().find(|known| known.head == id) else { return Ok(()) };
                let was_told = known.told && !told;
                if !was_told && !known.lost {
                    return Ok(());
                }
                // Another keeper told of it first; now that the ward puts it here, all that it names is here.
                let known = Link { told: known.told && told, lost: false, ..known };
                self.db.write(move |conn| -> Result<(), KeeperError> {
                    rows::add_link(conn, &ward, &known)?;
                    Ok(rows::supersede(conn, &ward, &known, rows::running(conn)?)?)
                })?;
                self.drop_heads(&ward, &folder)
            }
            Verdict::Fork { kept } => {
                if kept {
                    folder.put_head(&head)?;
                }
                self.db.write(move |conn| -> Result<(), KeeperError> {
                    if kept {
                        let superseded = Some(rows::running(conn)?);
                        rows::add_link(conn, &ward, &Link { superseded, fork: true, ..link })?;
                    }
                    Ok(rows::raise(conn, &ward, AlarmKind::Fork, 0)?)
                })?;
                Err(KeeperError::Fork)
            }
            Verdict::Older => Err(KeeperError::Older),
            Verdict::Absurd => Err(KeeperError::Wrong("the head's number is far too high")),
        }
    }

    /// The ward's heads, the one that outranks the others first; at most
    /// [`HEADS_MAX`](crate::target::HEADS_MAX).
    ///
    /// # Errors
    /// [`KeeperError::NotAWard`], [`KeeperError::DiskAbsent`], [`KeeperError::Io`], [`KeeperError::Store`].
    pub fn heads(&self, ward: &HouseholdId) -> Result<Vec<Vec<u8>>, KeeperError> {
        Ok(self.folder(ward)?.heads()?.iter().map(VaultHead::encode).collect())
    }

    /// Keeps a record of a recovery kit, durably, or a revocation, which removes the record of its kit.
    ///
    /// # Errors
    /// [`KeeperError::NotAWard`]; [`KeeperError::TooLarge`]; [`KeeperError::Wrong`] when too many are here, it is another
    /// household's, its kit was revoked or the node that signed it was replaced; [`KeeperError::DiskAbsent`],
    /// [`KeeperError::Full`], [`KeeperError::Io`], [`KeeperError::Store`].
    pub fn put_kit(&self, ward: &HouseholdId, kit: &[u8]) -> Result<(), KeeperError> {
        if kit.len() > KIT_BYTES_MAX {
            return Err(KeeperError::TooLarge { limit: KIT_BYTES_MAX, unit: "bytes" });
        }
        let slot = self.slot_of_ward(ward)?;
        let _working = slot.work();
        self.keeping(ward)?;
        let folder = self.folder(ward)?;
        folder.put_kit(kit)?;
        survey::kits(&self.db, ward, &folder)
    }

    /// The ward's kit records, at most 64.
    ///
    /// # Errors
    /// [`KeeperError::NotAWard`], [`KeeperError::DiskAbsent`], [`KeeperError::Io`], [`KeeperError::Store`].
    pub fn kits(&self, ward: &HouseholdId) -> Result<Vec<Vec<u8>>, KeeperError> {
        Ok(self.folder(ward)?.kits()?)
    }

    /// Removes the heads whose hold has ended; the ward's lock is held.
    pub(super) fn drop_heads(&self, ward: &HouseholdId, folder: &PackFolder) -> Result<(), KeeperError> {
        let gone = self.db.read(|conn| -> Result<_, KeeperError> {
            Ok(chain::expired(&rows::links(conn, ward)?, rows::running(conn)?))
        })?;
        if gone.is_empty() {
            return Ok(());
        }
        // Files first: one without a row is removed when the disk is next compared with the tables.
        for head in folder.heads()?.iter().filter(|head| gone.contains(head.hash().as_bytes())) {
            folder.remove_head(head)?;
        }
        let ward = *ward;
        self.db.write(move |conn| gone.iter().try_for_each(|head| Ok(rows::drop_link(conn, &ward, head)?)))
    }

    /// Forgets a ward whose agreement was ended, once nothing of it is held; the ward's lock is held.
    pub(super) fn drop_ward(
        &self,
        ward: &HouseholdId,
        folder: Option<&PackFolder>,
    ) -> Result<(), KeeperError> {
        let held = self.db.read(|conn| rows::whole(conn, ward).map_err(KeeperError::from))?;
        if held > 0 {
            return Ok(());
        }
        if let Some(folder) = folder {
            folder.clear()?;
            // Stays when somebody put something of their own in it, or when it is a mounted volume's.
            std::fs::remove_dir(folder.root()).unwrap_or_default();
        }
        let household = *ward;
        self.db.write(move |conn| -> Result<(), KeeperError> {
            for table in ["packs", "heads", "kits", "disks", "growth", "wards"] {
                conn.execute(
                    &format!("DELETE FROM keeper_{table} WHERE household = ?1"),
                    (blob(&household),),
                )?;
            }
            Ok(())
        })?;
        self.forget_slot(ward);
        Ok(())
    }
}

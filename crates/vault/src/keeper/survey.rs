//! A disk that comes, or comes back, is compared with what the tables say.
//!
//! The two may differ because the power went between a file and its row, because the disk is an older copy of itself, or
//! because the tables are. What is on the disk counts; what is missing from it is lost, and the ward hears so.

use std::collections::HashSet;
use std::sync::Arc;

use heirloom_identity::{HouseholdId, VaultHead};
use heirloom_store::Database;
use heirloom_store::rusqlite::named_params;

use super::chain::{self, Link, Verdict};
use super::rows::{self, PackRow, PackState, blob, int};
use super::scrub::scrub_after;
use super::{AlarmKind, KeeperError};
use crate::folder::{FolderError, PackFolder};
use crate::pack::PACK_BYTES_MAX;
use crate::{PackId, Room};

/// Rows and names looked at together.
const PAGE: usize = 4096;
/// Bytes of unknown packs that are read at once; a whole lost database would take hours.
const READ_BYTES_MAX: u64 = 256 << 20;

/// Files that may fail to be read when a disk is looked at; more, and it is the disk that fails.
const UNREADABLE_MAX: usize = 64;

/// Counts what can't be read.
struct Unreadable(usize);

impl Unreadable {
    /// An error of one file is no reason to shut out its ward; `None`: nothing can be said of that file.
    fn forgive<T>(&mut self, found: Result<T, FolderError>) -> Result<Option<T>, FolderError> {
        match found {
            Err(FolderError::Io { .. }) if self.0 < UNREADABLE_MAX => {
                self.0 += 1;
                Ok(None)
            }
            other => other.map(Some),
        }
    }
}

/// Makes the tables say what is on the disk.
pub(super) fn compare(
    db: &Database,
    ward: &HouseholdId,
    folder: &Arc<PackFolder>,
) -> Result<(), KeeperError> {
    let mut unreadable = Unreadable(0);
    let lost = rows_without_files(db, ward, folder, &mut unreadable)?;
    if lost > 0 {
        tracing::warn!(lost, "a disk with another home's packs lacks some that were kept on it");
        let ward = *ward;
        db.write(move |conn| rows::raise(conn, &ward, AlarmKind::OldDisk, lost))?;
    }
    files_without_rows(db, ward, folder, &mut unreadable)?;
    damaged(db, ward, folder)?;
    heads(db, ward, folder)?;
    kits(db, ward, folder)
}

fn rows_without_files(
    db: &Database,
    ward: &HouseholdId,
    folder: &PackFolder,
    unreadable: &mut Unreadable,
) -> Result<u64, KeeperError> {
    let mut lost = 0;
    let mut after: Option<PackId> = None;
    loop {
        let page =
            db.read(|conn| rows::packs(conn, ward, after.as_ref(), PAGE).map_err(KeeperError::from))?;
        let Some(last) = page.last() else { return Ok(lost) };
        after = Some(last.pack);
        let mut changes = Vec::new();
        for row in page {
            let there = is_there(folder, &row, unreadable)?;
            if there == (row.state == PackState::Bad) {
                if row.state == PackState::Held {
                    // Half of a deleted pack is of no use to anybody, and must not be taken for a new one.
                    if unreadable.forgive(folder.remove(&row.pack))?.is_none() {
                        continue;
                    }
                }
                lost += u64::from(row.state == PackState::Kept);
                changes.push(row);
            }
        }
        let ward = *ward;
        db.write(move |conn| -> Result<(), KeeperError> {
            for row in changes {
                match row.state {
                    PackState::Kept => drop(rows::mark_bad(conn, &ward, &row.pack)?),
                    PackState::Held => rows::forget(conn, &ward, &row.pack)?,
                    PackState::Bad => {
                        let due = scrub_after(rows::running(conn)?, &row.pack, row.scrubs);
                        rows::keep(conn, &ward, &row.pack, row.bytes, Room::Common, due)?;
                    }
                }
            }
            Ok(())
        })?;
    }
}

/// Whether a pack is on the disk, as far as its size says; one that was lost or damaged is read whole.
fn is_there(folder: &PackFolder, row: &PackRow, unreadable: &mut Unreadable) -> Result<bool, KeeperError> {
    let found = match row.state {
        PackState::Bad => folder.check(&row.pack),
        PackState::Kept | PackState::Held => folder.size(&row.pack),
    };
    match unreadable.forgive(found) {
        Ok(bytes) => Ok(bytes == Some(row.bytes)),
        Err(FolderError::Missing | FolderError::Wrong(_)) => Ok(false),
        Err(other) => Err(other.into()),
    }
}

/// Packs that were placed and not recorded, or whose rows were lost. They were synced before they got their names; the
/// first are read all the same, the others soon.
fn files_without_rows(
    db: &Database,
    ward: &HouseholdId,
    folder: &PackFolder,
    unreadable: &mut Unreadable,
) -> Result<(), KeeperError> {
    let mut after: Option<PackId> = None;
    let mut may_read = READ_BYTES_MAX;
    loop {
        let mut page = folder.list(after.as_ref(), PAGE)?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = Some(*last);
        page = db.read(|conn| -> Result<_, KeeperError> {
            page.retain(|(pack, _)| !matches!(rows::pack(conn, ward, pack), Ok(Some(_))));
            Ok(page)
        })?;
        let mut whole = Vec::new();
        for (pack, bytes) in page {
            let is_read = bytes <= may_read;
            may_read = may_read.saturating_sub(bytes);
            let has_a_size = bytes > 0 && bytes <= PACK_BYTES_MAX as u64;
            match has_a_size.then(|| is_right(folder, &pack, is_read, unreadable)).transpose()? {
                Some(Some(true)) => whole.push((pack, bytes)),
                // It stays as it is, and nothing counts it until it can be read: what is moved aside here nobody asks for.
                Some(None) => {}
                // One that can't be moved either stays, too.
                Some(Some(false)) | None => {
                    unreadable.forgive(folder.set_aside(&pack))?;
                }
            }
        }
        let ward = *ward;
        db.write(move |conn| -> Result<(), KeeperError> {
            let now = rows::running(conn)?;
            for (pack, bytes) in whole {
                rows::keep(conn, &ward, &pack, bytes, Room::Common, now)?;
            }
            Ok(())
        })?;
    }
}

/// Whether an unknown file is the pack that its name says, read only if there is time; `None`: nothing can be said of it now.
fn is_right(
    folder: &PackFolder,
    pack: &PackId,
    is_read: bool,
    unreadable: &mut Unreadable,
) -> Result<Option<bool>, KeeperError> {
    if !is_read {
        return Ok(Some(true));
    }
    match unreadable.forgive(folder.check(pack)) {
        Ok(found) => Ok(found.map(|_| true)),
        Err(FolderError::Missing | FolderError::Wrong(_)) => Ok(Some(false)),
        Err(other) => Err(other.into()),
    }
}

/// What was set aside of packs that were sent again, or that nobody wants any more.
fn damaged(db: &Database, ward: &HouseholdId, folder: &PackFolder) -> Result<(), KeeperError> {
    for pack in folder.damaged() {
        let row = db.read(|conn| rows::pack(conn, ward, &pack).map_err(KeeperError::from))?;
        if row.is_none_or(|row| row.state != PackState::Bad) {
            // Rubbish; it goes the next time if not now.
            folder.forget_damaged(&pack).unwrap_or_default();
        }
    }
    Ok(())
}

fn heads(db: &Database, ward: &HouseholdId, folder: &PackFolder) -> Result<(), KeeperError> {
    let mut links = db.read(|conn| rows::links(conn, ward).map_err(KeeperError::from))?;
    let mut new = Vec::new();
    let mut heads: Vec<VaultHead> = folder.heads()?;
    heads.reverse();
    let files: HashSet<_> = heads.iter().map(|head| *head.hash().as_bytes()).collect();
    let changed = |link: &&Link| link.lost == files.contains(&link.head);
    let changed: Vec<_> = links.iter().filter(changed).map(|link| (link.head, !link.lost)).collect();
    for head in heads {
        let link = Link::of(&head);
        if links.iter().any(|known| known.head == link.head) {
            continue;
        }
        match chain::judge(&links, &link) {
            Verdict::Newest(_) => new.push(link.clone()),
            Verdict::Fork { kept: true } => new.push(Link { fork: true, ..link.clone() }),
            Verdict::Known | Verdict::Older | Verdict::Absurd | Verdict::Fork { kept: false } => {
                folder.remove_head(&head)?;
                continue;
            }
        }
        links.push(link);
    }
    let ward = *ward;
    db.write(move |conn| {
        // One that isn't there any more is no head to restore from, but older ones are replays all the same.
        changed.iter().try_for_each(|(head, lost)| rows::set_lost(conn, &ward, head, *lost))?;
        // Who gave them is not known, so none counts as superseded before the ward puts its next one.
        new.iter().try_for_each(|link| Ok(rows::add_link(conn, &ward, link)?))
    })
}

/// What the disk has of kit records.
pub(super) fn kits(db: &Database, ward: &HouseholdId, folder: &PackFolder) -> Result<(), KeeperError> {
    let kits: Vec<_> = folder
        .kits()?
        .iter()
        .map(|kit| (*blake3::hash(kit).as_bytes(), int(u64::try_from(kit.len()).unwrap_or(u64::MAX))))
        .collect();
    let ward = *ward;
    db.write(move |conn| {
        conn.execute("DELETE FROM keeper_kits WHERE household = ?1", (blob(&ward),))?;
        for (kit, bytes) in kits {
            conn.prepare_cached("INSERT INTO keeper_kits VALUES (:ward, :kit, :bytes)")?
                .execute(named_params! {":ward": blob(&ward), ":kit": kit, ":bytes": bytes})?;
        }
        Ok(())
    })
}

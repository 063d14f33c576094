//! A folder of the ward's own: a second disk, a USB disk, a share of the network.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use heirloom_identity::{HouseholdId, VaultHead};
use heirloom_store::Disk;

use super::beating::Beating;
use super::pace::Inventory;
use super::reply::{Beat, Hands};
use super::{
    Answer, BoxFuture, Clock, DeleteOutcome, LIST_MAX, Room, Target, TargetError, TargetState, heads,
};
use crate::PackId;
use crate::folder::{DiskId, Expected, FolderError, Marker, PackFolder, marker_of};
use crate::proof::{CHALLENGES_MAX, Challenge};
use crate::target::{DELETE_MAX, KIT_BYTES_MAX};

/// Packs in a folder. It may come and go with its disk: every call looks for the marker first.
pub struct FolderTarget {
    inner: Arc<Inner>,
    hands: Hands,
}

struct Inner {
    place: PathBuf,
    expected: Expected,
    disk: Arc<dyn Disk>,
    beat: Beat,
    clock: Clock,
    folder: Mutex<Option<Arc<PackFolder>>>,
}

impl FolderTarget {
    /// Makes the folder and its marker, or takes one of this household that is there; returns which disk it is. The
    /// folder's parent exists. Blocks.
    ///
    /// # Errors
    /// [`TargetError::Refused`] when another household's vault is there, [`TargetError::Full`], [`TargetError::Io`].
    pub fn create(
        place: &Path,
        household: &HouseholdId,
        random: [u8; 16],
        disk: Arc<dyn Disk>,
    ) -> Result<DiskId, TargetError> {
        match marker_of(place) {
            Some(found) if found.household == *household => return Ok(found.disk),
            Some(_) => {
                return Err(TargetError::Refused("another household's vault is in that folder".into()));
            }
            None => {}
        }
        let marker = Marker { household: *household, disk: DiskId(random) };
        Ok(PackFolder::create(place, marker, disk)?.disk_id())
    }

    /// Speaks of a folder, whether it is there now or not. `clock` says the time in milliseconds, UTC.
    ///
    /// # Errors
    /// [`TargetError::Io`] when its thread couldn't be started.
    pub fn new(
        place: PathBuf,
        expected: Expected,
        disk: Arc<dyn Disk>,
        clock: Clock,
    ) -> Result<Self, TargetError> {
        let beat = Beat::default();
        let hands = Hands::start(beat.clone()).map_err(|error| TargetError::Io(error.to_string()))?;
        let disk = Arc::new(Beating { disk, beat: beat.clone() });
        let inner = Inner { place, expected, disk, beat, clock, folder: Mutex::default() };
        Ok(Self { inner: Arc::new(inner), hands })
    }

    /// For how long the folder has not come further in what it is doing for somebody: a disk that is slow takes seconds for a
    /// pack, and a share of the network that doesn't answer may take for ever. Nothing else is done there meanwhile.
    #[must_use]
    pub fn busy_for(&self) -> Duration {
        self.hands.busy_for()
    }

    fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner, &PackFolder) -> Result<T, FolderError> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, TargetError>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(self.hands.ask(move || {
            let folder = inner.folder()?;
            Ok(work(&inner, &folder)?)
        }))
    }
}

impl Inner {
    fn folder(&self) -> Result<Arc<PackFolder>, FolderError> {
        let mut known = self.folder.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(folder) = known.as_ref().filter(|folder| folder.is_there().is_ok()) {
            return Ok(Arc::clone(folder));
        }
        *known = None;
        let folder = Arc::new(PackFolder::open(&self.place, &self.expected, Arc::clone(&self.disk))?);
        *known = Some(Arc::clone(&folder));
        Ok(folder)
    }
}

impl Target for FolderTarget {
    fn put(&self, pack: PackId, bytes: Bytes, _room: Room) -> BoxFuture<'_, Result<(), TargetError>> {
        self.ask(move |_, folder| folder.put(&pack, &bytes))
    }

    fn get(&self, pack: PackId, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, TargetError>> {
        self.ask(move |_, folder| {
            folder.read_buried(&pack, &range).map(Bytes::from).map_err(FolderError::of_this_part)
        })
    }

    fn list(&self, after: Option<PackId>) -> BoxFuture<'_, Result<Vec<(PackId, u64)>, TargetError>> {
        self.ask(move |_, folder| folder.list(after.as_ref(), LIST_MAX))
    }

    fn prove(
        &self,
        challenges: Vec<Challenge>,
    ) -> BoxFuture<'_, Result<Vec<(Challenge, Answer)>, TargetError>> {
        self.ask(move |inner, folder| {
            let answer = |challenge: &Challenge| {
                let answer = answer(folder, challenge);
                inner.beat.goes_on();
                (*challenge, answer)
            };
            Ok(challenges.iter().take(CHALLENGES_MAX).map(answer).collect())
        })
    }

    fn delete(&self, packs: Vec<PackId>) -> BoxFuture<'_, Result<DeleteOutcome, TargetError>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(self.hands.ask(move || {
            let folder = inner.folder()?;
            let packs = &packs[..packs.len().min(DELETE_MAX)];
            inventory(&inner, &folder)?.allow(packs)?;
            folder.bury(packs, folder.own_time((inner.clock)())?)?;
            let held = u32::try_from(packs.len()).unwrap_or(u32::MAX);
            Ok(DeleteOutcome { held, waits_for_person: false })
        }))
    }

    /// A folder asks nobody.
    fn answer_deletion(&self, _allow: bool) -> BoxFuture<'_, Result<DeleteOutcome, TargetError>> {
        Box::pin(std::future::ready(Ok(DeleteOutcome::default())))
    }

    fn put_head(&self, head: Vec<u8>) -> BoxFuture<'_, Result<(), TargetError>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(self.hands.ask(move || {
            let head = VaultHead::decode(&head)
                .map_err(|_| TargetError::Wrong("these bytes are no signed head".into()))?;
            let folder = inner.folder()?;
            let here = folder.heads()?;
            let judged = heads::judge(&here, &head);
            if judged.is_kept() {
                folder.put_head(&head)?;
                let now_ms = folder.own_time((inner.clock)())?;
                let after = heads::after(here, &head, &folder.superseded()?, now_ms);
                after.superseded.iter().try_for_each(|(old, at_ms)| folder.note_superseded(old, *at_ms))?;
                after.gone.iter().try_for_each(|old| folder.remove_head(old))?;
                folder.forget_superseded(&after.gone)?;
            }
            judged.result()
        }))
    }

    fn heads(&self) -> BoxFuture<'_, Result<Vec<Vec<u8>>, TargetError>> {
        self.ask(move |_, folder| Ok(folder.heads()?.iter().map(VaultHead::encode).collect()))
    }

    fn put_kit(&self, kit: Vec<u8>) -> BoxFuture<'_, Result<(), TargetError>> {
        self.ask(move |_, folder| {
            if kit.len() > KIT_BYTES_MAX {
                return Err(FolderError::Wrong("no kit record is that large"));
            }
            folder.put_kit(&kit)
        })
    }

    fn kits(&self) -> BoxFuture<'_, Result<Vec<Vec<u8>>, TargetError>> {
        self.ask(move |_, folder| folder.kits())
    }

    fn state(&self) -> BoxFuture<'_, Result<TargetState, TargetError>> {
        self.ask(move |inner, folder| {
            Ok(TargetState { free: Some(folder.volume()?.free), ..inventory(inner, folder)?.state() })
        })
    }

    fn disk(&self) -> BoxFuture<'_, Result<Option<DiskId>, TargetError>> {
        self.ask(|_, folder| Ok(Some(folder.disk_id())))
    }

    fn tidy(&self) -> BoxFuture<'_, Result<u64, TargetError>> {
        self.ask(move |inner, folder| folder.remove_fossils(folder.own_time((inner.clock)())?))
    }
}

fn inventory(inner: &Inner, folder: &PackFolder) -> Result<Inventory, FolderError> {
    let (mut packs, mut after) = (Vec::new(), None);
    loop {
        let page = folder.list(after.as_ref(), LIST_MAX)?;
        inner.beat.goes_on();
        let Some((last, _)) = page.last() else { break };
        after = Some(*last);
        packs.extend(page);
    }
    Ok(Inventory::new(packs, &folder.fossils()?))
}

fn answer(folder: &PackFolder, challenge: &Challenge) -> Answer {
    match folder.prove(challenge).map_err(|error| folder.look_again(&challenge.pack, error)) {
        Ok(proof) => Answer::Proof(proof),
        // Nobody else works in this folder. Where even that fails it is the disk.
        Err(error) if error.is_unreadable() => match folder.set_rotten_aside(&challenge.pack) {
            Ok(()) => Answer::Missing,
            Err(away) if away.is_away() => Answer::DiskAbsent,
            Err(_) => Answer::Busy,
        },
        Err(FolderError::Missing | FolderError::Wrong(_)) => Answer::Missing,
        Err(away) if away.is_away() => Answer::DiskAbsent,
        Err(_) => Answer::Busy,
    }
}

impl From<FolderError> for TargetError {
    fn from(error: FolderError) -> Self {
        match error {
            FolderError::Absent | FolderError::Other(_) => Self::DiskAbsent,
            FolderError::Missing => Self::Missing,
            FolderError::Wrong(what) => Self::Wrong(what.into()),
            FolderError::Full => Self::Full { quota: 0, used: 0 },
            FolderError::Io { .. } => Self::Io(error.to_string()),
        }
    }
}

impl std::fmt::Debug for FolderTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FolderTarget").field("place", &self.inner.place).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::OnceLock;

    use heirloom_store::{DraftFile, RealDisk};

    use super::*;

    /// A disk that takes very long for each thing, and says at which of them the one before still counted.
    #[derive(Clone, Default)]
    struct Slow {
        beat: Arc<OnceLock<Beat>>,
        too_long: Arc<Mutex<Vec<PathBuf>>>,
    }

    const LONG: Duration = Duration::from_secs(15);

    impl Slow {
        fn takes_long(&self, path: &Path) {
            let Some(beat) = self.beat.get() else { return };
            if beat.busy_for() >= LONG {
                self.too_long.lock().unwrap().push(path.to_owned());
            }
            beat.age();
        }
    }

    impl Disk for Slow {
        fn create_new(&self, path: &Path) -> io::Result<Box<dyn DraftFile>> {
            self.takes_long(path);
            RealDisk.create_new(path)
        }

        fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
            self.takes_long(to);
            RealDisk.rename_new(from, to)
        }

        fn sync_dir(&self, path: &Path) -> io::Result<()> {
            self.takes_long(path);
            RealDisk.sync_dir(path)
        }

        fn create_dir(&self, path: &Path) -> io::Result<()> {
            self.takes_long(path);
            RealDisk.create_dir(path)
        }

        fn remove(&self, path: &Path) -> io::Result<()> {
            self.takes_long(path);
            RealDisk.remove(path)
        }
    }

    /// Goal: a slow disk that has much to do is never one that does not answer. Method: a disk of which every single thing takes
    /// longer than is allowed for two, while it writes, proves and buries packs.
    #[tokio::test]
    async fn each_thing_that_a_slow_disk_does_is_timed_by_itself() {
        let (scratch, household) = (tempfile::tempdir().unwrap(), HouseholdId::from_bytes([7; 32]));
        let (place, disk) = (scratch.path().join("vault"), Slow::default());
        FolderTarget::create(&place, &household, [1; 16], Arc::new(RealDisk)).unwrap();
        let expected = Expected { household, disks: Vec::new() };
        let slow: Arc<dyn Disk> = Arc::new(disk.clone());
        let target = FolderTarget::new(place, expected, slow, Arc::new(|| 0)).unwrap();
        disk.beat.set(target.inner.beat.clone()).ok().unwrap();
        let packs: Vec<_> = (0..4_u8).map(|byte| (PackId::of(&[byte; 2000]), vec![byte; 2000])).collect();
        for (pack, content) in &packs {
            target.put(*pack, content.clone().into(), Room::Common).await.unwrap();
        }
        let ask = |(pack, _): &(PackId, _)| Challenge { pack: *pack, bytes: 2000, group: 0 };
        let answers = target.prove(packs.iter().map(ask).collect()).await.unwrap();
        assert!(answers.iter().all(|(_, answer)| matches!(answer, Answer::Proof(_))));
        target.delete(packs.iter().map(|(pack, _)| *pack).collect()).await.unwrap();
        assert_eq!(*disk.too_long.lock().unwrap(), Vec::<PathBuf>::new());
    }
}

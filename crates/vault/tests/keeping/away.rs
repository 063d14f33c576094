//! A keeper that was switched off, or whose disk is full, and goes on.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use heirloom_store::{Disk, DraftFile, RealDisk};
use heirloom_vault::keeper::WardState;
use heirloom_vault::{KeeperError, Room};

use crate::faults::{agreed, alarms, fill};
use crate::world::{Home, Household, QUOTA, ids, pack, proves};

/// Goal: a keeper that was off for 3, 5 or 14 days is the keeper that it was: nothing is lost or due because of it, what it
/// holds is held for the rest of its 30 days, and it takes what came meanwhile. Method: its running time stands still while
/// its ward makes a head a day without it.
#[test]
fn a_keeper_that_was_off_goes_on_where_it_was() {
    for days in [3, 5, 14] {
        let (home, ward) = agreed();
        let id = ward.id();
        let packs = fill(&home, &ward, 0..40, 2000);
        let chain = ward.node(1, 0).chain(days + 3);
        let put = |home: &Home, at: usize| home.keeper.put_head(&id, chain[at].as_bytes());
        put(&home, 0).unwrap();
        put(&home, 1).unwrap();
        assert_eq!(home.keeper.delete(&id, &[packs[0].0, packs[1].0]).unwrap().held, 2);
        home.days(20);
        let running = home.keeper.running_ms().unwrap();
        let home = home.restart();
        let keeper = &home.keeper;
        assert_eq!(keeper.running_ms().unwrap(), running, "{days} days that it was off are none");
        assert_eq!(keeper.collect().unwrap().packs, 0);
        assert_eq!(keeper.scrub_step(u64::MAX).unwrap().packs, 0);
        assert!(packs[2..].iter().all(|(pack, content)| proves(keeper, &id, pack, content.len())));
        // What the ward did without it.
        let newest = usize::try_from(days).unwrap() + 1;
        fill(&home, &ward, 100..103, 2000);
        put(&home, newest).unwrap();
        assert!(matches!(put(&home, newest - 1), Err(KeeperError::Older)));
        let heads = keeper.heads(&id).unwrap();
        assert_eq!(heads[0], chain[newest].encode());
        assert!(heads.contains(&chain[1].encode()), "the one before the gap is held");
        assert_eq!((ids(keeper, &id).len(), alarms(&home)), (41, Vec::new()));
        assert_eq!(keeper.ward(&id).unwrap().state, WardState::Keeping);
        home.days(9);
        assert_eq!(keeper.collect().unwrap().packs, 0);
        assert_eq!(keeper.read(&id, &packs[0].0, 0..2000).unwrap(), packs[0].1);
        home.days(1);
        assert_eq!(keeper.collect().unwrap().packs, 2);
    }
}

/// A disk on which no file can be written while it is full.
#[derive(Clone, Default)]
struct Narrow(Arc<AtomicBool>);

impl Narrow {
    fn write<T>(&self, write: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        if self.0.load(Ordering::Relaxed) { Err(io::ErrorKind::StorageFull.into()) } else { write() }
    }
}

impl Disk for Narrow {
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn DraftFile>> {
        self.write(|| RealDisk.create_new(path))
    }
    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename_new(from, to)
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        RealDisk.sync_dir(path)
    }
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.write(|| RealDisk.create_dir(path))
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }
}

/// Goal: a disk that fills up refuses what is new and harms nothing. Method: a disk that takes no file, while packs come, are
/// proved, read and removed; then it has room again.
#[test]
fn a_full_disk_refuses_and_keeps_what_it_has() {
    let disk = Narrow::default();
    let (home, ward) = (Home::on(Arc::new(disk.clone())).unwrap(), Household::new(9));
    let id = ward.id();
    home.keeper.agree(&id, QUOTA, 5, [3; 16]).unwrap();
    let packs = fill(&home, &ward, 0..40, 2000);
    let chain = ward.node(1, 0).chain(2);
    home.keeper.put_head(&id, chain[0].as_bytes()).unwrap();
    disk.0.store(true, Ordering::Relaxed);
    let (new, content) = pack(90, 2000);
    let put = || home.keeper.put(&id, &new, &content, Room::Common);
    for _ in 0..3 {
        assert!(matches!(put(), Err(KeeperError::Full { .. })));
    }
    assert!(matches!(home.keeper.put_head(&id, chain[1].as_bytes()), Err(KeeperError::Full { .. })));
    assert!(matches!(home.keeper.put_kit(&id, b"a kit record"), Err(KeeperError::Full { .. })));
    assert_eq!(ids(&home.keeper, &id).len(), 40);
    assert!(packs.iter().all(|(pack, content)| proves(&home.keeper, &id, pack, content.len())));
    assert_eq!(home.keeper.heads(&id).unwrap(), [chain[0].encode()]);
    // What needs no room goes on: reading everything, and removing what nobody needs.
    assert_eq!(home.keeper.delete(&id, &[packs[0].0]).unwrap().held, 1);
    home.days(36);
    assert_eq!(home.keeper.collect().unwrap().packs, 1);
    assert_eq!(home.keeper.scrub_step(u64::MAX).unwrap().packs, 39);
    assert_eq!((home.keeper.bad(&id, 10).unwrap(), alarms(&home)), (vec![], vec![]));
    assert_eq!(std::fs::read_dir(home.place(&id).join("drafts")).unwrap().count(), 0);
    disk.0.store(false, Ordering::Relaxed);
    put().unwrap();
    home.keeper.put_head(&id, chain[1].as_bytes()).unwrap();
    assert_eq!(home.keeper.heads(&id).unwrap()[0], chain[1].encode());
}

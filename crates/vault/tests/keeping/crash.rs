//! The power goes at every step of what a keeper does, on a disk that keeps only what was synced.
//!
//! After each cut: what was acknowledged is there and can be proved, nothing that can't be read is counted, and doing it
//! all again comes to the same end. The tables are real and keep every commit: the harder case, since a row without its
//! file is a pack lost.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use heirloom_identity::VaultHead;
use heirloom_store::{Disk, DraftFile, RealDisk};
use heirloom_testkit::CrashDisk;
use heirloom_vault::folder::{DiskId, Expected, FolderError, Marker, PackFolder};
use heirloom_vault::keeper::Home as Side;
use heirloom_vault::{KeeperError, PackId, Room};

use crate::world::{self, Home, Household, QUOTA};

/// What the keeper said is safe.
#[derive(Default)]
struct Said {
    agreed: bool,
    packs: BTreeMap<PackId, Vec<u8>>,
    head: Option<VaultHead>,
    kits: Vec<Vec<u8>>,
    /// Packs whose deletion was asked for: they may be there or not.
    unsure: Vec<PackId>,
}

type Script = fn(&Home, &Household, &mut Said) -> Result<(), KeeperError>;

fn put(home: &Home, ward: &Household, said: &mut Said, number: u32, bytes: usize) -> Result<(), KeeperError> {
    let (id, content) = world::pack(number, bytes);
    home.keeper.put(&ward.id(), &id, &content, Room::Common)?;
    said.unsure.retain(|unsure| *unsure != id);
    said.packs.insert(id, content);
    Ok(())
}

fn head(home: &Home, ward: &Household, said: &mut Said, number: usize) -> Result<(), KeeperError> {
    let chain = ward.node(1, 0).chain(u64::try_from(number).unwrap());
    match home.keeper.put_head(&ward.id(), chain[number - 1].as_bytes()) {
        // Done before, and a later one too.
        Err(KeeperError::Older) => Ok(()),
        other => {
            other?;
            said.head = Some(chain[number - 1].clone());
            Ok(())
        }
    }
}

fn agree(home: &Home, ward: &Household, said: &mut Said) -> Result<(), KeeperError> {
    home.keeper.agree(&ward.id(), QUOTA, 5, [3; 16])?;
    said.agreed = true;
    Ok(())
}

/// Packs come, one of them twice, one of them small; heads and a kit record.
fn keep(home: &Home, ward: &Household, said: &mut Said) -> Result<(), KeeperError> {
    agree(home, ward, said)?;
    put(home, ward, said, 1, 40_000)?;
    head(home, ward, said, 1)?;
    put(home, ward, said, 2, 100)?;
    put(home, ward, said, 1, 40_000)?;
    home.keeper.put_kit(&ward.id(), b"a kit record")?;
    said.kits.push(b"a kit record".to_vec());
    head(home, ward, said, 2)?;
    head(home, ward, said, 3)
}

/// Packs are deleted, one comes back in time, the others are collected; a damaged one is set aside and sent again.
fn remove(home: &Home, ward: &Household, said: &mut Said) -> Result<(), KeeperError> {
    agree(home, ward, said)?;
    let keeper = &home.keeper;
    for number in 1..=4 {
        put(home, ward, said, number, 3000)?;
    }
    let gone: Vec<_> = (1..=3).map(|number| world::pack(number, 3000).0).collect();
    for pack in &gone {
        said.packs.remove(pack);
        said.unsure.push(*pack);
    }
    keeper.delete(&ward.id(), &gone)?;
    keeper.answer_deletion(&ward.id(), Side::Ward, true)?;
    keeper.answer_deletion(&ward.id(), Side::Keeper, true)?;
    put(home, ward, said, 3, 3000)?;
    home.days(31);
    keeper.collect()?;
    let rotten = home.pack_path(&ward.id(), &world::pack(4, 3000).0);
    if rotten.exists() {
        world::flip(&rotten);
    }
    // Rot is not the keeper's word: until the pack comes again nobody counts on it.
    said.packs.remove(&world::pack(4, 3000).0);
    said.unsure.push(world::pack(4, 3000).0);
    home.days(36);
    keeper.scrub_step(u64::MAX)?;
    put(home, ward, said, 4, 3000)
}

/// An agreement is ended, and everything goes.
fn end(home: &Home, ward: &Household, said: &mut Said) -> Result<(), KeeperError> {
    agree(home, ward, said)?;
    put(home, ward, said, 1, 3000)?;
    head(home, ward, said, 1)?;
    *said = Said { unsure: vec![world::pack(1, 3000).0], ..Said::default() };
    home.keeper.end(&ward.id())?;
    home.days(31);
    home.keeper.collect().map(drop)
}

/// Cuts the power at every step of a script; the last run comes to its end. Returns how many runs there were.
fn cut_everywhere(script: Script) -> u64 {
    for step in 0.. {
        let disk = CrashDisk::new(step);
        let ward = Household::new(9);
        let Some(home) = Home::on(Arc::new(disk.clone())) else {
            assert!(disk.is_dead(), "only the power stops a home from opening");
            continue;
        };
        let mut said = Said::default();
        let outcome = script(&home, &ward, &mut said);
        assert!(outcome.is_ok() || disk.is_dead(), "step {step}: {outcome:?}");
        disk.lose_power(step.wrapping_mul(0x9E37_79B9)).unwrap();
        let home = home.restart();
        check(&home, &ward, &said, step);
        // The ward, too, starts again.
        let mut again = Said::default();
        script(&home, &ward, &mut again).unwrap_or_else(|error| panic!("step {step}, again: {error}"));
        check(&home, &ward, &again, step);
        if !disk.is_dead() {
            return step;
        }
    }
    unreachable!("scripts have an end")
}

fn check(home: &Home, ward: &Household, said: &Said, step: u64) {
    let (keeper, id) = (&home.keeper, ward.id());
    if !said.agreed {
        return;
    }
    let listed = keeper.list(&id, None, 4096).unwrap_or_else(|error| panic!("step {step}: {error}"));
    for (pack, content) in &said.packs {
        assert!(listed.contains(&(*pack, content.len() as u64)), "step {step}: {pack} was acknowledged");
        assert_eq!(keeper.read(&id, pack, 0..content.len() as u64).unwrap(), *content, "step {step}");
        assert!(world::proves(keeper, &id, pack, content.len()), "step {step}");
    }
    for (pack, bytes) in &listed {
        let whole = keeper.read(&id, pack, 0..*bytes);
        let right = whole.is_ok_and(|whole| PackId::of(&whole) == *pack);
        // The one that the script made rot, until it was sent again.
        let rotten = said.unsure.contains(pack) && *pack == world::pack(4, 3000).0;
        assert!(right || rotten, "step {step}: {pack} is counted and can't be read");
    }
    let heads = keeper.heads(&id).unwrap();
    if let Some(head) = &said.head {
        let newest = VaultHead::decode(&heads[0]).unwrap();
        assert!(newest == *head || newest.outranks(head), "step {step}: the head was acknowledged");
        assert!(heads.contains(&head.encode()));
    }
    let kits = keeper.kits(&id).unwrap();
    assert!(said.kits.iter().all(|kit| kits.contains(kit)), "step {step}: the kit was acknowledged");
}

#[test]
fn the_power_goes_while_packs_come() {
    assert!(cut_everywhere(keep) > 60);
}

#[test]
fn the_power_goes_while_packs_go() {
    assert!(cut_everywhere(remove) > 60);
}

#[test]
fn the_power_goes_while_a_ward_leaves() {
    assert!(cut_everywhere(end) > 30);
}

/// A folder of the ward's own, which has no tables: what was said to be there is, what was deleted can still be read.
#[test]
fn the_power_goes_while_a_folder_is_written() {
    let household = Household::new(9);
    let expected = Expected { household: household.id(), disks: Vec::new() };
    let chain = household.node(1, 0).chain(2);
    let packs: Vec<_> = (1..=3).map(|number| world::pack(number, 20_000)).collect();
    for step in 0.. {
        let disk = CrashDisk::new(step);
        let scratch = world::scratch();
        let place = scratch.path().join("vault");
        let said = Cell::new(0_usize);
        let script = |disk: Arc<dyn Disk>| -> Result<(), FolderError> {
            let marker = Marker { household: household.id(), disk: DiskId([3; 16]) };
            let folder = PackFolder::create(&place, marker, disk)?;
            said.set(1);
            for (pack, content) in &packs {
                folder.put(pack, content)?;
                said.set(said.get() + 1);
            }
            chain.iter().try_for_each(|head| folder.put_head(head))?;
            said.set(said.get() + 1);
            folder.bury(&[packs[0].0], 1000)?;
            said.set(said.get() + 1);
            folder.put(&packs[0].0, &packs[0].1)?;
            folder.set_aside(&packs[1].0)?;
            folder.put(&packs[1].0, &packs[1].1)
        };
        let outcome = script(Arc::new(disk.clone()));
        assert!(outcome.is_ok() || disk.is_dead(), "step {step}: {outcome:?}");
        let reached = said.get();
        disk.lose_power(step.wrapping_mul(0x9E37_79B9)).unwrap();
        if reached > 0 {
            let folder = PackFolder::open(&place, &expected, Arc::new(RealDisk)).unwrap();
            for (at, (pack, content)) in packs.iter().enumerate().take(reached - 1) {
                let is_touched = at < 2 && reached > 4;
                let whole = folder.read_buried(pack, &(0..20_000));
                assert!(
                    whole.is_ok_and(|whole| whole == *content) || at == 1 && is_touched,
                    "step {step}: {at}"
                );
            }
            for (pack, _) in folder.list(None, 100).unwrap() {
                assert!(folder.check(&pack).is_ok(), "step {step}: {pack} is listed and can't be read");
            }
            assert!(reached < 5 || folder.heads().unwrap()[0] == chain[1], "step {step}");
        }
        script(Arc::new(RealDisk)).unwrap();
        let folder = PackFolder::open(&place, &expected, Arc::new(RealDisk)).unwrap();
        assert!(packs.iter().all(|(pack, _)| folder.check(pack).is_ok()), "step {step}, again");
        if !disk.is_dead() {
            assert!(step > 50);
            return;
        }
    }
}

/// A disk under a program that is killed: its calls end, what it wrote stays, synced or not.
#[derive(Clone)]
struct Killed {
    disk: CrashDisk,
    left: Arc<AtomicU64>,
}

impl Killed {
    fn step(&self) -> io::Result<&CrashDisk> {
        let one_less =
            self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        one_less.map(|_| &self.disk).map_err(|_| io::Error::other("killed"))
    }
}

impl Disk for Killed {
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn DraftFile>> {
        self.step()?.create_new(path)
    }
    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?.rename_new(from, to)
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.step()?.sync_dir(path)
    }
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.step()?.create_dir(path)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step()?.remove(path)
    }
}

/// Goal: "the disk is written" means that it can be pulled out. Method: writing a ward's copies is killed at every step and
/// done again to its end; then the power goes.
#[test]
fn a_copy_that_was_killed_and_done_again_is_durable() {
    for steps in 0_u64.. {
        let disk = Killed { disk: CrashDisk::steady(), left: Arc::new(AtomicU64::new(u64::MAX)) };
        let (home, ward) = (Home::on(Arc::new(disk.clone())).unwrap(), Household::new(9));
        let (id, mut said) = (ward.id(), Said::default());
        agree(&home, &ward, &mut said).unwrap();
        (1..=2).for_each(|number| put(&home, &ward, &mut said, number, 3000).unwrap());
        head(&home, &ward, &mut said, 1).unwrap();
        let place = home.scratch.path().join("usb");
        let copy = || home.keeper.write_copy(&id, &place, [5; 16], &mut |_| true);
        disk.left.store(steps, Ordering::Relaxed);
        let is_whole = copy().is_ok();
        disk.left.store(u64::MAX, Ordering::Relaxed);
        assert_eq!(copy().unwrap().packs, 2);
        disk.disk.lose_power(steps.wrapping_mul(0x9E37_79B9)).unwrap();
        let expected = Expected { household: id, disks: Vec::new() };
        let folder = PackFolder::open(&place, &expected, Arc::new(RealDisk))
            .unwrap_or_else(|error| panic!("step {steps}: {error}"));
        for pack in said.packs.keys() {
            assert!(folder.check(pack).is_ok(), "step {steps}: {pack}");
        }
        assert_eq!(folder.heads().unwrap(), said.head.into_iter().collect::<Vec<_>>(), "step {steps}");
        if is_whole {
            assert!(steps > 20, "{steps}");
            return;
        }
    }
}

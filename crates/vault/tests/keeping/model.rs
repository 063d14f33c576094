//! The keeper against a simple model of what it promises: any order of anything, with rot and disks that come and go.
//!
//! Packs have one group, so that whatever is wrong with one is noticed by the first question about it.

use std::collections::BTreeMap;

use heirloom_identity::HouseholdId;
use heirloom_vault::keeper::{Home as Side, WardState};
use heirloom_vault::{Answer, DeleteOutcome, KeeperError, PackId, Room, proof};
use proptest::prelude::*;

use crate::world::{self, DAY_MS, Home, Household};

const PACKS: usize = 14;
/// Some ten packs: each counts as 64 KiB.
const QUOTA: u64 = 720_000;
const LEAST: u64 = 65_536;
const HOLD_MS: i64 = 30 * DAY_MS;
const SCRUB_MAX_MS: i64 = 35 * DAY_MS;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rot {
    Flipped,
    Cut,
    Gone,
}

#[derive(Debug, Clone)]
enum Op {
    Put(usize, Room),
    Delete(Vec<usize>),
    Answer(Side, bool),
    Days(i64),
    Collect,
    Scrub,
    Rot(usize, Rot),
    Unmount,
    Mount,
    Prove(usize),
    Read(usize),
    Restart,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let pack = 0..PACKS;
    let room = prop_oneof![3 => Just(Room::Common), 1 => Just(Room::Reserve)];
    let rot = prop_oneof![Just(Rot::Flipped), Just(Rot::Cut), Just(Rot::Gone)];
    let side = prop_oneof![Just(Side::Keeper), Just(Side::Ward)];
    let op = prop_oneof![
        10 => (pack.clone(), room).prop_map(|(pack, room)| Op::Put(pack, room)),
        4 => prop::collection::vec(pack.clone(), 1..4).prop_map(Op::Delete),
        1 => Just(Op::Delete((0..PACKS).collect())),
        4 => (side, prop::bool::weighted(0.8)).prop_map(|(side, allow)| Op::Answer(side, allow)),
        3 => (1_i64..20).prop_map(Op::Days),
        3 => Just(Op::Collect),
        2 => Just(Op::Scrub),
        2 => (pack.clone(), rot).prop_map(|(pack, rot)| Op::Rot(pack, rot)),
        1 => Just(Op::Unmount),
        2 => Just(Op::Mount),
        3 => pack.clone().prop_map(Op::Prove),
        2 => pack.prop_map(Op::Read),
        1 => Just(Op::Restart),
    ];
    prop::collection::vec(op, 1..60)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    Kept,
    Held { until: i64, by_person: bool },
    Bad,
}

/// What is known of a pack; one that was never put, or collected, has none.
#[derive(Debug, Clone, Copy)]
struct Known {
    stands: Stands,
    reserve: bool,
    asked: bool,
    /// Nobody has noticed yet.
    rot: Option<Rot>,
    /// Read whole by then at the latest.
    due: i64,
}

struct World {
    home: Option<Home>,
    ward: HouseholdId,
    packs: Vec<(PackId, Vec<u8>)>,
    known: BTreeMap<usize, Known>,
    running: i64,
    mounted: bool,
    allowed: (bool, bool),
}

impl World {
    fn new() -> Self {
        let (home, ward) = (Home::new(), Household::new(9).id());
        home.keeper.agree(&ward, QUOTA, 5, [3; 16]).unwrap();
        let packs = (0..PACKS).map(|number| {
            let bytes = 200 + number * 1200;
            world::pack(u32::try_from(number).unwrap(), bytes.min(16_384))
        });
        Self {
            home: Some(home),
            ward,
            packs: packs.collect(),
            known: BTreeMap::new(),
            running: 0,
            mounted: true,
            allowed: (false, false),
        }
    }

    fn home(&self) -> &Home {
        self.home.as_ref().unwrap()
    }

    fn bytes(&self, pack: usize) -> u64 {
        self.packs[pack].1.len() as u64
    }

    fn sum(&self, wanted: impl Fn(&Known) -> bool) -> u64 {
        self.known.iter().filter(|(_, known)| wanted(known)).map(|(pack, _)| self.bytes(*pack)).sum()
    }

    /// What packs count against the quota.
    fn counted(&self, wanted: impl Fn(&Known) -> bool) -> u64 {
        let wanted = self.known.iter().filter(|(_, known)| known.stands != Stands::Bad && wanted(known));
        wanted.map(|(pack, _)| self.bytes(*pack).max(LEAST)).sum()
    }

    fn free(&self, room: Room) -> u64 {
        let reserve_part = QUOTA / 20;
        let common = self.counted(|known| !known.reserve);
        let reserve = self.counted(|known| known.reserve);
        let left = (QUOTA - reserve_part).saturating_sub(common + reserve.saturating_sub(reserve_part));
        if room == Room::Common { left } else { left + reserve_part.saturating_sub(reserve) }
    }

    fn kept(&self) -> u64 {
        self.sum(|known| known.stands == Stands::Kept)
    }

    fn deletable(&self) -> u64 {
        let unasked = self.sum(|known| matches!(known.stands, Stands::Held { by_person: false, .. }));
        ((self.kept() + unasked) / 20).saturating_sub(unasked)
    }

    fn run(&mut self, op: &Op) {
        match op {
            Op::Put(pack, room) => self.put(*pack, *room),
            Op::Delete(packs) => self.delete(packs),
            Op::Answer(side, allow) => self.answer(*side, *allow),
            Op::Days(days) => {
                self.home().days(*days);
                self.running += days * DAY_MS;
            }
            Op::Collect => self.collect(),
            Op::Scrub => self.scrub(),
            Op::Rot(pack, rot) => self.rot(*pack, *rot),
            Op::Unmount if self.mounted => {
                self.home().unmount(&self.ward);
                self.mounted = false;
                // Somebody looks, and sees.
                assert!(matches!(self.home().keeper.list(&self.ward, None, 1), Err(KeeperError::DiskAbsent)));
            }
            Op::Mount if !self.mounted => {
                self.home().mount(&self.ward);
                self.mounted = true;
                self.looked_at();
            }
            Op::Restart => {
                self.home = self.home.take().map(Home::restart);
                if self.mounted {
                    self.looked_at();
                }
            }
            Op::Prove(pack) => self.prove(*pack),
            Op::Read(pack) => self.read(*pack),
            Op::Unmount | Op::Mount => {}
        }
        self.compare();
    }

    /// A disk that comes is compared with the tables: what lacks is lost, what is flipped isn't seen yet.
    fn looked_at(&mut self) {
        self.home().keeper.list(&self.ward, None, 1).unwrap();
        self.known.retain(|_, known| {
            let lacks = matches!(known.rot, Some(Rot::Cut | Rot::Gone));
            !(lacks && matches!(known.stands, Stands::Held { .. }))
        });
        for known in self.known.values_mut().filter(|known| matches!(known.rot, Some(Rot::Cut | Rot::Gone))) {
            known.notice();
        }
    }

    fn put(&mut self, pack: usize, room: Room) {
        let (id, content) = self.packs[pack].clone();
        let outcome = self.home().keeper.put(&self.ward, &id, &content, room);
        let counts = self.known.get(&pack).is_some_and(|known| known.stands != Stands::Bad);
        if !self.mounted {
            assert!(matches!(outcome, Err(KeeperError::DiskAbsent)), "{outcome:?}");
        } else if !counts && self.bytes(pack).max(LEAST) > self.free(room) {
            assert!(matches!(outcome, Err(KeeperError::Full { quota: QUOTA, .. })), "{outcome:?}");
        } else {
            outcome.unwrap();
            let reserve = if counts { self.known[&pack].reserve } else { room == Room::Reserve };
            let due = self.running + SCRUB_MAX_MS;
            let known = Known { stands: Stands::Kept, reserve, asked: false, rot: None, due };
            self.known.insert(pack, known);
        }
    }

    fn delete(&mut self, packs: &[usize]) {
        let mut packs = packs.to_vec();
        packs.sort_unstable();
        packs.dedup();
        let ids: Vec<_> = packs.iter().map(|pack| self.packs[*pack].0).collect();
        let outcome = self.home().keeper.delete(&self.ward, &ids).unwrap();
        let bytes_deletable = self.deletable();
        let stand = |world: &Self, pack: usize| world.known.get(&pack).map(|known| known.stands);
        for pack in &packs {
            if stand(self, *pack) == Some(Stands::Bad) {
                self.known.remove(pack);
            }
        }
        let kept: Vec<_> = packs.iter().filter(|pack| stand(self, **pack) == Some(Stands::Kept)).collect();
        let bytes: u64 = kept.iter().map(|pack| self.bytes(**pack)).sum();
        let count = |packs: usize| u32::try_from(packs).unwrap();
        if bytes <= bytes_deletable {
            let until = self.running + HOLD_MS;
            for pack in kept {
                let known = self.known.get_mut(pack).unwrap();
                known.stands = Stands::Held { until, by_person: false };
                known.asked = false;
            }
            assert_eq!(outcome, DeleteOutcome { held: count(packs.len()), waits_for_person: false });
            return;
        }
        let held = count(packs.len() - kept.len());
        for pack in kept {
            let known = self.known.get_mut(pack).unwrap();
            if !known.asked {
                known.asked = true;
                self.allowed = (false, false);
            }
        }
        assert_eq!(outcome, DeleteOutcome { held, waits_for_person: true });
    }

    fn answer(&mut self, side: Side, allow: bool) {
        let outcome = self.home().keeper.answer_deletion(&self.ward, side, allow).unwrap();
        let asked = u32::try_from(self.known.values().filter(|known| known.asked).count()).unwrap();
        if asked == 0 {
            assert_eq!(outcome, DeleteOutcome::default());
            return;
        }
        match side {
            Side::Keeper => self.allowed.0 = true,
            Side::Ward => self.allowed.1 = true,
        }
        if allow && self.allowed != (true, true) {
            assert_eq!(outcome, DeleteOutcome { held: 0, waits_for_person: true });
            return;
        }
        self.allowed = (false, false);
        let until = self.running + HOLD_MS;
        for known in self.known.values_mut().filter(|known| known.asked) {
            known.asked = false;
            if allow {
                known.stands = Stands::Held { until, by_person: true };
            }
        }
        assert_eq!(outcome, DeleteOutcome { held: if allow { asked } else { 0 }, waits_for_person: false });
    }

    fn collect(&mut self) {
        let collected = self.home().keeper.collect().unwrap();
        let over =
            |known: &Known| matches!(known.stands, Stands::Held { until, .. } if until <= self.running);
        let bytes = if self.mounted { self.sum(over) } else { 0 };
        let before = self.known.len();
        if self.mounted {
            let running = self.running;
            self.known
                .retain(|_, known| !matches!(known.stands, Stands::Held { until, .. } if until <= running));
        }
        assert_eq!((collected.packs, collected.bytes), ((before - self.known.len()) as u64, bytes));
    }

    fn scrub(&mut self) {
        let report = self.home().keeper.scrub_step(u64::MAX).unwrap();
        if !self.mounted {
            assert_eq!(report.packs, 0);
            return;
        }
        let running = self.running;
        // A held one that rotted is forgotten without a word; whether it was is seen by reading.
        let (home, ward, packs) = (self.home.as_ref().unwrap(), self.ward, &self.packs);
        self.known.retain(|pack, known| {
            let is_held_rot = matches!(known.stands, Stands::Held { .. }) && known.rot.is_some();
            let is_gone = is_held_rot && home.keeper.read(&ward, &packs[*pack].0, 0..1).is_err();
            assert!(is_gone || !is_held_rot || running < known.due, "rot that lay for 35 days was not found");
            !is_gone
        });
        for (pack, known) in &mut self.known {
            let found = report.bad.contains(&(self.ward, self.packs[*pack].0));
            assert!(!found || known.rot.is_some(), "a good pack was called bad");
            if known.stands == Stands::Kept && known.rot.is_some() && running >= known.due {
                assert!(found, "rot that lay for 35 days was not found");
            }
            if found {
                known.notice();
            }
            known.due = running + SCRUB_MAX_MS;
        }
    }

    fn rot(&mut self, pack: usize, rot: Rot) {
        let path = self.home().pack_path(&self.ward, &self.packs[pack].0);
        let Some(known) = self.known.get_mut(&pack) else { return };
        if !self.mounted || known.stands == Stands::Bad || known.rot.is_some() {
            return;
        }
        known.rot = Some(rot);
        match rot {
            Rot::Flipped => world::flip(&path),
            Rot::Cut => world::cut(&path),
            Rot::Gone => std::fs::remove_file(&path).unwrap(),
        }
    }

    fn prove(&mut self, pack: usize) {
        let challenge = world::question(&self.packs[pack].0, self.packs[pack].1.len(), 0);
        let answer = self.home().keeper.prove(&self.ward, &[challenge]).unwrap().remove(0);
        let known = self.known.get_mut(&pack).filter(|known| known.stands == Stands::Kept);
        match (self.mounted, known) {
            (false, _) => assert_eq!(answer, Answer::DiskAbsent),
            (true, Some(known)) if known.rot.is_some() => {
                assert_eq!(answer, Answer::Missing);
                known.notice();
            }
            (true, Some(_)) => {
                assert!(matches!(answer, Answer::Proof(proof) if proof::verify(&challenge, &proof)));
            }
            (true, None) => assert_eq!(answer, Answer::Missing),
        }
    }

    fn read(&mut self, pack: usize) {
        let (id, content) = self.packs[pack].clone();
        let found = self.home().keeper.read(&self.ward, &id, 0..content.len() as u64);
        let is_bad = self.known.get(&pack).is_some_and(|known| known.stands == Stands::Bad);
        let known = self.known.get_mut(&pack).filter(|known| known.stands != Stands::Bad);
        match (self.mounted, known.as_ref().map(|known| known.rot)) {
            (false, _) => assert!(matches!(found, Err(KeeperError::DiskAbsent)), "{found:?}"),
            // What is left of it may be read, and is never all of it.
            (true, None) if is_bad && found.is_ok() => assert_ne!(found.unwrap(), content),
            (true, Some(None)) => assert_eq!(found.unwrap(), content),
            // The reader sees it: what it opens is authenticated.
            (true, Some(Some(Rot::Flipped))) => assert_ne!(found.unwrap(), content),
            (true, Some(Some(Rot::Cut | Rot::Gone))) => {
                assert!(matches!(found, Err(KeeperError::Missing)), "{found:?}");
                match known.unwrap() {
                    Known { stands: Stands::Held { .. }, .. } => drop(self.known.remove(&pack)),
                    known => known.notice(),
                }
            }
            (true, None) => assert!(matches!(found, Err(KeeperError::Missing)), "{found:?}"),
        }
    }

    /// What the keeper says about the ward is what the model says.
    fn compare(&self) {
        let keeper = &self.home().keeper;
        let ward = keeper.ward(&self.ward).unwrap();
        let count = |wanted: &dyn Fn(&Known) -> bool| {
            self.known.values().filter(|known| wanted(known)).count() as u64
        };
        assert_eq!(ward.packs, count(&|known| known.stands == Stands::Kept));
        assert_eq!(ward.bad, count(&|known| known.stands == Stands::Bad));
        assert_eq!(ward.held, self.sum(|known| matches!(known.stands, Stands::Held { .. })));
        assert_eq!(ward.used, self.counted(|_| true));
        assert!(ward.used <= QUOTA);
        assert_eq!(ward.free, self.free(Room::Common));
        assert_eq!(ward.deletable, self.deletable());
        let ask = ward.ask.map(|ask| (ask.packs, ask.bytes));
        let asked = (count(&|known| known.asked), self.sum(|known| known.asked));
        assert_eq!(ask, (asked.0 > 0).then_some(asked));
        if !self.mounted {
            assert_eq!(ward.state, WardState::DiskAbsent);
            return;
        }
        let kept = self.known.iter().filter(|(_, known)| known.stands == Stands::Kept);
        let mut kept: Vec<_> = kept.map(|(pack, _)| self.packs[*pack].0).collect();
        kept.sort_unstable();
        assert_eq!(world::ids(keeper, &self.ward), kept);
    }
}

impl Known {
    /// The keeper has seen what is wrong with it.
    fn notice(&mut self) {
        self.stands = Stands::Bad;
        self.asked = false;
        self.rot = None;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_keeper_does_what_it_promises(ops in ops()) {
        let mut world = World::new();
        for op in &ops {
            world.run(op);
        }
    }
}

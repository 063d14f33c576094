//! A household of a world: what it has, what it believes of its keepers, and what is really there.

use heirloom_identity::HouseholdId;
use heirloom_vault::PackId;
use heirloom_vault::policy::{
    CopyState, Holder, PackCopies, PackCopy, Policy, Seed, TargetId, placement, repair,
};

use super::{Experiment, at};

/// Packs that stand for a household's library.
pub(crate) const PACKS: usize = 8;
/// Gigabytes of a library.
pub(crate) const LIBRARY_GB: f64 = 200.0;
/// Gigabytes of one pack that stands for many.
pub(crate) const PACK_GB: f64 = LIBRARY_GB / 8.0;
/// The policy counts bytes in 32 bits; here one stands for a kilobyte.
const PACK_UNITS: u32 = 25_000_000;
/// The shelf of originals.
const ORIGINALS: u8 = 3;

/// A friend who keeps copies, as the ward sees it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Link {
    /// The friend's number in the world.
    pub(crate) keeper: usize,
    /// Days on which the ward was on and the friend wasn't, since it last was.
    pub(crate) away_days: u32,
    returned_day: Option<u32>,
    /// Which packs are really there.
    pub(crate) real: [bool; PACKS],
    /// The day on which a check finds that a pack is gone.
    pub(crate) found_day: [Option<u32>; PACKS],
    /// Since when something that was complete is not.
    pub(crate) broken_since: Option<u32>,
}

/// One household.
#[derive(Debug, Clone)]
pub(crate) struct Household {
    /// Which of the packs lie at home.
    pub(crate) own: [bool; PACKS],
    /// The day on which it is back after a loss or an absence.
    pub(crate) off_until: u32,
    /// It lost everything and is not whole again.
    pub(crate) restoring: bool,
    /// Its town.
    pub(crate) town: usize,
    /// Gigabytes a day that its line carries.
    pub(crate) line_gb: f64,
    /// Gigabytes of a pack that are under way.
    pub(crate) sent_gb: f64,
    /// Those who keep for it.
    pub(crate) links: Vec<Link>,
    /// What it believes.
    pub(crate) packs: Vec<PackCopies>,
    /// The first copies are out.
    pub(crate) settled: bool,
    calm: bool,
}

impl Household {
    /// A household whose copies are not made yet.
    pub(crate) fn new(number: usize, keepers: &[usize], town: usize, line_gb: f64) -> Self {
        let links = keepers.iter().map(|&keeper| Link { keeper, ..Link::default() }).collect();
        let pack = |index: usize| PackCopies {
            pack: name(number, index),
            bytes: PACK_UNITS,
            shelf: ORIGINALS,
            copies: Vec::new(),
        };
        Self {
            own: [true; PACKS],
            off_until: 0,
            restoring: false,
            town,
            line_gb,
            sent_gb: 0.0,
            links,
            packs: (0..PACKS).map(pack).collect(),
            settled: false,
            calm: false,
        }
    }

    /// Whether its computer is on.
    pub(crate) const fn is_on(&self, day: u32) -> bool {
        day >= self.off_until
    }

    /// Whether a pack is nowhere any more.
    pub(crate) fn has_lost(&self) -> bool {
        (0..PACKS).any(|pack| !self.own[pack] && self.links.iter().all(|link| !link.real[pack]))
    }

    /// Begins anew with another library, after the worst has been counted.
    pub(crate) fn begin_anew(&mut self) {
        self.own = [true; PACKS];
        self.restoring = false;
        self.settled = false;
        self.look_again();
        for link in &mut self.links {
            link.real = [false; PACKS];
            link.found_day = [None; PACKS];
            link.broken_since = None;
        }
        for pack in &mut self.packs {
            pack.copies.clear();
        }
    }

    /// Something changed that the rules may care about.
    pub(crate) fn look_again(&mut self) {
        self.calm = false;
    }

    /// Counts how long each friend has been away, as a ward that is on sees it.
    pub(crate) fn count_absences(&mut self, day: u32, on: &dyn Fn(usize) -> bool, policy: &Policy) {
        for link in &mut self.links {
            let before = repair::absence(at(link.away_days), policy);
            if on(link.keeper) {
                if before != repair::Absence::Short {
                    link.returned_day = Some(day);
                    self.calm = false;
                }
                link.away_days = 0;
            } else {
                link.away_days += 1;
                self.calm &= before == repair::absence(at(link.away_days), policy);
            }
        }
    }

    /// Checks what is there, and does what the rules say.
    pub(crate) fn check(
        &mut self,
        day: u32,
        on: &dyn Fn(usize) -> bool,
        policy: &Policy,
        found: &mut Vec<u32>,
    ) {
        for (index, link) in self.links.iter_mut().enumerate().filter(|(_, link)| on(link.keeper)) {
            for (number, pack) in self.packs.iter_mut().enumerate() {
                let Some(copy) = copy_of(pack, index) else { continue };
                if copy.state != CopyState::Proven {
                    continue;
                }
                if link.real[number] {
                    copy.proven_ms = Some(at(day));
                } else if link.found_day[number].is_none_or(|when| when <= day) {
                    copy.state = CopyState::Lost;
                    if let Some(when) = link.found_day[number].take() {
                        found.push(when);
                    }
                    self.calm = false;
                }
            }
        }
        if !self.calm {
            self.decide(day, on, policy);
        }
    }

    /// Asks the program's rules what to do.
    fn decide(&mut self, day: u32, on: &dyn Fn(usize) -> bool, policy: &Policy) {
        let holders = self.holders(on);
        for action in repair::plan(&self.packs, &holders, policy, at(day)) {
            match action {
                repair::Action::Resend { pack, target } => {
                    if let Some(copy) = self.copy(&pack, target) {
                        copy.state = CopyState::Pending;
                    }
                }
                repair::Action::Trim { pack, target } => self.drop_copy(&pack, target),
            }
        }
        let bytes = u64::from(PACK_UNITS) * PACKS as u64;
        for placed in placement::assign(&self.packs, &self.holders(on), bytes, policy) {
            let pack =
                self.packs.iter_mut().find(|one| one.pack == placed.pack).expect("only ours are placed");
            pack.copies.push(PackCopy {
                target: placed.target,
                state: CopyState::Pending,
                proven_ms: None,
                failing: false,
            });
        }
        self.calm =
            self.packs.iter().flat_map(|pack| &pack.copies).all(|copy| copy.state == CopyState::Proven);
    }

    fn holders(&self, on: &dyn Fn(usize) -> bool) -> Vec<Holder> {
        let holder = |(index, link): (usize, &Link)| {
            let of = |pack: &&PackCopies| pack.copies.iter().any(|copy| copy.target == target(index));
            let used = u64::from(PACK_UNITS) * self.packs.iter().filter(of).count() as u64;
            Holder {
                target: target(index),
                household: Some(home(link.keeper)),
                active: true,
                full: false,
                on: on(link.keeper),
                away_ms: at(link.away_days),
                returned_ms: link.returned_day.map(at),
                quota: Some(u64::from(PACK_UNITS) * PACKS as u64 * 2),
                used,
                placed: used,
            }
        };
        self.links.iter().enumerate().map(holder).collect()
    }

    /// Sends what is to be sent, as far as the line goes today. Says how much, and what arrived.
    pub(crate) fn send(&mut self, day: u32, on: &dyn Fn(usize) -> bool) -> f64 {
        let mut room = self.line_gb;
        let mut sent = 0.0;
        for number in 0..PACKS {
            for index in 0..self.links.len() {
                let keeper_on = on(self.links[index].keeper);
                let Some(copy) = copy_of(&mut self.packs[number], index) else { continue };
                if copy.state != CopyState::Pending || !keeper_on || !self.own[number] {
                    continue;
                }
                let step = room.min(PACK_GB - self.sent_gb);
                room -= step;
                sent += step;
                self.sent_gb += step;
                if self.sent_gb < PACK_GB {
                    return sent;
                }
                self.sent_gb = 0.0;
                copy.state = CopyState::Proven;
                copy.proven_ms = Some(at(day));
                self.links[index].real[number] = true;
                self.links[index].found_day[number] = None;
                self.calm = false;
            }
        }
        sent
    }

    /// Fetches what is missing at home, as far as the line goes today; true when the last of it came.
    pub(crate) fn fetch(&mut self, on: &dyn Fn(usize) -> bool) -> bool {
        let mut room = self.line_gb * 3.0;
        for number in 0..PACKS {
            let there = self.links.iter().any(|link| link.real[number] && on(link.keeper));
            if self.own[number] || !there {
                continue;
            }
            room -= PACK_GB;
            self.own[number] = room > -PACK_GB;
            self.calm = false;
        }
        let whole = self.own.iter().all(|own| *own);
        let came = self.restoring && whole;
        self.restoring &= !whole;
        came
    }

    /// In how many other homes the thinnest of its packs really is.
    pub(crate) fn thinnest(&self) -> usize {
        let homes = |pack: usize| self.links.iter().filter(|link| link.real[pack]).count();
        (0..PACKS).map(homes).min().unwrap_or(0)
    }

    fn copy(&mut self, pack: &PackId, target: TargetId) -> Option<&mut PackCopy> {
        let pack = self.packs.iter_mut().find(|one| one.pack == *pack)?;
        pack.copies.iter_mut().find(|copy| copy.target == target)
    }

    fn drop_copy(&mut self, pack: &PackId, target: TargetId) {
        let Some(number) = self.packs.iter().position(|one| one.pack == *pack) else { return };
        self.packs[number].copies.retain(|copy| copy.target != target);
        if let Some(link) = self.links.get_mut(target.0 as usize) {
            link.real[number] = false;
        }
    }
}

fn copy_of(pack: &mut PackCopies, link: usize) -> Option<&mut PackCopy> {
    pack.copies.iter_mut().find(|copy| copy.target == target(link))
}

fn target(link: usize) -> TargetId {
    TargetId(u32::try_from(link).expect("a handful of friends"))
}

fn home(number: usize) -> HouseholdId {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&(number as u64).to_le_bytes());
    HouseholdId::from_bytes(bytes)
}

fn name(household: usize, pack: usize) -> PackId {
    let mut bytes = [0; 32];
    let number = Seed::new((household * PACKS + pack) as u64).draw();
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    PackId::from_bytes(bytes)
}

/// A world's households, each with its friends.
pub(crate) fn found(experiment: &Experiment, count: usize, towns: usize, seed: &mut Seed) -> Vec<Household> {
    let draw = |end: usize, seed: &mut Seed| usize::try_from(seed.below(end as u64)).expect("below a usize");
    let one = |number: usize, seed: &mut Seed| {
        // Friends sit around a ring: the next, the one before, the second next, and so on.
        let step =
            |friend: usize| if friend.is_multiple_of(2) { friend / 2 + 1 } else { count - friend / 2 - 1 };
        let keepers: Vec<usize> =
            (0..experiment.friends).map(|friend| (number + step(friend)) % count).collect();
        let line = experiment.hazards.lines[draw(3, seed)];
        Household::new(number, &keepers, draw(towns, seed), line)
    };
    (0..count).map(|number| one(number, seed)).collect()
}

//! A few dozen households, day by day.

use heirloom_vault::policy::{CopyState, Policy, Seed};

use super::household::{Household, PACKS, found};
use super::{Experiment, Hazards, Tally, YEAR_DAYS, between, happens, lasting};

/// Households of a world.
pub(crate) const HOUSEHOLDS: usize = 20;
/// Towns of a world.
const TOWNS: usize = 6;
/// Homes of a town that a disaster takes.
const DISASTER_SHARE: f64 = 1.0 / 3.0;
/// Days that a town is dark, at least and at most.
const OUTAGE_DAYS: (f64, f64) = (1.0, 5.0);
/// A check of 64 samples a day finds one lost pack in a hundred with this probability each day: 1 − 0.99⁶⁴.
const FOUND_A_DAY: f64 = 0.474;

/// Plays one world.
pub(crate) fn play(experiment: &Experiment, years: u32, seed: u64) -> Tally {
    let mut seed = Seed::new(seed);
    let mut world = World {
        households: found(experiment, HOUSEHOLDS, TOWNS, &mut seed),
        policy: experiment.policy(),
        hazards: experiment.hazards,
        repaired_after: experiment.idealised,
        wanted: experiment.copies as usize,
        due: Vec::new(),
        tally: Tally::default(),
        seed,
    };
    if experiment.idealised.is_some() {
        world.households.iter_mut().for_each(complete);
    }
    for day in 0..years * YEAR_DAYS {
        world.day(day);
    }
    world.tally.years = HOUSEHOLDS as f64 * f64::from(years);
    world.tally
}

struct World {
    households: Vec<Household>,
    policy: Policy,
    hazards: Hazards,
    repaired_after: Option<f64>,
    wanted: usize,
    /// In the textbook's world: who is whole again on which day.
    due: Vec<(u32, usize)>,
    tally: Tally,
    seed: Seed,
}

impl World {
    fn day(&mut self, day: u32) {
        self.misfortunes(day);
        if self.repaired_after.is_some() {
            self.repair_by_the_book(day);
        } else {
            self.repair_by_the_rules(day);
        }
    }

    fn misfortunes(&mut self, day: u32) {
        for town in 0..TOWNS {
            let disaster = happens(self.hazards.disaster, &mut self.seed);
            let outage = happens(self.hazards.outage, &mut self.seed);
            let dark = between(OUTAGE_DAYS, &mut self.seed);
            for number in (0..HOUSEHOLDS).filter(|_| disaster || outage) {
                if self.households[number].town != town {
                    continue;
                }
                if outage {
                    self.households[number].off_until = self.households[number].off_until.max(day + dark);
                }
                if disaster && self.seed.unit() < DISASTER_SHARE {
                    self.lose_home(number, day);
                }
            }
        }
        for number in 0..HOUSEHOLDS {
            if happens(self.hazards.loss, &mut self.seed) {
                self.lose_home(number, day);
            }
            if happens(self.hazards.absence, &mut self.seed) {
                let until = day + lasting(self.hazards.absence_days, &mut self.seed);
                self.households[number].off_until = self.households[number].off_until.max(until);
            }
            if happens(self.hazards.silent, &mut self.seed) {
                self.lose_silently(number, day);
            }
            if happens(self.hazards.leaving, &mut self.seed) {
                // Somebody else becomes a friend in its place; what it kept is gone, and nobody was told.
                self.lose_kept(number, day);
            }
        }
    }

    /// Everything at a home is gone: its own photos, and what it keeps for others.
    fn lose_home(&mut self, number: usize, day: u32) {
        let back = day + between(self.hazards.back_days, &mut self.seed);
        let home = &mut self.households[number];
        home.own = [false; PACKS];
        home.restoring = true;
        home.off_until = home.off_until.max(back);
        home.look_again();
        self.due.push((back, number));
        self.lose_kept(number, day);
        self.count_losses(number);
    }

    fn lose_kept(&mut self, keeper: usize, day: u32) {
        for ward in 0..HOUSEHOLDS {
            let home = &mut self.households[ward];
            let Some(link) = home.links.iter_mut().find(|link| link.keeper == keeper) else { continue };
            if link.real.iter().any(|real| *real) {
                link.broken_since.get_or_insert(day);
            }
            link.real = [false; PACKS];
            self.count_losses(ward);
        }
    }

    /// One pack of one ward is gone, and nothing shows it but a check.
    fn lose_silently(&mut self, keeper: usize, day: u32) {
        let wards = 0..HOUSEHOLDS;
        let wards: Vec<usize> = wards
            .filter(|&ward| self.households[ward].links.iter().any(|link| link.keeper == keeper))
            .collect();
        let chosen = usize::try_from(self.seed.below(wards.len() as u64)).expect("below a usize");
        let Some(&ward) = wards.get(chosen) else { return };
        let pack = usize::try_from(self.seed.below(PACKS as u64)).expect("below a usize");
        let link = self.households[ward].links.iter_mut().find(|link| link.keeper == keeper);
        let Some(link) = link.filter(|link| link.real[pack]) else { return };
        let mut days = 1;
        while self.seed.unit() > FOUND_A_DAY {
            days += 1;
        }
        link.real[pack] = false;
        link.found_day[pack] = Some(day + days);
        self.tally.found_days.push(days);
        self.count_losses(ward);
    }

    fn count_losses(&mut self, number: usize) {
        if self.households[number].has_lost() {
            let settled = self.repaired_after.is_some() || self.households[number].settled;
            *(if settled { &mut self.tally.losses } else { &mut self.tally.early }) += 1;
            self.households[number].begin_anew();
            if self.repaired_after.is_some() {
                complete(&mut self.households[number]);
            }
        }
    }

    /// Whoever was lost is whole again on its day, with all that it kept.
    fn repair_by_the_book(&mut self, day: u32) {
        let due: Vec<usize> =
            self.due.iter().filter(|(when, _)| *when == day).map(|(_, number)| *number).collect();
        self.due.retain(|(when, _)| *when > day);
        for number in due.into_iter().filter(|number| !self.due.iter().any(|(_, other)| other == number)) {
            let home = &mut self.households[number];
            self.tally.restores += u64::from(home.restoring);
            home.own = [true; PACKS];
            home.restoring = false;
            let links = self.households.iter_mut().flat_map(|home| &mut home.links);
            links.filter(|link| link.keeper == number).for_each(|link| link.real = [true; PACKS]);
        }
    }

    fn repair_by_the_rules(&mut self, day: u32) {
        self.due.clear();
        let on: Vec<bool> = self.households.iter().map(|home| home.is_on(day)).collect();
        let is_on = |number: usize| on[number];
        for number in (0..HOUSEHOLDS).filter(|&number| on[number]) {
            let home = &mut self.households[number];
            home.count_absences(day, &is_on, &self.policy);
            let mut found = Vec::new();
            home.check(day, &is_on, &self.policy, &mut found);
            if home.restoring || home.own.contains(&false) {
                self.tally.restores += u64::from(home.fetch(&is_on));
            }
            let sent = home.send(day, &is_on);
            if home.settled {
                self.tally.repair_gb += sent;
            }
            let thin = home.thinnest() < self.wanted;
            home.settled |= !thin;
            self.tally.thin_days += u64::from(home.settled && thin);
            if !thin {
                let since = home.links.iter_mut().filter_map(|link| link.broken_since.take());
                self.tally.whole_again_days.extend(since.map(|since| day.saturating_sub(since)));
            }
        }
    }
}

/// Every friend has everything.
fn complete(home: &mut Household) {
    for link in &mut home.links {
        link.real = [true; PACKS];
    }
    debug_assert!(home.packs.iter().all(|pack| pack.copies.iter().all(|copy| copy.state != CopyState::Lost)));
}

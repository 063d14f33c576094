//! Years of households that keep copies for each other, in virtual time, with the rules of the program.
//!
//! Goal: say how likely it is that a photo is lost, what repair costs, and how soon a silent loss is found. Method: a
//! *world* is a few dozen households that are friends of friends. Houses burn, disks die, people travel, quarrel, and
//! share towns that are flooded or go dark; lines are slow. What is done about it is decided by
//! [`heirloom_vault::policy`] alone, as in the program. Where the assumptions are simple enough for a closed form, the
//! world is played with just those, and both results stand side by side.

pub(crate) mod audits;
pub(crate) mod household;
pub(crate) mod statistics;
pub(crate) mod world;

use heirloom_vault::policy::{DAY_MS, Policy, Seed};

/// Days of a year.
pub(crate) const YEAR_DAYS: u32 = 365;

/// What happens to homes, in events per home and year unless it says otherwise.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hazards {
    /// The home loses everything: fire, theft, flood, dead disk.
    pub(crate) loss: f64,
    /// Days until the home is back on a new computer, at least and at most.
    pub(crate) back_days: (f64, f64),
    /// The home is away: holidays, moves, a computer that is off.
    pub(crate) absence: f64,
    /// Days of an absence, on average.
    pub(crate) absence_days: f64,
    /// A disk loses one pack in a hundred without a word.
    pub(crate) silent: f64,
    /// The home goes for good, with all it keeps.
    pub(crate) leaving: f64,
    /// A town loses a third of its homes, per town and year.
    pub(crate) disaster: f64,
    /// A town is dark for some days, per town and year.
    pub(crate) outage: f64,
    /// Gigabytes that a line carries up in a day, drawn from these.
    pub(crate) lines: [f64; 3],
}

/// One experiment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Experiment {
    /// Its name in tables.
    pub(crate) name: &'static str,
    /// Homes that every pack is wanted in.
    pub(crate) copies: u32,
    /// Homes that agreed to keep.
    pub(crate) friends: usize,
    /// What happens.
    pub(crate) hazards: Hazards,
    /// Whether everything is repaired after exactly the time of the closed form, instead of by the program's rules.
    pub(crate) idealised: Option<f64>,
}

impl Experiment {
    /// The program's rules, with this many copies.
    pub(crate) fn policy(&self) -> Policy {
        Policy { copies: self.copies, ..Policy::default() }
    }

    /// What a textbook says of the loss per home and year: independent losses at rate λ, each repaired after T.
    ///
    /// Two copies in all: 2λ²T. Three: 3λ³T², when what is lost together is repaired together, and 6λ³T² when one after
    /// the other.
    pub(crate) fn closed_form(&self) -> Option<f64> {
        let years = self.idealised? / f64::from(YEAR_DAYS);
        let rate = self.hazards.loss;
        match self.copies {
            0 => Some(rate),
            1 => Some(2.0 * rate.powi(2) * years),
            2 => Some(3.0 * rate.powi(3) * years.powi(2)),
            _ => None,
        }
    }
}

/// Nothing happens but losses, repaired after `days`: the assumptions of the closed form.
pub(crate) const fn textbook(name: &'static str, copies: u32, loss: f64, days: f64) -> Experiment {
    let hazards = Hazards {
        loss,
        back_days: (days, days),
        absence: 0.0,
        absence_days: 0.0,
        silent: 0.0,
        leaving: 0.0,
        disaster: 0.0,
        outage: 0.0,
        lines: [1e9; 3],
    };
    Experiment { name, copies, friends: copies as usize, hazards, idealised: Some(days) }
}

/// Everything that happens to families, as far as we could think of it.
pub(crate) const fn lifelike(name: &'static str, copies: u32, friends: usize) -> Experiment {
    let hazards = Hazards {
        loss: 0.05,
        back_days: (3.0, 21.0),
        absence: 6.0,
        absence_days: 3.0,
        silent: 0.05,
        leaving: 0.02,
        disaster: 0.002,
        outage: 1.0,
        // 10, 40 and 100 Mbit/s, up one night of eight hours.
        lines: [36.0, 144.0, 360.0],
    };
    Experiment { name, copies, friends, hazards, idealised: None }
}

/// What an experiment showed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    /// Household-years that were played.
    pub(crate) years: f64,
    /// Households that lost at least one pack for ever, after their copies had once been complete.
    pub(crate) losses: u64,
    /// Those that lost something before the first copies were complete.
    pub(crate) early: u64,
    /// Homes that lost everything they had and got all of it back.
    pub(crate) restores: u64,
    /// Gigabytes that were sent again because of a loss or an absence.
    pub(crate) repair_gb: f64,
    /// Household-days on which something stood in fewer other homes than wanted, the first upload aside.
    pub(crate) thin_days: u64,
    /// Days from the loss of a keeper's copies until all was complete again elsewhere.
    pub(crate) whole_again_days: Vec<u32>,
    /// Days from a silent loss until a check found it.
    pub(crate) found_days: Vec<u32>,
}

impl Tally {
    /// Adds what another part of the experiment showed.
    pub(crate) fn add(&mut self, other: Self) {
        self.years += other.years;
        self.losses += other.losses;
        self.early += other.early;
        self.restores += other.restores;
        self.repair_gb += other.repair_gb;
        self.thin_days += other.thin_days;
        self.whole_again_days.extend(other.whole_again_days);
        self.found_days.extend(other.found_days);
    }
}

/// Days as the policy counts them.
pub(crate) const fn at(day: u32) -> i64 {
    day as i64 * DAY_MS
}

/// Whether something that happens so often a year happens today.
pub(crate) fn happens(rate: f64, seed: &mut Seed) -> bool {
    rate > 0.0 && seed.unit() < rate / f64::from(YEAR_DAYS)
}

/// A time with this mean, memoryless, at least a day.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "days of a few years")]
pub(crate) fn lasting(mean_days: f64, seed: &mut Seed) -> u32 {
    (-(1.0 - seed.unit()).ln() * mean_days).ceil().clamp(1.0, 1e6) as u32
}

/// A number of days between two.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "days of a few years")]
pub(crate) fn between((least, most): (f64, f64), seed: &mut Seed) -> u32 {
    (least + (most - least) * seed.unit()).round() as u32
}

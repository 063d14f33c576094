//! Plays years of households that keep copies for each other and says how likely a loss is:
//! `cargo run --release -p heirloom-vault --example simulate -- HOMES YEARS SEED [DOCS]` or `cargo xtask simulate vault`.
//! With a folder it writes `durability.md` and `images/durability.svg` there.

#![expect(clippy::print_stdout, reason = "an example talks to the person who runs it")]

#[path = "../../tests/simulate/simulation/mod.rs"]
mod simulation;

mod plot;
mod report;

use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use simulation::audits::{self, Trial};
use simulation::world::{self, HOUSEHOLDS};
use simulation::{Experiment, Tally, lifelike, textbook};

/// Trials of each size for the time to find a silent loss.
const TRIALS: u64 = 200;

/// What a loss is measured against, and what is asked of the program.
const EXPERIMENTS: [Experiment; 7] = [
    textbook("here and 1 other home, closed form's assumptions", 1, 0.05, 14.0),
    textbook("the same, losses ten times as often", 1, 0.5, 14.0),
    textbook("here and 2 other homes, losses ten times as often", 2, 0.5, 14.0),
    lifelike("here only", 0, 0),
    lifelike("here and 1 other home", 1, 3),
    lifelike("here and 2 other homes (the default), 3 friends", 2, 3),
    lifelike("here and 2 other homes, only 2 friends", 2, 2),
];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default| words.get(at).map_or(Ok(default), |word| word.parse::<u64>());
    let (Ok(homes), Ok(years), Ok(seed)) = (number(0, 10_000), number(1, 20), number(2, 1)) else {
        println!("three numbers: households, years, and a seed");
        return ExitCode::FAILURE;
    };
    let worlds = homes.div_ceil(HOUSEHOLDS as u64);
    let years = u32::try_from(years).unwrap_or(20);
    let mut results = Vec::new();
    for experiment in &EXPERIMENTS {
        let tally = everywhere(worlds, seed, &|seed| world::play(experiment, years, seed));
        let mut sum = Tally::default();
        tally.into_iter().for_each(|one| sum.add(one));
        println!("{}", report::line(experiment, &mut sum));
        results.push((experiment, sum));
    }
    let mut found = Vec::new();
    for (name, packs, one_in) in [
        ("20 GB, one pack in 100", 600_u32, 100_u32),
        ("1 TB, one pack in 100", 31_250, 100),
        ("1 TB, a single pack", 31_250, 31_250),
    ] {
        let trials: Vec<Trial> = everywhere(TRIALS, seed, &|seed| audits::lose(packs, one_in, seed));
        let found_so = report::Found::of(name, &trials);
        println!("{}", found_so.line());
        found.push(found_so);
    }
    let Some(docs) = words.get(3) else { return ExitCode::SUCCESS };
    match report::write(Path::new(docs), &mut results, &found, worlds * HOUSEHOLDS as u64, years, seed) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("could not write to {docs}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Does something for as many seeds, on all processors; the answers in the order of the seeds.
fn everywhere<T: Send>(count: u64, first: u64, work: &(dyn Fn(u64) -> T + Sync)) -> Vec<T> {
    let next = AtomicU64::new(0);
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let mut all: Vec<(u64, T)> = thread::scope(|scope| {
        let one = || {
            let mut done = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                if at >= count {
                    return done;
                }
                done.push((at, work(first.wrapping_mul(1_000_003).wrapping_add(at))));
            }
        };
        let running: Vec<_> = (0..workers).map(|_| scope.spawn(one)).collect();
        running.into_iter().flat_map(|worker| worker.join().expect("a world does not panic")).collect()
    });
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, one)| one).collect()
}

//! Plays histories of homes that share an album while everything fails that can, one per seed:
//! `cargo run --release -p heirloom-spaces --example simulate -- 100000` or `cargo xtask simulate --seeds 100000`.

#![expect(clippy::print_stdout, reason = "an example talks to the person who runs it")]

#[path = "../tests/simulate/simulation/mod.rs"]
mod simulation;

use std::{
    process::ExitCode,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Instant,
};

use simulation::Tally;

/// Words: how many seeds, the first of them, and `albums` for histories with real albums.
fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default| words.get(at).map_or(Ok(default), |word| word.parse::<u64>());
    let (Ok(count), Ok(from)) = (number(0, 1000), number(1, 0)) else {
        println!("two numbers: how many seeds, and the first of them");
        return ExitCode::FAILURE;
    };
    let albums = words.get(2).is_some_and(|word| word == "albums");
    let (next, end) = (AtomicU64::new(from), from.saturating_add(count));
    let started = Instant::now();
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let results: Vec<Result<Tally, String>> = thread::scope(|scope| {
        let running: Vec<_> = (0..workers).map(|_| scope.spawn(|| play(&next, end, albums))).collect();
        running
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|_| Err("a panic".to_owned())))
            .collect()
    });
    let mut sum = Tally::default();
    for result in results {
        match result {
            Ok(tally) => sum.add(tally),
            Err(broken) => {
                println!("{broken}");
                return ExitCode::FAILURE;
            }
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    println!("{count} histories from seed {from} in {seconds:.1} s: every promise held");
    if albums {
        println!("{} photos", sum.photos);
    } else {
        println!(
            "{} operations and {} letters by honest homes, {} of both by removed ones",
            sum.operations, sum.letters, sum.forged
        );
    }
    ExitCode::SUCCESS
}

fn play(next: &AtomicU64, end: u64, albums: bool) -> Result<Tally, String> {
    let mut sum = Tally::default();
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= end {
            return Ok(sum);
        }
        let played = if albums {
            simulation::family::run(seed).map(|photos| Tally { photos, ..Tally::default() })
        } else {
            simulation::run(seed)
        };
        match played {
            Ok(tally) => sum.add(tally),
            Err(broken) => {
                next.store(end, Ordering::Relaxed);
                let flag = if albums { "--albums" } else { "--seeds" };
                return Err(format!(
                    "seed {seed}: {broken}\ntell it again: cargo xtask simulate {flag} 1 --from {seed}"
                ));
            }
        }
    }
}

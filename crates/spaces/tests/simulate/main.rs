//! Thousands of histories of homes that share an album while everything fails that can. `cargo xtask simulate` runs more.

#[path = "simulation/mod.rs"]
mod simulation;

use simulation::Tally;

/// How many histories an ordinary test run plays, in four parts so that they can run side by side.
const SEEDS: u64 = 60;
/// How many with real albums.
const ALBUM_SEEDS: u64 = 12;

fn play(part: u64) {
    let mut sum = Tally::default();
    for seed in part * SEEDS..(part + 1) * SEEDS {
        match simulation::run(seed) {
            Ok(tally) => sum.add(tally),
            Err(broken) => {
                panic!("seed {seed}: {broken}\ntell it again: cargo xtask simulate --seeds 1 --from {seed}")
            }
        }
    }
    // A simulator in which nothing happens would hold every promise.
    assert!(sum.operations > 500 && sum.letters > 500 && sum.forged > 50, "{sum:?}");
}

#[test]
fn the_promises_hold_in_every_history_1() {
    play(0);
}

#[test]
fn the_promises_hold_in_every_history_2() {
    play(1);
}

#[test]
fn the_promises_hold_in_every_history_3() {
    play(2);
}

#[test]
fn the_promises_hold_in_every_history_4() {
    play(3);
}

#[test]
fn they_hold_with_real_albums() {
    let mut sum = Tally::default();
    for seed in 0..ALBUM_SEEDS {
        match simulation::family::run(seed) {
            Ok(photos) => sum.add(Tally { photos, ..Tally::default() }),
            Err(broken) => {
                panic!("seed {seed}: {broken}\ntell it again: cargo xtask simulate --albums 1 --from {seed}")
            }
        }
    }
    assert!(sum.photos > 20, "{sum:?}");
}

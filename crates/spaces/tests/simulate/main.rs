//! Thousands of histories of homes that share an album while everything fails that can. `cargo xtask simulate` runs more.

#[path = "simulation/mod.rs"]
mod simulation;

/// How many histories an ordinary test run plays.
const SEEDS: u64 = 1000;

#[test]
fn the_promises_hold_in_every_history() {
    for seed in 0..SEEDS {
        if let Err(broken) = simulation::run(seed) {
            panic!("seed {seed}: {broken}\ntell it again: cargo xtask simulate --seeds 1 --from {seed}");
        }
    }
}

//! A seeded sample of the simulated years; `cargo xtask simulate vault` plays them in full and writes
//! `docs/durability.md`.

mod simulation;

use simulation::statistics::{percentile, rate_between};
use simulation::{Tally, audits, lifelike, textbook, world};

fn play(experiment: &simulation::Experiment, worlds: u64, years: u32) -> Tally {
    let mut sum = Tally::default();
    (0..worlds).for_each(|seed| sum.add(world::play(experiment, years, seed)));
    sum
}

/// Where a textbook has an answer, the simulation gives the same. (One home that keeps copies; losses ten times as
/// frequent as in life, so that a sample is enough.)
#[test]
fn the_simulation_agrees_with_the_closed_form() {
    let experiment = textbook("two copies", 1, 0.5, 14.0);
    let tally = play(&experiment, 12, 20);
    let (low, high) = rate_between(tally.losses, tally.years);
    let expected = experiment.closed_form().unwrap();
    // The closed form is a first-order one; at this rate it is a few percent too high.
    assert!(
        low * 0.9 < expected && expected < high * 1.15,
        "{}: {expected} is not in {low}..{high}",
        experiment.name
    );
}

/// With no other home a loss is a loss; with two, a world of misfortunes takes nothing from anybody.
#[test]
fn two_other_homes_are_enough_for_a_sample_of_years() {
    let alone = play(&lifelike("none", 0, 0), 2, 10);
    assert!(alone.losses > 5, "houses burn in this world: {}", alone.losses);
    let tally = play(&lifelike("two", 2, 4), 10, 10);
    assert_eq!(tally.losses, 0, "in {} household-years", tally.years);
    assert!(tally.restores > 20, "and burnt ones come back: {}", tally.restores);
    assert!(tally.repair_gb > 0.0);
    let mut days = tally.whole_again_days;
    assert!(!days.is_empty() && percentile(&mut days, 95) < 60, "and all is whole again within weeks");
}

/// One lost pack in a hundred is found within eight days in 99 of 100 trials, and every pack is asked for within thirty.
#[test]
fn a_silent_loss_is_found_in_time() {
    let slow = (0..200).filter(|&seed| audits::lose(600, 100, seed).found_days > 8.0).count();
    assert!(slow <= 2, "{slow} of 200 took longer");
    for seed in 0..20 {
        let trial = audits::lose(600, 600, seed);
        assert!(trial.found_days <= 30.0);
        assert!(trial.asked_a_day < 200.0, "{} questions a day for 600 packs", trial.asked_a_day);
    }
}

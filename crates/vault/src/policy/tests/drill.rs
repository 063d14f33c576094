//! Which photos are fetched on trial, and when originals are read.

use std::collections::HashSet;

use super::*;
use crate::policy::drill::{Candidate, choose, count, is_due};
use crate::policy::scrub::{SCRUB_EARLIEST_MS, SCRUB_LATEST_MS, next_ms};

#[test]
fn a_drill_takes_one_in_a_hundred_and_at_least_two_hundred() {
    let check = |photos, expected| assert_eq!(count(photos, &Policy::default()), expected);
    check(0, 0);
    check(1, 1);
    check(150, 150);
    check(5_000, 200);
    check(20_000, 200);
    check(20_001, 201);
    check(1_000_000, 10_000);
}

#[test]
fn a_drill_is_due_every_week() {
    let policy = Policy::default();
    assert!(!is_due(NOW, NOW + 7 * DAY_MS - 1, &policy));
    assert!(is_due(NOW, NOW + 7 * DAY_MS, &policy));
    // A clock that was set back.
    assert!(!is_due(NOW, NOW - DAY_MS, &policy));
}

/// Week for week other photos, until all had their turn; then those first whose turn is longest ago.
#[test]
fn every_photo_has_its_turn() {
    let policy = Policy::default();
    let mut candidates: Vec<_> = (0..1_000).map(|photo| Candidate { photo, drilled_ms: None }).collect();
    let mut seen = HashSet::new();
    for week in 0..5_i64 {
        let chosen = choose(&candidates, &policy, week.unsigned_abs());
        assert_eq!(chosen.len(), 200);
        for photo in chosen {
            assert!(seen.insert(photo), "{photo} twice");
            candidates[usize::try_from(photo).unwrap()].drilled_ms = Some(week);
        }
    }
    let first: HashSet<i64> =
        candidates.iter().filter(|one| one.drilled_ms == Some(0)).map(|one| one.photo).collect();
    assert_eq!(choose(&candidates, &policy, 9).into_iter().collect::<HashSet<_>>(), first);
    let fresh: Vec<_> = (0..1_000).map(|photo| Candidate { photo, drilled_ms: None }).collect();
    assert_ne!(choose(&fresh, &policy, 1), choose(&fresh, &policy, 2));
    assert!(choose(&[], &policy, 1).is_empty());
}

#[test]
fn originals_are_read_again_within_25_to_35_days() {
    let mut seed = Seed::new(3);
    let after: Vec<_> = (0..1_000).map(|_| next_ms(NOW, &mut seed) - NOW).collect();
    assert!(after.iter().all(|ms| (SCRUB_EARLIEST_MS..SCRUB_LATEST_MS).contains(ms)));
    let early = after.iter().filter(|ms| **ms < 30 * DAY_MS).count();
    assert!((400..600).contains(&early), "{early}");
}

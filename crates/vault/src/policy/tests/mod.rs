//! Tests of the decisions.

mod audit;
mod drill;
mod forecast;
mod placement;
mod repair;
mod schedule;

use heirloom_identity::HouseholdId;

use super::{CopyState, DAY_MS, Holder, PackCopies, PackCopy, Policy, Seed, TargetId};
use crate::PackId;

pub(super) const NOW: i64 = 20_000 * DAY_MS;

pub(super) fn holder(number: u32, quota: u64) -> Holder {
    Holder {
        target: TargetId(number),
        household: Some(HouseholdId::from_bytes([u8::try_from(number).unwrap(); 32])),
        active: true,
        full: false,
        on: true,
        away_ms: 0,
        returned_ms: None,
        quota: Some(quota),
        used: 0,
        placed: 0,
    }
}

pub(super) fn id(number: usize) -> PackId {
    PackId::of(&number.to_le_bytes())
}

/// An original pack without copies.
pub(super) fn pack(number: usize, bytes: u32) -> PackCopies {
    PackCopies { pack: id(number), bytes, shelf: 3, copies: Vec::new() }
}

pub(super) fn copy(target: u32, state: CopyState, proven_ms: i64) -> PackCopy {
    PackCopy { target: TargetId(target), state, proven_ms: Some(proven_ms), failing: false }
}

#[test]
fn drawn_numbers_are_even_and_repeatable() {
    let mut seed = Seed::new(1);
    let drawn: Vec<u64> = (0..6_000).map(|_| seed.below(6)).collect();
    for side in 0..6 {
        let count = drawn.iter().filter(|number| **number == side).count();
        assert!((850..1150).contains(&count), "{side}: {count}");
    }
    let mut again = Seed::new(1);
    assert!(drawn.iter().all(|number| again.below(6) == *number));
    assert_eq!(again.below(0), 0);
    assert!((0..1_000).map(|_| again.unit()).all(|unit| (0.0..1.0).contains(&unit)));
}

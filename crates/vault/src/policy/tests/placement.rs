//! Where copies go.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::policy::placement::{Assignment, RESERVE_ONE_IN, SHELF_EVERYWHERE_MAX, assign};

/// Carries assignments out, so that the next question sees them.
fn carry_out(packs: &mut [PackCopies], holders: &mut [Holder], assigned: &[Assignment]) {
    for one in assigned {
        let pack = packs.iter_mut().find(|pack| pack.pack == one.pack).unwrap();
        pack.copies.push(PackCopy {
            target: one.target,
            state: CopyState::Pending,
            proven_ms: None,
            failing: false,
        });
        let holder = holders.iter_mut().find(|holder| holder.target == one.target).unwrap();
        holder.used += u64::from(pack.bytes);
        holder.placed += u64::from(pack.bytes);
    }
}

fn total(packs: &[PackCopies]) -> u64 {
    packs.iter().map(|pack| u64::from(pack.bytes)).sum()
}

fn place(packs: &mut [PackCopies], holders: &mut [Holder]) -> Vec<Assignment> {
    let assigned = assign(packs, holders, total(packs), &Policy::default());
    carry_out(packs, holders, &assigned);
    assigned
}

/// How many packs each place has.
fn counts(packs: &[PackCopies]) -> BTreeMap<u32, usize> {
    let mut counts = BTreeMap::new();
    for copy in packs.iter().flat_map(|pack| &pack.copies) {
        *counts.entry(copy.target.0).or_insert(0) += 1;
    }
    counts
}

#[test]
fn two_homes_get_everything_and_a_third_nothing() {
    let mut packs: Vec<_> = (0..50).map(|number| pack(number, 100)).collect();
    let mut holders = [holder(1, 1 << 20), holder(2, 1 << 30), holder(3, 1 << 25)];
    place(&mut packs, &mut holders);
    assert_eq!(counts(&packs), [(2, 50), (3, 50)].into(), "each could hold everything: the room decides");
    assert_eq!(place(&mut packs, &mut holders), []);
    // New packs go where the others are, even when those homes are off tonight and another has more room now.
    holders[1].on = false;
    holders[2].on = false;
    holders[0].quota = Some(1 << 40);
    packs.extend((50..60).map(|number| pack(number, 100)));
    place(&mut packs, &mut holders);
    assert_eq!(counts(&packs), [(2, 60), (3, 60)].into());
}

#[test]
fn homes_that_are_on_are_asked_first() {
    let mut packs: Vec<_> = (0..5).map(|number| pack(number, 100)).collect();
    let mut holders = [holder(1, 1 << 20), holder(2, 1 << 20), holder(3, 1 << 20)];
    holders[0].on = false;
    place(&mut packs, &mut holders);
    assert_eq!(counts(&packs), [(2, 5), (3, 5)].into());
}

#[test]
fn what_the_household_is_made_of_and_small_pictures_go_everywhere() {
    let mut packs: Vec<_> = (0..4_u8).map(|shelf| PackCopies { shelf, ..pack(shelf.into(), 100) }).collect();
    let mut holders = [holder(1, 1 << 20), holder(2, 1 << 20), holder(3, 1 << 20)];
    place(&mut packs, &mut holders);
    assert_eq!(packs.iter().map(|pack| pack.copies.len()).collect::<Vec<_>>(), [3, 3, 3, 2]);
}

#[test]
fn folders_get_everything_and_count_as_no_home() {
    let mut packs: Vec<_> = (0..10).map(|number| pack(number, 100)).collect();
    let mut holders = [holder(1, 1 << 20), holder(2, 1 << 20), holder(3, 0)];
    holders[1].household = None;
    (holders[2].household, holders[2].quota) = (None, None);
    place(&mut packs, &mut holders);
    assert_eq!(counts(&packs), [(1, 10), (2, 10), (3, 10)].into());
    assert_eq!(place(&mut packs, &mut holders), []);
}

#[test]
fn homes_without_room_for_everything_fill_evenly() {
    let mut packs: Vec<_> = (0..90).map(|number| pack(number, 100)).collect();
    let mut holders = [holder(1, 7_000), holder(2, 7_000), holder(3, 7_000), holder(4, 7_000)];
    place(&mut packs, &mut holders);
    assert_eq!(counts(&packs), [(1, 45), (2, 45), (3, 45), (4, 45)].into());
    // One home with room for all of it gets all of it; the others share the second copy.
    let mut packs: Vec<_> = (0..90).map(|number| pack(number, 100)).collect();
    let mut holders = [holder(1, 7_000), holder(2, 7_000), holder(3, 1 << 20)];
    place(&mut packs, &mut holders);
    assert_eq!(counts(&packs), [(1, 45), (2, 45), (3, 90)].into());
}

#[test]
fn the_last_twentieth_is_for_the_household() {
    let mut packs = vec![pack(0, 950), pack(1, 1), PackCopies { shelf: 0, ..pack(2, 50) }];
    let mut holders = [holder(1, 1_000)];
    place(&mut packs, &mut holders);
    assert_eq!(packs.iter().map(|pack| pack.copies.len()).collect::<Vec<_>>(), [1, 0, 1]);
}

#[test]
fn a_home_that_is_gone_is_replaced_and_one_that_left_gets_nothing() {
    let mut packs: Vec<_> = (0..5).map(|number| pack(number, 100)).collect();
    let mut holders = [holder(1, 1 << 20), holder(2, 1 << 20), holder(3, 1 << 20)];
    place(&mut packs, &mut holders);
    holders[1].away_ms = 13 * DAY_MS;
    assert_eq!(place(&mut packs, &mut holders), []);
    holders[1].away_ms = 14 * DAY_MS;
    assert_eq!(place(&mut packs, &mut holders).len(), 5);
    assert_eq!(counts(&packs), [(1, 5), (2, 5), (3, 5)].into());
    holders[0].active = false;
    assert_eq!(place(&mut packs, &mut holders), [], "nobody else is there");
    // It is back: what it has counts, nothing new is needed.
    holders[1].away_ms = 0;
    assert_eq!(place(&mut packs, &mut holders), []);
}

#[test]
fn a_full_home_is_passed_over_and_a_copy_being_deleted_does_not_count() {
    let mut packs = vec![pack(0, 100)];
    packs[0].copies = vec![copy(1, CopyState::Leaving, NOW), copy(2, CopyState::Lost, NOW)];
    let mut holders = [holder(1, 1 << 20), holder(2, 1 << 20), holder(3, 1 << 20), holder(4, 1 << 20)];
    holders[2].full = true;
    place(&mut packs, &mut holders);
    assert_eq!(counts(&packs), [(1, 1), (2, 1), (4, 1)].into());
}

/// What a full home waits for, and what a home fails to prove, goes to a third one.
#[test]
fn a_full_or_failing_home_does_not_keep_its_seat() {
    let check = |state: CopyState, full: bool, failing: bool, expected: &[(u32, usize)]| {
        let mut packs = vec![pack(0, 100)];
        let second = PackCopy { failing, ..copy(2, state, NOW) };
        packs[0].copies = vec![copy(1, CopyState::Proven, NOW), second];
        let mut holders = [holder(1, 1 << 20), holder(2, 1 << 20), holder(3, 1 << 20)];
        holders[1].full = full;
        place(&mut packs, &mut holders);
        assert_eq!(counts(&packs), expected.iter().copied().collect(), "{state:?} {full} {failing}");
        assert_eq!(place(&mut packs, &mut holders), []);
    };
    let (two, three) = ([(1, 1), (2, 1)], [(1, 1), (2, 1), (3, 1)]);
    check(CopyState::Pending, false, false, &two);
    check(CopyState::Pending, true, false, &three);
    check(CopyState::Sent, true, false, &two);
    check(CopyState::Proven, true, false, &two);
    check(CopyState::Lost, false, false, &two);
    check(CopyState::Lost, false, true, &three);
    check(CopyState::Sent, false, true, &three);
}

prop_compose! {
    fn any_holder()(
        number in 1..7_u32, household in proptest::option::weighted(0.85, 1..5_u8), active in proptest::bool::weighted(0.9),
        full in proptest::bool::weighted(0.1), on in any::<bool>(), days in 0..16_i64, quota in proptest::option::of(0..4_000_u64),
        used in 0..1_500_u64,
    ) -> Holder {
        let household = household.map(|number| HouseholdId::from_bytes([number; 32]));
        Holder { household, active, full, on, away_ms: days * DAY_MS, quota, used, placed: used, ..holder(number, 0) }
    }
}

fn any_scene() -> impl Strategy<Value = (Vec<PackCopies>, Vec<Holder>)> {
    let holders = proptest::collection::vec(any_holder(), 0..6).prop_map(|holders| {
        let mut known = BTreeSet::new();
        holders.into_iter().filter(|holder| known.insert(holder.target)).collect::<Vec<_>>()
    });
    let packs = proptest::collection::vec(
        (0..4_u8, 1..300_u32, proptest::collection::btree_map(1..7_u32, 0..5_u8, 0..3)),
        0..25,
    );
    (packs, holders).prop_map(|(packs, holders)| {
        let packs = packs.into_iter().enumerate().map(|(number, (shelf, bytes, copies))| {
            let states =
                [CopyState::Pending, CopyState::Sent, CopyState::Proven, CopyState::Lost, CopyState::Leaving];
            let known =
                copies.into_iter().filter(|(target, _)| holders.iter().any(|one| one.target.0 == *target));
            let copies = known.map(|(target, state)| copy(target, states[usize::from(state)], NOW)).collect();
            PackCopies { shelf, copies, ..pack(number, bytes) }
        });
        (packs.collect(), holders)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn copies_stand_apart_within_quotas_and_stay((mut packs, mut holders) in any_scene()) {
        let policy = Policy::default();
        let before = holders.clone();
        let earlier = packs.clone();
        let assigned = place(&mut packs, &mut holders);
        for (old, new) in before.iter().zip(&holders) {
            // Nothing beyond a quota, nothing at places that take nothing.
            let took = new.used - old.used;
            if let Some(quota) = old.quota && took > 0 {
                prop_assert!(new.used <= quota);
                let household: u64 = assigned.iter().filter(|one| one.target == old.target)
                    .map(|one| packs.iter().find(|pack| pack.pack == one.pack).unwrap())
                    .filter(|pack| pack.shelf == 0).map(|pack| u64::from(pack.bytes)).sum();
                prop_assert!(new.used - household <= quota - quota / RESERVE_ONE_IN || took == household);
            }
            let gone = old.household.is_some() && old.away_ms >= policy.replace_ms;
            prop_assert!(took == 0 || (old.active && !old.full && !gone));
        }
        for (old, pack) in earlier.iter().zip(&packs) {
            prop_assert_eq!(&pack.copies[..old.copies.len()], &old.copies[..], "what is placed stays");
            let targets: BTreeSet<_> = pack.copies.iter().map(|copy| copy.target).collect();
            prop_assert_eq!(targets.len(), pack.copies.len(), "a place has one copy");
            let new: Vec<_> = pack.copies[old.copies.len()..].iter()
                .filter_map(|copy| holders.iter().find(|holder| holder.target == copy.target)?.household).collect();
            let homes: BTreeSet<_> = new.iter().collect();
            prop_assert_eq!(homes.len(), new.len(), "two new copies are never in one home");
            let counted: BTreeSet<_> = old.copies.iter().filter(|copy| copy.state != CopyState::Leaving)
                .filter_map(|copy| holders.iter().find(|holder| holder.target == copy.target))
                .filter(|holder| holder.counts(&policy)).filter_map(|holder| holder.household).collect();
            prop_assert!(homes.iter().all(|home| !counted.contains(home)), "nor beside an old one");
            let waits = |copy: &PackCopy| matches!(copy.state, CopyState::Pending | CopyState::Lost);
            let counted: BTreeSet<_> = old.copies.iter().filter(|copy| copy.state != CopyState::Leaving)
                .filter_map(|copy| Some((copy, holders.iter().find(|holder| holder.target == copy.target)?)))
                .filter(|(copy, holder)| holder.counts(&policy) && !(holder.full && waits(copy)))
                .filter_map(|(_, holder)| holder.household).collect();
            prop_assert!(pack.shelf <= SHELF_EVERYWHERE_MAX || new.is_empty() || counted.len() + new.len() <= 2, "no more than wanted");
        }
        prop_assert_eq!(place(&mut packs, &mut holders), []);
    }
}

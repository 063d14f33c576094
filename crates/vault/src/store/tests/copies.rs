//! Copies: sending, proving, losing, deleting.

use super::*;
use crate::policy::audit::Outcome;
use crate::policy::{CopyState, PackCopy};
use crate::store::Reported;

#[test]
fn the_household_goes_first_then_small_pictures_then_the_newest_originals() {
    let store = fixture();
    let anna = store.keeper(1);
    // The engine packs the newest photos first, and newer ones may come later.
    store.note(&[1, 2, 3, 4]);
    let middle = store.packed("middle", BlobKind::Original, &["original 3".to_owned()]);
    let oldest =
        store.packed("oldest", BlobKind::Original, &["original 1".to_owned(), "original 2".to_owned()]);
    let newest = store.packed("newest", BlobKind::Original, &["original 4".to_owned()]);
    let preview = store.packed("preview", BlobKind::Preview, &["preview 1".to_owned()]);
    let thumbnail = store.packed("thumbnail", BlobKind::Thumbnail, &["thumbnail 1".to_owned()]);
    let table = store.packed("table", BlobKind::Table, &["table".to_owned()]);
    let all = [middle, oldest, newest, preview, thumbnail, table];
    store.place(anna, &all);
    let pending =
        |limit| store.pending_for(anna, limit).unwrap().iter().map(|pack| pack.id).collect::<Vec<_>>();
    assert_eq!(pending(10), [table, thumbnail, preview, newest, middle, oldest]);
    assert_eq!(pending(2), [table, thumbnail]);
    store.mark_sent(anna, &[thumbnail], NOW).unwrap();
    assert_eq!(pending(2), [table, preview]);
    assert_eq!(store.awaited_of(&all).unwrap().len(), 6);
    store.prove(anna, &all, NOW);
    assert_eq!(store.awaited_of(&all).unwrap(), []);
    assert_eq!(pending(10), []);
}

fn state(store: &Fixture, pack: PackId, target: TargetId) -> Option<PackCopy> {
    let packs = store.pack_copies().unwrap();
    let copies = packs.into_iter().find(|copies| copies.pack == pack)?.copies;
    copies.into_iter().find(|copy| copy.target == target)
}

#[test]
fn a_copy_goes_through_its_life() {
    let store = fixture();
    let (anna, ben) = (store.keeper(1), store.keeper(2));
    let pack = store.packed("pack", BlobKind::Original, &["a".to_owned()]);
    let check = |expected: Option<(CopyState, Option<i64>)>| {
        let copy = state(&store, pack, anna).map(|copy| (copy.state, copy.proven_ms));
        assert_eq!(copy, expected);
    };
    check(None);
    // Only what is to be there can be sent, proven or lost.
    store.mark_proven(anna, &[pack], NOW).unwrap();
    check(None);
    store.place(anna, &[pack]);
    check(Some((CopyState::Pending, None)));
    store.mark_lost(anna, &[pack], NOW).unwrap();
    check(Some((CopyState::Pending, None)));
    store.mark_sent(anna, &[pack], NOW).unwrap();
    check(Some((CopyState::Sent, None)));
    assert_eq!(store.unproven_at(anna, 10).unwrap()[0].id, pack);
    assert_eq!(store.holders(&pack).unwrap(), []);
    store.mark_proven(anna, &[pack], NOW).unwrap();
    check(Some((CopyState::Proven, Some(NOW))));
    // A proof now counts though the clock was ahead at the one before, and assigning again changes nothing.
    store.mark_proven(anna, &[pack], NOW + 3_650 * DAY_MS).unwrap();
    store.mark_proven(anna, &[pack], NOW).unwrap();
    store.place(anna, &[pack]);
    check(Some((CopyState::Proven, Some(NOW))));
    assert_eq!(store.holders(&pack).unwrap(), [(anna, NOW)]);
    store.mark_lost(anna, &[pack], NOW).unwrap();
    check(Some((CopyState::Lost, Some(NOW))));
    assert_eq!(store.holders(&pack).unwrap(), []);
    assert_eq!(store.held_at(anna).unwrap(), []);
    store.resend(anna, &[pack], NOW).unwrap();
    check(Some((CopyState::Pending, Some(NOW))));
    store.prove(anna, &[pack], NOW + 7);
    check(Some((CopyState::Proven, Some(NOW + 7))));
    assert_eq!(state(&store, pack, ben), None);
    store.trim(anna, &[pack], NOW).unwrap();
    store.mark_proven(anna, &[pack], NOW + 8).unwrap();
    assert_eq!(state(&store, pack, anna).unwrap().state, CopyState::Leaving);
    // It goes only while two other homes have it and are known to be able to find it.
    let clara = store.keeper(3);
    assert_eq!(store.deletable(anna, 10).unwrap(), []);
    store.prove(ben, &[pack], NOW);
    store.prove(clara, &[pack], NOW);
    assert_eq!(state(&store, pack, anna).unwrap().state, CopyState::Sent, "they were not enough");
    store.trim(anna, &[pack], NOW).unwrap();
    assert_eq!(store.deletable(anna, 10).unwrap(), []);
    store.head(1, &[pack]);
    store.head_to(ben, 1, NOW);
    store.head_to(clara, 1, NOW);
    assert_eq!(store.deletable(anna, 10).unwrap(), [pack]);
    store.assign(&[]).unwrap();
    assert_eq!(state(&store, pack, anna).unwrap().state, CopyState::Leaving);
    store.mark_lost(clara, &[pack], NOW).unwrap();
    assert_eq!(store.deletable(anna, 10).unwrap(), []);
    store.assign(&[]).unwrap();
    assert_eq!(state(&store, pack, anna).unwrap().state, CopyState::Sent, "it may be the last but one");
    store.mark_proven(clara, &[pack], NOW).unwrap();
    store.trim(anna, &[pack], NOW).unwrap();
    assert_eq!(store.deletable(anna, 10).unwrap(), [pack]);
    store.mark_gone(anna, &[pack]).unwrap();
    check(None);
    assert!(store.has(&blob("a")).unwrap(), "the pack stays part of the vault");
}

#[test]
fn a_copy_that_is_not_made_good_while_its_place_is_on_fails() {
    let store = fixture();
    let anna = store.keeper(1);
    let pack = store.packed("pack", BlobKind::Original, &["a".to_owned()]);
    let check = |day: i64, failing: bool| {
        store.target_seen(anna, Reported::default(), &Policy::default(), NOW + day * DAY_MS).unwrap();
        assert_eq!(state(&store, pack, anna).unwrap().failing, failing, "{day}");
    };
    store.place(anna, &[pack]);
    check(9, false);
    store.mark_sent(anna, &[pack], NOW).unwrap();
    check(4, false);
    check(5, true);
    store.mark_proven(anna, &[pack], NOW).unwrap();
    check(9, false);
    // It takes the pack and loses it, again and again.
    for day in 10..14 {
        store.mark_lost(anna, &[pack], NOW + day * DAY_MS).unwrap();
        check(day, false);
        store.resend(anna, &[pack], NOW).unwrap();
        store.mark_sent(anna, &[pack], NOW + day * DAY_MS).unwrap();
    }
    check(15, true);
}

#[test]
fn what_a_place_lists_is_to_be_proved_not_sent_again() {
    let store = fixture();
    let anna = store.keeper(1);
    let there = store.packed("there", BlobKind::Original, &["a".to_owned()]);
    let proven = store.packed("proven", BlobKind::Original, &["b".to_owned()]);
    let pending = store.packed("pending", BlobKind::Original, &["c".to_owned()]);
    store.prove(anna, &[proven], NOW);
    store.place(anna, &[pending]);
    store.found_at(anna, &[there, proven, pending, PackId::of(b"stranger")], NOW + 1).unwrap();
    let states: Vec<_> = [there, proven, pending].map(|pack| state(&store, pack, anna).unwrap().state).into();
    assert_eq!(states, [CopyState::Sent, CopyState::Proven, CopyState::Sent]);
    assert_eq!(store.pending_for(anna, 10).unwrap(), []);
}

#[test]
fn an_audit_is_counted_by_day_and_says_what_is_newly_lost() {
    let store = fixture();
    let anna = store.keeper(1);
    let packs: Vec<_> = (0..5)
        .map(|number| store.packed(&number.to_string(), BlobKind::Original, &[number.to_string()]))
        .collect();
    store.prove(anna, &packs, NOW - 9);
    let outcomes = [
        (packs[0], Outcome::Ok),
        (packs[1], Outcome::Wrong),
        (packs[2], Outcome::Missing),
        (packs[3], Outcome::Offline),
        (packs[4], Outcome::DiskAbsent),
    ];
    assert_eq!(store.record_audit(anna, &outcomes, NOW).unwrap(), [packs[1], packs[2]]);
    let states: Vec<_> = packs.iter().map(|pack| state(&store, *pack, anna).unwrap()).collect();
    let expected = [
        (CopyState::Proven, NOW),
        (CopyState::Lost, NOW - 9),
        (CopyState::Lost, NOW - 9),
        (CopyState::Proven, NOW - 9),
        (CopyState::Proven, NOW - 9),
    ];
    for (copy, (state, proven)) in states.iter().zip(expected) {
        assert_eq!((copy.state, copy.proven_ms), (state, Some(proven)));
    }
    // The same losses once more are no news.
    assert_eq!(store.record_audit(anna, &outcomes, NOW + 1).unwrap(), []);
    let days = store.audit_days(NOW, 10).unwrap();
    assert_eq!(days.len(), 1);
    let counts = days[0].counts;
    assert_eq!((days[0].day, counts.ok, counts.wrong, counts.missing), (20_000, 2, 2, 2));
    assert_eq!((counts.offline, counts.disk_absent, counts.busy), (2, 2, 0));
    store.record_audit(anna, &[(packs[0], Outcome::Busy)], NOW + DAY_MS).unwrap();
    assert_eq!(store.audit_days(NOW + DAY_MS, 10).unwrap().len(), 1);
    assert_eq!(store.audit_days(NOW, 10).unwrap()[0].day, 20_001);
}

#[test]
fn what_is_placed_is_counted_by_place() {
    let store = fixture();
    let (anna, ben) = (store.keeper(1), store.keeper(2));
    let packs = store.photos("some", &[1]);
    store.place(anna, &packs);
    store.prove(ben, &packs[..1], NOW);
    let placed = store.placed().unwrap();
    assert_eq!((placed[&anna].packs, placed[&anna].bytes), (3, 3 * 65_536));
    assert_eq!(placed[&ben].packs, 1);
    store.remove_target(anna).unwrap();
    assert!(!store.placed().unwrap().contains_key(&anna));
}

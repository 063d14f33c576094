//! What is sent again, what may go.

use super::*;
use crate::policy::repair::{Absence, Action, absence, plan};

#[test]
fn an_absence_is_mentioned_then_an_alarm_then_final() {
    let check = |days: i64, expected| assert_eq!(absence(days * DAY_MS, &Policy::default()), expected);
    check(0, Absence::Short);
    check(2, Absence::Short);
    check(3, Absence::Warned);
    check(4, Absence::Warned);
    check(5, Absence::Alarmed);
    check(13, Absence::Alarmed);
    check(14, Absence::Replaced);
}

/// One pack with these copies at homes 1 to 4, of which some have little room.
fn check(copies: &[PackCopy], change: impl Fn(&mut [Holder]), expected: &[Action]) {
    let pack = PackCopies { copies: copies.to_vec(), ..pack(0, 100) };
    let mut holders: Vec<_> = (1..5).map(|number| holder(number, 10_000)).collect();
    change(&mut holders);
    assert_eq!(plan(&[pack], &holders, &Policy::default(), NOW), expected);
}

fn resend(target: u32) -> Action {
    Action::Resend { pack: id(0), target: TargetId(target) }
}

fn trim(target: u32) -> Action {
    Action::Trim { pack: id(0), target: TargetId(target) }
}

fn proven(target: u32) -> PackCopy {
    copy(target, CopyState::Proven, NOW - DAY_MS)
}

#[test]
fn a_bad_copy_is_sent_again_at_once_unless_the_home_takes_nothing() {
    let copies = [proven(1), copy(2, CopyState::Lost, NOW)];
    check(&copies, |_| (), &[resend(2)]);
    check(&copies, |holders| holders[1].active = false, &[]);
}

#[test]
fn a_copy_too_many_goes_only_from_homes_with_little_room() {
    let copies = [proven(1), proven(2), proven(3)];
    check(&copies, |_| (), &[]);
    check(&copies, |holders| holders[2].used = 9_000, &[trim(3)]);
    check(&copies, |holders| holders[2].full = true, &[trim(3)]);
    // Two of them have little room: only one copy is too many.
    let little = |holders: &mut [Holder]| (holders[1].used, holders[2].used) = (9_000, 9_000);
    check(&copies, little, &[trim(2)]);
    check(&copies[..2], |holders| holders[1].full = true, &[]);
}

#[test]
fn a_home_that_is_left_keeps_its_copies_until_two_others_proved_theirs() {
    let leave = |holders: &mut [Holder]| holders[0].active = false;
    check(&[proven(1), proven(2)], leave, &[]);
    check(&[proven(1), proven(2), copy(3, CopyState::Sent, NOW)], leave, &[]);
    check(&[proven(1), proven(2), copy(3, CopyState::Proven, NOW - 31 * DAY_MS)], leave, &[]);
    check(&[proven(1), proven(2), proven(3)], leave, &[trim(1)]);
    check(&[copy(1, CopyState::Leaving, NOW), proven(2), proven(3)], leave, &[]);
}

/// A home was away and replaced; now it is back. Nothing is taken away because of copies that it has not proved since.
#[test]
fn a_returning_home_is_counted_again_before_anything_goes() {
    let returned = |holders: &mut [Holder]| {
        holders[0].returned_ms = Some(NOW - 2 * DAY_MS);
        holders[2].full = true;
    };
    let before = copy(1, CopyState::Proven, NOW - 3 * DAY_MS);
    check(&[before, proven(2), proven(3)], returned, &[]);
    check(&[proven(1), proven(2), proven(3)], returned, &[trim(3)]);
    // A home that is away just now is not relied on either.
    let away = |holders: &mut [Holder]| {
        holders[0].away_ms = 3 * DAY_MS;
        holders[2].full = true;
    };
    check(&[proven(1), proven(2), proven(3)], away, &[]);
}

/// The clock was ahead once: what was noted then is neither a proof nor a return.
#[test]
fn a_moment_that_is_yet_to_come_counts_as_never() {
    let full = |holders: &mut [Holder]| holders[2].full = true;
    let future = NOW + 3_650 * DAY_MS;
    check(&[copy(1, CopyState::Proven, future), proven(2), proven(3)], full, &[]);
    let returned = |holders: &mut [Holder]| {
        full(holders);
        holders[0].returned_ms = Some(future);
    };
    check(&[proven(1), proven(2), proven(3)], returned, &[trim(3)]);
    let policy = Policy::default();
    assert!(crate::policy::drill::is_due(future, NOW, &policy));
    assert!(!crate::policy::drill::is_due(NOW + DAY_MS / 2, NOW, &policy));
    let held = crate::policy::audit::Held { pack: id(0), bytes: 65_536, proven_ms: Some(future) };
    let when = crate::policy::audit::When { now_ms: NOW, since_last_ms: 0, recount_before_ms: None };
    assert_eq!(crate::policy::audit::plan(&[held], &when, &policy, 1).len(), 1, "it is asked for at once");
}

#[test]
fn folders_are_never_trimmed_and_never_relied_on() {
    let folder = |holders: &mut [Holder]| {
        holders[0].household = None;
        holders[0].full = true;
        holders[2].full = true;
    };
    check(&[proven(1), proven(2), proven(3)], folder, &[]);
    check(&[proven(1), proven(2), proven(3), proven(4)], folder, &[trim(3)]);
}

#[test]
fn what_every_home_has_stays_everywhere() {
    let packs = [PackCopies { shelf: 0, copies: vec![proven(1), proven(2), proven(3)], ..pack(0, 100) }];
    let mut holders: Vec<_> = (1..4).map(|number| holder(number, 10_000)).collect();
    holders[2].full = true;
    assert_eq!(plan(&packs, &holders, &Policy::default(), NOW), []);
    holders[2].active = false;
    assert_eq!(plan(&packs, &holders, &Policy::default(), NOW), [trim(3)]);
}

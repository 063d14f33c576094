//! What is checked when, and what an answer means.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::policy::audit::{Held, Outcome, PICKS_MAX, When, judge, plan};
use crate::proof::{Challenge, group_count, outboard, prove};
use crate::{Answer, TargetError};

fn held(count: usize, proven_ms: impl Fn(usize) -> Option<i64>) -> Vec<Held> {
    (0..count)
        .map(|number| Held { pack: id(number), bytes: 32 << 20, proven_ms: proven_ms(number) })
        .collect()
}

const fn daily(now_ms: i64) -> When {
    When { now_ms, since_last_ms: DAY_MS, recount_before_ms: None }
}

#[test]
fn a_small_vault_is_checked_wholly_every_day_and_a_large_one_a_little() {
    let policy = Policy::default();
    let all = held(10, |_| Some(NOW - DAY_MS));
    let picks = plan(&all, &daily(NOW), &policy, 1);
    assert_eq!(picks.len(), 10);
    let many = held(30_000, |number| Some(NOW - (number as i64 % 24) * DAY_MS));
    let picks = plan(&many, &daily(NOW), &policy, 1);
    // One in 24 for the round, 64 by chance.
    assert_eq!(picks.len(), 30_000 / 24 + 64);
    for pick in &picks {
        assert!(pick.group < group_count(pick.bytes));
    }
    // An hour's part of it.
    let hourly = When { since_last_ms: DAY_MS / 24, ..daily(NOW) };
    let picks = plan(&many, &hourly, &policy, 1).len();
    assert!((53..=56).contains(&picks), "{picks}");
    assert_eq!(plan(&[], &daily(NOW), &policy, 1), []);
}

#[test]
fn what_is_due_or_to_be_counted_again_is_asked_for_at_once() {
    let policy = Policy::default();
    let now = When { now_ms: NOW, since_last_ms: 0, recount_before_ms: None };
    let mixed = held(1_000, |number| if number < 300 { None } else { Some(NOW - DAY_MS) });
    assert_eq!(plan(&mixed, &now, &policy, 1).len(), 300, "never proved");
    let again = When { recount_before_ms: Some(NOW), ..now };
    assert_eq!(plan(&mixed, &again, &policy, 1).len(), 1_000);
    let many = held(PICKS_MAX + 100, |_| None);
    assert_eq!(plan(&many, &now, &policy, 1).len(), PICKS_MAX);
}

#[test]
fn the_longest_unproven_are_likelier_and_the_seed_decides() {
    let policy = Policy { audit_within_ms: 3_000 * DAY_MS, ..Policy::default() };
    let all = held(2_000, |number| Some(NOW - if number < 1_000 { 30 } else { 1 } * DAY_MS));
    let mut old = 0;
    let mut picks = 0;
    for seed in 0..40 {
        let plan = plan(&all, &daily(NOW), &policy, seed);
        let young: std::collections::HashSet<_> = (1_000..2_000).map(id).collect();
        old += plan.iter().filter(|pick| !young.contains(&pick.pack)).count();
        picks += plan.len();
    }
    assert!(old * 100 > picks * 85, "{old} of {picks}");
    assert_eq!(plan(&all, &daily(NOW), &policy, 7), plan(&all, &daily(NOW), &policy, 7));
    assert_ne!(plan(&all, &daily(NOW), &policy, 7), plan(&all, &daily(NOW), &policy, 8));
}

/// Audits a vault of `count` packs for some days and says the longest time that any pack went unproven.
fn longest_unproven(count: usize, step_ms: i64, days: i64, seed: u64) -> i64 {
    let policy = Policy::default();
    let mut seeds = Seed::new(seed);
    let mut proven: Vec<i64> = vec![NOW; count];
    let index: HashMap<PackId, usize> = (0..count).map(|number| (id(number), number)).collect();
    let mut longest = 0;
    let mut now = NOW;
    while now < NOW + days * DAY_MS {
        now += step_ms;
        longest = longest.max(now - proven.iter().min().unwrap());
        let held = held(count, |number| Some(proven[number]));
        let when = When { now_ms: now, since_last_ms: step_ms, recount_before_ms: None };
        for pick in plan(&held, &when, &policy, seeds.draw()) {
            proven[index[&pick.pack]] = now;
        }
    }
    longest
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Whatever the vault's size and however often the audit runs, up to once a day.
    #[test]
    fn every_pack_is_checked_within_thirty_days(count in 1..1_500_usize, hours in 4..25_i64, seed in any::<u64>()) {
        let longest = longest_unproven(count, hours * DAY_MS / 24, 70, seed);
        prop_assert!(longest <= 30 * DAY_MS, "{count} packs, every {hours} h: {} days", longest / DAY_MS);
    }
}

/// 1 − 0.99ⁿ: how many samples find a loss of one part in a hundred with 99 %, and in how many days.
#[test]
fn a_loss_of_one_in_a_hundred_is_found_within_eight_days() {
    let samples = (0.01_f64.ln() / 0.99_f64.ln()).ceil();
    assert_eq!(samples, 459.0);
    let days = (samples / f64::from(Policy::default().samples_per_day)).ceil();
    assert_eq!(days, 8.0);
    assert!(1.0 - 0.99_f64.powi(64 * 8) > 0.99);

    // The same, played: a home loses one pack in a hundred, freshly audited ones included, and is found out. The vault is
    // so large that the samples matter and the round hardly does.
    let policy = Policy { audit_within_ms: 3_000 * DAY_MS, ..Policy::default() };
    let (packs, games) = (4_000, 120);
    let mut found = 0;
    for game in 0..games {
        let mut seeds = Seed::new(game);
        let lost: std::collections::HashSet<PackId> =
            (0..packs / 100).map(|_| id(usize::try_from(seeds.below(packs as u64)).unwrap())).collect();
        let ages: Vec<i64> =
            (0..packs).map(|_| NOW - i64::try_from(seeds.below(30)).unwrap() * DAY_MS).collect();
        let held = held(packs, |number| Some(ages[number]));
        let caught = (0..8).any(|day| {
            let picks = plan(&held, &daily(NOW + day * DAY_MS), &policy, seeds.draw());
            picks.iter().any(|pick| lost.contains(&pick.pack))
        });
        found += u32::from(caught);
    }
    // 99 % of 120 are 119; three standard deviations below are 115.
    assert!(found >= 115, "{found} of {games}");
}

#[test]
fn only_wrong_and_missing_are_losses() {
    let bytes: Vec<u8> = (0..40_000_u32).flat_map(u32::to_le_bytes).collect();
    let length = u32::try_from(bytes.len()).unwrap();
    let challenge = Challenge { pack: PackId::of(&bytes), bytes: length, group: 3 };
    let (_, tree) = outboard(&bytes);
    let answer = |challenge: &Challenge| {
        let range = challenge.range();
        let [start, end] = [range.start, range.end].map(|at| usize::try_from(at).unwrap());
        prove(challenge, &bytes[start..end], &tree).unwrap()
    };
    let good = answer(&challenge);
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let other = answer(&Challenge { group: 4, ..challenge });
    let check = |answer: Result<Answer, TargetError>, expected: Outcome| {
        let outcome = judge(&challenge, answer.as_ref());
        assert_eq!(outcome, expected, "{answer:?}");
        assert_eq!(outcome.is_loss(), matches!(expected, Outcome::Wrong | Outcome::Missing));
    };
    check(Ok(Answer::Proof(good.clone())), Outcome::Ok);
    check(Ok(Answer::Proof(flipped)), Outcome::Wrong);
    check(Ok(Answer::Proof(other)), Outcome::Wrong);
    check(Ok(Answer::Proof(good[..good.len() - 1].to_vec())), Outcome::Wrong);
    check(Ok(Answer::Proof(Vec::new())), Outcome::Wrong);
    check(Ok(Answer::Missing), Outcome::Missing);
    check(Ok(Answer::DiskAbsent), Outcome::DiskAbsent);
    check(Ok(Answer::Busy), Outcome::Busy);
    check(Err(TargetError::DiskAbsent), Outcome::DiskAbsent);
    check(Err(TargetError::Busy), Outcome::Busy);
    for error in [TargetError::Offline, TargetError::Missing, TargetError::Refused(String::new())] {
        check(Err(error), Outcome::Offline);
    }
}

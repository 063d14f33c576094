//! What each place is asked to prove, and what its answers mean.
//!
//! Two things run side by side. A *round* asks for one group of every pack, the longest unproven first, at such a pace
//! that nobody can hold a pack for [`Policy::audit_within_ms`] without having proved it. On top come *samples* that nobody
//! can foresee, [`Policy::samples_per_day`] a day: whoever lost one byte in a hundred is found out within 460 of them with
//! 99 % probability (1 − 0.99⁴⁶⁰), which is a bit more than a week.

use std::collections::HashSet;

use super::{DAY_MS, Policy, Seed, past};
use crate::proof::{Challenge, group_count, verify};
use crate::{Answer, PackId, TargetError};

/// Questions of one plan; what is left comes in the next one.
pub const PICKS_MAX: usize = 16 * 1024;
/// A round is planned to end so much earlier than it has to.
const ROUND_SLACK: f64 = 0.8;
/// A pack that was not proved for so much of [`Policy::audit_within_ms`] is asked for at once.
const DUE_SHARE: f64 = 0.9;

/// A copy that a place said it has, as the audit sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// The pack.
    pub pack: PackId,
    /// Its size.
    pub bytes: u32,
    /// When it was last proved there; `None`: never.
    pub proven_ms: Option<i64>,
}

/// What came of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// It was proved.
    Ok,
    /// The answer proves nothing: the copy is damaged, or made up.
    Wrong,
    /// The disk is there and the pack is not.
    Missing,
    /// The place could not be reached, or the connection broke.
    Offline,
    /// The place was reached, and its disk is not there.
    DiskAbsent,
    /// The place has no time.
    Busy,
}

impl Outcome {
    /// Whether the copy is lost. Silence is never a loss, and neither is a disk that is not plugged in.
    #[must_use]
    pub const fn is_loss(self) -> bool {
        matches!(self, Self::Wrong | Self::Missing)
    }
}

/// What an answer means. `Err`: there was none.
#[must_use]
pub fn judge(challenge: &Challenge, answer: Result<&Answer, &TargetError>) -> Outcome {
    match answer {
        Ok(Answer::Proof(proof)) if verify(challenge, proof) => Outcome::Ok,
        Ok(Answer::Proof(_)) => Outcome::Wrong,
        Ok(Answer::Missing) => Outcome::Missing,
        Ok(Answer::DiskAbsent) | Err(TargetError::DiskAbsent) => Outcome::DiskAbsent,
        Ok(Answer::Busy) | Err(TargetError::Busy) => Outcome::Busy,
        // Whatever else went wrong was not an answer to the question: nothing is known.
        Err(_) => Outcome::Offline,
    }
}

/// When and how much a place is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct When {
    /// Now, milliseconds since the Unix epoch, UTC.
    pub now_ms: i64,
    /// How long ago this place was last asked by a plan; at most a day counts.
    pub since_last_ms: i64,
    /// Copies proved before this are asked for at once: the place was away, and is to be counted again.
    pub recount_before_ms: Option<i64>,
}

/// The questions for one place now. Every pack that is due, the next ones of the round, and unforeseeable samples.
#[must_use]
pub fn plan(held: &[Held], when: &When, policy: &Policy, seed: u64) -> Vec<Challenge> {
    let mut seed = Seed::new(seed);
    let mut order: Vec<(i64, u64, usize)> =
        held.iter().enumerate().map(|(index, one)| (proven(one, when), seed.draw(), index)).collect();
    // The longest unproven first; among equals, nobody knows.
    order.sort_unstable();
    let due_before = due_before(when, policy);
    let due = order.iter().take_while(|(proven_ms, ..)| *proven_ms < due_before).count();
    let pace = pace(held.len(), when, policy, seed.unit());
    let mut picked: Vec<usize> =
        order.iter().take(due.max(pace).min(PICKS_MAX)).map(|(.., index)| *index).collect();
    let samples = samples(when, policy, seed.unit());
    sample(&order, when, samples, &mut seed, &mut picked);
    picked.into_iter().map(|index| pick(&held[index], &mut seed)).collect()
}

fn proven(held: &Held, when: &When) -> i64 {
    past(held.proven_ms, when.now_ms).unwrap_or(i64::MIN)
}

fn due_before(when: &When, policy: &Policy) -> i64 {
    let due = when.now_ms - part(policy.audit_within_ms, DUE_SHARE);
    past(when.recount_before_ms, when.now_ms).map_or(due, |before| due.max(before))
}

/// How many packs of the round belong to the time since the last plan. A fraction is one more with that probability.
fn pace(held: usize, when: &When, policy: &Policy, chance: f64) -> usize {
    let round_ms = part(policy.audit_within_ms, ROUND_SLACK).max(1);
    share(held, since(when), round_ms, chance)
}

fn samples(when: &When, policy: &Policy, chance: f64) -> usize {
    share(policy.samples_per_day as usize, since(when), DAY_MS, chance)
}

fn since(when: &When) -> i64 {
    if when.since_last_ms < -DAY_MS {
        // The last plan was made by a clock that was ahead.
        return DAY_MS;
    }
    when.since_last_ms.clamp(0, DAY_MS)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a share of a count of packs, far below 2^52"
)]
fn share(of: usize, part_ms: i64, whole_ms: i64, chance: f64) -> usize {
    (of as f64 * part_ms as f64 / whole_ms as f64 + chance).floor() as usize
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "milliseconds, far below 2^52"
)]
fn part(of_ms: i64, share: f64) -> i64 {
    (of_ms as f64 * share) as i64
}

/// Draws copies that are not picked yet, a copy twice as long unproven twice as likely, and a larger pack no likelier:
/// packs are of one size but for the small ones.
fn sample(order: &[(i64, u64, usize)], when: &When, count: usize, seed: &mut Seed, picked: &mut Vec<usize>) {
    let known: HashSet<usize> = picked.iter().copied().collect();
    let mut keyed: Vec<(f64, usize)> = order
        .iter()
        .filter(|(.., index)| !known.contains(index))
        .map(|(proven_ms, _, index)| (key(when.now_ms.saturating_sub(*proven_ms), seed), *index))
        .collect();
    let count = count.min(keyed.len());
    if count == 0 {
        return;
    }
    keyed.select_nth_unstable_by(count - 1, |a, b| a.0.total_cmp(&b.0));
    picked.extend(keyed[..count].iter().map(|(_, index)| *index));
}

/// Efraimidis and Spirakis 2006: the smallest of −ln(u)/weight are a weighted sample without repetition.
#[expect(clippy::cast_precision_loss, reason = "a weight need not be exact")]
fn key(age_ms: i64, seed: &mut Seed) -> f64 {
    let weight = age_ms.clamp(0, 365 * DAY_MS).saturating_add(DAY_MS) as f64;
    -(1.0 - seed.unit()).ln() / weight
}

fn pick(held: &Held, seed: &mut Seed) -> Challenge {
    let group = seed.below(u64::from(group_count(held.bytes)));
    Challenge { pack: held.pack, bytes: held.bytes, group: u32::try_from(group).unwrap_or(0) }
}

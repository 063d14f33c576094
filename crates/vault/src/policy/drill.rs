//! Which photos a drill fetches back: a small restore whose result is compared with what is here.

use super::{Policy, Seed, past};

/// A photo that a drill may choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Its number in the vault's store.
    pub photo: i64,
    /// When a drill last fetched it, milliseconds since the Unix epoch, UTC.
    pub drilled_ms: Option<i64>,
}

/// Whether a drill is due. `last_ms`: the last one, or when there was first something to drill. One that is yet to come
/// was noted by a clock that was ahead.
#[must_use]
pub fn is_due(last_ms: i64, now_ms: i64, policy: &Policy) -> bool {
    past(Some(last_ms), now_ms).is_none_or(|last_ms| now_ms.saturating_sub(last_ms) >= policy.drill_every_ms)
}

/// How many photos a drill takes of so many.
#[must_use]
pub fn count(photos: usize, policy: &Policy) -> usize {
    let part = photos.div_ceil(policy.drill_one_in.max(1) as usize);
    part.max(policy.drill_least as usize).min(photos)
}

/// Chooses photos of a drill: those that no drill fetched yet, then those it is longest ago for; among equals by chance.
#[must_use]
pub fn choose(candidates: &[Candidate], policy: &Policy, seed: u64) -> Vec<i64> {
    let mut seed = Seed::new(seed);
    let mut order: Vec<_> = candidates.iter().map(|one| (one.drilled_ms, seed.draw(), one.photo)).collect();
    let count = count(order.len(), policy);
    if count == 0 {
        return Vec::new();
    }
    order.select_nth_unstable(count - 1);
    order.truncate(count);
    order.into_iter().map(|(.., photo)| photo).collect()
}

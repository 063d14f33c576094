//! How fast the photos grow, and when a home that keeps copies will be full.

use super::DAY_MS;

/// Days of a month, on average.
const MONTH_MS: i64 = 30 * DAY_MS + 10 * DAY_MS / 24;
/// Days that are looked back.
pub const LOOK_BACK_DAYS: i64 = 91;
/// Days below which nothing is said.
const LEAST_DAYS: i64 = 14;
/// Days of a step whose growth is one value.
const STEP_DAYS: i64 = 7;
/// A forecast that far ahead says nothing.
const FULL_WITHIN_MS: i64 = 10 * 365 * DAY_MS;

/// What there was at the end of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day {
    /// Days since the Unix epoch.
    pub day: i64,
    /// Photos.
    pub photos: u64,
    /// Bytes.
    pub bytes: u64,
}

/// The day that a moment is in.
#[must_use]
pub const fn day_of(ms: i64) -> i64 {
    ms.div_euclid(DAY_MS)
}

/// Bytes a month, from the last three months; `None` while too little is known.
///
/// The best week counts as much as the second best: somebody who brings in the photos of ten years does so once.
#[must_use]
pub fn bytes_per_month(days: &[Day]) -> Option<u64> {
    let last = days.iter().max_by_key(|one| one.day)?;
    let first_day = days.iter().map(|one| one.day).min()?.max(last.day - LOOK_BACK_DAYS);
    let known = last.day - first_day;
    if known < LEAST_DAYS {
        return None;
    }
    let steps = known / STEP_DAYS;
    let mut grown: Vec<u64> = (0..steps)
        .map(|step| {
            let end = last.day - step * STEP_DAYS;
            at(days, end).saturating_sub(at(days, end - STEP_DAYS))
        })
        .collect();
    grown.sort_unstable();
    if let [.., second, best] = grown.as_mut_slice() {
        *best = *second;
    }
    let weeks = u64::try_from(grown.len()).ok().filter(|weeks| *weeks > 0)?;
    let total: u128 = grown.iter().map(|bytes| u128::from(*bytes)).sum();
    let month = total * u128::from(MONTH_MS.unsigned_abs())
        / (u128::from(weeks) * u128::from((STEP_DAYS * DAY_MS).unsigned_abs()));
    u64::try_from(month).ok()
}

/// What there was at the end of a day: what the last day before it that is known says.
fn at(days: &[Day], day: i64) -> u64 {
    let known = days.iter().filter(|one| one.day <= day).max_by_key(|one| one.day);
    known.or_else(|| days.iter().min_by_key(|one| one.day)).map_or(0, |one| one.bytes)
}

/// When so much room is used up, milliseconds since the Unix epoch, UTC; `None`: not within ten years.
#[must_use]
pub fn full_at_ms(room: u64, bytes_per_month: u64, now_ms: i64) -> Option<i64> {
    if room == 0 {
        return Some(now_ms);
    }
    if bytes_per_month == 0 {
        return None;
    }
    let ms = u128::from(room) * u128::from(MONTH_MS.unsigned_abs()) / u128::from(bytes_per_month);
    i64::try_from(ms).ok().filter(|ms| *ms <= FULL_WITHIN_MS).map(|ms| now_ms.saturating_add(ms))
}

//! When an original here is read again from its first byte to its last.

use super::{DAY_MS, Seed};

/// The earliest that an original is read again.
pub const SCRUB_EARLIEST_MS: i64 = 25 * DAY_MS;
/// The latest.
pub const SCRUB_LATEST_MS: i64 = 35 * DAY_MS;

/// When an original that is whole now is to be read again: at a moment between 25 and 35 days from now that the seed
/// chooses, so that what came on one day is not all read on one day.
#[must_use]
pub fn next_ms(now_ms: i64, seed: &mut Seed) -> i64 {
    let window = u64::try_from(SCRUB_LATEST_MS - SCRUB_EARLIEST_MS).unwrap_or(0);
    let extra = i64::try_from(seed.below(window)).unwrap_or(0);
    now_ms.saturating_add(SCRUB_EARLIEST_MS).saturating_add(extra)
}

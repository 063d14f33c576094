//! The system's clock, in the unit that everything here uses.

use std::fs::Metadata;
use std::time::{SystemTime, UNIX_EPOCH};

/// Now, in milliseconds since the Unix epoch, UTC.
pub fn now_ms() -> i64 {
    to_ms(SystemTime::now())
}

/// A file's modified time in milliseconds since the Unix epoch, UTC; 0 where the system has none.
pub fn modified_ms(meta: &Metadata) -> i64 {
    meta.modified().map_or(0, to_ms)
}

/// A file's modified time in nanoseconds since the Unix epoch, UTC; 0 where the system has none.
pub fn modified_ns(meta: &Metadata) -> i64 {
    let modified = meta.modified().ok();
    let since = modified.map(|at| {
        at.duration_since(UNIX_EPOCH).map_or_else(
            |before| -i128::try_from(before.duration().as_nanos()).unwrap_or(0),
            |after| i128::try_from(after.as_nanos()).unwrap_or(0),
        )
    });
    since.and_then(|ns| i64::try_from(ns).ok()).unwrap_or(0)
}

fn to_ms(at: SystemTime) -> i64 {
    match at.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
    }
}

/// The month of a moment, as yyyymm, UTC.
pub fn month_of(ms: i64) -> i32 {
    let at = jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let at = at.to_zoned(jiff::tz::TimeZone::UTC);
    i32::from(at.year()) * 100 + i32::from(at.month())
}

//! When copies may leave this network.

use jiff::tz::TimeZone;

use crate::home::Home;

/// Whether it is an hour in which copies may leave, by this machine's clock.
pub(super) fn is_hour(home: &Home, now_ms: i64) -> bool {
    let at = jiff::Timestamp::from_millisecond(now_ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let at = at.to_zoned(TimeZone::system());
    let minute = i16::from(at.hour()) * 60 + i16::from(at.minute());
    home.config.vault_hours.allow(u16::try_from(minute).unwrap_or(0))
}

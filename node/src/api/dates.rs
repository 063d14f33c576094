//! Times at the edge: milliseconds inside, ISO 8601 outside.

use heirloom_catalog::calendar::{LOCAL_MS_MAX, LOCAL_MS_MIN};
use heirloom_spaces::TakenMark;
use jiff::SignedDuration;
use jiff::civil::date;
use jiff::fmt::temporal::Pieces;

/// A moment as `2024-05-01T12:00:00.000Z`; times outside the years 1 to 9999 count as the nearest inside.
pub fn iso(ms: i64) -> String {
    let since = SignedDuration::from_millis(ms.clamp(LOCAL_MS_MIN, LOCAL_MS_MAX));
    let epoch = date(1970, 1, 1).at(0, 0, 0, 0);
    epoch.saturating_add(since).strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// A zone as Immich's clients show it: `UTC`, `UTC+2`, `UTC-3:30`.
pub fn zone(offset_minutes: i32) -> String {
    let sign = if offset_minutes < 0 { '-' } else { '+' };
    match (offset_minutes.abs() / 60, offset_minutes.abs() % 60) {
        (0, 0) => "UTC".to_owned(),
        (hours, 0) => format!("UTC{sign}{hours}"),
        (hours, minutes) => format!("UTC{sign}{hours}:{minutes:02}"),
    }
}

/// Reads a capture time: what the wall clock showed, and its zone if the text names one (`Z` is UTC).
pub fn taken(text: &str) -> Option<TakenMark> {
    let pieces = Pieces::parse(text.trim()).ok()?;
    let time = pieces.time().unwrap_or(jiff::civil::Time::midnight());
    let local = pieces.date().to_datetime(time).duration_since(date(1970, 1, 1).at(0, 0, 0, 0));
    let local_ms = i64::try_from(local.as_millis()).ok()?;
    let offset_minutes = pieces.to_numeric_offset().map(|offset| offset.seconds() / 60);
    Some(TakenMark { local_ms, offset_minutes })
}

/// Reads a moment: ISO 8601 (UTC when no zone is named) or milliseconds since the Unix epoch.
pub fn moment_ms(text: &str) -> Option<i64> {
    if let Ok(ms) = text.trim().parse::<i64>() {
        return Some(ms);
    }
    let TakenMark { local_ms, offset_minutes } = taken(text)?;
    Some(local_ms - i64::from(offset_minutes.unwrap_or(0)) * 60_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_out() {
        assert_eq!(iso(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(iso(1_714_557_600_123), "2024-05-01T10:00:00.123Z");
        assert_eq!(iso(-1), "1969-12-31T23:59:59.999Z");
        assert_eq!(iso(i64::MAX), "9999-12-31T23:59:59.999Z");
        assert_eq!(iso(i64::MIN), "0001-01-01T00:00:00.000Z");
    }

    #[test]
    fn zones() {
        let check = |minutes, text: &str| assert_eq!(zone(minutes), text);
        check(0, "UTC");
        check(120, "UTC+2");
        check(-210, "UTC-3:30");
        check(-30, "UTC-0:30");
    }

    #[test]
    fn times_in() {
        let check = |text: &str, local: &str, offset: Option<i32>| {
            let read = taken(text).map(|taken| (iso(taken.local_ms), taken.offset_minutes));
            assert_eq!(read, Some((local.to_owned(), offset)), "{text}");
        };
        check("2024-05-01T12:00:00.000+02:00", "2024-05-01T12:00:00.000Z", Some(120));
        check("2024-05-01T12:00:00Z", "2024-05-01T12:00:00.000Z", Some(0));
        check("2024-05-01T12:00:00", "2024-05-01T12:00:00.000Z", None);
        check("2024-05-01", "2024-05-01T00:00:00.000Z", None);
        for text in ["", "yesterday", "2024-13-01", "2024-05-01T25:00:00Z"] {
            assert_eq!(taken(text), None, "{text}");
        }
    }

    #[test]
    fn moments_in() {
        assert_eq!(moment_ms("1714557600123"), Some(1_714_557_600_123));
        assert_eq!(moment_ms("2024-05-01T12:00:00.123+02:00"), Some(1_714_557_600_123));
        assert_eq!(moment_ms("2024-05-01T10:00:00.123"), Some(1_714_557_600_123));
        assert_eq!(moment_ms("soon"), None);
    }
}

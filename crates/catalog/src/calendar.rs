//! Months and days of local capture times.
//!
//! A local time is what a clock on the wall showed where the photo was taken, in milliseconds as if that
//! clock had shown UTC. A month is the number `yyyymm` inside and the text `yyyy-mm` at the edges.

/// 0001-01-01T00:00:00.000, the earliest time the timeline can show.
pub const LOCAL_MS_MIN: i64 = -62_135_596_800_000;
/// 9999-12-31T23:59:59.999, the latest time the timeline can show.
pub const LOCAL_MS_MAX: i64 = 253_402_300_799_999;

const DAY_MS: i64 = 86_400_000;

/// The month `yyyymm` of a local time; times outside the years 1 to 9999 count as the nearest one inside.
#[must_use]
pub fn month_of(local_ms: i64) -> i32 {
    let (year, month, _) = civil(local_ms);
    small(year * 100 + month)
}

/// The day of the month, from 1, of a local time.
#[must_use]
pub fn day_of(local_ms: i64) -> u8 {
    let (_, _, day) = civil(local_ms);
    u8::try_from(day).expect("a day of the month is at most 31")
}

/// The local time at which a month begins.
#[must_use]
pub fn month_start_ms(month: i32) -> i64 {
    days_before(i64::from(month / 100), i64::from(month % 100), 1) * DAY_MS
}

/// A month as `yyyy-mm`.
#[must_use]
pub fn month_text(month: i32) -> String {
    format!("{:04}-{:02}", month / 100, month % 100)
}

/// Reads `yyyy-mm`; `None` for any other text and for months that do not exist.
#[must_use]
pub fn month_from_text(text: &str) -> Option<i32> {
    let (year, month) = text.split_once('-')?;
    let digits = |text: &str, len| text.len() == len && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(year, 4) || !digits(month, 2) {
        return None;
    }
    let (year, month): (i32, i32) = (year.parse().ok()?, month.parse().ok()?);
    (year >= 1 && (1..=12).contains(&month)).then_some(year * 100 + month)
}

/// Year, month and day of a local time: Howard Hinnant's `civil_from_days`.
fn civil(local_ms: i64) -> (i64, i64, i64) {
    let days = local_ms.clamp(LOCAL_MS_MIN, LOCAL_MS_MAX).div_euclid(DAY_MS) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Days from 1970-01-01 to a date: Howard Hinnant's `days_from_civil`.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn small(value: i64) -> i32 {
    i32::try_from(value).expect("a month of the years 1 to 9999 is below a million")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(local_ms: i64, month: i32, day: u8) {
        assert_eq!((month_of(local_ms), day_of(local_ms)), (month, day), "{local_ms}");
    }

    #[test]
    fn known_days() {
        check(0, 197_001, 1);
        check(-1, 196_912, 31);
        check(1_709_164_800_000, 202_402, 29);
        check(1_717_199_999_999, 202_405, 31);
        check(LOCAL_MS_MIN, 101, 1);
        check(LOCAL_MS_MAX, 999_912, 31);
        check(i64::MIN, 101, 1);
        check(i64::MAX, 999_912, 31);
    }

    #[test]
    fn months_as_text() {
        assert_eq!(month_text(202_405), "2024-05");
        assert_eq!(month_from_text("2024-05"), Some(202_405));
        for text in ["", "2024", "2024-13", "2024-00", "24-05", "2024-5", "0000-01", "+024-05", "2024-05-01"]
        {
            assert_eq!(month_from_text(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_time_lies_in_its_month(local_ms in LOCAL_MS_MIN..=LOCAL_MS_MAX) {
            let month = month_of(local_ms);
            let start = month_start_ms(month);
            prop_assert!(start <= local_ms);
            prop_assert_eq!(month_of(start), month);
            prop_assert_eq!(day_of(start), 1);
            prop_assert_eq!((local_ms - start) / DAY_MS + 1, i64::from(day_of(local_ms)));
            prop_assert_eq!(month_from_text(&month_text(month)), Some(month));
        }
    }
}

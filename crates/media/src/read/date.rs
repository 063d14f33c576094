//! When a picture was taken, out of the many fields that may say so.

use super::fields::{Fields, Part, Value};
use crate::Taken;

/// A date field, and where its fraction of a second and its offset from UTC stand.
struct Clock {
    part: Part,
    date: u16,
    fraction: u16,
    offset: u16,
}

/// The date fields, the most trustworthy first: taken, digitised, changed.
const CLOCKS: [Clock; 3] = [
    Clock { part: Part::Exif, date: 0x9003, fraction: 0x9291, offset: 0x9011 },
    Clock { part: Part::Exif, date: 0x9004, fraction: 0x9292, offset: 0x9012 },
    Clock { part: Part::Main, date: 0x0132, fraction: 0x9290, offset: 0x9010 },
];

/// The GPS time of day, UTC, and its date.
const GPS_TIME: u16 = 0x0007;
const GPS_DATE: u16 = 0x001D;

/// The year of the first photograph; no picture is older.
const YEAR_MIN: i64 = 1826;
/// No camera's clock is right when it shows more.
const YEAR_MAX: i64 = 2200;
const DAY_SECONDS: i64 = 86_400;

/// When the picture was taken; `None` where no field holds a possible date.
pub(crate) fn taken(fields: &Fields) -> Option<Taken> {
    CLOCKS.iter().find_map(|clock| {
        let seconds = match fields.get(clock.part, clock.date)? {
            Value::Clock(seconds) => possible(*seconds)?,
            Value::Text(text) => parse(text)?.seconds,
            Value::Numbers(_) => return None,
        };
        let milliseconds =
            fields.text(Part::Exif, clock.fraction).and_then(|text| fraction(&text)).unwrap_or(0);
        let written = fields.text(Part::Exif, clock.offset).and_then(|text| offset(&text));
        let offset_minutes = written.or_else(|| offset_from_gps(fields, seconds));
        Some(Taken { local_ms: seconds * 1000 + milliseconds, offset_minutes })
    })
}

/// A date as parsed from text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parsed {
    /// Seconds since 1970 of the wall clock, as if it showed UTC.
    pub(crate) seconds: i64,
    /// The fraction, in milliseconds.
    pub(crate) milliseconds: i64,
    /// The offset from UTC, if the text ends with one.
    pub(crate) offset_minutes: Option<i32>,
}

/// Reads `2024:05:12 18:03:59` and its relatives: other separators, no seconds, no time, a fraction, an offset.
///
/// `None` for anything that is no date of the calendar, such as `0000:00:00 00:00:00`.
pub(crate) fn parse(text: &str) -> Option<Parsed> {
    let text = text.trim_matches(['\0', ' ']);
    let mut numbers = [0_i64; 6];
    let mut rest = text;
    let mut count = 0;
    for (index, number) in numbers.iter_mut().enumerate() {
        let digits = rest.bytes().take(if index == 0 { 4 } else { 2 }).take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            break;
        }
        *number = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        count = index + 1;
        let separators: &[char] = if index < 2 { &[':', '-', '/', '.'] } else { &[':', ' ', 'T'] };
        if index == 5 || (index > 2 && !rest.starts_with(':')) {
            break;
        }
        let Some(next) = rest.strip_prefix(separators) else { break };
        rest = next.trim_start();
    }
    let [year, month, day, hour, minute, second] = numbers;
    // A date without a time is one; a date without a day is not.
    if count < 3 || count == 4 || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let days = days_since_1970(year, month, day)?;
    let seconds = possible(days * DAY_SECONDS + hour * 3600 + minute * 60 + second.min(59))?;
    let digits = rest.strip_prefix('.').map_or(0, |tail| tail.bytes().take_while(u8::is_ascii_digit).count());
    let milliseconds = if digits > 0 { fraction(&rest[1..=digits])? } else { 0 };
    let tail = if digits > 0 { &rest[1 + digits..] } else { rest };
    Some(Parsed { seconds, milliseconds, offset_minutes: offset(tail) })
}

/// The given seconds, if their year is one in which pictures were taken.
fn possible(seconds: i64) -> Option<i64> {
    let first = days_since_1970(YEAR_MIN, 1, 1)? * DAY_SECONDS;
    let end = days_since_1970(YEAR_MAX + 1, 1, 1)? * DAY_SECONDS;
    (first..end).contains(&seconds).then_some(seconds)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar; `None` if there is no such date.
///
/// The count of days before a month follows Howard Hinnant's `days_from_civil`.
fn days_since_1970(year: i64, month: i64, day: i64) -> Option<i64> {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let month_days = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if year < 1 || !(1..=month_days).contains(&day) {
        return None;
    }
    // Years begin in March here, so that the leap day is a year's last.
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468)
}

/// A fraction of a second such as `5`, `50` or `500123`, in milliseconds.
fn fraction(text: &str) -> Option<i64> {
    let digits: String = text.trim().chars().take_while(char::is_ascii_digit).take(3).collect();
    if digits.is_empty() { None } else { format!("{digits:0<3}").parse().ok() }
}

/// An offset such as `+02:00`, `-0330` or `Z`, in minutes.
fn offset(text: &str) -> Option<i32> {
    let text = text.trim_matches(['\0', ' ']);
    if text == "Z" {
        return Some(0);
    }
    let (sign, rest) = match text.as_bytes().first()? {
        b'+' => (1, &text[1..]),
        b'-' => (-1, &text[1..]),
        _ => return None,
    };
    let digits: String = rest.chars().filter(|character| *character != ':').collect();
    if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes): (i32, i32) = (digits[..2].parse().ok()?, digits[2..].parse().ok()?);
    let offset = sign * (hours * 60 + minutes);
    (minutes < 60 && (-12 * 60..=14 * 60).contains(&offset)).then_some(offset)
}

/// The offset that lies between the wall clock and the GPS time, if that is a plausible one.
///
/// Offsets are whole quarters of an hour. GPS time is that of the last fix, so a minute and a half may be missing;
/// anything else says nothing about the zone.
fn offset_from_gps(fields: &Fields, local_seconds: i64) -> Option<i32> {
    let date = parse(&fields.text(Part::Gps, GPS_DATE)?)?.seconds.div_euclid(DAY_SECONDS) * DAY_SECONDS;
    let [hours, minutes, seconds] = fields.numbers(Part::Gps, GPS_TIME)? else { return None };
    let time = hours * 3600.0 + minutes * 60.0 + seconds;
    if !(0.0..86_401.0).contains(&time) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "within a day, checked the line before")]
    let ahead = local_seconds - date - time as i64;
    let quarters = (ahead + 450).div_euclid(900);
    let is_close = (ahead - quarters * 900).abs() <= 90;
    let minutes = i32::try_from(quarters * 15).ok()?;
    (is_close && (-12 * 60..=14 * 60).contains(&minutes)).then_some(minutes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<(i64, i64, Option<i32>)>) {
        let parsed = parse(text).map(|date| (date.seconds, date.milliseconds, date.offset_minutes));
        assert_eq!(parsed, expected, "{text}");
    }

    #[test]
    fn dates_of_many_writers_are_read() {
        check("1970:01:01 00:00:00", Some((0, 0, None)));
        check("2024:05:12 18:03:59", Some((1_715_537_039, 0, None)));
        check("2024-05-12T18:03:59.5+02:00", Some((1_715_537_039, 500, Some(120))));
        check("2024:05:12 18:03:59.123456Z", Some((1_715_537_039, 123, Some(0))));
        check("2024/05/12 18:03", Some((1_715_536_980, 0, None)));
        check("2024:02:29", Some((1_709_164_800, 0, None)));
        check("1826:01:01 00:00:00", Some((-4_544_208_000, 0, None)));
        check("2016:12:31 23:59:60", Some((1_483_228_799, 0, None)));
    }

    #[test]
    fn absurd_dates_are_none() {
        for text in [
            "",
            "0000:00:00 00:00:00",
            "    :  :     :  :  ",
            "1825:12:31 23:59:59",
            "2201:01:01 00:00:00",
            "2023:02:29 10:00:00",
            "2024:13:01 10:00:00",
            "2024:05:12 24:00:00",
            "2024:05:12 10:60:00",
            "2024:05",
            "yesterday",
            "Ünicode",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn offsets_are_read_or_refused() {
        let cases = [("+02:00", Some(120)), ("-03:30", Some(-210)), ("Z", Some(0)), ("+1400", Some(840))];
        for (text, expected) in cases {
            assert_eq!(offset(text), expected, "{text}");
        }
        for text in ["", "02:00", "+15:00", "+02:75", "+2", "-é"] {
            assert_eq!(offset(text), None, "{text}");
        }
    }

    #[test]
    fn every_day_of_the_calendar_follows_the_one_before() {
        let mut expected = days_since_1970(1826, 1, 1).unwrap();
        for year in 1826..2201 {
            for month in 1..=12 {
                for day in 1..=31 {
                    if let Some(days) = days_since_1970(year, month, day) {
                        assert_eq!(days, expected, "{year}-{month}-{day}");
                        expected += 1;
                    }
                }
            }
        }
        assert_eq!(days_since_1970(2000, 3, 1), Some(11_017));
    }
}

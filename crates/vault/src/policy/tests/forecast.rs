//! Growth.

use super::*;
use crate::policy::forecast::{Day, bytes_per_month, day_of, full_at_ms};

fn days(bytes: impl Fn(i64) -> u64, days: std::ops::Range<i64>) -> Vec<Day> {
    days.map(|day| Day { day: 1_000 + day, photos: 0, bytes: bytes(day) }).collect()
}

fn check(days: &[Day], expected: Option<u64>) {
    assert_eq!(bytes_per_month(days), expected);
}

#[test]
fn steady_growth_is_told_from_one_large_import() {
    check(&[], None);
    check(&days(|day| day.unsigned_abs() * 100, 0..10), None);
    // A hundred bytes a day are 3,041 a month.
    check(&days(|day| day.unsigned_abs() * 100, 0..92), Some(3_041));
    let import = |day: i64| day.unsigned_abs() * 100 + if day > 40 { 1 << 40 } else { 0 };
    check(&days(import, 0..92), Some(3_041));
    check(&days(|_| 5_000, 0..92), Some(0));
    // Less than there was: somebody tidied up.
    check(&days(|day| 100_000 - day.unsigned_abs() * 10, 0..92), Some(0));
}

#[test]
fn days_on_which_nothing_was_noted_change_nothing() {
    let sparse: Vec<_> =
        days(|day| day.unsigned_abs() * 100, 0..92).into_iter().filter(|one| one.day % 7 == 0).collect();
    let month = bytes_per_month(&sparse).unwrap();
    assert!((2_900..3_200).contains(&month), "{month}");
}

#[test]
fn a_home_is_full_when_its_room_is_used_up() {
    let month = 30 * DAY_MS + 10 * DAY_MS / 24;
    assert_eq!(full_at_ms(1_000, 500, NOW), Some(NOW + 2 * month));
    assert_eq!(full_at_ms(0, 500, NOW), Some(NOW));
    assert_eq!(full_at_ms(1_000, 0, NOW), None);
    assert_eq!(full_at_ms(u64::MAX, 1, NOW), None);
    assert_eq!(day_of(-1), -1);
    assert_eq!(day_of(NOW + 5), 20_000);
}

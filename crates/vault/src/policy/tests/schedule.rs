//! Hours and throttles.

use proptest::prelude::*;

use crate::policy::schedule::{Hours, Throttle};

fn check(text: &str, minute: u16, allowed: bool, wait: u16) {
    let hours: Hours = text.parse().unwrap();
    assert_eq!((hours.allow(minute), hours.wait_minutes(minute)), (allowed, wait), "{text} at {minute}");
}

#[test]
fn hours_may_pass_midnight() {
    check("22:00-07:00", 22 * 60, true, 0);
    check("22:00-07:00", 3 * 60, true, 0);
    check("22:00-07:00", 7 * 60, false, 15 * 60);
    check("22:00-07:00", 21 * 60 + 59, false, 1);
    check("08:30-12:00", 8 * 60 + 30, true, 0);
    check("8:30 - 12:00", 12 * 60, false, 20 * 60 + 30);
    check("20:00-24:00", 23 * 60 + 59, true, 0);
    check("20:00-24:00", 0, false, 20 * 60);
    check("00:00-00:00", 700, true, 0);
    assert_eq!("8:30-24:00".parse::<Hours>().unwrap().to_string(), "08:30-00:00");
    assert!(Hours::ALWAYS.allow(5));
    for wrong in
        ["", "8-9", "25:00-01:00", "08:60-09:00", "08:30", "+8:30-09:00", "008:30-09:00", "24:01-02:00"]
    {
        assert!(wrong.parse::<Hours>().is_err(), "{wrong}");
    }
    assert_eq!(Hours::new(1440, 0), None);
}

#[test]
fn a_throttle_lets_a_burst_pass_and_then_its_rate() {
    let mut throttle = Throttle::new(1_000, 0);
    assert_eq!(throttle.take(2_000, 0), 0);
    assert_eq!(throttle.take(500, 0), 500);
    assert_eq!(throttle.take(500, 0), 1_000);
    assert_eq!(throttle.take(500, 1_500), 0);
    // A pause gives no more than a burst.
    assert_eq!(throttle.take(2_000, 1_000_000), 0);
    assert_eq!(throttle.take(1, 1_000_000), 1);
    // A clock that went back.
    assert_eq!(throttle.take(1_000, 0), 1_001);
    assert_eq!(Throttle::megabits(8, 0), Throttle::new(1_000_000, 0));
    assert_eq!(Throttle::new(0, 0).take(u64::MAX, 0), 0);
    let mut slow = Throttle::new(1, 0);
    assert_eq!(slow.take(u64::MAX, 0), u64::MAX, "for ever");
}

proptest! {
    /// Whoever waits as told never sends more than a burst beyond the rate, and is not slowed below it.
    #[test]
    fn the_rate_is_kept(rate in 1..10_000_u64, sizes in proptest::collection::vec(1..50_000_u64, 1..60)) {
        let mut throttle = Throttle::new(rate, 0);
        let (mut now, mut sent) = (0_i64, 0_u64);
        for size in sizes {
            now += i64::try_from(throttle.take(size, now)).unwrap();
            sent += size;
            let passed = rate * now.unsigned_abs() / 1_000;
            prop_assert!(sent <= passed + 2 * rate + 1, "{sent} after {now} ms");
        }
        let needed = sent.saturating_sub(2 * rate) * 1_000 / rate;
        prop_assert!(now.unsigned_abs() <= needed + 61, "{now} ms for {needed}");
    }
}

//! What people type and what browsers and phones send, where it has a reader of its own: amounts of space, hours, dates,
//! changes of marks, ranges of a file. Never panics, takes memory in proportion, and stays within its limits.

#![no_main]

use heirloom::api::changes::Changes;
use heirloom::api::dates::{iso, moment_ms, taken, zone};
use heirloom::api::range::{Part, asked};
use heirloom::vault::amount::{self, AMOUNT_MAX};
use heirloom_fuzzkit::bounded;
use heirloom_vault::policy::schedule::Hours;
use http::{HeaderMap, HeaderValue, header};

/// Sizes of files of which a range is asked.
const SIZES: [u64; 4] = [0, 1, 100, u64::MAX];

libfuzzer_sys::fuzz_target!(|text: &str| {
    bounded(text.as_bytes(), |_| check(text));
});

fn check(text: &str) {
    assert!(amount::parse(text).is_ok_and(|bytes| bytes <= AMOUNT_MAX) || amount::parse(text).is_err());
    if let Ok(hours) = text.parse::<Hours>() {
        assert_eq!(hours.to_string().parse(), Ok(hours));
        assert!((0..1440).all(|minute| hours.wait_minutes(minute) < 1440));
    }
    if let Some(mark) = taken(text) {
        assert!(!iso(mark.local_ms).is_empty() && !zone(mark.offset_minutes.unwrap_or(0)).is_empty());
    }
    assert!(moment_ms(text).is_none_or(|ms| !iso(ms).is_empty()));
    if let Ok(changes) = serde_json::from_str::<Changes>(text) {
        for decision in changes.decisions().into_iter().flatten() {
            assert!(decision.check().is_ok());
        }
    }
    let Ok(value) = HeaderValue::from_str(text) else { return };
    let headers: HeaderMap = [(header::RANGE, value)].into_iter().collect();
    for size in SIZES {
        match asked(&headers, size, "\"e\"") {
            Part::Bytes { first, last } => assert!(first <= last && last < size),
            Part::Whole | Part::Nothing => {}
        }
    }
}

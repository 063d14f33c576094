//! What stands in an album's documents: facts of photos, comments, keys, marks. Never panics, takes memory in proportion,
//! and has one spelling; a place between two places is between them.

#![no_main]

use std::fmt::Debug;
use std::str::FromStr;

use heirloom_fuzzkit::bounded;
use heirloom_spaces::fuzzing::{comment_again, entry_again, keys_again};
use heirloom_spaces::{Month, PlaceMark, TakenMark, order};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some(again) = bounded(bytes, entry_again) {
        assert_eq!(again, bytes);
    }
    if let Some(again) = bounded(bytes, comment_again) {
        assert_eq!(again, bytes);
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    assert!(keys_again(text).all(|again| again == text));
    check::<TakenMark>(text);
    check::<PlaceMark>(text);
    check::<Month>(text);
    if let Some((before, after)) = text.split_once('/') {
        for (before, after) in [(Some(before), Some(after)), (Some(before), None), (None, Some(after))] {
            if let Some(place) = order::between(before, after) {
                assert!(before.is_none_or(|before| before < place.as_str()));
                assert!(after.is_none_or(|after| place.as_str() < after));
            }
        }
    }
});

fn check<T: FromStr + ToString + PartialEq + Debug>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        assert_eq!(value.to_string().parse().ok(), Some(value));
    }
}

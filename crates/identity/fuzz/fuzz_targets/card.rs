//! A card from a peer: never panics, takes memory in proportion, and is written as it was read.

#![no_main]

use heirloom_fuzzkit::bounded;
use heirloom_identity::Card;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(card) = bounded(bytes, Card::decode) {
        assert_eq!(card.as_bytes(), bytes);
    }
});

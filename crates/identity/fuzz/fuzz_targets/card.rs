//! A card from a peer.

#![no_main]

use heirloom_identity::Card;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(card) = Card::decode(bytes) {
        assert_eq!(card.as_bytes(), bytes);
    }
});

//! What a stranger says while two homes pair: never panics, takes memory in proportion, and is read back as it was.

#![no_main]

use heirloom::protocols::pairing::TalkMessage;
use heirloom_fuzzkit::bounded;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some(message) = bounded(bytes, TalkMessage::decode) {
        assert_eq!(TalkMessage::decode(&message.encode()), Some(message));
    }
});

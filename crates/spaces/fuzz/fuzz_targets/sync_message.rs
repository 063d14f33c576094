//! A message about albums from a peer: never panics, takes memory in proportion, keeps its bounds, and is read back as it
//! was.

#![no_main]

use heirloom_fuzzkit::bounded;
use heirloom_spaces::SyncMessage;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(message) = bounded(bytes, SyncMessage::decode) {
        let written = message.encode();
        assert!(written.len() <= bytes.len());
        assert_eq!(SyncMessage::decode(&written), Ok(message));
    }
});

//! What a stranger says who claims to have lost a home, and what a keeper says to it: never panics, takes memory in
//! proportion, keeps its limits, and is read back as it was.

#![no_main]

use heirloom::protocols::vault::messages::{RecoveryMessage, VaultRequest};
use heirloom_fuzzkit::bounded;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some(message) = bounded(bytes, RecoveryMessage::decode) else { return };
    assert_eq!(RecoveryMessage::decode(&message.encode()).as_ref(), Some(&message));
    if let RecoveryMessage::Ask(request) = message {
        assert_eq!(VaultRequest::decode(&request.encode()), Some(request));
    }
});

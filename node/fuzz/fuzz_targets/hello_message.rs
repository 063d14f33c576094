//! The first words of every connection between two homes, and the token of a request for a file: never panics, takes memory
//! in proportion, and is read back as it was.

#![no_main]

use heirloom::protocols::content::Token;
use heirloom::protocols::hello::HelloMessage;
use heirloom_fuzzkit::bounded;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some(message) = bounded(bytes, HelloMessage::decode) {
        assert_eq!(HelloMessage::decode(&message.encode()), Some(message));
    }
    if let Some(token) = Token::decode(bytes) {
        assert_eq!(token.encode(), bytes);
    }
});

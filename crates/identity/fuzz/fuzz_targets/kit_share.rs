//! A share of a kit, as bytes and as somebody typed it from a sheet: never panics, takes memory in proportion, and both
//! spellings say the same. What a checksum in the text would keep the fuzzer from is tried as bytes.

#![no_main]

use heirloom_fuzzkit::bounded;
use heirloom_identity::KitShare;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(share) = bounded(bytes, KitShare::decode) {
        assert_eq!(**share.encode(), *bytes);
        let text = share.text();
        assert_eq!(KitShare::parse(&text.to_lowercase()), Ok(share));
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(share) = bounded(bytes, |_| KitShare::parse(text))
    {
        assert_eq!(KitShare::parse(&share.text()), Ok(share));
    }
});

//! A share of a kit, as bytes and as somebody typed it from a sheet.

#![no_main]

use heirloom_identity::KitShare;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(share) = KitShare::decode(bytes) {
        assert_eq!(**share.encode(), *bytes);
        assert_eq!(KitShare::parse(&share.text()), Ok(share));
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(share) = KitShare::parse(text)
    {
        assert_eq!(KitShare::parse(&share.text()), Ok(share));
    }
});

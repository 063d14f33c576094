//! A wrapped keyring and a sealed pointer from a keeper's head, and a keyring from the key file: never panics, takes memory
//! in proportion, and is written as it was read. The household and the keys are those of the vectors.

#![no_main]

use std::sync::LazyLock;

use heirloom_fuzzkit::bounded;
use heirloom_identity::{HouseholdId, Keyring, Root, VaultKey, WrappingKey};

static HOME: LazyLock<(HouseholdId, WrappingKey)> = LazyLock::new(|| {
    let root = Root::from_bytes(std::array::from_fn(|index| index.to_le_bytes()[0]));
    (root.authority().household(), root.wrapping())
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (household, wrapping) = &*HOME;
    if let Ok(keyring) = bounded(bytes, |bytes| Keyring::unwrap(wrapping, household, bytes)) {
        let nonce = bytes[1..25].try_into().expect("24 bytes");
        assert_eq!(keyring.wrap(wrapping, household, nonce), bytes);
    }
    if let Ok(keyring) = bounded(bytes, Keyring::from_bytes) {
        assert_eq!(**keyring.to_bytes(), *bytes);
    }
    let key = VaultKey::from_bytes(2, std::array::from_fn(|index| 0x20 + index.to_le_bytes()[0]));
    if let Ok(pointer) = bounded(bytes, |bytes| key.open_root(household, 9, bytes)) {
        let nonce = bytes[..24].try_into().expect("24 bytes");
        assert_eq!(key.seal_root(household, 9, nonce, &pointer).as_deref(), Ok(bytes));
    }
});

//! Ids, roles and names of documents as they stand in addresses and in requests: never panics, and each has one spelling.

#![no_main]

use std::fmt::Display;
use std::str::FromStr;

use heirloom_identity::{AccountId, AssetId, ContentHash, DocumentName, HouseholdId, Role, Sha1};

libfuzzer_sys::fuzz_target!(|text: &str| {
    check::<HouseholdId>(text);
    check::<ContentHash>(text);
    check::<AccountId>(text);
    check::<AssetId>(text);
    check::<Role>(text);
    if let Ok(name) = text.parse::<DocumentName>() {
        assert_eq!(name.as_str(), text);
    }
    if let Ok(hash) = Sha1::from_client(text) {
        assert_eq!(Sha1::from_client(&hash.to_base64()), Ok(hash));
    }
});

fn check<T: FromStr + Display>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        assert_eq!(value.to_string(), text);
    }
}

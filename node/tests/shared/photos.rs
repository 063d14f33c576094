//! Photos made from a number, taken in by homes.

use heirloom::clock;
use heirloom::home::Home;
use heirloom::ingest::{Incoming, Kept, keep_bytes};
use heirloom::ledger::assets::{Entry, Origin};
use heirloom::workers::derive::derive_one;
use heirloom_catalog::JobKind;
use heirloom_testkit::Photo;

/// A photo's bytes: 192 KB.
pub(crate) fn picture(seed: u32) -> Vec<u8> {
    Photo { seed, width: 320, height: 200, taken: Some("2024:05:01 12:30:00") }.png()
}

/// Takes a photo in for the home's first account.
pub(crate) fn keep(home: &Home, name: &str, bytes: Vec<u8>) -> Entry {
    let incoming = Incoming {
        account: home.ledger.accounts().unwrap()[0].id,
        given_name: name.to_owned(),
        modified_ms: clock::now_ms(),
        origin: Origin::Upload,
        source: None,
    };
    let (Kept::Added(entry) | Kept::Duplicate(entry)) = keep_bytes(home, incoming, bytes).unwrap();
    entry
}

/// Makes all pictures that are waiting to be made.
pub(crate) fn derive(home: &Home) {
    while let Some(job) = home.catalog().claim(clock::now_ms(), &[JobKind::Derive]).unwrap() {
        derive_one(home, &job);
    }
}

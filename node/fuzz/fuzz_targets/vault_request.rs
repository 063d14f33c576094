//! What a home asks of another about packs: never panics, takes memory in proportion, keeps its limits, and is read back as
//! it was.

#![no_main]

use heirloom::protocols::vault::messages::VaultRequest;
use heirloom_fuzzkit::bounded;
use heirloom_vault::pack::PACK_BYTES_MAX;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some(request) = bounded(bytes, VaultRequest::decode) else { return };
    assert_eq!(VaultRequest::decode(&request.encode()).as_ref(), Some(&request));
    match &request {
        VaultRequest::Get { from, to, .. } => assert!(from < to && *to as usize <= PACK_BYTES_MAX),
        VaultRequest::Prove(all) => assert!(all.iter().all(|one| one.range().end <= u64::from(one.bytes))),
        VaultRequest::PutHead(_) | VaultRequest::Delete(_) => assert!(!request.only_reads()),
        _ => {}
    }
});

//! A manifest's root, from a pack that somebody kept, and the pointer in a head: never panics, takes memory in proportion,
//! has one spelling, and what it says is complete.

#![no_main]

use heirloom_fuzzkit::bounded;
use heirloom_vault::{FileSnapshot, Pointer, Root};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(root) = bounded(bytes, Root::decode) {
        assert_eq!(root.encode().expect("what was read can be written").as_slice(), bytes);
        assert!(root.segments.iter().all(|segment| segment.is_complete()));
        for file in &root.files {
            assert_eq!(file.chunk_sizes().map(|(_, size)| u64::from(size)).sum::<u64>(), length(file));
        }
    }
    if let Ok(pointer) = bounded(bytes, Pointer::decode) {
        assert_eq!(pointer.encode().as_deref(), Ok(bytes));
        assert!(pointer.root.is_complete());
    }
});

fn length(file: &FileSnapshot) -> u64 {
    file.bytes
}

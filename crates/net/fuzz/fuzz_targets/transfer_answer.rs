//! A file as a peer sends it, bent, cut, lengthened or made up, in whatever pieces the network brings it: never panics, takes
//! memory in proportion, nothing but the file's own bytes reaches the disk, the true answer is taken whole, and the pieces
//! make no difference.

#![no_main]

use std::sync::LazyLock;

use heirloom_fuzzkit::bounded;
use heirloom_net::fuzzing::File;
use tempfile::TempDir;

/// Sizes of the files: none, less than a group, several groups with a last one that is short, an even tree.
const SIZES: [usize; 4] = [0, 1_000, 5 * 16_384 + 7, 4 * 16_384];

static FILES: LazyLock<(TempDir, [File; 4])> = LazyLock::new(|| {
    let memory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    let folder = memory.expect("a folder can be made");
    let files = SIZES.map(|size| {
        let bytes = (0..size).map(|place| (place / 5 % 251) as u8).collect();
        File::new(bytes, folder.path())
    });
    (folder, files)
});

/// Which file, which groups, bytes of a segment, the sizes of pieces, an answer that is made up; how the true one is bent,
/// how much of it is missing, and what follows it.
type Input<'a> = (u8, Vec<(u8, u8)>, u16, Vec<u16>, &'a [u8], Vec<(u32, u8)>, u16, &'a [u8]);

libfuzzer_sys::fuzz_target!(|input: Input<'_>| {
    let (which, groups, segment, pieces, made_up, edits, missing, more) = input;
    let file = &FILES.1[usize::from(which) % SIZES.len()];
    let right = file.answer(&groups, segment);
    let came = bounded(&right, |right| file.take(&groups, right, &pieces));
    assert!(came.is_right && came.is_done);

    let mut bent = right.clone();
    for (place, byte) in &edits {
        let place = *place as usize % bent.len();
        bent[place] ^= byte;
    }
    bent.truncate(bent.len().saturating_sub(missing.into()));
    bent.extend_from_slice(more);
    for answer in [&bent[..], made_up] {
        let came = bounded(answer, |answer| file.take(&groups, answer, &pieces));
        assert!(came.written.iter().all(|(group, bytes)| bytes == file.group(*group)));
        let at_once = file.take(&groups, answer, &[]);
        assert_eq!(came.is_right, at_once.is_right);
        assert!(!came.is_right || came == at_once);
    }
});

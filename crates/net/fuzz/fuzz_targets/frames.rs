//! Frames of a stream, in whatever pieces the network brings them: never panics, sets nothing aside for a length that was
//! only claimed, none is larger than wanted, and the pieces make no difference.

#![no_main]

use heirloom_fuzzkit::within;
use heirloom_net::fuzzing::frames;

/// Memory beside four times what arrived.
const ROOM_BYTES: usize = 64 << 10;

/// What arrives, in which pieces, and how large a frame may be.
type Input<'a> = (&'a [u8], Vec<u8>, u32);

libfuzzer_sys::fuzz_target!(|input: Input<'_>| {
    let (stream, pieces, max) = input;
    let max = max as usize;
    // An empty frame takes four bytes on the wire and 32 in memory, and twice that while the list grows.
    let room = ROOM_BYTES + 32 * stream.len();
    let (whole, fits) = within(room, || frames(stream, &pieces, max));
    assert!(whole.iter().all(|frame| frame.len() <= max));
    assert_eq!((&whole, fits), (&within(room, || frames(stream, &[255], max)).0, fits));
    let written = whole.iter().flat_map(|frame| [&(frame.len() as u32).to_le_bytes()[..], frame].concat());
    assert!(stream.iter().copied().take(stream.len()).zip(written.clone()).all(|(one, other)| one == other));
    assert!(written.count() <= stream.len());
});

//! What only fuzz targets may reach: the readers of the first bytes on a connection and on a stream.

use bytes::Bytes;

use crate::codes::{printable, shortened};
use crate::frame::{Frame, Step};
use crate::greeting::Stamp;

pub use crate::transfer::fuzzing::{File, request_again};

/// Reads a greeting and writes it again.
#[must_use]
pub fn greeting_again(bytes: &[u8; 17]) -> Option<[u8; 17]> {
    Stamp::decode(bytes).map(|stamp| stamp.encode())
}

/// Reads frames of at most `max` bytes from what arrives in pieces of these sizes, again and again; what of them is
/// whole, and whether nothing was too large.
#[must_use]
pub fn frames(mut stream: &[u8], pieces: &[u8], max: usize) -> (Vec<Bytes>, bool) {
    let (mut frame, mut whole) = (Frame::default(), Vec::new());
    let mut pieces = pieces.iter().map(|piece| usize::from(*piece) + 1).cycle();
    loop {
        match frame.step(max) {
            Ok(Step::Whole(bytes)) => whole.push(bytes),
            Ok(Step::Wants(_)) if stream.is_empty() => return (whole, true),
            Ok(Step::Wants(wanted)) => {
                let (piece, rest) = stream.split_at(wanted.min(pieces.next().unwrap_or(1)).min(stream.len()));
                frame.give(piece);
                stream = rest;
            }
            Err(_) => return (whole, false),
        }
    }
}

/// The reason of a close as it may be shown.
#[must_use]
pub fn reason(bytes: &[u8]) -> String {
    shortened(&printable(bytes)).to_owned()
}

//! One frame as it arrives, piece by piece: a length of four bytes, little-endian, then that many bytes.
//!
//! A length is checked before anything is set aside for it, and memory grows only as bytes really arrive.

use bytes::{Bytes, BytesMut};

/// Bytes of a frame's length.
const LENGTH_BYTES: usize = 4;

/// What of a frame has arrived.
#[derive(Debug)]
pub(crate) enum Frame {
    /// Less than its length.
    Length(BytesMut),
    /// Its length, and some of it.
    Body {
        /// How many bytes it has.
        length: usize,
        /// Those that are here.
        have: BytesMut,
    },
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// At most so many bytes are to be given with [`Frame::give`].
    Wants(usize),
    /// The frame is whole; the next one begins.
    Whole(Bytes),
}

/// A frame has more bytes than are wanted: so many.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLarge(pub(crate) usize);

impl Default for Frame {
    fn default() -> Self {
        Self::Length(BytesMut::new())
    }
}

impl Frame {
    /// Says what comes next in a frame of at most `max` bytes.
    pub(crate) fn step(&mut self, max: usize) -> Result<Step, TooLarge> {
        if let Self::Length(have) = self {
            let Ok(length) = <[u8; LENGTH_BYTES]>::try_from(&have[..]) else {
                return Ok(Step::Wants(LENGTH_BYTES - have.len()));
            };
            let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
            if length > max {
                return Err(TooLarge(length));
            }
            *self = Self::Body { length, have: BytesMut::new() };
        }
        match self {
            Self::Body { length, have } if have.len() < *length => Ok(Step::Wants(*length - have.len())),
            Self::Body { have, .. } | Self::Length(have) => {
                let whole = have.split().freeze();
                *self = Self::default();
                Ok(Step::Whole(whole))
            }
        }
    }

    /// Takes bytes that arrived, no more than were wanted.
    pub(crate) fn give(&mut self, bytes: &[u8]) {
        match self {
            Self::Length(have) | Self::Body { have, .. } => have.extend_from_slice(bytes),
        }
    }

    /// Whether some of it has arrived.
    pub(crate) fn is_begun(&self) -> bool {
        !matches!(self, Self::Length(have) if have.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Gives a stream in pieces; the frames that came of it.
    fn frames(mut stream: &[u8], pieces: &[usize], max: usize) -> Result<Vec<Bytes>, TooLarge> {
        let (mut frame, mut whole) = (Frame::default(), Vec::new());
        let mut pieces = pieces.iter().copied().cycle();
        loop {
            match frame.step(max)? {
                Step::Whole(bytes) => whole.push(bytes),
                Step::Wants(_) if stream.is_empty() => return Ok(whole),
                Step::Wants(wanted) => {
                    let piece = wanted.min(pieces.next().unwrap_or(1)).min(stream.len());
                    frame.give(&stream[..piece]);
                    stream = &stream[piece..];
                }
            }
        }
    }

    #[test]
    fn frames_come_out_as_they_went_in() {
        let stream =
            [&3_u32.to_le_bytes()[..], b"abc", &0_u32.to_le_bytes(), &1_u32.to_le_bytes(), b"x"].concat();
        let expected = [&b"abc"[..], b"", b"x"].map(Bytes::from_static);
        for piece in 1..=stream.len() {
            assert_eq!(frames(&stream, &[piece], 3).as_deref(), Ok(&expected[..]));
        }
        assert_eq!(frames(&stream, &[1], 2), Err(TooLarge(3)));
        let mut frame = Frame::default();
        assert!(!frame.is_begun());
        frame.give(&[9]);
        assert!(frame.is_begun());
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(
            stream in prop::collection::vec(0_u8..5, 0..200),
            pieces in prop::collection::vec(1_usize..9, 1..9),
        ) {
            prop_assert_eq!(frames(&stream, &pieces, 1 << 20), frames(&stream, &[200], 1 << 20));
        }
    }
}

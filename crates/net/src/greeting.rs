//! The greeting: the first bytes on every connection. Drawn in `docs/formats/streams.md`.
//!
//! A finished handshake says little to whoever dialled: the other side may refuse the connection in the same moment.
//! So the dialler opens the first stream with its [`Stamp`], and the other side answers with its own once it has
//! admitted the connection. The stamps also order the connections of two nodes: each counts its greetings, in a run of
//! the program that has a random name. A dial that began before its node admitted another connection is thereby told
//! from one that was made because that connection is lost.

use iroh::endpoint::{RecvStream, SendStream};

use crate::codes::ResetCode;

/// Version of the greeting, and of everything on the connection that has no version of its own.
const GREETING_VERSION: u8 = 1;
/// Bytes of a greeting.
pub(crate) const GREETING_BYTES: usize = 17;

/// When a node greeted: which run of its program, and which greeting of that run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) run: [u8; 8],
    pub(crate) count: u64,
}

impl Stamp {
    /// Whether this greeting of a node shows that its earlier one counts no more.
    pub(crate) fn supersedes(&self, earlier: &Self) -> bool {
        self.run != earlier.run || self.count > earlier.count
    }

    pub(crate) fn encode(&self) -> [u8; GREETING_BYTES] {
        let mut bytes = [GREETING_VERSION; GREETING_BYTES];
        bytes[1..9].copy_from_slice(&self.run);
        bytes[9..].copy_from_slice(&self.count.to_le_bytes());
        bytes
    }

    /// `None` for another version.
    pub(crate) fn decode(bytes: &[u8; GREETING_BYTES]) -> Option<Self> {
        let (run, count) = bytes[1..].split_at(8);
        let [run, count]: [[u8; 8]; 2] = [run.try_into().ok()?, count.try_into().ok()?];
        (bytes[0] == GREETING_VERSION).then_some(Self { run, count: u64::from_le_bytes(count) })
    }
}

/// Sends our greeting and ends the stream in that direction.
pub(crate) async fn send(stream: &mut SendStream, stamp: Stamp) -> bool {
    stream.write_all(&stamp.encode()).await.is_ok() && stream.finish().is_ok()
}

/// Reads the other side's greeting, which is all there is on the stream; `None` when there is none or it makes no sense.
pub(crate) async fn receive(stream: &mut RecvStream) -> Option<Stamp> {
    let bytes = stream.read_to_end(GREETING_BYTES).await.ok()?;
    let stamp = <[u8; GREETING_BYTES]>::try_from(bytes).ok().and_then(|bytes| Stamp::decode(&bytes));
    if stamp.is_none() {
        stream.stop(ResetCode::UNKNOWN_VERSION.into()).ok();
    }
    stamp
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: [u8; 8] = [7; 8];

    #[test]
    fn a_greeting_comes_back_as_it_was() {
        let stamp = Stamp { run: RUN, count: 1 << 40 };
        assert_eq!(Stamp::decode(&stamp.encode()), Some(stamp));
        let mut future = stamp.encode();
        future[0] = 2;
        assert_eq!(Stamp::decode(&future), None);
    }

    #[test]
    fn a_later_greeting_and_another_run_supersede() {
        let stamp = |run, count| Stamp { run, count };
        assert!(stamp(RUN, 2).supersedes(&stamp(RUN, 1)));
        assert!(!stamp(RUN, 1).supersedes(&stamp(RUN, 2)));
        assert!(!stamp(RUN, 2).supersedes(&stamp(RUN, 2)));
        assert!(stamp([8; 8], 1).supersedes(&stamp(RUN, 2)));
    }
}

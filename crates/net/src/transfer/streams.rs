//! What a transfer needs of a stream: two halves, and somebody who opens them. QUIC streams are one kind, a pipe in
//! memory is the other (tests).

use std::io;

use bytes::Bytes;
use heirloom_identity::NodeId;

/// Why a stream is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Nothing is wrong: no more is needed.
    Enough,
    /// What was sent is not what the format says, or breaks one of its limits.
    Malformed,
    /// Nothing moved for too long.
    Stalled,
    /// The bytes are not the ones that were asked for.
    WrongBytes,
}

/// The half that is written.
pub trait Outgoing: Send + 'static {
    /// Writes all of it; waits while the other side is slow.
    fn write(&mut self, bytes: Bytes) -> impl Future<Output = io::Result<()>> + Send;
    /// Says that nothing follows.
    fn finish(&mut self);
    /// Breaks the half off.
    fn cut(&mut self, why: Cut);
}

/// The half that is read.
pub trait Incoming: Send + 'static {
    /// Reads some bytes, at least one; 0 is the end. Dropping the future loses nothing.
    fn read(&mut self, buffer: &mut [u8]) -> impl Future<Output = io::Result<usize>> + Send;
    /// Asks the other side to send no more.
    fn cut(&mut self, why: Cut);
}

/// A node that may have the files: a connection to it.
pub trait Provider: Send + Sync + 'static {
    /// What is written.
    type Out: Outgoing;
    /// What is read.
    type In: Incoming;

    /// Which node it is.
    fn node(&self) -> NodeId;
    /// Opens a stream for a transfer.
    fn open(&self) -> impl Future<Output = io::Result<(Self::Out, Self::In)>> + Send;
}

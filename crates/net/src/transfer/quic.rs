//! QUIC streams as a transfer uses them.

use std::io;

use bytes::Bytes;
use heirloom_identity::NodeId;
use iroh::endpoint::{RecvStream, SendStream};

use super::streams::{Cut, Incoming, Outgoing, Provider};
use crate::codes::ResetCode;
use crate::connection::Connection;
use crate::stream::{FramedStream, Priority, StreamError, StreamKind};

/// The bytes are not the ones that were asked for; 256 and up are the protocols' own numbers.
const WRONG_BYTES: ResetCode = ResetCode(256);

/// The half of a content stream that is written.
#[derive(Debug)]
pub struct ContentOut {
    stream: SendStream,
    /// Keeps the connection while the stream is in use.
    _connection: Connection,
}

/// The half of a content stream that is read.
#[derive(Debug)]
pub struct ContentIn {
    stream: RecvStream,
    _connection: Connection,
}

/// The halves of a stream that carries a transfer instead of frames.
pub fn halves(stream: FramedStream) -> (ContentOut, ContentIn) {
    let (out, incoming, connection) = stream.into_raw();
    let held = connection.clone();
    (ContentOut { stream: out, _connection: connection }, ContentIn { stream: incoming, _connection: held })
}

impl From<Cut> for ResetCode {
    fn from(cut: Cut) -> Self {
        match cut {
            Cut::Enough => Self::CANCELLED,
            Cut::Malformed => Self::MALFORMED,
            Cut::Stalled => Self::STALLED,
            Cut::WrongBytes => WRONG_BYTES,
        }
    }
}

impl Outgoing for ContentOut {
    async fn write(&mut self, bytes: Bytes) -> io::Result<()> {
        // Handed over without a copy; the buffer returns to its pool once the other side has it.
        self.stream.write_chunk(bytes).await.map_err(|error| failed(error.into()))
    }

    fn finish(&mut self) {
        // An error means that the stream has been cut off already.
        self.stream.finish().ok();
    }

    fn cut(&mut self, why: Cut) {
        self.stream.reset(ResetCode::from(why).into()).ok();
    }
}

impl Incoming for ContentIn {
    async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(buffer).await.map_err(|error| failed(error.into()))?;
        Ok(read.unwrap_or(0))
    }

    fn cut(&mut self, why: Cut) {
        self.stream.stop(ResetCode::from(why).into()).ok();
    }
}

impl Provider for Connection {
    type Out = ContentOut;
    type In = ContentIn;

    fn node(&self) -> NodeId {
        Self::node(self)
    }

    async fn open(&self) -> io::Result<(ContentOut, ContentIn)> {
        open(self, Priority::BULK).await
    }
}

/// A node that is asked with another priority than that of originals.
impl Provider for (Connection, Priority) {
    type Out = ContentOut;
    type In = ContentIn;

    fn node(&self) -> NodeId {
        self.0.node()
    }

    async fn open(&self) -> io::Result<(ContentOut, ContentIn)> {
        open(&self.0, self.1).await
    }
}

async fn open(connection: &Connection, priority: Priority) -> io::Result<(ContentOut, ContentIn)> {
    let stream = connection.open(StreamKind::Content, priority).await.map_err(failed)?;
    Ok(halves(stream))
}

fn failed(error: StreamError) -> io::Error {
    io::Error::other(error)
}

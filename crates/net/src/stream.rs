//! Typed streams of frames. Drawn byte by byte in `docs/formats/streams.md`.
//!
//! A stream begins with its version and its [`StreamKind`]; then come [frames](crate::frame). Both directions have
//! stall limits: a frame that was begun must move on, and so must one that is being sent, or the stream is given up.
//! Waiting for a *next* frame has no limit of its own, since a quiet stream costs nothing and a dead peer is noticed by
//! the connection; whoever expects an answer uses [`FrameReceiver::recv_within`].

use std::time::Duration;

use bytes::Bytes;
use iroh::endpoint::{ReadError, RecvStream, SendStream, WriteError};
use thiserror::Error;
use tokio::time::{Instant, timeout, timeout_at};

use crate::codes::{Reason, ResetCode};
use crate::connection::Connection;
use crate::frame::{Frame, Step, TooLarge};
use crate::gate::Protocol;
use crate::limits::{FINISH_TIMEOUT, FRAME_BYTES_MAX, STALL_BYTES, STALL_TIMEOUT};

/// Version of the stream's header.
pub(crate) const STREAM_VERSION: u8 = 1;
/// Bytes of the stream's header: version and kind.
pub(crate) const HEADER_BYTES: usize = 3;

/// What a stream is for; a `u16` on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum StreamKind {
    /// Homes show each other their certificates and cards.
    Hello = 1,
    /// Membership and changes of albums.
    Sync = 2,
    /// Verified files.
    Content = 3,
    /// Sealed messages for a home.
    Mail = 4,
    /// The steps of pairing; the only kind on a `Pair` connection, and only there.
    Pairing = 5,
    /// Packs that one home keeps for another.
    Vault = 6,
    /// The way back to one's packs; the only kind on a `Recover` connection, and only there.
    Recovery = 7,
}

impl StreamKind {
    const ALL: [Self; 7] =
        [Self::Hello, Self::Sync, Self::Content, Self::Mail, Self::Pairing, Self::Vault, Self::Recovery];

    /// The number on the wire.
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// The kind with this number, when there is one.
    pub fn of_number(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// The connections on which this kind has a place.
    pub fn protocol(self) -> Protocol {
        match self {
            Self::Pairing => Protocol::Pair,
            Self::Recovery => Protocol::Recover,
            Self::Hello | Self::Sync | Self::Content | Self::Mail | Self::Vault => Protocol::Home,
        }
    }

    /// How urgent the bytes of this kind are, unless its user says otherwise.
    pub fn priority(self) -> Priority {
        match self {
            Self::Hello | Self::Pairing => Priority::CONTROL,
            Self::Sync | Self::Mail => Priority::SYNC,
            Self::Content | Self::Recovery => Priority::CONTENT,
            Self::Vault => Priority::BULK,
        }
    }
}

/// Which bytes go first when a connection has more to send than it can; the higher number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(i32);

impl Priority {
    /// Greetings, and answers that somebody waits for.
    pub const CONTROL: Self = Self(20);
    /// What people write.
    pub const SYNC: Self = Self(10);
    /// Thumbnails and previews.
    pub const CONTENT: Self = Self(0);
    /// Originals, and packs.
    pub const BULK: Self = Self(-10);

    pub(crate) fn number(self) -> i32 {
        self.0
    }
}

/// Why a stream could not go on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StreamError {
    /// A frame is larger than what is wanted here; the stream was given up.
    #[error("a frame of {bytes} bytes, at most {max} are wanted here")]
    TooLarge {
        /// What its length says.
        bytes: usize,
        /// What was wanted.
        max: usize,
    },
    /// Nothing moved for too long; the stream was given up.
    #[error("nothing moved on a stream for {} s", .0.as_secs_f32())]
    Stalled(Duration),
    /// The other side gave the stream up.
    #[error("the other side gave a stream up (code {})", .0.0)]
    Reset(ResetCode),
    /// The other side ended the stream in the middle of a frame.
    #[error("a stream ended in the middle of a frame")]
    Truncated,
    /// The other side lets us open no more streams now.
    #[error("the other side has as many streams as it wants")]
    Busy,
    /// The stream was ended or broken here before: an earlier call failed or was dropped half way.
    #[error("this stream was ended here")]
    Ended,
    /// The connection ended.
    #[error("the connection ended: {0}")]
    Closed(Reason),
}

impl From<ReadError> for StreamError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Reset(code) => Self::Reset(code.into()),
            ReadError::ConnectionLost(error) => Self::Closed(error.into()),
            ReadError::ClosedStream | ReadError::ZeroRttRejected => Self::Ended,
        }
    }
}

impl From<WriteError> for StreamError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Stopped(code) => Self::Reset(code.into()),
            WriteError::ConnectionLost(error) => Self::Closed(error.into()),
            WriteError::ClosedStream | WriteError::ZeroRttRejected => Self::Ended,
        }
    }
}

/// A stream of frames, both ways.
#[derive(Debug)]
pub struct FramedStream {
    sender: FrameSender,
    receiver: FrameReceiver,
}

impl FramedStream {
    pub(crate) fn new(send: SendStream, recv: RecvStream, connection: Connection) -> Self {
        let sender = FrameSender { send, stall: STALL_TIMEOUT, usable: true, connection: connection.clone() };
        let receiver = FrameReceiver {
            recv,
            stall: STALL_TIMEOUT,
            frame: Frame::default(),
            deadline: None,
            ended: false,
            connection,
        };
        Self { sender, receiver }
    }

    /// The connection that this stream belongs to.
    pub fn connection(&self) -> &Connection {
        &self.sender.connection
    }

    /// Sends one frame; see [`FrameSender::send`].
    pub async fn send(&mut self, frame: &[u8]) -> Result<(), StreamError> {
        self.sender.send(frame).await
    }

    /// Waits for one frame; see [`FrameReceiver::recv`].
    pub async fn recv(&mut self, max: usize) -> Result<Option<Bytes>, StreamError> {
        self.receiver.recv(max).await
    }

    /// Waits for one frame, no longer than this; see [`FrameReceiver::recv_within`].
    pub async fn recv_within(&mut self, max: usize, limit: Duration) -> Result<Option<Bytes>, StreamError> {
        self.receiver.recv_within(max, limit).await
    }

    /// Says that no more frames follow and waits until the other side has all of them.
    pub async fn finish(self) -> Result<(), StreamError> {
        self.sender.finish().await
    }

    /// Gives the stream up in both directions.
    pub fn reset(self, code: ResetCode) {
        self.sender.reset(code);
        self.receiver.stop(code);
    }

    /// How long a begun frame may stand still, instead of [`STALL_TIMEOUT`].
    pub fn set_stall(&mut self, stall: Duration) {
        self.sender.stall = stall;
        self.receiver.stall = stall;
    }

    /// The two directions, for two tasks.
    pub fn split(self) -> (FrameSender, FrameReceiver) {
        (self.sender, self.receiver)
    }

    /// The two directions without frames. Only whole frames have been taken from the stream, so what comes next on it
    /// comes next here. The connection must be kept as long as they are used.
    pub(crate) fn into_raw(self) -> (SendStream, RecvStream, Connection) {
        (self.sender.send, self.receiver.recv, self.sender.connection)
    }
}

/// The direction to the other side. Dropped without [`finish`](Self::finish), the stream ends where it is.
#[derive(Debug)]
pub struct FrameSender {
    send: SendStream,
    stall: Duration,
    /// False while and after a frame is only half sent.
    usable: bool,
    connection: Connection,
}

impl FrameSender {
    /// Sends one frame of at most [`FRAME_BYTES_MAX`] bytes; returns when all of it is on its way, not yet there.
    ///
    /// Not to be dropped half way: the stream is then broken and says [`StreamError::Ended`] from there on.
    pub async fn send(&mut self, frame: &[u8]) -> Result<(), StreamError> {
        let length = u32::try_from(frame.len()).ok().filter(|_| frame.len() <= FRAME_BYTES_MAX);
        let Some(length) = length else {
            return Err(StreamError::TooLarge { bytes: frame.len(), max: FRAME_BYTES_MAX });
        };
        if !std::mem::replace(&mut self.usable, false) {
            return Err(StreamError::Ended);
        }
        self.write(&length.to_le_bytes()).await?;
        for part in frame.chunks(STALL_BYTES) {
            self.write(part).await?;
        }
        self.usable = true;
        Ok(())
    }

    async fn write(&mut self, part: &[u8]) -> Result<(), StreamError> {
        match timeout(self.stall, self.send.write_all(part)).await {
            Ok(done) => Ok(done?),
            Err(_) => {
                self.send.reset(ResetCode::STALLED.into()).ok();
                Err(StreamError::Stalled(self.stall))
            }
        }
    }

    /// Says that no more frames follow and waits, at most [`FINISH_TIMEOUT`], until the other side has all of them.
    pub async fn finish(mut self) -> Result<(), StreamError> {
        if !self.usable {
            return Err(StreamError::Ended);
        }
        self.send.finish().map_err(|_| StreamError::Ended)?;
        match timeout(FINISH_TIMEOUT, self.send.stopped()).await {
            Ok(Ok(None)) => Ok(()),
            Ok(Ok(Some(code))) => Err(StreamError::Reset(code.into())),
            Ok(Err(_)) => Err(StreamError::Closed(self.connection.reason().unwrap_or(Reason::Local))),
            Err(_) => Err(StreamError::Stalled(FINISH_TIMEOUT)),
        }
    }

    /// Waits until the other side wants no more of this stream.
    pub async fn stopped(&self) {
        self.send.stopped().await.ok();
    }

    /// Gives up this direction: what is not there yet is not sent again.
    pub fn reset(mut self, code: ResetCode) {
        self.send.reset(code.into()).ok();
    }

    /// How long a frame may stand still.
    pub fn set_stall(&mut self, stall: Duration) {
        self.stall = stall;
    }

    /// The connection that this stream belongs to.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }
}

/// The direction from the other side. Dropped, the other side is told that nobody listens.
#[derive(Debug)]
pub struct FrameReceiver {
    recv: RecvStream,
    stall: Duration,
    frame: Frame,
    /// When the frame that was begun must have moved on, and by how many bytes it has not yet.
    deadline: Option<(Instant, usize)>,
    ended: bool,
    /// Keeps the connection while the stream is in use.
    connection: Connection,
}

impl FrameReceiver {
    /// Waits for one frame of at most `max` bytes; `None` when the other side finished.
    ///
    /// May be dropped while it waits: what has arrived of a frame is kept for the next call. A larger frame, and one
    /// that stands still, ends the stream: the other side is told why.
    pub async fn recv(&mut self, max: usize) -> Result<Option<Bytes>, StreamError> {
        if self.ended {
            return Err(StreamError::Ended);
        }
        let outcome = self.next(max.min(FRAME_BYTES_MAX)).await;
        if let Err(error) = &outcome {
            let code = match error {
                StreamError::TooLarge { .. } => ResetCode::TOO_LARGE,
                StreamError::Stalled(_) => ResetCode::STALLED,
                _ => ResetCode::MALFORMED,
            };
            self.recv.stop(code.into()).ok();
        }
        self.ended = !matches!(outcome, Ok(Some(_)));
        outcome
    }

    /// Like [`recv`](Self::recv), but gives up when no whole frame is there in time.
    pub async fn recv_within(&mut self, max: usize, limit: Duration) -> Result<Option<Bytes>, StreamError> {
        if let Ok(outcome) = timeout(limit, self.recv(max)).await {
            return outcome;
        }
        self.ended = true;
        self.recv.stop(ResetCode::STALLED.into()).ok();
        Err(StreamError::Stalled(limit))
    }

    async fn next(&mut self, max: usize) -> Result<Option<Bytes>, StreamError> {
        loop {
            let step = self.frame.step(max);
            let want = match step.map_err(|TooLarge(bytes)| StreamError::TooLarge { bytes, max })? {
                Step::Wants(want) => want,
                Step::Whole(whole) => {
                    self.deadline = None;
                    return Ok(Some(whole));
                }
            };
            let Some(chunk) = self.chunk(want).await? else {
                return if self.frame.is_begun() { Err(StreamError::Truncated) } else { Ok(None) };
            };
            self.moved(chunk.len());
            self.frame.give(&chunk);
        }
    }

    /// The next bytes, at most `want`.
    async fn chunk(&mut self, want: usize) -> Result<Option<Bytes>, StreamError> {
        let Some((deadline, _)) = self.deadline else {
            return Ok(self.recv.read_chunk(want).await?);
        };
        match timeout_at(deadline, self.recv.read_chunk(want)).await {
            Ok(chunk) => Ok(chunk?),
            Err(_) => Err(StreamError::Stalled(self.stall)),
        }
    }

    /// Notes that bytes of a frame arrived; each [`STALL_BYTES`] of them buy more time.
    fn moved(&mut self, bytes: usize) {
        let fresh = (Instant::now() + self.stall, STALL_BYTES);
        self.deadline = match self.deadline {
            Some((deadline, missing)) if bytes < missing => Some((deadline, missing - bytes)),
            _ => Some(fresh),
        };
    }

    /// Tells the other side that nobody listens any more.
    pub fn stop(mut self, code: ResetCode) {
        self.recv.stop(code.into()).ok();
    }

    /// How long a begun frame may stand still.
    pub fn set_stall(&mut self, stall: Duration) {
        self.stall = stall;
    }

    /// The connection that this stream belongs to.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }
}

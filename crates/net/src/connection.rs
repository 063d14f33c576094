//! One connection with another node, and the streams on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use heirloom_identity::NodeId;
use iroh::endpoint::{Connection as Quic, RecvStream, SendStream, VarInt};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;
use tracing::debug;

use crate::codes::{CloseCode, Reason, ResetCode, shortened};
use crate::gate::Protocol;
use crate::greeting::Stamp;
use crate::limits::{
    CONNECTION_WINDOW_BYTES, HEADER_TIMEOUT, HEADERS_MAX, OPEN_TIMEOUT, STREAMS_MAX, STREAMS_WAITING_MAX,
};
use crate::path::Path;
use crate::stream::{FramedStream, HEADER_BYTES, Priority, STREAM_VERSION, StreamError, StreamKind};

static NEXT_SERIAL: AtomicU64 = AtomicU64::new(1);

/// A stream that the other side opened and named.
type Opened = (StreamKind, SendStream, RecvStream);

/// One admitted connection with another node. Clones are handles of the same connection.
///
/// A `Home` connection stays until one side closes it or it is lost; a `Pair` or `Recover` connection also ends when its
/// last handle and its last stream are dropped.
#[derive(Debug, Clone)]
pub struct Connection {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    quic: Quic,
    node: NodeId,
    protocol: Protocol,
    dialled: bool,
    serial: u64,
    stamp: Stamp,
    claimed: AtomicBool,
    opened: Mutex<mpsc::Receiver<Opened>>,
    _listener: AbortOnDropHandle<()>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.quic.close(CloseCode::DONE.into(), b"");
    }
}

impl Connection {
    /// Takes over a greeted connection; `stamp` is what the other side said in its greeting.
    pub(crate) fn new(quic: Quic, node: NodeId, protocol: Protocol, dialled: bool, stamp: Stamp) -> Self {
        // Every connection begins with a stranger's rights; homes get more.
        if protocol == Protocol::Home {
            raise(&quic);
        }
        let (sender, opened) = mpsc::channel(STREAMS_WAITING_MAX);
        let listener = tokio::spawn(listen(quic.clone(), protocol, sender));
        Self {
            inner: Arc::new(Inner {
                quic,
                node,
                protocol,
                dialled,
                serial: NEXT_SERIAL.fetch_add(1, Ordering::Relaxed),
                stamp,
                claimed: AtomicBool::new(false),
                opened: Mutex::new(opened),
                _listener: AbortOnDropHandle::new(listener),
            }),
        }
    }

    /// The other node, as the handshake proved it.
    pub fn node(&self) -> NodeId {
        self.inner.node
    }

    /// What this connection is for.
    pub fn protocol(&self) -> Protocol {
        self.inner.protocol
    }

    /// Whether we dialled it.
    pub fn dialled(&self) -> bool {
        self.inner.dialled
    }

    /// A number that tells this process's connections apart.
    pub fn serial(&self) -> u64 {
        self.inner.serial
    }

    /// True for the first caller only, over all handles of this connection.
    ///
    /// One connection may come out of both [`Net::accept`](crate::Net::accept) and [`Net::connect`](crate::Net::connect);
    /// whoever claims it first serves it, the other leaves it alone.
    pub fn claim(&self) -> bool {
        !self.inner.claimed.swap(true, Ordering::AcqRel)
    }

    /// Gives the other side of a `Recover` connection the streams and the window of a home, once it has proven that it may
    /// have them. Each side decides for what it receives.
    pub fn trust(&self) {
        if self.inner.protocol == Protocol::Recover {
            raise(&self.inner.quic);
        }
    }

    /// Opens a stream. The other side learns of it at once and resets it when it knows no such kind.
    pub async fn open(&self, kind: StreamKind, priority: Priority) -> Result<FramedStream, StreamError> {
        let opening = async {
            let (mut send, recv) =
                self.inner.quic.open_bi().await.map_err(|e| StreamError::Closed(e.into()))?;
            send.set_priority(priority.number()).ok();
            let kind = kind.number().to_le_bytes();
            send.write_all(&[STREAM_VERSION, kind[0], kind[1]]).await?;
            Ok(FramedStream::new(send, recv, self.clone()))
        };
        timeout(OPEN_TIMEOUT, opening).await.unwrap_or(Err(StreamError::Busy))
    }

    /// The next stream that the other side opened; `None` when the connection has ended.
    ///
    /// Streams not taken here count against what the other side may have open, so nothing piles up.
    pub async fn accept(&self) -> Option<(StreamKind, FramedStream)> {
        let (kind, send, recv) = self.inner.opened.lock().await.recv().await?;
        send.set_priority(kind.priority().number()).ok();
        Some((kind, FramedStream::new(send, recv, self.clone())))
    }

    /// Closes the connection now; what is not there yet is lost. The first 200 bytes of the reason are sent.
    pub fn close(&self, code: CloseCode, reason: &str) {
        self.inner.quic.close(code.into(), shortened(reason).as_bytes());
    }

    /// Waits for the end of the connection.
    pub async fn closed(&self) -> Reason {
        self.inner.quic.closed().await.into()
    }

    /// Why the connection ended; `None` while it lives.
    pub fn reason(&self) -> Option<Reason> {
        self.inner.quic.close_reason().map(Reason::from)
    }

    /// How bytes travel right now.
    pub fn path(&self) -> Path {
        Path::of(&self.inner.quic)
    }

    pub(crate) fn quic(&self) -> &Quic {
        &self.inner.quic
    }

    /// What the other side said of its own history when this connection was made.
    pub(crate) fn stamp(&self) -> Stamp {
        self.inner.stamp
    }
}

/// Lifts what holds for strangers.
fn raise(quic: &Quic) {
    quic.set_max_concurrent_bi_streams(VarInt::from_u32(STREAMS_MAX));
    quic.set_receive_window(VarInt::from_u32(CONNECTION_WINDOW_BYTES));
}

/// Takes the streams that the other side opens, reads their headers side by side, and hands on those that make sense.
async fn listen(quic: Quic, protocol: Protocol, opened: mpsc::Sender<Opened>) {
    let mut headers = JoinSet::new();
    loop {
        tokio::select! {
            stream = quic.accept_bi(), if headers.len() < HEADERS_MAX => match stream {
                Ok((send, recv)) => drop(headers.spawn(read_header(send, recv, protocol))),
                Err(_) => return,
            },
            Some(header) = headers.join_next() => {
                if let Ok(Some(stream)) = header && opened.send(stream).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Reads what a stream is for; one that makes no sense is reset with the reason, and the connection lives on.
async fn read_header(mut send: SendStream, mut recv: RecvStream, protocol: Protocol) -> Option<Opened> {
    let mut header = [0; HEADER_BYTES];
    let code = match timeout(HEADER_TIMEOUT, recv.read_exact(&mut header)).await {
        Err(_) => ResetCode::STALLED,
        Ok(Err(_)) => ResetCode::MALFORMED,
        Ok(Ok(())) if header[0] != STREAM_VERSION => ResetCode::UNKNOWN_VERSION,
        Ok(Ok(())) => match StreamKind::of_number(u16::from_le_bytes([header[1], header[2]])) {
            Some(kind) if kind.protocol() == protocol => return Some((kind, send, recv)),
            _ => ResetCode::UNKNOWN_KIND,
        },
    };
    debug!(code = code.0, ?header, "reset a stream that makes no sense here");
    send.reset(code.into()).ok();
    recv.stop(code.into()).ok();
    None
}

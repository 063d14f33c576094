//! Receiving a file: pieces from the network, written and hashed on a thread of their own.
//!
//! A [`Receiving`] that is dropped (the client hung up, the form was refused) leaves nothing: the thread sees
//! the channel close without an end and drops the draft, which removes its file.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, BodyDataStream, Bytes};
use futures_util::{Stream, StreamExt};
use heirloom_store::Disk;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::error::ApiError;
use super::limits::{
    FORM_BREATH_BYTES, FORM_SILENT_BYTES_MAX, LINGER_BYTES_MAX, LINGER_TIME, SNIFF_BYTES,
    UPLOAD_PIECES_QUEUED_MAX,
};
use crate::home::Home;
use crate::ingest::draft::Writing;
use crate::ingest::{Draft, IngestError};

/// A file on its way to the inbox.
pub struct Receiving {
    pieces: mpsc::Sender<Piece>,
    /// Until its outcome is known.
    writer: Option<JoinHandle<Result<Option<Draft>, IngestError>>>,
    head: Vec<u8>,
    bytes: u64,
    bytes_max: u64,
}

enum Piece {
    Bytes(Bytes),
    End,
}

impl Receiving {
    /// Starts a draft in the home's inbox.
    pub fn start(home: &Home) -> Self {
        let (disk, inbox) = (Arc::clone(&home.disk), home.layout.inbox());
        let (pieces, waiting) = mpsc::channel(UPLOAD_PIECES_QUEUED_MAX);
        let writer = tokio::task::spawn_blocking(move || {
            let at =
                |source| IngestError::Disk { attempt: "write a new file in", path: inbox.clone(), source };
            write(&disk, &inbox, waiting).map_err(at)
        });
        let bytes_max = home.config.upload_bytes_max;
        Self { pieces, writer: Some(writer), head: Vec::new(), bytes: 0, bytes_max }
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// 413 past the limit, 415 once it is clear that this is no photo, 507 when the disk is full. The file is
    /// then to be [abandoned](Self::abandon).
    pub async fn take(&mut self, piece: Bytes) -> Result<(), ApiError> {
        self.bytes = self.bytes.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        if self.bytes > self.bytes_max {
            return Err(ApiError::too_large(self.bytes_max));
        }
        self.sniff(&piece)?;
        // A writer that stopped early says why when it is joined.
        match self.pieces.send(Piece::Bytes(piece)).await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.failure().await),
        }
    }

    /// Ends the file; returns when every byte is on the medium.
    ///
    /// # Errors
    /// As [`Receiving::take`].
    pub async fn end(mut self) -> Result<Draft, ApiError> {
        if self.pieces.send(Piece::End).await.is_err() {
            return Err(self.failure().await);
        }
        match self.outcome().await? {
            Some(draft) => Ok(draft),
            None => Err(ApiError::internal(anyhow::anyhow!("a draft ended without being asked"))),
        }
    }

    /// Gives the file up; returns when it is gone.
    pub async fn abandon(self) {
        drop(self.pieces);
        if let Some(writer) = self.writer {
            // Whatever the writer says, its draft removed itself.
            drop(writer.await);
        }
    }

    async fn failure(&mut self) -> ApiError {
        match self.outcome().await {
            Err(error) => error,
            Ok(_) => ApiError::internal(anyhow::anyhow!("a draft ended too early")),
        }
    }

    /// What the writer says at its end; asked once.
    async fn outcome(&mut self) -> Result<Option<Draft>, ApiError> {
        match self.writer.take() {
            Some(writer) => Ok(writer.await.map_err(ApiError::internal)??),
            None => Err(ApiError::internal(anyhow::anyhow!("a draft was asked twice how it ended"))),
        }
    }

    /// Refuses what is no photo as soon as that can be told, not after gigabytes.
    fn sniff(&mut self, piece: &Bytes) -> Result<(), ApiError> {
        let room = SNIFF_BYTES - self.head.len().min(SNIFF_BYTES);
        if room == 0 {
            return Ok(());
        }
        self.head.extend_from_slice(&piece[..piece.len().min(room)]);
        if self.head.len() < SNIFF_BYTES || heirloom_media::sniff(&self.head).is_some() {
            return Ok(());
        }
        match heirloom_media::metadata(&self.head) {
            Err(failure) => Err(IngestError::from(failure).into()),
            Ok(_) => Ok(()),
        }
    }
}

/// Runs on its own thread; `None` when the sender went away without an end.
fn write(
    disk: &Arc<dyn Disk>,
    inbox: &std::path::Path,
    mut waiting: mpsc::Receiver<Piece>,
) -> std::io::Result<Option<Draft>> {
    let mut writing = Writing::start(disk, inbox)?;
    while let Some(piece) = waiting.blocking_recv() {
        match piece {
            Piece::Bytes(bytes) => writing.write(&bytes)?,
            Piece::End => return writing.finish().map(Some),
        }
    }
    Ok(None)
}

/// A body that can be read on after whoever parsed it gave up.
#[derive(Clone)]
pub struct SharedBody {
    stream: Arc<Mutex<BodyDataStream>>,
    /// Bytes that were handed out since the parser last made something of them.
    silent_bytes: Arc<AtomicUsize>,
    /// Whether the parser was just given a moment.
    breathed: Arc<AtomicBool>,
}

impl SharedBody {
    /// Shares a body.
    pub fn new(body: Body) -> Self {
        let stream = Arc::new(Mutex::new(body.into_data_stream()));
        Self { stream, silent_bytes: Arc::default(), breathed: Arc::default() }
    }

    /// Says that the parser made something of what it was given.
    pub fn progressed(&self) {
        self.silent_bytes.store(0, Ordering::Relaxed);
    }

    /// The same bytes, for a parser.
    pub fn body(&self) -> Body {
        Body::from_stream(self.clone())
    }

    /// Reads a little more and throws it away: a client that is still sending would otherwise see its
    /// connection reset and never read the answer.
    pub async fn linger(mut self) {
        let mut bytes = 0;
        self.progressed();
        let rest = async {
            while let Some(Ok(piece)) = self.next().await {
                bytes += piece.len();
                if bytes > LINGER_BYTES_MAX {
                    break;
                }
            }
        };
        // Out of time is as good as out of bytes.
        drop(tokio::time::timeout(LINGER_TIME, rest).await);
    }
}

impl Stream for SharedBody {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        // The parser buffers whatever it can get before it looks at any of it; so it is not given everything.
        let silent = self.silent_bytes.load(Ordering::Relaxed);
        if silent > FORM_SILENT_BYTES_MAX {
            let reason = "a part of the form has a header without an end";
            return Poll::Ready(Some(Err(axum::Error::new(reason))));
        }
        if silent > FORM_BREATH_BYTES && !self.breathed.swap(true, Ordering::Relaxed) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.breathed.store(false, Ordering::Relaxed);
        let piece = self.stream.lock().unwrap_or_else(PoisonError::into_inner).poll_next_unpin(context);
        if let Poll::Ready(Some(Ok(bytes))) = &piece {
            self.silent_bytes.fetch_add(bytes.len(), Ordering::Relaxed);
        }
        piece
    }
}

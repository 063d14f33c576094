//! Files, sources, and providers at the other end of a pipe.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use heirloom_identity::{ContentHash, NodeId};
use heirloom_net::transfer::{
    Budget, Cut, Damage, Fetching, Incoming, ItemError, Outboards, Outgoing, Progress, Provider, Serving,
    Source, Summary, Wanted, fetch, serve,
};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
use tokio_util::sync::CancellationToken;

/// Sizes at which the tree of a file changes its shape.
pub(crate) const EDGES: &[usize] = &[
    0,
    1,
    63,
    64,
    65,
    1023,
    1024,
    1025,
    2048,
    16383,
    16384,
    16385,
    32767,
    32768,
    32769,
    49153,
    65536,
    300_000,
    1 << 20,
    (1 << 20) + 1,
    (8 << 20) - 1,
    8 << 20,
    (8 << 20) + 16385,
];

/// What the pipe holds, both ways.
const PIPE_BYTES: usize = 256 * 1024;

/// Bytes that never repeat in step with groups.
pub(crate) fn data(seed: u32, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let mut bytes = vec![0; len];
    for chunk in bytes.chunks_mut(4) {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        chunk.copy_from_slice(&state.to_le_bytes()[..chunk.len()]);
    }
    bytes
}

/// A folder of files to serve, known by their hashes, and what was said about them.
pub(crate) struct Shelf {
    pub(crate) folder: TempDir,
    files: Mutex<HashMap<ContentHash, PathBuf>>,
    pub(crate) damaged: Mutex<Vec<(ContentHash, Damage)>>,
}

/// The token that this shelf accepts.
pub(crate) const TOKEN: &[u8] = b"may";

impl Shelf {
    pub(crate) fn new() -> Arc<Self> {
        let folder = tempfile::tempdir().unwrap();
        Arc::new(Self { folder, files: Mutex::default(), damaged: Mutex::default() })
    }

    pub(crate) fn with(files: &[Vec<u8>]) -> Arc<Self> {
        let shelf = Self::new();
        files.iter().for_each(|data| shelf.add(data));
        shelf
    }

    pub(crate) fn add(&self, data: &[u8]) {
        let root = ContentHash::of(data);
        let path = self.folder.path().join(root.to_string());
        fs::write(&path, data).unwrap();
        self.files.lock().unwrap().insert(root, path);
    }

    /// The file behind a hash, to be spoiled.
    pub(crate) fn path(&self, root: &ContentHash) -> PathBuf {
        self.files.lock().unwrap()[root].clone()
    }
}

impl Source for Shelf {
    fn open(&self, token: &[u8], root: &ContentHash) -> Option<(File, u64)> {
        let path = self.files.lock().unwrap().get(root).filter(|_| token == TOKEN)?.clone();
        // The length is the one that was known when the file was put here, as a catalogue would say.
        let file = File::open(path).ok()?;
        let bytes = file.metadata().ok()?.len();
        Some((file, bytes))
    }

    fn damaged(&self, root: &ContentHash, why: Damage) {
        self.damaged.lock().unwrap().push((*root, why));
    }
}

pub(crate) struct Out(pub(crate) WriteHalf<DuplexStream>);
pub(crate) struct In(pub(crate) ReadHalf<DuplexStream>);

impl Outgoing for Out {
    async fn write(&mut self, bytes: Bytes) -> io::Result<()> {
        self.0.write_all(&bytes).await
    }

    fn finish(&mut self) {
        // A pipe in memory ends with its last half.
        let waker = std::task::Waker::noop();
        let mut context = std::task::Context::from_waker(waker);
        let ended = tokio::io::AsyncWrite::poll_shutdown(Pin::new(&mut self.0), &mut context);
        assert!(ended.is_ready());
    }

    fn cut(&mut self, _: Cut) {
        self.finish();
    }
}

impl Incoming for In {
    async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).await
    }

    fn cut(&mut self, _: Cut) {}
}

type Script = dyn Fn(Out, In) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync;

/// Somebody at the other end of a pipe.
#[derive(Clone)]
pub(crate) struct Peer {
    pub(crate) node: NodeId,
    script: Arc<Script>,
}

impl Peer {
    /// Says what a test wants.
    pub(crate) fn saying<F, W>(number: u8, script: F) -> Self
    where
        F: Fn(Out, In) -> W + Send + Sync + 'static,
        W: Future<Output = ()> + Send + 'static,
    {
        let script = move |out: Out, asked: In| -> Pin<Box<dyn Future<Output = ()> + Send>> {
            Box::pin(script(out, asked))
        };
        Self { node: NodeId::from_bytes([number; 32]), script: Arc::new(script) }
    }

    /// Serves a shelf as it should.
    pub(crate) fn serving(number: u8, shelf: &Arc<Shelf>, serving: &Arc<Serving>) -> Self {
        let (shelf, serving) = (Arc::clone(shelf), Arc::clone(serving));
        Self::saying(number, move |out, asked| {
            let (shelf, serving) = (Arc::clone(&shelf), Arc::clone(&serving));
            async move {
                // Whoever tests this end looks at what arrived.
                drop(serve(out, asked, NodeId::from_bytes([99; 32]), shelf, serving).await);
            }
        })
    }
}

impl Provider for Peer {
    type Out = Out;
    type In = In;

    fn node(&self) -> NodeId {
        self.node
    }

    async fn open(&self) -> io::Result<(Out, In)> {
        let (near, far) = pipe();
        tokio::spawn((self.script)(far.0, far.1));
        Ok(near)
    }
}

pub(crate) fn pipe() -> ((Out, In), (Out, In)) {
    let (near, far) = tokio::io::duplex(PIPE_BYTES);
    let ((near_in, near_out), (far_in, far_out)) = (tokio::io::split(near), tokio::io::split(far));
    ((Out(near_out), In(near_in)), (Out(far_out), In(far_in)))
}

/// Serves without a limit, with sidecars beside the shelf.
pub(crate) fn serving(shelf: &Shelf) -> Arc<Serving> {
    serving_at(shelf, None)
}

pub(crate) fn serving_at(shelf: &Shelf, rate: Option<u64>) -> Arc<Serving> {
    let sidecars = tempfile::tempdir_in(shelf.folder.path()).unwrap().keep();
    Arc::new(Serving::new(Outboards::new(sidecars), Arc::new(Budget::new(rate))))
}

/// Remembers what it was told.
#[derive(Default)]
pub(crate) struct Heard {
    pub(crate) bytes: Mutex<HashMap<usize, u64>>,
    pub(crate) done: Mutex<HashMap<usize, Result<(), ItemError>>>,
    /// Cancels when so many bytes of an item are there.
    pub(crate) cancel_at: Option<(u64, CancellationToken)>,
}

impl Progress for Heard {
    fn bytes(&self, item: usize, proved: u64) {
        let before = self.bytes.lock().unwrap().insert(item, proved).unwrap_or(0);
        assert!(proved > before, "progress only grows");
        if let Some((at, cancel)) = &self.cancel_at
            && proved >= *at
        {
            cancel.cancel();
        }
    }

    fn done(&self, item: usize, outcome: Result<(), ItemError>) {
        assert!(self.done.lock().unwrap().insert(item, outcome).is_none(), "item {item} ends once");
    }
}

/// What a test wants, and where it grows.
pub(crate) struct Wish {
    pub(crate) folder: TempDir,
    pub(crate) wanted: Vec<Wanted>,
    files: Vec<Vec<u8>>,
}

impl Wish {
    pub(crate) fn new(files: &[Vec<u8>]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let wanted = files.iter().enumerate().map(|(at, data)| Wanted {
            token: TOKEN.to_vec(),
            root: ContentHash::of(data),
            bytes: data.len() as u64,
            part: folder.path().join(format!("{at}.part")),
            done: None,
        });
        Self { wanted: wanted.collect(), files: files.to_vec(), folder }
    }

    pub(crate) fn part(&self, at: usize) -> &Path {
        &self.wanted[at].part
    }

    /// Fetches all of it, with a stall time fit for a test.
    pub(crate) async fn fetch(&self, providers: &[Peer]) -> Summary {
        let heard = Arc::new(Heard::default());
        let summary = self.fetch_with(providers, &heard, CancellationToken::new()).await;
        let done = heard.done.lock().unwrap();
        assert_eq!(done.len(), self.wanted.len(), "every item has an outcome");
        for (at, outcome) in summary.outcomes.iter().enumerate() {
            assert_eq!(outcome.is_ok(), done[&at].is_ok());
        }
        summary
    }

    pub(crate) async fn fetch_with(
        &self,
        providers: &[Peer],
        heard: &Arc<Heard>,
        cancel: CancellationToken,
    ) -> Summary {
        let how = Fetching {
            progress: Arc::<Heard>::clone(heard),
            throttle: Arc::new(Budget::new(None)),
            cancel,
            stall: Duration::from_millis(1500),
        };
        soon(fetch(providers.to_vec(), self.wanted.clone(), how)).await
    }

    /// Every file is there, byte for byte.
    #[track_caller]
    pub(crate) fn expect_whole(&self, summary: &Summary) {
        assert!(summary.is_complete(), "{summary:?}");
        (0..self.files.len()).for_each(|at| self.expect_file(at));
    }

    #[track_caller]
    pub(crate) fn expect_file(&self, at: usize) {
        let path = self.wanted[at].done.as_deref().unwrap_or(&self.wanted[at].part);
        let found = fs::read(path).unwrap();
        assert_eq!(found.len(), self.files[at].len(), "length of file {at}");
        assert!(found == self.files[at], "bytes of file {at}");
    }
}

/// How long anything may take on a machine that is busy with much else.
const SOON: Duration = Duration::from_secs(2 * 60);

pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, what).await.expect("it should have happened by now")
}

//! The serving side of one item: reads the file, proves each group against the root, writes it into a buffer.
//!
//! Checking what is sent costs a hash (about a tenth of what QUIC costs), and it tells rot here from a lie there: a
//! group that isn't what the root says never leaves, and whoever owns the file hears of it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bao_tree::BaoTree;
use bao_tree::iter::{BaoChunk, ResponseIter};
use blake3::Hash;
use heirloom_identity::ContentHash;

use super::outboards::{OutboardError, Outboards, SIDECAR_FROM_BYTES};
use super::tree::{
    Builder, Check, GROUP_BYTES, GROUP_LEN, Groups, PAIR_LEN, Pairs, group_count, outboard_bytes, shape, walk,
};
use super::wire::{BrokenOff, HEAD_LEN, SEGMENT_HEAD_LEN, STATUS_HERE, head};

/// A buffer with less room than this is sent before an item goes on.
pub(crate) const ROOM_MIN: usize = HEAD_LEN + SEGMENT_HEAD_LEN + GROUP_LEN + PAIR_LEN;

/// How far an item came; the number says where the buffer's free part begins.
#[derive(Debug)]
pub(crate) enum Filled {
    /// The buffer is full, there is more.
    More(usize),
    /// Everything that was asked for is in this buffer or in those before.
    All(usize),
    /// It ends here, and the answer says so.
    BrokenOff(usize, BrokenOff),
}

/// Where data and pairs come from.
enum Body {
    /// A small file, hashed as a whole when it was opened.
    Memory { data: Vec<u8>, pairs: Vec<u8> },
    /// A file of one group, or a large one and its sidecar.
    File { sidecar: Option<File>, window: Pairs, rebuilt: bool },
}

/// One item being served.
pub(crate) struct Encoder {
    root: ContentHash,
    bytes: u64,
    file: File,
    body: Body,
    tree: BaoTree,
    elements: ResponseIter,
    /// An element for which the last buffer had no room.
    next: Option<BaoChunk>,
    check: Check,
    head_sent: bool,
    outboards: Arc<Outboards>,
}

impl Encoder {
    /// Prepares an item; reads a small file, or finds or makes the sidecar of a large one.
    pub(crate) fn open(
        file: File,
        root: ContentHash,
        bytes: u64,
        groups: &Groups,
        outboards: &Arc<Outboards>,
    ) -> Result<Self, BrokenOff> {
        if file.metadata().map_err(|_| BrokenOff::Unreadable)?.len() != bytes {
            return Err(BrokenOff::Damaged);
        }
        let hash = Hash::from_bytes(*root.as_bytes());
        let body = if group_count(bytes) == 1 {
            Body::File { sidecar: None, window: Pairs::default(), rebuilt: false }
        } else if bytes <= SIDECAR_FROM_BYTES {
            read_small(&file, hash, bytes)?
        } else {
            let sidecar = outboards.open(&root, bytes, &file).map_err(broken_off)?;
            Body::File { sidecar: Some(sidecar), window: Pairs::default(), rebuilt: false }
        };
        let outboards = Arc::clone(outboards);
        let (tree, elements, check) = (shape(bytes), walk(bytes, groups), Check::new(hash));
        Ok(Self { root, bytes, file, body, tree, elements, next: None, check, head_sent: false, outboards })
    }

    /// Goes on from `at`, where at least [`ROOM_MIN`] bytes are free.
    pub(crate) fn fill(&mut self, buffer: &mut [u8], mut at: usize) -> Filled {
        if !self.head_sent {
            buffer[at..at + HEAD_LEN].copy_from_slice(&head(STATUS_HERE, self.bytes));
            at += HEAD_LEN;
            self.head_sent = true;
        }
        let start = at + SEGMENT_HEAD_LEN;
        let (end, outcome) = self.segment(buffer, start);
        let done = match outcome {
            Ok(done) => done,
            // Nothing of this segment is said: what was proved in it comes from somebody else.
            Err(why) => return Filled::BrokenOff(say_broken_off(buffer, at, why), why),
        };
        let end = if end == start {
            at
        } else {
            let len = u32::try_from(end - start).unwrap_or(0);
            buffer[at..start].copy_from_slice(&len.to_le_bytes());
            end
        };
        if done { Filled::All(end) } else { Filled::More(end) }
    }

    /// Writes elements while there is room; where it stopped, and whether there are no more.
    fn segment(&mut self, buffer: &mut [u8], mut at: usize) -> (usize, Result<bool, BrokenOff>) {
        loop {
            let Some(element) = self.next.take().or_else(|| self.elements.next()) else {
                return (at, Ok(true));
            };
            let len = element.size();
            let Some(room) = buffer.get_mut(at..at + len) else {
                self.next = Some(element);
                return (at, Ok(false));
            };
            if let Err(why) = self.element(&element, room) {
                return (at, Err(why));
            }
            at += len;
        }
    }

    fn element(&mut self, element: &BaoChunk, room: &mut [u8]) -> Result<(), BrokenOff> {
        match *element {
            BaoChunk::Parent { node, is_root, left, right, .. } => {
                let index = self.tree.pre_order_offset(node).ok_or(BrokenOff::Unreadable)?;
                loop {
                    let pair = self.pair(index)?;
                    if self.check.pair(&pair, is_root, left, right) {
                        room.copy_from_slice(&pair);
                        return Ok(());
                    }
                    self.replace_sidecar()?;
                }
            }
            BaoChunk::Leaf { start_chunk, is_root, .. } => {
                let at = start_chunk.to_bytes();
                if let Body::Memory { data, .. } = &self.body {
                    let at = usize::try_from(at).map_err(|_| BrokenOff::Unreadable)?;
                    room.copy_from_slice(data.get(at..at + room.len()).ok_or(BrokenOff::Damaged)?);
                } else {
                    self.file.read_exact_at(room, at).map_err(|error| read_failed(&error))?;
                }
                let proved = self.check.group(start_chunk.0, room, is_root);
                if proved { Ok(()) } else { Err(BrokenOff::Damaged) }
            }
        }
    }

    fn pair(&mut self, index: u64) -> Result<[u8; PAIR_LEN], BrokenOff> {
        match &mut self.body {
            Body::Memory { pairs, .. } => {
                let at = usize::try_from(index).unwrap_or(usize::MAX).saturating_mul(PAIR_LEN);
                let found = pairs.get(at..at.saturating_add(PAIR_LEN)).ok_or(BrokenOff::Unreadable)?;
                let mut pair = [0; PAIR_LEN];
                pair.copy_from_slice(found);
                Ok(pair)
            }
            Body::File { sidecar: Some(sidecar), window, .. } => {
                window.read(sidecar, 0, index).map_err(|_| BrokenOff::Unreadable)
            }
            Body::File { sidecar: None, .. } => Err(BrokenOff::Unreadable),
        }
    }

    /// A pair that the root does not prove means a wrong sidecar, once; a new one holds what the root says.
    fn replace_sidecar(&mut self) -> Result<(), BrokenOff> {
        match &mut self.body {
            Body::File { sidecar, window, rebuilt } if !*rebuilt => {
                tracing::info!(root = %self.root, "the kept hashes of a file are wrong; making them again");
                let made = self.outboards.rebuild(&self.root, self.bytes, &self.file);
                *sidecar = Some(made.map_err(broken_off)?);
                *window = Pairs::default();
                *rebuilt = true;
                Ok(())
            }
            Body::File { .. } | Body::Memory { .. } => Err(BrokenOff::Damaged),
        }
    }
}

/// Writes at `at` that the item ends here: a segment of no bytes and the reason.
pub(crate) fn say_broken_off(buffer: &mut [u8], at: usize, why: BrokenOff) -> usize {
    buffer[at..at + SEGMENT_HEAD_LEN].fill(0);
    buffer[at + SEGMENT_HEAD_LEN] = why as u8;
    at + SEGMENT_HEAD_LEN + 1
}

fn read_small(file: &File, root: Hash, bytes: u64) -> Result<Body, BrokenOff> {
    let mut data = vec![0; usize::try_from(bytes).map_err(|_| BrokenOff::Unreadable)?];
    file.read_exact_at(&mut data, 0).map_err(|error| read_failed(&error))?;
    let mut pairs = vec![0; usize::try_from(outboard_bytes(bytes)).unwrap_or(0)];
    let mut read = |group: u64, buffer: &mut [u8]| {
        let at = usize::try_from(group * GROUP_BYTES).unwrap_or(usize::MAX);
        let found = data.get(at..at.saturating_add(buffer.len())).ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(found);
        Ok(())
    };
    let mut write = |index: u64, some: &[u8]| {
        let at = usize::try_from(index).unwrap_or(usize::MAX).saturating_mul(PAIR_LEN);
        let room = pairs.get_mut(at..at.saturating_add(some.len())).ok_or(io::ErrorKind::InvalidData)?;
        room.copy_from_slice(some);
        Ok(())
    };
    let found = Builder { bytes, read: &mut read, write: &mut write }.run();
    match found {
        Ok(found) if found == root => Ok(Body::Memory { data, pairs }),
        _ => Err(BrokenOff::Damaged),
    }
}

fn broken_off(error: OutboardError) -> BrokenOff {
    match error {
        OutboardError::Damaged => BrokenOff::Damaged,
        OutboardError::Io(error) => {
            tracing::warn!(%error, "the hashes of a file cannot be kept");
            BrokenOff::Unreadable
        }
    }
}

fn read_failed(error: &io::Error) -> BrokenOff {
    if error.kind() == io::ErrorKind::UnexpectedEof { BrokenOff::Damaged } else { BrokenOff::Unreadable }
}

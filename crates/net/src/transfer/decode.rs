//! The fetching side of one stream: takes bytes as the network gives them, lets only proved groups reach a part file.
//!
//! Groups are proved where they lie in the network's buffer and written with one call a buffer. The pairs that prove
//! them are written first: after a crash at any moment each group that is on the disk can be proved again.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use bao_tree::BaoTree;
use bao_tree::iter::{BaoChunk, ResponseIter};

use super::part::{PairRun, Part};
use super::report::Fault;
use super::tree::{Check, Groups, PAIR_LEN, group_of, shape, walk};
use super::wire::{
    BrokenOff, HEAD_LEN, Request, SEGMENT_BYTES_MAX, SEGMENT_HEAD_LEN, STATUS_HERE, STATUS_NOT_HERE,
    read_head,
};

/// Some groups of one item, as they are asked for.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    pub(crate) id: u64,
    pub(crate) part: Arc<Part>,
    pub(crate) groups: Groups,
}

impl Piece {
    pub(crate) fn bytes(&self) -> u64 {
        self.groups.bytes(self.part.wanted.bytes)
    }

    pub(crate) fn request(&self) -> Request {
        let wanted = &self.part.wanted;
        Request {
            token: wanted.token.clone(),
            root: wanted.root,
            bytes: wanted.bytes,
            groups: self.groups.clone(),
        }
    }
}

/// What happened while bytes were taken.
#[derive(Debug)]
pub(crate) enum Event {
    /// So many bytes of this item are on the disk that were not.
    Wrote { item: usize, bytes: u64 },
    /// Everything asked for with this piece has come.
    Done(u64),
    /// The provider has it not, or not for us.
    NotHere(u64),
    /// The provider could not go on with this piece.
    BrokenOff(u64),
    /// Our own disk did not take it.
    Disk { item: usize, error: io::Error },
}

struct Current {
    piece: Piece,
    tree: BaoTree,
    elements: ResponseIter,
    next: Option<BaoChunk>,
    check: Check,
    segment_left: usize,
    broken_off: bool,
    /// The disk failed: what comes is proved, to stay in step, and dropped.
    dropped: bool,
    pairs: Vec<PairRun>,
}

/// Groups of the current item that lie in one buffer and follow each other.
#[derive(Default)]
struct Run<'a> {
    first: u64,
    data: Vec<&'a [u8]>,
}

/// What taking bytes led to.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) events: Vec<Event>,
    /// Items of which all bytes are written; they are not synced yet.
    pub(crate) whole: Vec<Arc<Part>>,
}

/// A push decoder. After an error it is not used again.
#[derive(Default)]
pub(crate) struct Decoder {
    waiting: VecDeque<Piece>,
    current: Option<Current>,
    /// The beginning of an element whose end has not come yet.
    carry: Vec<u8>,
}

impl Decoder {
    /// Expects an answer to this piece after all that is expected already.
    pub(crate) fn expect(&mut self, piece: Piece) {
        self.waiting.push_back(piece);
    }

    /// Takes bytes; says what they meant.
    pub(crate) fn push(&mut self, mut data: &[u8], outcome: &mut Outcome) -> Result<(), Fault> {
        let mut run = Run::default();
        loop {
            self.settle(&mut run, outcome)?;
            let Some(need) = self.need()? else { break };
            if self.carry.is_empty() && data.len() >= need {
                let (element, rest) = data.split_at(need);
                data = rest;
                self.take(element, &mut run, outcome)?;
                continue;
            }
            let (begin, rest) = data.split_at((need - self.carry.len()).min(data.len()));
            self.carry.extend_from_slice(begin);
            data = rest;
            if self.carry.len() < need {
                break;
            }
            self.flush(&mut run, outcome);
            let mut whole = std::mem::take(&mut self.carry);
            let mut alone = Run::default();
            self.take(&whole, &mut alone, outcome)?;
            self.flush(&mut alone, outcome);
            whole.clear();
            self.carry = whole;
        }
        self.flush(&mut run, outcome);
        if data.is_empty() { Ok(()) } else { Err(Fault::TooMuch) }
    }

    /// Ends the current item if nothing of it is to come, and those after it that have no bytes.
    fn settle(&mut self, run: &mut Run<'_>, outcome: &mut Outcome) -> Result<(), Fault> {
        let Some(current) = &mut self.current else { return Ok(()) };
        if current.next.is_none() {
            current.next = current.elements.next();
        }
        if let Some(BaoChunk::Leaf { size: 0, is_root, start_chunk, .. }) = current.next {
            // The one group of an empty file: proved by nothing at all.
            if !current.check.group(start_chunk.0, &[], is_root) {
                return Err(current.wrong_bytes());
            }
            current.next = None;
            write(current, 0, &[], outcome);
        }
        if current.next.is_some() {
            return Ok(());
        }
        if current.segment_left != 0 {
            return Err(Fault::Malformed("a segment is longer than its item"));
        }
        self.flush(run, outcome);
        if let Some(ended) = self.current.take() {
            outcome.events.push(Event::Done(ended.piece.id));
        }
        Ok(())
    }

    /// How many bytes the next element has; nothing when nothing is expected.
    fn need(&self) -> Result<Option<usize>, Fault> {
        let Some(current) = &self.current else {
            return Ok((!self.waiting.is_empty()).then_some(HEAD_LEN));
        };
        if current.broken_off {
            return Ok(Some(1));
        }
        if current.segment_left == 0 {
            return Ok(Some(SEGMENT_HEAD_LEN));
        }
        let len = current.next.as_ref().map_or(0, BaoChunk::size);
        if len > current.segment_left {
            return Err(Fault::Malformed("a segment ends inside an element"));
        }
        Ok(Some(len))
    }

    fn take<'a>(&mut self, element: &'a [u8], run: &mut Run<'a>, outcome: &mut Outcome) -> Result<(), Fault> {
        let Some(current) = &mut self.current else { return self.begin(element, outcome) };
        if current.broken_off {
            BrokenOff::from_byte(element[0]).ok_or(Fault::Malformed("no such reason"))?;
            self.flush(run, outcome);
            if let Some(ended) = self.current.take() {
                outcome.events.push(Event::BrokenOff(ended.piece.id));
            }
            return Ok(());
        }
        if current.segment_left == 0 {
            let mut len = [0; SEGMENT_HEAD_LEN];
            len.copy_from_slice(element);
            let len = usize::try_from(u32::from_le_bytes(len)).unwrap_or(usize::MAX);
            if len > SEGMENT_BYTES_MAX {
                return Err(Fault::Malformed("a segment is too long"));
            }
            current.segment_left = len;
            current.broken_off = len == 0;
            return Ok(());
        }
        current.segment_left -= element.len();
        self.element(element, run, outcome)
    }

    fn begin(&mut self, head: &[u8], outcome: &mut Outcome) -> Result<(), Fault> {
        let Some(piece) = self.waiting.pop_front() else { return Err(Fault::TooMuch) };
        match read_head(head) {
            (STATUS_HERE, bytes) => {
                let wanted = piece.part.wanted.bytes;
                if bytes != wanted {
                    return Err(Fault::WrongSize { item: piece.part.item, bytes, wanted });
                }
                self.current = Some(Current {
                    tree: shape(bytes),
                    elements: walk(bytes, &piece.groups),
                    next: None,
                    check: Check::new(piece.part.hash()),
                    segment_left: 0,
                    broken_off: false,
                    dropped: false,
                    pairs: Vec::new(),
                    piece,
                });
                Ok(())
            }
            (STATUS_NOT_HERE, 0) => {
                outcome.events.push(Event::NotHere(piece.id));
                Ok(())
            }
            _ => Err(Fault::Malformed("no such status")),
        }
    }

    /// Proves a pair or a group.
    fn element<'a>(
        &mut self,
        element: &'a [u8],
        run: &mut Run<'a>,
        outcome: &mut Outcome,
    ) -> Result<(), Fault> {
        let Some(current) = &mut self.current else { return Ok(()) };
        match current.next.take() {
            Some(BaoChunk::Parent { node, is_root, left, right, .. }) => {
                let mut pair = [0; PAIR_LEN];
                pair.copy_from_slice(element);
                if !current.check.pair(&pair, is_root, left, right) {
                    return Err(current.wrong_bytes());
                }
                current.keep_pair(current.tree.pre_order_offset(node), &pair);
            }
            Some(BaoChunk::Leaf { start_chunk, is_root, .. }) => {
                if !current.check.group(start_chunk.0, element, is_root) {
                    return Err(current.wrong_bytes());
                }
                let group = group_of(start_chunk.0);
                if group != run.first + run.data.len() as u64 {
                    self.flush(run, outcome);
                }
                if run.data.is_empty() {
                    run.first = group;
                }
                run.data.push(element);
            }
            None => {}
        }
        Ok(())
    }

    fn flush(&mut self, run: &mut Run<'_>, outcome: &mut Outcome) {
        let data = std::mem::take(&mut run.data);
        if let Some(current) = &mut self.current
            && !data.is_empty()
        {
            write(current, run.first, &data, outcome);
        }
    }
}

impl Current {
    fn wrong_bytes(&self) -> Fault {
        Fault::WrongBytes { item: self.piece.part.item }
    }

    fn keep_pair(&mut self, index: Option<u64>, pair: &[u8; PAIR_LEN]) {
        let Some(index) = index else { return };
        if let Some(run) = self.pairs.last_mut()
            && run.index + (run.pairs.len() / PAIR_LEN) as u64 == index
        {
            run.pairs.extend_from_slice(pair);
        } else {
            self.pairs.push(PairRun { index, pairs: pair.to_vec() });
        }
    }
}

fn write(current: &mut Current, first: u64, data: &[&[u8]], outcome: &mut Outcome) {
    let pairs = std::mem::take(&mut current.pairs);
    if current.dropped {
        return;
    }
    let part = &current.piece.part;
    // An empty file's one group has no bytes.
    let count = (data.len() as u64).max(1);
    match part.write(first..first + count, data, &pairs) {
        Ok(wrote) => {
            if wrote.fresh > 0 {
                outcome.events.push(Event::Wrote { item: part.item, bytes: wrote.fresh });
            }
            if wrote.completed {
                outcome.whole.push(Arc::clone(part));
            }
        }
        Err(error) => {
            current.dropped = true;
            outcome.events.push(Event::Disk { item: part.item, error });
        }
    }
}

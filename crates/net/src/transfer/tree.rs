//! The BLAKE3 tree over groups of 16 KiB: which groups, in which order, and whether they are the right ones.
//!
//! A file of `n` groups has `n − 1` inner nodes, each a *pair* of 32-byte values. Pairs in pre-order (a node, its left
//! side, its right side) make the file's *outboard*; the root hash proves a pair, a pair proves two more or two groups.
//! Both sides of a transfer walk the same tree in the same order ([`walk`]) and check what they see with a [`Check`].

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use bao_tree::iter::ResponseIter;
use bao_tree::{BaoTree, BlockSize, ChunkNum, ChunkRanges};
use blake3::Hash;
use blake3::hazmat::{self, HasherExt, Mode};

/// Bytes of a group: the unit that is proved, asked for and kept.
pub const GROUP_BYTES: u64 = 16 * 1024;

/// The same as a length in memory.
pub(crate) const GROUP_LEN: usize = 16 * 1024;

/// The largest file that is asked for or served: 16 TiB.
pub const FILE_BYTES_MAX: u64 = 1 << 44;

/// Two 32-byte values: an inner node.
pub(crate) const PAIR_LEN: usize = 64;

/// Log2 of the chunks (1 KiB, BLAKE3's own unit) in a group.
const CHUNKS_LOG: u8 = 4;

/// The shape of the tree of a file with so many bytes.
pub(crate) fn shape(bytes: u64) -> BaoTree {
    BaoTree::new(bytes, BlockSize::from_chunk_log(CHUNKS_LOG))
}

/// How many groups a file has; an empty file has one, of no bytes.
pub(crate) fn group_count(bytes: u64) -> u64 {
    bytes.div_ceil(GROUP_BYTES).max(1)
}

/// How many bytes the outboard of a file takes.
pub(crate) fn outboard_bytes(bytes: u64) -> u64 {
    (group_count(bytes) - 1) * PAIR_LEN as u64
}

/// How many bytes one group of a file has.
pub(crate) fn group_len(bytes: u64, group: u64) -> usize {
    let left = bytes.saturating_sub(group * GROUP_BYTES).min(GROUP_BYTES);
    usize::try_from(left).unwrap_or(GROUP_LEN)
}

/// The group that begins with this chunk.
pub(crate) fn group_of(chunk: u64) -> u64 {
    chunk >> CHUNKS_LOG
}

/// How many groups lie on the left side of an inner node over `count` groups.
fn left_count(count: u64) -> u64 {
    count.next_power_of_two() / 2
}

/// The value of one group.
pub(crate) fn group_value(first_chunk: u64, data: &[u8], is_root: bool) -> Hash {
    if is_root {
        return blake3::hash(data);
    }
    let mut hasher = blake3::Hasher::new();
    hasher.set_input_offset(first_chunk * 1024);
    hasher.update(data);
    Hash::from(hasher.finalize_non_root())
}

/// The value of a pair.
pub(crate) fn pair_value(pair: &[u8; PAIR_LEN], is_root: bool) -> Hash {
    let (left, right) = halves(pair);
    if is_root {
        hazmat::merge_subtrees_root(&left, &right, Mode::Hash)
    } else {
        Hash::from(hazmat::merge_subtrees_non_root(&left, &right, Mode::Hash))
    }
}

fn halves(pair: &[u8; PAIR_LEN]) -> ([u8; 32], [u8; 32]) {
    let (mut left, mut right) = ([0; 32], [0; 32]);
    left.copy_from_slice(&pair[..32]);
    right.copy_from_slice(&pair[32..]);
    (left, right)
}

/// Groups of one file, by number: a set of ranges.
#[derive(Debug, Clone, PartialEq, Eq)]
// The library's range set is used with group numbers in the place of chunk numbers.
pub(crate) struct Groups(ChunkRanges);

impl Groups {
    pub(crate) fn none() -> Self {
        Self(ChunkRanges::empty())
    }

    pub(crate) fn all(bytes: u64) -> Self {
        Self::range(0..group_count(bytes))
    }

    pub(crate) fn range(range: Range<u64>) -> Self {
        Self(ChunkRanges::from(ChunkNum(range.start)..ChunkNum(range.end)))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn add(&mut self, range: Range<u64>) {
        self.0 |= Self::range(range).0;
    }

    pub(crate) fn remove(&mut self, range: Range<u64>) {
        self.0 -= Self::range(range).0;
    }

    pub(crate) fn both(&self, other: &Self) -> Self {
        Self(&self.0 & &other.0)
    }

    pub(crate) fn without(&self, other: &Self) -> Self {
        Self(&self.0 - &other.0)
    }

    /// The ranges in ascending order; none is empty, none touches the next.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        self.0.boundaries().chunks_exact(2).map(|pair| pair[0].0..pair[1].0)
    }

    /// How many bytes of a file of `bytes` they cover.
    pub(crate) fn bytes(&self, bytes: u64) -> u64 {
        self.ranges().map(|range| (range.end * GROUP_BYTES).min(bytes) - range.start * GROUP_BYTES).sum()
    }

    /// Cuts off the first `groups_max` groups, of at most `ranges_max` ranges.
    pub(crate) fn split_front(&mut self, groups_max: u64, ranges_max: usize) -> Self {
        let mut front = Self::none();
        let mut left = groups_max;
        for range in self.ranges().take(ranges_max) {
            let end = range.end.min(range.start + left);
            front.add(range.start..end);
            left -= end - range.start;
            if left == 0 {
                break;
            }
        }
        *self = self.without(&front);
        front
    }
}

/// The elements (pairs and groups) of an answer for these groups, in the order of the wire.
pub(crate) fn walk(bytes: u64, groups: &Groups) -> ResponseIter {
    let count = group_count(bytes);
    let mut chunks = ChunkRanges::empty();
    for range in groups.ranges() {
        let start = ChunkNum(range.start << CHUNKS_LOG);
        // Up to the end is written as an open range: the last group may be shorter than the others.
        chunks |= if range.end >= count {
            ChunkRanges::from(start..)
        } else {
            ChunkRanges::from(start..ChunkNum(range.end << CHUNKS_LOG))
        };
    }
    ResponseIter::new(shape(bytes), chunks)
}

/// Proves elements in the order of the wire, from the root hash down.
#[derive(Debug)]
pub(crate) struct Check {
    expected: Vec<Hash>,
}

impl Check {
    pub(crate) fn new(root: Hash) -> Self {
        Self { expected: vec![root] }
    }

    /// Whether this pair is the one that belongs here; if not, nothing has changed and another may be tried.
    pub(crate) fn pair(&mut self, pair: &[u8; PAIR_LEN], is_root: bool, left: bool, right: bool) -> bool {
        if self.expected.last() != Some(&pair_value(pair, is_root)) {
            return false;
        }
        self.expected.pop();
        let (left_value, right_value) = halves(pair);
        if right {
            self.expected.push(Hash::from_bytes(right_value));
        }
        if left {
            self.expected.push(Hash::from_bytes(left_value));
        }
        true
    }

    /// Whether this group is the one that belongs here.
    pub(crate) fn group(&mut self, first_chunk: u64, data: &[u8], is_root: bool) -> bool {
        self.expected.pop() == Some(group_value(first_chunk, data, is_root))
    }
}

/// Reads pairs of an outboard that lies in a file from `base` on; a few at a time, many once they follow each other.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    window: Vec<u8>,
    start: u64,
}

impl Pairs {
    const JUMP_LEN: usize = 1024;
    const STREAM_LEN: usize = 32 * 1024;

    /// Pair number `index`. What lies behind the end of the file reads as zeros, which prove nothing.
    pub(crate) fn read(&mut self, file: &File, base: u64, index: u64) -> io::Result<[u8; PAIR_LEN]> {
        let at = base + index * PAIR_LEN as u64;
        let end = self.start + self.window.len() as u64;
        if at < self.start || at + PAIR_LEN as u64 > end {
            let len = if at == end && end > 0 { Self::STREAM_LEN } else { Self::JUMP_LEN };
            self.window.clear();
            self.window.resize(len, 0);
            read_up_to(file, &mut self.window, at)?;
            self.start = at;
        }
        let offset = usize::try_from(at - self.start).unwrap_or(0);
        let mut pair = [0; PAIR_LEN];
        pair.copy_from_slice(&self.window[offset..offset + PAIR_LEN]);
        Ok(pair)
    }
}

fn read_up_to(file: &File, buffer: &mut [u8], at: u64) -> io::Result<()> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], at + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The value of a file that can be read by groups, and its pairs in pre-order.
pub(crate) struct Builder<'a> {
    /// Bytes of the file.
    pub(crate) bytes: u64,
    /// Reads group number so-and-so into a buffer of its length.
    pub(crate) read: &'a mut dyn FnMut(u64, &mut [u8]) -> io::Result<()>,
    /// Takes pairs that follow each other: the number of the first, then the pairs.
    pub(crate) write: &'a mut dyn FnMut(u64, &[u8]) -> io::Result<()>,
}

impl Builder<'_> {
    /// Groups whose pairs are collected in memory and written together (64 MiB of file, 256 KiB of pairs).
    const TOGETHER: u64 = 4096;

    /// Reads the file once and returns its root hash.
    pub(crate) fn run(&mut self) -> io::Result<Hash> {
        self.node(0, group_count(self.bytes), 0, true)
    }

    fn node(&mut self, first: u64, count: u64, index: u64, is_root: bool) -> io::Result<Hash> {
        if count <= Self::TOGETHER {
            let len = usize::try_from(count - 1).unwrap_or(0) * PAIR_LEN;
            let mut pairs = vec![0; len];
            let value = self.small(first, count, &mut pairs, is_root)?;
            if len > 0 {
                (self.write)(index, &pairs)?;
            }
            return Ok(value);
        }
        let left = left_count(count);
        let left_value = self.node(first, left, index + 1, false)?;
        let right_value = self.node(first + left, count - left, index + left, false)?;
        let pair = join(&left_value, &right_value);
        (self.write)(index, &pair)?;
        Ok(pair_value(&pair, is_root))
    }

    fn small(&mut self, first: u64, count: u64, pairs: &mut [u8], is_root: bool) -> io::Result<Hash> {
        if count == 1 {
            let mut group = [0; GROUP_LEN];
            let data = &mut group[..group_len(self.bytes, first)];
            (self.read)(first, data)?;
            return Ok(group_value(first << CHUNKS_LOG, data, is_root));
        }
        let left = left_count(count);
        let (own, rest) = pairs.split_at_mut(PAIR_LEN);
        let (left_pairs, right_pairs) = rest.split_at_mut(usize::try_from(left - 1).unwrap_or(0) * PAIR_LEN);
        let left_value = self.small(first, left, left_pairs, false)?;
        let right_value = self.small(first + left, count - left, right_pairs, false)?;
        let pair = join(&left_value, &right_value);
        own.copy_from_slice(&pair);
        Ok(pair_value(&pair, is_root))
    }
}

fn join(left: &Hash, right: &Hash) -> [u8; PAIR_LEN] {
    let mut pair = [0; PAIR_LEN];
    pair[..32].copy_from_slice(left.as_bytes());
    pair[32..].copy_from_slice(right.as_bytes());
    pair
}

/// Finds the groups of a part file that the root hash proves: the pairs lie in the same file from `base` on.
pub(crate) struct Search<'a> {
    file: &'a File,
    bytes: u64,
    base: u64,
    pairs: Pairs,
    found: Groups,
    stop: &'a dyn Fn() -> bool,
}

impl<'a> Search<'a> {
    /// Hashes what is there; `stop` is asked now and then and ends the search early.
    pub(crate) fn run(
        file: &'a File,
        root: Hash,
        bytes: u64,
        base: u64,
        stop: &'a dyn Fn() -> bool,
    ) -> io::Result<Groups> {
        let mut search = Self { file, bytes, base, pairs: Pairs::default(), found: Groups::none(), stop };
        search.node(0, group_count(bytes), 0, root, true)?;
        Ok(search.found)
    }

    fn node(&mut self, first: u64, count: u64, index: u64, expected: Hash, is_root: bool) -> io::Result<()> {
        if count == 1 {
            return self.group(first, expected, is_root);
        }
        let pair = self.pairs.read(self.file, self.base, index)?;
        if pair_value(&pair, is_root) != expected || (self.stop)() {
            return Ok(());
        }
        let (left_value, right_value) = halves(&pair);
        let left = left_count(count);
        self.node(first, left, index + 1, Hash::from_bytes(left_value), false)?;
        self.node(first + left, count - left, index + left, Hash::from_bytes(right_value), false)
    }

    fn group(&mut self, group: u64, expected: Hash, is_root: bool) -> io::Result<()> {
        let mut buffer = [0; GROUP_LEN];
        let data = &mut buffer[..group_len(self.bytes, group)];
        match self.file.read_exact_at(data, group * GROUP_BYTES) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        }
        if group_value(group << CHUNKS_LOG, data, is_root) == expected {
            self.found.add(group..group + 1);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bao_tree::io::outboard::PreOrderMemOutboard;

    use super::*;

    /// Sizes at which the tree changes its shape.
    const EDGES: &[u64] =
        &[0, 1, 1023, 1024, 1025, 16383, 16384, 16385, 32768, 49153, 1 << 20, (8 << 20) + 16385];

    fn data(bytes: u64) -> Vec<u8> {
        let mut state = 7_u32;
        let next = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_le_bytes()[3]
        };
        (0..bytes).map(next).collect()
    }

    fn build(data: &[u8]) -> (Hash, Vec<u8>) {
        let mut pairs = vec![0; usize::try_from(outboard_bytes(data.len() as u64)).unwrap()];
        let mut read = |group: u64, buffer: &mut [u8]| {
            let at = usize::try_from(group * GROUP_BYTES).unwrap();
            buffer.copy_from_slice(&data[at..at + buffer.len()]);
            Ok(())
        };
        let mut write = |index: u64, some: &[u8]| {
            let at = usize::try_from(index).unwrap() * PAIR_LEN;
            pairs[at..at + some.len()].copy_from_slice(some);
            Ok(())
        };
        let root = Builder { bytes: data.len() as u64, read: &mut read, write: &mut write }.run().unwrap();
        (root, pairs)
    }

    #[test]
    fn builds_the_same_root_and_outboard_as_the_library() {
        for &bytes in EDGES {
            let data = data(bytes);
            let (root, pairs) = build(&data);
            assert_eq!(root, blake3::hash(&data), "{bytes}");
            let library = PreOrderMemOutboard::create(&data, shape(bytes).block_size());
            assert_eq!(pairs, library.data, "{bytes}");
        }
    }

    #[test]
    fn large_trees_are_written_in_parts() {
        // More groups than are collected together, without the bytes: every group reads as zeros.
        let bytes = (Builder::TOGETHER + 3) * GROUP_BYTES - 5;
        let (mut written, mut calls) = (0, 0);
        let mut read = |_: u64, buffer: &mut [u8]| {
            buffer.fill(0);
            Ok(())
        };
        let mut write = |_: u64, some: &[u8]| {
            (written, calls) = (written + some.len() as u64, calls + 1);
            Ok(())
        };
        let root = Builder { bytes, read: &mut read, write: &mut write }.run().unwrap();
        assert_eq!(root, blake3::hash(&vec![0; usize::try_from(bytes).unwrap()]));
        assert_eq!((written, calls), (outboard_bytes(bytes), 3));
    }

    #[test]
    fn groups_are_a_set() {
        let bytes = 10 * GROUP_BYTES - 1;
        let mut groups = Groups::all(bytes);
        assert_eq!(groups.bytes(bytes), bytes);
        groups.remove(2..4);
        groups.remove(6..7);
        let front = groups.split_front(4, 8);
        assert_eq!(front.ranges().collect::<Vec<_>>(), [0..2, 4..6]);
        assert_eq!(groups, Groups::range(7..10));
        assert_eq!(groups.bytes(bytes), 3 * GROUP_BYTES - 1);
        assert_eq!(groups.clone().split_front(100, 1), groups);
    }
}

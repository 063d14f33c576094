//! What only fuzz targets may reach: the reader of requests, and the decoder of answers for a file that is known.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bao_tree::io::outboard::PreOrderMemOutboard;
use bao_tree::iter::BaoChunk;
use heirloom_identity::ContentHash;

use super::decode::{Decoder, Event, Outcome, Piece};
use super::part::{Part, Wanted};
use super::tree::{Groups, PAIR_LEN, shape, walk};
use super::wire::{REQUEST_BYTES_MAX, Request, RequestError, SEGMENT_BYTES_MAX, STATUS_HERE, head};

/// Elements of an answer that are looked at, of which a large file has billions.
const ELEMENTS_MAX: usize = 1000;

/// Reads a request at the beginning of `bytes`, writes it again, and says how long it was.
///
/// # Errors
/// As the reader.
pub fn request_again(bytes: &[u8]) -> Result<Option<(Vec<u8>, usize)>, RequestError> {
    let Some((request, length)) = Request::decode(bytes)? else { return Ok(None) };
    assert!(length <= bytes.len() && length <= REQUEST_BYTES_MAX);
    assert!(request.groups.bytes(request.bytes) <= request.bytes);
    assert!(walk(request.bytes, &request.groups).take(ELEMENTS_MAX).count() > 0);
    let mut written = Vec::new();
    request.encode(&mut written);
    assert_eq!(Request::decode(&written), Ok(Some((request, written.len()))));
    Ok(Some((written, length)))
}

/// A file that another home has and this one wants.
pub struct File {
    bytes: Vec<u8>,
    tree: PreOrderMemOutboard<Vec<u8>>,
    folder: PathBuf,
}

/// What came of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Came {
    /// Whether the decoder found nothing amiss.
    pub is_right: bool,
    /// Whether everything that was asked for came.
    pub is_done: bool,
    /// The groups that are on the disk now, each as it is there.
    pub written: Vec<(u64, Vec<u8>)>,
}

impl File {
    /// A file with these bytes; what is fetched of it is written into the folder.
    #[must_use]
    pub fn new(bytes: Vec<u8>, folder: &Path) -> Self {
        let tree = PreOrderMemOutboard::create(&bytes, shape(bytes.len() as u64).block_size());
        Self { bytes, tree, folder: folder.to_owned() }
    }

    /// The true answer for groups, in segments of about so many bytes.
    #[must_use]
    pub fn answer(&self, groups: &[(u8, u8)], segment_bytes: u16) -> Vec<u8> {
        let size = self.bytes.len() as u64;
        let mut answer = head(STATUS_HERE, size).to_vec();
        let mut segment = Vec::new();
        for element in walk(size, &self.groups(groups)) {
            match element {
                BaoChunk::Parent { node, .. } => {
                    let pair =
                        self.tree.tree.pre_order_offset(node).map_or(0, |pair| pair as usize * PAIR_LEN);
                    segment.extend_from_slice(&self.tree.data[pair..pair + PAIR_LEN]);
                }
                BaoChunk::Leaf { start_chunk, size, .. } => {
                    let start = start_chunk.0 as usize * 1024;
                    segment.extend_from_slice(&self.bytes[start..start + size]);
                }
            }
            if segment.len() > usize::from(segment_bytes).min(SEGMENT_BYTES_MAX / 2) {
                end_segment(&mut segment, &mut answer);
            }
        }
        end_segment(&mut segment, &mut answer);
        answer
    }

    /// Takes an answer for groups in pieces of these sizes, again and again.
    ///
    /// # Panics
    /// When the folder can't be written to.
    #[must_use]
    pub fn take(&self, groups: &[(u8, u8)], answer: &[u8], pieces: &[u16]) -> Came {
        let path = self.folder.join("part");
        std::fs::remove_file(&path).unwrap_or_default();
        let root = ContentHash::from_bytes(*self.tree.root.as_bytes());
        let bytes = self.bytes.len() as u64;
        let wanted = Wanted { token: Vec::new(), root, bytes, part: path.clone(), done: None };
        let part = Arc::new(Part::prepare(0, wanted, &|| false).expect("there is no file yet"));
        let mut decoder = Decoder::default();
        decoder.expect(Piece { id: 1, part: Arc::clone(&part), groups: self.groups(groups) });
        let (mut outcome, mut rest, mut is_right) = (Outcome::default(), answer, true);
        let mut pieces = pieces.iter().map(|piece| usize::from(*piece) + 1).cycle();
        while is_right && !rest.is_empty() {
            let (piece, after) = rest.split_at(pieces.next().unwrap_or(rest.len()).min(rest.len()));
            is_right = decoder.push(piece, &mut outcome).is_ok();
            rest = after;
        }
        let is_done = outcome.events.iter().any(|event| matches!(event, Event::Done(1)));
        let here = Groups::all(bytes).without(&part.missing());
        let file = std::fs::read(&path).unwrap_or_default();
        // Behind the last group lie the pairs, as long as anything is missing.
        let group = |group: u64| {
            let held = file.get(group as usize * 16_384..).unwrap_or_default();
            (group, held.iter().take(self.group(group).len()).copied().collect())
        };
        let written = here.ranges().flatten().filter(|_| bytes > 0).map(group).collect();
        Came { is_right, is_done, written }
    }

    /// What stands in these groups.
    #[must_use]
    pub fn group(&self, group: u64) -> &[u8] {
        let start = group as usize * 16_384;
        &self.bytes[start..(start + 16_384).min(self.bytes.len())]
    }

    fn groups(&self, groups: &[(u8, u8)]) -> Groups {
        let count = Groups::all(self.bytes.len() as u64).ranges().map(|range| range.end).max().unwrap_or(1);
        let mut wanted = Groups::none();
        for (first, length) in groups {
            let first = u64::from(*first) % count;
            wanted.add(first..(first + 1 + u64::from(*length) % count).min(count));
        }
        if wanted.is_empty() { Groups::all(self.bytes.len() as u64) } else { wanted }
    }
}

fn end_segment(segment: &mut Vec<u8>, answer: &mut Vec<u8>) {
    if !segment.is_empty() {
        answer.extend_from_slice(&(segment.len() as u32).to_le_bytes());
        answer.append(segment);
    }
}

//! Finding blobs: all segments' entries, sorted by blob.

use std::fmt;

use heirloom_identity::ContentHash;

use super::Segment;
use crate::blob::{BlobKind, Entry, Located, PackRef};

/// Which blobs there are and where. About 80 bytes of memory an entry.
#[derive(Clone, Default)]
pub struct Index {
    packs: Vec<PackRef>,
    /// Sorted by blob and place in the blob; the number is the pack's place in `packs`.
    entries: Vec<(Entry, u32)>,
}

impl Index {
    /// Indexes everything that the segments list and none of them drops.
    pub fn new(segments: &[Segment]) -> Self {
        let merged = Segment::merge(segments);
        let mut packs = Vec::with_capacity(merged.packs.len());
        let mut entries = Vec::new();
        for ((pack, held), number) in merged.packs.into_values().zip(0..) {
            packs.push(pack);
            entries.extend(held.into_iter().map(|entry| (entry, number)));
        }
        entries.sort_unstable_by_key(|(entry, number)| (entry.blob, entry.at, entry.bytes, *number));
        Self { packs, entries }
    }

    /// Where a blob is, or `None` when the packs don't hold all of it.
    ///
    /// A blob may stand in several packs, cut in several ways; the pieces that are given follow each other without
    /// overlapping, as few as can be told at each step.
    pub fn lookup(&self, blob: &ContentHash) -> Option<Located> {
        let start = self.entries.partition_point(|(entry, _)| entry.blob < *blob);
        let pieces = self.entries[start..].chunk_by(|(a, _), (b, _)| a.blob == b.blob).next()?;
        let (first, _) = pieces.first().filter(|(entry, _)| entry.blob == *blob)?;
        self.chain(pieces, first.kind, first.size)
    }

    /// Every blob of a kind, in the order of their hashes.
    pub fn of_kind(&self, kind: BlobKind) -> impl Iterator<Item = Located> {
        let blobs = self.entries.chunk_by(|(a, _), (b, _)| a.blob == b.blob);
        blobs.filter_map(move |pieces| {
            let (first, _) = pieces.iter().find(|(entry, _)| entry.kind == kind)?;
            self.chain(pieces, kind, first.size)
        })
    }

    /// Every pack.
    pub fn packs(&self) -> &[PackRef] {
        &self.packs
    }

    /// Pieces that lead from the blob's first byte to its last. `pieces` is sorted by where they begin.
    fn chain(&self, pieces: &[(Entry, u32)], kind: BlobKind, size: u64) -> Option<Located> {
        // From the end back: which piece to take at a place so that the rest is there too. Places descend.
        let mut leads: Vec<(u64, &(Entry, u32))> = Vec::new();
        for piece in pieces.iter().rev().filter(|(entry, _)| entry.size == size) {
            let (at, end) = (piece.0.at, piece.0.end());
            let goes_on = end == size || lead_at(&leads, end).is_some();
            // Of those at one place the longest comes first from behind.
            if goes_on && leads.last().is_none_or(|(start, _)| *start != at) {
                leads.push((at, piece));
            }
        }
        let mut located = Located { kind, blob: pieces.first()?.0.blob, size, pieces: Vec::new() };
        let mut at = 0;
        loop {
            let (entry, number) = lead_at(&leads, at)?;
            let pack = *self.packs.get(*number as usize)?;
            located.pieces.push((pack, Entry { kind, ..*entry }));
            at = entry.end();
            if at >= size {
                return Some(located);
            }
        }
    }
}

fn lead_at<'a>(leads: &[(u64, &'a (Entry, u32))], at: u64) -> Option<&'a (Entry, u32)> {
    let place = leads.partition_point(|(start, _)| *start > at);
    leads.get(place).filter(|(start, _)| *start == at).map(|(_, piece)| *piece)
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Index({} packs, {} entries)", self.packs.len(), self.entries.len())
    }
}

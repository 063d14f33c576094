//! Finding blobs: all segments' entries, sorted by blob.

use std::collections::HashSet;
use std::fmt;

use heirloom_identity::ContentHash;

use super::Segment;
use crate::blob::{BlobKind, Entry, Located, PackId, PackRef};

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

    /// Where a blob is besides these packs, which could not be read.
    pub fn lookup_without(&self, blob: &ContentHash, without: &HashSet<PackId>) -> Option<Located> {
        let start = self.entries.partition_point(|(entry, _)| entry.blob < *blob);
        let pieces = self.entries[start..].iter().take_while(|(entry, _)| entry.blob == *blob);
        let is_left =
            |number: u32| self.packs.get(number as usize).is_some_and(|pack| !without.contains(&pack.id));
        let pieces: Vec<_> = pieces.filter(|(_, number)| is_left(*number)).copied().collect();
        let (first, _) = pieces.first()?;
        self.chain(&pieces, first.kind, first.size)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn pack(name: &str, at: u64, bytes: u32) -> (PackRef, Vec<Entry>) {
        let id = PackId::of(name.as_bytes());
        let pack = PackRef { id, generation: 1, salt: [0; 32], bytes: 65_536 };
        let blob = ContentHash::of(b"blob");
        let entry = Entry { kind: BlobKind::Original, blob, size: 10, at, bytes, offset: 44, first_chunk: 0 };
        (pack, vec![entry])
    }

    #[test]
    fn a_blob_is_found_in_the_packs_that_are_left() {
        let packs = [pack("whole", 0, 10), pack("first", 0, 6), pack("second", 6, 4)];
        let index = Index::new(&[Segment::of(packs)]);
        let blob = ContentHash::of(b"blob");
        let found = |without: &[&str]| {
            let without = without.iter().map(|name| PackId::of(name.as_bytes())).collect();
            let located = index.lookup_without(&blob, &without)?;
            assert!(located.is_complete());
            Some(located.pieces.iter().map(|(pack, _)| pack.id).collect::<Vec<_>>())
        };
        let [whole, first, second] = ["whole", "first", "second"].map(|name| PackId::of(name.as_bytes()));
        assert_eq!(found(&["whole"]), Some(vec![first, second]));
        assert_eq!(found(&["first"]), Some(vec![whole]));
        assert_eq!(found(&["second"]), Some(vec![whole]));
        assert_eq!(found(&["whole", "second"]), None);
        assert_eq!(
            found(&[]),
            index.lookup(&blob).map(|it| it.pieces.iter().map(|(pack, _)| pack.id).collect())
        );
        assert_eq!(index.lookup_without(&ContentHash::of(b"other"), &HashSet::new()), None);
    }
}

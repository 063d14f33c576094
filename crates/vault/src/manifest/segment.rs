//! Segments: which packs there are, what they hold, and which are no longer needed.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::wire::{self, WireEntry, WirePack, checked_entries};
use super::{ManifestError, bounded};
use crate::blob::{Entry, PackId, PackRef};

/// How many packs a segment may list.
pub const SEGMENT_PACKS_MAX: usize = 4_096;
/// How many entries the packs of a segment may have together.
pub const SEGMENT_ENTRIES_MAX: usize = 131_072;
/// How many dropped packs a segment may name.
pub const SEGMENT_DROPPED_MAX: usize = 65_536;
/// How large a segment may be.
pub const SEGMENT_BYTES_MAX: usize = 12 << 20;
/// How many segments of one tier are merged into one of the next; see [`merge_due`].
const MERGE_WIDTH: usize = 8;

/// Packs written and packs dropped. Merging is a union in which dropped packs stay dropped, so it may happen in any order
/// and grouping.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Segment {
    /// Packs and everything they hold, by name.
    pub packs: BTreeMap<PackId, (PackRef, Vec<Entry>)>,
    /// Packs that are no longer needed, of this segment or of others. A pack that was dropped never comes back: what
    /// writes the same bytes again takes a new salt, and that is another pack.
    pub dropped: BTreeSet<PackId>,
}

#[derive(Serialize, Deserialize)]
struct WireSegment {
    packs: Vec<(WirePack, Vec<WireEntry>)>,
    dropped: Vec<PackId>,
}

impl Segment {
    /// Lists packs.
    pub fn of(packs: impl IntoIterator<Item = (PackRef, Vec<Entry>)>) -> Self {
        let packs = packs.into_iter().map(|(pack, entries)| (pack.id, (pack, entries))).collect();
        Self { packs, dropped: BTreeSet::new() }
    }

    /// Everything that some segments say, in one; perhaps more than one segment may say, see [`Segment::cut`].
    #[must_use]
    pub fn merge(segments: &[Self]) -> Self {
        let dropped: BTreeSet<_> = segments.iter().flat_map(|segment| &segment.dropped).copied().collect();
        let packs = segments.iter().flat_map(|segment| &segment.packs);
        let kept = packs.filter(|(id, _)| !dropped.contains(*id));
        Self { packs: kept.map(|(id, pack)| (*id, pack.clone())).collect(), dropped }
    }

    /// The same without the names of dropped packs: right when these are all the segments that a root lists.
    #[must_use]
    pub fn settled(mut self) -> Self {
        self.dropped.clear();
        self
    }

    /// Divides it into segments that each keep the limits. Merged they are what they were.
    pub fn cut(self) -> Vec<Self> {
        let (mut segments, mut last, mut entries) = (Vec::new(), Self::default(), 0);
        for (id, pack) in self.packs {
            entries += pack.1.len();
            if last.packs.len() >= SEGMENT_PACKS_MAX || entries > SEGMENT_ENTRIES_MAX {
                entries = pack.1.len();
                segments.push(std::mem::take(&mut last));
            }
            last.packs.insert(id, pack);
        }
        for id in self.dropped {
            if last.dropped.len() >= SEGMENT_DROPPED_MAX {
                segments.push(std::mem::take(&mut last));
            }
            last.dropped.insert(id);
        }
        segments.push(last);
        segments
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.packs.is_empty() && self.dropped.is_empty()
    }

    /// Its bytes, to be put into a pack as a blob.
    ///
    /// # Errors
    /// [`ManifestError::TooMany`] beyond the limits.
    pub fn encode(&self) -> Result<Vec<u8>, ManifestError> {
        self.check_counts()?;
        let packs = self.packs.values();
        let packs = packs.map(|(pack, entries)| (pack.into(), entries.iter().map(WireEntry::from).collect()));
        let wire = WireSegment { packs: packs.collect(), dropped: self.dropped.iter().copied().collect() };
        let encoded = wire::encode(&wire);
        bounded("bytes in a segment", encoded.len(), SEGMENT_BYTES_MAX)?;
        Ok(encoded)
    }

    /// Reads a segment. Packs and dropped packs are in ascending order, none twice.
    ///
    /// # Errors
    /// Any [`ManifestError`].
    pub fn decode(encoded: &[u8]) -> Result<Self, ManifestError> {
        let wire: WireSegment = wire::decode("bytes in a segment", encoded, SEGMENT_BYTES_MAX)?;
        let mut segment = Self::default();
        for (pack, entries) in wire.packs {
            let pack = pack.checked().ok_or(ManifestError::Malformed)?;
            let entries = checked_entries(entries, pack.bytes).ok_or(ManifestError::Malformed)?;
            if segment.packs.last_key_value().is_some_and(|(last, _)| *last >= pack.id) {
                return Err(ManifestError::Malformed);
            }
            segment.packs.insert(pack.id, (pack, entries));
        }
        if !wire.dropped.is_sorted_by(|before, after| before < after) {
            return Err(ManifestError::Malformed);
        }
        segment.dropped = wire.dropped.into_iter().collect();
        segment.check_counts()?;
        Ok(segment)
    }

    fn check_counts(&self) -> Result<(), ManifestError> {
        let entries = self.packs.values().map(|(_, entries)| entries.len()).sum();
        bounded("packs in a segment", self.packs.len(), SEGMENT_PACKS_MAX)?;
        bounded("entries in a segment", entries, SEGMENT_ENTRIES_MAX)?;
        bounded("dropped packs in a segment", self.dropped.len(), SEGMENT_DROPPED_MAX)
    }
}

/// Which segments to merge next, as positions in `bytes`, which has the size of every segment that the root lists.
/// Empty when none are due.
///
/// Segments of about one size (a factor of four) form a tier; eight of a tier are merged into one, so a pack is written
/// into a segment a few times in its life, and a root lists a few dozen segments at most.
pub fn merge_due(bytes: &[usize]) -> Vec<usize> {
    let mut tiers: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    // What is at a quarter of the limit stays: two of those might not fit into one.
    for (place, size) in bytes.iter().enumerate().filter(|(_, size)| **size < SEGMENT_BYTES_MAX / 4) {
        tiers.entry(size.checked_ilog2().unwrap_or(0) / 2).or_default().push(place);
    }
    tiers.into_values().find(|tier| tier.len() >= MERGE_WIDTH).unwrap_or_default()
}

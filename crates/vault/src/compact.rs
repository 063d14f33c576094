//! Which packs to write again together, and which to drop.
//!
//! New photos go out at once in small packs, and what a newer state of a database replaced stays behind in older packs. So
//! now and then small packs are merged and half-empty ones rewritten. A plan only names packs; whoever follows it writes
//! the new packs, has them proven, lists them, and only then drops the old ones.

use std::collections::BTreeMap;

use crate::blob::PackId;
use crate::pack::PACK_BYTES_MAX;

/// A pack of at least one part in this many of the largest isn't small: nothing is gained by merging it.
pub const SMALL_PARTS: u64 = 2;
/// How many small packs of about one size are merged even when they don't fill a pack together.
pub const SMALL_PACKS_MAX: usize = 16;
/// A pack of which less than one part in this many is still needed is written again.
pub const LIVE_PARTS: u64 = 2;
/// How much is written again after one plan, in bytes still needed, of one shelf.
pub const REWRITE_BYTES_MAX: u64 = 256 << 20;

/// What is known of one pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackStats {
    /// The pack.
    pub pack: PackId,
    /// Which kinds it holds, see [`BlobKind::shelf`](crate::BlobKind::shelf).
    pub shelf: u8,
    /// How many bytes are stored.
    pub bytes: u64,
    /// How many plain bytes of it are still needed. A piece without bytes counts as one.
    pub live_bytes: u64,
}

/// What to do about packs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compaction {
    /// Groups of packs of one shelf. What is needed of a group goes into new packs, and then the group is dropped.
    pub rewrite: Vec<Vec<PackId>>,
    /// Packs of which nothing is needed.
    pub drop: Vec<PackId>,
}

/// Decides what is worth doing. The same packs in any order give the same plan.
pub fn plan(packs: &[PackStats]) -> Compaction {
    plan_for(packs, PACK_BYTES_MAX)
}

/// The same where packs are filled up to `pack_bytes` only ([`Packer::with_packs_of`](crate::Packer::with_packs_of)).
pub fn plan_for(packs: &[PackStats], pack_bytes: usize) -> Compaction {
    let pack_bytes = pack_bytes.min(PACK_BYTES_MAX) as u64;
    let mut packs = packs.to_vec();
    packs.sort_unstable_by_key(|stats| (stats.shelf, stats.live_bytes, stats.pack));
    let (dead, live): (Vec<_>, Vec<_>) = packs.into_iter().partition(|stats| stats.live_bytes == 0);
    let rewrite = live.chunk_by(|a, b| a.shelf == b.shelf).map(|shelf| bounded(&due(shelf, pack_bytes)));
    Compaction {
        rewrite: rewrite.filter(|group| !group.is_empty()).collect(),
        drop: dead.iter().map(|stats| stats.pack).collect(),
    }
}

/// Which packs of a shelf are to be written again: those that fill a pack together, those of one size when there are
/// many, those that are mostly waste.
fn due(shelf: &[PackStats], pack_bytes: u64) -> Vec<PackStats> {
    let (small, large): (Vec<_>, Vec<_>) =
        shelf.iter().copied().partition(|stats| stats.bytes < pack_bytes / SMALL_PARTS);
    let wasteful = large.into_iter().filter(|stats| stats.live_bytes < stats.bytes / LIVE_PARTS);
    let mut due: Vec<_> = wasteful.collect();
    let together: u64 = small.iter().chain(&due).map(|stats| stats.live_bytes).sum();
    if together >= pack_bytes && small.len() + due.len() > 1 {
        due.extend(small);
    } else {
        let mut tiers: BTreeMap<u32, Vec<PackStats>> = BTreeMap::new();
        for stats in small {
            tiers.entry(stats.bytes.checked_ilog2().unwrap_or(0) / 2).or_default().push(stats);
        }
        due.extend(tiers.into_values().filter(|tier| tier.len() >= SMALL_PACKS_MAX).flatten());
    }
    due
}

/// The first of them, up to [`REWRITE_BYTES_MAX`], and at least one.
fn bounded(due: &[PackStats]) -> Vec<PackId> {
    let mut bytes = 0_u64;
    let within = due.iter().enumerate().take_while(|(place, stats)| {
        bytes = bytes.saturating_add(stats.live_bytes);
        *place == 0 || bytes <= REWRITE_BYTES_MAX
    });
    within.map(|(_, stats)| stats.pack).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MIB: u64 = 1 << 20;

    fn stats(number: u8, shelf: u8, bytes: u64, live_bytes: u64) -> PackStats {
        PackStats { pack: PackId::of(&[number]), shelf, bytes, live_bytes }
    }

    fn many(count: u8, shelf: u8, bytes: u64) -> Vec<PackStats> {
        (0..count).map(|number| stats(number, shelf, bytes, bytes)).collect()
    }

    fn check(packs: &[PackStats], rewritten: &[usize], dropped: usize) {
        let Compaction { rewrite, drop } = plan(packs);
        assert_eq!(rewrite.iter().map(Vec::len).collect::<Vec<_>>(), rewritten);
        assert_eq!(drop.len(), dropped);
    }

    #[test]
    fn what_is_worth_it() {
        check(&[], &[], 0);
        check(&[stats(1, 3, 32 * MIB, 0)], &[], 1);
        // One small pack alone, or some that fill none together, stay.
        check(&[stats(1, 3, MIB, MIB)], &[], 0);
        check(&many(15, 3, MIB), &[], 0);
        // Many of one size, or as many as fill one.
        check(&many(16, 3, MIB), &[16], 0);
        check(&many(3, 3, 11 * MIB), &[3], 0);
        // Shelves don't mix.
        check(&[many(2, 3, 11 * MIB), many(2, 2, 11 * MIB)].concat(), &[], 0);
        // Waste in a full pack.
        check(&[stats(1, 3, 32 * MIB, 16 * MIB)], &[], 0);
        check(&[stats(1, 3, 32 * MIB, 16 * MIB - 1)], &[1], 0);
        // No more than the bound at a time.
        check(&many(100, 3, 15 * MIB), &[17], 0);
    }

    proptest! {
        #[test]
        fn a_followed_plan_comes_to_an_end(sizes in prop::collection::vec((0_u64..32, 0_u64..101, 0..4_u8), 0..60)) {
            let mut packs: Vec<_> = sizes.iter().zip(0..).map(|((mib, percent, shelf), number)| {
                let bytes = 65_536.max(mib * MIB);
                stats(number, *shelf, bytes, bytes * percent / 100)
            }).collect();
            let live: u64 = packs.iter().map(|stats| stats.live_bytes).sum();
            let mut number = 0_u32;
            for round in 0.. {
                let Compaction { rewrite, drop } = plan(&packs);
                if rewrite.is_empty() && drop.is_empty() { break }
                prop_assert!(round < 40, "{packs:?}");
                packs.retain(|stats| !drop.contains(&stats.pack));
                for group in rewrite {
                    let (old, kept): (Vec<_>, Vec<_>) = packs.iter().copied().partition(|stats| group.contains(&stats.pack));
                    prop_assert_eq!(old.len(), group.len());
                    prop_assert!(old.iter().all(|stats| stats.shelf == old[0].shelf && stats.live_bytes > 0));
                    packs = kept;
                    let mut left: u64 = old.iter().map(|stats| stats.live_bytes).sum();
                    while left > 0 {
                        let bytes = left.min(PACK_BYTES_MAX as u64);
                        number += 1;
                        let pack = PackId::of(&number.to_le_bytes());
                        packs.push(PackStats { pack, shelf: old[0].shelf, bytes, live_bytes: bytes });
                        left -= bytes;
                    }
                }
            }
            prop_assert_eq!(packs.iter().map(|stats| stats.live_bytes).sum::<u64>(), live);
            // What is left over is little: few small packs in each shelf.
            for shelf in 0..4 {
                let small = packs.iter().filter(|stats| stats.shelf == shelf && stats.bytes < PACK_BYTES_MAX as u64 / SMALL_PARTS);
                prop_assert!(small.count() < SMALL_PACKS_MAX * 5);
            }
        }
    }
}

//! Proofs that a keeper still has a pack: one group of 16 KiB, and the way from it up to the pack's id.
//!
//! A pack's id is the BLAKE3 hash of its bytes, which is the root of a tree over groups of 16 KiB. Whoever knows the id
//! and the size asks for a group it chose by chance; the answer is every pair of hashes on the way down, then the group.
//! Nobody can make it up, and nobody can make it from less than the group itself. The owner of a pack needs nothing but
//! its id to check it.
//!
//! Read first: [`Challenge`], [`verify`], [`prove`]. The bytes are drawn in `docs/formats/vault-folder.md`. A pack's
//! *outboard* ([`outboard`]) holds all its pairs, so that proving one group needn't read the whole pack; it is derived,
//! and one that is wrong is noticed ([`prove`] then says [`ProofError::Outboard`]).

use std::io;
use std::ops::Range;

use bao_tree::io::outboard::{PreOrderMemOutboard, PreOrderOutboard};
use bao_tree::io::sync::{DecodeResponseIter, ReadAt, encode_ranges_validated};
use bao_tree::io::{BaoContentItem, EncodeError};
use bao_tree::{BaoTree, BlockSize, ChunkNum, ChunkRanges};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::PackId;
use crate::pack::PACK_BYTES_MAX;

/// Bytes of a group: the unit that is asked for and proved.
pub const GROUP_BYTES: u32 = 16 * 1024;
/// The longest proof: a group, and a pair of hashes for each of the eleven levels above it in a full pack.
pub const PROOF_BYTES_MAX: usize = GROUP_BYTES as usize + 64 * 11;
/// Questions that may be asked at once.
pub const CHALLENGES_MAX: usize = 64;

/// Log2 of the chunks of 1 KiB (BLAKE3's own unit) in a group.
const BLOCK: BlockSize = BlockSize::from_chunk_log(4);

/// A question: this group of that pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Challenge {
    /// The pack.
    pub pack: PackId,
    /// Its size, which decides the shape of the tree.
    pub bytes: u32,
    /// Which group, counted from 0.
    pub group: u32,
}

/// Why a question can't be answered.
#[derive(Debug, Error)]
pub enum ProofError {
    /// There is no such group, or no pack can have that size.
    #[error("a pack of {bytes} bytes has no group {group}")]
    NoSuchGroup {
        /// The size that was asked about.
        bytes: u32,
        /// The group that was asked for.
        group: u32,
    },
    /// The outboard doesn't lead from the id to the pack: make it anew with [`outboard`] and try again.
    #[error("the tree beside the pack is wrong")]
    Outboard,
    /// The pack's bytes aren't the ones its id stands for.
    #[error("the pack is damaged")]
    Damaged,
    /// The bytes couldn't be read.
    #[error("the pack couldn't be read: {0}")]
    Read(#[source] io::Error),
}

/// How many groups a pack of so many bytes has.
#[must_use]
pub fn group_count(bytes: u32) -> u32 {
    bytes.div_ceil(GROUP_BYTES).max(1)
}

impl Challenge {
    /// Where the group stands in the pack.
    #[must_use]
    pub fn range(&self) -> Range<u64> {
        let start = u64::from(self.group) * u64::from(GROUP_BYTES);
        start..(start + u64::from(GROUP_BYTES)).min(u64::from(self.bytes)).max(start)
    }

    /// Whether such a group can exist at all.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.bytes > 0 && self.bytes as usize <= PACK_BYTES_MAX && self.group < group_count(self.bytes)
    }

    fn tree(&self) -> BaoTree {
        BaoTree::new(u64::from(self.bytes), BLOCK)
    }

    fn chunks(&self) -> ChunkRanges {
        let start = ChunkNum(u64::from(self.group) << 4);
        // The last group is asked for up to the end: it may be shorter than the others.
        if self.group + 1 == group_count(self.bytes) {
            return ChunkRanges::from(start..);
        }
        ChunkRanges::from(start..ChunkNum(u64::from(self.group + 1) << 4))
    }

    fn root(&self) -> blake3::Hash {
        blake3::Hash::from_bytes(*self.pack.as_bytes())
    }

    fn checked(&self) -> Result<(), ProofError> {
        if self.is_sound() {
            return Ok(());
        }
        Err(ProofError::NoSuchGroup { bytes: self.bytes, group: self.group })
    }
}

/// The tree of a pack: its root, which is the pack's id if these are the pack's bytes, and its pairs in pre-order.
#[must_use]
pub fn outboard(bytes: &[u8]) -> (PackId, Vec<u8>) {
    let made = PreOrderMemOutboard::create(bytes, BLOCK);
    (PackId::from_bytes(*made.root.as_bytes()), made.data)
}

/// How long the outboard of a pack of so many bytes is.
#[must_use]
pub fn outboard_bytes(bytes: u32) -> u32 {
    (group_count(bytes) - 1) * 64
}

/// Answers a question, given the group ([`Challenge::range`]) and the pack's outboard.
///
/// What it returns was checked: it satisfies [`verify`].
///
/// # Errors
/// [`ProofError`]; `Outboard` and `Damaged` tell which of the two is wrong, as far as that can be known.
pub fn prove(challenge: &Challenge, group: &[u8], outboard: &[u8]) -> Result<Vec<u8>, ProofError> {
    challenge.checked()?;
    let outboard = PreOrderOutboard { root: challenge.root(), tree: challenge.tree(), data: outboard };
    let data = Group { start: challenge.range().start, bytes: group };
    let mut proof = Vec::with_capacity(PROOF_BYTES_MAX);
    match encode_ranges_validated(data, outboard, &challenge.chunks(), &mut proof) {
        Ok(()) => Ok(proof),
        Err(EncodeError::ParentHashMismatch(_)) => Err(ProofError::Outboard),
        Err(EncodeError::LeafHashMismatch(_)) => Err(ProofError::Damaged),
        Err(EncodeError::Io(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Err(ProofError::Damaged)
        }
        Err(EncodeError::Io(error)) => Err(ProofError::Read(error)),
        Err(other) => Err(ProofError::Read(io::Error::other(other))),
    }
}

/// Whether these bytes, and no more, prove that whoever made them has the group.
#[must_use]
pub fn verify(challenge: &Challenge, proof: &[u8]) -> bool {
    if !challenge.is_sound() || proof.len() > PROOF_BYTES_MAX {
        return false;
    }
    let mut rest = proof;
    let chunks = challenge.chunks();
    let mut groups = 0;
    for item in DecodeResponseIter::new(challenge.root(), challenge.tree(), &mut rest, &chunks) {
        match item {
            Ok(BaoContentItem::Leaf(_)) => groups += 1,
            Ok(BaoContentItem::Parent(_)) => {}
            Err(_) => return false,
        }
    }
    groups == 1 && rest.is_empty()
}

/// One group, as if it stood in the whole pack.
struct Group<'a> {
    start: u64,
    bytes: &'a [u8],
}

impl ReadAt for Group<'_> {
    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let offset = at.checked_sub(self.start).and_then(|offset| usize::try_from(offset).ok());
        let here = offset.and_then(|offset| self.bytes.get(offset..)).unwrap_or_default();
        let count = here.len().min(buffer.len());
        buffer[..count].copy_from_slice(&here[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pack(bytes: usize) -> Vec<u8> {
        let mut content = vec![0; bytes];
        blake3::Hasher::new().finalize_xof().fill(&mut content);
        content
    }

    fn question(content: &[u8], group: u32) -> Challenge {
        Challenge { pack: PackId::of(content), bytes: u32::try_from(content.len()).unwrap(), group }
    }

    fn answer(content: &[u8], challenge: &Challenge) -> Vec<u8> {
        let (_, outboard) = outboard(content);
        let range = challenge.range();
        let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
        prove(challenge, &content[range], &outboard).unwrap()
    }

    #[test]
    fn every_group_of_every_shape_is_proved() {
        let group = GROUP_BYTES as usize;
        for bytes in [1, 100, group - 1, group, group + 1, 2 * group, 3 * group, 5 * group + 7, 64 * group] {
            let content = pack(bytes);
            let (root, pairs) = outboard(&content);
            assert_eq!(root, PackId::of(&content));
            assert_eq!(pairs.len(), outboard_bytes(u32::try_from(bytes).unwrap()) as usize);
            for group in 0..group_count(u32::try_from(bytes).unwrap()) {
                let challenge = question(&content, group);
                assert!(verify(&challenge, &answer(&content, &challenge)), "group {group} of {bytes} bytes");
            }
        }
    }

    #[test]
    fn a_proof_of_a_full_pack_is_small() {
        let content = pack(PACK_BYTES_MAX);
        let challenge = question(&content, 1234);
        let proof = answer(&content, &challenge);
        assert_eq!(proof.len(), PROOF_BYTES_MAX);
        assert!(verify(&challenge, &proof));
    }

    #[test]
    fn senseless_questions_have_no_answer() {
        let content = pack(100_000);
        let proof = answer(&content, &question(&content, 6));
        for (bytes, group) in [(100_000, 7), (0, 0), (u32::MAX, 0), ((32 << 20) + 1, 6), (100_000, u32::MAX)]
        {
            let challenge = Challenge { pack: PackId::of(&content), bytes, group };
            assert!(!verify(&challenge, &proof));
            let (_, outboard) = outboard(&content);
            let refused = prove(&challenge, &content[..16_384], &outboard);
            assert!(matches!(refused, Err(ProofError::NoSuchGroup { .. })));
        }
    }

    #[test]
    fn what_is_wrong_is_told_apart() {
        let content = pack(100_000);
        let (_, pairs) = outboard(&content);
        let challenge = question(&content, 2);
        let group = &content[32_768..49_152];
        let wrong = |group: &[u8], pairs: &[u8]| prove(&challenge, group, pairs).unwrap_err();
        let mut rotten = group.to_vec();
        rotten[9] ^= 1;
        assert!(matches!(wrong(&rotten, &pairs), ProofError::Damaged));
        assert!(matches!(wrong(&group[1..], &pairs), ProofError::Damaged));
        let mut torn = pairs.clone();
        torn[3] ^= 1;
        assert!(matches!(wrong(group, &torn), ProofError::Outboard));
        assert!(matches!(wrong(group, &pairs[..70]), ProofError::Outboard));
        assert!(matches!(wrong(group, &[]), ProofError::Outboard));
    }

    proptest! {
        #[test]
        fn a_changed_proof_proves_nothing(
            bytes in 1_usize..200_000,
            group in any::<prop::sample::Index>(),
            at in any::<prop::sample::Index>(),
            bit in 0..8,
        ) {
            let content = pack(bytes);
            let group = group.index(group_count(u32::try_from(bytes).unwrap()) as usize);
            let challenge = question(&content, u32::try_from(group).unwrap());
            let mut proof = answer(&content, &challenge);
            prop_assert!(verify(&challenge, &proof));
            let at = at.index(proof.len());
            prop_assert!(!verify(&challenge, &proof[..at]));
            proof[at] ^= 1_u8 << bit;
            prop_assert!(!verify(&challenge, &proof));
            proof[at] ^= 1_u8 << bit;
            proof.push(0);
            prop_assert!(!verify(&challenge, &proof));
        }

        #[test]
        fn any_bytes_are_judged(proof in prop::collection::vec(any::<u8>(), 0..18_000), bytes in any::<u32>(), group in any::<u32>()) {
            let challenge = Challenge { pack: PackId::from_bytes([7; 32]), bytes, group };
            prop_assert!(!verify(&challenge, &proof));
        }
    }
}

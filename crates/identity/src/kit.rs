//! A recovery kit: the phrase's secret in the hands of several others, of whom some number must come together.
//!
//! A [`KitSecret`] of 32 random bytes is split after Shamir over GF(256): any two of three shares give it back, or any
//! three of five, and fewer say nothing about it. The secret encrypts the household's [`Root`](crate::Root) into a
//! [`KitRecord`], which every keeper may hold: it opens with the secret only. The record commits to each share, so that a
//! holder can check theirs without anybody else's. A [`Revocation`] ends a kit for everybody who heeds it; whoever kept
//! the record and enough shares doesn't need to. Drawn in `docs/formats/kit.md`.

mod record;
mod revocation;
mod share;

use std::{convert::Infallible, fmt};

use blahaj::{Share, Sharks};
use hpke::rand_core::{TryCryptoRng, TryRng};
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

pub use record::{KIT_RECORD_BYTES_MAX, KitRecord};
pub use revocation::{Revocation, RevocationError};
pub use share::{KitShare, SHARE_BYTES, SHARE_GROUPS};

use crate::{
    ids::{HouseholdId, hex_id},
    keys::{derive, stream},
    labels,
};

/// How long a kit's secret is.
const SECRET_BYTES: usize = 32;

/// Why something about a kit can't be made, read or opened.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KitError {
    /// Too short or too long.
    #[error("this is not a whole part of a kit, or more than one: it has {0} bytes")]
    Length(usize),
    /// Written by a version that this program doesn't know.
    #[error("a newer program made this kit (version {0}, this one reads 1); update Heirloom and try again")]
    Version(u8),
    /// Neither two of three nor three of five.
    #[error("a kit is opened by 2 of 3 parts or by 3 of 5, not by {threshold} of {count}")]
    Quorum {
        /// How many shares it says are needed.
        threshold: u8,
        /// How many it says there are.
        count: u8,
    },
    /// A share's number that the kit doesn't have.
    #[error("the kit has no part {0}")]
    Index(u8),
    /// A letter that no sheet has on it.
    #[error(
        "\"{0}\" stands on no paper of a kit: there are digits and letters only, without I, L, O and U; compare it with the paper"
    )]
    Letter(char),
    /// A group that was copied wrongly.
    #[error("group {0} was copied wrongly; compare its eight letters with the paper")]
    Group(usize),
    /// All groups are right in themselves.
    #[error(
        "the paper has 20 groups of eight letters, 160 in all, and here are {0}; look whether a group is missing or stands twice"
    )]
    Letters(usize),
    /// All groups are there and right in themselves, but not together.
    #[error("the groups don't belong together: some are from another paper; type them all from one")]
    Sheet,
    /// Shares of different kits.
    #[error("the parts are of different kits; look for papers with the same name and date")]
    Mixed,
    /// One share given twice.
    #[error("part {0} was given twice; another part is needed")]
    Twice(u8),
    /// Fewer than the kit needs.
    #[error("the kit needs {needed} parts, here are {found}")]
    TooFew {
        /// How many are needed.
        needed: u8,
        /// How many there are.
        found: usize,
    },
    /// The shares aren't all those of this secret.
    #[error("a kit is made with all of its parts, in their order")]
    Shares,
    /// Another secret, or damage.
    #[error("these parts do not open the kit: it was damaged, or one of them is another kit's")]
    Open,
    /// What came out belongs to somebody else.
    #[error("the kit opens another household than the one that it names; do not use it")]
    WrongHousehold,
}

hex_id! {
    /// A recovery kit: 16 random bytes.
    KitId, 16
}

/// How many shares a kit has, and how many of them open it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quorum {
    /// Three shares, any two open.
    TwoOfThree,
    /// Five shares, any three open.
    ThreeOfFive,
}

impl Quorum {
    /// The kit that `threshold` of `count` shares open.
    ///
    /// # Errors
    /// [`KitError::Quorum`] for all but two of three and three of five.
    pub fn new(threshold: u8, count: u8) -> Result<Self, KitError> {
        match (threshold, count) {
            (2, 3) => Ok(Self::TwoOfThree),
            (3, 5) => Ok(Self::ThreeOfFive),
            _ => Err(KitError::Quorum { threshold, count }),
        }
    }

    /// How many shares open the kit.
    pub fn threshold(self) -> u8 {
        match self {
            Self::TwoOfThree => 2,
            Self::ThreeOfFive => 3,
        }
    }

    /// How many shares there are.
    pub fn count(self) -> u8 {
        match self {
            Self::TwoOfThree => 3,
            Self::ThreeOfFive => 5,
        }
    }
}

/// What opens a kit's record. Exists while the kit is made and while it is used; wiped from memory when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct KitSecret([u8; SECRET_BYTES]);

impl KitSecret {
    /// Takes 32 fresh random bytes.
    pub const fn from_bytes(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(bytes)
    }

    /// The secret bytes.
    pub const fn as_bytes(&self) -> &[u8; SECRET_BYTES] {
        &self.0
    }

    /// Splits the secret into all shares of a kit, share 1 first. `random` is 32 fresh random bytes.
    pub fn split(
        &self,
        household: &HouseholdId,
        kit: &KitId,
        quorum: Quorum,
        random: &[u8; 32],
    ) -> Vec<KitShare> {
        let seed = derive(labels::KIT_SPLIT, &[random, household.as_bytes(), kit.as_bytes(), &self.0]);
        let mut coefficients = Coefficients(stream(&seed));
        Sharks(quorum.threshold())
            .dealer_rng(&self.0, &mut coefficients)
            .take(usize::from(quorum.count()))
            .map(|share| {
                let bytes = Zeroizing::new(Vec::from(&share));
                KitShare::from_parts(*household, *kit, quorum, &bytes)
                    .expect("a share is its number and a byte for each byte of the secret")
            })
            .collect()
    }

    /// Puts shares of one kit together. Any shares give some secret: whether it is the kit's is known when its record
    /// opens. Check each share with [`KitRecord::holds`] before, to learn which is wrong.
    ///
    /// # Errors
    /// [`KitError::TooFew`], [`KitError::Mixed`], [`KitError::Twice`].
    pub fn combine(shares: &[KitShare]) -> Result<Self, KitError> {
        let Some(first) = shares.first() else { return Err(KitError::TooFew { needed: 2, found: 0 }) };
        for (index, share) in shares.iter().enumerate() {
            if !share.is_of_same_kit(first) {
                return Err(KitError::Mixed);
            }
            // The crate would count a share twice and give another secret.
            if shares[..index].iter().any(|earlier| earlier.index() == share.index()) {
                return Err(KitError::Twice(share.index()));
            }
        }
        let needed = first.quorum().threshold();
        let too_few = || KitError::TooFew { needed, found: shares.len() };
        if shares.len() < usize::from(needed) {
            return Err(too_few());
        }
        let points: Result<Vec<Share>, _> =
            shares.iter().map(|share| Share::try_from(share.point())).collect();
        let points = points.map_err(|_| too_few())?;
        let secret = Zeroizing::new(Sharks(needed).recover(&points).map_err(|_| too_few())?);
        secret.first_chunk().map(|bytes| Self(*bytes)).ok_or_else(too_few)
    }
}

impl fmt::Debug for KitSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KitSecret(secret)")
    }
}

/// Hands out the bytes that the polynomials are made of: a stream that follows from the caller's randomness. One number
/// of 32 bits gives one coefficient.
struct Coefficients(blake3::OutputReader);

impl TryRng for Coefficients {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, wanted: &mut [u8]) -> Result<(), Self::Error> {
        self.0.fill(wanted);
        Ok(())
    }
}

impl TryCryptoRng for Coefficients {}

impl Drop for Coefficients {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[cfg(test)]
mod tests;

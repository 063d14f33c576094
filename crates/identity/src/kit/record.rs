//! A kit's record: the household's root, encrypted with the kit's secret, and what each share can be checked with.

use zeroize::Zeroizing;

use super::{KitError, KitId, KitSecret, KitShare, Quorum};
use crate::{
    ids::HouseholdId,
    keys::{Root, derive},
    labels,
    secretbox::{self, NONCE_BYTES, TAG_BYTES},
    wire::{Reader, Writer},
};

/// The version that this code writes and reads.
const VERSION: u8 = 1;
/// How long a commitment to a share is.
const COMMITMENT_BYTES: usize = 32;
/// The encrypted root.
const SEALED_BYTES: usize = 32 + TAG_BYTES;
/// How large a record may be.
pub const KIT_RECORD_BYTES_MAX: usize =
    1 + 32 + 16 + 2 + 8 + 5 * COMMITMENT_BYTES + NONCE_BYTES + SEALED_BYTES;

/// What the kit's secret opens. It is no secret itself: keepers hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KitRecord {
    household: HouseholdId,
    kit: KitId,
    quorum: Quorum,
    created_ms: i64,
    commitments: Vec<[u8; COMMITMENT_BYTES]>,
    nonce: [u8; NONCE_BYTES],
    sealed: Vec<u8>,
}

impl KitRecord {
    /// Encrypts a root with a kit's secret. `shares` are all that [`KitSecret::split`] gave; `created_ms` is in
    /// milliseconds since the Unix epoch, UTC; `nonce` is 24 fresh random bytes.
    ///
    /// # Errors
    /// [`KitError::Shares`] when the shares are not all of this secret, in their order, [`KitError::WrongHousehold`] when
    /// they are another household's than the root, and what [`KitSecret::combine`] refuses.
    pub fn seal(
        root: &Root,
        secret: &KitSecret,
        shares: &[KitShare],
        created_ms: i64,
        nonce: [u8; NONCE_BYTES],
    ) -> Result<Self, KitError> {
        let combined = KitSecret::combine(shares)?;
        let first = shares.first().ok_or(KitError::Shares)?;
        let (household, kit, quorum) = (*first.household(), *first.kit(), first.quorum());
        let ordered = shares.iter().map(KitShare::index).eq(1..=quorum.count());
        if !ordered || combined.as_bytes() != secret.as_bytes() {
            return Err(KitError::Shares);
        }
        if root.authority().household() != household {
            return Err(KitError::WrongHousehold);
        }
        let commitments = shares.iter().map(commitment).collect();
        let mut record = Self { household, kit, quorum, created_ms, commitments, nonce, sealed: Vec::new() };
        record.sealed = secretbox::encrypt(&record.key(secret), &nonce, &record.bound(), root.as_bytes());
        Ok(record)
    }

    /// Decrypts the root.
    ///
    /// # Errors
    /// [`KitError::Open`] for another secret and for damage, [`KitError::WrongHousehold`] when somebody sealed another
    /// household's root in it.
    pub fn open(&self, secret: &KitSecret) -> Result<Root, KitError> {
        let bytes = secretbox::decrypt(&self.key(secret), &self.nonce, &self.bound(), &self.sealed)
            .ok_or(KitError::Open)?;
        let bytes: Zeroizing<[u8; 32]> = Zeroizing::new((**bytes).try_into().map_err(|_| KitError::Open)?);
        let root = Root::from_bytes(*bytes);
        if root.authority().household() == self.household { Ok(root) } else { Err(KitError::WrongHousehold) }
    }

    /// Whether this is one of the kit's shares, unchanged. Needs no other share, and says nothing to whoever holds none.
    pub fn holds(&self, share: &KitShare) -> bool {
        let same =
            (*share.household(), *share.kit(), share.quorum()) == (self.household, self.kit, self.quorum);
        let place = usize::from(share.index()).checked_sub(1);
        same && place.and_then(|place| self.commitments.get(place)) == Some(&commitment(share))
    }

    /// The record's only encoding.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.clear();
        bytes.bytes(&self.nonce).bytes(&self.sealed);
        bytes.into_bytes()
    }

    /// Reads a record. Nobody signs one: whether it is the household's shows when it opens.
    ///
    /// # Errors
    /// [`KitError::Length`], [`KitError::Version`], [`KitError::Quorum`].
    pub fn decode(bytes: &[u8]) -> Result<Self, KitError> {
        let length = || KitError::Length(bytes.len());
        let mut reader = Reader(bytes);
        match reader.u8().ok_or_else(length)? {
            VERSION => {}
            other => return Err(KitError::Version(other)),
        }
        let household = HouseholdId::from_bytes(reader.array().ok_or_else(length)?);
        let kit = KitId::from_bytes(reader.array().ok_or_else(length)?);
        let [threshold, count] = reader.array().ok_or_else(length)?;
        let quorum = Quorum::new(threshold, count)?;
        let created_ms = reader.i64().ok_or_else(length)?;
        let mut commitments = Vec::with_capacity(usize::from(count));
        for _ in 0..count {
            commitments.push(reader.array().ok_or_else(length)?);
        }
        let nonce = reader.array().ok_or_else(length)?;
        let sealed = reader.take(SEALED_BYTES).ok_or_else(length)?.to_vec();
        if !reader.is_empty() {
            return Err(length());
        }
        Ok(Self { household, kit, quorum, created_ms, commitments, nonce, sealed })
    }

    /// The household whose kit it is.
    pub fn household(&self) -> &HouseholdId {
        &self.household
    }

    /// The kit.
    pub fn kit(&self) -> &KitId {
        &self.kit
    }

    /// How many shares the kit has, and how many open it.
    pub fn quorum(&self) -> Quorum {
        self.quorum
    }

    /// When it was made, in milliseconds since the Unix epoch, UTC.
    pub fn created_ms(&self) -> i64 {
        self.created_ms
    }

    /// Everything before the nonce.
    fn clear(&self) -> Writer {
        let mut bytes = Writer::with_capacity(KIT_RECORD_BYTES_MAX);
        bytes.u8(VERSION).bytes(self.household.as_bytes()).bytes(self.kit.as_bytes());
        bytes.u8(self.quorum.threshold()).u8(self.quorum.count()).i64(self.created_ms);
        for commitment in &self.commitments {
            bytes.bytes(commitment);
        }
        bytes
    }

    fn bound(&self) -> Vec<u8> {
        [labels::KIT_RECORD, self.clear().as_bytes()].concat()
    }

    fn key(&self, secret: &KitSecret) -> Zeroizing<[u8; 32]> {
        derive(labels::KIT_KEY, &[self.household.as_bytes(), self.kit.as_bytes(), secret.as_bytes()])
    }
}

/// What a record says about a share. A share is 32 bytes that nobody can guess, so this gives nothing of it away.
fn commitment(share: &KitShare) -> [u8; COMMITMENT_BYTES] {
    *derive(labels::KIT_COMMITMENT, &[&share.encode()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forger_who_knows_a_household_s_id_can_t_put_its_root_into_a_kit() {
        let root = Root::from_bytes([1; 32]);
        let secret = KitSecret::from_bytes([2; 32]);
        let (household, kit) = (root.authority().household(), KitId::from_bytes([7; 16]));
        let shares = secret.split(&household, &kit, Quorum::TwoOfThree, &[3; 32]);
        let mut record = KitRecord::seal(&root, &secret, &shares, 0, [5; NONCE_BYTES]).unwrap();
        assert!(record.open(&secret).is_ok());
        record.sealed = secretbox::encrypt(&record.key(&secret), &record.nonce, &record.bound(), &[9; 32]);
        assert_eq!(record.open(&secret).unwrap_err(), KitError::WrongHousehold);
    }
}

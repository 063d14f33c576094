//! The proof that somebody holds the phrase, for a keeper that doesn't know the machine that asks.
//!
//! A restoring machine has keys of its own that no certificate names yet. The keeper gives it 32 fresh random bytes, and
//! the household's authority, which only the phrase gives, signs them together with both nodes. The proof is good for that
//! keeper, that machine and that challenge only, so a keeper can't show it to another. Drawn in
//! `docs/formats/recovery-proof.md`.

use crate::{
    ids::{HouseholdId, NodeId},
    keys::{AuthorityKey, SIGNATURE_BYTES, verify},
    labels,
};

/// How long a keeper's challenge is.
pub const CHALLENGE_BYTES: usize = 32;
/// How long a proof is.
pub const PROOF_BYTES: usize = SIGNATURE_BYTES;

/// Makes and checks proofs; the proof itself is [`PROOF_BYTES`].
#[derive(Debug, Clone, Copy)]
pub struct RecoveryProof;

impl RecoveryProof {
    /// Signs a keeper's challenge. `keeper` and `restorer` are the two ends of the connection, as the transport proved
    /// them.
    pub fn sign(
        authority: &AuthorityKey,
        keeper: &NodeId,
        restorer: &NodeId,
        challenge: &[u8; CHALLENGE_BYTES],
    ) -> [u8; PROOF_BYTES] {
        authority.sign(labels::RECOVERY_PROOF, &body(&authority.household(), keeper, restorer, challenge))
    }

    /// Whether the household's authority signed this challenge for these two ends. The keeper takes both from its
    /// connection, and uses no challenge twice.
    pub fn verify(
        household: &HouseholdId,
        keeper: &NodeId,
        restorer: &NodeId,
        challenge: &[u8; CHALLENGE_BYTES],
        proof: &[u8; PROOF_BYTES],
    ) -> bool {
        let body = body(household, keeper, restorer, challenge);
        verify(household.as_bytes(), labels::RECOVERY_PROOF, &body, proof)
    }
}

fn body(
    household: &HouseholdId,
    keeper: &NodeId,
    restorer: &NodeId,
    challenge: &[u8; CHALLENGE_BYTES],
) -> Vec<u8> {
    [&household.as_bytes()[..], keeper.as_bytes(), restorer.as_bytes(), challenge].concat()
}

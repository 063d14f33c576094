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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::keys::Root;

    const KEEPER: NodeId = NodeId::from_bytes([3; 32]);
    const RESTORER: NodeId = NodeId::from_bytes([4; 32]);

    #[test]
    fn a_proof_is_good_for_one_household_two_ends_and_one_challenge() {
        let authority = Root::from_bytes([1; 32]).authority();
        let (household, stranger) =
            (authority.household(), Root::from_bytes([2; 32]).authority().household());
        let proof = RecoveryProof::sign(&authority, &KEEPER, &RESTORER, &[5; 32]);
        assert!(RecoveryProof::verify(&household, &KEEPER, &RESTORER, &[5; 32], &proof));
        assert!(!RecoveryProof::verify(&stranger, &KEEPER, &RESTORER, &[5; 32], &proof));
        assert!(!RecoveryProof::verify(&household, &RESTORER, &KEEPER, &[5; 32], &proof));
        assert!(!RecoveryProof::verify(&household, &KEEPER, &KEEPER, &[5; 32], &proof));
        assert!(!RecoveryProof::verify(&household, &KEEPER, &RESTORER, &[6; 32], &proof));
    }

    #[test]
    fn a_signature_for_another_purpose_is_no_proof() {
        let authority = Root::from_bytes([1; 32]).authority();
        let household = authority.household();
        let body = body(&household, &KEEPER, &RESTORER, &[5; 32]);
        let other = authority.sign(labels::CERTIFICATE, &body);
        assert!(!RecoveryProof::verify(&household, &KEEPER, &RESTORER, &[5; 32], &other));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_flipped_bit_is_noticed(challenge: [u8; 32], bit in 0..PROOF_BYTES * 8) {
            let authority = Root::from_bytes([1; 32]).authority();
            let mut proof = RecoveryProof::sign(&authority, &KEEPER, &RESTORER, &challenge);
            proof[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!RecoveryProof::verify(&authority.household(), &KEEPER, &RESTORER, &challenge, &proof));
        }
    }
}

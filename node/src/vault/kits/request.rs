//! What a machine that asks for a part of a kit proves, and the words that people compare.
//!
//! The proof shows that a person of the holder's home gave the machine an invitation; it is bound to both machines and to
//! the key that the part is sealed to, so it is of no use to anybody else. The words are made from the same, and from
//! bytes that only the holder could choose: whoever tries keys until the words fit has to ask the holder each time.

use heirloom_identity::{NodeId, NodeKeys, Phrase, ReceivePublic, Root};

/// Derivation context: an invitation's secret → the key of the proof.
const PROOF: &str = "heirloom 2026 kit request proof v1";
/// Derivation context: the holder's endpoint key and who asks → the holder's bytes.
const CHALLENGE: &str = "heirloom 2026 kit request challenge v1";
/// Derivation context: everything that both saw → the words.
const WORDS: &str = "heirloom 2026 kit request words v1";
/// What a sealed part is bound to.
pub const SHARE_LABEL: &[u8] = b"heirloom kit share v1\0";
/// Words that people compare.
pub const WORD_COUNT: usize = 6;

/// Who talks to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Between {
    /// The holder's node.
    pub holder: NodeId,
    /// The machine that asks.
    pub asker: NodeId,
    /// The key that the part is sealed to.
    pub receive: ReceivePublic,
}

impl Between {
    /// What a sealed part is bound to, beside [`SHARE_LABEL`].
    #[must_use]
    pub fn context(&self) -> Vec<u8> {
        [&self.holder.as_bytes()[..], self.asker.as_bytes(), self.receive.as_bytes()].concat()
    }

    /// What only somebody with the invitation's secret can say.
    #[must_use]
    pub fn proof(&self, secret: &[u8; 16]) -> [u8; 32] {
        *blake3::keyed_hash(&blake3::derive_key(PROOF, secret), &self.context()).as_bytes()
    }

    /// Checks a proof, in the same time wherever it differs.
    #[must_use]
    pub fn proves(&self, secret: &[u8; 16], proof: &[u8; 32]) -> bool {
        blake3::Hash::from_bytes(self.proof(secret)) == blake3::Hash::from_bytes(*proof)
    }

    /// The holder's bytes for this machine: always the same, and nobody else's guess.
    #[must_use]
    pub fn challenge(&self, holder: &NodeKeys) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key(CHALLENGE);
        hasher.update(&*holder.endpoint_secret()).update(&self.context());
        *hasher.finalize().as_bytes()
    }

    /// What people compare over the telephone.
    #[must_use]
    pub fn words(&self, challenge: &[u8; 32]) -> String {
        let mut hasher = blake3::Hasher::new_derive_key(WORDS);
        hasher.update(&self.context()).update(challenge);
        // 66 bits as words of the list that phrases are written with.
        let list = Phrase::of(&Root::from_bytes(*hasher.finalize().as_bytes()));
        list.words()[..WORD_COUNT].join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_key_has_other_words_and_needs_another_proof() {
        let id = |n| NodeId::from_bytes([n; 32]);
        let keys = NodeKeys::from_bytes(&[7; NodeKeys::BYTES]);
        let between = Between { holder: id(1), asker: id(2), receive: ReceivePublic::from_bytes([3; 32]) };
        let other = Between { receive: ReceivePublic::from_bytes([4; 32]), ..between };
        let (challenge, secret) = (between.challenge(&keys), [5; 16]);
        assert_eq!(between.words(&challenge).split(' ').count(), WORD_COUNT);
        assert_ne!(between.words(&challenge), other.words(&challenge));
        assert_ne!(between.words(&challenge), between.words(&[0; 32]));
        assert_ne!(challenge, other.challenge(&keys));
        assert!(between.proves(&secret, &between.proof(&secret)));
        assert!(!other.proves(&secret, &between.proof(&secret)));
        assert!(!between.proves(&[6; 16], &between.proof(&secret)));
    }
}

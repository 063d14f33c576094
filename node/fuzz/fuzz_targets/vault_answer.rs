//! What a home answers about packs, and the frames that hold proofs: never panics, takes memory in proportion, keeps its
//! limits, and is read back as it was.

#![no_main]

use heirloom::protocols::vault::messages::{VaultAnswer, decode_answer, encode_answer};
use heirloom_fuzzkit::bounded;
use heirloom_vault::Answer;
use heirloom_vault::proof::PROOF_BYTES_MAX;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some(answer) = bounded(bytes, VaultAnswer::decode) {
        assert_eq!(VaultAnswer::decode(&answer.encode()), Some(answer));
    }
    if let Some(answer) = bounded(bytes, decode_answer) {
        assert!(!matches!(&answer, Answer::Proof(proof) if proof.len() > PROOF_BYTES_MAX + 8));
        assert_eq!(decode_answer(&encode_answer(&answer)), Some(answer));
    }
});

//! Comparing timelines.

/// A skeleton (`docs/formats/timeline.md`) with its revisions blanked: two that show the same are then equal.
pub(crate) fn without_revisions(skeleton: &[u8]) -> Vec<u8> {
    let mut bytes = skeleton.to_vec();
    assert_eq!(&bytes[..4], b"HTL1");
    bytes[4..8].fill(0);
    let months = u16::from_le_bytes([bytes[12], bytes[13]]);
    let mut at = 16;
    for _ in 0..months {
        let days = usize::from(bytes[at + 3]);
        bytes[at + 8..at + 12].fill(0);
        at += 12 + 4 * days;
    }
    bytes
}

//! The strings that keep one use of a key apart from every other.
//!
//! A label stands before every signed message, and is the context of every BLAKE3 key derivation. Labels are frozen: a
//! changed format gets a new label with a new version, never a new meaning for an old one.

/// Derivation context: root → the seed of the authority's Ed25519 key.
pub const AUTHORITY: &str = "heirloom 2026 household authority key v1";
/// Derivation context: root → the key that wraps the vault's keys.
pub const WRAPPING: &str = "heirloom 2026 household wrapping key v1";
/// Derivation context: account id ‖ content hash → asset id.
pub const ASSET: &str = "heirloom 2026 asset id v1";
/// Derivation context: household id → the id of its library space.
pub const LIBRARY: &str = "heirloom 2026 library space id v1";
/// Signed-message prefix of a node's certificate.
pub const CERTIFICATE: &[u8] = b"heirloom node certificate v1\0";
/// Signed-message prefix of a change record.
pub const CHANGE_RECORD: &[u8] = b"heirloom change record v1\0";

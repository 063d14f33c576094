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
/// Derivation context: the id of a Create operation → the id of its album's space.
pub const ALBUM_SPACE: &str = "heirloom 2026 album space id v1";
/// Derivation context: space id → the album's UUID.
pub const ALBUM: &str = "heirloom 2026 album id v1";
/// Derivation context: space id → its pseudonym.
pub const PSEUDONYM: &str = "heirloom 2026 space pseudonym v1";
/// Derivation context: certificate id ‖ incarnation → the stream's actor.
pub const ACTOR: &str = "heirloom 2026 stream actor v1";
/// Derivation context: epoch secret → epoch id.
pub const EPOCH: &str = "heirloom 2026 epoch commitment v1";
/// Derivation context: epoch secret → the key that encrypts envelopes.
pub const EPOCH_CONTENT_KEY: &str = "heirloom 2026 epoch content key v1";
/// Derivation context: epoch secret → the key that encrypts the secrets of earlier epochs.
pub const EPOCH_HISTORY_KEY: &str = "heirloom 2026 epoch history key v1";
/// Derivation context: an invitation's secret → its id.
pub const INVITATION: &str = "heirloom 2026 invitation id v1";
/// Derivation context: nonce → the guest's commitment to it.
pub const PAIRING_COMMITMENT: &str = "heirloom 2026 pairing nonce commitment v1";
/// Derivation context: what both homes saw → the transcript's hash.
pub const PAIRING_TRANSCRIPT: &str = "heirloom 2026 pairing transcript v1";
/// Derivation context: an invitation's secret → the key of the inviter's proof.
pub const PAIRING_INVITER: &str = "heirloom 2026 pairing inviter proof v1";
/// Derivation context: an invitation's secret → the key of the guest's proof.
pub const PAIRING_GUEST: &str = "heirloom 2026 pairing guest proof v1";
/// Derivation context: the transcript's hash → the words that people compare.
pub const PAIRING_WORDS: &str = "heirloom 2026 pairing words v1";
/// Derivation context: what Argon2id makes of a passphrase → the key of a sealed file.
pub const SEALED_FILE_KEY: &str = "heirloom 2026 sealed file key v1";
/// Derivation context: a vault key, household and salt → the key of a pack.
pub const PACK_KEY: &str = "heirloom 2026 pack key v1";
/// Derivation context: a pack's key → the key of the bytes that fill it up.
pub const PACK_PADDING: &str = "heirloom 2026 pack padding v1";
/// Derivation context: a vault key and household → the key of the pointers in heads.
pub const POINTER_KEY: &str = "heirloom 2026 vault pointer key v1";
/// Derivation context: the wrapping key → the key that encrypts the keyring.
pub const KEYRING_KEY: &str = "heirloom 2026 vault keyring key v1";
/// Derivation context: fresh randomness, household, kit and the kit's secret → the coefficients that split it.
pub const KIT_SPLIT: &str = "heirloom 2026 kit split v1";
/// Derivation context: household, kit and share → what the kit's record says about the share.
pub const KIT_COMMITMENT: &str = "heirloom 2026 kit share commitment v1";
/// Derivation context: a kit's secret and its record's beginning → the key of the record.
pub const KIT_KEY: &str = "heirloom 2026 kit record key v1";
/// Signed-message prefix of a node's certificate.
pub const CERTIFICATE: &[u8] = b"heirloom node certificate v1\0";
/// Signed-message prefix of a change record.
pub const CHANGE_RECORD: &[u8] = b"heirloom change record v1\0";
/// Signed-message prefix of a membership operation.
pub const OPERATION: &[u8] = b"heirloom membership operation v1\0";
/// Signed-message prefix of an envelope.
pub const ENVELOPE: &[u8] = b"heirloom envelope v1\0";
/// Signed-message prefix of a card.
pub const CARD: &[u8] = b"heirloom card v1\0";
/// Prefix of the data that an envelope's ciphertext is bound to.
pub const ENVELOPE_CONTENT: &[u8] = b"heirloom envelope content v1\0";
/// HPKE `info` of an epoch's secret wrapped to a household.
pub const EPOCH_WRAP: &[u8] = b"heirloom epoch wrap v1\0";
/// Prefix of the data that an earlier epoch's secret is bound to.
pub const EPOCH_HISTORY: &[u8] = b"heirloom epoch history v1\0";
/// Prefix of the data that a sealed file's ciphertext is bound to.
pub const SEALED_FILE: &[u8] = b"heirloom sealed file v1\0";
/// Prefix of the data that a head's pointer is bound to.
pub const POINTER: &[u8] = b"heirloom vault pointer v1\0";
/// Prefix of the data that a wrapped keyring is bound to.
pub const KEYRING: &[u8] = b"heirloom vault keyring v1\0";
/// Signed-message prefix of a vault head.
pub const VAULT_HEAD: &[u8] = b"heirloom vault head v1\0";
/// Signed-message prefix of the proof that somebody holds the phrase.
pub const RECOVERY_PROOF: &[u8] = b"heirloom recovery proof v1\0";
/// Prefix of the data that a kit record's ciphertext is bound to.
pub const KIT_RECORD: &[u8] = b"heirloom kit record v1\0";
/// Signed-message prefix of a kit's revocation.
pub const KIT_REVOCATION: &[u8] = b"heirloom kit revocation v1\0";

//! Packs between homes: what a keeper does for its wards, what a ward asks of its keepers, and the way back for a
//! household that lost everything.
//!
//! `heirloom-vault` knows what custody means, `heirloom-net` carries bytes; this module introduces them. One request is
//! one stream, drawn in `docs/formats/vault-protocol.md`.
//!
//! ```text
//! ward   PeerTarget ── asking ──→  serve ── places ──→ Keeper      on a connection between homes
//! stranger RecoverClient ───────→  recovery ─ serve ─→ Keeper      after the proof of the phrase; only reads
//! ```
//! Read first: [`messages`], [`serve`], [`PeerTarget`], [`recovery`].
//!
//! Life of a pack: the engine gives it to [`PeerTarget`]; [`asking`] opens a stream and says its name and size; [`serve`]
//! takes a place (few packs are in memory at once; a slow one comes on in a file), asks the keeper whether there is room,
//! says "send", and answers when the pack is durable. When two homes connect, [`meeting`] lets each hear how it stands with
//! the other, passes notices on, and lets two keepers of one household compare its newest [`heads`].

pub mod agreements;
pub mod asking;
mod bulk;
mod guessing;
pub mod heads;
mod incoming;
mod keep;
pub mod kit_client;
pub mod kit_messages;
pub mod kits;
pub mod meeting;
pub mod messages;
pub mod notices;
pub mod peer_target;
pub mod places;
pub mod recover_client;
pub mod recovery;
pub mod serve;

pub use peer_target::PeerTarget;
pub use places::Places;
pub use recover_client::{RecoverClient, RecoverError, RecoverNet};

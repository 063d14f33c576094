//! What this home speaks with others: joins `heirloom-net`, which carries bytes, with the ledger and the albums, which
//! know what they mean.
//!
//! ```text
//! stranger → pairing ─┐                 (a connection of its own, open only while somebody is invited)
//! peer     → hello ───┴→ link → sync      one long stream: membership and changes of albums
//!                             → content   verified files of albums
//!                             → vault     packs that one home keeps for another
//! who lost everything → vault::recovery   (a connection of its own, open only where something is kept for others)
//! ```
//! Read first: [`network::Network`], then [`book`] (who may come in), [`pairing`], [`hello`], [`link`].
//!
//! Life of a connection: the [`dialer`] of a peer connects, or the peer does; the gate asks the [`book`]; both sides
//! say [`hello`]; the [`link`] serves the streams until one side closes it or it is lost; the dialer begins again.

pub mod book;
pub mod content;
pub mod dialer;
pub mod hello;
pub mod invite;
pub mod link;
pub mod network;
pub mod pairing;
pub mod start;
pub mod sync;
pub mod vault;

pub use network::{Network, PeerView};
pub use pairing::{Pairing, PairingRole, PairingState, Person};

//! The network between homes: an endpoint, its gate, typed streams, and verified file transfer.
//!
//! Owns: who is reachable and how, who may speak which protocol, one connection per pair of homes, frames and their
//! limits. Leaves to others: what the frames say, and who is admitted (the program asks its ledger, see [`Gate`]). It
//! knows nodes and bytes, nothing of albums. With the relay program it is the one door to `iroh`.
//!
//! Read first: [`Net`], [`Connection`], [`FramedStream`]. How two dials at once become one connection stands in
//! `pairs`; every limit is in [`limits`]; the bytes are drawn in `docs/formats/streams.md`, the choices are explained in
//! `docs/decisions/0006-network.md`.
//!
//! The life of one connection: [`Net::connect`] asks our gate, looks the node up in the address book (and, if wanted,
//! on the local network), and dials directly and through the relay at once. The handshake proves both keys; each side
//! asks its gate. The dialler greets, the other side decides which connection of the pair stays and answers; now
//! `connect` returns here and [`Net::accept`] there. Both open streams. When the paths change, or the connection ends,
//! [`Net::events`] says so.
//!
//! No server of anybody else stands in here: no public relays, no DNS service, no telemetry.

mod address;
mod arrive;
mod codes;
mod config;
mod connection;
mod dial;
mod frame;
#[cfg(fuzzing)]
pub mod fuzzing;
mod gate;
mod greeting;
pub mod limits;
mod mdns;
mod monitor;
mod names;
mod net;
mod pairs;
mod path;
mod relay;
mod stream;
pub mod transfer;

pub use address::{AddressError, NodeAddress};
pub use codes::{CloseCode, Reason, ResetCode};
pub use config::{NetConfig, NetError, RelayConfig};
pub use connection::Connection;
pub use dial::ConnectError;
pub use gate::{Gate, Protocol, Refusal};
pub use monitor::NetEvent;
pub use net::Net;
pub use path::{Path, PathKind};
pub use relay::RelayState;
pub use stream::{FrameReceiver, FrameSender, FramedStream, Priority, StreamError, StreamKind};

//! Verified transfer of files: many in one stream, from several nodes at once, resumed after a crash.
//!
//! A file is asked for by the BLAKE3 hash of its bytes, which the asker knows from somewhere it trusts, and comes in
//! groups of 16 KiB, each proved against that hash before it is written. So it does not matter who sends it, in which
//! order, or what a disk did meanwhile. This module moves bytes; who may have which file is the [`Source`]'s to say, and
//! placing a finished file is its owner's.
//!
//! Read first: [`fetch`], [`Wanted`], [`serve`], [`Source`]. The bytes are drawn in `docs/formats/transfer.md`.
//!
//! The life of an item. [`fetch`] hashes what its part file holds and cuts what is missing into pieces. A lane (one a
//! provider) asks for pieces ahead of time. The provider's [`serve`] reads the request and asks its [`Source`]; the
//! encoder reads the file and proves each group (rot is found where it happened, and reported there); buffers wait for
//! the [`Budget`], which gives every peer the same share, and go out. The lane's decoder proves each group again and
//! writes it. When the last one is there the file is synced, and [`Progress::done`] says so.

mod budget;
mod decode;
mod encode;
mod fetch;
mod finish;
#[cfg(fuzzing)]
pub mod fuzzing;
mod lane;
mod outboards;
mod part;
mod places;
mod pool;
mod quic;
mod report;
mod serve;
mod shares;
mod streams;
mod tree;
mod wire;
mod work;

pub use budget::Budget;
pub use fetch::{FETCH_STALL, Fetching, fetch};
pub use outboards::{Outboards, SIDECAR_FROM_BYTES};
pub use part::Wanted;
pub use places::{SERVES_MAX, SERVES_PER_PEER_MAX};
pub use quic::{ContentIn, ContentOut, halves};
pub use report::{Fault, ItemError, Progress, ProviderReport, Summary};
pub use serve::{Damage, SERVE_STALL_MAX, ServeError, Served, Serving, Source, serve};
pub use streams::{Cut, Incoming, Outgoing, Provider};
pub use tree::{FILE_BYTES_MAX, GROUP_BYTES};
pub use wire::{ITEMS_PER_STREAM_MAX, RANGES_MAX, RequestError, TOKEN_BYTES_MAX};

//! How an original gets from someone's hands to its safe place.
//!
//! The order is the promise: bytes in a draft, fsync; final name, fsync of the folder; row in the ledger,
//! fsync; only then is it acknowledged. After that the catalog learns of it and a job makes its thumbnail;
//! both can be repeated at any time. What a crash leaves between two steps is either a draft in the inbox,
//! which was never acknowledged and is removed at the next start, or a complete file under its final name
//! without a row, which the next start adopts ([`crate::home::reconcile`]).
//!
//! Read first: [`keep`], then [`import`].

pub mod claims;
pub mod draft;
pub mod import;
pub mod keep;
pub mod naming;
pub mod walk;

pub use draft::Draft;
pub use keep::{Incoming, IngestError, Kept, keep_bytes, keep_draft};

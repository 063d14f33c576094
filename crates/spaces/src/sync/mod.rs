//! Sync of albums between two homes, without any network: messages in, messages out.
//!
//! Both sides say for every space they share, by its pseudonym, what they have: a digest of their operations and one of
//! where their streams end. Where the digests differ each asks for what it lacks, naming what it has, until an answer
//! brings nothing new. Operations come before envelopes, so that a home always knows who may write before it reads.
//! Whatever changes later is pushed. An answer is one message at most; the next is asked for with what is there by then,
//! so a sync that is cut off goes on where it was.
//!
//! A home that isn't a member any more is shown the operations up to and including its removal, and nothing else.
//!
//! The messages are drawn in `docs/formats/sync.md`. Read first: [`SyncSession`], [`SyncMessage`].

mod answer;
mod envelopes;
mod error;
mod message;
mod operations;
mod session;

pub use error::{Reason, SyncError};
pub use message::{Have, MESSAGE_BYTES_MAX, Offer, StreamName, SyncMessage};
pub use session::SyncSession;

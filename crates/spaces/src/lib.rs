//! What people decided about their photos, alone and together, as signed changes to Automerge documents.
//!
//! Owns `spaces.sqlite`. Of the household's library, which is private, the chain of signed records is the truth: marks
//! such as favourites and captions, in one document per month in which assets were added, because that month never
//! changes. Of an album, which homes share, the signed membership operations and the signed and encrypted envelopes are;
//! what an album shows is projected from them into tables.
//!
//! Leaves to others: which assets exist and when they were added (the ledger), showing and searching marks (the
//! catalog, which is told the result of every edit and can read all of it again), carrying messages and files between
//! homes (the network), randomness and the clock (arguments).
//!
//! Read first: [`Library`], [`Marks`]; then [`Albums`], [`membership`], [`sync`].
//!
//! Life of one edit of the library: [`Library::edit`] checks bounds, groups by month, writes the keys that differ into
//! the loaded documents, commits one Automerge change per document, signs it into the stream's chain as a
//! [`ChangeRecord`](heirloom_identity::ChangeRecord), stores all of them in one durable transaction, and answers with
//! the marks as they are now.
//!
//! Life of one edit of an album: [`Albums::edit`] checks the household's role, begins an epoch if one is due, commits a
//! change, seals it into the next [`Envelope`](heirloom_identity::Envelope) of its stream, projects the keys that
//! changed, and tells listeners after the commit. A [`SyncSession`] pushes the envelope; the other home verifies it,
//! puts it into its chain, opens it, decides whether it counts, applies it, and projects the same keys.
//!
//! Formats: `docs/formats/{library-documents,change-record,album-documents,membership,sync}.md`. Tables: [`schema`].

pub mod albums;
mod batch;
mod document;
mod documents;
mod error;
#[cfg(fuzzing)]
pub mod fuzzing;
mod library;
mod load;
pub mod marks;
pub mod membership;
mod month;
mod projection;
mod replica;
pub mod schema;
mod state;
mod streams;
pub mod sync;
mod verify;

pub use albums::{
    Activity, Album, AlbumEdit, AlbumError, AlbumKeys, Albums, Changed, Comment, CommentId, Ended, Entry,
    Happening, Holder, News, Part, Randomness, Reaction, TalkCounts,
};
pub use documents::entry::{Blob, EntryError, EntryFacts};
pub use documents::{Sort, SortError, entry, order};
pub use error::LibraryError;
pub use library::{Library, LibraryKeys};
pub use marks::{Edit, MarkChange, MarkError, Marks, PlaceMark, TakenMark};
pub use month::{Month, MonthError};
pub use schema::MIGRATIONS;
pub use sync::{Reason, SyncError, SyncMessage, SyncSession};
pub use verify::{Damage, DamageKind, Verification};

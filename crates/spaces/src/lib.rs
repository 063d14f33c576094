//! What people decided about their photos, as signed changes to Automerge documents.
//!
//! Owns `spaces.sqlite`: the chain of signed records, which is the truth, and snapshots of documents, which are derived.
//! So far there is one kind of space, the household's library, and in it the marks: favourites, captions, ratings, the
//! archive, times and places corrected by hand. They are split into one document per month in which assets were added,
//! because that month never changes.
//!
//! Leaves to others: which assets exist and when they were added (the ledger), showing and searching marks (the
//! catalog, which is told the result of every edit and can read all of it again), randomness and the clock (arguments).
//!
//! Read first: [`Library`], [`Edit`], [`Marks`].
//!
//! Life of one edit: [`Library::edit`] checks bounds, groups by month, writes the keys that differ into the loaded
//! documents, commits one Automerge change per document, signs it into the stream's chain as a
//! [`ChangeRecord`](heirloom_identity::ChangeRecord), stores all of them in one durable transaction, and answers with
//! the marks as they are now.
//!
//! Formats: `docs/formats/library-documents.md` and `docs/formats/change-record.md`. Tables: [`schema`].

pub mod albums;
mod batch;
mod document;
mod documents;
mod error;
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
    Happening, Holder, News, Part, Randomness, Reaction,
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

//! Newer states of this home: what a place has of it that this computer does not know, and how it comes home.
//!
//! After a restore from an older place, or when a disk was set back, a home or a disk may have a head of a newer state of
//! this household. Photos that exist only there are brought home: their originals, whose they are, their names, and what
//! people decided about them. Nothing here is overwritten or deleted by it. What both have keeps the decisions of this home;
//! where nobody here decided anything, those of the newer state are taken. It may be cut off at any moment: what is to be
//! done is found again by comparing that state's ledger with this home's.
//!
//! Whether a person is asked first is decided by who signed ([`Why`]): a restore takes the newest state that the household's
//! own computer signed without asking, so what the earlier computer signed before this one took its place comes by itself.
//! But nothing that opens this home to somebody comes so: accounts, and what was done in albums, wait for a person's word.
//! What it signed afterwards, what another restored computer signed, and what this computer's own keys signed without its
//! knowing may be a thief's: a person says first that it is theirs.
//!
//! Leaves noticing newer heads to `vault::recount` and `vault::strangers`, reading a head's state to
//! [`restore`](crate::restore), taking photos in to [`ingest`](crate::ingest).
//!
//! Read first: [`State`], [`bring`].
//!
//! ```text
//! a head that nobody here knows ─► states (asks?) ─► answer ─► reading: ledger, decisions ─► photos ─► decisions ─► albums
//!            recount, strangers    vault.sqlite      a person  vault/newer/<id>/             add-only, the newest first
//! ```

mod accounts;
mod albums;
mod answer;
mod decisions;
mod photos;
mod reading;
mod states;
mod told;
mod worker;

use std::sync::Mutex;

use tokio::sync::Notify;

pub use answer::{Answer, AnswerProblem, answer, find};
pub use states::{Doing, State, Why, list};
pub(super) use states::{look_again, note};
pub(super) use told::how_to_bring;
pub use worker::bring;
pub(super) use worker::keep_bringing;

/// The ledger's setting that a person chose an older state than the newest when this home was restored.
pub const SETTING_CHOSEN: &str = "restored_chosen";

/// What the parts share, one for each open home.
#[derive(Default)]
pub(crate) struct Shared {
    /// Held while the list of states is changed.
    changing: Mutex<()>,
    /// Held by whoever brings something: one at a time.
    bringing: tokio::sync::Mutex<()>,
    /// There is something to bring.
    wanted: Notify,
}

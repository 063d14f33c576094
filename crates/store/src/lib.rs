//! The one door to SQLite, and the seam through which every file of a home is written.
//!
//! Owns: how a database is opened, how its schema moves forward ([`Migration`]), the single writer thread
//! with group commit and the pool of readers ([`Database`]), and the durable file operations ([`Disk`]).
//! Leaves to others: every table and every query. `rusqlite` is re-exported so that no other crate names it
//! as a dependency.
//!
//! Read first: [`Database`], then [`Disk`].
//!
//! Life of one write: a caller hands [`Database::write`] a closure; the writer thread runs it inside a
//! savepoint, gathers what else is waiting, commits once for all of them, and only then answers each caller.

mod damage;
mod database;
#[cfg(target_os = "linux")]
mod direct;
mod disk;
mod error;
mod migrate;
mod reading;
mod writer;

pub use damage::{
    Found, Look, must_be_lost, open_or_begin, set_aside, set_aside_if_damaged, unreadable_part,
};
pub use database::{Database, Durability, copy_database};
pub use disk::{Disk, DraftFile, RealDisk, SyncedFolders, place_new};
pub use error::{Fault, StoreError};
pub use migrate::{Migration, schema_of};
pub use rusqlite;

//! The catalog: what the household's photos look like on a screen, derived and rebuildable.
//!
//! Owns `catalog.sqlite`: one row for each asset, joined from three sources (what was known on arrival, what
//! the file says, what a person decided), the timeline that grids are drawn from, and the durable queue of
//! work that is still to be done. It decides nothing: delete the file, feed the same ledger, derivations and
//! marks again, and an equal catalog is there ([`Catalog::digest`]).
//!
//! Photos of other homes can stand in a timeline too ([`Catalog::insert_shared`]); they are in no statistics and go
//! again ([`Catalog::remove_shared`]).
//!
//! Leaves to others: the ledger and the marks (the node and `spaces` are their truth), decoding (`media`),
//! running the jobs, and every clock: the time is an argument.
//!
//! Read first: [`Catalog`], [`Arrival`], [`Derivation`], [`Marks`], then [`View`] and [`Columns`]. The layout
//! of the timeline is drawn in `docs/formats/timeline.md`.
//!
//! Life of a photo: [`Catalog::insert`] shows it at once as a grey box under its file date and queues a job;
//! a worker takes that with [`Catalog::claim`] and hands in [`Catalog::derived`], which gives it its shape,
//! colour and capture date; [`Catalog::marked`] lays a person's decisions over that. Each of these touches
//! the revision of the months it changed, and a page asks [`Catalog::skeleton`] for what is newer than it has.

pub mod calendar;
mod catalog;
mod detail;
mod digest;
mod error;
mod facts;
mod feed;
pub mod jobs;
mod lookup;
mod marks;
mod rows;
pub mod schema;
mod shared;
mod shown;
mod stored;
pub mod synthetic;
pub mod timeline;

#[cfg(test)]
mod plans;

pub use catalog::Catalog;
pub use detail::{AssetDetail, AssetRef, DatedBy, State};
pub use error::CatalogError;
pub use facts::{Arrival, Derivation, Kind};
pub use jobs::{ATTEMPTS_MAX, DEATHS_MAX, Job, JobCounts, JobKind, Problem, Retry};
pub use lookup::{Fed, Known, Statistics, Totals};
pub use marks::Marks;
pub use timeline::{Bucket, BucketFilter, BucketPhoto, Changes, Columns, MonthCount, View};

//! What tests of several crates share: photos made from a number, a disk that loses power, and an object store.
//!
//! A dev-dependency only. Read first: [`photo`], [`CrashDisk`].

#[cfg(feature = "bucket")]
mod bucket;
mod crash_disk;
mod photo;

#[cfg(feature = "bucket")]
pub use bucket::Bucket;
pub use crash_disk::CrashDisk;
pub use photo::{Photo, photo};

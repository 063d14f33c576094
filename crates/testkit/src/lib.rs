//! What tests of several crates share: photos made from a number, and a disk that loses power.
//!
//! A dev-dependency only. Read first: [`photo`], [`CrashDisk`].

mod crash_disk;
mod photo;

pub use crash_disk::CrashDisk;
pub use photo::{Photo, photo};

//! Two and three homes that share albums: real folders, real networks on loopback, in one process.
//!
//! What is served to whom, what is fetched in which order, and what happens when something on the way is wrong.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail its test")]

mod adding;
mod care;
mod demand;
mod downloads;
mod family;
mod http;
mod serving;
mod timeline;
mod who;

#[path = "../shared/found.rs"]
mod found;
#[path = "../shared/photos.rs"]
mod photos;
#[path = "../shared/wait.rs"]
mod wait;

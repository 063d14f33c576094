//! The HTTP API, asked without a socket: a real home in a scratch folder behind the real router.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail its test")]
#![expect(clippy::too_many_lines, reason = "snapshots of answers are long and plain")]

mod access;
mod albums;
mod events;
mod harness;
mod homes;
mod media;
mod openapi;
mod page;
mod shapes;
mod sign_in;
mod timeline;
mod uploads;
mod vault;
mod vault_kits;
mod vault_newer;
mod vault_places;

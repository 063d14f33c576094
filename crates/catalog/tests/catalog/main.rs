//! The catalog from outside: what goes in, what a page gets, what survives.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod detail;
mod feed;
mod history;
mod home;
mod jobs;
mod schema;
mod shared;
mod timeline;

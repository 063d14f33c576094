//! The library space from outside: edits come back, histories replay, damage is confined, vectors hold.

#![expect(clippy::unwrap_used, reason = "a test ends where something unexpected happens")]

mod damage;
mod edits;
mod histories;
mod home;
mod vectors;

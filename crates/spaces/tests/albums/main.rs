//! Albums from outside: a family of homes in memory that exchange messages.

#![expect(clippy::unwrap_used, reason = "a test ends where something unexpected happens")]

mod edits;
mod family;
mod floods;
mod hostile;
mod late;
mod members;
mod merging;
mod projection;
mod restored;

//! Membership from outside: the rules one by one, random histories in random orders against a slow evaluation, epochs,
//! cuts and limits.

#![expect(clippy::unwrap_used, reason = "a test ends where something unexpected happens")]

mod album;
mod cuts;
mod epochs;
mod floods;
mod histories;
mod limits;
mod ownership;
mod reference;
mod removal;

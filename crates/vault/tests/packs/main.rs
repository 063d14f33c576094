//! Packs and the manifest as those see them who use them: what comes back, what a keeper can see, what damage does.

#![expect(clippy::unwrap_used, reason = "a test ends where something unexpected happens")]

mod damage;
mod keeper_view;
mod manifest;
mod restore;
mod sizes;
mod support;
mod vectors;

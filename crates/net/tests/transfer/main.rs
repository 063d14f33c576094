//! Verified transfer over pipes in memory: everything but QUIC is the real thing.
//!
//! Goal: whatever a provider, an asker, a disk or a power cut does, the bytes that are called done are the right ones,
//! nothing is fetched twice without need, and the others notice nothing. Method: a provider is a pipe with a serve at its
//! far end, or with whatever a test wants to say there; `kill` runs two real processes over QUIC and kills one of them.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod asking;
mod everyday;
mod kill;
mod lying;
mod resuming;
mod support;

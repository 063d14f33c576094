//! Keeping packs: a keeper's promises, folders and buckets, under faults and power cuts.

#![expect(clippy::unwrap_used, reason = "a test ends where something unexpected happens")]

mod aside;
mod away;
mod crash;
mod faults;
mod growth;
mod heads;
mod model;
mod seen;
mod targets;
mod unreadable;
mod vectors;
mod wear;
mod world;

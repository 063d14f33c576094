//! What the node promises about other homes, tried with real nodes in one process: each has a home of its own and a
//! network endpoint on loopback.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod family;
mod hostile;
mod pairing;
mod peers;
mod sharing;
mod vault;
mod vault_hostile;
mod vault_recovery;

#[path = "../shared/found.rs"]
mod found;
#[path = "../shared/wait.rs"]
mod wait;

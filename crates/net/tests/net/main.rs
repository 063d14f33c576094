//! Real nodes on the loopback: how they find, refuse, lose and find each other again, and what hostile ones can do.
//!
//! Every test waits for events, never for time, but for the two or three that are about a limit of time; those set the
//! limit themselves.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod relay_server;
mod support;

mod connections;
mod hostile;
mod relays;
mod streams;

//! The whole program, from outside: what a household does with it, what goes wrong around it, and what it
//! must survive. Each test opens with its goal and its method.
//!
//! Modules called `crash_…` kill the real process again and again; the runner has a profile for them.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]
#![expect(clippy::print_stdout, reason = "a test says what it skipped, or how much it tried")]

#[path = "../harness/mod.rs"]
mod harness;

mod bad_files;
mod bad_places;
mod bad_uploads;
mod crash_import;
mod crash_upload;
mod crash_vault;
mod everyday;
mod family;
mod full_disk;
mod looking_after;
mod stolen_keys;
mod vault;

//! Restoring households, inside one process: from folders and from other homes, interrupted, misled, and twice at once.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod again;
mod faults;
mod folder;
mod house;
mod interrupted;
mod keeper;
mod kit;
mod known;
mod newer;
mod old_node;
mod page;
mod phrase;
mod words;

#[path = "../shared/found.rs"]
mod found;
#[path = "../shared/photos.rs"]
mod photos;
#[path = "../shared/wait.rs"]
mod wait;

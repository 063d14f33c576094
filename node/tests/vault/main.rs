//! The vault, inside one process: homes with folders and with other homes as places for their copies.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod backup;
mod books;
mod bucket;
mod compact;
mod crash;
mod faults;
mod faulty;
mod heal;
mod homes;
mod hung;
mod impatient;
mod keepers;
mod library;
mod one_percent;
mod packings;
mod peers;
mod readback;
mod renewed;
mod room;
mod sector;
mod slow;
mod spoilt;
mod thieves;

#[path = "../shared/found.rs"]
mod found;
#[path = "../shared/photos.rs"]
mod photos;
#[path = "../shared/wait.rs"]
mod wait;

//! Recovery kits: the power of the phrase, shared among several homes or sheets of paper.
//!
//! `heirloom-identity` splits the secret and seals the record (`docs/formats/kit.md`); [`owner`] makes a kit, checks and
//! revokes it, and says no; [`holder`] keeps a part of another home's kit and gives it out when people here said yes and
//! the delay is over; `restore::kit` is whoever lost everything;
//! [`reminders`] says once a year what to look at. Read first: [`owner::create`], [`holder::asked`].

pub mod holder;
pub mod owner;
pub mod reminders;
pub mod request;
pub mod status;

/// Milliseconds of a day.
pub const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Delays that people can choose, in days.
pub const DELAYS: [u32; 5] = [0, 1, 7, 15, 30];
/// The delay when nobody chose one, in days.
pub const DELAY_DEFAULT: u32 = 7;
/// The longest delay.
const DELAY_MAX_MS: i64 = 30 * DAY_MS;

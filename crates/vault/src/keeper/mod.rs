//! The keeper's side: custody of other households' packs.
//!
//! A *ward* is a household whose packs this home keeps. What a keeper promises holds against everybody, also against
//! whoever stole the ward's keys: what was deleted is held for 30 days of this home's own running time, more than 5 %
//! (by bytes) in 30 days waits for a person in both homes, superseded heads are held as long, and nothing held is dropped
//! to make room. A keeper that was switched off doesn't count that time: its clock is [`Keeper::tick`].
//!
//! Owns the folder `kept/` and `keeper.sqlite`. Leaves to others: who may ask (the node checks
//! that the asker is the ward), carrying bytes, and telling people ([`Keeper::alarms`]).
//!
//! Read first: [`Keeper`], [`Ward`], [`KeeperError`]. The life of a pack: [`Keeper::put`] checks its id and the quota,
//! places it durably in the ward's folder, writes its row, and only then answers; [`Keeper::prove`] answers audits;
//! [`Keeper::scrub_step`] reads it every 25 to 35 days; [`Keeper::delete`] starts its hold; [`Keeper::collect`] ends it.

mod anew;
pub(crate) mod budget;
pub(crate) mod chain;
mod copy;
mod custody;
mod deletion;
mod error;
mod growth;
mod heads;
mod packs;
mod rows;
pub mod schema;
mod scrub;
mod survey;
mod ward;

pub use anew::{Agreed, TakenOn};
pub use copy::Copied;
pub use custody::Keeper;
pub use error::KeeperError;
pub use ward::{Alarm, AlarmKind, Collected, DeletionAsk, Home, LastHead, ScrubReport, Ward, WardState};

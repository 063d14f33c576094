//! Where packs are kept, whatever it is: a home, a folder on a disk, an object store. All hold the same packs.
//!
//! Read first: [`Target`], [`TargetError`]. [`FolderTarget`] is a folder of the ward's own, [`S3Target`] a bucket; a home
//! is reached by the node, which carries the same calls to its [`Keeper`](crate::Keeper).
//!
//! A target's word counts for nothing: that it has a pack is known only from a proof ([`Target::prove`], checked with
//! [`crate::proof::verify`]).

mod beating;
mod endpoint;
mod folder;
mod heads;
pub(crate) mod kits;
mod limit;
mod pace;
mod reply;
mod s3;

#[cfg(fuzzing)]
pub(crate) use endpoint::check_endpoint;
pub use folder::FolderTarget;
pub use s3::S3Target;

use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::PackId;
use crate::folder::DiskId;
use crate::proof::Challenge;

/// What every call of a target returns: something to be awaited.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
/// Says the time, in milliseconds since the Unix epoch, UTC.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;
/// Packs in one page of [`Target::list`].
pub const LIST_MAX: usize = 4096;
/// Packs in one [`Target::delete`].
pub const DELETE_MAX: usize = 4096;
/// Heads that [`Target::heads`] returns: more than are ever held, with every hour and every day at its fullest.
pub const HEADS_MAX: usize = 256;
/// Kit records that a target keeps.
pub const KITS_MAX: usize = 64;
/// The longest kit record.
pub const KIT_BYTES_MAX: usize = 16 * 1024;
/// How long a deleted pack and a superseded head are held: 30 days.
pub const HOLD_MS: i64 = 30 * DAY_MS;
/// A day.
pub(crate) const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Which part of the quota a pack may take.
///
/// A target can't see what is in a pack, so the ward says it. A ward that says it of every pack gains nothing: the two
/// parts together never exceed the quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Room {
    /// The 95 % that everything may take.
    Common,
    /// The 5 % set aside for heads and packs of tables, segments and roots; when they are used up, the common part.
    Reserve,
}

/// What a target has to say about itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TargetState {
    /// What was agreed, in bytes; none: as much as fits.
    pub quota: Option<u64>,
    /// Bytes of everything kept, held ones with them.
    pub used: u64,
    /// Bytes of what was deleted and is still held.
    pub held: u64,
    /// Bytes that a pack of [`Room::Common`] may still take: by quota and by what the disk has left. None: not known.
    pub free: Option<u64>,
    /// Packs that are kept, held ones not counted.
    pub packs: u64,
    /// Bytes that may be deleted now without a person being asked; none: any number.
    pub deletable: Option<u64>,
    /// Whether a deletion waits for a person.
    pub asked: bool,
}

/// What became of a wish to delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DeleteOutcome {
    /// Packs deleted now: held for 30 days, then gone. A pack that wasn't there counts, too.
    pub held: u32,
    /// Whether these packs wait until a person in each of the two homes has allowed it; until then they are kept. That
    /// others wait is said by [`TargetState::asked`].
    pub waits_for_person: bool,
}

/// What a target answers to a [`Challenge`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// A proof, to be checked.
    Proof(Vec<u8>),
    /// The disk is there and the pack is not, or it is damaged, or its deletion was asked for.
    Missing,
    /// The disk isn't mounted: nothing is known.
    DiskAbsent,
    /// Not now.
    Busy,
}

/// Why a target didn't do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum TargetError {
    /// It can't be reached.
    #[error("it can't be reached now")]
    Offline,
    /// It can be reached, its disk isn't mounted.
    #[error("its disk isn't there")]
    DiskAbsent,
    /// It has too much to do; try later.
    #[error("it is busy")]
    Busy,
    /// No room.
    #[error("it is full: {used} of {quota} bytes")]
    Full {
        /// What was agreed, or what the disk has.
        quota: u64,
        /// What is used.
        used: u64,
    },
    /// It doesn't want to.
    #[error("it refuses: {0}")]
    Refused(String),
    /// It hasn't got that.
    #[error("it hasn't got that")]
    Missing,
    /// It has a newer head: this one is a replay, or this node was replaced.
    #[error("it has a newer head than this")]
    Older,
    /// It has another head beside this one that says the same number; both are kept, and people are told.
    #[error("it has another head with this number: two nodes write this household's vault")]
    Fork,
    /// What it sent, or what it was sent, isn't right.
    #[error("{0}")]
    Wrong(String),
    /// Something failed there or on the way.
    #[error("{0}")]
    Io(String),
}

/// A place that keeps packs. Every call may be repeated: doing something twice is the same as doing it once.
pub trait Target: Send + Sync {
    /// Keeps a pack; returns when it is durable there. Not yet proven.
    fn put(&self, pack: PackId, bytes: Bytes, room: Room) -> BoxFuture<'_, Result<(), TargetError>>;
    /// Part of a pack, held ones too; exactly that long, or an error.
    fn get(&self, pack: PackId, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, TargetError>>;
    /// Kept packs and their sizes in order of id, those after `after`; at most [`LIST_MAX`]; empty at the end.
    fn list(&self, after: Option<PackId>) -> BoxFuture<'_, Result<Vec<(PackId, u64)>, TargetError>>;
    /// Answers at most [`CHALLENGES_MAX`](crate::proof::CHALLENGES_MAX) questions, in their order.
    fn prove(
        &self,
        challenges: Vec<Challenge>,
    ) -> BoxFuture<'_, Result<Vec<(Challenge, Answer)>, TargetError>>;
    /// Wishes at most [`DELETE_MAX`] packs to be deleted.
    fn delete(&self, packs: Vec<PackId>) -> BoxFuture<'_, Result<DeleteOutcome, TargetError>>;
    /// Says what a person in this home, the ward's, thinks of the deletion that waits.
    fn answer_deletion(&self, allow: bool) -> BoxFuture<'_, Result<DeleteOutcome, TargetError>>;
    /// Keeps a signed head.
    fn put_head(&self, head: Vec<u8>) -> BoxFuture<'_, Result<(), TargetError>>;
    /// The heads it has, the one that outranks the others first; at most [`HEADS_MAX`].
    fn heads(&self) -> BoxFuture<'_, Result<Vec<Vec<u8>>, TargetError>>;
    /// Keeps a record of a recovery kit, or a revocation, which takes the record out for good; at most [`KIT_BYTES_MAX`]
    /// long.
    fn put_kit(&self, kit: Vec<u8>) -> BoxFuture<'_, Result<(), TargetError>>;
    /// The kit records and revocations it has, at most [`KITS_MAX`].
    fn kits(&self) -> BoxFuture<'_, Result<Vec<Vec<u8>>, TargetError>>;
    /// How full it is.
    fn state(&self) -> BoxFuture<'_, Result<TargetState, TargetError>>;
    /// Which disk it is, as its marker says; none where places have no disk that may be exchanged for another.
    fn disk(&self) -> BoxFuture<'_, Result<Option<DiskId>, TargetError>> {
        Box::pin(std::future::ready(Ok(None)))
    }
    /// Removes for good what was deleted 30 days ago; returns how many packs. Homes do this by themselves.
    fn tidy(&self) -> BoxFuture<'_, Result<u64, TargetError>> {
        Box::pin(std::future::ready(Ok(0)))
    }
}

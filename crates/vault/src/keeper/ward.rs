//! What a keeper says about its wards: values only.

use heirloom_identity::HouseholdId;
use serde::{Deserialize, Serialize};

use crate::PackId;

/// A household whose packs are kept here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ward {
    /// Who.
    pub household: HouseholdId,
    /// What was agreed, in bytes.
    pub quota: u64,
    /// Bytes of all packs, held ones too, and of heads and kit records.
    pub used: u64,
    /// Bytes of packs that were deleted and are held.
    pub held: u64,
    /// Packs kept, held ones not counted.
    pub packs: u64,
    /// Packs that were kept and are lost or damaged here; the ward sends them again.
    pub bad: u64,
    /// The head that outranks the others, of those that the ward put here itself.
    pub last_head: Option<LastHead>,
    /// A deletion that waits for people.
    pub ask: Option<DeletionAsk>,
    /// Bytes that may be deleted now without anybody being asked.
    pub deletable: u64,
    /// Bytes that a pack of [`Room::Common`](crate::Room::Common) may still take, by quota.
    pub free: u64,
    /// How it stands.
    pub state: WardState,
    /// Since when it is a ward, UTC.
    pub since_ms: i64,
}

/// How a ward stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum WardState {
    /// Kept, and the disk is there.
    Keeping,
    /// The disk isn't mounted.
    DiskAbsent,
    /// Another disk, or another household's folder, is where its folder should be.
    AnotherDisk,
    /// The agreement was ended: its packs are held for 30 days and then removed.
    Ended,
}

/// The newest head of a ward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastHead {
    /// The generation of the certificate that signed it.
    pub generation: u32,
    /// Its number.
    pub number: u64,
    /// When the ward says it made it, UTC.
    pub made_at_ms: i64,
}

/// A wish to delete more than may go without a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeletionAsk {
    /// How many packs.
    pub packs: u64,
    /// How many bytes.
    pub bytes: u64,
    /// Whether a person in this home has allowed it.
    pub allowed_here: bool,
    /// Whether a person in the ward's home has.
    pub allowed_there: bool,
}

/// One of the two homes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Home {
    /// The one that keeps.
    Keeper,
    /// The one whose packs they are.
    Ward,
}

/// What [`Keeper::collect`](crate::Keeper::collect) removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Collected {
    /// Packs removed for good.
    pub packs: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What a call of [`Keeper::scrub_step`](crate::Keeper::scrub_step) read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScrubReport {
    /// Packs read.
    pub packs: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Packs found damaged or gone; they answer as missing from now on.
    pub bad: Vec<(HouseholdId, PackId)>,
}

/// Something that people in this home should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// Counts up; [`Keeper::alarms`](crate::Keeper::alarms) goes on from it.
    pub number: i64,
    /// Whose vault it is about.
    pub ward: HouseholdId,
    /// What happened.
    pub kind: AlarmKind,
    /// How many packs it concerns, where that makes sense.
    pub packs: u64,
}

/// What an [`Alarm`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AlarmKind {
    /// Two heads contradict each other: two nodes write this household's vault, or somebody has its node's keys.
    Fork,
    /// More is to be deleted than may go without a person.
    DeletionAsked,
    /// Packs here were damaged or lost; the ward was told and sends them again.
    Damaged,
    /// The disk that came back lacks packs that were kept here: it is an older copy.
    OldDisk,
    /// A node with a newer certificate writes this vault: the household was restored.
    Restored,
}

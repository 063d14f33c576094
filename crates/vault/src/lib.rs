//! The vault: encrypted copies of everything a household would miss, in other homes, on disks, in object stores.
//!
//! Two sides, which never meet in one home's data. A *ward* cuts what it has into blobs, seals them into packs, says in a
//! signed manifest which pack holds what, and decides where copies stand. A *keeper* keeps a ward's packs, proves that it
//! has them, and can read none. Everything a keeper learns is a pack's id, its padded size, the 44 bytes before its
//! ciphertext, and when it came.
//!
//! Owns `vault.sqlite` (the ward's side), `keeper.sqlite` (the keeper's), the pack and manifest formats, and the layout of a folder of packs. Leaves to
//! others: keys and the signed head (`heirloom-identity`), carrying bytes between homes (the node), the clock and
//! randomness (arguments), and what the photos are (the node, which gives readers of bytes).
//!
//! Read first: [`blob`] for the words, [`pack`] for the format, [`manifest`] for how a pack is found again.
//!
//! Life of one photo: [`Packer::add`] reads it once, checks that it is still what its hash says, and seals it into an open
//! pack; the full pack goes to targets; each target proves that it has it; a [`Segment`] lists what is in the pack, a
//! [`Root`] lists the segments, and the head that the node signs points at the root. Whoever has the phrase and the head
//! walks the same way back with an [`Assembly`].
//!
//! Formats: `docs/formats/{pack,vault-manifest,vault-folder}.md`.

pub mod assemble;
pub mod blob;
pub mod compact;
pub mod folder;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod keeper;
pub mod manifest;
pub mod opening;
pub mod pack;
pub mod packer;
pub mod policy;
pub mod proof;
pub mod store;
pub mod target;

use heirloom_store::Migration;
// Named only to switch its TLS on, without which `object_store` does not compile.
use reqwest as _;

pub use assemble::{Assembly, AssemblyError, fetch_blob};
pub use blob::{BlobKind, Entry, Located, PackId, PackRef, PackText};
pub use compact::{Compaction, PackStats};
pub use keeper::{Keeper, KeeperError, Ward};
pub use manifest::{Agreement, FileSnapshot, Index, ManifestError, Pointer, Root, Segment};
pub use pack::{PackError, PackWriter, Piece, SealedPack, rebuild};
pub use packer::{AddCause, AddError, Packer};
pub use policy::{Policy, TargetId};
pub use proof::Challenge;
pub use store::VaultStore;
pub use target::{Answer, BoxFuture, DeleteOutcome, Room, Target, TargetError, TargetState};

/// The numbered steps of `vault.sqlite`. Until the fourth it held both sides' tables.
pub const MIGRATIONS: &[Migration] = &[
    step(1, "the ward's side", include_str!("migrations/001_ward.sql")),
    step(2, "the keeper's side", KEEPER_SQL),
    step(3, "how wards grow", GROWTH_SQL),
    step(4, "the keeper's side has a file of its own", include_str!("migrations/004_keeper_moved.sql")),
];

/// The numbered steps of `keeper.sqlite`.
pub const KEEPER_MIGRATIONS: &[Migration] =
    &[step(1, "the keeper's side", KEEPER_SQL), step(2, "how wards grow", GROWTH_SQL)];

const KEEPER_SQL: &str = include_str!("migrations/002_keeper.sql");
const GROWTH_SQL: &str = include_str!("migrations/003_growth.sql");

const fn step(number: u32, name: &'static str, sql: &'static str) -> Migration {
    Migration { number, name, sql }
}

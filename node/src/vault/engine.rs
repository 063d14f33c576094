//! What the parts of the engine share, one for each open home: packs that were just sealed, what waits to be looked at,
//! what is being fetched, and the clock.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use heirloom_identity::ContentHash;
use heirloom_vault::pack::{PACK_BYTES_MAX, PACK_BYTES_MIN};
use heirloom_vault::policy::TargetId;
use heirloom_vault::store::Place;
use heirloom_vault::target::Clock;
use heirloom_vault::{BlobKind, Target};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::heal::Unreachable;
use super::shelf::Shelf;
use super::strangers::OnSince;
use crate::clock;

/// What a person asked for; the worker does it soon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wish {
    /// Pack and place what is to be packed and placed.
    Run,
    /// Have every place prove that it has what it took.
    Audit,
    /// Fetch some photos back and compare them.
    Drill,
    /// Read every original, and bring back what is damaged or gone.
    Repair,
}

/// Photos that may wait for a look; with more, everything is looked through.
const LOOKS_MAX: usize = 10_000;

/// A folder or bucket that is open, and where it is.
type Open = (Place, Arc<dyn Target>);
/// What became of a fetch, once it has ended.
pub(super) type Outcome = Option<Result<(), Unreachable>>;

/// See the module's description.
#[derive(Default)]
pub struct Engine {
    /// Packs that were just sealed.
    pub(super) shelf: Shelf,
    /// Held by whoever packs and places: one at a time.
    pub(super) running: tokio::sync::Mutex<()>,
    /// Held by whoever looks after originals: one at a time.
    pub(super) healing: tokio::sync::Mutex<()>,
    looks: Mutex<Looks>,
    wishes: Mutex<BTreeSet<Wish>>,
    wished: Notify,
    suspected: Notify,
    /// Files that are being fetched because somebody looks at them.
    pub(super) fetching: Mutex<HashMap<(ContentHash, BlobKind), watch::Receiver<Outcome>>>,
    pub(super) stop: CancellationToken,
    pub(super) tasks: TaskTracker,
    restoring: Mutex<Option<Restoring>>,
    /// Folders and object stores that are open, by the place's number.
    pub(super) open: Mutex<HashMap<TargetId, Open>>,
    clock: OnceLock<Clock>,
    pack_bytes: OnceLock<usize>,
    /// Since when this computer has been on without a break.
    pub(super) on_since: OnSince,
    /// Looks at folders with copies.
    pub(super) folder_looks: super::place::Looks,
}

/// Photos that something happened to.
#[derive(Debug, Default)]
struct Looks {
    /// Their pictures were made.
    pictured: BTreeSet<ContentHash>,
    /// Too many were named, or nobody knows which: all are to be looked through.
    all_pictures: bool,
    /// Their originals are not what they were.
    suspects: BTreeSet<ContentHash>,
}

/// How far originals that come back are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Restoring {
    /// Originals that are here again.
    pub done: u64,
    /// Originals that were missing.
    pub total: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The bytes of all that were missing.
    pub total_bytes: u64,
}

impl Engine {
    /// Now: milliseconds since the Unix epoch, UTC.
    pub fn now(&self) -> i64 {
        self.clock.get().map_or_else(clock::now_ms, |clock| clock())
    }

    /// Uses what is open already for a folder or bucket, until that place is changed or the home is closed.
    pub fn hold_open(&self, id: TargetId, place: Place, target: Arc<dyn Target>) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(id, (place, target));
    }

    /// What says the time.
    pub(super) fn clock(&self) -> Clock {
        self.clock.get().map_or_else(|| Arc::new(clock::now_ms) as Clock, Arc::clone)
    }

    /// Takes the time from elsewhere, from now on and for good; `false` when somebody did already.
    pub fn set_clock(&self, clock: Clock) -> bool {
        self.clock.set(clock).is_ok()
    }

    /// Packs are no larger than so many bytes, and at most as large as they can be.
    pub(super) fn pack_bytes(&self) -> usize {
        self.pack_bytes.get().map_or(PACK_BYTES_MAX, |bytes| (*bytes).clamp(PACK_BYTES_MIN, PACK_BYTES_MAX))
    }

    /// Makes smaller packs, from now on and for good; `false` when somebody did already.
    pub fn set_pack_bytes(&self, bytes: usize) -> bool {
        self.pack_bytes.set(bytes).is_ok()
    }

    /// Notes what a person asked for.
    pub fn wish(&self, wish: Wish) {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner).insert(wish);
        self.wished.notify_one();
    }

    pub(super) fn take_wishes(&self) -> BTreeSet<Wish> {
        std::mem::take(&mut *self.wishes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) async fn wished(&self) {
        self.wished.notified().await;
    }

    /// Says that a photo's pictures were made, so that they are packed.
    pub fn pictured(&self, content: ContentHash) {
        let mut looks = self.looks();
        if looks.pictured.len() < LOOKS_MAX {
            looks.pictured.insert(content);
        } else {
            looks.all_pictures = true;
        }
    }

    /// Says that pictures may have been made that nobody named.
    pub(super) fn look_at_all_pictures(&self) {
        self.looks().all_pictures = true;
    }

    /// Photos whose pictures were made, and whether all are to be looked through.
    pub(super) fn take_pictured(&self) -> (BTreeSet<ContentHash>, bool) {
        let mut looks = self.looks();
        (std::mem::take(&mut looks.pictured), std::mem::take(&mut looks.all_pictures))
    }

    /// Says that an original is gone or not what it was, so that it is looked at soon.
    pub fn suspect(&self, content: ContentHash) {
        let mut looks = self.looks();
        if looks.suspects.len() < LOOKS_MAX {
            looks.suspects.insert(content);
        }
        drop(looks);
        self.suspected.notify_one();
    }

    pub(super) async fn suspected(&self) {
        self.suspected.notified().await;
    }

    pub(super) fn take_suspects(&self) -> BTreeSet<ContentHash> {
        std::mem::take(&mut self.looks().suspects)
    }

    /// How far originals that come back are, while they do.
    pub fn restoring(&self) -> Option<Restoring> {
        *self.restoring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_restoring(&self, progress: Option<Restoring>) {
        *self.restoring.lock().unwrap_or_else(PoisonError::into_inner) = progress;
    }

    fn looks(&self) -> MutexGuard<'_, Looks> {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

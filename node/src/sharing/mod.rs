//! What albums mean to this home: putting own photos into them, keeping what others put in, showing them.
//!
//! `spaces` keeps what an album says, `net` carries bytes; this module decides which bytes are wanted, where they
//! lie, who of the household sees an album, and what open pages hear. Read first: [`Sharing`] (what the parts share),
//! [`add`] (own photos into an album), [`downloads`] (others' photos to here), then [`albums`].
//!
//! Life of a photo of another home: its entry arrives with a sync; [`news`] wakes the downloads; [`missing`] finds that
//! its thumbnail is not here; [`downloads`] fetches it from every member that is connected; [`pictures`] checks and
//! places it; the preview and, if this home keeps originals, the original follow. Everything that is to be done is
//! found again from the album and the disk, so nothing is lost by stopping at any moment.

pub mod add;
pub mod albums;
pub mod demand;
pub mod downloads;
pub mod facts;
pub mod fetch;
pub mod missing;
pub mod news;
pub mod originals;
pub mod pictures;
pub mod timeline;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use heirloom_identity::{AssetId, SpaceId};
use heirloom_net::transfer::{Budget, Outboards, Serving};
use tokio::sync::watch;

use crate::home::Home;
use crate::ledger::shared_files::FileKind;

pub use add::{Outcome, add_assets};
pub use albums::{LAST_WORDS, album_of, create_album, leave, sees, share, unshare, unshare_everywhere};
pub use downloads::Downloads;
pub use missing::{Progress, Tally};
pub use originals::{OriginalState, original_state};

/// A count that takes no longer is repeated whenever somebody asks; a longer one rests this many times as long.
const COUNT_QUICK: Duration = Duration::from_millis(250);
const COUNT_RESTS: u32 = 20;

/// What the parts of sharing have in common; one for each open home.
pub struct Sharing {
    /// Photos that go into an album once their pictures are made, so that the workers need not ask the ledger.
    pending: Mutex<HashSet<AssetId>>,
    /// How much of each album is here, as last counted.
    counted: Mutex<HashMap<SpaceId, Counted>>,
    /// How often each album was touched.
    touches: Mutex<HashMap<SpaceId, u64>>,
    /// What the timelines have to follow.
    timeline: Mutex<timeline::ToFollow>,
    demands: demand::Demands,
    downloads: Arc<Budget>,
    serving: OnceLock<Arc<Serving>>,
    wakes: watch::Sender<u64>,
}

/// How much of an album was here, and what counting took.
#[derive(Debug, Clone, Copy)]
struct Counted {
    progress: Progress,
    /// The album's touches when the count began.
    touches: u64,
    at: Instant,
    took: Duration,
}

impl Counted {
    /// Whether the count may be answered although the album was touched since: one that took long is not repeated for
    /// each photo that comes.
    fn is_good(&self, touches: u64) -> bool {
        let rest =
            if self.took < COUNT_QUICK { Duration::ZERO } else { self.took.saturating_mul(COUNT_RESTS) };
        self.touches == touches || self.at.elapsed() < rest
    }
}

impl Default for Sharing {
    fn default() -> Self {
        Self {
            pending: Mutex::default(),
            counted: Mutex::default(),
            touches: Mutex::default(),
            timeline: Mutex::default(),
            demands: demand::Demands::default(),
            downloads: fetch::unlimited(),
            serving: OnceLock::new(),
            wakes: watch::Sender::new(0),
        }
    }
}

impl Sharing {
    /// Has the downloads look again: something is wanted, or somebody came who may have it.
    pub fn wake(&self) {
        self.wakes.send_modify(|wakes| *wakes = wakes.wrapping_add(1));
    }

    /// What everything that is served to other homes shares.
    pub fn serving(&self, home: &Home) -> Arc<Serving> {
        let outboards = || Outboards::new(home.layout.cache().join("outboards"));
        let serving = self.serving.get_or_init(|| Arc::new(Serving::new(outboards(), fetch::unlimited())));
        Arc::clone(serving)
    }

    /// What all fetches share.
    fn download_budget(&self) -> Arc<Budget> {
        Arc::clone(&self.downloads)
    }

    /// Listens for wakes.
    fn woken(&self) -> watch::Receiver<u64> {
        self.wakes.subscribe()
    }

    /// How much of an album was here when it was last counted, unless it is time to count again.
    fn progress(&self, space: &SpaceId) -> Option<Progress> {
        let touches = self.touches(space);
        lock(&self.counted)
            .get(space)
            .filter(|counted| counted.is_good(touches))
            .map(|counted| counted.progress)
    }

    /// Remembers how much of an album is here, counted from `since` on, when it had been touched so often; says whether
    /// that is news.
    fn note_progress(&self, space: SpaceId, progress: Progress, touches: u64, since: Instant) -> bool {
        let counted = Counted { progress, touches, at: Instant::now(), took: since.elapsed() };
        lock(&self.counted).insert(space, counted).map(|before| before.progress) != Some(progress)
    }

    /// Says that an album, or what is here of it, changed: it is counted and looked through again.
    pub fn touched(&self, space: &SpaceId) {
        let mut touches = lock(&self.touches);
        *touches.entry(*space).or_default() += 1;
    }

    /// Rises whenever an album is touched.
    fn touches(&self, space: &SpaceId) -> u64 {
        lock(&self.touches).get(space).copied().unwrap_or(0)
    }

    /// Counts a file that just came.
    fn came(&self, space: &SpaceId, kind: FileKind, bytes: u64) {
        if let Some(Counted { progress, .. }) = lock(&self.counted).get_mut(space) {
            let tally = match kind {
                FileKind::Thumbnail => &mut progress.thumbnails,
                FileKind::Preview => &mut progress.previews,
                FileKind::Original => &mut progress.originals,
            };
            tally.have = (tally.have + 1).min(tally.of);
            progress.bytes_missing = progress.bytes_missing.saturating_sub(bytes);
        }
    }
}

/// Begins to follow the albums of a home that was just opened. Cheap: whatever takes time is done by [`Downloads`].
///
/// # Errors
/// When the ledger cannot be read.
pub fn attach(home: &Arc<Home>) -> anyhow::Result<()> {
    add::load_pending(home)?;
    news::listen(home);
    Ok(())
}

/// Locks what a panic left whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

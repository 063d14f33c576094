//! How much work for other homes is under way at once: a few packs in memory, a few reads, and of each home fewer still.
//!
//! A pack over a slow line takes minutes, and a few homes with such lines would keep all others out; `incoming.rs` says how
//! it comes without a place.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use heirloom_identity::HouseholdId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Packs that are being taken in at once; each may be 32 MiB in memory.
pub const PUTS_MAX: usize = 4;
/// Packs of one household that are being taken in at once.
pub const PUTS_PER_WARD_MAX: usize = 2;
/// Other requests that are being answered at once.
pub const READS_MAX: usize = 16;
/// Other requests of one household that are being answered at once.
pub const READS_PER_WARD_MAX: usize = 6;
/// How long a request waits for a place before it is told that this home is busy; longer than [`BRISK`], so that whoever
/// waits first is served.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How long a pack that comes has its place; a slower one comes on without.
pub const BRISK: Duration = Duration::from_secs(10);
/// How long a pack that is here waits for its place again; whoever sent it waits longer for the answer.
pub const RETURN_PATIENCE: Duration = Duration::from_secs(60);

/// What a request needs a place for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Work {
    /// A pack that comes.
    Put,
    /// Anything else.
    Read,
}

/// The places that there are.
#[derive(Debug)]
pub struct Places {
    puts: Arc<Semaphore>,
    reads: Arc<Semaphore>,
    taken: Arc<Mutex<HashMap<(HouseholdId, Work), usize>>>,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            puts: Arc::new(Semaphore::new(PUTS_MAX)),
            reads: Arc::new(Semaphore::new(READS_MAX)),
            taken: Arc::default(),
        }
    }
}

/// A place, until it is dropped.
#[derive(Debug)]
pub struct Place {
    _share: Share,
    all: Arc<Semaphore>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Place {
    /// Leaves the place to others for a while; what the household does still counts as one of its own.
    pub fn step_aside(&mut self) {
        self.permit = None;
    }

    /// Takes a place again after [`step_aside`](Self::step_aside); whether one became free in time.
    pub async fn come_back(&mut self) -> bool {
        if self.permit.is_none() {
            let again = timeout(RETURN_PATIENCE, Arc::clone(&self.all).acquire_owned()).await;
            self.permit = again.ok().and_then(Result::ok);
        }
        self.permit.is_some()
    }
}

/// What counts against one household.
#[derive(Debug)]
struct Share {
    taken: Arc<Mutex<HashMap<(HouseholdId, Work), usize>>>,
    of: (HouseholdId, Work),
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.of) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.of);
            }
        }
    }
}

impl Places {
    /// Takes a place for a household; `None` when it has as many as it may, or none became free in time.
    pub async fn take(&self, household: HouseholdId, work: Work) -> Option<Place> {
        let (all, own) = match work {
            Work::Put => (&self.puts, PUTS_PER_WARD_MAX),
            Work::Read => (&self.reads, READS_PER_WARD_MAX),
        };
        let share = self.share(household, work, own)?;
        let permit = timeout(PATIENCE, Arc::clone(all).acquire_owned()).await.ok()?.ok()?;
        Some(Place { _share: share, all: Arc::clone(all), permit: Some(permit) })
    }

    /// Counts a request of one household, those that wait included.
    fn share(&self, household: HouseholdId, work: Work, most: usize) -> Option<Share> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let of = (household, work);
        let count = taken.entry(of).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        drop(taken);
        Some(Share { taken: Arc::clone(&self.taken), of })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn household(number: u8) -> HouseholdId {
        HouseholdId::from_bytes([number; 32])
    }

    #[tokio::test(start_paused = true)]
    async fn one_household_leaves_places_for_others() {
        let places = Places::default();
        let mut held = Vec::new();
        for _ in 0..PUTS_PER_WARD_MAX {
            held.push(places.take(household(1), Work::Put).await.unwrap());
        }
        assert!(places.take(household(1), Work::Put).await.is_none(), "it has its share");
        assert!(places.take(household(1), Work::Read).await.is_some(), "which is of one kind only");
        assert!(places.take(household(2), Work::Put).await.is_some());
        held.pop();
        assert!(places.take(household(1), Work::Put).await.is_some());
        drop(held);
        assert!(places.taken.lock().unwrap().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_in_vain_is_told() {
        let places = Places::default();
        let mut held = Vec::new();
        for number in 0..u8::try_from(PUTS_MAX).unwrap() {
            held.push(places.take(household(number), Work::Put).await.unwrap());
        }
        let began = tokio::time::Instant::now();
        assert!(places.take(household(100), Work::Put).await.is_none());
        assert_eq!(began.elapsed(), PATIENCE);
        let waiting = places.take(household(100), Work::Put);
        let freeing = async {
            tokio::time::sleep(PATIENCE / 2).await;
            held.pop();
        };
        assert!(tokio::join!(waiting, freeing).0.is_some());
    }
}

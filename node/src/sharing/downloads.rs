//! Fetching what albums hold and this home wants: small pictures first, then large ones, then originals.
//!
//! Two lanes, so that a video of gigabytes holds up no thumbnail: one for pictures, one for originals. Each looks
//! through the albums that it has reason to look at, fetches what is missing from the members that are connected, and
//! sleeps until something changes. A file that did not come is tried again later and later; a file that cannot be used
//! is not asked for again. Nothing is remembered but what is on the disk, so a stop costs nothing.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use heirloom_identity::{ContentHash, HouseholdId, SpaceId};
use heirloom_net::transfer::ItemError;
use heirloom_spaces::Album;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::fetch::{self, Got};
use super::missing::{self, Found, Missing};
use super::{add, albums, demand, pictures, timeline};
use crate::home::Home;
use crate::home::events::{AlbumPart, Event};
use crate::ledger::shared_files::FileKind;

/// Pictures that are asked for in one batch.
const PICTURES_PER_BATCH: usize = 512;
/// Originals that are asked for in one batch, unless their bytes end it sooner.
const ORIGINALS_PER_BATCH: usize = 64;
/// Bytes of originals that are asked for in one batch; one alone may be larger.
const BATCH_BYTES_MAX: u64 = 512 << 20;
/// Room on the disk that pictures leave, and originals.
const PICTURES_LEAVE_BYTES: u64 = 256 << 20;
const ORIGINALS_LEAVE_BYTES: u64 = 2 << 30;
/// How long a lane that found nothing to do sleeps when nothing wakes it.
const IDLE: Duration = Duration::from_mins(10);
/// How long a lane waits after a wake for others that belong to it.
const SETTLE: Duration = Duration::from_millis(100);
/// How long a lane works on large files before it looks whether something small came up.
const LOOK_UP_AFTER: Duration = Duration::from_secs(5);
/// How long a batch of one album may take while another album waits: so long, and as much longer as it takes to read what
/// came of its largest file before, which goes on where it was.
const TURN: Duration = Duration::from_secs(10);
const TURN_BYTES_PER_SEC: u64 = 16 << 20;
const TURN_MAX: Duration = Duration::from_mins(5);
/// How long a file rests after its first failure; twice as long after each further one, to an hour.
const REST_FIRST: Duration = Duration::from_secs(5);
const REST_MAX: Duration = Duration::from_hours(1);

/// The running lanes; [`Downloads::stop`] ends them.
pub struct Downloads {
    home: Arc<Home>,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Downloads {
    /// Starts on the runtime of the caller.
    pub fn start(home: &Arc<Home>) -> Self {
        let stop = CancellationToken::new();
        let mut tasks = vec![tokio::spawn(tend(Arc::clone(home), stop.clone()))];
        for originals in [false, true] {
            let lane = Lane::new(Arc::clone(home), originals, stop.clone());
            tasks.push(tokio::spawn(lane.run()));
        }
        Self { home: Arc::clone(home), stop, tasks }
    }

    /// Ends everything that is under way; what came so far stays and is not fetched again.
    pub async fn stop(self) {
        self.stop.cancel();
        self.home.sharing.demands.stop().await;
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a download task ended badly");
            }
        }
    }
}

/// What a start owes, and the timelines that follow their albums.
async fn tend(home: Arc<Home>, stop: CancellationToken) {
    let mut woken = home.sharing.woken();
    let begun = Arc::clone(&home);
    blocking("look after what albums left", move || begin(&begun)).await;
    home.sharing.wake();
    loop {
        let following = Arc::clone(&home);
        blocking("show albums in the timelines", move || Ok(timeline::follow(&following)?)).await;
        tokio::select! {
            () = stop.cancelled() => return,
            changed = woken.changed() => if changed.is_err() { return },
        }
        tokio::time::sleep(SETTLE).await;
    }
}

fn begin(home: &Arc<Home>) -> anyhow::Result<()> {
    demand::sweep(home);
    add::catch_up(home);
    timeline::note_all(home)?;
    for album in home.albums.list()? {
        albums::remember(home, &album)?;
        forget_lost(home, &album)?;
    }
    Ok(())
}

/// Forgets files that came and are no longer on the disk, so that they are fetched again.
fn forget_lost(home: &Home, album: &Album) -> anyhow::Result<()> {
    for (hash, kind) in home.ledger.all_received(&album.space)? {
        let is_here = match kind {
            FileKind::Original => super::originals::here(home, &hash)?.is_some(),
            FileKind::Thumbnail | FileKind::Preview => pictures::place(home, &hash).is_file(),
        };
        if !is_here {
            home.ledger.not_received(hash, kind)?;
            home.sharing.touched(&album.space);
        }
    }
    Ok(())
}

async fn blocking<T: Send + 'static>(
    what: &'static str,
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> Option<T> {
    let done = tokio::task::spawn_blocking(work).await.context("a thread panicked");
    match done.and_then(|outcome| outcome) {
        Ok(value) => Some(value),
        Err(error) => {
            tracing::error!("cannot {what}: {error:#}");
            None
        }
    }
}

/// One lane.
struct Lane {
    home: Arc<Home>,
    kinds: &'static [FileKind],
    stop: CancellationToken,
    troubles: Troubles,
    /// Albums in which nothing was missing, with their touches then.
    complete: HashMap<SpaceId, u64>,
    /// Which members each album could be fetched from at the last look.
    reached: HashMap<SpaceId, HashSet<HouseholdId>>,
}

/// What became of a round through the albums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    /// Something came; there may be more.
    Worked,
    /// Nothing can be done now.
    Idle,
}

impl Lane {
    fn new(home: Arc<Home>, originals: bool, stop: CancellationToken) -> Self {
        let kinds: &[FileKind] =
            if originals { &[FileKind::Original] } else { &[FileKind::Thumbnail, FileKind::Preview] };
        let troubles = Troubles::default();
        Self { home, kinds, stop, troubles, complete: HashMap::new(), reached: HashMap::new() }
    }

    async fn run(mut self) {
        let mut woken = self.home.sharing.woken();
        loop {
            woken.borrow_and_update();
            let begun = Instant::now();
            let round = self.round().await;
            if self.stop.is_cancelled() {
                return;
            }
            if round == Round::Worked {
                continue;
            }
            // Whatever was due and was not tried now is not wanted any more, or out of reach.
            self.troubles.drop_overdue(begun);
            let rest =
                self.troubles.next_due().map_or(IDLE, |due| due.saturating_duration_since(Instant::now()));
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(rest.clamp(SETTLE, IDLE)) => {}
                changed = woken.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    tokio::time::sleep(SETTLE).await;
                }
            }
        }
    }

    /// Goes once through the albums, kind by kind, so that every album has its small pictures first.
    async fn round(&mut self) -> Round {
        let home = Arc::clone(&self.home);
        let listed = blocking("list the albums", move || Ok(home.albums.list()?)).await;
        let mut albums: Vec<Arc<Album>> = listed.unwrap_or_default().into_iter().map(Arc::new).collect();
        albums.retain(|album| album.our_role.is_some() && self.is_reachable(album));
        let mut round = Round::Idle;
        for kind in self.kinds {
            for album in &albums {
                let waits = |other: &Arc<Album>| other.space != album.space && !self.is_complete(other);
                let others = *kind == FileKind::Preview || albums.iter().any(waits);
                if self.fetch_kind(album, *kind, others).await == Round::Worked {
                    round = Round::Worked;
                }
                if self.stop.is_cancelled() {
                    return Round::Idle;
                }
            }
        }
        round
    }

    /// Whether a member is connected. One that was not at the last look may have what nobody had.
    fn is_reachable(&mut self, album: &Album) -> bool {
        let members: Vec<HouseholdId> = album.membership.members.keys().copied().collect();
        let connected = self.home.network().map(|network| network.connections(&members)).unwrap_or_default();
        let now: HashSet<HouseholdId> = connected.into_iter().map(|(household, _)| household).collect();
        let before = self.reached.insert(album.space, now.clone()).unwrap_or_default();
        if now.difference(&before).next().is_some() {
            self.troubles.forget(&album.space);
        }
        !now.is_empty()
    }

    /// Whether nothing was missing at the last look, and nothing changed since.
    fn is_complete(&self, album: &Album) -> bool {
        self.complete.get(&album.space) == Some(&self.home.sharing.touches(&album.space))
    }

    /// Fetches what is missing of one kind; for a turn only if `others` wait.
    async fn fetch_kind(&mut self, album: &Arc<Album>, kind: FileKind, others: bool) -> Round {
        let (touches, since) = (self.home.sharing.touches(&album.space), Instant::now());
        if self.is_complete(album) {
            return Round::Idle;
        }
        let (home, looked) = (Arc::clone(&self.home), Arc::clone(album));
        let found = blocking("look through an album", move || Ok(missing::look(&home, &looked)?)).await;
        let Some(found) = found else { return Round::Idle };
        self.note(album, &found, touches, since);
        let list = match kind {
            FileKind::Thumbnail => found.thumbnails,
            FileKind::Preview => found.previews,
            FileKind::Original => found.originals,
        };
        let demanded = &self.home.sharing.demands;
        let now = Instant::now();
        let due =
            list.into_iter().filter(|file| self.troubles.is_due(file, now) && !demanded.is_running(file));
        self.fetch_all(album, due.collect(), others).await
    }

    /// Notes what a look found, and tells open pages if it is news.
    fn note(&mut self, album: &Album, found: &Found, touches: u64, since: Instant) {
        if self.home.sharing.note_progress(album.space, found.progress, touches, since) {
            let changed = vec![AlbumPart::Progress];
            self.home.events.tell(Event::Album { space: album.space, changed });
        }
        let left = self.kinds.iter().any(|kind| match kind {
            FileKind::Thumbnail => !found.thumbnails.is_empty(),
            FileKind::Preview => !found.previews.is_empty(),
            FileKind::Original => !found.originals.is_empty(),
        });
        if left {
            self.complete.remove(&album.space);
        } else {
            self.complete.insert(album.space, touches);
        }
    }

    async fn fetch_all(&mut self, album: &Arc<Album>, files: Vec<Missing>, others: bool) -> Round {
        let started = Instant::now();
        let mut rest = files.as_slice();
        let mut round = Round::Idle;
        while !rest.is_empty() && !self.stop.is_cancelled() {
            let count = batch(rest);
            let (batch, after) = rest.split_at(count);
            rest = after;
            let (home, wanted) = (Arc::clone(&self.home), batch.to_vec());
            let has_room = blocking("look for room", move || Ok(has_room(&home, &wanted))).await;
            if has_room != Some(true) {
                tracing::warn!(
                    "the disk is nearly full; photos of albums are not fetched until there is room"
                );
                self.troubles.failed_all(batch);
                return round;
            }
            let (got, was_ended) = self.fetch_batch(album, batch, others).await;
            for (file, got) in batch.iter().zip(&got) {
                if was_ended && matches!(got, Got::NotCome(ItemError::Cancelled)) {
                    continue; // It goes on in the next turn.
                }
                if self.troubles.note(file, got) {
                    round = Round::Worked;
                }
            }
            if was_ended {
                return Round::Worked;
            }
            // Whatever is small goes first, also when it comes up later.
            let is_small = batch.iter().all(|file| file.kind == FileKind::Thumbnail);
            if !is_small && started.elapsed() > LOOK_UP_AFTER {
                return round;
            }
        }
        round
    }

    /// Fetches a batch. If others wait, so that a home that sends slowly, or nearly nothing, does not hold them up, it is
    /// ended after a turn; says whether it was.
    async fn fetch_batch(&self, album: &Arc<Album>, batch: &[Missing], others: bool) -> (Vec<Got>, bool) {
        let ending = self.stop.child_token();
        let fetching = fetch::fetch(&self.home, album, batch.to_vec(), ending.clone());
        tokio::pin!(fetching);
        tokio::select! {
            got = &mut fetching => return (got, false),
            () = tokio::time::sleep(turn(batch)), if others => {}
        }
        ending.cancel();
        (fetching.await, true)
    }
}

/// How long a batch may take while others wait.
fn turn(batch: &[Missing]) -> Duration {
    let largest = batch.iter().map(|file| file.bytes).max().unwrap_or(0);
    TURN.saturating_add(Duration::from_secs(largest / TURN_BYTES_PER_SEC)).min(TURN_MAX)
}

/// How many files make a batch.
fn batch(files: &[Missing]) -> usize {
    let most = if files.iter().any(|file| file.kind == FileKind::Original) {
        ORIGINALS_PER_BATCH
    } else {
        PICTURES_PER_BATCH
    };
    let mut bytes = 0_u64;
    let fits = files.iter().take(most).take_while(|file| {
        bytes = bytes.saturating_add(file.bytes);
        bytes <= BATCH_BYTES_MAX
    });
    fits.count().max(1)
}

/// Whether the disk holds a batch and what must stay free beside it.
fn has_room(home: &Home, batch: &[Missing]) -> bool {
    let leave = if batch.iter().any(|file| file.kind == FileKind::Original) {
        ORIGINALS_LEAVE_BYTES
    } else {
        PICTURES_LEAVE_BYTES
    };
    let bytes = batch.iter().fold(0_u64, |bytes, file| bytes.saturating_add(file.bytes));
    home.has_room_for_others(bytes, leave)
}

/// Files that did not come, and when to ask for them again.
#[derive(Debug, Default)]
struct Troubles {
    resting: HashMap<(SpaceId, ContentHash), Trouble>,
}

#[derive(Debug, Clone, Copy)]
struct Trouble {
    tries: u32,
    /// `None`: never again in this run.
    due: Option<Instant>,
}

impl Troubles {
    fn is_due(&self, file: &Missing, now: Instant) -> bool {
        let trouble = self.resting.get(&(file.space, file.hash));
        trouble.is_none_or(|trouble| trouble.due.is_some_and(|due| due <= now))
    }

    /// Takes an outcome; says whether it was a good one.
    fn note(&mut self, file: &Missing, got: &Got) -> bool {
        let key = (file.space, file.hash);
        match got {
            Got::Placed => {
                self.resting.remove(&key);
                return true;
            }
            Got::Useless(_) => {
                self.resting.insert(key, Trouble { tries: 0, due: None });
            }
            Got::NotCome(error) => {
                tracing::debug!(%error, hash = %file.hash, "a file of an album did not come");
                self.failed(file);
            }
            Got::NotTaken(reason) => {
                tracing::warn!(reason, "a file of an album could not be taken in");
                self.failed(file);
            }
        }
        false
    }

    fn failed_all(&mut self, files: &[Missing]) {
        files.iter().for_each(|file| self.failed(file));
    }

    fn failed(&mut self, file: &Missing) {
        let trouble = self.resting.entry((file.space, file.hash)).or_insert(Trouble { tries: 0, due: None });
        let rest = REST_FIRST.saturating_mul(1 << trouble.tries.min(16)).min(REST_MAX);
        *trouble = Trouble { tries: trouble.tries + 1, due: Instant::now().checked_add(rest) };
    }

    /// Forgets what was due by then and was not tried.
    fn drop_overdue(&mut self, then: Instant) {
        self.resting.retain(|_, trouble| trouble.due.is_none_or(|due| due > then));
    }

    /// Gives the files of an album another chance at once, because somebody came who may have them.
    fn forget(&mut self, space: &SpaceId) {
        self.resting.retain(|(of, _), trouble| of != space || trouble.due.is_none());
    }

    fn next_due(&self) -> Option<Instant> {
        self.resting.values().filter_map(|trouble| trouble.due).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(number: u8, kind: FileKind, bytes: u64) -> Missing {
        let hash = ContentHash::from_bytes([number; 32]);
        Missing { space: SpaceId::from_bytes([1; 32]), content: hash, kind, hash, bytes }
    }

    #[test]
    fn a_batch_is_bounded_by_count_and_bytes() {
        let check = |files: &[Missing], count| assert_eq!(batch(files), count);
        check(&[file(1, FileKind::Original, BATCH_BYTES_MAX * 9), file(2, FileKind::Original, 1)], 1);
        check(&vec![file(1, FileKind::Original, 1); 1000], ORIGINALS_PER_BATCH);
        check(&vec![file(1, FileKind::Thumbnail, 1); 1000], PICTURES_PER_BATCH);
        check(&[file(1, FileKind::Original, BATCH_BYTES_MAX), file(2, FileKind::Original, 1)], 1);
    }

    #[test]
    fn what_was_due_and_is_not_wanted_any_more_wakes_nobody() {
        let mut troubles = Troubles::default();
        troubles.failed(&file(1, FileKind::Preview, 5));
        troubles.note(&file(2, FileKind::Preview, 5), &Got::Useless("no picture".to_owned()));
        let due = troubles.next_due().unwrap();
        troubles.drop_overdue(due - Duration::from_millis(1));
        assert_eq!(troubles.next_due(), Some(due), "it is not due yet");
        troubles.drop_overdue(due);
        assert_eq!(troubles.next_due(), None);
        assert!(!troubles.is_due(&file(2, FileKind::Preview, 5), due), "what cannot be used stays so");
    }

    #[test]
    fn a_turn_is_long_enough_to_read_what_came_before_and_ends() {
        let check = |bytes, secs| assert_eq!(turn(&[file(1, FileKind::Original, bytes)]).as_secs(), secs);
        check(0, 10);
        check(1 << 30, 74);
        check(u64::MAX, 300);
    }

    #[test]
    fn a_file_that_does_not_come_rests_longer_and_longer() {
        let mut troubles = Troubles::default();
        let wanted = file(1, FileKind::Preview, 5);
        let missed = Got::NotCome(ItemError::NotHere);
        let mut last = Duration::ZERO;
        for _ in 0..20 {
            let now = Instant::now();
            assert!(!troubles.note(&wanted, &missed));
            assert!(!troubles.is_due(&wanted, now));
            let rest = troubles.next_due().unwrap().saturating_duration_since(now);
            assert!(rest >= last && rest <= REST_MAX + Duration::from_secs(1), "{rest:?}");
            last = rest.min(REST_MAX);
        }
        troubles.forget(&wanted.space);
        assert!(troubles.is_due(&wanted, Instant::now()), "who just came may have it");
        assert!(troubles.note(&wanted, &Got::Placed));
        troubles.note(&wanted, &Got::Useless("no picture".to_owned()));
        troubles.forget(&wanted.space);
        assert!(!troubles.is_due(&wanted, Instant::now()), "what cannot be used is not asked for again");
    }
}

//! Restoring a household on a bare machine, from its recovery phrase and any one place that keeps its copies.
//!
//! Owns everything from the 24 words to an opened home with a node of its own. Leaves the packs to `heirloom-vault`, the
//! proof of the phrase to `protocols::vault`, and bringing originals to `vault::heal`, which does the same every day for
//! single photos.
//!
//! Read first: [`Order`], [`run`], [`Comeback`].
//!
//! Life of a restore:
//!
//! ```text
//! words + places ─► contact ─► heads ─► manifest ─► tables ─► stage ─► place ─► Home ─► pictures ─► originals
//!                   proof of   newest   keyring,    chunks,   new node, config    comeback: goes on at every start
//!                   the phrase wins     root        verified  new keys  last
//! ```
//!
//! Up to *place* nothing counts and everything lies in `restoring/`; an attempt that was cut off is made again, and what is
//! there with the right hash is not fetched again. From *place* on it is a home like any other, which brings its photos
//! whenever it is up. Nothing here writes to the places that are restored from.

pub mod awaited;
pub mod bucket;
pub mod comeback;
mod contact;
pub mod fetch;
pub mod guess;
pub(crate) mod heads;
pub mod keys;
pub mod kit;
pub(crate) mod manifest;
mod pictures;
pub mod place;
pub mod problem;
mod progress;
pub mod relay;
mod renew;
pub mod source;
mod space;
pub(crate) mod stage;
pub mod state;
pub mod states;
pub(crate) mod tables;
mod waited;
pub mod words;

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use heirloom_identity::{Phrase, VaultHead};

use self::bucket::Variables;
pub use self::comeback::Comeback;
use self::contact::Contacts;
pub use self::problem::{Problem, WordProblem};
pub use self::progress::{Progress, Restoring, Stage};
pub use self::relay::RelayAccess;
use self::source::{Origin, SOURCES_MAX};
use self::stage::Comer;
pub use self::stage::{PICTURE_BYTES, SETTING_RESTORED, SETTING_RESTORED_STATE};
use self::state::State;
use crate::clock;
use crate::home::create::{make_folder, make_root};
use crate::home::layout::Layout;
use crate::home::lock::Lock;

/// What is to be restored, from where, to where; everything that a person typed was read.
pub struct Order {
    layout: Layout,
    phrase: Phrase,
    origins: Vec<Origin>,
    relays: RelayAccess,
    /// The state that a person chose, if not the newest.
    chosen: Option<String>,
    /// The keys with which homes are spoken to; new ones when absent.
    machine: Option<kit::Machine>,
}

impl Order {
    /// Reads what a person typed. Asks nobody; folders are looked at.
    ///
    /// # Errors
    /// What is wrong with the words, the places, or the folder to restore into.
    pub fn read(root: &Path, phrase: &str, from: &[String]) -> Result<Self, Problem> {
        Self::read_with(root, phrase, from, &bucket::environment)
    }

    /// [`Order::read`], with the keys of buckets from elsewhere than this program's environment.
    ///
    /// # Errors
    /// Those of [`Order::read`].
    pub fn read_with(
        root: &Path,
        phrase: &str,
        from: &[String],
        variable: Variables<'_>,
    ) -> Result<Self, Problem> {
        let layout = Layout::of(root)?;
        vacant(&layout)?;
        if from.is_empty() || from.len() > SOURCES_MAX {
            let said = "name an invitation of a home that keeps copies for you, or a folder that it wrote";
            return Err(Problem::Origin(said.to_owned()));
        }
        let origins = from.iter().map(|text| Origin::read_with(text, variable));
        let origins = origins.collect::<Result<Vec<_>, _>>()?;
        let phrase = words::read(phrase, &origins)?;
        Ok(Self { layout, phrase, origins, relays: RelayAccess::default(), chosen: None, machine: None })
    }

    /// The same over relays that ask for something.
    #[must_use]
    pub fn over(self, relays: RelayAccess) -> Self {
        Self { relays, ..self }
    }

    /// The same, as the machine that asked for the parts of a kit, if one did. Reads a file.
    ///
    /// # Errors
    /// When its keys cannot be read.
    pub fn as_asked(self) -> anyhow::Result<Self> {
        let machine = kit::machine(&self.layout)?;
        Ok(Self { machine, ..self })
    }

    /// The same, but no state that is newer than this one of [`states::look`].
    #[must_use]
    pub fn up_to(self, chosen: Option<String>) -> Self {
        Self { chosen, ..self }
    }
}

/// Checks that a household may be restored to this place.
fn vacant(layout: &Layout) -> Result<(), Problem> {
    let root = layout.root().to_owned();
    if layout.config().exists() {
        return Err(Problem::HomeExists(root));
    }
    if layout.restoring().is_dir() || layout.is_vacant() { Ok(()) } else { Err(Problem::NotEmpty(root)) }
}

/// Restores everything but the photos; returns when there is a home that [`Home::open`](crate::home::Home::open) opens.
/// May be cut off at any moment, and then made again.
///
/// # Errors
/// See [`Problem`]; nothing that counts was written then.
pub async fn run(order: &Order, restoring: &Arc<Restoring>) -> Result<(), Problem> {
    let layout = &order.layout;
    restoring.begin(Stage::Contact, order.origins.len() as u64, 0);
    let (lock, is_placed) = {
        let layout = layout.clone();
        blocking(move || {
            make_root(&layout)?;
            let lock = Lock::take(&layout)?;
            Ok((Arc::new(lock), place::finish(&layout)?))
        })
        .await?
    };
    if is_placed {
        return Ok(());
    }
    vacant(layout)?;
    let contacts = contact::open(order, restoring).await?;
    restoring.add(contacts.sources.len() as u64, 0);
    restoring.keep_sources(contacts.sources.clone());
    let household = order.phrase.root().authority().household();
    let mut heads = heads::ask(&contacts.sources, &contacts.folders, &household).await;
    for note in &heads.notes {
        restoring.say(note.clone());
    }
    if heads.best_first.is_empty() {
        return Err(heads.none());
    }
    let mut passed = heads.newer();
    if let Some(newer) = &passed {
        pass_over(layout, newer).await?;
    }
    let is_older = order.chosen.as_ref().map_or(Ok(false), |chosen| heads.up_to(chosen))?;
    if is_older {
        passed = Some("an older one was chosen".to_owned());
    }
    let generation = contacts.known.as_ref().map_or(0, heirloom_identity::Certificate::generation);
    let generation = generation.max(heads.generation);
    let coming = Coming { order, contacts: &contacts, generation, is_older, lock: &lock };
    newest_complete(&coming, heads.best_first, passed, restoring).await?;
    let layout = layout.clone();
    blocking(move || {
        place::finish(&layout)?;
        drop(lock);
        Ok(())
    })
    .await?;
    Ok(())
}

/// What a restore works with.
struct Coming<'a> {
    order: &'a Order,
    contacts: &'a Contacts,
    /// The highest generation of a certificate that anybody knows.
    generation: u32,
    /// Whether a person chose a state that is not the newest.
    is_older: bool,
    /// Held by every thread that writes, so that one which was cut off is waited for.
    lock: &'a Arc<Lock>,
}

/// Restores the newest state that is complete in what can be reached. All of them are tried, of each source as many as it
/// may show: keepers tell each other newer heads than those whose packs they have, and one without its root is seen at
/// once. So neither rubbish that a thief signed nor one spoilt state keeps the others from coming back. `passed` says what
/// was passed over already.
async fn newest_complete(
    coming: &Coming<'_>,
    heads: Vec<VaultHead>,
    mut passed: Option<String>,
    restoring: &Arc<Restoring>,
) -> Result<(), Problem> {
    let mut first = None;
    for head in heads {
        let date = when(head.made_at_ms());
        let (why, problem) = match one_state(coming, head, passed.clone(), restoring).await {
            Ok(()) => return Ok(()),
            Err(Problem::Incomplete(why)) => {
                (format!("the state of {date} is not complete: {why}"), Problem::Incomplete(why))
            }
            Err(Problem::Newer(why)) => {
                let said = format!("the state of {date} cannot be read: {why}");
                pass_over(&coming.order.layout, &said).await?;
                (said, Problem::Newer(why))
            }
            Err(other) => return Err(other),
        };
        restoring.say(why.clone());
        passed.get_or_insert(why);
        first.get_or_insert(problem);
    }
    Err(first.unwrap_or_else(|| Problem::Incomplete("there is none".to_owned())))
}

/// The note in `restoring/` that somebody was told of a state which this program cannot read.
const TOLD_OF_NEWER: &str = "newer-was-told";

/// Says once that there is a state which this program cannot read; whoever begins again has read it.
async fn pass_over(layout: &Layout, newer: &str) -> Result<(), Problem> {
    let layout = layout.clone();
    let is_told = blocking(move || {
        let note = layout.restoring().join(TOLD_OF_NEWER);
        if note.exists() {
            return Ok(true);
        }
        make_folder(&layout.restoring())?;
        state::write_whole(&note, b"")?;
        Ok(false)
    });
    if is_told.await? { Ok(()) } else { Err(Problem::NewerState(newer.to_owned())) }
}

/// Forgets that somebody was told: they may not have read it. Fine if nobody was.
///
/// # Errors
/// What the system says.
pub(crate) fn forget_told(layout: &Layout) -> anyhow::Result<()> {
    kit::remove(&layout.restoring().join(TOLD_OF_NEWER))
}

async fn one_state(
    coming: &Coming<'_>,
    head: VaultHead,
    passed: Option<String>,
    restoring: &Arc<Restoring>,
) -> Result<(), Problem> {
    let Coming { order, contacts, generation, is_older, lock } = *coming;
    let layout = &order.layout;
    let opened = manifest::open(head, &order.phrase, &contacts.sources, restoring).await?;
    restoring.found(&opened.root.household_name, opened.head.made_at_ms());
    let head = opened.head.hash().to_string();
    let state = State::begin(head, opened.head.made_at_ms(), clock::now_ms(), contacts.folders.clone());
    let folder = layout.restoring();
    {
        let (layout, state) = (layout.clone(), state.clone());
        blocking(move || {
            make_folder(&layout.restoring())?;
            state.save(&layout)
        })
        .await?;
    }
    let files =
        tables::Files { folder: &folder, index: &opened.index, fetcher: &opened.fetcher, lock: Some(lock) };
    files.bring(&opened.root.files, restoring).await?;
    let held = contacts.held().await;
    let (mut state, phrase, reached) = (state, order.phrase.clone(), contacts.reached.clone());
    let (layout, lock, relays) = (layout.clone(), Arc::clone(lock), order.relays.clone());
    let made = tokio::task::spawn_blocking(move || {
        let comer = Comer { phrase: &phrase, generation, reached, held, relays, passed, is_older };
        let made = stage::make(&layout, &mut state, &opened, &comer);
        drop(lock);
        made
    });
    made.await.context("a thread ended unexpectedly")?
}

/// Runs what waits for the disk or a database on a thread for that.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(work).await.context("a thread of the restore panicked")?
}

/// A moment as people say it, by this machine's clock.
pub fn when(at_ms: i64) -> String {
    let moment = jiff::Timestamp::from_millisecond(at_ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    moment.to_zoned(jiff::tz::TimeZone::system()).strftime("%-d %B %Y, %H:%M").to_string()
}

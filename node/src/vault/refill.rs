//! Books that were lost are made anew: those of a ward from the newest manifest at a place, those of a keeper from its
//! folders.
//!
//! A damaged `vault.sqlite` is set aside when the home is opened ([`heirloom_vault::opening`]), and an empty one begun.
//! Empty books must not be taken for the truth: everything would be packed anew, and what lies at the places be deleted as
//! unknown. So they *owe* a refill. Until it is done, or turns out to be impossible, no run packs, sends or deletes
//! anything. What a refill may have missed (a head that only a place has which was away) gives no two heads of one
//! number: the next head's number is far higher.
//!
//! Read first: [`at_opening`], [`refill`].

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use heirloom_identity::{HouseholdId, Keyring, VaultHead};
use heirloom_store::{Found, StoreError};
use heirloom_vault::TargetError;
use heirloom_vault::keeper::TakenOn;
use heirloom_vault::policy::{DAY_MS, Standing};
use heirloom_vault::store::{NewAlarm, OriginalState, Place, VaultStore};
use tokio_util::sync::CancellationToken;

use super::known_places::{KnownPlaces, PLACES};
use super::polite::blocking;
use super::remembered::{self, Remembered};
use super::strangers;
use crate::home::Home;
use crate::protocols::vault::notices;
use crate::restore::fetch::Fetcher;
use crate::restore::manifest::{self, Opened};
use crate::restore::source::Source;
use crate::restore::stage::{PICTURES, Pictures, fill_books, read_pictures};
use crate::restore::{Problem, heads, when};

/// What is said to whoever needs the books before they are filled.
pub(super) const OWED: &str = "what this home knows about its copies was lost and is made anew from them first; switch on the homes \
                               and connect the disks that keep copies";
/// The setting that the books were looked at after they were made, and are what they should be.
const SETTING_BEGUN: &str = "books-begun";
/// The setting that the books are to be filled before anything else is done with them.
const SETTING_OWED: &str = "refill-owed";
/// The setting that holds since when a refill is tried, in running time of this home.
const SETTING_TRIED: &str = "refill-tried";
/// The setting that holds the number that the next head has at least.
const SETTING_FLOOR: &str = "head-floor";
/// So many heads may have been signed after the one that the books were filled from.
const HEADS_MISSED_MAX: u64 = 1 << 16;
/// The number that the next head has at least when no place could be asked: above those of books that were filled a few
/// times before, and no further from any of them than a keeper believes.
const FLOOR_UNASKED: u64 = 1 << 19;
/// How long places that are away are waited for while this home is on; new photos wait with them.
const PATIENCE_MS: i64 = 3 * DAY_MS;
/// How long one place may take to say which heads it has: a share of the network may hang for ever.
const ASK_TIME: Duration = Duration::from_mins(2);
/// What people call a gigabyte.
const GB: u64 = 1_000_000_000;
/// The longest file of the manifest that is read here: the pictures of five million photos.
const FILE_BYTES_MAX: u64 = 512 << 20;
/// The alarm that the books about this home's copies were lost.
pub(super) const ALARM_BOOKS: &str = "books-lost";
/// The alarm that the books about copies for others were lost.
const ALARM_KEEPER: &str = "keeper-lost";
/// What is said first.
const LOST: &str = "What this home knew about its copies was damaged";

/// What was found in the places of the two databases.
#[derive(Debug)]
pub(crate) struct FoundBooks {
    /// Of `vault.sqlite`.
    pub(crate) ward: Found,
    /// Of `keeper.sqlite`.
    pub(crate) keeper: Found,
}

/// Notices books that were lost, and has what others remember put into them.
///
/// # Errors
/// When a database cannot be read or written.
pub(crate) fn at_opening(home: &Home) -> anyhow::Result<()> {
    let remembered = Remembered::load(&home.ledger)?;
    begin_books(home, &remembered).context("cannot begin what is known of copies anew")?;
    take_on_wards(home, &remembered).context("cannot take on again what is kept for other homes")?;
    remembered::note(home)
}

fn begin_books(home: &Home, remembered: &Remembered) -> anyhow::Result<()> {
    let store = &home.vault.store;
    if store.setting(SETTING_BEGUN)?.is_some() {
        return Ok(());
    }
    let is_empty = store.pack_count()? == 0 && store.targets()?.is_empty();
    let (photos, _) = home.ledger.file_totals()?;
    let may_owe = if remembered.has_no_place() { photos > 0 && !was_always_empty(home) } else { true };
    if is_empty && home.keys.vault().is_some() && may_owe {
        store.set_setting(SETTING_OWED, "yes")?;
        remembered.use_places(store, home.vault.engine.now())?;
        let stale = home.vault.keeper.stale_alarm()?;
        store.set_setting(notices::SETTING_TOLD, &stale.to_string())?;
        if home.vault.found.ward != Found::Sound || !remembered.has_no_place() {
            let text = format!(
                "{LOST}, and is made anew from the copies themselves. Nothing is deleted anywhere; what is new is copied \
                 when that is done."
            );
            let advice = format!(
                "Switch on the homes and connect the disks that keep copies.{}{}",
                add_again(&remembered.own, store)?,
                lies_at(&home.vault.found.ward)
            );
            tell(home, ALARM_BOOKS, text, advice)?;
        }
    }
    Ok(store.set_setting(SETTING_BEGUN, "yes")?)
}

/// Whether books that are empty now never held anything: they were there, and none lie beside them that were damaged.
fn was_always_empty(home: &Home) -> bool {
    let path = home.layout.vault_db();
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return false };
    let aside = format!("{name}.damaged-");
    let Ok(mut beside) = std::fs::read_dir(home.layout.root()) else { return false };
    let is_aside = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.map_or(true, |entry| entry.file_name().to_string_lossy().starts_with(&aside))
    };
    home.vault.found.ward == Found::Sound && !beside.any(is_aside)
}

fn take_on_wards(home: &Home, remembered: &Remembered) -> anyhow::Result<()> {
    if !home.vault.keeper.is_new()? {
        return Ok(());
    }
    let taken = home.vault.keeper.take_on(&remembered.agreed(), home.vault.engine.now())?;
    // Its alarms count from 1 again.
    home.vault.store.set_setting(notices::SETTING_TOLD, "0")?;
    if taken.is_empty() {
        return Ok(());
    }
    let name = |ward: &TakenOn| name_of(home, &ward.household);
    let names: Vec<String> = taken.iter().map(name).collect::<Result<_, _>>()?;
    let guessed = taken.iter().filter(|ward| ward.is_guess);
    let guessed: Vec<String> = guessed
        .map(|ward| Ok(format!("{} ({} GB)", name(ward)?, ward.quota.div_ceil(GB))))
        .collect::<anyhow::Result<_>>()?;
    let text = format!(
        "What this home knew about the copies that it keeps for {} was lost, and was made anew from what lies here.",
        names.join(" and ")
    );
    let advice = if guessed.is_empty() {
        format!("Nothing is to be done: what was agreed is known.{}", lies_at(&home.vault.found.keeper))
    } else {
        format!(
            "How much was agreed is not known any more, so no more is kept than about what lies here already: {}. Look at it \
             on the Family page and say again how much you keep.{}",
            guessed.join(", "),
            lies_at(&home.vault.found.keeper)
        )
    };
    tell(home, ALARM_KEEPER, text, advice)
}

fn tell(home: &Home, kind: &'static str, text: String, advice: String) -> anyhow::Result<()> {
    tracing::warn!("{text} {advice}");
    let alarm = NewAlarm { kind, household: None, text, advice };
    Ok(home.vault.store.report(&alarm, home.vault.engine.now())?)
}

fn lies_at(found: &Found) -> String {
    match found {
        Found::Damaged(path) => format!(" The damaged file lies at {}.", path.display()),
        Found::Sound | Found::Nothing => String::new(),
    }
}

/// Which of the places that are known a person has to add again.
fn add_again(known: &KnownPlaces, store: &VaultStore) -> Result<String, StoreError> {
    let names = missing(known, store)?;
    Ok(match names.as_slice() {
        [] => String::new(),
        names => format!(
            " Add again on the Safety page: {}. The keys of buckets were in the damaged file only.",
            names.join(", ")
        ),
    })
}

/// Buckets that are known and not used: their keys are lost.
fn missing(known: &KnownPlaces, store: &VaultStore) -> Result<Vec<String>, StoreError> {
    let used: Vec<Place> = store.targets()?.into_iter().map(|row| row.place).collect();
    let buckets = KnownPlaces { folder: Vec::new(), bucket: known.bucket.clone() };
    Ok(buckets.besides(&used))
}

fn name_of(home: &Home, household: &HouseholdId) -> anyhow::Result<String> {
    let peer = home.ledger.peer(household)?;
    Ok(peer.map_or_else(|| household.to_string()[..8].to_owned(), |peer| peer.name()))
}

/// Whether the books are empty and should not be.
///
/// # Errors
/// When the database cannot be read.
pub(crate) fn is_owed(store: &VaultStore) -> Result<bool, StoreError> {
    Ok(store.setting(SETTING_OWED)?.is_some_and(|owed| !owed.is_empty()))
}

/// The number that the next head has at least; heads of this node below it may be unknown here.
///
/// # Errors
/// When the database cannot be read.
pub(super) fn head_floor(store: &VaultStore) -> Result<Option<u64>, StoreError> {
    Ok(store.setting(SETTING_FLOOR)?.and_then(|text| text.parse().ok()))
}

/// What the places said.
struct Asked {
    sources: Vec<Arc<Source>>,
    /// Heads of this household, the one to be taken first.
    heads: Vec<VaultHead>,
    /// Somebody did not answer, or could not be asked.
    is_silent: bool,
}

/// Fills the books if they owe it. Whether copies may be made now: not while a place that may say more is away.
///
/// # Errors
/// When a database cannot be read or written.
pub(super) async fn refill(home: &Arc<Home>, stop: &CancellationToken) -> anyhow::Result<bool> {
    let at = Arc::clone(home);
    let begun = blocking(move || is_owed(&at.vault.store)?.then(|| is_impatient(&at)).transpose());
    let Some(is_impatient) = begun.await? else { return Ok(true) };
    let Some(asked) = stop.run_until_cancelled(ask(home)).await else { return Ok(false) };
    let asked = asked?;
    let highest = asked.heads.iter().map(VaultHead::number).max().unwrap_or(0);
    let mut is_silent = asked.is_silent;
    let keyring = home.keys.vault().context("the vault is not on")?.keyring.clone();
    let (keyring, household) = (Arc::new(keyring), *home.keys.certificate.household());
    for head in asked.heads {
        let fetcher = Fetcher::new(asked.sources.clone(), Arc::clone(&keyring), household);
        let read = stop.run_until_cancelled(Books::read(head, Arc::clone(&keyring), fetcher));
        let Some(read) = read.await else { return Ok(false) };
        match read {
            Ok(books) => {
                fill(home, books).await?;
                return Ok(true);
            }
            Err(Problem::Away { .. }) if !is_impatient => return Ok(false),
            Err(Problem::Away { .. }) => is_silent = true,
            Err(error) => tracing::warn!(%error, "the books cannot be filled from a head; another is tried"),
        }
    }
    if is_silent && !is_impatient {
        tracing::info!("a place that may know this home's copies is waited for");
        return Ok(false);
    }
    let at = Arc::clone(home);
    blocking(move || give_up(&at, highest, is_silent)).await?;
    Ok(true)
}

/// Whether places that are away were waited for long enough.
fn is_impatient(home: &Home) -> anyhow::Result<bool> {
    let (store, running_ms) = (&home.vault.store, home.vault.keeper.running_ms()?);
    // The keeper's books, which count the time, may have begun anew since.
    let tried_ms =
        store.moment(SETTING_TRIED)?.filter(|tried_ms| *tried_ms <= running_ms).unwrap_or(running_ms);
    store.set_moment(SETTING_TRIED, tried_ms)?;
    Ok(running_ms.saturating_sub(tried_ms) > PATIENCE_MS)
}

/// Goes on with empty books. Places that come back later have heads and packs of this home that it does not know, which are
/// no sign of a thief.
fn give_up(home: &Home, highest: u64, is_silent: bool) -> anyhow::Result<()> {
    let store = &home.vault.store;
    if is_silent || highest > 0 {
        let floor = highest.saturating_add(HEADS_MISSED_MAX).max(FLOOR_UNASKED);
        store.set_setting(SETTING_FLOOR, &floor.to_string())?;
        // What is unknown there is for whoever restores until what is packed anew has been there for a while.
        strangers::doubt(home, strangers::SET_BACK)?;
    }
    let waited = if is_silent { " was reached for three days" } else { "" };
    let text = format!("{LOST}, and no place that knows it{waited}: every copy is made anew.");
    let advice = format!(
        "Nothing was deleted. What lies in places that were away takes room there beside the new copies, and goes by itself \
         some weeks after they are back.{}",
        lies_at(&home.vault.found.ward)
    );
    tell(home, ALARM_BOOKS, text, advice)?;
    Ok(store.set_setting(SETTING_OWED, "")?)
}

/// What the books are filled from.
struct Books {
    opened: Opened,
    /// Without it pictures are found again by their hashes, as far as they are still here.
    pictures: Vec<u8>,
    places: Vec<u8>,
}

impl Books {
    async fn read(head: VaultHead, keyring: Arc<Keyring>, fetcher: Fetcher) -> Result<Self, Problem> {
        let opened = manifest::read(head, keyring, fetcher).await?;
        let pictures = file(&opened, PICTURES).await.unwrap_or_default();
        let places = file(&opened, PLACES).await.unwrap_or_default();
        Ok(Self { opened, pictures, places })
    }
}

/// Asks every place for its heads.
async fn ask(home: &Arc<Home>) -> anyhow::Result<Asked> {
    let at = Arc::clone(home);
    let (targets, is_missing) = blocking(move || {
        let remembered = Remembered::load(&at.ledger)?;
        let store = &at.vault.store;
        let (rows, targets) = (store.targets()?, at.vault.targets(&at)?);
        // A folder whose disk is not there is no target now.
        let used = rows.iter().filter(|row| matches!(row.standing, Standing::Active | Standing::Leaving));
        let is_missing = targets.len() < used.count() || !missing(&remembered.own, store)?.is_empty();
        Ok((targets, is_missing))
    })
    .await?;
    let mut asked = Asked { sources: Vec::new(), heads: Vec::new(), is_silent: is_missing };
    let answers = targets.into_iter().map(|(id, target)| async move {
        let heads = tokio::time::timeout(ASK_TIME, target.heads()).await;
        let heads = heads.unwrap_or(Err(TargetError::Busy));
        (Source::new(format!("place {id}"), target), heads)
    });
    let ours = &home.keys.certificate;
    for (source, answer) in futures_util::future::join_all(answers).await {
        match answer {
            Ok(found) => {
                let heads = found.iter().filter_map(|head| VaultHead::decode(head).ok());
                // One of a node that took this one's place is none of this one's business.
                let may_be_ours = |head: &VaultHead| {
                    let certificate = head.certificate();
                    head.household() == ours.household()
                        && (certificate == ours || certificate.generation() < ours.generation())
                };
                asked.heads.extend(heads.filter(may_be_ours));
                asked.sources.push(source);
            }
            Err(error) => {
                tracing::debug!(%error, place = source.name, "a place does not say which heads it has");
                asked.is_silent = true;
            }
        }
    }
    asked.heads = heads::sorted(asked.heads);
    asked.heads.dedup_by_key(|head| head.hash());
    Ok(asked)
}

/// Fills the books from a manifest.
async fn fill(home: &Arc<Home>, Books { opened, pictures, places }: Books) -> anyhow::Result<()> {
    let at = Arc::clone(home);
    blocking(move || {
        let (store, now_ms) = (&at.vault.store, at.vault.engine.now());
        let pictures: Pictures = read_pictures(pictures.as_slice())?;
        fill_books(store, &at.ledger, &opened, &pictures, OriginalState::Here, now_ms)?;
        let remembered = Remembered::load(&at.ledger)?;
        // What the ledger remembers is newer; books that were lost before it did are in the manifest only.
        let known = if remembered.has_no_place() {
            let keepers = opened.root.agreements.iter().filter_map(|agreement| {
                Some((Place::Household(agreement.household), Some(agreement.they_keep?)))
            });
            let known = String::from_utf8(places).ok().and_then(|text| toml::from_str(&text).ok());
            let known: KnownPlaces = known.unwrap_or_default();
            let folders = known.folder.iter().map(|known| (Place::Folder(known.path.clone()), None));
            remembered::use_places(store, keepers.chain(folders), now_ms)?;
            known
        } else {
            remembered.use_places(store, now_ms)?;
            remembered.own
        };
        let floor = opened.head.number().saturating_add(HEADS_MISSED_MAX);
        store.set_setting(SETTING_FLOOR, &floor.to_string())?;
        store.set_setting(SETTING_OWED, "")?;
        let made = when(opened.head.made_at_ms());
        let text = format!("{LOST}. It was made anew from the copies, as they were on {made}.");
        let advice = format!(
            "Nothing was deleted. Every copy is checked again before it counts.{}{}",
            add_again(&known, store)?,
            lies_at(&at.vault.found.ward)
        );
        tell(&at, ALARM_BOOKS, text, advice)?;
        remembered::note(&at)
    })
    .await?;
    home.vault.changed(home);
    Ok(())
}

/// A whole file of a manifest; `None` when there is none, or it cannot be had now.
async fn file(opened: &Opened, name: &str) -> Option<Vec<u8>> {
    let file = opened.root.files.iter().find(|file| file.name == name)?;
    if file.bytes > FILE_BYTES_MAX {
        return None;
    }
    let mut bytes = Vec::new();
    for (chunk, _) in file.chunk_sizes() {
        bytes.extend(opened.fetcher.blob(&opened.index.lookup(chunk)?).await.ok()?);
    }
    Some(bytes)
}

//! A newer state, opened: its ledger, its decisions and albums, and where its originals are.
//!
//! Its two databases grow in `vault/newer/<id>/`; what lies there with the right hash is not fetched again.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use heirloom_identity::{Keyring, ReceiveKey, VaultHead, seal};
use heirloom_spaces::{AlbumKeys, Albums, Library, LibraryKeys};
use heirloom_store::{Database, Durability, StoreError};
use heirloom_vault::Index;
use zeroize::Zeroizing;

use super::states::State;
use crate::home::Home;
use crate::home::keys::RECEIVE_KEYS_MAX;
use crate::ledger::Ledger;
use crate::restore::fetch::{Fetcher, Lack};
use crate::restore::manifest::{self, Opened};
use crate::restore::source::Source;
use crate::restore::tables::Files;
use crate::restore::{Problem, Restoring};
use crate::vault::fetch::{self, Reader};
use crate::vault::polite::blocking;

/// The label under which the keys of a newer state are sealed to this computer.
const KEYS_LABEL: &[u8] = b"heirloom newer state keyring v1";
/// The largest database that is fetched.
const FILE_BYTES_MAX: u64 = 1 << 40;
/// Room on the disk that these databases leave.
const LEAVE_BYTES: u64 = 256 << 20;

/// Where packs can be read, in the two ways of those that read.
pub(super) struct Places {
    pub(super) sources: Vec<Arc<Source>>,
    pub(super) readers: Vec<fetch::Source>,
}

/// An opened newer state.
pub(super) struct Newer {
    pub(super) ledger: Ledger,
    /// What people decided; none while it cannot be had.
    pub(super) decisions: Option<Decisions>,
    pub(super) index: Arc<Index>,
    pub(super) reader: Arc<Reader>,
}

/// What people decided there.
#[derive(Clone)]
pub(super) struct Decisions {
    pub(super) library: Library,
    pub(super) albums: Albums,
}

/// Where the files of a newer state grow.
pub(super) fn folder(home: &Home, id: &str) -> PathBuf {
    home.layout.vault().join("newer").join(id)
}

/// Removes what was fetched of a newer state besides photos; fine if there is nothing.
pub(super) fn forget(home: &Home, id: &str) -> anyhow::Result<()> {
    let folder = folder(home, id);
    match std::fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

/// Opens the state that a head stands for.
///
/// # Errors
/// [`Problem::Incomplete`] when parts that everything begins with are in none of the places, [`Problem::Away`] when a place
/// that may have them is not on, [`Problem::Newer`].
pub(super) async fn open(
    home: &Arc<Home>,
    state: &State,
    head: VaultHead,
    places: &Places,
) -> Result<Newer, Problem> {
    let (household, keyring) = (*head.household(), Arc::new(keyring(home, state)?));
    let fetcher = Fetcher::new(places.sources.clone(), Arc::clone(&keyring), household);
    let opened = manifest::read(head, Arc::clone(&keyring), fetcher).await?;
    let folder = folder(home, &state.id);
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    match bring_file(home, &opened, &folder, "home.sqlite").await? {
        None => {}
        Some(Lack::Away) => return Err(Problem::Away { what: "its list of photos".to_owned() }),
        Some(Lack::Lost) => {
            return Err(Problem::Incomplete("its list of photos is in none of them".to_owned()));
        }
    }
    let has_decisions = bring_file(home, &opened, &folder, "spaces.sqlite").await?.is_none();
    let (at, receive) = (Arc::clone(home), receive_keys(home, &opened));
    let (ledger, decisions) = blocking(move || {
        let ledger = Ledger::open(&folder.join("home.sqlite"))?;
        let decisions = has_decisions.then(|| decisions(&at, &folder, receive)).transpose();
        // Without them the photos come all the same; they are tried again with the next look.
        let decisions = decisions.unwrap_or_else(|error| {
            tracing::warn!("the decisions of a newer state cannot be read: {error:#}");
            None
        });
        Ok((ledger, decisions))
    })
    .await
    .map_err(unusable)?;
    let reader = Arc::new(Reader::new(Keyring::clone(&keyring), household, places.readers.clone()));
    Ok(Newer { ledger, decisions, index: opened.index, reader })
}

fn unusable(error: anyhow::Error) -> Problem {
    match error.downcast_ref() {
        Some(StoreError::TooNew { .. }) => Problem::Newer(error.to_string()),
        _ => Problem::Other(error),
    }
}

async fn bring_file(
    home: &Home,
    opened: &Opened,
    folder: &Path,
    name: &str,
) -> Result<Option<Lack>, Problem> {
    let Some(file) = opened.root.files.iter().find(|file| file.name == name) else {
        return Ok(Some(Lack::Lost));
    };
    if file.bytes > FILE_BYTES_MAX {
        return Err(Problem::Incomplete(format!("{name} cannot be so large")));
    }
    if !home.has_room_for_own(file.bytes, LEAVE_BYTES) {
        return Err(Problem::Other(anyhow::anyhow!("the disk is full")));
    }
    let files = Files { folder, index: &opened.index, fetcher: &opened.fetcher, lock: None };
    files.bring_one(file, &Restoring::default()).await
}

fn decisions(home: &Home, folder: &Path, receive: Vec<ReceiveKey>) -> anyhow::Result<Decisions> {
    let path = folder.join("spaces.sqlite");
    let db = Database::open(&path, Durability::Full, heirloom_spaces::MIGRATIONS)?;
    let (certificate, signer) = (home.keys.certificate.clone(), home.keys.node.signer().clone());
    let keys = LibraryKeys::new(certificate.clone(), signer.clone())?;
    let library = Library::open(db.clone(), keys, crate::random::bytes()?)?;
    let keys = AlbumKeys { certificate, signer, receive };
    let albums = Albums::open(db, keys, Arc::new(crate::random::fill))?;
    Ok(Decisions { library, albums })
}

/// This computer's keys, and those with which the newer state's computer opened albums.
fn receive_keys(home: &Home, opened: &Opened) -> Vec<ReceiveKey> {
    let theirs = opened.root.receive_keys.iter().map(|secret| ReceiveKey::from_bytes(secret));
    home.keys.receive.iter().cloned().chain(theirs).take(2 * RECEIVE_KEYS_MAX).collect()
}

/// The keys that open a state: this computer's own, or those that a person opened with the phrase.
fn keyring(home: &Home, state: &State) -> anyhow::Result<Keyring> {
    let own = home.keys.vault().context("the vault is not on")?.keyring.clone();
    let Some(sealed) = &state.keys else { return Ok(own) };
    let sealed =
        data_encoding::BASE64.decode(sealed.as_bytes()).context("the keys of a newer state are damaged")?;
    let context = context(home, &state.id);
    let opened = home.keys.receive.iter().find_map(|key| key.open(KEYS_LABEL, &context, &sealed).ok());
    let opened =
        opened.context("the keys of a newer state do not open any more; type the 24 words once more")?;
    Ok(Keyring::from_bytes(&opened)?)
}

/// Seals the keys of a newer state to this computer, so that it goes on after a start without the phrase.
pub(super) fn sealed(home: &Home, id: &str, keyring: &Keyring) -> anyhow::Result<String> {
    let to = home.keys.receive.first().context("this home has no receive key")?.public();
    let bytes: Zeroizing<Vec<u8>> = keyring.to_bytes();
    let sealed = seal(&to, KEYS_LABEL, &context(home, id), &bytes, crate::random::bytes()?)?;
    Ok(data_encoding::BASE64.encode(&sealed))
}

fn context(home: &Home, id: &str) -> Vec<u8> {
    [home.keys.certificate.household().as_bytes(), id.as_bytes()].concat()
}

//! A household's home folder: where everything lies, and the one handle to it.
//!
//! [`Home`] is opened by one process at a time (the [lock]), holds the ledger, the library space, the
//! catalog and the disk, and knows nothing of HTTP or the command line. Read first: [`Home::open`], then
//! [`layout`].
//!
//! Life of a home: [`create`](create::create) writes folders, keys and the first account; [`Home::open`]
//! takes the lock, opens the databases, and [reconciles](reconcile) what a crash may have left; closing
//! marks the end as clean.

mod catalog_file;
pub mod config;
pub mod create;
pub mod events;
pub mod keys;
pub mod layout;
pub mod library;
pub mod lock;
pub mod phrase;
pub mod reconcile;
pub mod room;
mod truth;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use anyhow::Context;
use data_encoding::HEXLOWER;
use heirloom_catalog::{Catalog, CatalogError};
use heirloom_identity::ContentHash;
use heirloom_media::{Decoder, InProcess};
use heirloom_spaces::{AlbumKeys, Albums, Library, LibraryKeys, News};
use heirloom_store::{Database, Disk, Durability, RealDisk, SyncedFolders};
use tokio::sync::broadcast;

use crate::home::catalog_file::{drop_catalog, open_catalog};
use crate::home::config::Config;
use crate::home::events::Events;
use crate::home::keys::KeyFile;
use crate::home::layout::Layout;
use crate::home::lock::Lock;
use crate::ingest::claims::Claims;
use crate::ledger::Ledger;
use crate::ledger::assets::StoredFile;
use crate::protocols::network::SETTING_OUTRANKED;
use crate::protocols::sync::NEWS_QUEUED_MAX;
use crate::protocols::{Network, hello};
use crate::restore::Restoring;
use crate::sharing::{self, Sharing};
use crate::vault::{Vault, refill};
use crate::workers::Work;

/// The setting that holds the household's name.
pub const SETTING_NAME: &str = "household_name";

/// What a person is told who wants to change something at a node that was replaced.
pub const OUTRANKED: &str =
    "another computer has taken the place of this one in your household; make changes there";

/// An opened home: everything that works on a household's photos takes one of these.
pub struct Home {
    /// Where things lie.
    pub layout: Layout,
    /// What the person configured.
    pub config: Config,
    /// The household, the node, and the node's keys.
    pub keys: KeyFile,
    /// What only arrival knows.
    pub ledger: Ledger,
    /// What people decided.
    pub library: Library,
    /// What is shared with other homes.
    pub albums: Albums,
    /// Which bytes of albums are here, wanted, or on their way.
    pub sharing: Sharing,
    /// Copies of this home elsewhere, and what it keeps for others.
    pub vault: Arc<Vault>,
    /// A restore of this home that is under way.
    pub restoring: Arc<Restoring>,
    /// Where files are written.
    pub disk: Arc<dyn Disk>,
    /// What turns bytes into pictures.
    pub decoder: Arc<dyn Decoder>,
    /// What just changed, for open pages.
    pub events: Events,
    /// Folders of the library whose names are durable.
    pub folders: SyncedFolders,
    /// Contents and names that are being placed right now.
    pub claims: Claims,
    /// What the workers share with those who give them work.
    pub work: Work,
    /// Held for reading by whoever changes ledger and catalog together, for writing by a rebuild's swap.
    pub changes: RwLock<()>,
    /// Whether the last run ended without closing the home.
    pub was_unclean: bool,
    catalog: RwLock<Catalog>,
    /// Whether the library holds nothing that a crash left unrecorded.
    adopted: AtomicBool,
    /// Another node of the household has taken this one's place.
    outranked: AtomicBool,
    /// What changes in albums, for those who push it to other homes.
    news: broadcast::Sender<Arc<News>>,
    /// While the node is up.
    network: Mutex<Option<Arc<Network>>>,
    library_looked: library::Looked,
    lock: Lock,
}

impl Home {
    /// Opens the home at `root` for this process alone.
    ///
    /// # Errors
    /// When there is no home, another process has it, or a file of it cannot be opened; each says what to do.
    pub fn open(root: &Path) -> anyhow::Result<Arc<Self>> {
        Self::open_with(root, Arc::new(RealDisk), Arc::new(InProcess))
    }

    /// Opens the home with a disk and a decoder of the caller's choice, for tests of crashes and failures.
    ///
    /// # Errors
    /// As [`Home::open`].
    pub fn open_with(
        root: &Path,
        disk: Arc<dyn Disk>,
        decoder: Arc<dyn Decoder>,
    ) -> anyhow::Result<Arc<Self>> {
        let layout = Layout::of(root)?;
        layout.must_exist()?;
        let lock = Lock::take(&layout)?;
        let config = Config::load(&layout.config())?;
        let passphrase = config.key_passphrase_file.as_deref().map(keys::read_passphrase).transpose()?;
        let keys = KeyFile::load(&layout.keys(), passphrase.as_ref().map(|text| text.as_str()))?;
        let events = Events::new();
        let ledger = truth::open_ledger(&layout)?.telling(events.clone());
        let outranked = is_outranked(&ledger, &keys)
            .map_err(|error| truth::in_words(&layout, &layout.home_db(), error))?;
        truth::spaces_must_be_there(&layout, &ledger)?;
        let (library, albums) = open_spaces(&layout, &keys)
            .map_err(|error| truth::in_words(&layout, &layout.spaces_db(), error))?;
        truth::note_spaces(&ledger)?;
        let catalog = open_catalog(&layout)?;
        let was_unclean = lock.was_unclean();
        let vault = Vault::open(&layout, &config, Arc::clone(&disk), was_unclean, &events)
            .map_err(|error| truth::books_in_words(&layout, error))?;
        let home = Arc::new(Self {
            layout,
            config,
            keys,
            ledger,
            library,
            albums,
            sharing: Sharing::default(),
            vault: Arc::new(vault),
            restoring: Arc::default(),
            disk,
            decoder,
            events,
            folders: SyncedFolders::default(),
            claims: Claims::default(),
            work: Work::default(),
            changes: RwLock::new(()),
            was_unclean,
            catalog: RwLock::new(catalog),
            adopted: AtomicBool::new(!was_unclean),
            outranked: AtomicBool::new(outranked),
            news: broadcast::Sender::new(NEWS_QUEUED_MAX),
            network: Mutex::new(None),
            library_looked: library::Looked::default(),
            lock,
        });
        library::at_opening(&home)?;
        refill::at_opening(&home)?;
        reconcile::at_start(&home).or_else(|error| home.derive_catalog_again(error))?;
        let news = home.news.clone();
        // Nobody need listen.
        home.albums.listen(Box::new(move |what| drop(news.send(Arc::new(what.clone())))));
        sharing::attach(&home)?;
        Ok(home)
    }

    /// Puts a new catalog in place of one that opened but turns out to be damaged.
    fn derive_catalog_again(self: &Arc<Self>, error: anyhow::Error) -> anyhow::Result<()> {
        let error = error.downcast::<CatalogError>()?;
        tracing::warn!(%error, "the catalog cannot be used and is derived again");
        drop_catalog(&self.layout, error)?;
        self.replace_catalog(open_catalog(&self.layout)?);
        reconcile::at_start(self)
    }

    /// The catalog as it is now; a rebuild puts another in its place.
    pub fn catalog(&self) -> Catalog {
        self.catalog.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts a rebuilt catalog in place of the old one.
    pub fn replace_catalog(&self, catalog: Catalog) {
        *self.catalog.write().unwrap_or_else(PoisonError::into_inner) = catalog;
    }

    /// The household's name as people see it.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn name(&self) -> anyhow::Result<String> {
        Ok(self.ledger.setting(SETTING_NAME)?.unwrap_or_else(|| "Our home".to_owned()))
    }

    /// Where the derivatives of a content lie: thumbnail and preview.
    pub fn derivatives(&self, content: &ContentHash) -> layout::Derivatives {
        self.layout.derivatives(content)
    }

    /// Whether a stored file is there, as large as it came.
    pub fn has_original(&self, file: &StoredFile) -> bool {
        let meta = std::fs::metadata(self.layout.original(&file.path));
        meta.is_ok_and(|meta| meta.is_file() && meta.len() == file.bytes)
    }

    /// Whether nothing is known to be left half done.
    pub fn is_settled(&self) -> bool {
        self.adopted.load(Ordering::Relaxed)
    }

    /// Says that something was left half done, so that the next start looks as if after a crash.
    pub fn look_again(&self) {
        self.adopted.store(false, Ordering::Relaxed);
    }

    /// Says that what a crash may have left in the library was looked through.
    pub fn adoption_done(&self) {
        self.adopted.store(true, Ordering::Relaxed);
    }

    /// Everything between this home and others, while the node is up.
    pub fn network(&self) -> Option<Arc<Network>> {
        self.network.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Listens to what changes in albums from now on.
    pub(crate) fn news(&self) -> broadcast::Receiver<Arc<News>> {
        self.news.subscribe()
    }

    /// Says that the network is open, or closed again.
    pub(crate) fn set_network(&self, network: Option<Arc<Network>>) {
        *self.network.lock().unwrap_or_else(PoisonError::into_inner) = network;
    }

    /// Whether another node of the household has taken this one's place, so that nothing may be changed here.
    pub fn is_outranked(&self) -> bool {
        self.outranked.load(Ordering::Relaxed)
    }

    /// Says that another node has taken this one's place.
    pub(crate) fn set_outranked(&self) {
        self.outranked.store(true, Ordering::Relaxed);
    }

    /// Refuses a change when another node has taken this one's place.
    ///
    /// # Errors
    /// Says so, and what to do.
    pub fn must_be_current(&self) -> anyhow::Result<()> {
        anyhow::ensure!(!self.is_outranked(), OUTRANKED);
        Ok(())
    }

    /// Ends the workers and marks this run as ended in order; the lock goes with the handle.
    pub fn close(&self) {
        self.work.close();
        if self.adopted.load(Ordering::Relaxed) {
            self.lock.mark_clean();
        }
    }
}

/// Whether this node has met a certificate that outranks its own.
fn is_outranked(ledger: &Ledger, keys: &KeyFile) -> anyhow::Result<bool> {
    let met = ledger.setting(SETTING_OUTRANKED)?;
    let met = met.and_then(|hex| HEXLOWER.decode(hex.as_bytes()).ok());
    Ok(met.is_some_and(|bytes| hello::outranking(&keys.certificate, &bytes).is_some()))
}

fn open_spaces(layout: &Layout, keys: &KeyFile) -> anyhow::Result<(Library, Albums)> {
    let path = layout.spaces_db();
    let db = Database::open(&path, Durability::Full, heirloom_spaces::MIGRATIONS)?;
    let signing = LibraryKeys::new(keys.certificate.clone(), keys.node.signer().clone())?;
    let library = Library::open(db.clone(), signing, crate::random::bytes()?)
        .with_context(|| format!("cannot open the household's decisions in {}", path.display()))?;
    let keys = AlbumKeys {
        certificate: keys.certificate.clone(),
        signer: keys.node.signer().clone(),
        receive: keys.receive.clone(),
    };
    let albums = Albums::open(db, keys, Arc::new(crate::random::fill))
        .with_context(|| format!("cannot open the albums in {}", path.display()))?;
    Ok((library, albums))
}

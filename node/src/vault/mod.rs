//! This home's vault: encrypted copies of everything it would miss, in other homes and other places, and the custody of
//! what it keeps for others.
//!
//! `heirloom-vault` knows formats, custody and policy; `protocols::vault` carries requests between homes; this module
//! decides when something is packed, sent, proved, repaired and fetched, and tells people how safe they are. Read first:
//! [`Vault`].

pub mod amount;
pub mod audits;
pub mod backup;
pub mod carry;
mod collect;
mod compact;
pub(crate) mod deletions;
mod demand;
pub mod drills;
pub mod engine;
pub mod fetch;
pub mod heal;
pub mod kits;
mod lane;
pub mod local;
mod outbox;
pub mod own_places;
mod packing;
pub mod place;
pub mod polite;
mod publish;
pub mod put_back;
mod recount;
mod schedule;
mod shelf;
pub mod snapshot;
pub mod status;
mod targets;
pub mod throttle;
pub mod worker;

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use heirloom_identity::HouseholdId;
use heirloom_store::Disk;
use heirloom_vault::Keeper;
use heirloom_vault::store::{VaultStore, open_database};
use tokio::sync::watch;

use crate::home::Home;
use crate::home::config::Config;
use crate::home::events::Event;
use crate::home::layout::Layout;
use crate::protocols::vault::Places;
use crate::protocols::vault::peer_target::Lanes;
use crate::vault::engine::Engine;
use crate::vault::throttle::Throttle;

/// Both sides of custody, and what their parts share; one for each open home.
pub struct Vault {
    /// What is known of this household's packs.
    pub store: VaultStore,
    /// What is kept for other households.
    pub keeper: Arc<Keeper>,
    /// How fast packs leave this network.
    pub throttle: Throttle,
    /// How much work for other homes is under way.
    pub places: Places,
    /// What packs, places, proves and fetches.
    pub engine: Engine,
    /// The keeper's last alarm that was passed on to people; 0 before the first was looked up.
    pub(crate) told: AtomicI64,
    /// Counts what people in other homes asked; held while one of their wishes is recorded.
    pub(crate) wishes: Mutex<u64>,
    /// Held while the list of notices that wait for other homes is changed.
    pub(crate) notices: Mutex<()>,
    lanes: Mutex<HashMap<HouseholdId, Arc<Lanes>>>,
    wakes: watch::Sender<u64>,
}

impl Vault {
    /// Opens `vault.sqlite` and the folder of kept packs.
    ///
    /// # Errors
    /// When the database cannot be opened.
    pub fn open(layout: &Layout, config: &Config, disk: Arc<dyn Disk>) -> anyhow::Result<Self> {
        let path = layout.vault_db();
        let attempt = || format!("cannot open what is known of copies in {}", path.display());
        let db = open_database(&path).with_context(attempt)?;
        make_private(&layout.outbox())?;
        make_private(&layout.kept())?;
        let keeper = Keeper::open(db.clone(), layout.kept(), disk).with_context(attempt)?;
        Ok(Self {
            store: VaultStore::new(db),
            keeper: Arc::new(keeper),
            throttle: Throttle::new(config.vault_upload_mbit),
            places: Places::default(),
            engine: Engine::default(),
            told: AtomicI64::new(0),
            wishes: Mutex::default(),
            notices: Mutex::default(),
            lanes: Mutex::default(),
            wakes: watch::Sender::new(0),
        })
    }

    /// Has the vault look again: there is something to send, or somebody came who may take it.
    pub fn wake(&self) {
        self.wakes.send_modify(|wakes| *wakes = wakes.wrapping_add(1));
    }

    /// Listens for wakes.
    pub fn woken(&self) -> watch::Receiver<u64> {
        self.wakes.subscribe()
    }

    /// Tells open pages that something about copies changed.
    pub fn changed(&self, home: &Home) {
        home.events.tell(Event::Vault);
    }

    /// What may be under way to one other home at once.
    pub(crate) fn lanes(&self, household: &HouseholdId) -> Arc<Lanes> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(lanes.entry(*household).or_default())
    }
}

/// Makes a folder that only the owner may enter; fine if it is there.
fn make_private(folder: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.with_context(|| format!("cannot create the folder {}", folder.display()))
}

//! This home's vault: encrypted copies of everything it would miss, in other homes and other places, and the custody of
//! what it keeps for others.
//!
//! `heirloom-vault` knows formats, custody and policy; `protocols::vault` carries requests between homes; this module
//! decides when something is packed, sent, proved, repaired and fetched, and tells people how safe they are. Read first:
//! [`Vault`].

pub mod amount;
pub mod audits;
pub mod backup;
mod besides;
pub mod carry;
mod collect;
mod compact;
pub(crate) mod deletions;
mod demand;
pub mod drills;
mod each_place;
pub mod engine;
pub mod fetch;
pub mod heal;
pub mod kits;
pub mod known_places;
mod lane;
pub mod local;
pub mod newer;
mod outbox;
mod overdue;
pub mod own_places;
mod packing;
pub mod place;
pub mod polite;
mod publish;
pub mod put_back;
pub(crate) mod recount;
pub(crate) mod refill;
pub(crate) mod remembered;
mod schedule;
mod shelf;
pub mod snapshot;
pub mod status;
mod strangers;
mod targets;
pub mod throttle;
pub mod worker;

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use heirloom_identity::HouseholdId;
use heirloom_store::{Disk, Look};
use heirloom_vault::store::VaultStore;
use heirloom_vault::{Keeper, opening};
use tokio::sync::watch;

use crate::api::dates::iso;
use crate::clock;
use crate::home::Home;
use crate::home::config::Config;
use crate::home::events::{Event, Events};
use crate::home::layout::Layout;
use crate::protocols::vault::Places;
use crate::protocols::vault::peer_target::Lanes;
use crate::vault::engine::Engine;
use crate::vault::refill::FoundBooks;
use crate::vault::throttle::Throttle;

/// Databases up to this size are read whole at every opening; larger ones after a run that did not end in order.
const LOOKED_THROUGH_BYTES_MAX: u64 = 256 << 20;
/// Characters of a day in the name of a file that is set aside.
const DAY_CHARS: usize = 10;

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
    /// What was found in the places of the two databases.
    pub(crate) found: FoundBooks,
    /// The keeper's last alarm that was passed on to people; 0 before the first was looked up.
    pub(crate) told: AtomicI64,
    /// Counts what people in other homes asked; held while one of their wishes is recorded.
    pub(crate) wishes: Mutex<u64>,
    /// Held while the list of notices that wait for other homes is changed.
    pub(crate) notices: Mutex<()>,
    /// What those who bring newer states of this home share.
    pub(crate) newer: newer::Shared,
    lanes: Mutex<HashMap<HouseholdId, Arc<Lanes>>>,
    wakes: watch::Sender<u64>,
}

impl Vault {
    /// Opens `vault.sqlite`, `keeper.sqlite` and the folder of kept packs. One that is damaged is set aside and begun anew
    /// (`vault::refill`).
    ///
    /// # Errors
    /// When a database cannot be opened for another reason.
    pub fn open(
        layout: &Layout,
        config: &Config,
        disk: Arc<dyn Disk>,
        was_unclean: bool,
        events: &Events,
    ) -> anyhow::Result<Self> {
        let (ward, keeper) = (layout.vault_db(), layout.keeper_db());
        let attempt = || format!("cannot open what is known of copies in {}", layout.root().display());
        let bytes = |path: &Path| std::fs::metadata(path).map_or(0, |meta| meta.len());
        let is_small = bytes(&ward).max(bytes(&keeper)) <= LOOKED_THROUGH_BYTES_MAX;
        let look = if was_unclean || is_small { Look::Whole } else { Look::Beginning };
        let stamp: String = iso(clock::now_ms()).chars().take(DAY_CHARS).collect();
        let opened = opening::open(&ward, &keeper, look, &stamp).with_context(attempt)?;
        make_private(&layout.outbox())?;
        make_private(&layout.kept())?;
        // After `VaultStore` was told, which knows then that what it counted is old.
        let store = VaultStore::new(opened.ward);
        for database in [store.database(), &opened.keeper] {
            let events = events.clone();
            database.on_commit(move || events.tell(Event::Vault));
        }
        let keeper = Keeper::open(opened.keeper, layout.kept(), disk).with_context(attempt)?;
        let keeper = keeper.leaving_free(config.leave_free_bytes());
        Ok(Self {
            store,
            keeper: Arc::new(keeper),
            found: FoundBooks { ward: opened.ward_found, keeper: opened.keeper_found },
            throttle: Throttle::new(config.vault_upload_mbit),
            places: Places::default(),
            engine: Engine::default(),
            told: AtomicI64::new(0),
            wishes: Mutex::default(),
            notices: Mutex::default(),
            newer: newer::Shared::default(),
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

    /// Tells open pages that something about copies changed that they cannot hear from `vault.sqlite`, `keeper.sqlite` and the
    /// kits in the ledger, which tell by themselves, after every commit.
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

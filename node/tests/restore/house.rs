//! Homes in scratch folders, with photos, decisions and copies.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use heirloom::clock;
use heirloom::home::Home;
use heirloom::index;
use heirloom::ledger::accounts::NewAccount;
use heirloom::ledger::assets::Entry;
use heirloom::protocols::Network;
use heirloom::protocols::vault::agreements;
use heirloom::restore::{self, Comeback, Order, Problem, Progress, Restoring, Stage};
use heirloom::vault::backup::{self, RunReport};
use heirloom::vault::known_places::note_disk;
use heirloom::{password, random};
use heirloom_identity::{AccountId, HouseholdId, Phrase};
use heirloom_media::InProcess;
use heirloom_spaces::MarkChange;
use heirloom_store::RealDisk;
use heirloom_vault::policy::{Standing, TargetId};
use heirloom_vault::store::Place;
use heirloom_vault::target::FolderTarget;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::found::found;
pub(crate) use crate::found::{PASSWORD, quick_folder};
use crate::known::Known;
use crate::photos::{derive, keep, picture};
use crate::wait::{until, wait_until_closed};

/// A household, and everything of it that is not lost with its home.
pub(crate) struct House {
    pub(crate) folder: Arc<TempDir>,
    pub(crate) phrase: Phrase,
    pub(crate) home: Arc<Home>,
    pub(crate) network: Option<Arc<Network>>,
}

impl House {
    /// A new household with one account.
    pub(crate) fn found(name: &str) -> Self {
        let folder = Arc::new(quick_folder());
        let root = folder.path().join("home");
        let founded = found(&root, name, clock::now_ms());
        let home = open(&root);
        Self { folder, phrase: founded.phrase, home, network: None }
    }

    /// The same with its network up.
    pub(crate) async fn found_up(name: &str) -> Self {
        let mut house = Self::found(name);
        house.network = Some(Network::start(&house.home, None).await.unwrap());
        house
    }

    pub(crate) fn network(&self) -> &Arc<Network> {
        self.network.as_ref().unwrap()
    }

    pub(crate) fn household(&self) -> HouseholdId {
        *self.home.keys.certificate.household()
    }

    /// A place beside the home.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn words(&self) -> String {
        self.phrase.text().to_string()
    }

    /// Photos of two accounts, and decisions of every kind about some of them.
    pub(crate) fn live(&self) {
        self.another_account("Kim");
        for seed in 0..6 {
            self.photo(seed);
        }
        let entries = self.entries();
        self.decide(&entries[0], MarkChange::Favourite(true));
        self.decide(&entries[1], MarkChange::Caption(Some("Grandma's garden, the last summer".to_owned())));
        self.decide(&entries[2], MarkChange::Rating(Some(4)));
        self.decide(&entries[3], MarkChange::Archived(true));
        self.home.ledger.set_setting("household_name", "The Smiths of Elm Street").unwrap();
    }

    fn another_account(&self, name: &str) -> AccountId {
        self.account_of(name, false)
    }

    /// Another account, which may manage accounts.
    pub(crate) fn admin(&self, name: &str) -> AccountId {
        self.account_of(name, true)
    }

    fn account_of(&self, name: &str, admin: bool) -> AccountId {
        let id = AccountId::from_random(random::bytes().unwrap());
        let new = NewAccount {
            id,
            email: format!("{}@example.org", name.to_lowercase()),
            name: name.to_owned(),
            password: password::hash("another long password").unwrap(),
            admin,
            created_ms: clock::now_ms(),
        };
        self.home.ledger.add_account(new).unwrap();
        id
    }

    pub(crate) fn account(&self) -> AccountId {
        self.home.ledger.accounts().unwrap()[0].id
    }

    /// A new photo of the first account, with its pictures made.
    pub(crate) fn photo(&self, seed: u32) -> Entry {
        photo(&self.home, seed)
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.home.ledger.entries_after(0, 10_000).unwrap()
    }

    pub(crate) fn decide(&self, entry: &Entry, change: MarkChange) {
        index::decide(&self.home, entry.account, &[entry.asset], &[change]).unwrap();
    }

    /// A folder of the household's own as a place for copies.
    pub(crate) fn add_folder(&self, name: &str) -> (PathBuf, TargetId) {
        let folder = self.beside(name);
        std::fs::create_dir_all(&folder).unwrap();
        let (path, seed) = (folder.to_str().unwrap().to_owned(), random::bytes().unwrap());
        let disk = FolderTarget::create(&folder, &self.household(), seed, Arc::new(RealDisk)).unwrap();
        note_disk(&self.home.vault.store, &path, disk).unwrap();
        let place = Place::Folder(path);
        let id = self.home.vault.store.add_target(&place, Standing::Active, clock::now_ms()).unwrap();
        (folder, id)
    }

    /// Makes another home, whose network is up, a keeper of this one's copies.
    pub(crate) async fn keep_at(&self, keeper: &Self) {
        let quota = 1 << 32;
        agreements::keep(&keeper.home, self.household(), quota).await.unwrap();
        let place = Place::Household(keeper.household());
        let store = &self.home.vault.store;
        let id = store.add_target(&place, Standing::Active, clock::now_ms()).unwrap();
        store.target_granted(id, Some(quota)).unwrap();
    }

    /// Packs and places everything.
    pub(crate) async fn back_up(&self) -> RunReport {
        backup::run(&self.home, &CancellationToken::new()).await.unwrap()
    }

    /// A household that lived, backed up to a disk and burnt down: what is left of it, the disk, and what it knew. `and`
    /// is what it did besides before the backup.
    pub(crate) async fn burnt(and: impl FnOnce(&Self)) -> (Self, PathBuf, Known) {
        let mut house = Self::found("Anna");
        house.live();
        and(&house);
        let (disk, _) = house.add_folder("disk");
        house.back_up().await;
        let before = Known::of(&house.home);
        house.burn().await;
        (house, disk, before)
    }

    /// Goes off; the folder stays.
    pub(crate) async fn stop(&mut self) {
        if let Some(network) = self.network.take() {
            network.stop().await;
        }
        self.home.close();
    }

    /// The house burns down: everything in the home's folder is gone.
    pub(crate) async fn burn(&mut self) {
        self.stop().await;
        std::fs::remove_dir_all(self.folder.path().join("home")).unwrap();
    }
}

/// A new photo of a home's first account, with its pictures made.
pub(crate) fn photo(home: &Arc<Home>, seed: u32) -> Entry {
    let entry = keep(home, &format!("IMG_{seed}.png"), picture(seed));
    derive(home);
    entry
}

/// Opens a home, once nobody has it any more.
pub(crate) fn open(root: &Path) -> Arc<Home> {
    wait_until_closed(root);
    Home::open_with(root, Arc::new(RealDisk), Arc::new(InProcess)).unwrap()
}

/// Pairs two homes.
pub(crate) async fn pair(inviter: &House, guest: &House) {
    let invited = inviter.network().invite(true).await.unwrap();
    guest.network().accept(&invited.link).unwrap();
    until("the homes to connect", &[&inviter.home, &guest.home], || {
        let there = inviter.network().connection(&guest.household());
        there.and(guest.network().connection(&inviter.household())).map(drop)
    })
    .await;
}

/// Restores everything but the photos.
pub(crate) async fn restore(
    root: &Path,
    words: &str,
    from: &[&str],
) -> (Result<(), Problem>, Arc<Restoring>) {
    let restoring = Arc::<Restoring>::default();
    let from: Vec<String> = from.iter().map(|place| (*place).to_owned()).collect();
    let outcome = match Order::read(root, words, &from) {
        Ok(order) => restore::run(&order, &restoring).await,
        Err(problem) => Err(problem),
    };
    (outcome, restoring)
}

/// What a failed restore says.
pub(crate) async fn refused(root: &Path, words: &str, from: &[&str]) -> String {
    restore(root, words, from).await.0.unwrap_err().to_string()
}

/// A home that was restored, up, with everything brought back.
pub(crate) struct Back {
    pub(crate) home: Arc<Home>,
    pub(crate) network: Arc<Network>,
    comeback: Comeback,
}

impl Back {
    /// Opens a restored home and begins to bring its photos.
    pub(crate) async fn begin(root: &Path, restoring: &Restoring) -> Self {
        let home = open(root);
        home.restoring.adopt(restoring);
        heirloom::restore::comeback::keep_again(&home).await.unwrap();
        let network = Network::start(&home, None).await.unwrap();
        let comeback = Comeback::start(&home);
        Self { home, network, comeback }
    }

    /// Waits until everything is there.
    pub(crate) async fn complete(&self) -> Progress {
        until("everything to come back", &[&self.home], || {
            let progress = self.home.restoring.progress()?;
            assert_ne!(progress.stage, Stage::Failed, "{progress:?}");
            (progress.stage == Stage::Done).then_some(progress)
        })
        .await
    }

    pub(crate) async fn stop(self) -> Arc<Home> {
        self.comeback.stop().await;
        self.network.stop().await;
        self.home.close();
        self.home
    }
}

/// The whole way: restores, opens, brings all photos.
pub(crate) async fn restore_all(root: &Path, words: &str, from: &[&str]) -> (Back, Arc<Restoring>) {
    let (outcome, restoring) = restore(root, words, from).await;
    outcome.unwrap();
    let back = Back::begin(root, &restoring).await;
    back.complete().await;
    (back, restoring)
}

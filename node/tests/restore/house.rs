//! Homes in scratch folders, with photos, decisions and copies.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use heirloom::clock;
use heirloom::home::Home;
use heirloom::home::create::{Founding, create};
use heirloom::index;
use heirloom::ingest::{Incoming, Kept, keep_bytes};
use heirloom::ledger::accounts::NewAccount;
use heirloom::ledger::assets::{Entry, Origin};
use heirloom::protocols::Network;
use heirloom::protocols::vault::agreements;
use heirloom::restore::{self, Comeback, Order, Problem, Progress, Restoring, Stage};
use heirloom::vault::backup::{self, RunReport};
use heirloom::workers::derive::derive_one;
use heirloom::{password, random};
use heirloom_catalog::JobKind;
use heirloom_identity::{AccountId, HouseholdId, Phrase};
use heirloom_media::InProcess;
use heirloom_spaces::MarkChange;
use heirloom_store::RealDisk;
use heirloom_testkit::Photo;
use heirloom_vault::policy::{Standing, TargetId};
use heirloom_vault::store::Place;
use heirloom_vault::target::FolderTarget;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// The password of everybody.
pub(crate) const PASSWORD: &str = "correct horse battery";
/// How long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(60);

/// A household, and everything of it that is not lost with its home.
pub(crate) struct House {
    pub(crate) folder: Arc<TempDir>,
    pub(crate) phrase: Phrase,
    pub(crate) home: Arc<Home>,
    pub(crate) network: Option<Arc<Network>>,
}

/// A folder in memory where the system has one: real fsyncs would only take time.
pub(crate) fn quick_folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

impl House {
    /// A new household with one account.
    pub(crate) fn found(name: &str) -> Self {
        let folder = Arc::new(quick_folder());
        let email = format!("{}@example.org", name.to_lowercase());
        let founding =
            Founding { name, email: &email, password: PASSWORD, passphrase: None, now_ms: clock::now_ms() };
        let root = folder.path().join("home");
        let founded = create(&root, &founding).unwrap();
        let config = "workers = 1\np2p_listen = \"127.0.0.1:0\"\nmdns = false\n";
        std::fs::write(root.join("config.toml"), config).unwrap();
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
        let id = AccountId::from_random(random::bytes().unwrap());
        let new = NewAccount {
            id,
            email: format!("{}@example.org", name.to_lowercase()),
            name: name.to_owned(),
            password: password::hash("another long password").unwrap(),
            admin: false,
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
        FolderTarget::create(&folder, &self.household(), random::bytes().unwrap(), Arc::new(RealDisk))
            .unwrap();
        let place = Place::Folder(folder.to_str().unwrap().to_owned());
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
    let incoming = Incoming {
        account: home.ledger.accounts().unwrap()[0].id,
        given_name: format!("IMG_{seed}.png"),
        modified_ms: clock::now_ms(),
        origin: Origin::Upload,
        source: None,
    };
    let (Kept::Added(entry) | Kept::Duplicate(entry)) = keep_bytes(home, incoming, picture(seed)).unwrap();
    while let Some(job) = home.catalog().claim(clock::now_ms(), &[JobKind::Derive]).unwrap() {
        derive_one(home, &job);
    }
    entry
}

/// A photo's bytes.
pub(crate) fn picture(seed: u32) -> Vec<u8> {
    Photo { seed, width: 320, height: 200, taken: Some("2024:05:01 12:30:00") }.png()
}

/// Opens a home. The lock goes with the last handle, which a task that is ending may still hold.
pub(crate) fn open(root: &Path) -> Arc<Home> {
    for _ in 0..200 {
        match Home::open_with(root, Arc::new(RealDisk), Arc::new(InProcess)) {
            Err(error) if error.is::<heirloom::home::lock::InUse>() => {
                std::thread::sleep(Duration::from_millis(50));
            }
            opened => return opened.unwrap(),
        }
    }
    panic!("{} stays in use", root.display());
}

/// Pairs two homes.
pub(crate) async fn pair(inviter: &House, guest: &House) {
    let invited = inviter.network().invite(true).await.unwrap();
    guest.network().accept(&invited.link).unwrap();
    until("the homes connect", || async {
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
        let progress = until("everything comes back", || async {
            let progress = self.home.restoring.progress()?;
            assert_ne!(progress.stage, Stage::Failed, "{progress:?}");
            (progress.stage == Stage::Done).then_some(progress)
        });
        progress.await
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

/// Waits until something is there.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(what: &str, look: impl Fn() -> F) -> T {
    let found = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("{what}: not in time"))
}

//! Homes in scratch folders, each with its network on loopback.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use heirloom::home::Home;
use heirloom::home::create::{Founding, create};
use heirloom::ingest::{Incoming, Kept, keep_bytes};
use heirloom::ledger::accounts::NewAccount;
use heirloom::ledger::assets::Origin;
use heirloom::protocols::Network;
use heirloom::sharing::{self, Downloads, Outcome};
use heirloom::workers::derive::derive_one;
use heirloom::{clock, random};
use heirloom_catalog::JobKind;
use heirloom_identity::{AccountId, AssetId, ContentHash, HouseholdId, Role, SpaceId};
use heirloom_media::InProcess;
use heirloom_spaces::{Album, Entry};
use heirloom_store::RealDisk;
use heirloom_testkit::Photo;
use tempfile::TempDir;

/// How long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// A home that is up.
pub(crate) struct Place {
    pub(crate) home: Arc<Home>,
    pub(crate) account: AccountId,
    pub(crate) network: Arc<Network>,
    downloads: Option<Downloads>,
    folder: Arc<TempDir>,
}

impl Place {
    /// A new home of this name that is up.
    pub(crate) async fn found(name: &str) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let root = folder.path().join("home");
        let email = format!("{}@example.org", name.to_lowercase());
        let founding = Founding {
            name,
            email: &email,
            password: "correct horse battery",
            passphrase: None,
            now_ms: 1_700_000_000_000,
        };
        create(&root, &founding).unwrap();
        let config = root.join("config.toml");
        let text = std::fs::read_to_string(&config).unwrap();
        std::fs::write(&config, format!("{text}\np2p_listen = \"127.0.0.1:0\"\nmdns = false\n")).unwrap();
        Self::open(folder).await
    }

    async fn open(folder: Arc<TempDir>) -> Self {
        let home =
            Home::open_with(&folder.path().join("home"), Arc::new(RealDisk), Arc::new(InProcess)).unwrap();
        let account = home.ledger.accounts().unwrap()[0].id;
        let network = Network::start(&home, None).await.unwrap();
        let downloads = Some(Downloads::start(&home));
        Self { home, account, network, downloads, folder }
    }

    /// Ends the downloads, as a node does that stops; what comes in then stays unfetched.
    pub(crate) async fn stop_downloads(&mut self) {
        if let Some(downloads) = self.downloads.take() {
            downloads.stop().await;
        }
    }

    /// Goes off.
    pub(crate) async fn stop(mut self) -> Arc<TempDir> {
        self.stop_downloads().await;
        self.network.stop().await;
        self.home.close();
        Arc::clone(&self.folder)
    }

    /// Comes up again.
    pub(crate) async fn start(folder: Arc<TempDir>) -> Self {
        // The lock goes with the last handle, which a task that is ending may still hold.
        for _ in 0..100 {
            let lock = std::fs::File::open(folder.path().join("home").join("lock")).unwrap();
            if lock.try_lock().is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Self::open(folder).await
    }

    /// Another account of the home, which manages nothing.
    pub(crate) fn another_account(&self, name: &str) -> AccountId {
        let id = AccountId::from_random(random::bytes().unwrap());
        let new = NewAccount {
            id,
            email: format!("{}@example.org", name.to_lowercase()),
            name: name.to_owned(),
            password: String::new(),
            admin: false,
            created_ms: 1_700_000_000_001,
        };
        self.home.ledger.add_account(new).unwrap();
        id
    }

    /// Whether an account of the home sees an album.
    pub(crate) fn sees(&self, account: AccountId, space: &SpaceId) -> bool {
        let album = self.home.albums.album(space).unwrap().unwrap();
        sharing::sees(&self.home, &account, &album).unwrap()
    }

    pub(crate) fn household(&self) -> HouseholdId {
        *self.home.keys.certificate.household()
    }

    /// A new photo of the home's first account, with its pictures made.
    pub(crate) fn photo(&self, seed: u32) -> (AssetId, ContentHash) {
        let kept = self.photo_without_pictures(seed);
        self.derive();
        kept
    }

    /// A new photo whose pictures are not made.
    pub(crate) fn photo_without_pictures(&self, seed: u32) -> (AssetId, ContentHash) {
        self.keep(&format!("IMG_{seed}.png"), picture(seed))
    }

    pub(crate) fn keep(&self, name: &str, bytes: Vec<u8>) -> (AssetId, ContentHash) {
        let incoming = Incoming {
            account: self.account,
            given_name: name.to_owned(),
            modified_ms: clock::now_ms(),
            origin: Origin::Upload,
            source: None,
        };
        let (Kept::Added(entry) | Kept::Duplicate(entry)) = keep_bytes(&self.home, incoming, bytes).unwrap();
        (entry.asset, entry.file.hashes.content)
    }

    /// Makes all pictures that are waiting to be made.
    pub(crate) fn derive(&self) {
        while let Some(job) = self.home.catalog().claim(clock::now_ms(), &[JobKind::Derive]).unwrap() {
            derive_one(&self.home, &job);
        }
    }

    /// A new album of the home's first account.
    pub(crate) fn album(&self, title: &str) -> SpaceId {
        sharing::create_album(&self.home, self.account, title).unwrap()
    }

    pub(crate) fn add(&self, space: &SpaceId, asset: AssetId) -> Outcome {
        sharing::add_assets(&self.home, space, self.account, &[asset]).unwrap()[0]
    }

    pub(crate) fn share(&self, space: &SpaceId, with: &Self, role: Role) {
        sharing::share(&self.home, space, with.household(), role, Vec::new()).unwrap();
    }

    /// The album, once it is here.
    pub(crate) async fn has_album(&self, space: &SpaceId) -> Album {
        until("the album comes", || async { self.home.albums.album(space).unwrap() }).await
    }

    /// The entry, once it is here.
    pub(crate) async fn has_entry(&self, space: &SpaceId, content: &ContentHash) -> Entry {
        self.has_album(space).await;
        until("the entry comes", || async { self.home.albums.entry(space, content).unwrap() }).await
    }
}

/// Pairs two homes.
pub(crate) async fn pair(inviter: &Place, guest: &Place) {
    let invited = inviter.network.invite(true).await.unwrap();
    guest.network.accept(&invited.link).unwrap();
    let connected = || async {
        let there = inviter.network.connection(&guest.household());
        there.and(guest.network.connection(&inviter.household())).map(drop)
    };
    until("the homes connect", connected).await;
}

/// Two homes that know each other.
pub(crate) async fn two() -> (Place, Place) {
    let (anna, ben) = (Place::found("Anna").await, Place::found("Ben").await);
    pair(&anna, &ben).await;
    (anna, ben)
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

/// Waits until something is so.
pub(crate) async fn until_true(what: &str, look: impl Fn() -> bool) {
    until(what, || async { look().then_some(()) }).await;
}

/// A photo's bytes.
pub(crate) fn picture(seed: u32) -> Vec<u8> {
    Photo { seed, width: 320, height: 200, taken: Some("2024:05:01 12:30:00") }.png()
}

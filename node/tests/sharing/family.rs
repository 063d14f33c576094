//! Homes in scratch folders, each with its network on loopback.

use std::sync::Arc;

use heirloom::home::Home;
use heirloom::ledger::accounts::NewAccount;
use heirloom::protocols::Network;
use heirloom::random;
use heirloom::sharing::{self, Downloads, Outcome};
use heirloom_identity::{AccountId, AssetId, ContentHash, HouseholdId, Role, SpaceId};
use heirloom_media::InProcess;
use heirloom_spaces::{Album, Entry};
use heirloom_store::RealDisk;
use tempfile::TempDir;

use crate::found::{found, quick_folder};
use crate::photos;
pub(crate) use crate::photos::picture;
use crate::wait::{self, wait_until_closed};

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
        let folder = Arc::new(quick_folder());
        found(&folder.path().join("home"), name, 1_700_000_000_000);
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
        wait_until_closed(&folder.path().join("home"));
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
        let entry = photos::keep(&self.home, name, bytes);
        (entry.asset, entry.file.hashes.content)
    }

    /// Makes all pictures that are waiting to be made.
    pub(crate) fn derive(&self) {
        photos::derive(&self.home);
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

    /// Waits until something is so here.
    #[track_caller]
    pub(crate) fn until<'a, Look: Fn() -> bool + 'a>(
        &self,
        what: &'a str,
        look: Look,
    ) -> impl Future<Output = ()> + use<'a, Look> {
        wait::until(what, &[&self.home], move || look().then_some(()))
    }

    /// The album, once it is here.
    pub(crate) async fn has_album(&self, space: &SpaceId) -> Album {
        wait::until("the album", &[&self.home], || self.home.albums.album(space).unwrap()).await
    }

    /// The entry, once it is here.
    pub(crate) async fn has_entry(&self, space: &SpaceId, content: &ContentHash) -> Entry {
        self.has_album(space).await;
        wait::until("the entry", &[&self.home], || self.home.albums.entry(space, content).unwrap()).await
    }
}

/// Pairs two homes.
pub(crate) async fn pair(inviter: &Place, guest: &Place) {
    let invited = inviter.network.invite(true).await.unwrap();
    guest.network.accept(&invited.link).unwrap();
    let connected = || {
        let there = inviter.network.connection(&guest.household());
        there.and(guest.network.connection(&inviter.household())).map(drop)
    };
    wait::until("the homes to connect", &[&inviter.home, &guest.home], connected).await;
}

/// Two homes that know each other.
pub(crate) async fn two() -> (Place, Place) {
    let (anna, ben) = (Place::found("Anna").await, Place::found("Ben").await);
    pair(&anna, &ben).await;
    (anna, ben)
}

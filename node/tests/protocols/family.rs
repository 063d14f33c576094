//! Homes that are up: founded once each, joined by loopback, waited for by their own news.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use heirloom::home::Home;
use heirloom::home::keys::{KeyFile, VaultKeys};
use heirloom::protocols::{Network, Pairing, PairingState};
use heirloom_identity::{AccountId, ContentHash, HouseholdId, Phrase, SpaceId};
use heirloom_spaces::{AlbumEdit, EntryFacts};
use tempfile::TempDir;

use crate::found::{found, quick_folder};
use crate::wait::{self, wait_until_closed};

/// A home in a folder of its own.
pub(crate) struct Folder {
    folder: TempDir,
    phrase: Phrase,
}

impl Folder {
    /// Founds a home.
    pub(crate) fn new(name: &str) -> Self {
        let folder = quick_folder();
        let phrase = found(&folder.path().join("home"), name, 1_700_000_000_000).phrase;
        Self { folder, phrase }
    }

    /// What the phrase gives.
    pub(crate) fn authority(&self) -> heirloom_identity::AuthorityKey {
        self.phrase.root().authority()
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// A copy of everything in it, to be put back later.
    pub(crate) fn copy(&self) -> PathBuf {
        let target = self.folder.path().join("copy");
        copy_all(&self.root(), &target);
        target
    }

    /// Puts a copy in the place of what is there.
    pub(crate) fn restore(&self, copy: &std::path::Path) {
        fs::remove_dir_all(self.root()).unwrap();
        copy_all(copy, &self.root());
    }

    /// Puts keys of a new machine in the place of the old one's, signed by the household.
    pub(crate) fn replace_machine(&self) {
        let path = self.root().join("keys.toml");
        let old = KeyFile::load(&path, None).unwrap();
        let (root, household) = (self.phrase.root(), *old.certificate.household());
        let keyring = old.vault().unwrap().keyring.clone();
        let vault = VaultKeys::wrap(keyring, &root.wrapping(), &household).unwrap();
        let new = KeyFile::make_node(&root.authority(), 2, old.receive, vault, 1).unwrap();
        fs::remove_file(&path).unwrap();
        new.save(&path, None).unwrap();
    }

    /// Switches it on.
    pub(crate) async fn up(self) -> House {
        let home = Home::open(&self.root()).unwrap();
        let network = Network::start(&home, None).await.unwrap();
        House { folder: self, home, network }
    }
}

fn copy_all(from: &std::path::Path, to: &std::path::Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_all(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A home that is up.
pub(crate) struct House {
    folder: Folder,
    pub(crate) home: Arc<Home>,
    pub(crate) network: Arc<Network>,
}

impl House {
    pub(crate) async fn new(name: &str) -> Self {
        Folder::new(name).up().await
    }

    /// Switches it off in order.
    pub(crate) async fn down(self) -> Folder {
        self.network.stop().await;
        self.home.close();
        drop(self.network);
        drop(self.home);
        wait_until_closed(&self.folder.root());
        self.folder
    }

    pub(crate) fn household(&self) -> HouseholdId {
        *self.home.keys.certificate.household()
    }

    pub(crate) fn anna(&self) -> AccountId {
        self.home.ledger.accounts().unwrap()[0].id
    }

    /// Waits until something is so here.
    #[track_caller]
    pub(crate) fn until<'a, T, Look: Fn() -> Option<T> + 'a>(
        &self,
        what: &'a str,
        look: Look,
    ) -> impl Future<Output = T> + use<'a, T, Look> {
        wait::until(what, &[&self.home], look)
    }

    /// Waits until another home is connected.
    pub(crate) async fn sees(&self, other: &Self) {
        let id = other.household();
        self.until("to be connected", || self.network.connection(&id)).await;
    }

    /// Waits until another home is not connected.
    pub(crate) async fn misses(&self, other: HouseholdId) {
        self.until("to be cut off", || self.network.connection(&other).is_none().then_some(())).await;
    }

    /// Waits until a pairing has come to its end.
    pub(crate) async fn settled(&self, id: &str) -> Pairing {
        let ends = [PairingState::Done, PairingState::Failed];
        let look = || self.network.pairing(id).filter(|shown| ends.contains(&shown.state));
        self.until("a pairing to end", look).await
    }

    /// Waits until a home asks to be let in; returns its pairing.
    pub(crate) async fn asked(&self, id: &str) -> Pairing {
        let look = || self.network.pairing(id).filter(|shown| shown.state == PairingState::Confirm);
        self.until("a guest", look).await
    }

    /// Makes an album.
    pub(crate) fn create(&self, title: &str) -> SpaceId {
        self.home.albums.create(self.anna(), title, 1_700_000_000_000).unwrap()
    }

    /// Changes an album.
    pub(crate) fn edit(&self, space: &SpaceId, edits: &[AlbumEdit]) {
        self.home.albums.edit(space, self.anna(), edits, 1_700_000_000_000).unwrap();
    }

    /// Adds an entry that stands for a photo with this number.
    pub(crate) fn add(&self, space: &SpaceId, number: u32) {
        self.edit(space, &[AlbumEdit::Add(vec![self.facts(number)])]);
    }

    pub(crate) fn facts(&self, number: u32) -> EntryFacts {
        EntryFacts {
            content: ContentHash::of(&number.to_le_bytes()),
            bytes: 4,
            mime: "image/jpeg".to_owned(),
            file_name: format!("IMG_{number}.jpg"),
            owner: self.anna(),
            added_at_ms: 1_700_000_000_000,
            taken_local_ms: Some(1_700_000_000_000 + i64::from(number)),
            offset_minutes: None,
            width: 100,
            height: 100,
            duration_ms: None,
            thumbhash: Vec::new(),
            colour: None,
            latitude: None,
            longitude: None,
            make: None,
            model: None,
            thumbnail: None,
            preview: None,
        }
    }

    /// The names of an album's photos, sorted.
    pub(crate) fn names(&self, space: &SpaceId) -> Vec<String> {
        let Ok(entries) = self.home.albums.entries(space, 0..1000) else { return Vec::new() };
        let mut names: Vec<_> = entries.into_iter().map(|entry| entry.facts.file_name).collect();
        names.sort();
        names
    }

    /// Waits until an album holds so many photos.
    pub(crate) async fn holds(&self, space: &SpaceId, count: usize) {
        self.until("photos", || (self.names(space).len() == count).then_some(())).await;
    }

    /// Invites another home to an album.
    pub(crate) fn share(&self, space: &SpaceId, other: &Self, role: heirloom_identity::Role) {
        heirloom::sharing::share(&self.home, space, other.household(), role, Vec::new()).unwrap();
    }

    pub(crate) fn title(&self, space: &SpaceId) -> Option<String> {
        Some(self.home.albums.album(space).unwrap()?.title)
    }
}

/// Pairs two homes without asking anybody.
pub(crate) async fn pair(inviter: &House, guest: &House) {
    let invited = inviter.network.invite(true).await.unwrap();
    let accepted = guest.network.accept(&invited.link).unwrap();
    let done = guest.settled(&accepted.id).await;
    assert_eq!(done.state, PairingState::Done, "{:?}", done.reason);
    inviter.sees(guest).await;
    guest.sees(inviter).await;
}

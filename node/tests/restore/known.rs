//! Everything that a household knows and decided, to be compared before and after.

use std::collections::BTreeMap;
use std::sync::Arc;

use heirloom::home::Home;
use heirloom_identity::{AssetId, ContentHash};

/// A home in words: two that say the same are the same to everybody.
#[derive(Debug, PartialEq)]
pub(crate) struct Known {
    name: String,
    accounts: Vec<String>,
    photos: Vec<String>,
    originals: BTreeMap<ContentHash, Vec<u8>>,
    marks: BTreeMap<AssetId, String>,
    shown: Vec<String>,
    pictures: BTreeMap<ContentHash, (Vec<u8>, Vec<u8>)>,
    peers: Vec<String>,
    albums: Vec<String>,
}

impl Known {
    /// What this home knows.
    pub(crate) fn of(home: &Arc<Home>) -> Self {
        let entries = home.ledger.entries_after(0, 100_000).unwrap();
        let accounts = home.ledger.accounts().unwrap().into_iter();
        let account = |account: heirloom::ledger::accounts::Account| {
            let stored = home.ledger.password_of(&account.email).unwrap();
            format!("{account:?} {stored:?}")
        };
        let mut marks = BTreeMap::new();
        home.library.for_each(|asset, decided| drop(marks.insert(asset, format!("{decided:?}")))).unwrap();
        let read = |path: std::path::PathBuf| std::fs::read(&path).unwrap_or_else(|_| b"none".to_vec());
        let content = |entry: &heirloom::ledger::assets::Entry| entry.file.hashes.content;
        let detail = |entry: &heirloom::ledger::assets::Entry| {
            let asset = heirloom_catalog::AssetRef::Uuid(entry.asset);
            let detail = home.catalog().asset(&asset).unwrap().unwrap();
            format!("{:?} {} {:?} {:?}", entry.asset, detail.month, detail.state, detail.thumbhash)
        };
        let pictures = entries.iter().map(|entry| {
            let places = home.derivatives(&content(entry));
            (content(entry), (read(places.thumbnail), read(places.preview)))
        });
        let original = |entry: &heirloom::ledger::assets::Entry| {
            (content(entry), read(home.layout.original(&entry.file.path)))
        };
        let peer = |peer: heirloom::ledger::peers::Peer| {
            format!("{} {:?} {:?} {:?}", peer.household, peer.given_name, peer.state, peer.words)
        };
        Self {
            name: home.name().unwrap(),
            accounts: accounts.map(account).collect(),
            photos: entries.iter().map(|entry| format!("{entry:?}")).collect(),
            originals: entries.iter().map(original).collect(),
            marks,
            shown: entries.iter().map(detail).collect(),
            pictures: pictures.collect(),
            peers: home.ledger.peers().unwrap().into_iter().map(peer).collect(),
            albums: albums(home),
        }
    }
}

/// Albums without what a restore changes: the household's own receive key.
fn albums(home: &Arc<Home>) -> Vec<String> {
    let mut albums = Vec::new();
    for album in home.albums.list().unwrap() {
        let entries = home.albums.entries(&album.space, 0..10_000).unwrap();
        let entries: Vec<_> = entries
            .iter()
            .map(|entry| (entry.facts.content, entry.by, entry.caption.clone(), entry.order.clone()))
            .collect();
        let comments: Vec<_> =
            home.albums.all_comments(&album.space).unwrap().into_iter().map(|said| said.text).collect();
        let members: Vec<_> =
            album.membership.members.iter().map(|(home, member)| (*home, member.role)).collect();
        albums.push(format!(
            "{} {:?} {members:?} {:?} {entries:?} {comments:?}",
            album.space, album.title, album.our_role
        ));
    }
    albums.sort();
    albums
}

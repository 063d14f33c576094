//! What only fuzz targets may reach: the readers of what stands inside of envelopes.

use automerge::{ActorId, AutoCommit, ObjType, ROOT, transaction::Transactable};
use heirloom_identity::ContentHash;

use crate::documents::entry::EntryFacts;
use crate::documents::talk::Said;
use crate::documents::{Home, Key, Kind, change};
use crate::replica::document::Document;

/// The stream that changes come in.
const ACTOR: [u8; 16] = [7; 16];
/// The household that they are by.
const AUTHOR: Home = Home([0xaa; 8]);

/// Changes to the four documents and one that is refused, the second of each after the first.
#[must_use]
pub fn honest_changes() -> Vec<Vec<u8>> {
    let hash = "11".repeat(32);
    let account = "6c1ad5a1-0b0e-8f63-9d1e-0d6c2b9f5a77";
    let mut changes = Vec::new();
    for keys in [
        vec!["title".to_owned(), "cover".to_owned()],
        vec![format!("e/{AUTHOR}/{hash}"), format!("c/{hash}"), format!("o/{hash}")],
        vec![format!("m/{AUTHOR}/00000000000000ff"), format!("r/{AUTHOR}/{account}/album")],
        vec![format!("a/{AUTHOR}/{account}")],
    ] {
        let mut doc = AutoCommit::new().with_actor(ActorId::from(ACTOR));
        for (round, value) in ["first", "second"].into_iter().enumerate() {
            for key in &keys {
                doc.put(ROOT, key, value).expect("a key can be put");
            }
            if round == 1 {
                doc.delete(ROOT, &keys[0]).expect("what is there can be deleted");
            }
            doc.commit();
            changes.extend(doc.get_last_local_change().map(|change| change.raw_bytes().to_vec()));
        }
    }
    let mut doc = AutoCommit::new().with_actor(ActorId::from(ACTOR));
    doc.put_object(ROOT, "title", ObjType::Map).expect("a map can be put");
    doc.commit();
    changes.extend(doc.get_last_local_change().map(|change| change.raw_bytes().to_vec()));
    changes
}

/// Takes changes as they come from a member, each after the ones before it, and gives what is shown then. What isn't lawful
/// is left out; when Automerge doesn't take one, nothing after it is taken.
#[must_use]
pub fn show(kind: u8, changes: &[&[u8]]) -> Vec<String> {
    let kind = Kind::ALL[usize::from(kind) % Kind::ALL.len()];
    let mut document = Document::empty(crate::replica::index::Index::default());
    for bytes in changes {
        let Ok(lawful) = change::read(kind, AUTHOR, &ACTOR, bytes) else { continue };
        if document.apply(vec![lawful.change]).is_err() {
            break;
        }
    }
    document.keys().into_iter().filter(|key| document.get(key).is_some()).collect()
}

/// Reads an entry's facts and writes them again.
#[must_use]
pub fn entry_again(packed: &[u8]) -> Option<Vec<u8>> {
    EntryFacts::unpack(ContentHash::from_bytes([7; 32]), packed).map(|facts| facts.pack())
}

/// Reads a comment and writes it again.
#[must_use]
pub fn comment_again(packed: &[u8]) -> Option<Vec<u8>> {
    Said::unpack(packed).map(|said| said.pack())
}

/// Reads a key of each document and writes it again.
pub fn keys_again(text: &str) -> impl Iterator<Item = String> {
    Kind::ALL.into_iter().filter_map(|kind| Key::parse(kind, text)).map(|key| key.to_string())
}

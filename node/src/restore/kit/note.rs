//! What a person named when they began to ask for the parts of a kit, kept in `restoring/`: asking takes days, and goes on
//! after the program was ended.

use std::io::ErrorKind;

use anyhow::Context;
use data_encoding::{BASE64, HEXLOWER};
use heirloom_identity::KitShare;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::home::layout::Layout;
use crate::restore::source::Origin;
use crate::restore::state::write_whole;
use crate::restore::{Problem, RelayAccess};

/// The note's name. It holds what stands on paper, so only the owner may read it, and it goes when the home is back.
const FILE: &str = "kit-order.toml";
/// How long a note may be that is written: links, sheets, and the certificates of a relay.
const BYTES_MAX: usize = 256 << 10;
/// How long one may be that is read; an earlier version wrote longer ones.
const READ_BYTES_MAX: u64 = 8 << 20;
/// The version that this program writes and reads.
const VERSION: u32 = 1;
/// Bytes of an entry's id.
const ID_BYTES: usize = 8;
/// Keeps ids of entries apart from hashes of anything else.
const ID_CONTEXT: &str = "heirloom 2026 entry of a kit order";

/// The name of the home that is lost, the invitations and folders, and the parts on paper.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    version: u32,
    /// How the home was called.
    pub name: String,
    /// Invitations and folders.
    pub from: Vec<String>,
    /// Parts on paper.
    pub papers: Vec<Zeroizing<String>>,
    /// When it was asked first.
    pub began_ms: i64,
    /// The relay, if one was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    relay: Option<RelayNote>,
}

/// A relay, as it was named.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RelayNote {
    #[serde(default)]
    url: String,
    #[serde(default)]
    token: Zeroizing<String>,
    /// Certificates, in base 64.
    #[serde(default)]
    roots: Vec<String>,
}

/// What an [`Entry`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// The link of a home.
    Home,
    /// A disk or a bucket.
    Place {
        /// Whether it can be read now.
        is_there: bool,
    },
    /// A part on paper, and which one it is.
    Paper(u8),
}

/// Something that was named, and can be taken out again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Means it in [`Note::without`]; says nothing of what was typed.
    pub id: String,
    /// What it is.
    pub kind: EntryKind,
    /// What people call it: of a place its text, of a home the name in its link.
    pub name: String,
}

impl Note {
    /// What somebody begins with.
    pub fn new(name: String, from: Vec<String>, papers: Vec<Zeroizing<String>>, began_ms: i64) -> Self {
        Self { version: VERSION, name, from, papers, began_ms, relay: None }
    }

    /// The same, over a relay that was named.
    #[must_use]
    pub fn over(mut self, relays: &RelayAccess) -> Self {
        self.relay = (!relays.is_empty()).then(|| RelayNote {
            url: relays.url.clone().unwrap_or_default(),
            token: Zeroizing::new(relays.token.clone().unwrap_or_default()),
            roots: relays.roots.iter().map(|root| BASE64.encode(root)).collect(),
        });
        self
    }

    /// The relay that was named.
    ///
    /// # Errors
    /// When what was noted is none.
    pub fn relays(&self) -> Result<RelayAccess, Problem> {
        let Some(relay) = &self.relay else { return Ok(RelayAccess::default()) };
        let mut access = RelayAccess::read(&relay.url, &relay.token, Vec::new())?;
        access.roots = relay.roots.iter().filter_map(|root| BASE64.decode(root.as_bytes()).ok()).collect();
        Ok(access)
    }

    /// Everything that was named, in the order in which it was. Looks at disks.
    pub fn entries(&self) -> Vec<Entry> {
        let mut entries = Vec::with_capacity(self.from.len() + self.papers.len());
        for text in &self.from {
            let (kind, name) = match Origin::read(text) {
                Ok(Origin::Home(invitation)) => (EntryKind::Home, invitation.name().to_owned()),
                Ok(Origin::Folder { .. } | Origin::Bucket(_)) => {
                    (EntryKind::Place { is_there: true }, text.trim().to_owned())
                }
                Err(_) => (EntryKind::Place { is_there: false }, text.trim().to_owned()),
            };
            entries.push(Entry { id: id_of(text), kind, name });
        }
        for paper in &self.papers {
            let part = KitShare::parse(paper).map_or(0, |share| share.index());
            entries.push(Entry { id: id_of(paper), kind: EntryKind::Paper(part), name: String::new() });
        }
        entries
    }

    /// The note without one of its entries; `None` if there is none such.
    #[must_use]
    pub fn without(mut self, id: &str) -> Option<Self> {
        let before = self.from.len() + self.papers.len();
        self.from.retain(|text| id_of(text) != id);
        self.papers.retain(|paper| id_of(paper) != id);
        (self.from.len() + self.papers.len() < before).then_some(self)
    }

    /// The note with what was named later: a newer invitation of the same home takes the place of the older, and a part
    /// that is here already is not taken twice.
    #[must_use]
    pub fn and(mut self, later: Self) -> Self {
        if !later.name.trim().is_empty() {
            self.name = later.name;
        }
        if later.relay.is_some() {
            self.relay = later.relay;
        }
        for text in later.from {
            match self.from.iter_mut().find(|known| is_same_place(known, &text)) {
                Some(known) => *known = text,
                None => self.from.push(text),
            }
        }
        for paper in later.papers {
            let part = KitShare::parse(&paper).ok();
            if !self.papers.iter().any(|known| KitShare::parse(known).ok() == part) {
                self.papers.push(paper);
            }
        }
        self
    }

    /// Reads the note; `None` when there is none that this program understands.
    ///
    /// # Errors
    /// When it cannot be read, or is far too long for one.
    pub fn load(layout: &Layout) -> anyhow::Result<Option<Self>> {
        let path = layout.restoring().join(FILE);
        let attempt = || format!("cannot read {}", path.display());
        match std::fs::metadata(&path) {
            Ok(meta) => anyhow::ensure!(
                meta.len() <= READ_BYTES_MAX,
                "{} is too large to be what this program wrote; move it away, and name the links and parts again",
                path.display()
            ),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(attempt),
        }
        let text = Zeroizing::new(std::fs::read_to_string(&path).with_context(attempt)?);
        Ok(toml::from_str::<Self>(&text).ok().filter(|note| note.version == VERSION))
    }

    /// Writes the note, durably. The folder `restoring/` must be there.
    ///
    /// # Errors
    /// [`Problem::Origin`] when there is too much to note, and nothing is written then; what the system says.
    pub fn save(&self, layout: &Layout) -> Result<(), Problem> {
        let text = Zeroizing::new(toml::to_string(self).context("what was named cannot be noted")?);
        if text.len() > BYTES_MAX {
            return Err(Problem::Origin(
                "These links and parts are too long together to be kept. Nothing of what was named before is lost; name \
                 only those that are needed."
                    .to_owned(),
            ));
        }
        Ok(write_whole(&layout.restoring().join(FILE), text.as_bytes())?)
    }

    pub(super) fn forget(layout: &Layout) -> anyhow::Result<()> {
        super::remove(&layout.restoring().join(FILE))?;
        // Left when the power went while it was written.
        super::remove(&layout.restoring().join(format!("{FILE}.new")))
    }
}

/// What an entry is called on the page.
fn id_of(text: &str) -> String {
    let hash = blake3::Hasher::new_derive_key(ID_CONTEXT).update(text.trim().as_bytes()).finalize();
    HEXLOWER.encode(&hash.as_bytes()[..ID_BYTES])
}

/// Whether two texts name the same home, or are the same.
fn is_same_place(one: &str, other: &str) -> bool {
    let node = |text: &str| match Origin::read(text) {
        Ok(Origin::Home(invitation)) => Some(*invitation.node()),
        Ok(Origin::Folder { .. } | Origin::Bucket(_)) | Err(_) => None,
    };
    one.trim() == other.trim() || node(one).is_some_and(|one| node(other) == Some(one))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_note_comes_back_and_grows() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::of(folder.path()).unwrap();
        assert!(Note::load(&layout).unwrap().is_none());
        std::fs::create_dir(layout.restoring()).unwrap();
        let paper = |text: &str| vec![Zeroizing::new(text.to_owned())];
        let first = Note::new("Anna".to_owned(), vec!["/media/a".to_owned()], paper("x"), 7);
        first.save(&layout).unwrap();
        assert!(Note::load(&layout).unwrap() == Some(first.clone()));
        let later = Note::new(" ".to_owned(), vec!["/media/a ".to_owned(), "/media/b".to_owned()], vec![], 9);
        let both = first.and(later);
        assert_eq!((both.name.as_str(), both.from.len(), both.began_ms), ("Anna", 2, 7));
        let entries = both.entries();
        assert_eq!(entries[1].kind, EntryKind::Place { is_there: false });
        assert_eq!((entries[1].name.as_str(), entries[2].kind), ("/media/b", EntryKind::Paper(0)));
        assert!(both.clone().without("none").is_none());
        let fewer = both.clone().without(&entries[1].id).unwrap().without(&entries[2].id).unwrap();
        assert_eq!((fewer.from, fewer.papers.len()), (vec!["/media/a ".to_owned()], 0));
        let relays = RelayAccess::read("https://relay.example.org", "secret", b"\x30\x82".to_vec()).unwrap();
        both.over(&relays).save(&layout).unwrap();
        assert_eq!(Note::load(&layout).unwrap().unwrap().relays().unwrap(), relays);
        std::fs::write(layout.restoring().join(FILE), "version = 2\n").unwrap();
        assert!(Note::load(&layout).unwrap().is_none());
    }

    #[test]
    fn what_is_too_long_is_said_and_loses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::of(folder.path()).unwrap();
        std::fs::create_dir(layout.restoring()).unwrap();
        let note = |text: String| Note::new("Anna".to_owned(), vec![text], Vec::new(), 7);
        let first = note("/media/a".to_owned());
        let mut certificate = vec![0; crate::restore::relay::ROOTS_BYTES_MAX];
        certificate[..2].copy_from_slice(b"\x30\x82");
        let relays = RelayAccess::read("https://relay.example.org", "secret", certificate).unwrap();
        first.clone().over(&relays).save(&layout).unwrap();
        assert_eq!(Note::load(&layout).unwrap().unwrap().relays().unwrap(), relays, "a certificate fits");
        first.save(&layout).unwrap();
        let long = note("x".repeat(BYTES_MAX));
        assert!(long.save(&layout).unwrap_err().to_string().contains("too long"));
        assert!(Note::load(&layout).unwrap() == Some(first));
        // As an earlier version wrote it.
        std::fs::write(layout.restoring().join(FILE), toml::to_string(&long).unwrap()).unwrap();
        assert!(Note::load(&layout).unwrap() == Some(long));
        std::fs::File::create(layout.restoring().join(FILE)).unwrap().set_len(READ_BYTES_MAX + 1).unwrap();
        assert!(Note::load(&layout).err().unwrap().to_string().contains("too large"));
    }
}

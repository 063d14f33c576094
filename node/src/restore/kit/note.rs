//! What a person named when they began to ask for the parts of a kit, kept in `restoring/`: asking takes days, and goes on
//! after the program was ended.

use std::io::ErrorKind;

use anyhow::Context;
use heirloom_identity::KitShare;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::home::layout::Layout;
use crate::restore::source::Origin;
use crate::restore::state::write_whole;

/// The note's name. It holds what stands on paper, so only the owner may read it, and it goes when the home is back.
const FILE: &str = "kit-order.toml";
/// How long the note may be.
const BYTES_MAX: u64 = 256 << 10;
/// The version that this program writes and reads.
const VERSION: u32 = 1;

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
}

impl Note {
    /// What somebody begins with.
    pub fn new(name: String, from: Vec<String>, papers: Vec<Zeroizing<String>>, began_ms: i64) -> Self {
        Self { version: VERSION, name, from, papers, began_ms }
    }

    /// The note with what was named later: a newer invitation of the same home takes the place of the older, and a part
    /// that is here already is not taken twice.
    #[must_use]
    pub fn and(mut self, later: Self) -> Self {
        if !later.name.trim().is_empty() {
            self.name = later.name;
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
    /// When it cannot be read.
    pub fn load(layout: &Layout) -> anyhow::Result<Option<Self>> {
        let path = layout.restoring().join(FILE);
        let attempt = || format!("cannot read {}", path.display());
        match std::fs::metadata(&path) {
            Ok(meta) if meta.len() > BYTES_MAX => return Ok(None),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(attempt),
        }
        let text = Zeroizing::new(std::fs::read_to_string(&path).with_context(attempt)?);
        Ok(toml::from_str::<Self>(&text).ok().filter(|note| note.version == VERSION))
    }

    /// Writes the note, durably. The folder `restoring/` must be there.
    ///
    /// # Errors
    /// What the system says.
    pub fn save(&self, layout: &Layout) -> anyhow::Result<()> {
        let text = Zeroizing::new(toml::to_string(self)?);
        write_whole(&layout.restoring().join(FILE), text.as_bytes())
    }

    pub(super) fn forget(layout: &Layout) -> anyhow::Result<()> {
        super::remove(&layout.restoring().join(FILE))?;
        // Left when the power went while it was written.
        super::remove(&layout.restoring().join(format!("{FILE}.new")))
    }
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
        std::fs::write(layout.restoring().join(FILE), "version = 2\n").unwrap();
        assert!(Note::load(&layout).unwrap().is_none());
    }
}

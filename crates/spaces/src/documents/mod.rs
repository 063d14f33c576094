//! The four documents of an album, and what their keys mean.
//!
//! Each is an Automerge document with one flat map at its root. A key that holds something of a household begins with
//! the first 16 digits of that household's id, and only that household writes it; an admin may delete it. Values are
//! strings, or bytes with a version in front ([`entry`], [`talk`]). The spelling is drawn in
//! `docs/formats/album-documents.md`.

pub(crate) mod change;
pub(crate) mod columns;
pub mod entry;
pub mod order;
pub(crate) mod talk;
#[cfg(test)]
mod vectors;

use std::{fmt, str::FromStr};

use heirloom_identity::{AccountId, ContentHash, DocumentName, HouseholdId, Role};

/// Which document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    About,
    Entries,
    Talk,
    People,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::About, Self::Entries, Self::Talk, Self::People];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::About => "about",
            Self::Entries => "entries",
            Self::Talk => "talk",
            Self::People => "people",
        }
    }

    pub(crate) fn document(self) -> DocumentName {
        self.name().parse().expect("the four names are good")
    }

    pub(crate) fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The role that a household needs to write to it.
    pub(crate) const fn needs(self) -> Role {
        match self {
            Self::About | Self::Entries => Role::Contributor,
            Self::Talk | Self::People => Role::Viewer,
        }
    }
}

/// The beginning of a household's id, as keys carry it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Home(pub(crate) [u8; 8]);

impl Home {
    pub(crate) fn of(household: &HouseholdId) -> Self {
        let mut start = [0; 8];
        start.copy_from_slice(&household.as_bytes()[..8]);
        Self(start)
    }
}

impl fmt::Display for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What a key names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    Title,
    Description,
    Cover,
    Sort,
    Entry(Home, ContentHash),
    Caption(ContentHash),
    Order(ContentHash),
    Comment(Home, [u8; 8]),
    /// On an entry, or on the album.
    Reaction(Home, AccountId, Option<ContentHash>),
    Name(Home, AccountId),
}

/// What stands in a reaction's key when it is to the whole album.
const ALBUM: &str = "album";

impl Key {
    /// What a key of this document names, or `None` when a newer program wrote it.
    pub(crate) fn parse(kind: Kind, key: &str) -> Option<Self> {
        let mut parts = key.split('/');
        let parsed = match (kind, parts.next()?) {
            (Kind::About, "title") => Self::Title,
            (Kind::About, "description") => Self::Description,
            (Kind::About, "cover") => Self::Cover,
            (Kind::About, "sort") => Self::Sort,
            (Kind::Entries, "e") => Self::Entry(home(parts.next()?)?, content(parts.next()?)?),
            (Kind::Entries, "c") => Self::Caption(content(parts.next()?)?),
            (Kind::Entries, "o") => Self::Order(content(parts.next()?)?),
            (Kind::Talk, "m") => Self::Comment(home(parts.next()?)?, eight(parts.next()?)?),
            (Kind::Talk, "r") => {
                let (home, account) = (home(parts.next()?)?, parts.next()?.parse().ok()?);
                let target = match parts.next()? {
                    ALBUM => None,
                    text => Some(content(text)?),
                };
                Self::Reaction(home, account, target)
            }
            (Kind::People, "a") => Self::Name(home(parts.next()?)?, parts.next()?.parse().ok()?),
            _ => return None,
        };
        parts.next().is_none().then_some(parsed)
    }

    /// Whose household's it is, whoever writes it.
    pub(crate) fn home(&self) -> Option<Home> {
        match self {
            Self::Entry(home, _)
            | Self::Comment(home, _)
            | Self::Reaction(home, ..)
            | Self::Name(home, _) => Some(*home),
            Self::Title
            | Self::Description
            | Self::Cover
            | Self::Sort
            | Self::Caption(_)
            | Self::Order(_) => None,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Title => f.write_str("title"),
            Self::Description => f.write_str("description"),
            Self::Cover => f.write_str("cover"),
            Self::Sort => f.write_str("sort"),
            Self::Entry(home, content) => write!(f, "e/{home}/{content}"),
            Self::Caption(content) => write!(f, "c/{content}"),
            Self::Order(content) => write!(f, "o/{content}"),
            Self::Comment(home, id) => write!(f, "m/{home}/{}", Home(*id)),
            Self::Reaction(home, account, Some(content)) => write!(f, "r/{home}/{account}/{content}"),
            Self::Reaction(home, account, None) => write!(f, "r/{home}/{account}/{ALBUM}"),
            Self::Name(home, account) => write!(f, "a/{home}/{account}"),
        }
    }
}

fn home(text: &str) -> Option<Home> {
    eight(text).map(Home)
}

fn content(text: &str) -> Option<ContentHash> {
    ContentHash::from_str(text).ok()
}

/// Exactly 16 lower-case hexadecimal digits.
pub(crate) fn eight(text: &str) -> Option<[u8; 8]> {
    let good = text.len() == 16 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let number = good.then(|| u64::from_str_radix(text, 16).ok()).flatten()?;
    Some(number.to_be_bytes())
}

/// How an album is arranged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    /// The oldest photo first.
    #[default]
    Date,
    /// The newest photo first.
    DateDescending,
    /// As people put them.
    Hand,
}

impl Sort {
    /// Its word: `date`, `date-desc` or `hand`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Date => "date",
            Self::DateDescending => "date-desc",
            Self::Hand => "hand",
        }
    }
}

/// The text is no way of arranging an album.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an album is arranged by date, date-desc or hand")]
pub struct SortError;

impl FromStr for Sort {
    type Err = SortError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let all = [Self::Date, Self::DateDescending, Self::Hand];
        all.into_iter().find(|sort| sort.as_str() == text).ok_or(SortError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: Kind, text: &str, known: bool) {
        let parsed = Key::parse(kind, text);
        assert_eq!(parsed.is_some(), known, "{text}");
        if let Some(key) = parsed {
            assert_eq!(key.to_string(), text);
        }
    }

    #[test]
    fn a_key_has_one_spelling() {
        let hex = "ab".repeat(32);
        let account = "6c1ad5a1-0b0e-8f63-9d1e-0d6c2b9f5a77";
        check(Kind::About, "title", true);
        check(Kind::Talk, "title", false);
        check(Kind::Entries, &format!("e/0123456789abcdef/{hex}"), true);
        check(Kind::Entries, &format!("e/0123456789ABCDEF/{hex}"), false);
        check(Kind::Entries, &format!("e/+123456789abcdef/{hex}"), false);
        check(Kind::Entries, &format!("e/0123456789abcdef/{hex}/x"), false);
        check(Kind::Entries, &format!("c/{hex}"), true);
        check(Kind::Entries, &format!("o/{hex}"), true);
        check(Kind::Talk, "m/0123456789abcdef/00000000000000ff", true);
        check(Kind::Talk, &format!("r/0123456789abcdef/{account}/album"), true);
        check(Kind::Talk, &format!("r/0123456789abcdef/{account}/{hex}"), true);
        check(Kind::Talk, &format!("r/0123456789abcdef/{account}"), false);
        check(Kind::People, &format!("a/0123456789abcdef/{account}"), true);
        check(Kind::People, "", false);
    }
}

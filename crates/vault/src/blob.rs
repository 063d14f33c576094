//! The words that every part of the vault speaks: a blob is some bytes named by their hash, a pack is a container of
//! pieces of blobs, an entry says which piece stands where.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use heirloom_identity::ContentHash;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Why a text is no [`PackId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a pack is named by 64 lower-case hexadecimal digits")]
pub struct PackText;

/// A pack's name: BLAKE3 of all its bytes as they are stored.
///
/// In JSON and SQL 64 lower-case hexadecimal digits, in binary formats 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackId([u8; 32]);

impl PackId {
    /// Takes the bytes as they are.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Names a pack that is in memory.
    pub fn of(pack: &[u8]) -> Self {
        Self(*blake3::hash(pack).as_bytes())
    }
}

impl fmt::Display for PackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for PackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PackId({self})")
    }
}

impl FromStr for PackId {
    type Err = PackText;

    fn from_str(text: &str) -> Result<Self, PackText> {
        let mut bytes = [0; 32];
        if text.len() != 64 || HEXLOWER.decode_mut(text.as_bytes(), &mut bytes).is_err() {
            return Err(PackText);
        }
        Ok(Self(bytes))
    }
}

impl Serialize for PackId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for PackId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
            text.parse().map_err(D::Error::custom)
        } else {
            <[u8; 32]>::deserialize(deserializer).map(Self)
        }
    }
}

/// What a blob is for. Its number is its name in formats and in SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum BlobKind {
    /// The manifest's root: where everything else is found.
    Root = 1,
    /// A part of the manifest: which packs there are and what they hold.
    Segment = 2,
    /// 64 KiB of a database, as it stood at one moment.
    Table = 3,
    /// A photo's thumbnail.
    Thumbnail = 4,
    /// A photo's preview.
    Preview = 5,
    /// A photo or video as it came.
    Original = 6,
}

impl BlobKind {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 6] =
        [Self::Root, Self::Segment, Self::Table, Self::Thumbnail, Self::Preview, Self::Original];

    /// Its number.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The kind with this number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// Which kinds stand in one pack together: what the household is made of, thumbnails, previews, originals.
    pub const fn shelf(self) -> u8 {
        match self {
            Self::Root | Self::Segment | Self::Table => 0,
            Self::Thumbnail => 1,
            Self::Preview => 2,
            Self::Original => 3,
        }
    }
}

/// A pack that exists: its name, how large it is, and what its key is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackRef {
    /// Its name.
    pub id: PackId,
    /// The generation of the vault key that its key is derived from.
    pub generation: u32,
    /// The random bytes that its key is derived from, fresh for every attempt to write a pack.
    pub salt: [u8; 32],
    /// How many bytes it has with its padding: one of the size classes.
    pub bytes: u32,
}

/// One piece of a blob in one pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entry {
    /// What the blob is for.
    pub kind: BlobKind,
    /// BLAKE3 of the whole blob.
    pub blob: ContentHash,
    /// How many bytes the whole blob has.
    pub size: u64,
    /// Where in the blob this piece begins.
    pub at: u64,
    /// How many bytes of the blob it holds.
    pub bytes: u32,
    /// Where in the pack its ciphertext begins.
    pub offset: u32,
    /// The number of its first chunk, counted over the pack.
    pub first_chunk: u32,
}

impl Entry {
    /// Whether it is the whole blob.
    pub fn is_whole(&self) -> bool {
        self.at == 0 && u64::from(self.bytes) == self.size
    }

    /// Where in the blob it ends.
    pub fn end(&self) -> u64 {
        self.at.saturating_add(self.bytes.into())
    }
}

/// Everything that is needed to fetch one blob: its pieces in order, without gaps, from its first byte to its last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// What it is for.
    pub kind: BlobKind,
    /// BLAKE3 of it.
    pub blob: ContentHash,
    /// How many bytes it has.
    pub size: u64,
    /// Where its pieces are. A blob without bytes has one piece without bytes.
    pub pieces: Vec<(PackRef, Entry)>,
}

impl Located {
    /// Whether the pieces are of this blob and follow each other from its first byte to its last.
    pub fn is_complete(&self) -> bool {
        let mut end = 0;
        let fits = self.pieces.iter().all(|(_, entry)| {
            let follows = entry.blob == self.blob && entry.size == self.size && entry.at == end;
            end = entry.end();
            follows
        });
        fits && end == self.size && !self.pieces.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_spelling() {
        let id = PackId::of(b"abc");
        let text = "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85";
        assert_eq!(id.to_string(), text);
        assert_eq!(text.parse(), Ok(id));
        for wrong in ["", &text[1..], &text.to_uppercase(), &text.replace('6', "g"), &format!("{text}00")] {
            assert_eq!(wrong.parse::<PackId>(), Err(PackText), "{wrong}");
        }
        assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{text}\""));
        assert_eq!(serde_json::from_str::<PackId>(&format!("\"{text}\"")).unwrap(), id);
        let binary = postcard::to_stdvec(&id).unwrap();
        assert_eq!(binary, id.as_bytes());
        assert_eq!(postcard::from_bytes::<PackId>(&binary), Ok(id));
    }

    #[test]
    fn kinds_are_their_numbers() {
        for kind in BlobKind::ALL {
            assert_eq!(BlobKind::from_number(kind.number()), Some(kind));
        }
        for number in [0, 7, 255] {
            assert_eq!(BlobKind::from_number(number), None);
        }
    }

    #[test]
    fn complete_means_from_the_first_byte_to_the_last() {
        let pack = PackRef { id: PackId::of(b""), generation: 1, salt: [0; 32], bytes: 65_536 };
        let blob = ContentHash::of(b"blob");
        let piece = |at, bytes| {
            let kind = BlobKind::Original;
            (pack, Entry { kind, blob, size: 10, at, bytes, offset: 44, first_chunk: 0 })
        };
        let check = |pieces: &[(u64, u32)], expected| {
            let pieces = pieces.iter().map(|&(at, bytes)| piece(at, bytes)).collect();
            let located = Located { kind: BlobKind::Original, blob, size: 10, pieces };
            assert_eq!(located.is_complete(), expected, "{located:?}");
        };
        check(&[(0, 10)], true);
        check(&[(0, 4), (4, 6)], true);
        check(&[], false);
        check(&[(0, 9)], false);
        check(&[(0, 4), (5, 5)], false);
        check(&[(4, 6), (0, 4)], false);
        check(&[(0, 4), (3, 7)], false);
        check(&[(0, 11)], false);
    }
}

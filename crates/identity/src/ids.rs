//! Ids: fixed byte strings that name households, nodes, accounts, assets and spaces.
//!
//! Each id is a type of its own, so that one can never stand where another is meant, and each has exactly one spelling
//! as text: a lower-case hyphenated UUID for accounts and assets, 64 lower-case hexadecimal digits for the rest. Any
//! other spelling is refused, so equal ids are equal strings in JSON, SQL and the web page. See `docs/formats/ids.md`.

use std::{fmt, str::FromStr};

use data_encoding::HEXLOWER;
use thiserror::Error;
use uuid::Uuid;

use crate::{hash::ContentHash, labels};

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IdError {
    /// The text isn't the expected number of lower-case hexadecimal digits.
    #[error("{kind} is written as {digits} lower-case hexadecimal digits")]
    NotHex {
        /// The id's type.
        kind: &'static str,
        /// How many digits it has.
        digits: usize,
    },
    /// The text isn't a UUID in its usual lower-case form.
    #[error("{kind} is written as a lower-case UUID such as 6c1ad5a1-0b0e-8f63-9d1e-0d6c2b9f5a77")]
    NotUuid {
        /// The id's type.
        kind: &'static str,
    },
}

/// Gives a byte-array newtype its bytes, serde as text, and `Debug` as `Name(text)`.
macro_rules! text_and_bytes {
    ($name:ident, $bytes:literal) => {
        impl $name {
            /// Takes the bytes as they are.
            pub const fn from_bytes(bytes: [u8; $bytes]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            pub const fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

/// Defines a byte string that is written as lower-case hexadecimal.
macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident, $bytes:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $bytes]);

        $crate::ids::text_and_bytes!($name, $bytes);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::ids::IdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $crate::ids::parse_hex(text)
                    .map(Self)
                    .ok_or($crate::ids::IdError::NotHex { kind: stringify!($name), digits: 2 * $bytes })
            }
        }
    };
}

/// Defines a 16-byte id that is written as a UUID.
macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        text_and_bytes!($name, 16);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                Uuid::from_bytes(self.0).as_hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                parse_uuid(text).map(Self).ok_or(IdError::NotUuid { kind: stringify!($name) })
            }
        }
    };
}

pub(crate) use {hex_id, text_and_bytes};

hex_id! {
    /// A household: the public half of its [authority key](crate::AuthorityKey).
    HouseholdId, 32
}
hex_id! {
    /// A node as the network knows it: the Ed25519 public key of its endpoint.
    NodeId, 32
}
hex_id! {
    /// Whoever signs change records: the public half of a node's [`Signer`](crate::Signer).
    SignerId, 32
}
hex_id! {
    /// A space: a set of documents that belong together.
    SpaceId, 32
}
hex_id! {
    /// A space as those who may not know it see it: nobody can tell which space it is without its [`SpaceId`].
    Pseudonym, 32
}
hex_id! {
    /// A membership operation: BLAKE3 of its bytes.
    OperationId, 32
}
hex_id! {
    /// A generation of a space's key: a commitment to its [`EpochSecret`](crate::EpochSecret).
    EpochId, 32
}
hex_id! {
    /// A certificate: BLAKE3 of its bytes.
    CertificateId, 32
}
hex_id! {
    /// An envelope: BLAKE3 of its bytes.
    EnvelopeHash, 32
}
hex_id! {
    /// An invitation to pair: made from its secret, which it doesn't give away.
    InvitationId, 32
}
uuid_id! {
    /// An account: someone who signs in at a node.
    AccountId
}
uuid_id! {
    /// An asset: one photo or video owned by one account.
    AssetId
}
uuid_id! {
    /// An album, as links and clients name it.
    AlbumId
}

impl SpaceId {
    /// The id of a household's library space.
    pub fn library(household: &HouseholdId) -> Self {
        Self(blake3::derive_key(labels::LIBRARY, household.as_bytes()))
    }

    /// The id of the album space that this Create operation begins.
    pub fn album(create: &OperationId) -> Self {
        Self(blake3::derive_key(labels::ALBUM_SPACE, create.as_bytes()))
    }

    /// What envelopes and requests show of the space's id.
    pub fn pseudonym(&self) -> Pseudonym {
        Pseudonym(blake3::derive_key(labels::PSEUDONYM, &self.0))
    }
}

impl AlbumId {
    /// The id of the album in this space: a version 8 UUID, the same in every home.
    pub fn of(space: &SpaceId) -> Self {
        let [bytes @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] =
            blake3::derive_key(labels::ALBUM, space.as_bytes());
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid().into_bytes())
    }
}

impl EnvelopeHash {
    /// What the first envelope of a stream names as its predecessor.
    pub const NONE: Self = Self::from_bytes([0; 32]);
}

impl AccountId {
    /// Makes a new account's id from 16 fresh random bytes: a version 4 UUID.
    pub fn from_random(random: [u8; 16]) -> Self {
        Self(uuid::Builder::from_random_bytes(random).into_uuid().into_bytes())
    }
}

impl AssetId {
    /// The id of the photo or video with these bytes in this account: a version 8 UUID.
    ///
    /// The same file in the same account always gives the same id, in every home and after every restore.
    pub fn derive(account: &AccountId, content: &ContentHash) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(labels::ASSET);
        hasher.update(account.as_bytes()).update(content.as_bytes());
        let mut bytes = [0; 16];
        hasher.finalize_xof().fill(&mut bytes);
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid().into_bytes())
    }
}

/// Parses exactly `2 * N` lower-case hexadecimal digits.
pub(crate) fn parse_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N {
        return None;
    }
    HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
}

/// Parses a UUID in its lower-case hyphenated form only.
fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let uuid = Uuid::try_parse(text).ok()?;
    let mut buffer = Uuid::encode_buffer();
    (*uuid.as_hyphenated().encode_lower(&mut buffer) == *text).then(|| uuid.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: bool) {
        assert_eq!(text.parse::<AssetId>().is_ok(), expected, "{text:?}");
    }

    #[test]
    fn a_uuid_has_one_spelling() {
        check("6c1ad5a1-0b0e-8f63-9d1e-0d6c2b9f5a77", true);
        check("6C1AD5A1-0B0E-8F63-9D1E-0D6C2B9F5A77", false);
        check("{6c1ad5a1-0b0e-8f63-9d1e-0d6c2b9f5a77}", false);
        check("6c1ad5a10b0e8f639d1e0d6c2b9f5a77", false);
        check("", false);
    }

    #[test]
    fn the_same_bytes_in_two_accounts_are_two_assets() {
        let content = ContentHash::of(b"photo");
        let [anna, ben] = [1, 2].map(|seed| AccountId::from_random([seed; 16]));
        assert_ne!(AssetId::derive(&anna, &content), AssetId::derive(&ben, &content));
        assert_eq!(AssetId::derive(&anna, &content), AssetId::derive(&anna, &content));
    }

    #[test]
    fn serde_writes_text() {
        let id = SpaceId::from_bytes([0xab; 32]);
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(json, format!("\"{}\"", "ab".repeat(32)));
        assert_eq!(serde_json::from_str::<SpaceId>(&json).unwrap(), id);
        assert_eq!(format!("{id:?}"), format!("SpaceId({})", "ab".repeat(32)));
    }
}

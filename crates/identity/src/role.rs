//! What a household may do in an album.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// The text is no role.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a role is viewer, contributor, admin or owner")]
pub struct RoleError;

/// What a household may do in an album. Each role may do what the ones before it may; exactly one household is the owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Looks, comments and reacts.
    Viewer = 1,
    /// Adds photos and describes the album too.
    Contributor = 2,
    /// Adds and removes households of a lower role too.
    Admin = 3,
    /// Holds the album: hands it on, and is never removed.
    Owner = 4,
}

impl Role {
    /// Every role, the lowest first.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Contributor, Self::Admin, Self::Owner];

    /// The role's number in signed bytes.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The role with this number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.number() == number)
    }

    /// The role's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Contributor => "contributor",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Role {
    type Err = RoleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(RoleError)
    }
}

impl Serialize for Role {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Role {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_has_a_word_a_number_and_a_rank() {
        for (number, role) in (1..).zip(Role::ALL) {
            assert_eq!(Role::from_number(number), Some(role));
            assert_eq!(role.to_string().parse(), Ok(role));
            let json = serde_json::to_string(&role).unwrap();
            assert_eq!(json, format!("\"{role}\""));
            assert_eq!(serde_json::from_str::<Role>(&json).unwrap(), role);
        }
        assert!(Role::ALL.is_sorted());
        assert_eq!((Role::from_number(0), Role::from_number(5)), (None, None));
        assert_eq!("Owner".parse::<Role>(), Err(RoleError));
    }
}

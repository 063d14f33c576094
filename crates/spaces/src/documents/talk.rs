//! A comment's packed value: `version 1, account 16, at_ms i64, has entry u8, entry 32 (if any), text to the end`.

use heirloom_identity::{
    AccountId, ContentHash,
    wire::{Reader, Writer},
};

/// The version that this code writes and reads.
const VERSION: u8 = 1;
/// How long a comment may be, in characters.
pub(crate) const COMMENT_CHARS_MAX: usize = 4000;
/// How long a reaction may be, in bytes: one emoji with its joiners.
pub(crate) const EMOJI_BYTES_MAX: usize = 32;
/// How long a person's name may be, in characters.
pub(crate) const NAME_CHARS_MAX: usize = 100;

/// What stands under a comment's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) account: AccountId,
    pub(crate) entry: Option<ContentHash>,
    pub(crate) at_ms: i64,
    pub(crate) text: String,
}

impl Said {
    pub(crate) fn pack(&self) -> Vec<u8> {
        let mut to = Writer::new();
        to.u8(VERSION).bytes(self.account.as_bytes()).i64(self.at_ms);
        match &self.entry {
            Some(content) => to.u8(1).bytes(content.as_bytes()),
            None => to.u8(0),
        };
        to.bytes(self.text.as_bytes());
        to.into_bytes()
    }

    pub(crate) fn unpack(bytes: &[u8]) -> Option<Self> {
        let mut from = Reader(bytes);
        if from.u8()? != VERSION {
            return None;
        }
        let account = AccountId::from_bytes(from.array()?);
        let at_ms = from.i64()?;
        let entry = match from.u8()? {
            0 => None,
            1 => Some(ContentHash::from_bytes(from.array()?)),
            _ => return None,
        };
        let text = std::str::from_utf8(from.0).ok()?;
        is_comment(text).then(|| Self { account, entry, at_ms, text: text.to_owned() })
    }
}

/// Whether it may be a comment: something, and not too long.
pub(crate) fn is_comment(text: &str) -> bool {
    !text.trim().is_empty() && within(text, COMMENT_CHARS_MAX)
}

/// Whether it may be a reaction: short, and without spaces and control characters.
pub(crate) fn is_emoji(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= EMOJI_BYTES_MAX
        && !text.chars().any(|c| c.is_control() || c.is_whitespace())
}

/// Whether it may be a person's name.
pub(crate) fn is_name(text: &str) -> bool {
    !text.trim().is_empty() && within(text, NAME_CHARS_MAX)
}

/// Whether a text has at most this many characters. One has at most as many characters as bytes, so most texts needn't
/// be counted.
pub(crate) fn within(text: &str, chars_max: usize) -> bool {
    text.len() <= chars_max || text.chars().count() <= chars_max
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_comes_back() {
        for entry in [None, Some(ContentHash::of(b"x"))] {
            let said = Said {
                account: AccountId::from_random([1; 16]),
                entry,
                at_ms: -1,
                text: "Che bello 🌊".to_owned(),
            };
            assert_eq!(Said::unpack(&said.pack()), Some(said.clone()));
            let bytes = said.pack();
            assert!((0..26).all(|end| Said::unpack(&bytes[..end]).is_none()));
        }
        assert!(is_emoji("👩‍👩‍👧‍👦") && !is_emoji("two words") && !is_emoji(""));
        assert!(!is_comment(&"ü".repeat(4001)) && is_comment(&"ü".repeat(4000)) && !is_comment(" \n"));
    }
}

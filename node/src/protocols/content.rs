//! Serving files of albums to other homes: the one rule, and the token that a request carries.
//!
//! A file is served to a household through an album only if the household is in the album now, the file stands in the
//! album, and this home added it there or received it through that very album. Everything else gets the one "not
//! here". So nobody learns what else a home holds: an album that somebody added a guessed hash to is no reason to
//! look for the bytes, and whether they are here is never asked before the rule has said yes.
//!
//! A token, 65 bytes: `pseudonym of the space 32 │ kind u8 (0 original, 1 preview, 2 thumbnail) │ content hash 32`.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use heirloom_identity::{ContentHash, HouseholdId, Pseudonym, SpaceId};
use heirloom_net::FramedStream;
use heirloom_net::transfer::{self, Damage, Source};
use heirloom_spaces::{Holder, Part};

use crate::home::Home;
use crate::ledger::shared_files::FileKind;
use crate::sharing::{facts, originals, pictures};

/// Bytes of a token.
const TOKEN_BYTES: usize = 65;

/// What a request for a file says beside the file's hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// The album, as those who may not know it see it.
    pub pseudonym: Pseudonym,
    /// Which file of the entry.
    pub kind: FileKind,
    /// The entry.
    pub content: ContentHash,
}

impl Token {
    /// The token's bytes.
    pub fn encode(&self) -> [u8; TOKEN_BYTES] {
        let mut bytes = [0; TOKEN_BYTES];
        bytes[..32].copy_from_slice(self.pseudonym.as_bytes());
        bytes[32] = self.kind.number();
        bytes[33..].copy_from_slice(self.content.as_bytes());
        bytes
    }

    /// Reads a token; `None` for anything else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (pseudonym, rest) = bytes.split_first_chunk::<32>()?;
        let (kind, rest) = rest.split_first()?;
        let content = <[u8; 32]>::try_from(rest).ok()?;
        Some(Self {
            pseudonym: Pseudonym::from_bytes(*pseudonym),
            kind: FileKind::from_number(*kind)?,
            content: ContentHash::from_bytes(content),
        })
    }
}

/// Answers what a household asks for in one stream.
pub async fn serve(home: &Arc<Home>, household: HouseholdId, stream: FramedStream) {
    let node = stream.connection().node();
    let (out, asked) = transfer::halves(stream);
    let source = Arc::new(AlbumSource { home: Arc::clone(home), peer: household });
    let served = transfer::serve(out, asked, node, source, home.sharing.serving(home)).await;
    match served {
        Ok(served) => tracing::debug!(items = served.items, bytes = served.bytes, "served files of albums"),
        Err(error) => tracing::debug!(%error, "a transfer to another home broke off"),
    }
}

/// What one household may have.
pub struct AlbumSource {
    home: Arc<Home>,
    peer: HouseholdId,
}

impl AlbumSource {
    /// The source for what `peer` asks.
    pub fn new(home: Arc<Home>, peer: HouseholdId) -> Self {
        Self { home, peer }
    }

    /// Where the file lies, if the rule lets the peer have it and it is here.
    fn find(&self, token: &[u8], root: &ContentHash) -> anyhow::Result<Option<PathBuf>> {
        let Some(token) = Token::decode(token) else { return Ok(None) };
        let Some(space) = self.shared_space(&token.pseudonym)? else { return Ok(None) };
        let home = &self.home;
        Ok(match (self.right(&space, &token, root)?, token.kind) {
            (Right::None, _) => None,
            (_, FileKind::Original) => originals::here(home, root)?.map(|here| here.path),
            (Right::Added, _) => facts::own_picture(home, &token.content, root),
            (Right::Received, _) => Some(pictures::place(home, root)).filter(|path| path.is_file()),
        })
    }

    /// The album that goes by this pseudonym, if the peer is in it, now.
    fn shared_space(&self, pseudonym: &Pseudonym) -> anyhow::Result<Option<SpaceId>> {
        let Some(space) = self.home.albums.by_pseudonym(pseudonym) else { return Ok(None) };
        let is_ours = self.home.albums.spaces_with(&self.peer)?.contains(&space);
        Ok(Some(space).filter(|_| is_ours))
    }

    /// What lets this home hand the file on to the members of the album.
    fn right(&self, space: &SpaceId, token: &Token, root: &ContentHash) -> anyhow::Result<Right> {
        let holders = self.home.albums.holders(root)?;
        let standing = |holder: &&Holder| {
            holder.space == *space && holder.content == token.content && kind_of(holder.part) == token.kind
        };
        let us = self.home.keys.certificate.household();
        let by: Vec<HouseholdId> = holders.iter().filter(standing).map(|holder| holder.by).collect();
        // Both are looked up whatever the first says, so that every refusal takes the same way.
        let received = self.home.ledger.was_received(space, root, token.kind)?;
        Ok(match (by.contains(us), received && !by.is_empty()) {
            (true, _) => Right::Added,
            (false, true) => Right::Received,
            (false, false) => Right::None,
        })
    }
}

/// Why a file may be handed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Right {
    /// It may not.
    None,
    /// This home added the entry.
    Added,
    /// This home received it through the album.
    Received,
}

impl Source for AlbumSource {
    fn open(&self, token: &[u8], root: &ContentHash) -> Option<(File, u64)> {
        let path = self.find(token, root).unwrap_or_else(|error| {
            tracing::error!("cannot tell whether a home may have a file: {error:#}");
            None
        })?;
        let file = File::open(path).ok()?;
        let bytes = file.metadata().ok()?.len();
        Some((file, bytes))
    }

    fn damaged(&self, root: &ContentHash, why: Damage) {
        tracing::warn!(hash = %root, ?why, "a file that another home asked for is damaged here; run `heirloom doctor --verify`");
        let place = pictures::place(&self.home, root);
        if place.is_file() {
            // It can be fetched or made again; an original is left for a person to look at.
            std::fs::remove_file(place).unwrap_or_default();
        }
    }
}

fn kind_of(part: Part) -> FileKind {
    match part {
        Part::Original => FileKind::Original,
        Part::Preview => FileKind::Preview,
        Part::Thumbnail => FileKind::Thumbnail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_back_and_nothing_else_is_one() {
        let token = Token {
            pseudonym: Pseudonym::from_bytes([1; 32]),
            kind: FileKind::Preview,
            content: ContentHash::from_bytes([2; 32]),
        };
        let bytes = token.encode();
        assert_eq!(Token::decode(&bytes), Some(token));
        assert_eq!(Token::decode(&bytes[..64]), None);
        assert_eq!(Token::decode(&[&bytes[..], &[0]].concat()), None);
        let mut odd = bytes;
        odd[32] = 3;
        assert_eq!(Token::decode(&odd), None);
    }
}

//! Files of other homes that lie here: kept originals, and which files came through which album.
//!
//! A home hands a file on to an album's members only if the file came through that album, so both are remembered.

use std::collections::HashSet;

use heirloom_identity::{ContentHash, SpaceId};
use heirloom_store::StoreError;
use heirloom_store::rusqlite::{self, OptionalExtension, Row, named_params};

use super::{Ledger, bytes};

/// Which of a photo's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FileKind {
    /// The small WebP.
    Thumbnail,
    /// The JPEG for a screen.
    Preview,
    /// The file as it came.
    Original,
}

impl FileKind {
    /// The number of the kind, in tables and in requests between homes.
    pub fn number(self) -> u8 {
        match self {
            Self::Original => 0,
            Self::Preview => 1,
            Self::Thumbnail => 2,
        }
    }

    /// The kind with this number.
    pub fn from_number(number: u8) -> Option<Self> {
        [Self::Original, Self::Preview, Self::Thumbnail].into_iter().find(|kind| kind.number() == number)
    }
}

/// An original of another home that is kept here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedFile {
    /// BLAKE3 of its bytes.
    pub content: ContentHash,
    /// The album it came through.
    pub space: SpaceId,
    /// Size in bytes.
    pub bytes: u64,
    /// Sniffed from the content.
    pub mime: String,
    /// Below `library/`, with `/` between folders.
    pub path: String,
}

impl Ledger {
    /// The kept original with these bytes, if another home's is kept.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn shared_file(&self, content: &ContentHash) -> Result<Option<SharedFile>, StoreError> {
        self.db.read(|conn| {
            let mut select = conn.prepare_cached("SELECT * FROM shared_files WHERE content = ?1")?;
            Ok(select.query_row([content.as_bytes()], shared_file).optional()?)
        })
    }

    /// Up to `count` kept originals of other homes after one with this content, in the order of their hashes.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn shared_files_after(&self, after: &ContentHash, count: u32) -> Result<Vec<SharedFile>, StoreError> {
        self.db.read(|conn| {
            let sql = "SELECT * FROM shared_files WHERE content > ?1 ORDER BY content LIMIT ?2";
            let mut select = conn.prepare_cached(sql)?;
            let rows = select.query_map((after.as_bytes(), count), shared_file)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Records that an original of another home has its final name, durably; one that was lost is replaced.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn record_shared_file(&self, file: SharedFile, now_ms: i64) -> Result<(), StoreError> {
        self.db.write(move |conn| {
            conn.prepare_cached(
                "INSERT OR REPLACE INTO shared_files(content, space, bytes, mime, path, path_folded, kept_ms)
                 VALUES (:content, :space, :bytes, :mime, :path, :folded, :now)",
            )?
            .execute(named_params! {
                ":content": file.content.as_bytes(), ":space": file.space.as_bytes(),
                ":bytes": i64::try_from(file.bytes).unwrap_or(i64::MAX), ":mime": file.mime,
                ":path": file.path, ":folded": file.path.to_lowercase(), ":now": now_ms,
            })?;
            Ok(())
        })
    }

    /// Forgets a kept original of another home, durably.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn forget_shared_file(&self, content: ContentHash) -> Result<(), StoreError> {
        self.db.write(move |conn| {
            conn.prepare_cached("DELETE FROM shared_files WHERE content = ?1")?
                .execute([content.as_bytes()])?;
            Ok(())
        })
    }

    /// Whether an original of another home is kept under exactly this path below `library/`.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn shared_path_known(&self, path: &str) -> Result<bool, StoreError> {
        self.db.read(|conn| {
            let sql = "SELECT 1 FROM shared_files WHERE path_folded = ?1 AND path = ?2";
            Ok(conn.prepare_cached(sql)?.exists([&path.to_lowercase(), path])?)
        })
    }

    /// Whether a path below `library/` is taken by a kept original of another home, compared without case.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn shared_path_taken(&self, path: &str) -> Result<bool, StoreError> {
        self.db.read(|conn| {
            let mut select = conn.prepare_cached("SELECT 1 FROM shared_files WHERE path_folded = ?1")?;
            Ok(select.exists([path.to_lowercase()])?)
        })
    }

    /// Records which files came through an album, durably: what this home may hand on to the album's members.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn received(&self, files: Vec<(SpaceId, ContentHash, FileKind)>) -> Result<(), StoreError> {
        self.db.write(move |conn| {
            let mut insert =
                conn.prepare_cached("INSERT OR IGNORE INTO shared_received VALUES (?1, ?2, ?3)")?;
            for (space, hash, kind) in &files {
                insert.execute((space.as_bytes(), hash.as_bytes(), kind.number()))?;
            }
            Ok(())
        })
    }

    /// Forgets that a file came through an album, because it is no longer here.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn not_received(&self, hash: ContentHash, kind: FileKind) -> Result<(), StoreError> {
        self.db.write(move |conn| {
            conn.prepare_cached("DELETE FROM shared_received WHERE hash = ?1 AND kind = ?2")?
                .execute((hash.as_bytes(), kind.number()))?;
            Ok(())
        })
    }

    /// Whether a file came through this album.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn was_received(
        &self,
        space: &SpaceId,
        hash: &ContentHash,
        kind: FileKind,
    ) -> Result<bool, StoreError> {
        self.db.read(|conn| {
            let sql = "SELECT 1 FROM shared_received WHERE space = ?1 AND hash = ?2 AND kind = ?3";
            Ok(conn.prepare_cached(sql)?.exists((space.as_bytes(), hash.as_bytes(), kind.number()))?)
        })
    }

    /// Every file that came through an album.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn all_received(&self, space: &SpaceId) -> Result<HashSet<(ContentHash, FileKind)>, StoreError> {
        self.db.read(|conn| {
            let sql = "SELECT hash, kind FROM shared_received WHERE space = ?1";
            let mut select = conn.prepare_cached(sql)?;
            let rows = select.query_map([space.as_bytes()], |row| {
                let kind = FileKind::from_number(row.get("kind")?).unwrap_or(FileKind::Original);
                Ok((ContentHash::from_bytes(bytes(row, "hash")?), kind))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

fn shared_file(row: &Row<'_>) -> rusqlite::Result<SharedFile> {
    Ok(SharedFile {
        content: ContentHash::from_bytes(bytes(row, "content")?),
        space: SpaceId::from_bytes(bytes(row, "space")?),
        bytes: row.get::<_, i64>("bytes")?.unsigned_abs(),
        mime: row.get("mime")?,
        path: row.get("path")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger() -> (tempfile::TempDir, Ledger) {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&folder.path().join("home.sqlite")).unwrap();
        (folder, ledger)
    }

    fn space(number: u8) -> SpaceId {
        SpaceId::from_bytes([number; 32])
    }

    #[test]
    fn what_came_through_one_album_did_not_come_through_another() {
        let (_folder, ledger) = ledger();
        let hash = ContentHash::of(b"a");
        ledger.received(vec![(space(1), hash, FileKind::Preview)]).unwrap();
        assert!(ledger.was_received(&space(1), &hash, FileKind::Preview).unwrap());
        assert!(!ledger.was_received(&space(1), &hash, FileKind::Original).unwrap());
        assert!(!ledger.was_received(&space(2), &hash, FileKind::Preview).unwrap());
        assert_eq!(ledger.all_received(&space(1)).unwrap().len(), 1);
        ledger.not_received(hash, FileKind::Preview).unwrap();
        assert!(ledger.all_received(&space(1)).unwrap().is_empty());
    }
}

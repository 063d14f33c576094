//! Photos of albums for the accounts of this household: the numbers that grids call them by, and own photos that wait
//! for their pictures before they go into an album.

use heirloom_identity::{AccountId, AssetId, ContentHash, SpaceId};
use heirloom_store::StoreError;
use heirloom_store::rusqlite::{self, Connection, OptionalExtension, Row, named_params};

use super::{Ledger, bytes};

/// Where the local ids of photos from albums begin: far above those of the household's own.
pub const SHARED_LOCAL_ID_FIRST: u32 = 1 << 30;

/// A photo of an album as one account of this household sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SharedPhoto {
    /// Its number in grids.
    pub local_id: u32,
    /// Its id for this account.
    pub asset: AssetId,
    /// Who sees it.
    pub account: AccountId,
    /// The original's bytes.
    pub content: ContentHash,
    /// When it got its number, UTC; the month of its marks.
    pub since_ms: i64,
}

/// A photo that goes into an album as soon as its pictures are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pending {
    /// The album.
    pub space: SpaceId,
    /// Who added it.
    pub account: AccountId,
    /// The photo.
    pub asset: AssetId,
}

impl Ledger {
    /// Remembers photos that go into an album as soon as their pictures are made, durably.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn add_pending(&self, pending: Vec<Pending>, now_ms: i64) -> Result<(), StoreError> {
        self.db.write(move |conn| {
            let mut insert =
                conn.prepare_cached("INSERT OR IGNORE INTO shared_pending VALUES (?1, ?2, ?3, ?4)")?;
            for Pending { space, account, asset } in &pending {
                insert.execute((space.as_bytes(), account.as_bytes(), asset.as_bytes(), now_ms))?;
            }
            Ok(())
        })
    }

    /// Photos that wait to go into an album, oldest first; with `asset`, only those rows of it.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn pending(&self, asset: Option<&AssetId>) -> Result<Vec<Pending>, StoreError> {
        let read = |row: &Row<'_>| {
            Ok(Pending {
                space: SpaceId::from_bytes(bytes(row, "space")?),
                account: AccountId::from_bytes(bytes(row, "account")?),
                asset: AssetId::from_bytes(bytes(row, "asset")?),
            })
        };
        self.db.read(|conn| {
            let found: rusqlite::Result<Vec<Pending>> = match asset {
                Some(asset) => conn
                    .prepare_cached("SELECT * FROM shared_pending WHERE asset = ?1 ORDER BY asked_ms")?
                    .query_map([asset.as_bytes()], read)?
                    .collect(),
                None => conn
                    .prepare_cached("SELECT * FROM shared_pending ORDER BY asked_ms")?
                    .query_map([], read)?
                    .collect(),
            };
            Ok(found?)
        })
    }

    /// Forgets photos that waited, because they are in the album now or never will be.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn end_pending(&self, done: Vec<Pending>) -> Result<(), StoreError> {
        self.db.write(move |conn| {
            let mut delete =
                conn.prepare_cached("DELETE FROM shared_pending WHERE space = ?1 AND asset = ?2")?;
            for Pending { space, asset, .. } in &done {
                delete.execute((space.as_bytes(), asset.as_bytes()))?;
            }
            Ok(())
        })
    }

    /// The numbers of photos of albums for an account, made where there are none; in the given order.
    ///
    /// # Errors
    /// When they could not be saved.
    pub fn shared_photos(
        &self,
        account: AccountId,
        contents: Vec<ContentHash>,
        now_ms: i64,
    ) -> Result<Vec<SharedPhoto>, StoreError> {
        let find = move |conn: &Connection, content: &ContentHash| -> rusqlite::Result<Option<SharedPhoto>> {
            let asset = AssetId::derive(&account, content);
            conn.prepare_cached("SELECT * FROM shared_photos WHERE asset = ?1")?
                .query_row([asset.as_bytes()], shared_photo)
                .optional()
        };
        let known: Vec<Option<SharedPhoto>> = self.db.read::<_, StoreError, _>(|conn| {
            Ok(contents.iter().map(|content| find(conn, content)).collect::<Result<_, _>>()?)
        })?;
        if known.iter().all(Option::is_some) {
            return Ok(known.into_iter().flatten().collect());
        }
        self.db.write(move |conn| {
            let mut photos = Vec::with_capacity(contents.len());
            for content in &contents {
                if let Some(photo) = find(conn, content)? {
                    photos.push(photo);
                    continue;
                }
                let asset = AssetId::derive(&account, content);
                conn.prepare_cached(
                    "INSERT INTO shared_photos(local_id, asset, account, content, since_ms)
                     SELECT MAX(:first, COALESCE(MAX(local_id) + 1, 0)), :asset, :account, :content, :now
                     FROM shared_photos",
                )?
                .execute(named_params! {
                    ":first": SHARED_LOCAL_ID_FIRST, ":asset": asset.as_bytes(),
                    ":account": account.as_bytes(), ":content": content.as_bytes(), ":now": now_ms,
                })?;
                photos.extend(find(conn, content)?);
            }
            Ok(photos)
        })
    }

    /// A photo of an album by its id for an account.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn shared_photo(&self, asset: &AssetId) -> Result<Option<SharedPhoto>, StoreError> {
        self.db.read(|conn| {
            let mut select = conn.prepare_cached("SELECT * FROM shared_photos WHERE asset = ?1")?;
            Ok(select.query_row([asset.as_bytes()], shared_photo).optional()?)
        })
    }

    /// A photo of an album by its number.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn shared_photo_by_number(&self, local_id: u32) -> Result<Option<SharedPhoto>, StoreError> {
        self.db.read(|conn| {
            let mut select = conn.prepare_cached("SELECT * FROM shared_photos WHERE local_id = ?1")?;
            Ok(select.query_row([local_id], shared_photo).optional()?)
        })
    }
}

fn shared_photo(row: &Row<'_>) -> rusqlite::Result<SharedPhoto> {
    Ok(SharedPhoto {
        local_id: row.get("local_id")?,
        asset: AssetId::from_bytes(bytes(row, "asset")?),
        account: AccountId::from_bytes(bytes(row, "account")?),
        content: ContentHash::from_bytes(bytes(row, "content")?),
        since_ms: row.get("since_ms")?,
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

    #[test]
    fn a_shared_photo_has_one_number_for_ever() {
        let (_folder, ledger) = ledger();
        let account = AccountId::from_random([1; 16]);
        let contents = vec![ContentHash::of(b"a"), ContentHash::of(b"b"), ContentHash::of(b"a")];
        let photos = ledger.shared_photos(account, contents.clone(), 5).unwrap();
        let numbers: Vec<_> = photos.iter().map(|photo| photo.local_id).collect();
        assert_eq!(numbers, [SHARED_LOCAL_ID_FIRST, SHARED_LOCAL_ID_FIRST + 1, SHARED_LOCAL_ID_FIRST]);
        assert_eq!(ledger.shared_photos(account, contents, 9).unwrap(), photos);
        assert_eq!(ledger.shared_photo(&photos[1].asset).unwrap(), Some(photos[1]));
        assert_eq!(ledger.shared_photo_by_number(numbers[0]).unwrap(), Some(photos[0]));
    }
}

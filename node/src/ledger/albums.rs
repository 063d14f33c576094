//! Albums as this home keeps them: how much of other homes' photos it keeps, in which folder, and who of the household
//! may see an album and has it in the timeline.

use heirloom_identity::{AccountId, SpaceId};
use heirloom_store::StoreError;
use heirloom_store::rusqlite::{self, Connection, OptionalExtension};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Ledger, bytes};

/// What a home keeps of an album's photos that other homes added.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// Thumbnails; the rest is fetched when somebody looks.
    Demand,
    /// Thumbnails and previews.
    Previews,
    /// Everything, under `library/shared/`.
    #[default]
    Originals,
}

impl Keep {
    fn text(self) -> &'static str {
        match self {
            Self::Originals => "originals",
            Self::Previews => "previews",
            Self::Demand => "demand",
        }
    }

    fn from_text(text: &str) -> Option<Self> {
        [Self::Originals, Self::Previews, Self::Demand].into_iter().find(|keep| keep.text() == text)
    }
}

/// The bits of `album_accounts.opened`: the album was opened to the account, the account made it, the account was among
/// those that the album was for when this home was last in it.
const OPENED: u8 = 1;
const MADE: u8 = 2;
const INVITED: u8 = 4;

/// How one account of this household stands to an album.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AlbumAccount {
    /// The account made it.
    pub made: bool,
    /// It was opened to the account here at home.
    pub opened: bool,
    /// It saw the album when this household was last a member; counts once the household is none.
    pub invited: bool,
    /// Its photos stand in the account's timeline.
    pub in_timeline: bool,
}

impl AlbumAccount {
    fn opened_number(self) -> u8 {
        let bit = |is_set: bool, bit: u8| if is_set { bit } else { 0 };
        bit(self.opened, OPENED) | bit(self.made, MADE) | bit(self.invited, INVITED)
    }
}

impl Ledger {
    /// What is kept of an album.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn keep(&self, space: &SpaceId) -> Result<Keep, StoreError> {
        self.db.read(|conn| {
            let mut select = conn.prepare_cached("SELECT keep FROM album_settings WHERE space = ?1")?;
            let text =
                select.query_row([space.as_bytes()], |row| row.get::<_, Option<String>>(0)).optional()?;
            Ok(text.flatten().and_then(|text| Keep::from_text(&text)).unwrap_or_default())
        })
    }

    /// Sets what is kept of an album, durably.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn set_keep(&self, space: SpaceId, keep: Keep) -> Result<(), StoreError> {
        self.db.write(move |conn| {
            conn.prepare_cached(
                "INSERT INTO album_settings(space, keep) VALUES (?1, ?2)
                 ON CONFLICT(space) DO UPDATE SET keep = excluded.keep",
            )?
            .execute((space.as_bytes(), keep.text()))?;
            Ok(())
        })
    }

    /// The folder below `library/shared/` that holds an album's originals: `wanted` or, where another album has
    /// that, `wanted` and a number; the same for ever.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn album_folder(&self, space: SpaceId, wanted: String) -> Result<String, StoreError> {
        let known = move |conn: &Connection| -> rusqlite::Result<Option<String>> {
            let mut select = conn.prepare_cached("SELECT folder FROM album_settings WHERE space = ?1")?;
            Ok(select.query_row([space.as_bytes()], |row| row.get(0)).optional()?.flatten())
        };
        if let Some(folder) = self.db.read::<_, StoreError, _>(|conn| Ok(known(conn)?))? {
            return Ok(folder);
        }
        self.db.write(move |conn| {
            if let Some(folder) = known(conn)? {
                return Ok(folder);
            }
            let mut taken = conn.prepare_cached("SELECT 1 FROM album_settings WHERE folder = ?1")?;
            let mut folder = wanted.clone();
            let mut number = 1_u32;
            while taken.exists([&folder])? {
                number += 1;
                folder = format!("{wanted}-{number}");
            }
            conn.prepare_cached(
                "INSERT INTO album_settings(space, folder) VALUES (?1, ?2)
                 ON CONFLICT(space) DO UPDATE SET folder = excluded.folder",
            )?
            .execute((space.as_bytes(), &folder))?;
            Ok(folder)
        })
    }

    /// How an account stands to an album.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn album_account(&self, space: &SpaceId, account: &AccountId) -> Result<AlbumAccount, StoreError> {
        self.db.read(|conn| {
            let sql = "SELECT opened, in_timeline FROM album_accounts WHERE space = ?1 AND account = ?2";
            let found = conn
                .prepare_cached(sql)?
                .query_row((space.as_bytes(), account.as_bytes()), |row| {
                    let opened: u8 = row.get(0)?;
                    Ok(AlbumAccount {
                        made: opened & MADE != 0,
                        opened: opened & OPENED != 0,
                        invited: opened & INVITED != 0,
                        in_timeline: row.get(1)?,
                    })
                })
                .optional()?;
            Ok(found.unwrap_or_default())
        })
    }

    /// The accounts that an album is opened to at home, and the one that made it.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn album_opened_to(&self, space: &SpaceId) -> Result<Vec<AccountId>, StoreError> {
        self.db.read(|conn| {
            let sql = "SELECT account FROM album_accounts WHERE space = ?1 AND opened & 3 != 0";
            let mut select = conn.prepare_cached(sql)?;
            let rows = select
                .query_map([space.as_bytes()], |row| Ok(AccountId::from_bytes(bytes(row, "account")?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Whether anybody here ever made an album or was invited to one.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn has_albums(&self) -> Result<bool, StoreError> {
        self.db.read(|conn| {
            Ok(conn.query_row("SELECT EXISTS (SELECT 1 FROM album_accounts)", [], |row| row.get(0))?)
        })
    }

    /// The albums whose photos stand in an account's timeline.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn albums_in_timeline(&self) -> Result<Vec<(SpaceId, AccountId)>, StoreError> {
        self.db.read(|conn| {
            let sql = "SELECT space, account FROM album_accounts WHERE in_timeline = 1";
            let mut select = conn.prepare_cached(sql)?;
            let rows = select.query_map([], |row| {
                Ok((SpaceId::from_bytes(bytes(row, "space")?), AccountId::from_bytes(bytes(row, "account")?)))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Sets how an account stands to an album, durably.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn set_album_account(
        &self,
        space: SpaceId,
        account: AccountId,
        stands: AlbumAccount,
    ) -> Result<(), StoreError> {
        self.db.write(move |conn| {
            conn.prepare_cached("INSERT OR REPLACE INTO album_accounts VALUES (?1, ?2, ?3, ?4)")?.execute(
                (space.as_bytes(), account.as_bytes(), stands.opened_number(), stands.in_timeline),
            )?;
            Ok(())
        })
    }
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
    fn choices_have_defaults_and_are_kept() {
        let (_folder, ledger) = ledger();
        assert_eq!(ledger.keep(&space(1)).unwrap(), Keep::Originals);
        ledger.set_keep(space(1), Keep::Demand).unwrap();
        assert_eq!(ledger.keep(&space(1)).unwrap(), Keep::Demand);
        let account = AccountId::from_random([1; 16]);
        assert_eq!(ledger.album_account(&space(1), &account).unwrap(), AlbumAccount::default());
        let stands = AlbumAccount { opened: true, in_timeline: true, ..AlbumAccount::default() };
        ledger.set_album_account(space(1), account, stands).unwrap();
        assert_eq!(ledger.album_opened_to(&space(1)).unwrap(), [account]);
        assert_eq!(ledger.albums_in_timeline().unwrap(), [(space(1), account)]);
        let maker = AlbumAccount { made: true, ..AlbumAccount::default() };
        ledger.set_album_account(space(1), account, maker).unwrap();
        assert_eq!(ledger.album_account(&space(1), &account).unwrap(), maker);
        assert_eq!(ledger.album_opened_to(&space(1)).unwrap(), [account]);
        let invited = AlbumAccount { invited: true, ..AlbumAccount::default() };
        ledger.set_album_account(space(1), account, invited).unwrap();
        assert_eq!(ledger.album_account(&space(1), &account).unwrap(), invited);
        assert_eq!(
            ledger.album_opened_to(&space(1)).unwrap(),
            [],
            "others invited it, nobody here opened it"
        );
    }

    #[test]
    fn an_album_has_one_folder_for_ever() {
        let (_folder, ledger) = ledger();
        ledger.set_keep(space(1), Keep::Previews).unwrap();
        let folder = |number, wanted: &str| ledger.album_folder(space(number), wanted.to_owned()).unwrap();
        assert_eq!(folder(1, "summer"), "summer");
        assert_eq!(folder(2, "summer"), "summer-2");
        assert_eq!(folder(1, "winter"), "summer", "another title moves nothing");
        assert_eq!(ledger.keep(&space(1)).unwrap(), Keep::Previews);
    }
}

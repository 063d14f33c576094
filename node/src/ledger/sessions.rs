//! Sessions and access keys: the secrets that stand for a person, stored only as hashes.

use heirloom_identity::AccountId;
use heirloom_store::StoreError;
use heirloom_store::rusqlite::OptionalExtension;
use sha2::{Digest, Sha256};

use super::{Ledger, bytes};

/// How long a session lives: 400 days, the longest that browsers keep a cookie.
pub const SESSION_MS: i64 = 400 * 24 * 60 * 60 * 1000;

/// An access key as listed; the key itself is shown once, when made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// Whom it stands for.
    pub account: AccountId,
    /// What the person called it.
    pub name: String,
    /// Milliseconds since the Unix epoch, UTC.
    pub created_ms: i64,
}

impl Ledger {
    /// Remembers a session by its token's hash, durably; sessions past their time are swept out on the way.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn add_session(
        &self,
        token: &str,
        account: AccountId,
        device: String,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let hash = hash(token);
        self.db.write(move |conn| {
            conn.execute("DELETE FROM sessions WHERE expires_ms <= ?1", [now_ms])?;
            conn.prepare_cached("INSERT INTO sessions VALUES (?1, ?2, ?3, ?4, ?5)")?.execute((
                hash,
                account.as_bytes(),
                device,
                now_ms,
                now_ms.saturating_add(SESSION_MS),
            ))?;
            Ok(())
        })
    }

    /// Whose session this token is, if it is still good.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn session(&self, token: &str, now_ms: i64) -> Result<Option<AccountId>, StoreError> {
        self.db.read(|conn| {
            let mut statement = conn
                .prepare_cached("SELECT account FROM sessions WHERE token_hash = ?1 AND expires_ms > ?2")?;
            let found = statement.query_row((hash(token), now_ms), |row| bytes(row, "account")).optional()?;
            Ok(found.map(AccountId::from_bytes))
        })
    }

    /// Ends a session; fine if it is over.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn end_session(&self, token: &str) -> Result<(), StoreError> {
        let hash = hash(token);
        self.db.write(move |conn| {
            conn.prepare_cached("DELETE FROM sessions WHERE token_hash = ?1")?.execute([hash])?;
            Ok(())
        })
    }

    /// Remembers an access key by its hash, durably.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn add_key(&self, secret: &str, key: AccessKey) -> Result<(), StoreError> {
        let hash = hash(secret);
        self.db.write(move |conn| {
            conn.execute(
                "INSERT INTO keys VALUES (?1, ?2, ?3, ?4)",
                (hash, key.account.as_bytes(), key.name, key.created_ms),
            )?;
            Ok(())
        })
    }

    /// The access key with this secret.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn key(&self, secret: &str) -> Result<Option<AccessKey>, StoreError> {
        self.db.read(|conn| {
            let mut statement = conn.prepare_cached("SELECT * FROM keys WHERE key_hash = ?1")?;
            let found = statement.query_row([hash(secret)], |row| {
                let account = AccountId::from_bytes(bytes(row, "account")?);
                Ok(AccessKey { account, name: row.get("name")?, created_ms: row.get("created_ms")? })
            });
            Ok(found.optional()?)
        })
    }
}

fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

//! Accounts: who signs in at this node, and whose photos are whose.

use heirloom_identity::AccountId;
use heirloom_store::StoreError;
use heirloom_store::rusqlite::{self, OptionalExtension, Row, named_params};

use super::{Ledger, bytes};

/// The folder in `library/` for originals of other homes; no account is called so.
const RESERVED_SLUG: &str = "shared";

/// Someone who signs in at this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The id, for ever.
    pub id: AccountId,
    /// The folder name in `library/`, for ever.
    pub slug: String,
    /// What the person types to sign in.
    pub email: String,
    /// Shown on the page.
    pub name: String,
    /// Whether they may manage accounts.
    pub admin: bool,
    /// Milliseconds since the Unix epoch, UTC.
    pub created_ms: i64,
}

/// What a new account needs; the slug is made from the email and kept unique.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// Made from random bytes.
    pub id: AccountId,
    /// Must not be in use.
    pub email: String,
    /// Shown on the page.
    pub name: String,
    /// Argon2id, as a PHC string.
    pub password: String,
    /// Whether they may manage accounts.
    pub admin: bool,
    /// Milliseconds since the Unix epoch, UTC.
    pub created_ms: i64,
}

/// Why an account was not added.
#[derive(Debug, thiserror::Error)]
pub enum AddAccountError {
    /// The email already signs someone in.
    #[error("{0} already has an account here; use another email, or `heirloom account reset-password`")]
    EmailTaken(String),
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Ledger {
    /// Adds an account, durably.
    ///
    /// # Errors
    /// See [`AddAccountError`].
    pub fn add_account(&self, new: NewAccount) -> Result<Account, AddAccountError> {
        self.db.write(move |conn| {
            if find(conn, "email = ?1", &new.email)?.is_some() {
                return Err(AddAccountError::EmailTaken(new.email));
            }
            let slug = free_slug(conn, &new.email)?;
            conn.prepare_cached(
                "INSERT INTO accounts(account, slug, email, name, password, admin, created_ms)
                 VALUES (:account, :slug, :email, :name, :password, :admin, :created_ms)",
            )
            .and_then(|mut statement| {
                statement.execute(named_params! {
                    ":account": new.id.as_bytes(), ":slug": slug, ":email": new.email, ":name": new.name,
                    ":password": new.password, ":admin": new.admin, ":created_ms": new.created_ms,
                })
            })
            .map_err(StoreError::from)?;
            let NewAccount { id, email, name, admin, created_ms, .. } = new;
            Ok(Account { id, slug, email, name, admin, created_ms })
        })
    }

    /// All accounts, oldest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        self.db.read(|conn| {
            let mut statement = conn.prepare_cached("SELECT * FROM accounts ORDER BY created_ms, account")?;
            Ok(statement.query_map([], account)?.collect::<Result<_, _>>()?)
        })
    }

    /// The account with this id.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn account(&self, id: &AccountId) -> Result<Option<Account>, StoreError> {
        self.db.read(|conn| find(conn, "account = ?1", id.as_bytes()))
    }

    /// The account that signs in with this email, compared without case.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn account_by_email(&self, email: &str) -> Result<Option<Account>, StoreError> {
        self.db.read(|conn| find(conn, "email = ?1", email.trim()))
    }

    /// The stored password hash (PHC string) of the account with this email.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn password_of(&self, email: &str) -> Result<Option<(AccountId, String)>, StoreError> {
        self.db.read(|conn| {
            let mut statement =
                conn.prepare_cached("SELECT account, password FROM accounts WHERE email = ?1")?;
            let row =
                |row: &Row<'_>| Ok((AccountId::from_bytes(bytes(row, "account")?), row.get("password")?));
            Ok(statement.query_row([email.trim()], row).optional()?)
        })
    }

    /// Replaces a password and ends every session of the account.
    ///
    /// # Errors
    /// When it could not be saved.
    pub fn set_password(&self, id: AccountId, password: String) -> Result<(), StoreError> {
        self.db.write(move |conn| {
            conn.execute("UPDATE accounts SET password = ?2 WHERE account = ?1", (id.as_bytes(), password))?;
            conn.execute("DELETE FROM sessions WHERE account = ?1", [id.as_bytes()])?;
            Ok(())
        })
    }
}

fn find(
    conn: &rusqlite::Connection,
    condition: &str,
    value: impl rusqlite::ToSql,
) -> Result<Option<Account>, StoreError> {
    let mut statement = conn.prepare_cached(&format!("SELECT * FROM accounts WHERE {condition}"))?;
    Ok(statement.query_row([value], account).optional()?)
}

fn account(row: &Row<'_>) -> rusqlite::Result<Account> {
    Ok(Account {
        id: AccountId::from_bytes(bytes(row, "account")?),
        slug: row.get("slug")?,
        email: row.get("email")?,
        name: row.get("name")?,
        admin: row.get("admin")?,
        created_ms: row.get("created_ms")?,
    })
}

fn free_slug(conn: &rusqlite::Connection, email: &str) -> Result<String, StoreError> {
    let base = slug(email);
    let mut statement = conn.prepare_cached("SELECT 1 FROM accounts WHERE slug = ?1")?;
    let candidates = std::iter::once(base.clone()).chain((1..).map(|n: u32| format!("{base}_{n}")));
    for candidate in candidates {
        if candidate != RESERVED_SLUG && !statement.exists([&candidate])? {
            return Ok(candidate);
        }
    }
    unreachable!("one of infinitely many names is free")
}

/// The part of an email before the `@`, in letters that every file system takes.
fn slug(email: &str) -> String {
    let local = email.split('@').next().unwrap_or_default().to_lowercase();
    let kept: String = local.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let trimmed = kept.trim_matches('-');
    if trimmed.is_empty() { "account".to_owned() } else { trimmed.chars().take(40).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_suits_every_file_system() {
        let check = |email: &str, expected: &str| assert_eq!(slug(email), expected, "{email}");
        check("Anna.Smith@example.org", "anna-smith");
        check("мама@example.org", "account");
        check("../../etc@x", "etc");
        check("a+b@x", "a-b");
    }

    #[test]
    fn two_people_with_one_first_name_get_two_folders() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&folder.path().join("home.sqlite")).unwrap();
        let new = |n: u8, email: &str| NewAccount {
            id: AccountId::from_random([n; 16]),
            email: email.to_owned(),
            name: String::new(),
            password: String::new(),
            admin: false,
            created_ms: i64::from(n),
        };
        assert_eq!(ledger.add_account(new(1, "anna@a.example")).unwrap().slug, "anna");
        assert_eq!(ledger.add_account(new(2, "anna@b.example")).unwrap().slug, "anna_1");
        let taken = ledger.add_account(new(3, "ANNA@a.example")).unwrap_err();
        assert!(matches!(taken, AddAccountError::EmailTaken(_)));
        assert_eq!(ledger.accounts().unwrap().len(), 2);
        assert_eq!(ledger.add_account(new(4, "shared@a.example")).unwrap().slug, "shared_1");
    }
}

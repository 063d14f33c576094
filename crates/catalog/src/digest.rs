//! Two catalogs are equal when they show the same: the comparison behind "delete it, it comes back".

use heirloom_identity::{ContentHash, Hasher};
use heirloom_store::rusqlite::Connection;
use heirloom_store::rusqlite::types::ValueRef;

use crate::{Catalog, CatalogError};

/// What is compared, in an order that does not depend on how it came in. Left out: row numbers of accounts,
/// revisions, emptied months, and jobs with their times.
const QUERIES: [&str; 4] = [
    "SELECT 'account', account, images, videos, bytes FROM accounts ORDER BY account",
    "SELECT 'asset', c.account, a.* FROM assets a JOIN accounts c ON c.id = a.owner ORDER BY a.id",
    "SELECT 'marks', * FROM marks ORDER BY asset_id",
    "SELECT 'month', c.account, m.month, m.photos, m.favourites FROM months m
     JOIN accounts c ON c.id = m.owner WHERE m.photos > 0 ORDER BY c.account, m.month",
];

impl Catalog {
    /// A hash of everything the catalog shows; equal for equal content, however it came about.
    ///
    /// # Errors
    /// [`CatalogError::Store`].
    pub fn digest(&self) -> Result<ContentHash, CatalogError> {
        let mut hasher = Hasher::new();
        self.each_line(|line| {
            hasher.update(line.as_bytes());
            hasher.update(b"\n");
        })?;
        Ok(hasher.finish().content)
    }

    /// What [`Catalog::digest`] hashes, line by line: for a person who wants to see a difference.
    ///
    /// # Errors
    /// [`CatalogError::Store`].
    pub fn dump(&self) -> Result<Vec<String>, CatalogError> {
        let mut lines = Vec::new();
        self.each_line(|line| lines.push(line.to_owned()))?;
        Ok(lines)
    }

    fn each_line(&self, mut take: impl FnMut(&str)) -> Result<(), CatalogError> {
        self.db.read(|conn| {
            let snapshot = conn.unchecked_transaction()?;
            for sql in QUERIES {
                lines_of(&snapshot, sql, &mut take)?;
            }
            Ok(())
        })
    }
}

fn lines_of(conn: &Connection, sql: &str, take: &mut impl FnMut(&str)) -> Result<(), CatalogError> {
    let mut statement = conn.prepare(sql)?;
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let mut line = String::new();
        for (index, name) in names.iter().enumerate().filter(|(_, name)| *name != "owner") {
            match row.get_ref(index)? {
                ValueRef::Null => {}
                value => line.push_str(&format!("{name}={} ", text_of(value))),
            }
        }
        take(&line);
    }
    Ok(())
}

fn text_of(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => String::new(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => format!("{number:?}"),
        ValueRef::Text(text) => format!("{:?}", String::from_utf8_lossy(text)),
        ValueRef::Blob(bytes) => data_encoding::HEXLOWER.encode(bytes),
    }
}

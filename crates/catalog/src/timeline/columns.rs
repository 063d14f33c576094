//! The columns of one month: what a grid needs beyond the skeleton, in parts of at most
//! [`COLUMNS_PART_PHOTOS`] photos, in the skeleton's order.

use data_encoding::BASE64;
use heirloom_identity::AccountId;
use heirloom_store::rusqlite::{self, Connection, OptionalExtension, named_params};
use serde::{Deserialize, Serialize};

use super::View;
use super::memory::{lock, refresh};
use super::months::MonthCount;
use crate::calendar::{month_start_ms, month_text};
use crate::catalog::owner_of;
use crate::{Catalog, CatalogError};

/// Photos in one part; a month with more is split.
pub const COLUMNS_PART_PHOTOS: usize = 2_000;

/// One part of a month, one array for each property, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Columns {
    /// The month's revision.
    pub rev: u32,
    /// The month, `yyyy-mm`.
    pub month: String,
    /// Which part this is, from 0.
    pub part: u32,
    /// How many parts the month has.
    pub parts: u32,
    /// The position in the month of this part's first photo.
    pub first: u32,
    /// Photos in this part.
    pub count: u32,
    /// Local ids: the first as it is, then differences.
    pub id: Vec<i64>,
    /// Local capture times in seconds since the month began: the first as it is, then differences.
    pub at: Vec<i64>,
    /// Bits of [`flags`](super::flags).
    pub flags: Vec<u32>,
    /// Index into `owners`.
    pub owner: Vec<u32>,
    /// The accounts that own photos of this part.
    pub owners: Vec<AccountId>,
    /// How long it plays, milliseconds; 0 for a still.
    pub duration: Vec<u32>,
    /// The generation of its derivatives; 0 while there are none.
    pub v: Vec<u32>,
    /// Base64 of all thumbhashes, each after one byte of length (0: none).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub h: Option<String>,
}

impl Catalog {
    /// One part of a month, with thumbhashes if `with_hash`; `None` when the view has no such month or part.
    ///
    /// # Errors
    /// [`CatalogError::Store`].
    pub fn columns(
        &self,
        account: &AccountId,
        view: View,
        month: i32,
        part: u32,
        with_hash: bool,
    ) -> Result<Option<Columns>, CatalogError> {
        self.db.read(|conn| {
            let Some(owner) = owner_of(conn, account)? else { return Ok(None) };
            let kept = self.memory.view(owner, view);
            let mut kept = lock(&kept);
            let snapshot = conn.unchecked_transaction()?;
            let Some(now) = month_now(&snapshot, owner, view, month)? else { return Ok(None) };
            let starts = refresh(&mut kept, &snapshot, owner, view, now)?.map(|month| &*month.starts);
            let starts = starts.unwrap_or_default();
            let Some(start) = starts.get(usize::try_from(part).unwrap_or(usize::MAX)).copied() else {
                return Ok(None);
            };
            let mut columns = Columns::empty(*account, now, part, starts.len());
            drop(kept);
            columns.fill(&snapshot, (owner, view, month), start, with_hash)?;
            Ok(Some(columns))
        })
    }
}

impl Columns {
    fn empty(account: AccountId, now: MonthCount, part: u32, parts: usize) -> Self {
        Self {
            rev: now.rev,
            month: month_text(now.month),
            part,
            parts: u32::try_from(parts).unwrap_or(u32::MAX),
            first: part * u32::try_from(COLUMNS_PART_PHOTOS).unwrap_or(u32::MAX),
            count: 0,
            id: Vec::new(),
            at: Vec::new(),
            flags: Vec::new(),
            owner: Vec::new(),
            owners: vec![account],
            duration: Vec::new(),
            v: Vec::new(),
            h: None,
        }
    }

    fn fill(
        &mut self,
        conn: &Connection,
        (owner, view, month): (i64, View, i32),
        start: (i64, u32),
        with_hash: bool,
    ) -> Result<(), CatalogError> {
        let mut select = conn.prepare_cached(&part_sql(view, with_hash))?;
        let mut rows = select.query(named_params! {
            ":owner": owner, ":month": month, ":taken": start.0, ":id": start.1,
            ":limit": i64::try_from(COLUMNS_PART_PHOTOS).unwrap_or(i64::MAX),
        })?;
        let mut coder = Coder::default();
        while let Some(row) = rows.next()? {
            let photo = Photo {
                id: row.get(0)?,
                at_seconds: (row.get::<_, i64>(1)? - month_start_ms(month)) / 1000,
                flags: row.get(2)?,
                duration_ms: row.get(3)?,
                version: row.get(4)?,
                thumbhash: if with_hash { row.get(5)? } else { None },
            };
            coder.push(self, photo);
        }
        self.h = with_hash.then(|| BASE64.encode(&coder.hashes));
        Ok(())
    }
}

/// A photo before it is coded.
struct Photo {
    id: i64,
    at_seconds: i64,
    flags: u32,
    duration_ms: u32,
    version: u32,
    thumbhash: Option<Vec<u8>>,
}

/// What coding a photo needs to know of those before it.
#[derive(Default)]
struct Coder {
    last_id: i64,
    last_at_seconds: i64,
    hashes: Vec<u8>,
}

impl Coder {
    fn push(&mut self, columns: &mut Columns, photo: Photo) {
        columns.count += 1;
        columns.id.push(photo.id - self.last_id);
        columns.at.push(photo.at_seconds - self.last_at_seconds);
        (self.last_id, self.last_at_seconds) = (photo.id, photo.at_seconds);
        columns.flags.push(photo.flags);
        columns.owner.push(0);
        columns.duration.push(photo.duration_ms);
        columns.v.push(photo.version);
        // Thumbhashes too long for one byte of length are never stored.
        let hash = photo.thumbhash.unwrap_or_default();
        let length = u8::try_from(hash.len()).unwrap_or(0);
        self.hashes.push(length);
        self.hashes.extend_from_slice(&hash[..usize::from(length)]);
    }
}

/// The query behind [`Catalog::columns`]: starts at the part's first photo, and without thumbhashes is
/// answered by the view's index alone.
pub(crate) fn part_sql(view: View, with_hash: bool) -> String {
    format!(
        "SELECT id, taken_local_ms, flags, duration_ms, version{} FROM assets INDEXED BY {}
         WHERE {} AND month = :month AND (taken_local_ms, id) <= (:taken, :id)
         ORDER BY taken_local_ms DESC, id DESC LIMIT :limit",
        if with_hash { ", thumbhash" } else { "" },
        view.index(),
        view.condition()
    )
}

fn month_now(conn: &Connection, owner: i64, view: View, month: i32) -> rusqlite::Result<Option<MonthCount>> {
    conn.prepare_cached(match view {
        View::All => "SELECT photos, rev FROM months WHERE owner = :owner AND month = :month",
        View::Favourites => "SELECT favourites, rev FROM months WHERE owner = :owner AND month = :month",
    })?
    .query_row(named_params! {":owner": owner, ":month": month}, |row| {
        Ok(MonthCount { month, count: row.get(0)?, rev: row.get(1)? })
    })
    .optional()
}

#[cfg(test)]
mod tests {
    use super::super::vectors;
    use super::*;
    use crate::calendar::month_from_text;

    /// Codes the photos of a golden file and compares the answer, number by number.
    fn check(name: &str) {
        let golden = vectors::json(&format!("columns-{name}.json"));
        let wire: Columns = serde_json::from_value(golden["wire"].clone()).unwrap();
        if golden.get("reject").is_some() {
            return;
        }
        let now = MonthCount { month: month_from_text(&wire.month).unwrap(), count: 0, rev: wire.rev };
        let parts = usize::try_from(wire.parts).unwrap();
        let mut columns = Columns::empty(wire.owners[0], now, wire.part, parts);
        let mut coder = Coder::default();
        for photo in golden["photos"].as_array().unwrap() {
            let number = |name: &str| u32::try_from(photo[name].as_u64().unwrap()).unwrap();
            let hash = photo.get("thumbhash").map(|hex| hex.as_str().unwrap().as_bytes());
            let photo = Photo {
                id: number("id").into(),
                at_seconds: number("at").into(),
                flags: number("flags"),
                duration_ms: number("duration"),
                version: number("v"),
                thumbhash: hash.map(|hex| data_encoding::HEXLOWER.decode(hex).unwrap()),
            };
            coder.push(&mut columns, photo);
        }
        columns.h = wire.h.as_ref().map(|_| BASE64.encode(&coder.hashes));
        assert_eq!(columns, wire, "{name}");
        assert_eq!(serde_json::to_value(&columns).unwrap(), golden["wire"], "{name}");
    }

    #[test]
    fn golden_files() {
        let names = vectors::names("columns-", ".json");
        assert!(names.len() >= 2, "{names:?}");
        names.iter().for_each(|name| check(name));
    }
}

//! What the timeline keeps in memory: for each account and view, each month's part of the skeleton.
//!
//! Three bytes for each photo, reloaded month by month when a month's revision moves, so that a skeleton of a
//! million photos is a copy and not a query. A view is locked while it is brought up to date, and the
//! database is asked only after the lock is held, so what is kept never goes back in time.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use heirloom_store::rusqlite::{self, Connection, named_params};

use super::View;
use super::columns::COLUMNS_PART_PHOTOS;
use super::months::MonthCount;
use crate::calendar::day_of;

/// All views that were asked for since the catalog was opened.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    views: Mutex<HashMap<(i64, View), SharedMonths>>,
}

/// One view's months, shared by those who ask for them.
pub(super) type SharedMonths = Arc<Mutex<Months>>;

/// The months of one view, by month.
pub(super) type Months = BTreeMap<i32, Month>;

/// One month of one view, as the skeleton writes it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Month {
    /// The month's revision when it was loaded.
    pub(super) rev: u32,
    /// Days that hold photos, newest first, with their counts.
    pub(super) days: Vec<(u8, u32)>,
    /// The aspect byte of each photo.
    pub(super) aspects: Vec<u8>,
    /// The colour of each photo, little-endian.
    pub(super) colours: Vec<u8>,
    /// Capture time and local id of the first photo of each part.
    pub(super) starts: Vec<(i64, u32)>,
}

impl Memory {
    /// The months of one view; lock it before asking the database.
    pub(super) fn view(&self, owner: i64, view: View) -> SharedMonths {
        let mut views = self.views.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(views.entry((owner, view)).or_default())
    }
}

/// Locks a view; a panic while it was held left whole months behind, so it is still good.
pub(super) fn lock(months: &Mutex<Months>) -> MutexGuard<'_, Months> {
    months.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Brings one month up to date; `None` when it is empty.
pub(super) fn refresh<'a>(
    months: &'a mut Months,
    conn: &Connection,
    owner: i64,
    view: View,
    now: MonthCount,
) -> rusqlite::Result<Option<&'a Month>> {
    if now.count == 0 {
        months.remove(&now.month);
        return Ok(None);
    }
    let fresh = months.get(&now.month).is_some_and(|month| month.rev == now.rev);
    if !fresh {
        let month = load(conn, owner, view, now)?;
        months.insert(now.month, month);
    }
    Ok(months.get(&now.month))
}

/// The query behind [`load`]: answered by the view's index alone.
pub(crate) fn load_sql(view: View) -> String {
    format!(
        "SELECT taken_local_ms, id, aspect, colour565 FROM assets INDEXED BY {}
         WHERE {} AND month = :month ORDER BY taken_local_ms DESC, id DESC",
        view.index(),
        view.condition()
    )
}

fn load(conn: &Connection, owner: i64, view: View, now: MonthCount) -> rusqlite::Result<Month> {
    let mut month = Month { rev: now.rev, ..Month::default() };
    let mut select = conn.prepare_cached(&load_sql(view))?;
    let mut rows = select.query(named_params! {":owner": owner, ":month": now.month})?;
    while let Some(row) = rows.next()? {
        let taken: i64 = row.get(0)?;
        if month.aspects.len().is_multiple_of(COLUMNS_PART_PHOTOS) {
            month.starts.push((taken, row.get(1)?));
        }
        let day = day_of(taken);
        match month.days.last_mut() {
            Some((last, count)) if *last == day => *count += 1,
            _ => month.days.push((day, 1)),
        }
        month.aspects.push(row.get(2)?);
        month.colours.extend(row.get::<_, u16>(3)?.to_le_bytes());
    }
    month.aspects.shrink_to_fit();
    month.colours.shrink_to_fit();
    Ok(month)
}

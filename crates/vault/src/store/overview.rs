//! How safe everything is: counted from what was proved and when.

use std::collections::BTreeMap;
use std::sync::{MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use heirloom_store::StoreError;
use heirloom_store::rusqlite::{self, Connection};

use super::pieces::{packs_of, read_packs};
use super::{VaultStore, unsigned};
use crate::policy::{CopyState, HOMES_COUNTED_MAX, PhotoCounts, Policy, TargetId, past};

/// For how long what was counted is good while nothing is written.
const FRESH_MS: i64 = 60_000;
/// A count that takes this long is a large library's.
const LONG: Duration = Duration::from_millis(500);
/// How much of the time goes into counting a large library while much is written, as one part in so many.
const COUNT_ONE_IN: u32 = 20;
/// What was sent in this time says how fast it goes.
const RECENT_MS: i64 = 60 * 60 * 1000;

/// What is at one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TargetCounts {
    /// Packs that it proved within the time.
    pub packs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Photos that are complete there.
    pub photos: u64,
    /// Packs that are to be sent there, or sent and not proved.
    pub pending_packs: u64,
    /// Their bytes.
    pub pending_bytes: u64,
    /// Copies there that were found lost and are not proved again yet.
    pub lost: u64,
    /// Packs that it proved, but not within the time.
    pub stale: u64,
    /// Packs that a restore begins with and that are lost there, or were not proved within the time: while there are any,
    /// no photo is complete there.
    pub unfounded: u64,
    /// The oldest of the last proofs of all that it has: everything was checked since. Milliseconds since the Unix epoch,
    /// UTC.
    pub checked_all_ms: Option<i64>,
    /// The newest proof.
    pub last_proven_ms: Option<i64>,
    /// Bytes of packs that were sent there in the last hour and proved: how fast it goes.
    pub recent_bytes: u64,
    /// When the first of them was sent.
    pub recent_since_ms: Option<i64>,
}

/// Everything that is counted at once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overview {
    /// The photos.
    pub photos: PhotoCounts,
    /// By place.
    pub targets: BTreeMap<TargetId, TargetCounts>,
    /// Packs of the vault.
    pub packs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Packs that some place waits for.
    pub pending_packs: u64,
    /// Bytes that are to be sent, to all places together.
    pub pending_bytes: u64,
}

/// What was counted, and when.
#[derive(Debug)]
pub(super) struct Counted {
    writes: u64,
    now_ms: i64,
    policy: Policy,
    overview: Overview,
    at: Instant,
    took: Duration,
}

impl Counted {
    fn is_good(&self, now_ms: i64, policy: &Policy) -> bool {
        self.policy == *policy && (self.now_ms..self.now_ms.saturating_add(FRESH_MS)).contains(&now_ms)
    }

    /// Whether it may be shown although something was written since: it took long, and not long ago.
    fn is_of_late(&self) -> bool {
        self.took >= LONG && self.at.elapsed() < self.took * COUNT_ONE_IN
    }
}

#[cfg(test)]
impl VaultStore {
    /// As if what was counted last had taken long.
    pub(super) fn count_took_long(&self) {
        self.counted().as_mut().unwrap().took = 100 * LONG;
    }
}

impl VaultStore {
    /// Counts how safe everything is. A proof older than [`Policy::audit_within_ms`] counts for nothing, and neither does a
    /// home that was away for [`Policy::replace_ms`], is being left, or keeps no copies any more.
    ///
    /// With a million photos this takes a moment, so what was counted is kept until something is written, for a minute; and
    /// one counts at a time.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn overview(&self, now_ms: i64, policy: &Policy) -> Result<Overview, StoreError> {
        self.counted_or_count(now_ms, policy, |_| false)
    }

    /// [`VaultStore::overview`] for people who look on: with a large library it may be some seconds old, so that pages
    /// that show how copies come on do not slow them down.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn overview_of_late(&self, now_ms: i64, policy: &Policy) -> Result<Overview, StoreError> {
        self.counted_or_count(now_ms, policy, Counted::is_of_late)
    }

    fn counted_or_count(
        &self,
        now_ms: i64,
        policy: &Policy,
        is_new_enough: impl Fn(&Counted) -> bool,
    ) -> Result<Overview, StoreError> {
        let known = || {
            let counted = self.counted();
            let good = counted.as_ref().filter(|known| known.is_good(now_ms, policy))?;
            (good.writes == self.writes() || is_new_enough(good)).then(|| good.overview.clone())
        };
        if let Some(overview) = known() {
            return Ok(overview);
        }
        let _counting = self.shared.counting.lock().unwrap_or_else(PoisonError::into_inner);
        // Somebody else may have counted meanwhile.
        if let Some(overview) = known() {
            return Ok(overview);
        }
        let (writes, began) = (self.writes(), Instant::now());
        let overview = self.db.read(|conn| -> Result<_, StoreError> {
            let transaction = conn.unchecked_transaction()?;
            Ok(count(&transaction, now_ms, policy)?)
        })?;
        let counted = overview.clone();
        let (at, took) = (Instant::now(), began.elapsed());
        *self.counted() = Some(Counted { writes, now_ms, policy: *policy, overview: counted, at, took });
        Ok(overview)
    }

    fn counted(&self) -> MutexGuard<'_, Option<Counted>> {
        self.shared.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place and what is known of it; its bit is its place in the list.
struct Slot {
    id: TargetId,
    home: bool,
    head: Option<i64>,
    counts: TargetCounts,
}

/// A copy of a pack, as far as counting goes.
struct CopyNow {
    state: CopyState,
    proven_ms: Option<i64>,
    sent_ms: Option<i64>,
    bytes: u64,
}

/// A pack, as far as counting goes.
#[derive(Clone, Copy)]
struct PackNow {
    /// The first head from which it is found.
    since_head: i64,
    shelf: u8,
}

/// The time that proofs count in.
struct Within {
    since_ms: i64,
    now_ms: i64,
}

/// By pack number: at which places it is proved and would be found, one bit for each place.
type Masks = Vec<u64>;

fn count(conn: &Connection, now_ms: i64, policy: &Policy) -> rusqlite::Result<Overview> {
    let within = Within { since_ms: now_ms.saturating_sub(policy.audit_within_ms), now_ms };
    let mut slots = slots(conn, policy)?;
    let mut overview = Overview::default();
    let mut packs: Vec<Option<PackNow>> = Vec::new();
    let mut statement = conn.prepare_cached(
        "SELECT number, bytes, coalesce(since_head, 9223372036854775807), shelf
         FROM packs WHERE dropped_ms IS NULL",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        overview.packs += 1;
        overview.bytes += unsigned(row, 1)?;
        let number: u32 = row.get(0)?;
        packs.resize(packs.len().max(number as usize + 1), None);
        packs[number as usize] = Some(PackNow { since_head: row.get(2)?, shelf: row.get(3)? });
    }
    let masks = count_copies(conn, &packs, &within, &mut slots, &mut overview)?;
    count_photos(conn, &masks, &mut slots, &mut overview)?;
    overview.targets = slots.into_iter().map(|slot| (slot.id, slot.counts)).collect();
    Ok(overview)
}

fn slots(conn: &Connection, policy: &Policy) -> rusqlite::Result<Vec<Slot>> {
    let mut statement = conn.prepare_cached(
        "SELECT number, kind = 'household' AND state = 'active' AND away_ms < ?1, head FROM targets ORDER BY number LIMIT 64",
    )?;
    statement
        .query_map([policy.replace_ms], |row| {
            let (id, counts) = (TargetId(row.get(0)?), TargetCounts::default());
            Ok(Slot { id, home: row.get(1)?, head: row.get(2)?, counts })
        })?
        .collect()
}

fn count_copies(
    conn: &Connection,
    packs: &[Option<PackNow>],
    within: &Within,
    slots: &mut [Slot],
    overview: &mut Overview,
) -> rusqlite::Result<Masks> {
    let mut masks = vec![0_u64; packs.len()];
    let mut proven = vec![0_u64; packs.len()];
    let mut pending = vec![false; packs.len()];
    for (bit, slot) in slots.iter_mut().enumerate() {
        let mut statement = conn.prepare_cached(
            "SELECT pack, state, proven_ms, bytes, lost_ms, sent_ms FROM copies WHERE target = ?1",
        )?;
        let mut rows = statement.query([slot.id.0])?;
        while let Some(row) = rows.next()? {
            let pack = row.get::<_, u32>(0)? as usize;
            let Some(Some(known)) = packs.get(pack).copied() else { continue };
            let (state, lost_ms): (CopyState, Option<i64>) = (row.get(1)?, row.get(4)?);
            let lost = lost_ms.is_some() && !matches!(state, CopyState::Proven | CopyState::Leaving);
            let bytes = unsigned(row, 3)?;
            let copy = CopyNow { state, proven_ms: row.get(2)?, sent_ms: row.get(5)?, bytes };
            let fresh = slot.counts.add(&copy, within);
            pending[pack] |= matches!(state, CopyState::Pending | CopyState::Sent | CopyState::Lost);
            proven[pack] |= u64::from(fresh) << bit;
            if fresh && slot.head.is_some_and(|head| known.since_head <= head) {
                masks[pack] |= 1 << bit;
            }
            let lapsed = lost || (state == CopyState::Proven && !fresh);
            slot.counts.unfounded += u64::from(known.shelf == 0 && lapsed);
        }
        overview.pending_bytes += slot.counts.pending_bytes;
    }
    overview.pending_packs = pending.into_iter().map(u64::from).sum();
    let founded = founded(conn, &proven, slots)?;
    masks.iter_mut().for_each(|mask| *mask &= founded);
    Ok(masks)
}

/// The places that a restore could begin at. Those that have the newest head are asked for all that it begins with; of an
/// older head that is no longer known, so that there nothing of the kind may be lost.
fn founded(conn: &Connection, proven: &Masks, slots: &[Slot]) -> rusqlite::Result<u64> {
    let newest: Option<i64> = conn.query_row("SELECT max(number) FROM heads", [], |row| row.get(0))?;
    let mut complete = u64::MAX;
    let mut statement = conn.prepare_cached("SELECT blob FROM needed")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        complete &= places_of(conn, row.get(0)?, proven)?;
    }
    let is_founded = |bit: usize, slot: &Slot| {
        if newest.is_some_and(|newest| slot.head >= Some(newest)) {
            complete >> bit & 1 == 1
        } else {
            slot.counts.unfounded == 0
        }
    };
    let founded = slots.iter().enumerate().filter(|(bit, slot)| is_founded(*bit, slot));
    Ok(founded.fold(0, |mask, (bit, _)| mask | 1 << bit))
}

/// The places that proved all of a blob: as a whole in some pack, or the pieces that a restore would take.
fn places_of(conn: &Connection, blob: i64, proven: &Masks) -> rusqlite::Result<u64> {
    let of = |pack: i64| usize::try_from(pack).ok().and_then(|pack| proven.get(pack)).copied().unwrap_or(0);
    let mut statement =
        conn.prepare_cached("SELECT pack FROM entries WHERE blob = ?1 AND at = 0 AND bytes = size")?;
    let whole: Vec<i64> = statement.query_map([blob], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let whole = whole.into_iter().fold(0, |mask, pack| mask | of(pack));
    let pieces = packs_of(conn, blob)?.unwrap_or_default();
    let pieced =
        if pieces.is_empty() { 0 } else { pieces.into_iter().fold(u64::MAX, |mask, pack| mask & of(pack)) };
    Ok(whole | pieced)
}

impl TargetCounts {
    /// Counts a copy; whether it was proved within the time.
    fn add(&mut self, copy: &CopyNow, within: &Within) -> bool {
        let bytes = copy.bytes;
        match (copy.state, copy.proven_ms) {
            (CopyState::Proven, proven) if past(proven, within.now_ms).is_none() => self.stale += 1,
            (CopyState::Proven, Some(proven)) => {
                self.checked_all_ms = Some(self.checked_all_ms.map_or(proven, |oldest| oldest.min(proven)));
                self.last_proven_ms = self.last_proven_ms.max(Some(proven));
                let fresh = proven >= within.since_ms;
                if fresh {
                    self.packs += 1;
                    self.bytes += bytes;
                    self.count_recent(copy, within);
                } else {
                    self.stale += 1;
                }
                return fresh;
            }
            (CopyState::Leaving, _) => {}
            (CopyState::Lost, _) => {
                self.lost += 1;
                self.pending_packs += 1;
                self.pending_bytes += bytes;
            }
            (CopyState::Pending | CopyState::Sent | CopyState::Proven, _) => {
                self.pending_packs += 1;
                self.pending_bytes += bytes;
            }
        }
        false
    }

    fn count_recent(&mut self, copy: &CopyNow, within: &Within) {
        let recent = within.now_ms.saturating_sub(RECENT_MS)..=within.now_ms;
        if let Some(sent) = copy.sent_ms.filter(|sent| recent.contains(sent)) {
            self.recent_bytes += copy.bytes;
            self.recent_since_ms = Some(self.recent_since_ms.map_or(sent, |first| first.min(sent)));
        }
    }
}

/// Photos that stand in the same packs are counted together.
pub(super) const PHOTOS_SQL: &str =
    "SELECT packs, count(*), sum(bytes), max(arrived_ms) FROM photos GROUP BY packs";

fn count_photos(
    conn: &Connection,
    masks: &Masks,
    slots: &mut [Slot],
    overview: &mut Overview,
) -> rusqlite::Result<()> {
    let homes =
        slots.iter().enumerate().filter(|(_, slot)| slot.home).fold(0, |mask, (bit, _)| mask | 1 << bit);
    let photos = &mut overview.photos;
    let mut statement = conn.prepare_cached(PHOTOS_SQL)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let count = unsigned(row, 1)?;
        let packs = row.get_ref(0)?.as_blob_or_null().unwrap_or_default();
        let mask = packs.map_or(0, |packs| mask_of(packs, masks));
        photos.total += count;
        photos.bytes += unsigned(row, 2)?;
        let in_homes = ((mask & homes).count_ones() as usize).min(HOMES_COUNTED_MAX);
        photos.in_homes[in_homes] += count;
        if mask == 0 {
            photos.nowhere += count;
        } else {
            photos.newest_safe_ms = photos.newest_safe_ms.max(row.get(3)?);
        }
        for (bit, slot) in slots.iter_mut().enumerate() {
            slot.counts.photos += count * (mask >> bit & 1);
        }
    }
    Ok(())
}

/// The places that have all these packs.
fn mask_of(packs: &[u8], masks: &Masks) -> u64 {
    read_packs(packs).fold(u64::MAX, |mask, pack| mask & masks.get(pack as usize).copied().unwrap_or(0))
}

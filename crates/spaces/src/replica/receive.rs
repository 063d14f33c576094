//! Envelopes of others: into their chains, or into the pending area, or refused.

use std::collections::{BTreeMap, BTreeSet, VecDeque, btree_map::Entry};

use heirloom_identity::{Envelope, EnvelopeHash, HouseholdId};
use heirloom_store::rusqlite::{Connection, OptionalExtension, named_params};

use crate::albums::AlbumError;
use crate::membership::{Admission, Authored, Verdict};
use crate::replica::{
    Replica, Work,
    rows::{self, Stored, count_to_sql},
    settle::{Fresh, Opened},
};
use crate::sync::Reason;

/// How many streams a household may have in an album: one for each node and each time it was put back from a copy.
pub(crate) const STREAMS_MAX: u64 = 128;
/// How many branches of one stream are kept.
pub(crate) const BRANCHES_MAX: u64 = 64;
/// How much of a household is kept that doesn't count or can't be opened yet.
pub(crate) const IDLE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// How many envelopes wait for the one before them.
pub(crate) const PENDING_ENVELOPES_MAX: u64 = 4096;
/// How much they may weigh together.
pub(crate) const PENDING_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// How long they wait, in milliseconds: a day.
pub(crate) const PENDING_MS_MAX: i64 = 24 * 3_600_000;

/// What became of envelopes that came.
#[derive(Debug, Default)]
pub(crate) struct Received {
    /// How many are new here.
    pub(crate) stored: usize,
    /// How many wait for the one before them.
    pub(crate) pending: usize,
    /// Why others were refused, each reason once.
    pub(crate) refused: BTreeSet<Reason>,
    room: Option<Room>,
    /// What is kept of a household that doesn't count or can't be opened.
    idle: BTreeMap<HouseholdId, u64>,
    /// Whether a stream forked, or goes on after a fork while a cut may say how far it counts.
    branched: bool,
}

/// What becomes of an envelope.
#[derive(Debug, PartialEq, Eq)]
enum Keeping {
    Whole,
    Header,
    No,
}

/// How many envelopes wait already, and what they weigh.
#[derive(Debug)]
struct Room {
    waiting: u64,
    bytes: u64,
}

impl Replica {
    /// Takes in envelopes whose signatures were verified, with the households whose certificates they are for.
    pub(crate) fn take_envelopes(
        &mut self,
        work: &mut Work<'_>,
        envelopes: Vec<(Envelope, HouseholdId)>,
    ) -> Result<Received, AlbumError> {
        let mut received = Received::default();
        let mut fresh: Vec<Fresh> = Vec::new();
        let mut queue: VecDeque<(Envelope, HouseholdId)> = envelopes.into();
        while let Some((envelope, household)) = queue.pop_front() {
            let Some((stored, keep)) = self.place(work, &envelope, &household, &mut received)? else {
                continue;
            };
            received.stored += 1;
            if !keep {
                queue.extend(take_pending(work.conn, self.row, &envelope.hash())?);
                continue;
            }
            match self.open(work.conn, stored, &envelope)? {
                Some(opened) => fresh.push(opened),
                None => {
                    *received.idle.entry(household).or_default() += count(envelope.as_bytes().len());
                }
            }
            queue.extend(take_pending(work.conn, self.row, &envelope.hash())?);
        }
        self.admit(work, fresh)?;
        if received.branched {
            self.recount(work)?;
        }
        self.repeat_lost(work)?;
        Ok(received)
    }

    /// Stores an envelope. Gives its row and whether its bytes were kept.
    fn place(
        &mut self,
        work: &Work<'_>,
        envelope: &Envelope,
        household: &HouseholdId,
        received: &mut Received,
    ) -> Result<Option<(Stored, bool)>, AlbumError> {
        if rows::find(work.conn, self.row, &envelope.hash())?.is_some() {
            return Ok(None);
        }
        if !self.was_ever(household) {
            received.refused.insert(Reason::NotMember);
            return Ok(None);
        }
        if envelope.stream().certificate == work.keys.certificate.id() && self.incarnation.is_some() {
            // We wrote this and lack it: the disk is older than we are. What we write next is a new incarnation's.
            self.begin_incarnation_later(work.conn)?;
        }
        if let Entry::Vacant(entry) = received.idle.entry(*household) {
            entry.insert(rows::idle_bytes(work.conn, self.row, household)?);
        }
        let is_full = received.idle.get(household).is_some_and(|idle| *idle >= IDLE_BYTES_MAX);
        if envelope.seq() > 1 {
            match rows::find(work.conn, self.row, &envelope.prev())? {
                Some((stream, seq, _)) if stream == envelope.stream() && seq + 1 == envelope.seq() => {}
                Some(_) => {
                    received.refused.insert(Reason::Malformed);
                    return Ok(None);
                }
                // It is after what there was no room for.
                None if is_full => return Ok(None),
                None => {
                    received.pending += 1;
                    if !put_pending(work, self.row, envelope, household, &mut received.room)? {
                        received.refused.insert(Reason::Flood);
                    }
                    return Ok(None);
                }
            }
        }
        let keeping = if is_full { self.keeping(envelope, household) } else { Keeping::Whole };
        if keeping == Keeping::No {
            return Ok(None);
        }
        let Some(stream) = self.stream_for(work.conn, envelope, household, received)? else {
            received.refused.insert(Reason::Flood);
            return Ok(None);
        };
        let keep = keeping == Keeping::Whole;
        let number = rows::insert_envelope(work.conn, self.row, stream, envelope, work.now_ms, keep)?;
        let stored = Stored {
            number,
            stream,
            key: envelope.stream(),
            household: *household,
            seq: envelope.seq(),
            hash: envelope.hash(),
            heads: envelope.heads().to_vec(),
        };
        Ok(Some((stored, keep)))
    }

    /// The stream that an envelope goes to. `None` when its household has too many, or this one too many branches.
    fn stream_for(
        &self,
        conn: &Connection,
        envelope: &Envelope,
        household: &HouseholdId,
        received: &mut Received,
    ) -> Result<Option<i64>, AlbumError> {
        let key = envelope.stream();
        if !rows::has_stream(conn, self.row, &key)? {
            let is_full = rows::count_streams(conn, self.row, household)? >= STREAMS_MAX;
            return if is_full { Ok(None) } else { rows::stream(conn, self.row, &key, household).map(Some) };
        }
        let stream = rows::stream(conn, self.row, &key, household)?;
        let branches = rows::branches(conn, self.row, stream)?;
        if !rows::is_head(conn, self.row, &envelope.prev())? {
            if branches >= BRANCHES_MAX {
                return Ok(None);
            }
            received.branched |= branches > 0;
        } else if branches > 1 {
            received.branched |=
                self.membership.removals.iter().any(|removal| removal.household == *household);
        }
        Ok(Some(stream))
    }

    /// What becomes of an envelope of a household of which enough is kept that doesn't count.
    fn keeping(&self, envelope: &Envelope, household: &HouseholdId) -> Keeping {
        let authored = Authored {
            household: *household,
            heads: envelope.heads(),
            stream: envelope.stream(),
            seq: envelope.seq(),
            hash: envelope.hash(),
        };
        let verdict = |needs| Admission::new(&self.operations).admit(&authored, needs, |_| true);
        match self.look_into(envelope, household) {
            Opened::Lawful(opened) if verdict(opened.needs) == Verdict::Counts => Keeping::Whole,
            Opened::Unlawful(_) => Keeping::Header,
            // A member's is fetched again when there is room.
            _ if self.membership.members.contains_key(household) => Keeping::No,
            _ => Keeping::Header,
        }
    }

    /// Goes on as a new incarnation at the next write.
    pub(crate) fn begin_incarnation_later(&mut self, conn: &Connection) -> Result<(), AlbumError> {
        self.incarnation = None;
        conn.prepare_cached("UPDATE albums SET incarnation = NULL WHERE number = :album")?
            .execute(named_params! { ":album": self.row })?;
        Ok(())
    }
}

/// Lets an envelope wait for the one before it. False when there is no room.
fn put_pending(
    work: &Work<'_>,
    album: i64,
    envelope: &Envelope,
    household: &HouseholdId,
    room: &mut Option<Room>,
) -> Result<bool, AlbumError> {
    let room = match room {
        Some(room) => room,
        None => room.insert(room_left(work, album)?),
    };
    let bytes = room.bytes + count(envelope.as_bytes().len());
    if room.waiting >= PENDING_ENVELOPES_MAX || bytes > PENDING_BYTES_MAX {
        return Ok(false);
    }
    (room.waiting, room.bytes) = (room.waiting + 1, bytes);
    work.conn
        .prepare_cached(
            "INSERT OR IGNORE INTO album_pending (album, hash, prev, household, received_ms, envelope)
             VALUES (:album, :hash, :prev, :household, :received, :envelope)",
        )?
        .execute(named_params! {
            ":album": album,
            ":hash": envelope.hash().as_bytes(),
            ":prev": envelope.prev().as_bytes(),
            ":household": household.as_bytes(),
            ":received": work.now_ms,
            ":envelope": envelope.as_bytes(),
        })?;
    Ok(true)
}

/// Ends the wait of those that waited for too long, and counts the others.
fn room_left(work: &Work<'_>, album: i64) -> Result<Room, AlbumError> {
    work.conn
        .prepare_cached("DELETE FROM album_pending WHERE album = :album AND received_ms < :oldest")?
        .execute(named_params! { ":album": album, ":oldest": work.now_ms.saturating_sub(PENDING_MS_MAX) })?;
    let room = work
        .conn
        .prepare_cached(
            "SELECT count(*), coalesce(sum(length(envelope)), 0) FROM album_pending WHERE album = :album",
        )?
        .query_row(named_params! { ":album": album }, |row| {
            Ok(Room { waiting: rows::from_sql(row.get(0)?), bytes: rows::from_sql(row.get(1)?) })
        })?;
    Ok(room)
}

/// Takes out the envelopes that waited for this one.
fn take_pending(
    conn: &Connection,
    album: i64,
    after: &EnvelopeHash,
) -> Result<Vec<(Envelope, HouseholdId)>, AlbumError> {
    let mut taken = Vec::new();
    let mut find = conn.prepare_cached(
        "SELECT number, envelope, household FROM album_pending WHERE album = :album AND prev = :prev LIMIT 1",
    )?;
    loop {
        let found: Option<(i64, Vec<u8>, [u8; 32])> = find
            .query_row(named_params! { ":album": album, ":prev": after.as_bytes() }, |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .optional()?;
        let Some((number, bytes, household)) = found else { return Ok(taken) };
        conn.prepare_cached("DELETE FROM album_pending WHERE number = :number")?
            .execute(named_params! { ":number": number })?;
        if let Ok(envelope) = Envelope::decode(&bytes) {
            taken.push((envelope, HouseholdId::from_bytes(household)));
        }
    }
}

fn count(bytes: usize) -> u64 {
    rows::from_sql(count_to_sql(bytes))
}

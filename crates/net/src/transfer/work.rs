//! What is still to be fetched, and by whom: pure bookkeeping, without tasks, clocks or streams.
//!
//! Items are cut into pieces. Pieces that wait lie in one queue; each provider (a *lane*) takes some, as many as it is
//! good for, and what it can't give goes back for the others. When the queue is empty, a lane with nothing to do takes
//! over the last piece of the one that will need longest ([`Work::steal`]). A lane sees each piece in the queue once, so
//! looking for work stays cheap however much was refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::decode::Piece;
use super::part::Part;
use super::report::ItemError;
use super::tree::{GROUP_BYTES, Groups};
use super::wire::RANGES_MAX;

/// A large file is asked for in pieces of this many bytes.
pub(crate) const PIECE_BYTES: u64 = 8 << 20;

/// A lane that will be done within this time is not helped.
const STEAL_FROM_SECS: f64 = 1.0;

/// A lane's rate means something once it was measured so often.
const MEASURED_MIN: u32 = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Refusal {
    NotHere,
    Damaged,
}

#[derive(Debug, Default)]
struct Item {
    part: Option<Arc<Part>>,
    refused: BTreeMap<usize, Refusal>,
    /// All bytes are written; syncing may still fail.
    whole: bool,
    outcome: Option<Result<(), ItemError>>,
}

impl Item {
    fn is_open(&self) -> bool {
        self.outcome.is_none() && !self.whole
    }
}

#[derive(Debug)]
struct Flying {
    piece: Piece,
    bytes: u64,
    /// Somebody else has taken it over as well.
    doubled: bool,
}

#[derive(Debug, Default)]
struct Lane {
    lost: bool,
    /// Pieces with smaller numbers have been seen.
    seen: u64,
    flying: BTreeMap<u64, Flying>,
    flying_bytes: u64,
    /// Bytes a second, and how often that was measured.
    rate: f64,
    measured: u32,
}

impl Lane {
    fn is_known(&self) -> bool {
        self.measured >= MEASURED_MIN
    }
}

/// An item that will not come, to be reported.
pub(crate) type Failed = (usize, ItemError);

/// The state of a fetch.
#[derive(Debug)]
pub(crate) struct Work {
    items: Vec<Item>,
    lanes: Vec<Lane>,
    waiting: BTreeMap<u64, Piece>,
    waiting_bytes: u64,
    next: u64,
    unsettled: usize,
}

impl Work {
    pub(crate) fn new(items: usize, lanes: usize) -> Self {
        let items = std::iter::repeat_with(Item::default).take(items).collect::<Vec<_>>();
        let lanes = std::iter::repeat_with(Lane::default).take(lanes).collect();
        Self { unsettled: items.len(), items, lanes, waiting: BTreeMap::new(), waiting_bytes: 0, next: 0 }
    }

    /// Everything has an outcome.
    pub(crate) fn is_settled(&self) -> bool {
        self.unsettled == 0
    }

    /// Puts an item into the queue.
    pub(crate) fn add(&mut self, part: &Arc<Part>) -> Option<Failed> {
        let item = part.item;
        self.items[item].part = Some(Arc::clone(part));
        let mut missing = part.missing();
        while !missing.is_empty() {
            let groups = missing.split_front(PIECE_BYTES / GROUP_BYTES, RANGES_MAX);
            self.queue(part, groups);
        }
        self.check(item)
    }

    /// Pieces for a lane: up to so many bytes and pieces, and not more than its share of what waits; one at least if
    /// any is there.
    pub(crate) fn take(&mut self, lane: usize, bytes_max: u64, count_max: usize) -> Vec<Piece> {
        let lanes = self.lanes.iter().filter(|lane| !lane.lost).count().max(1) as u64;
        let bytes_max = bytes_max.min(self.waiting_bytes.div_ceil(lanes));
        let (mut taken, mut bytes, mut skipped) = (Vec::new(), 0, Vec::new());
        for (&id, piece) in self.waiting.range(self.lanes[lane].seen..) {
            if taken.len() >= count_max || (bytes >= bytes_max && !taken.is_empty()) {
                break;
            }
            self.lanes[lane].seen = id + 1;
            let item = &self.items[piece.part.item];
            if !item.is_open() {
                skipped.push(id);
            } else if !item.refused.contains_key(&lane) {
                bytes += piece.bytes();
                taken.push(piece.clone());
            }
        }
        for id in skipped.iter().chain(taken.iter().map(|piece| &piece.id)) {
            let piece = self.waiting.remove(id);
            self.waiting_bytes -= piece.map_or(0, |piece| piece.bytes());
        }
        for piece in &taken {
            self.fly(lane, piece.clone());
        }
        taken
    }

    /// Whether [`Work::take`] or [`Work::steal`] would find something.
    pub(crate) fn has_work(&self, lane: usize) -> bool {
        let open = |piece: &Piece| {
            let item = &self.items[piece.part.item];
            item.is_open() && !item.refused.contains_key(&lane)
        };
        self.waiting.range(self.lanes[lane].seen..).any(|(_, piece)| open(piece)) || self.prey(lane).is_some()
    }

    /// The last piece of the lane that will need longest, if this lane would be faster.
    pub(crate) fn steal(&mut self, lane: usize) -> Option<Piece> {
        let (victim, id, groups) = self.prey(lane)?;
        let flight = self.lanes[victim].flying.get_mut(&id)?;
        flight.doubled = true;
        let piece = Piece { id: self.next, part: Arc::clone(&flight.piece.part), groups };
        self.next += 1;
        self.fly(lane, piece.clone());
        Some(piece)
    }

    fn prey(&self, lane: usize) -> Option<(usize, u64, Groups)> {
        let left = |other: usize| seconds(self.lanes[other].flying_bytes, self.lanes[other].rate);
        let mut victims: Vec<(f64, usize)> = (0..self.lanes.len())
            .filter(|&other| other != lane && self.lanes[other].is_known())
            .map(|other| (left(other), other))
            .filter(|(left, _)| *left > STEAL_FROM_SECS)
            .collect();
        victims.sort_by(|a, b| b.0.total_cmp(&a.0));
        victims.into_iter().find_map(|(left, victim)| {
            let flying = self.lanes[victim].flying.iter().rev();
            let mut whole = flying.filter(|(_, flight)| !flight.doubled);
            whole.find_map(|(&id, flight)| Some((victim, id, self.prize(lane, &flight.piece, left)?)))
        })
    }

    /// What is still missing of another lane's piece, if this lane may ask for it and would have it sooner.
    fn prize(&self, lane: usize, piece: &Piece, left: f64) -> Option<Groups> {
        let item = &self.items[piece.part.item];
        let groups = piece.groups.both(&piece.part.missing());
        if !item.is_open() || item.refused.contains_key(&lane) || groups.is_empty() {
            return None;
        }
        let thief = &self.lanes[lane];
        let own = if thief.is_known() {
            seconds(groups.bytes(piece.part.wanted.bytes), thief.rate)
        } else {
            STEAL_FROM_SECS
        };
        (own < left).then_some(groups)
    }

    /// Notes how fast a lane is.
    pub(crate) fn set_rate(&mut self, lane: usize, rate: f64) {
        self.lanes[lane].rate = rate;
        self.lanes[lane].measured = self.lanes[lane].measured.saturating_add(1);
    }

    /// How fast a lane was when last measured, in bytes a second.
    pub(crate) fn rate(&self, lane: usize) -> f64 {
        self.lanes[lane].rate
    }

    /// Pieces and bytes that a lane has asked for and not got.
    pub(crate) fn flying(&self, lane: usize) -> (usize, u64) {
        (self.lanes[lane].flying.len(), self.lanes[lane].flying_bytes)
    }

    /// Bytes of the largest file of which a lane owes something.
    pub(crate) fn largest_owed(&self, lane: usize) -> u64 {
        self.lanes[lane].flying.values().map(|flight| flight.piece.part.wanted.bytes).max().unwrap_or(0)
    }

    /// A piece has come.
    pub(crate) fn done(&mut self, lane: usize, id: u64) {
        self.land(lane, id);
    }

    /// The lane's node has an item not, or not for us.
    pub(crate) fn not_here(&mut self, lane: usize, id: u64) -> Option<Failed> {
        self.refuse(lane, id, Refusal::NotHere)
    }

    /// The lane's node could not go on with a piece.
    pub(crate) fn broken_off(&mut self, lane: usize, id: u64) -> Option<Failed> {
        self.refuse(lane, id, Refusal::Damaged)
    }

    /// A lane's stream ended: what it has not given goes back.
    pub(crate) fn give_back(&mut self, lane: usize) {
        let flying = std::mem::take(&mut self.lanes[lane].flying);
        self.lanes[lane].flying_bytes = 0;
        for flight in flying.into_values() {
            self.requeue(&flight.piece);
        }
    }

    /// A lane's node is not asked any more.
    pub(crate) fn lose(&mut self, lane: usize) -> Vec<Failed> {
        self.give_back(lane);
        self.lanes[lane].lost = true;
        (0..self.items.len()).filter_map(|item| self.check(item)).collect()
    }

    /// All bytes of an item are written.
    pub(crate) fn whole(&mut self, item: usize) {
        self.items[item].whole = true;
    }

    /// An item has its outcome; false if it had one before.
    pub(crate) fn settle(&mut self, item: usize, outcome: Result<(), ItemError>) -> bool {
        let entry = &mut self.items[item];
        if entry.outcome.is_some() {
            return false;
        }
        if let Some(part) = &entry.part
            && outcome.is_err()
        {
            part.give_up();
        }
        entry.outcome = Some(outcome);
        self.unsettled -= 1;
        true
    }

    /// Ends what is left: nobody works on it any more.
    pub(crate) fn settle_rest(&mut self, error: &ItemError) -> Vec<usize> {
        (0..self.items.len()).filter(|&item| self.settle(item, Err(error.clone()))).collect()
    }

    /// Whole files that have no outcome yet.
    pub(crate) fn is_syncing(&self) -> bool {
        self.items.iter().any(|item| item.whole && item.outcome.is_none())
    }

    /// The outcomes, at the end.
    pub(crate) fn take_outcomes(&mut self) -> Vec<Result<(), ItemError>> {
        let items = std::mem::take(&mut self.items).into_iter();
        items.map(|item| item.outcome.unwrap_or(Err(ItemError::Unreachable))).collect()
    }

    fn queue(&mut self, part: &Arc<Part>, groups: Groups) {
        let piece = Piece { id: self.next, part: Arc::clone(part), groups };
        self.next += 1;
        self.waiting_bytes += piece.bytes();
        self.waiting.insert(piece.id, piece);
    }

    fn fly(&mut self, lane: usize, piece: Piece) {
        let bytes = piece.bytes();
        self.lanes[lane].flying_bytes += bytes;
        self.lanes[lane].flying.insert(piece.id, Flying { piece, bytes, doubled: false });
    }

    fn land(&mut self, lane: usize, id: u64) -> Option<Piece> {
        let flight = self.lanes[lane].flying.remove(&id)?;
        self.lanes[lane].flying_bytes -= flight.bytes;
        Some(flight.piece)
    }

    fn refuse(&mut self, lane: usize, id: u64, refusal: Refusal) -> Option<Failed> {
        let piece = self.land(lane, id)?;
        let refused = self.items[piece.part.item].refused.entry(lane).or_insert(refusal);
        *refused = refusal.max(*refused);
        self.requeue(&piece);
        self.check(piece.part.item)
    }

    fn requeue(&mut self, piece: &Piece) {
        let missing = piece.groups.both(&piece.part.missing());
        if self.items[piece.part.item].is_open() && !missing.is_empty() {
            self.queue(&piece.part, missing);
        }
    }

    /// Gives an item up when every lane that is left has refused it.
    fn check(&mut self, item: usize) -> Option<Failed> {
        let entry = &self.items[item];
        let mut left = (0..self.lanes.len()).filter(|&lane| !self.lanes[lane].lost);
        let hope = left.any(|lane| !entry.refused.contains_key(&lane));
        if !entry.is_open() || entry.part.is_none() || hope {
            return None;
        }
        let error = match entry.refused.values().max() {
            Some(Refusal::Damaged) => ItemError::Damaged,
            // Somebody who might have had it was lost: that is another thing than "nobody has it".
            Some(Refusal::NotHere) if entry.refused.len() == self.lanes.len() => ItemError::NotHere,
            _ => ItemError::Unreachable,
        };
        self.settle(item, Err(error.clone())).then_some((item, error))
    }

    /// How many pieces of each item wait or fly; for tests of the bookkeeping.
    #[cfg(test)]
    fn pieces(&self) -> std::collections::HashMap<usize, usize> {
        let flying = self.lanes.iter().flat_map(|lane| lane.flying.values().map(|flight| &flight.piece));
        let mut count = std::collections::HashMap::new();
        for piece in self.waiting.values().chain(flying) {
            *count.entry(piece.part.item).or_default() += 1;
        }
        count
    }
}

fn seconds(bytes: u64, rate: f64) -> f64 {
    let kibibytes = f64::from(u32::try_from(bytes >> 10).unwrap_or(u32::MAX));
    kibibytes * 1024.0 / rate.max(1.0)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::path::Path;

    use heirloom_identity::ContentHash;

    use super::super::part::Wanted;
    use super::*;

    fn part(item: usize, bytes: u64, folder: &Path) -> Arc<Part> {
        let wanted = Wanted {
            token: Vec::new(),
            root: ContentHash::of(&item.to_le_bytes()),
            bytes,
            part: folder.join(item.to_string()),
            done: None,
        };
        Arc::new(Part::prepare(item, wanted, &|| false).unwrap())
    }

    fn work(sizes: &[u64], lanes: usize, folder: &Path) -> Work {
        let mut work = Work::new(sizes.len(), lanes);
        for (item, &bytes) in sizes.iter().enumerate() {
            assert!(work.add(&part(item, bytes, folder)).is_none());
        }
        work
    }

    #[test]
    fn large_files_are_split_and_small_ones_batched() {
        let folder = tempfile::tempdir().unwrap();
        let mut work = work(&[3 * PIECE_BYTES + 1, 100, 0, 300_000], 2, folder.path());
        assert_eq!(work.pieces(), HashMap::from([(0, 4), (1, 1), (2, 1), (3, 1)]));
        assert_eq!(work.take(0, u64::MAX, 100).len(), 2, "its share");
        assert_eq!(work.take(1, u64::MAX, 1).len(), 1);
        assert_eq!(work.take(1, u64::MAX, 100).len(), 4, "no bytes, and one that goes beyond");
        assert_eq!(work.take(0, u64::MAX, 100).len(), 0);
        assert_eq!(work.waiting_bytes, 0);
    }

    #[test]
    fn what_a_lane_cannot_give_goes_to_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let mut work = work(&[10, 20], 3, folder.path());
        let first = work.take(0, 1, 1);
        assert!(work.not_here(0, first[0].id).is_none());
        assert_eq!(work.take(0, u64::MAX, 9).len(), 1, "only what it has not refused");
        let second = work.take(1, u64::MAX, 9);
        assert!(work.broken_off(1, second[0].id).is_none());
        assert!(work.lose(0).is_empty());
        let third = work.take(2, u64::MAX, 9);
        assert_eq!(third.len(), 2);
        let item = third.iter().find(|piece| piece.part.item == 0).unwrap();
        assert!(matches!(work.not_here(2, item.id), Some((0, ItemError::Damaged))));
        assert!(work.lose(1).is_empty());
        assert!(matches!(work.lose(2)[..], [(1, ItemError::Unreachable)]));
        assert!(work.is_settled());
    }

    #[test]
    fn an_item_that_nobody_has_is_not_here() {
        let folder = tempfile::tempdir().unwrap();
        let mut work = work(&[10], 2, folder.path());
        let first = work.take(0, 1, 1);
        assert!(work.not_here(0, first[0].id).is_none());
        let second = work.take(1, 1, 1);
        assert!(matches!(work.not_here(1, second[0].id), Some((0, ItemError::NotHere))));
    }

    #[test]
    fn a_quick_lane_takes_over_from_a_slow_one() {
        let folder = tempfile::tempdir().unwrap();
        let mut work = work(&[4 * PIECE_BYTES], 2, folder.path());
        let slow = [work.take(0, u64::MAX, 9), work.take(0, u64::MAX, 9), work.take(0, u64::MAX, 9)].concat();
        assert!(work.steal(1).is_none(), "nobody knows yet how slow it is");
        (0..MEASURED_MIN).for_each(|_| work.set_rate(0, 1e5));
        (0..MEASURED_MIN).for_each(|_| work.set_rate(1, 1e8));
        let stolen = work.steal(1).unwrap();
        assert_eq!(stolen.groups, slow[3].groups);
        assert_eq!(work.steal(1).unwrap().groups, slow[2].groups);
        work.set_rate(0, 1e9);
        assert!(work.steal(1).is_none(), "it will be done in a moment");
        work.settle(0, Ok(()));
        work.set_rate(0, 1.0);
        assert!(work.steal(1).is_none(), "there is nothing left to do");
    }
}

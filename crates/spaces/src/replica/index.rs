//! Which changes of one document count: a pure function of the set of envelopes and operations.
//!
//! A change counts *directly* when its author had the role at the membership heads it names and it is within every cut.
//! It also counts when a change that counts, by another household, depends on it: what honest members built on stays.
//! And it counts only together with everything it depends on. The largest set with these properties is the answer; it
//! exists and is the same everywhere, because each rule only ever takes changes away until nothing more goes.
//!
//! An actor's changes follow each other: in the chain of envelopes, in their numbers, and each depends on the one before
//! it. Of two in one chain with one number the earlier one counts. When a stream forked, two changes may carry one number
//! of one actor, and Automerge takes only one. That one counts which more other households built on; among equals the
//! one with the lower hash. The other branch is kept and shown.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use automerge::ChangeHash;
use heirloom_identity::{EnvelopeHash, HouseholdId};

use crate::replica::chains::Tree;

/// One change of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) hash: ChangeHash,
    /// `album_envelopes.number`s of the envelopes that carry it: one, but for forks.
    pub(crate) envelopes: Vec<i64>,
    /// Where these stand in the stream: number and hash.
    pub(crate) places: Vec<(u64, EnvelopeHash)>,
    pub(crate) household: HouseholdId,
    /// `album_streams.number`: the actor.
    pub(crate) stream: i64,
    /// Its number among the actor's changes of this document.
    pub(crate) seq: u64,
    pub(crate) first_op: u64,
    pub(crate) last_op: u64,
    pub(crate) deps: Vec<ChangeHash>,
    pub(crate) direct: bool,
}

/// All changes of a document that could count, by hash.
#[derive(Debug, Clone, Default)]
pub(crate) struct Index {
    pub(crate) nodes: HashMap<ChangeHash, Node>,
    /// Those that count.
    pub(crate) counted: BTreeSet<ChangeHash>,
    /// The last change of each actor that counts.
    last: HashMap<i64, ChangeHash>,
    /// The streams that forked.
    pub(crate) trees: HashMap<i64, Tree>,
    /// Those that don't count though all is there that they depend on, each after what it depends on.
    pub(crate) lost: Vec<ChangeHash>,
}

impl Index {
    /// Adds a change, or another envelope of one.
    pub(crate) fn insert(&mut self, node: Node) {
        match self.nodes.get_mut(&node.hash) {
            Some(known) => {
                known.direct |= node.direct;
                known.envelopes.extend(node.envelopes);
                known.places.extend(node.places);
            }
            None => {
                self.nodes.insert(node.hash, node);
            }
        }
    }

    /// Whether nothing is known that doesn't count.
    pub(crate) fn is_plain(&self) -> bool {
        self.nodes.len() == self.counted.len()
    }

    /// Whether a change that isn't inserted yet simply comes after those that count.
    pub(crate) fn follows(&self, node: &Node) -> bool {
        let last = self.last.get(&node.stream).and_then(|hash| self.nodes.get(hash));
        node.direct
            && !self.nodes.contains_key(&node.hash)
            && node.seq == last.map_or(0, |last| last.seq) + 1
            && last.is_none_or(|last| self.is_before(last, node) && self.depends(node, last))
            && node.deps.iter().all(|dep| self.counted.contains(dep))
            && node.first_op == 1 + self.last_op(&node.deps)
    }

    /// Takes a change in that [follows](Index::follows).
    pub(crate) fn append(&mut self, node: Node) {
        self.last.insert(node.stream, node.hash);
        self.counted.insert(node.hash);
        self.nodes.insert(node.hash, node);
    }

    /// Whether some envelope of a change comes after one of another in their chain.
    fn is_before(&self, earlier: &Node, later: &Node) -> bool {
        let tree = self.trees.get(&earlier.stream);
        let before = |from: &(u64, EnvelopeHash), to: &(u64, EnvelopeHash)| {
            from.0 < to.0 && tree.is_none_or(|tree| tree.leads_to(&from.1, &to.1))
        };
        earlier.stream == later.stream
            && earlier.places.iter().any(|from| later.places.iter().any(|to| before(from, to)))
    }

    /// Whether a change is among what another depends on, directly or not. What has no higher operation number than it
    /// can't depend on it; so following one actor's changes looks at every change once.
    fn depends(&self, node: &Node, on: &Node) -> bool {
        let mut seen = BTreeSet::new();
        let mut rest: Vec<&ChangeHash> = node.deps.iter().collect();
        while let Some(hash) = rest.pop() {
            if *hash == on.hash {
                return true;
            }
            let Some(below) = self.nodes.get(hash) else { continue };
            if below.last_op > on.last_op && seen.insert(*hash) {
                rest.extend(&below.deps);
            }
        }
        false
    }

    /// Whether an actor has changes here that don't count, so that its next number may be taken.
    pub(crate) fn is_past(&self, stream: i64) -> bool {
        !self.is_plain()
            && self.nodes.values().any(|node| node.stream == stream && !self.counted.contains(&node.hash))
    }

    /// Decides which changes count; gives them in an order in which they can be applied.
    pub(crate) fn count(&mut self) -> Vec<ChangeHash> {
        let order = self.settle();
        self.counted = order.iter().copied().collect();
        self.last.clear();
        for hash in &order {
            self.last.insert(self.nodes[hash].stream, *hash);
        }
        self.lost.clear();
        if !self.is_plain() {
            let whole = self.whole();
            self.lost.extend(whole.into_iter().filter(|hash| !self.counted.contains(hash)));
        }
        order
    }

    fn settle(&self) -> Vec<ChangeHash> {
        let whole = self.whole();
        let mut losers = self.doubled();
        let mut order = self.order(&whole, &losers);
        loop {
            let lost = self.forks(&order);
            if lost.is_empty() {
                return self.supported(&order);
            }
            losers.extend(lost);
            order = self.order(&whole, &losers);
        }
    }

    /// Every change whose dependencies are all there, each after what it depends on; among several that could be next,
    /// the one with the lowest hash.
    fn whole(&self) -> Vec<ChangeHash> {
        let mut waiting: HashMap<ChangeHash, usize> = HashMap::new();
        let mut dependents: HashMap<ChangeHash, Vec<ChangeHash>> = HashMap::new();
        let mut ready = BTreeSet::new();
        for node in self.nodes.values() {
            let before: BTreeSet<ChangeHash> = node.deps.iter().copied().collect();
            if before.is_empty() {
                ready.insert(node.hash);
            }
            waiting.insert(node.hash, before.len());
            before.into_iter().for_each(|dep| dependents.entry(dep).or_default().push(node.hash));
        }
        let mut order = Vec::with_capacity(self.nodes.len());
        while let Some(hash) = ready.pop_first() {
            order.push(hash);
            for dependent in dependents.remove(&hash).unwrap_or_default() {
                let left = waiting.get_mut(&dependent).expect("every dependent waits");
                *left -= 1;
                if *left == 0 {
                    ready.insert(dependent);
                }
            }
        }
        order
    }

    /// The changes that carry a number which one before them in the same chain carries already.
    fn doubled(&self) -> BTreeSet<ChangeHash> {
        let mut by_number: HashMap<(i64, u64), Vec<&Node>> = HashMap::new();
        for node in self.nodes.values() {
            by_number.entry((node.stream, node.seq)).or_default().push(node);
        }
        let mut doubled = BTreeSet::new();
        for mut same in by_number.into_values().filter(|same| same.len() > 1) {
            same.sort_by_key(|node| (node.places.iter().min().copied(), node.hash));
            // One for each branch at most.
            let mut first: Vec<&Node> = Vec::new();
            for node in same {
                if first.iter().any(|earlier| self.is_before(earlier, node)) {
                    doubled.insert(node.hash);
                } else {
                    first.push(node);
                }
            }
        }
        doubled
    }

    /// The changes of an order but these, each with all it depends on, and with its actor's change before it among that.
    fn order(&self, whole: &[ChangeHash], without: &BTreeSet<ChangeHash>) -> Vec<ChangeHash> {
        let mut order = Vec::with_capacity(whole.len());
        let mut taken: HashSet<ChangeHash> = HashSet::with_capacity(whole.len());
        let mut by_number: HashMap<(i64, u64), Vec<ChangeHash>> = HashMap::new();
        for hash in whole.iter().filter(|hash| !without.contains(*hash)) {
            let node = &self.nodes[hash];
            let previous = by_number.get(&(node.stream, node.seq - 1)).map_or(&[][..], Vec::as_slice);
            let mut previous = previous.iter().map(|hash| &self.nodes[hash]);
            if node.deps.iter().all(|dep| taken.contains(dep))
                && node.first_op == 1 + self.last_op(&node.deps)
                && (node.seq == 1 || previous.any(|one| self.is_before(one, node) && self.depends(node, one)))
            {
                order.push(*hash);
                taken.insert(*hash);
                by_number.entry((node.stream, node.seq)).or_default().push(*hash);
            }
        }
        order
    }

    /// The highest operation number among these changes.
    fn last_op(&self, of: &[ChangeHash]) -> u64 {
        of.iter().filter_map(|hash| self.nodes.get(hash)).map(|node| node.last_op).max().unwrap_or(0)
    }

    /// The changes that lose at the earliest forks, of all streams that have one there; none when nothing forked.
    fn forks(&self, order: &[ChangeHash]) -> Vec<ChangeHash> {
        let mut by_number: BTreeMap<u64, HashMap<i64, Vec<ChangeHash>>> = BTreeMap::new();
        for hash in order {
            let node = &self.nodes[hash];
            by_number.entry(node.seq).or_default().entry(node.stream).or_default().push(*hash);
        }
        let earliest = by_number.into_values().find_map(|mut streams| {
            streams.retain(|_, branches| branches.len() > 1);
            (!streams.is_empty()).then_some(streams)
        });
        let Some(streams) = earliest else { return Vec::new() };
        let candidates: Vec<ChangeHash> = streams.values().flatten().copied().collect();
        let builders = self.builders(&candidates, order);
        let mut losers = Vec::new();
        for branches in streams.into_values() {
            let best =
                branches.iter().max_by_key(|hash| (builders[*hash], std::cmp::Reverse(**hash))).copied();
            losers.extend(branches.into_iter().filter(|hash| Some(*hash) != best));
        }
        losers
    }

    /// How many other households depend on each of these changes.
    fn builders(&self, on: &[ChangeHash], order: &[ChangeHash]) -> HashMap<ChangeHash, usize> {
        let numbers: HashMap<ChangeHash, usize> = on.iter().copied().zip(0..).collect();
        let mut households = vec![BTreeSet::new(); on.len()];
        // Which of these each change depends on, as bits.
        let mut below: HashMap<ChangeHash, Vec<u64>> = HashMap::new();
        for hash in order {
            let node = &self.nodes[hash];
            let mut bits: Vec<u64> = Vec::new();
            for dep in node.deps.iter().filter_map(|dep| below.get(dep)) {
                bits.resize(bits.len().max(dep.len()), 0);
                bits.iter_mut().zip(dep).for_each(|(bit, dep)| *bit |= dep);
            }
            let set = (0_usize..).zip(&bits).filter(|(_, word)| **word != 0);
            for number in set.flat_map(|(at, word)| {
                (0..64).filter(move |bit| word >> bit & 1 == 1).map(move |bit| at * 64 + bit)
            }) {
                households[number].insert(node.household);
            }
            if let Some(number) = numbers.get(hash) {
                bits.resize(bits.len().max(number / 64 + 1), 0);
                bits[number / 64] |= 1 << (number % 64);
            }
            if !bits.is_empty() {
                below.insert(*hash, bits);
            }
        }
        let count = |hash: &ChangeHash, set: &BTreeSet<HouseholdId>| {
            set.len() - usize::from(set.contains(&self.nodes[hash].household))
        };
        on.iter().zip(&households).map(|(hash, set)| (*hash, count(hash, set))).collect()
    }

    /// The largest part of an order in which each change is direct or built on by another household, and has its
    /// dependencies.
    fn supported(&self, order: &[ChangeHash]) -> Vec<ChangeHash> {
        let mut standing: BTreeSet<ChangeHash> = order.iter().copied().collect();
        if order.iter().all(|hash| self.nodes[hash].direct) {
            return order.to_vec();
        }
        loop {
            let before = standing.len();
            // Up to two different households that build on a change: enough to know whether one is another's.
            let mut builders: HashMap<ChangeHash, BTreeSet<HouseholdId>> = HashMap::new();
            for hash in order.iter().rev().filter(|hash| standing.contains(*hash)).collect::<Vec<_>>() {
                let node = &self.nodes[hash];
                let mut above = builders.remove(hash).unwrap_or_default();
                if !node.direct && !above.iter().any(|household| *household != node.household) {
                    standing.remove(hash);
                    continue;
                }
                if above.len() < 2 {
                    above.insert(node.household);
                }
                for dep in &node.deps {
                    let set = builders.entry(*dep).or_default();
                    set.extend(above.iter().take(2));
                }
            }
            let mut previous: HashMap<i64, u64> = HashMap::new();
            for hash in order {
                let node = &self.nodes[hash];
                let in_row = previous.get(&node.stream).copied().unwrap_or(0) + 1 == node.seq;
                let whole = in_row && node.deps.iter().all(|dep| standing.contains(dep));
                if standing.contains(hash) && whole {
                    previous.insert(node.stream, node.seq);
                } else {
                    standing.remove(hash);
                }
            }
            if standing.len() == before {
                return order.iter().filter(|hash| standing.contains(*hash)).copied().collect();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(n: u8) -> ChangeHash {
        ChangeHash([n; 32])
    }

    /// A change: its name, its author (also its stream), its number, what it depends on, whether it is direct.
    fn node(n: u8, household: u8, seq: u64, deps: &[u8], direct: bool) -> Node {
        let depth = deps.iter().copied().max().map_or(0, u64::from);
        Node {
            hash: hash(n),
            envelopes: vec![i64::from(n)],
            places: vec![(seq, EnvelopeHash::from_bytes([n; 32]))],
            household: HouseholdId::from_bytes([household; 32]),
            stream: i64::from(household),
            seq,
            first_op: depth + 1,
            last_op: u64::from(n),
            deps: deps.iter().copied().map(hash).collect(),
            direct,
        }
    }

    fn check(nodes: &[Node], expected: &[u8]) {
        for turn in 0..nodes.len().max(1) {
            let mut index = Index::default();
            let (late, early) = nodes.split_at(turn);
            early.iter().chain(late).for_each(|node| index.insert(node.clone()));
            index.count();
            let counted: Vec<u8> = index.counted.iter().map(|hash| hash.0[0]).collect();
            assert_eq!(counted, expected, "from {turn}");
        }
    }

    #[test]
    fn what_others_built_on_stays() {
        // 2 is past its author's cut; somebody else built on it, on 4 nobody did.
        let one = node(1, 1, 1, &[], true);
        let two = node(2, 2, 1, &[1], false);
        check(&[one.clone(), two.clone(), node(3, 1, 2, &[2], true), node(4, 2, 2, &[3], false)], &[1, 2, 3]);
        check(&[one.clone(), two.clone()], &[1]);
        // Building on it oneself is not enough, whatever one's later changes are.
        check(&[one, two, node(3, 2, 2, &[2], true)], &[1]);
    }

    #[test]
    fn what_lacks_a_dependency_or_a_number_waits() {
        check(&[node(2, 1, 1, &[1], true)], &[]);
        check(&[node(2, 1, 2, &[], true)], &[]);
        // Its actor's change before it is there, but not below it.
        check(&[node(1, 1, 1, &[], true), node(2, 2, 1, &[], true), node(3, 1, 2, &[2], true)], &[1, 2]);
        check(&[node(1, 1, 1, &[], true), node(2, 2, 1, &[1], true), node(3, 1, 2, &[2], true)], &[1, 2, 3]);
        let mut leap = node(2, 2, 1, &[1], true);
        leap.first_op = 1_000;
        check(&[node(1, 1, 1, &[], true), leap], &[1]);
    }

    #[test]
    fn of_a_fork_the_branch_counts_that_others_built_on() {
        let base = node(1, 1, 1, &[], true);
        let (left, right) = (node(2, 1, 2, &[1], true), node(3, 1, 2, &[1], true));
        check(&[base.clone(), left.clone(), right.clone()], &[1, 2]);
        check(&[base, left, right, node(4, 2, 1, &[3], true)], &[1, 3, 4]);
    }

    #[test]
    fn one_chain_says_each_number_once() {
        // Somebody built on the second, which doesn't help: the chain said first what its number is.
        let (first, mut second) = (node(2, 1, 1, &[], true), node(1, 1, 1, &[], true));
        second.places[0].0 = 2;
        let comment = node(3, 2, 1, &[1], true);
        check(&[first.clone(), second.clone()], &[2]);
        check(&[first.clone(), second.clone(), comment.clone()], &[2]);
        let mut index = Index::default();
        [first, second, comment].into_iter().for_each(|node| index.insert(node));
        index.count();
        assert_eq!(index.lost, [hash(1), hash(3)], "who built on it can say it again");
    }

    #[test]
    fn the_short_way_agrees_with_the_long_one() {
        let nodes = [
            node(1, 1, 1, &[], true),
            node(2, 2, 1, &[1], true),
            node(3, 1, 2, &[1], true),
            node(4, 2, 2, &[2, 3], true),
        ];
        let mut short = Index::default();
        for node in &nodes {
            assert!(short.follows(node) && short.is_plain());
            short.append(node.clone());
        }
        let mut long = Index::default();
        nodes.iter().for_each(|node| long.insert(node.clone()));
        assert_eq!(long.count(), [1, 2, 3, 4].map(hash));
        assert_eq!(short.counted, long.counted);
        assert!(!short.is_past(2));
    }
}

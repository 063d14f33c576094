//! Which changes of one document count: a pure function of the set of envelopes and operations.
//!
//! A change counts *directly* when its author had the role at the membership heads it names and it is within every cut.
//! It also counts when a change that counts, by another household, depends on it: what honest members built on stays.
//! And it counts only together with everything it depends on. The largest set with these properties is the answer; it
//! exists and is the same everywhere, because each rule only ever takes changes away until nothing more goes.
//!
//! When a stream forked, two changes may carry one number of one actor, and Automerge takes only one. That one counts
//! which more other households built on; among equals the one with the lower hash. The other branch is kept and shown.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use automerge::ChangeHash;
use heirloom_identity::HouseholdId;

/// One change of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) hash: ChangeHash,
    /// `album_envelopes.number`s of the envelopes that carry it: one, but for forks.
    pub(crate) envelopes: Vec<i64>,
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
    /// The last number of each actor that counts.
    last_seq: HashMap<i64, u64>,
    /// Those that lost at a fork, with all that depends on them, each after what it depends on.
    pub(crate) lost: Vec<ChangeHash>,
}

impl Index {
    /// Adds a change, or another envelope of one.
    pub(crate) fn insert(&mut self, node: Node) {
        match self.nodes.get_mut(&node.hash) {
            Some(known) => {
                known.direct |= node.direct;
                known.envelopes.extend(node.envelopes);
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
        node.direct
            && !self.nodes.contains_key(&node.hash)
            && node.seq == self.last_seq.get(&node.stream).copied().unwrap_or(0) + 1
            && node.deps.iter().all(|dep| self.counted.contains(dep))
            && node.first_op == 1 + self.last_op(&node.deps)
    }

    /// Takes a change in that [follows](Index::follows).
    pub(crate) fn append(&mut self, node: Node) {
        self.last_seq.insert(node.stream, node.seq);
        self.counted.insert(node.hash);
        self.nodes.insert(node.hash, node);
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
        self.last_seq.clear();
        for hash in &order {
            let node = &self.nodes[hash];
            let last = self.last_seq.entry(node.stream).or_default();
            *last = (*last).max(node.seq);
        }
        order
    }

    fn settle(&mut self) -> Vec<ChangeHash> {
        let mut losers = BTreeSet::new();
        let all = self.order(&losers);
        let mut order = all.clone();
        while let Some(loser) = self.fork(&order) {
            losers.extend(loser);
            order = self.order(&losers);
        }
        self.lost.clear();
        if !losers.is_empty() {
            let left: BTreeSet<ChangeHash> = order.iter().copied().collect();
            self.lost.extend(all.into_iter().filter(|hash| !left.contains(hash)));
        }
        self.supported(&order)
    }

    /// Every change but these whose dependencies are all there, each after what it depends on, and an actor's changes in
    /// the order of their numbers; among several that could be next, the one with the lowest hash.
    fn order(&self, without: &BTreeSet<ChangeHash>) -> Vec<ChangeHash> {
        let mut by_number: HashMap<(i64, u64), Vec<ChangeHash>> = HashMap::new();
        for node in self.nodes.values().filter(|node| !without.contains(&node.hash)) {
            by_number.entry((node.stream, node.seq)).or_default().push(node.hash);
        }
        let mut waiting: HashMap<ChangeHash, usize> = HashMap::new();
        let mut dependents: HashMap<ChangeHash, Vec<ChangeHash>> = HashMap::new();
        let mut ready = BTreeSet::new();
        for node in self.nodes.values().filter(|node| !without.contains(&node.hash)) {
            let mut before: BTreeSet<ChangeHash> = node.deps.iter().copied().collect();
            if node.seq > 1 {
                match by_number.get(&(node.stream, node.seq - 1)).map(Vec::as_slice) {
                    None => continue,
                    Some([only]) => {
                        before.insert(*only);
                    }
                    // Which of them it follows, its own dependencies say.
                    Some(_) => {}
                }
            }
            if before.is_empty() {
                ready.insert(node.hash);
            }
            waiting.insert(node.hash, before.len());
            before.into_iter().for_each(|dep| dependents.entry(dep).or_default().push(node.hash));
        }
        let mut order = Vec::with_capacity(self.nodes.len());
        while let Some(hash) = ready.pop_first() {
            if self.nodes[&hash].first_op != 1 + self.last_op(&self.nodes[&hash].deps) {
                continue;
            }
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

    /// The highest operation number among these changes.
    fn last_op(&self, of: &[ChangeHash]) -> u64 {
        of.iter().filter_map(|hash| self.nodes.get(hash)).map(|node| node.last_op).max().unwrap_or(0)
    }

    /// The changes that lose at the earliest fork, if any.
    fn fork(&self, order: &[ChangeHash]) -> Option<Vec<ChangeHash>> {
        let mut by_number: BTreeMap<(u64, i64), Vec<ChangeHash>> = BTreeMap::new();
        for hash in order {
            let node = &self.nodes[hash];
            by_number.entry((node.seq, node.stream)).or_default().push(*hash);
        }
        let (_, branches) = by_number.into_iter().find(|(_, branches)| branches.len() > 1)?;
        let winner = *branches.iter().max_by_key(|hash| {
            let builders = self.builders(hash, order);
            (builders, std::cmp::Reverse(**hash))
        })?;
        Some(branches.into_iter().filter(|hash| *hash != winner).collect())
    }

    /// How many other households depend on a change.
    fn builders(&self, on: &ChangeHash, order: &[ChangeHash]) -> usize {
        let author = self.nodes[on].household;
        let mut above = BTreeSet::from([*on]);
        let mut households = BTreeSet::new();
        for hash in order {
            let node = &self.nodes[hash];
            if node.deps.iter().any(|dep| above.contains(dep)) {
                above.insert(*hash);
                households.insert(node.household);
            }
        }
        households.remove(&author);
        households.len()
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

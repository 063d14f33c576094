//! Which of a ward's heads counts, which is a replay, which contradicts another, and which are held: pure.
//!
//! Heads rank by certificate, then number, then the lower hash. Only one that outranks all others becomes the newest. A
//! node that is not replaced writes one chain; two heads under one certificate that can't both stand in one chain are a
//! *fork*: two machines have the same keys, or an old copy of a node woke up.

use std::collections::{BTreeMap, HashSet};

use heirloom_identity::VaultHead;

use super::AlarmKind;
use crate::target::{DAY_MS, HOLD_MS};

/// How far a head's number may be ahead of the newest here: a keeper was away, not for a thousand years. Without a limit
/// a thief of a node's keys could use up all numbers, so that no head counts any more.
pub(crate) const JUMP_MAX: u64 = 1 << 20;
/// Contradicting heads that are kept; further ones raise the alarm only.
const FORKS_MAX: usize = 8;
/// Last heads of replaced certificates that are kept whatever else came.
const CERTIFICATES_MAX: usize = 8;
/// Of each hour of the last day, and of each day before that, the heads before so many jumps are held, too.
const JUMPS_HELD: usize = 2;
const HOUR_MS: i64 = 60 * 60 * 1000;

/// What is known of a head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) head: [u8; 32],
    pub(crate) previous: [u8; 32],
    pub(crate) certificate: [u8; 32],
    pub(crate) generation: u32,
    pub(crate) number: u64,
    pub(crate) made_ms: i64,
    pub(crate) superseded: Option<i64>,
    pub(crate) fork: bool,
    /// Another keeper told of it: what it names may not be here.
    pub(crate) told: bool,
    /// The one that superseded it doesn't follow it directly.
    pub(crate) jump: bool,
    /// Its file isn't on the disk; it is remembered to tell replays.
    pub(crate) lost: bool,
}

/// What becomes of a head that arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is the newest now; perhaps people should know something.
    Newest(Option<AlarmKind>),
    /// It is the newest already.
    Known,
    /// A replay, or the word of a node that was replaced.
    Older,
    /// It contradicts what is here and is not the newest: kept beside it if there is room, and people are told.
    Fork {
        /// Whether it is kept.
        kept: bool,
    },
    /// No number can be that high.
    Absurd,
}

impl Link {
    pub(crate) fn of(head: &VaultHead) -> Self {
        Self {
            head: *head.hash().as_bytes(),
            previous: *head.previous().as_bytes(),
            certificate: *head.certificate().hash().as_bytes(),
            generation: head.certificate().generation(),
            number: head.number(),
            made_ms: head.made_at_ms(),
            superseded: None,
            fork: false,
            told: false,
            jump: false,
            lost: false,
        }
    }

    /// The same order as [`VaultHead::outranks`].
    pub(crate) fn outranks(&self, other: &Self) -> bool {
        if self.certificate != other.certificate {
            return self.generation > other.generation
                || self.generation == other.generation && self.certificate < other.certificate;
        }
        self.number > other.number || self.number == other.number && self.head < other.head
    }

    /// Whether the two can't stand in one chain.
    pub(crate) fn contradicts(&self, other: &Self) -> bool {
        let follows = |next: &Self, last: &Self| next.number.checked_sub(1) == Some(last.number);
        self.certificate == other.certificate
            && self.head != other.head
            && (self.number == other.number
                || follows(self, other) && self.previous != other.head
                || follows(other, self) && other.previous != self.head)
    }
}

/// The head that outranks all others, those that were lost with them: replays are told by it.
pub(crate) fn newest(links: &[Link]) -> Option<&Link> {
    best(links.iter())
}

/// The head that outranks all others that the ward put here itself and that are on the disk.
pub(crate) fn newest_own(links: &[Link]) -> Option<&Link> {
    best(links.iter().filter(|link| !link.lost && !link.told))
}

fn best<'a>(links: impl Iterator<Item = &'a Link>) -> Option<&'a Link> {
    links.reduce(|best, link| if link.outranks(best) { link } else { best })
}

/// Judges a head that arrives.
pub(crate) fn judge(links: &[Link], new: &Link) -> Verdict {
    let Some(newest) = newest(links) else {
        return if new.number > JUMP_MAX * JUMP_MAX { Verdict::Absurd } else { Verdict::Newest(None) };
    };
    if new.head == newest.head {
        return Verdict::Known;
    }
    if links.iter().any(|link| link.head == new.head) {
        return Verdict::Older;
    }
    let two_nodes = new.certificate != newest.certificate && new.generation == newest.generation;
    let fork = two_nodes || links.iter().any(|link| new.contradicts(link));
    if new.outranks(newest) {
        if new.number > newest.number.saturating_add(JUMP_MAX) {
            return Verdict::Absurd;
        }
        let restored = (new.generation > newest.generation).then_some(AlarmKind::Restored);
        return Verdict::Newest(if fork { Some(AlarmKind::Fork) } else { restored });
    }
    if fork {
        return Verdict::Fork { kept: links.iter().filter(|link| link.fork).count() < FORKS_MAX };
    }
    Verdict::Older
}

/// The heads that are no longer held at this running time.
///
/// Held are, for 30 days: of each hour of the last day, and of each day before that, the first and the last that was
/// superseded and those before the first jumps; the last head of each certificate that was replaced, and the first forks.
/// So whoever floods a keeper with heads displaces none that is older than an hour. Of those that other keepers told of,
/// only the newest is held, as a pledge against replays; the homes that told of the others hold them. What is newest on
/// the disk stays, whatever else was there before.
pub(crate) fn expired(links: &[Link], now: i64) -> Vec<[u8; 32]> {
    let Some(newest) = newest(links) else { return Vec::new() };
    let here = best(links.iter().filter(|link| !link.lost));
    let stays = [Some(newest), here, newest_own(links)];
    let is_old = |link: &Link| stays.iter().flatten().all(|stays| stays.head != link.head);
    let mut old: Vec<(&Link, i64)> =
        links.iter().filter(|link| is_old(link)).filter_map(|link| Some((link, link.superseded?))).collect();
    old.sort_by_key(|(link, at)| (*at, link.number));
    let slots = slots(&old, now);
    let mut gone = Vec::new();
    let mut forks = 0;
    for (link, at) in &old {
        forks += usize::from(link.fork);
        let pinned = link.fork && forks <= FORKS_MAX || is_last_of_replaced(&old, link, newest);
        if now.saturating_sub(*at) >= HOLD_MS || !(pinned || slots.contains(&link.head)) {
            gone.push(link.head);
        }
    }
    gone
}

/// The first and the last of each time, and those before its first jumps; `old` is sorted.
fn slots(old: &[(&Link, i64)], now: i64) -> HashSet<[u8; 32]> {
    let mut times: BTreeMap<(i64, i64), Vec<&Link>> = BTreeMap::new();
    for (link, at) in old.iter().filter(|(link, _)| !link.told && !link.fork) {
        let length = if now.saturating_sub(*at) < DAY_MS { HOUR_MS } else { DAY_MS };
        times.entry((length, at.div_euclid(length))).or_default().push(link);
    }
    let held = times.values().flat_map(|links| {
        let jumps = links.iter().filter(|link| link.jump).take(JUMPS_HELD);
        links.first().into_iter().chain(links.last()).chain(jumps)
    });
    held.map(|link| link.head).collect()
}

fn is_last_of_replaced(old: &[(&Link, i64)], link: &Link, newest: &Link) -> bool {
    let mut lasts: Vec<&Link> = Vec::new();
    for (other, _) in old.iter().filter(|(other, _)| other.certificate != newest.certificate && !other.fork) {
        match lasts.iter_mut().find(|last| last.certificate == other.certificate) {
            Some(last) if other.outranks(last) => *last = other,
            Some(_) => {}
            None => lasts.push(other),
        }
    }
    lasts.sort_by_key(|last| std::cmp::Reverse(last.generation));
    lasts.iter().take(CERTIFICATES_MAX).any(|last| last.head == link.head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn link(generation: u32, number: u64, salt: u8) -> Link {
        let hash = |number: u64, salt: u8| {
            let mut hash = [salt; 32];
            hash[8..16].copy_from_slice(&number.to_be_bytes());
            hash[16..20].copy_from_slice(&generation.to_be_bytes());
            hash
        };
        Link {
            head: hash(number, salt),
            previous: hash(number.saturating_sub(1), salt),
            certificate: [u8::try_from(generation).unwrap(); 32],
            generation,
            number,
            made_ms: 0,
            superseded: None,
            fork: false,
            told: false,
            jump: false,
            lost: false,
        }
    }

    fn check(here: &[Link], new: &Link, expected: Verdict) {
        assert_eq!(judge(here, new), expected, "{new:?}");
    }

    #[test]
    fn a_chain_goes_on_and_never_back() {
        let here = [link(1, 4, 0), link(1, 5, 0)];
        check(&[], &link(1, 5, 0), Verdict::Newest(None));
        check(&here, &link(1, 6, 0), Verdict::Newest(None));
        check(&here, &link(1, 9, 0), Verdict::Newest(None));
        check(&here, &link(1, 5, 0), Verdict::Known);
        check(&here, &link(1, 4, 0), Verdict::Older);
        check(&here, &link(1, 2, 0), Verdict::Older);
        check(&here, &link(1, 5 + JUMP_MAX + 1, 0), Verdict::Absurd);
        check(&here, &link(2, u64::MAX, 0), Verdict::Absurd);
    }

    #[test]
    fn a_restored_home_outranks_its_old_node() {
        let here = [link(1, 5, 0)];
        check(&here, &link(2, 3, 9), Verdict::Newest(Some(AlarmKind::Restored)));
        let restored = [link(1, 5, 0), link(2, 6, 9)];
        check(&restored, &link(1, 6, 0), Verdict::Older);
        check(&restored, &link(1, 70, 0), Verdict::Older);
    }

    #[test]
    fn contradictions_are_forks() {
        let here = [link(1, 4, 5), link(1, 5, 5)];
        check(&here, &link(1, 5, 9), Verdict::Fork { kept: true });
        check(&here, &link(1, 5, 1), Verdict::Newest(Some(AlarmKind::Fork)));
        check(&here, &link(1, 6, 9), Verdict::Newest(Some(AlarmKind::Fork)));
        check(&here, &link(1, 4, 9), Verdict::Fork { kept: true });
        // Two restores at once: the same generation, two certificates, the lower hash counts.
        let mut other = link(1, 6, 9);
        other.certificate = [0; 32];
        check(&here, &other, Verdict::Newest(Some(AlarmKind::Fork)));
        other.certificate = [9; 32];
        check(&here, &other, Verdict::Fork { kept: true });
        let mut many: Vec<_> = (10..18).map(|salt| Link { fork: true, ..link(1, 5, salt) }).collect();
        many.extend(here);
        check(&many, &link(1, 5, 99), Verdict::Fork { kept: false });
    }

    #[test]
    fn heads_are_held_for_thirty_days() {
        let mut links = Vec::new();
        for number in 0..60 * 24_u64 {
            let superseded = i64::try_from(number).unwrap() * HOUR_MS;
            links.push(Link { superseded: Some(superseded), ..link(1, number, 0) });
        }
        links.push(link(1, 60 * 24, 0));
        let now = 60 * DAY_MS;
        let gone = expired(&links, now);
        links.retain(|link| !gone.contains(&link.head));
        let ages: Vec<_> = links.iter().filter_map(|link| Some((now - link.superseded?) / HOUR_MS)).collect();
        assert_eq!(ages.iter().filter(|age| **age < 24).count(), 23, "one an hour of the last day");
        assert!(ages.iter().all(|age| *age < 30 * 24));
        assert_eq!(ages.len(), 23 + 2 * 29, "the first and the last of each day before that");
        assert_eq!(expired(&links, now), Vec::<[u8; 32]>::new(), "nothing more goes at the same moment");
    }

    /// A thief's heads supersede a good one in the middle of a busy day.
    #[test]
    fn the_head_before_a_jump_stays() {
        let mut links = Vec::new();
        for number in 0..600_u64 {
            let superseded = Some(i64::try_from(number).unwrap() * 60_000);
            links.push(Link { superseded, jump: matches!(number, 310 | 455), ..link(1, number, 0) });
        }
        links.push(link(1, 600, 0));
        for now in [600 * 60_000, 2 * DAY_MS, 30 * DAY_MS - 1] {
            let gone = expired(&links, now);
            links.retain(|link| !gone.contains(&link.head));
            for number in [0, 310, 455, 599] {
                assert!(links.iter().any(|link| link.number == number), "{number} at {now}");
            }
        }
        assert_eq!(links.len(), 5, "{links:?}");
    }

    /// The newest that is on the disk stays, although a newer one was there once.
    #[test]
    fn the_newest_that_is_there_stays() {
        let here = [Link { superseded: Some(0), ..link(1, 5, 0) }, Link { lost: true, ..link(1, 6, 0) }];
        assert_eq!(expired(&here, 60 * DAY_MS), Vec::<[u8; 32]>::new());
        assert_eq!(newest_own(&here), Some(&here[0]));
        check(&here, &link(1, 5, 0), Verdict::Older);
        check(&here, &link(1, 6, 0), Verdict::Known);
    }

    #[test]
    fn the_last_head_before_a_restore_stays() {
        let mut links: Vec<_> =
            (0..100).map(|number| Link { superseded: Some(1000), ..link(1, number, 0) }).collect();
        links.push(link(2, 100, 0));
        let gone = expired(&links, 2000);
        assert!(!gone.contains(&link(1, 99, 0).head) && gone.contains(&link(1, 98, 0).head));
    }

    proptest! {
        /// However heads arrive, the newest is the one that outranks all, and the same set is judged the same.
        #[test]
        fn the_newest_outranks_all(arrivals in prop::collection::vec((1_u32..4, 1_u64..12, 0_u8..3), 1..60)) {
            let mut links: Vec<Link> = Vec::new();
            for (generation, number, salt) in arrivals {
                let new = link(generation, number, salt);
                let before = newest(&links).cloned();
                match judge(&links, &new) {
                    Verdict::Newest(_) => {
                        prop_assert!(before.is_none_or(|before| new.outranks(&before)));
                        links.push(new);
                    }
                    Verdict::Fork { kept: true } => links.push(Link { fork: true, ..new }),
                    Verdict::Fork { kept: false } | Verdict::Known | Verdict::Older => {
                        prop_assert!(before.is_some_and(|before| !new.outranks(&before)));
                    }
                    Verdict::Absurd => prop_assert!(false),
                }
                let best = newest(&links).cloned();
                prop_assert!(best.is_some_and(|best| links.iter().all(|link| !link.outranks(&best))));
            }
        }

        /// A flood of heads in an hour displaces nothing that was held an hour before, and what is held is bounded.
        #[test]
        fn floods_displace_nothing(steps in prop::collection::vec(0_i64..3 * HOUR_MS, 1..300)) {
            let (mut links, mut now) = (vec![link(1, 0, 0)], 0);
            for (number, step) in (1..).zip(steps) {
                now += step;
                let before: Vec<_> = links.iter().filter(|l| l.superseded.is_some_and(|at| now - at >= HOUR_MS && now - at < DAY_MS)).map(|l| l.head).collect();
                links.last_mut().unwrap().superseded = Some(now);
                links.push(link(1, number, 0));
                let gone = expired(&links, now);
                prop_assert!(before.iter().all(|head| !gone.contains(head)));
                links.retain(|link| !gone.contains(&link.head));
                prop_assert!(links.len() <= 2 * (25 + 31) + 1);
            }
        }
    }
}

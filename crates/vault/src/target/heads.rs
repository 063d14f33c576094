//! The same rules for heads as a keeper's, for places that keep no tables: a folder, a bucket.

use std::collections::HashMap;

use heirloom_identity::{HeadHash, VaultHead};

use super::TargetError;
use crate::keeper::chain::{self, Link, Verdict};

/// What becomes of a head that arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Judged(Verdict);

impl Judged {
    /// Whether it is written.
    pub(super) fn is_kept(self) -> bool {
        matches!(self.0, Verdict::Newest(_) | Verdict::Known | Verdict::Fork { kept: true })
    }

    /// What the caller hears.
    pub(super) fn result(self) -> Result<(), TargetError> {
        match self.0 {
            Verdict::Newest(_) | Verdict::Known => Ok(()),
            Verdict::Older => Err(TargetError::Older),
            Verdict::Fork { .. } => Err(TargetError::Fork),
            Verdict::Absurd => Err(TargetError::Wrong("the head's number is far too high".into())),
        }
    }
}

/// Judges a head by those that are there.
pub(super) fn judge(here: &[VaultHead], head: &VaultHead) -> Judged {
    Judged(chain::judge(&links(here), &Link::of(head)))
}

/// What becomes of the heads of a place once another one is there.
pub(super) struct After {
    /// Those of which it isn't written yet since when they are superseded, in the place's own time.
    pub(super) superseded: Vec<(HeadHash, i64)>,
    /// Those that needn't be held any more.
    pub(super) gone: Vec<VaultHead>,
}

/// What follows once `head` is there beside `here`, the one that outranks the others first. `since` says what is written,
/// `now_ms` is the place's own time: what heads say of when they were made counts only where nothing is written.
pub(super) fn after(
    here: Vec<VaultHead>,
    head: &VaultHead,
    since: &HashMap<HeadHash, i64>,
    now_ms: i64,
) -> After {
    let was_newest = here.first().map(VaultHead::hash);
    let mut all = here;
    if !all.contains(head) {
        all.push(head.clone());
    }
    all.sort_by(|a, b| a.outranks(b).cmp(&b.outranks(a)));
    let (mut links, mut superseded) = (links(&all), Vec::new());
    for (at, pair) in all.windows(2).enumerate() {
        let hash = pair[0].hash();
        let is_news = hash == head.hash() || Some(hash) == was_newest;
        let guess = || if is_news { now_ms } else { pair[1].made_at_ms().min(now_ms) };
        let at_ms = since.get(&hash).copied().unwrap_or_else(guess);
        if !since.contains_key(&hash) {
            superseded.push((hash, at_ms));
        }
        links[at].superseded = Some(at_ms);
        links[at].jump = *pair[1].previous() != hash;
    }
    let gone = chain::expired(&links, now_ms);
    all.retain(|head| gone.contains(head.hash().as_bytes()));
    superseded.retain(|(hash, _)| !gone.contains(hash.as_bytes()));
    After { superseded, gone: all }
}

fn links(heads: &[VaultHead]) -> Vec<Link> {
    let mut links: Vec<_> = heads.iter().map(Link::of).collect();
    for at in 0..links.len() {
        links[at].fork = links.iter().any(|other| links[at].contradicts(other));
    }
    links
}

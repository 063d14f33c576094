//! The same rules for heads as a keeper's, for places that keep no tables: a folder, a bucket.

use heirloom_identity::VaultHead;

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

/// The heads that needn't be held any more once `head` is there. A head is taken as superseded when the one after it was
/// made.
pub(super) fn expired(mut here: Vec<VaultHead>, head: &VaultHead, now_ms: i64) -> Vec<VaultHead> {
    if !here.contains(head) {
        here.push(head.clone());
    }
    let gone = chain::expired(&links(&here), now_ms);
    here.retain(|head| gone.contains(head.hash().as_bytes()));
    here
}

fn links(heads: &[VaultHead]) -> Vec<Link> {
    let mut links: Vec<_> = heads.iter().map(Link::of).collect();
    links.sort_by(|a, b| a.outranks(b).cmp(&b.outranks(a)));
    for at in 1..links.len() {
        links[at - 1].superseded = Some(links[at].made_ms);
    }
    for at in 0..links.len() {
        links[at].fork = links.iter().any(|other| links[at].contradicts(other));
    }
    links
}

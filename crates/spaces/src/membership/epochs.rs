//! Epochs: when a new secret is due, and the making of one.
//!
//! Nothing is ever encrypted under a secret that somebody has who is known not to be a member. So a writer asks
//! [`Membership::needs_rekey`] first, and when it says yes makes a new epoch ([`plan_rekey`]) that follows all newest ones
//! and is wrapped to exactly the members there are now. The new secret opens the old ones, never the other way round: a
//! newcomer reads what was written before, somebody who went doesn't read what comes after.

use std::collections::{BTreeMap, BTreeSet};

use heirloom_identity::{
    Action, EpochId, EpochSecret, HouseholdId, Operation, Rekey,
    operation::{EPOCHS_MAX, MEMBERS_MAX},
};

use super::{operations::Operations, state::Membership};

/// A new epoch: its secret stays here, the rest becomes an [`Action::Rekey`].
#[derive(Debug)]
pub struct NewEpoch {
    /// The secret.
    pub secret: EpochSecret,
    /// What the others get.
    pub rekey: Rekey,
}

impl Membership {
    /// Whether a new epoch must begin before anything is encrypted.
    ///
    /// It must when there isn't exactly one newest epoch, when that one was begun without knowledge of a removal, a
    /// leaving or a renewed key that counts, and when its secret was given to a household that isn't a member, or may have
    /// been on its asking: one whose inviter, as it turned out, had no right to invite.
    pub fn needs_rekey(&self, operations: &Operations) -> bool {
        let [head] = self.epoch_heads.as_slice() else { return true };
        let Some((operation, rekey)) = self.beginning(operations, head) else { return true };
        let id = operation.id();
        let unaware = self.rotations.iter().any(|rotation| !operations.is_ancestor(rotation, &id));
        unaware || rekey.wraps.iter().any(|(household, _)| !self.members.contains_key(household))
    }

    /// The epoch to encrypt under: the newest one, unless a new one is due.
    pub fn writing_epoch(&self, operations: &Operations) -> Option<EpochId> {
        if self.needs_rekey(operations) { None } else { self.epoch_heads.first().copied() }
    }

    /// The operation that began an epoch; of several with one id the effective one, then the one with the lowest id.
    fn beginning<'a>(&self, operations: &'a Operations, id: &EpochId) -> Option<(&'a Operation, &'a Rekey)> {
        let begun = self.epochs.iter().filter(|epoch| epoch.id == *id);
        let first = begun.min_by_key(|epoch| (!epoch.effective, epoch.operation))?;
        let operation = operations.get(&first.operation)?;
        match operation.action() {
            Action::Rekey(rekey) => Some((operation, rekey)),
            _ => None,
        }
    }

    /// Every epoch whose secret can be had from this one's, itself included.
    fn opened_by(&self, operations: &Operations, id: &EpochId) -> BTreeSet<EpochId> {
        let mut opened = BTreeSet::new();
        let mut rest = vec![*id];
        while let Some(id) = rest.pop() {
            if opened.insert(id)
                && let Some((_, rekey)) = self.beginning(operations, &id)
            {
                rest.extend(rekey.previous.iter().map(|(previous, _)| *previous));
            }
        }
        opened
    }

    /// Whom a secret is wrapped to: every member, and of too many those with the highest roles.
    fn recipients(&self) -> Vec<HouseholdId> {
        let mut recipients: Vec<_> = self
            .members
            .iter()
            .map(|(household, member)| (std::cmp::Reverse(member.role), *household))
            .collect();
        recipients.sort_unstable();
        recipients.into_iter().take(MEMBERS_MAX).map(|(_, household)| household).collect()
    }
}

/// Makes the epoch that follows all newest ones, for the members there are.
///
/// `known` are the secrets that this home has: those of the newest epochs, and of any others that these don't open, are
/// enclosed. `random` fills bytes with fresh randomness. More than [`EPOCHS_MAX`] newest epochs take several turns.
pub fn plan_rekey(
    operations: &Operations,
    membership: &Membership,
    known: &BTreeMap<EpochId, EpochSecret>,
    random: &mut dyn FnMut(&mut [u8]),
) -> NewEpoch {
    let space = operations.space();
    let mut bytes = [0; 32];
    random(&mut bytes);
    let secret = EpochSecret::from_bytes(bytes);
    let wrap = |household: HouseholdId| {
        random(&mut bytes);
        // A receive key that nothing can be sealed to is refused where an operation is read, so none is left out here.
        let sealed = secret.wrap(&space, &membership.members[&household].receive, bytes).ok()?;
        Some((household, sealed))
    };
    let wraps = membership.recipients().into_iter().filter_map(wrap).collect();
    let enclose = |(id, previous): (EpochId, &EpochSecret)| {
        let mut nonce = [0; 24];
        random(&mut nonce);
        (id, secret.enclose(&space, previous, nonce))
    };
    let previous = to_enclose(operations, membership, known).into_iter().map(enclose).collect();
    let parents = membership.epoch_heads.iter().take(EPOCHS_MAX).copied().collect();
    let rekey = Rekey { epoch: secret.id(), parents, wraps, previous };
    NewEpoch { secret, rekey }
}

/// The newest epochs first, then those that nothing chosen before opens, the later ones first.
fn to_enclose<'a>(
    operations: &Operations,
    membership: &Membership,
    known: &'a BTreeMap<EpochId, EpochSecret>,
) -> Vec<(EpochId, &'a EpochSecret)> {
    let mut others: Vec<_> =
        membership.epochs.iter().map(|epoch| (operations.place(&epoch.operation), epoch.id)).collect();
    others.sort_unstable_by(|one, other| other.cmp(one));
    let heads = membership.epoch_heads.iter().copied();
    let mut opened = BTreeSet::new();
    let mut chosen = Vec::new();
    for id in heads.chain(others.into_iter().map(|(_, id)| id)) {
        let Some(secret) = known.get(&id) else { continue };
        if chosen.len() < EPOCHS_MAX && !opened.contains(&id) {
            opened.extend(membership.opened_by(operations, &id));
            chosen.push((id, secret));
        }
    }
    chosen
}

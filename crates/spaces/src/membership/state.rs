//! What an album's operations amount to: members, owner, removals, epochs, and a digest to compare.

use std::collections::{BTreeMap, BTreeSet};

use heirloom_identity::{
    AccountId, Action, ContentHash, Cut, EpochId, HouseholdId, OperationId, ReceivePublic, Role,
    operation::MEMBERS_MAX,
};

use super::{
    bits::Bits,
    evaluation::Evaluation,
    operations::{Authority, Operations},
    permission::{Refusal, Standing, judge, target},
};

/// What stands before the bytes that a digest is made of.
const DIGEST_LABEL: &[u8] = b"heirloom album membership v1\0";

/// A household in an album.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// What it may do.
    pub role: Role,
    /// Where the album's secrets are wrapped to for it.
    pub receive: ReceivePublic,
    /// Which of its accounts take part; none: everybody there.
    pub accounts: Vec<AccountId>,
    /// The operation that brought it in.
    pub since: OperationId,
    /// Who did that.
    pub added_by: HouseholdId,
}

/// A removal or a leaving that counts. It stays in the list when the household is invited again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// The operation.
    pub operation: OperationId,
    /// Who went.
    pub household: HouseholdId,
    /// What of its changes stays.
    pub cut: Cut,
    /// Who did it; the household itself when it left.
    pub by: HouseholdId,
}

/// An epoch that some operation began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Epoch {
    /// Its id.
    pub id: EpochId,
    /// The operation.
    pub operation: OperationId,
    /// The epochs that it says it follows.
    pub parents: Vec<EpochId>,
    /// Whether the operation counts. The secret of one that doesn't is kept all the same: honest members may have
    /// written under it before they knew.
    pub effective: bool,
}

/// The state that a set of operations amounts to. Equal sets give equal values, in every home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The members.
    pub members: BTreeMap<HouseholdId, Member>,
    /// The one owner; `None` only while the operation that begins the album isn't known.
    pub owner: Option<HouseholdId>,
    /// Every removal and leaving that counts, by operation.
    pub removals: Vec<Removal>,
    /// Every epoch, by operation.
    pub epochs: Vec<Epoch>,
    /// The operations without effect.
    pub ineffective: BTreeSet<OperationId>,
    /// Equal exactly when everything above is, but for chance.
    pub digest: [u8; 32],
    pub(super) epoch_heads: Vec<EpochId>,
    /// The newest operations after which a secret must be a new one.
    pub(super) rotations: Vec<OperationId>,
    /// Invitations by members that turned out void, of households that are no members: they may have got secrets.
    pub(super) lapsed: Vec<OperationId>,
}

/// What all operations of the album amount to.
pub fn evaluate(operations: &Operations) -> Membership {
    Membership::of(&Evaluation::new(operations, (0..operations.count()).collect()))
}

/// What these operations and all that they follow amount to; `None` when one of them is unknown.
pub fn evaluate_at(operations: &Operations, heads: &[OperationId]) -> Option<Membership> {
    Some(Membership::of(&Evaluation::new(operations, operations.scope(heads)?)))
}

impl Membership {
    /// Whether a household may do this now.
    ///
    /// # Errors
    /// A [`Refusal`] that says why not.
    pub fn may(&self, actor: &HouseholdId, action: &Action) -> Result<(), Refusal> {
        let other = target(action).and_then(|household| self.role(&household));
        let other = other.map_or(Standing::Never, Standing::Member);
        judge(self.role(actor), action, other)?;
        match action {
            Action::Remove { .. } if other == Standing::Never => Err(Refusal::NoSuchMember),
            Action::Add { .. } if self.members.len() >= MEMBERS_MAX => Err(Refusal::TooMany),
            _ => Ok(()),
        }
    }

    /// The household's role; `None` for one that isn't a member.
    pub fn role(&self, household: &HouseholdId) -> Option<Role> {
        self.members.get(household).map(|member| member.role)
    }

    /// The effective epochs that no other effective one follows, sorted.
    pub fn epoch_heads(&self) -> &[EpochId] {
        &self.epoch_heads
    }

    pub(super) fn of(evaluation: &Evaluation<'_>) -> Self {
        let members = members(evaluation);
        let lapsed = lapsed(evaluation, &members);
        let mut membership = Self {
            members,
            owner: None,
            removals: removals(evaluation),
            epochs: epochs(evaluation),
            ineffective: ineffective(evaluation),
            digest: [0; 32],
            epoch_heads: epoch_heads(evaluation),
            rotations: rotations(evaluation, &lapsed),
            lapsed: lapsed.iter().map(|place| evaluation.operation(place).id()).collect(),
        };
        membership.lapsed.sort_unstable();
        let mut members = membership.members.iter();
        membership.owner = members.find(|(_, member)| member.role == Role::Owner).map(|(owner, _)| *owner);
        membership.digest = membership.digest();
        membership
    }

    fn digest(&self) -> [u8; 32] {
        let mut bytes = DIGEST_LABEL.to_vec();
        let count = |bytes: &mut Vec<u8>, count: usize| bytes.extend((count as u64).to_le_bytes());
        count(&mut bytes, self.members.len());
        for (household, member) in &self.members {
            bytes.extend(household.as_bytes());
            bytes.push(member.role.number());
            bytes.extend(member.receive.as_bytes());
            bytes.extend(member.since.as_bytes());
            bytes.extend(member.added_by.as_bytes());
            count(&mut bytes, member.accounts.len());
            member.accounts.iter().for_each(|account| bytes.extend(account.as_bytes()));
        }
        for ids in [
            self.removals.iter().map(|removal| removal.operation).collect::<Vec<_>>(),
            self.epochs.iter().filter(|epoch| epoch.effective).map(|epoch| epoch.operation).collect(),
            self.ineffective.iter().copied().collect(),
        ] {
            count(&mut bytes, ids.len());
            ids.iter().for_each(|id| bytes.extend(id.as_bytes()));
        }
        *ContentHash::of(&bytes).as_bytes()
    }
}

fn members(evaluation: &Evaluation<'_>) -> BTreeMap<HouseholdId, Member> {
    let households = evaluation.households();
    households.filter_map(|household| Some((household, member(evaluation, &household)?))).collect()
}

fn member(evaluation: &Evaluation<'_>, household: &HouseholdId) -> Option<Member> {
    let (standing, place) = evaluation.standing_by(household, &evaluation.scope);
    let (role, place) = (standing.role()?, place?);
    let accounts = match evaluation.operation(place).action() {
        Action::Add { accounts, .. } | Action::SetRole { accounts, .. } => accounts.clone(),
        _ => Vec::new(),
    };
    let entry = evaluation.operation(evaluation.entry(household).unwrap_or(place));
    let receive = evaluation.receive(household)?;
    Some(Member { role, receive, accounts, since: entry.id(), added_by: entry.author() })
}

fn removals(evaluation: &Evaluation<'_>) -> Vec<Removal> {
    let removal = |place: usize| {
        let operation = evaluation.operation(place);
        let (household, cut) = match operation.action() {
            Action::Remove { household, cut } => (*household, cut.clone()),
            Action::Leave { cut } => (operation.author(), cut.clone()),
            _ => return None,
        };
        Some(Removal { operation: operation.id(), household, cut, by: operation.author() })
    };
    let mut removals: Vec<Removal> = evaluation.effective.iter().filter_map(removal).collect();
    removals.sort_unstable_by_key(|removal| removal.operation);
    removals
}

fn epochs(evaluation: &Evaluation<'_>) -> Vec<Epoch> {
    let epoch = |place: usize| {
        let operation = evaluation.operation(place);
        let Action::Rekey(rekey) = operation.action() else { return None };
        let effective = evaluation.effective.contains(place);
        Some(Epoch { id: rekey.epoch, operation: operation.id(), parents: rekey.parents.clone(), effective })
    };
    let mut epochs: Vec<Epoch> = evaluation.scope.iter().filter_map(epoch).collect();
    epochs.sort_unstable_by_key(|epoch| epoch.operation);
    epochs
}

/// An epoch is followed by another when that one names it and knew it.
fn epoch_heads(evaluation: &Evaluation<'_>) -> Vec<EpochId> {
    let rekey = |place: usize| match evaluation.operation(place).action() {
        Action::Rekey(rekey) => Some((place, rekey)),
        _ => None,
    };
    let rekeys: Vec<_> = evaluation.effective.iter().filter_map(rekey).collect();
    let mut begun: BTreeMap<EpochId, Bits> = BTreeMap::new();
    rekeys.iter().for_each(|(place, rekey)| begun.entry(rekey.epoch).or_default().insert(*place));
    let mut followed: BTreeSet<EpochId> = BTreeSet::new();
    for (place, rekey) in &rekeys {
        let known = evaluation.ancestors(*place);
        let parents = rekey.parents.iter();
        followed
            .extend(parents.filter(|parent| begun.get(parent).is_some_and(|at| at.meets(known))).copied());
    }
    begun.into_keys().filter(|epoch| !followed.contains(epoch)).collect()
}

/// Who signed an invitation and is no member any more is removed by an operation that counts; whoever knows of that never
/// let the invited in. And nobody ever did for an invitation by somebody who couldn't be an admin.
fn lapsed(evaluation: &Evaluation<'_>, members: &BTreeMap<HouseholdId, Member>) -> Bits {
    let lapses = |place: &usize| {
        let operation = evaluation.operation(*place);
        let Action::Add { household, .. } = operation.action() else { return false };
        !evaluation.effective.contains(*place)
            && evaluation.operations.authority(*place) >= Authority::Admin
            && members.contains_key(&operation.author())
            && !members.contains_key(household)
    };
    evaluation.scope.iter().filter(lapses).collect()
}

fn rotations(evaluation: &Evaluation<'_>, lapsed: &Bits) -> Vec<OperationId> {
    let rotates = |place: &usize| {
        let action = evaluation.operation(*place).action();
        matches!(action, Action::Remove { .. } | Action::Leave { .. } | Action::Renew { .. })
    };
    let mut all: Bits = evaluation.effective.iter().filter(rotates).collect();
    all.unite(lapsed);
    let newest = evaluation.operations.newest(&all);
    let mut ids: Vec<OperationId> =
        newest.into_iter().map(|place| evaluation.operation(place).id()).collect();
    ids.sort_unstable();
    ids
}

fn ineffective(evaluation: &Evaluation<'_>) -> BTreeSet<OperationId> {
    let without = evaluation.scope.iter().filter(|place| !evaluation.effective.contains(*place));
    without.map(|place| evaluation.operation(place).id()).collect()
}

//! What must hold after every history, when all faults have ended and everything has arrived.

use std::collections::{BTreeMap, BTreeSet};

use heirloom_identity::{
    Action, CutEntry, EnvelopeHash, EpochId, EpochSecret, HouseholdId, OperationId, Role,
};
use heirloom_spaces::membership::{Admission, Authored, Membership, Operations, Verdict, evaluate};

use super::{
    replica::{Replica, openable},
    world::{World, Written},
};

/// Checks them all, and says which is broken.
pub(crate) fn check(world: &World) -> Result<(), String> {
    let every_home: Vec<&Replica> = world.homes.iter().collect();
    let said = evaluate(&everything(&every_home));
    let members: Vec<&Replica> =
        every_home.iter().filter(|home| said.role(&home.id()).is_some()).copied().collect();
    // What only homes know that went, and that nobody listens to any more, is theirs alone.
    let all = everything(&members);
    let now = evaluate(&all);
    if now.members != said.members {
        return Err("homes that went keep something from the members that would change who is one".to_owned());
    }
    one_owner(&now)?;
    members_agree(&members, &all, &now, world)?;
    nothing_is_lost(&members, &now, world)?;
    removed_have_no_effect(&all, &now)?;
    forged_letters_do_not_count(&members, world)?;
    removed_read_nothing_new(&all, world)
}

/// Every operation that any of these homes has.
fn everything(homes: &[&Replica]) -> Operations {
    let mut all = homes[0].state.operations.clone();
    for home in homes {
        for id in home.state.operations.ids() {
            all.insert(home.state.operations.get(&id).expect("it is one of its ids").clone());
        }
    }
    all
}

fn one_owner(now: &Membership) -> Result<(), String> {
    let owners = now.members.values().filter(|member| member.role == Role::Owner).count();
    if owners == 1 { Ok(()) } else { Err(format!("{owners} owners")) }
}

fn members_agree(
    members: &[&Replica],
    all: &Operations,
    now: &Membership,
    world: &World,
) -> Result<(), String> {
    let letters: BTreeSet<EnvelopeHash> = members[0].state.letters.keys().copied().collect();
    let counting = counting(members[0], world);
    for home in members {
        let state = &home.state;
        if state.now.digest != now.digest {
            let known = state.operations.count();
            return Err(format!("{} knows {known} of {} operations and disagrees", home.id(), all.count()));
        }
        if !state.letters.keys().eq(letters.iter()) {
            return Err(format!("{} has other letters than {}", home.id(), members[0].id()));
        }
        if self::counting(home, world) != counting {
            return Err(format!("other letters count for {} than for {}", home.id(), members[0].id()));
        }
        // A secret is gone when everybody who had it went.
        let kept = |epoch: &EpochId| members.iter().any(|home| home.state.secrets.contains_key(epoch));
        let letters = counting.iter().map(|hash| &state.letters[hash]);
        for letter in letters.filter(|letter| kept(&letter.epoch())) {
            let secret = state.secrets.get(&letter.epoch());
            let open = secret.map(|secret| letter.open(&state.operations.space(), secret));
            if !matches!(open, Some(Ok(_))) {
                return Err(format!("{} can't open letter {}, which counts", home.id(), letter.hash()));
            }
        }
    }
    Ok(())
}

/// The letters that count for a home.
fn counting(home: &Replica, world: &World) -> BTreeSet<EnvelopeHash> {
    let mut admission = Admission::new(&home.state.operations);
    let letters = &home.state.letters;
    let mut counting = BTreeSet::new();
    for (hash, letter) in letters {
        let leads_to = |end: &CutEntry| {
            let mut at = Some(end.hash);
            while let Some(letter) = at.and_then(|at| letters.get(&at)) {
                if letter.hash() == *hash {
                    return true;
                }
                at = Some(letter.prev());
            }
            false
        };
        let authored = Authored {
            household: world.streams[&letter.stream()],
            heads: letter.heads(),
            stream: letter.stream(),
            seq: letter.seq(),
            hash: *hash,
        };
        if admission.admit(&authored, Role::Viewer, leads_to) == Verdict::Counts {
            counting.insert(*hash);
        }
    }
    counting
}

/// What an honest member wrote is with every member, and counts unless its membership turned out not to.
fn nothing_is_lost(members: &[&Replica], now: &Membership, world: &World) -> Result<(), String> {
    let counting = counting(members[0], world);
    for Written { letter, by, excused, .. } in &world.written {
        let author = world.homes[*by].id();
        if now.role(&author).is_none() || *excused {
            continue;
        }
        if !members[0].state.letters.contains_key(&letter.hash()) {
            return Err(format!("letter {} of member {author} is lost", letter.hash()));
        }
        let was_out = now.removals.iter().any(|removal| removal.household == author);
        let doubtful = |id: &OperationId| {
            let operation = members[0].state.operations.get(id);
            operation.is_some_and(
                |it| matches!(it.action(), Action::Add { household, .. } if *household == author),
            )
        };
        if !was_out && !now.ineffective.iter().any(doubtful) && !counting.contains(&letter.hash()) {
            return Err(format!("letter {} of member {author} doesn't count", letter.hash()));
        }
    }
    Ok(())
}

/// Nothing of a household that was removed has an effect beside its removal, or after it without a new invitation.
fn removed_have_no_effect(all: &Operations, now: &Membership) -> Result<(), String> {
    for id in all.ids().filter(|id| !now.ineffective.contains(id)) {
        let author = all.get(&id).expect("it is one of its ids").author();
        for removal in now.removals.iter().filter(|it| it.household == author && it.operation != id) {
            let again = |entry: OperationId| {
                let added = all.get(&entry).is_some_and(
                    |it| matches!(it.action(), Action::Add { household, .. } if *household == author),
                );
                added && all.is_ancestor(&removal.operation, &entry) && all.is_ancestor(&entry, &id)
            };
            if !all.is_ancestor(&id, &removal.operation) && !all.ids().any(again) {
                return Err(format!(
                    "operation {id} of {author} has an effect in spite of {}",
                    removal.operation
                ));
            }
        }
    }
    Ok(())
}

/// A removed home that dates letters back is outside of its cut, as long as its removal holds.
fn forged_letters_do_not_count(members: &[&Replica], world: &World) -> Result<(), String> {
    let home = members[0];
    let counting = counting(home, world);
    for hash in world.forged.iter().filter(|hash| counting.contains(hash)) {
        let letter = &home.state.letters[hash];
        let author = world.streams[&letter.stream()];
        let out = home.state.now.role(&author).is_none();
        let removed = home.state.now.removals.iter().any(|removal| removal.household == author);
        let cut = home.state.now.removals.iter().filter(|removal| removal.household == author);
        // Who removed it once more may have seen the forgery by then, and let it stand.
        let seen = cut
            .flat_map(|removal| &removal.cut.0)
            .any(|end| end.stream == letter.stream() && end.seq >= letter.seq());
        if out && removed && !seen {
            return Err(format!("letter {hash}, which {author} wrote after it was removed, counts"));
        }
    }
    Ok(())
}

/// Takes all secrets of all homes that were out by what a letter's author knew, and tries them. Who was invited again
/// afterwards by somebody honest may read what was written before, and so may who was out only by a removal that turned
/// out to be void: its author was removed beside it.
fn removed_read_nothing_new(all: &Operations, world: &World) -> Result<(), String> {
    let space = all.space();
    let now = evaluate(all);
    let opened: BTreeMap<HouseholdId, BTreeMap<EpochId, EpochSecret>> =
        world.homes.iter().map(|home| (home.id(), secrets(home, all))).collect();
    for Written { letter, out, known, .. } in &world.written {
        let stays_out = |household: &&HouseholdId| {
            removal_holds(all, &now, household, known) && !invited_since(all, &now, household, known, world)
        };
        for household in out.iter().filter(stays_out) {
            let opens = |secret: &EpochSecret| letter.open(&space, secret).is_ok();
            if opened[household].values().any(opens) {
                let author = world.streams[&letter.stream()];
                return Err(format!(
                    "{household} opens letter {}, which {author} wrote when it was out",
                    letter.hash()
                ));
            }
        }
    }
    Ok(())
}

fn secrets(home: &Replica, all: &Operations) -> BTreeMap<EpochId, EpochSecret> {
    openable(all, &home.receive_keys(), &home.id(), &home.state.secrets)
}

/// Whether a removal of this household that was known holds; true as well when none was known.
fn removal_holds(
    all: &Operations,
    now: &Membership,
    household: &HouseholdId,
    known: &BTreeSet<OperationId>,
) -> bool {
    let ends = |id: &&OperationId| {
        all.get(id).is_some_and(|it| match it.action() {
            Action::Remove { household: removed, .. } => removed == household,
            Action::Leave { .. } => it.author() == *household,
            _ => false,
        })
    };
    let mut removals = known.iter().filter(ends).peekable();
    removals.peek().is_none() || removals.any(|id| !now.ineffective.contains(id))
}

/// Whether somebody honest invited it without its being known; or a removed home did, and the invitation counts after all:
/// an old disk that was put back may follow what was forged before, and then it was never a forgery.
fn invited_since(
    all: &Operations,
    now: &Membership,
    household: &HouseholdId,
    known: &BTreeSet<OperationId>,
    world: &World,
) -> bool {
    let void = |id: &OperationId| world.forged_operations.contains(id) && now.ineffective.contains(id);
    let later = all.ids().filter(|id| !known.contains(id) && !void(id));
    later
        .filter_map(|id| all.get(&id))
        .any(|it| matches!(it.action(), Action::Add { household: invited, .. } if invited == household))
}

//! Whether a change of somebody else may be part of a document at all.
//!
//! A change is *lawful* when it only puts plain values into the flat map and deletes keys, as the actor of the stream
//! that it came in, and when every key that belongs to a household is its author's. Deleting another household's key
//! needs an admin. Keys that this program doesn't know are lawful and kept.

use std::panic::{AssertUnwindSafe, catch_unwind};

use automerge::{
    Change,
    legacy::{Key as OpKey, ObjectId, Op, OpType},
};
use heirloom_identity::Role;
use thiserror::Error;

use crate::documents::{Home, Key, Kind, columns};

/// How many operations a change may hold.
pub(crate) const CHANGE_OPS_MAX: usize = 4096;

/// Why a change never counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum Unlawful {
    /// Not a change, or one that claims too much.
    #[error("it is no change that an honest program writes")]
    Malformed,
    /// Another writer's name.
    #[error("it was made in the name of another stream")]
    Actor,
    /// Nested maps, lists, counters.
    #[error("it does more than put plain values into the map")]
    Structure,
    /// A key of another household.
    #[error("it writes what belongs to another household")]
    Foreign,
}

/// A lawful change, and what deciding about it needs.
#[derive(Debug, Clone)]
pub(crate) struct Lawful {
    pub(crate) change: Change,
    /// The role that its author needs.
    pub(crate) needs: Role,
}

/// Reads a change to this document that came in the stream of this actor, by this household.
pub(crate) fn read(kind: Kind, author: Home, actor: &[u8; 16], bytes: &[u8]) -> Result<Lawful, Unlawful> {
    columns::are_short(bytes).ok_or(Unlawful::Malformed)?;
    let (change, operations) = expand(bytes).ok_or(Unlawful::Malformed)?;
    if change.actor_id().to_bytes() != actor {
        return Err(Unlawful::Actor);
    }
    if operations.len() > CHANGE_OPS_MAX || operations.is_empty() || change.seq() == 0 {
        return Err(Unlawful::Malformed);
    }
    let mut needs = kind.needs();
    for operation in &operations {
        let foreign = key_of(kind, operation)?.and_then(|key| key.home()).is_some_and(|home| home != author);
        match (&operation.action, foreign) {
            (OpType::Delete, true) => needs = needs.max(Role::Admin),
            (_, true) => return Err(Unlawful::Foreign),
            (_, false) => {}
        }
    }
    Ok(Lawful { change, needs })
}

/// The key that an operation puts or deletes, or `None` when a newer program wrote it.
pub(crate) fn key_of(kind: Kind, operation: &Op) -> Result<Option<Key>, Unlawful> {
    let plain = matches!(operation.action, OpType::Put(_) | OpType::Delete);
    match (&operation.obj, &operation.key) {
        (ObjectId::Root, OpKey::Map(key)) if plain && !operation.insert => Ok(Key::parse(kind, key)),
        _ => Err(Unlawful::Structure),
    }
}

/// Automerge checks what it reads, but wasn't written against people who mean harm: a panic in it is a refusal here.
fn expand(bytes: &[u8]) -> Option<(Change, Vec<Op>)> {
    catch_unwind(AssertUnwindSafe(|| {
        let change = Change::from_bytes(bytes.to_vec()).ok()?;
        let operations = change.decode().operations;
        Some((change, operations))
    }))
    .ok()
    .flatten()
}

#[cfg(test)]
mod tests {
    use automerge::{ActorId, AutoCommit, ObjType, ROOT, transaction::Transactable};
    use heirloom_identity::HouseholdId;

    use super::*;

    const ACTOR: [u8; 16] = [7; 16];

    fn ours() -> Home {
        Home::of(&HouseholdId::from_bytes([0xaa; 32]))
    }

    fn check(kind: Kind, edit: impl FnOnce(&mut AutoCommit), expected: Result<Role, Unlawful>) {
        let mut doc = AutoCommit::new().with_actor(ActorId::from(ACTOR));
        doc.put(ROOT, "e/bbbbbbbbbbbbbbbb/".to_owned() + &"11".repeat(32), "theirs").unwrap();
        doc.commit();
        edit(&mut doc);
        doc.commit();
        let bytes = doc.get_last_local_change().unwrap().raw_bytes().to_vec();
        assert_eq!(read(kind, ours(), &ACTOR, &bytes).map(|lawful| lawful.needs), expected);
    }

    #[test]
    fn only_ones_own_keys_may_be_put() {
        let key = |home: &str| format!("e/{home}/{}", "11".repeat(32));
        let (mine, theirs) = (key("aaaaaaaaaaaaaaaa"), key("bbbbbbbbbbbbbbbb"));
        check(Kind::Entries, |doc| doc.put(ROOT, mine, 1).unwrap(), Ok(Role::Contributor));
        check(Kind::Entries, |doc| doc.put(ROOT, theirs.clone(), 1).unwrap(), Err(Unlawful::Foreign));
        check(Kind::Entries, |doc| doc.delete(ROOT, theirs).unwrap(), Ok(Role::Admin));
        check(Kind::Talk, |doc| doc.put(ROOT, "of a newer program", 1).unwrap(), Ok(Role::Viewer));
        check(
            Kind::About,
            |doc| {
                doc.put_object(ROOT, "title", ObjType::Map).unwrap();
            },
            Err(Unlawful::Structure),
        );
    }

    #[test]
    fn a_change_speaks_for_its_own_stream_only() {
        let mut doc = AutoCommit::new().with_actor(ActorId::from([8; 16]));
        doc.put(ROOT, "title", "x").unwrap();
        doc.commit();
        let bytes = doc.get_last_local_change().unwrap().raw_bytes().to_vec();
        assert_eq!(read(Kind::About, ours(), &ACTOR, &bytes).map(|_| ()), Err(Unlawful::Actor));
        assert_eq!(read(Kind::About, ours(), &ACTOR, b"no change").map(|_| ()), Err(Unlawful::Malformed));
    }
}

//! Order of arrival, the waiting area, and the largest album.

use heirloom_identity::{Action, Operation, OperationId, Role};
use heirloom_spaces::membership::{
    Inserted, OPERATIONS_MAX, Operations, PENDING_MAX, Unfit, evaluate, evaluate_at, next_parents,
};

use crate::album::{Album, Home, add, apart, remove, set};

/// Operations by one home, each after the one before.
fn chain(home: &Home, count: usize) -> Vec<Operation> {
    let create = home.create();
    let space = create.space();
    let mut chain = vec![create];
    for _ in 1..count {
        let receive = home.receive.public();
        let parent = chain.last().unwrap().id();
        chain.push(home.sign(Some(space), &[parent], Action::Renew { receive }, 0));
    }
    chain
}

#[test]
fn what_comes_early_waits_for_what_it_follows() {
    let chain = chain(&Home::new(0), 6);
    let ids: Vec<OperationId> = chain.iter().map(Operation::id).collect();
    let mut operations = Operations::new(chain[0].space());
    assert_eq!(operations.missing_parents(), []);
    for operation in chain[1..].iter().rev() {
        assert_eq!(operations.insert(operation.clone()), Inserted::Pending);
        assert_eq!(operations.insert(operation.clone()), Inserted::Pending);
    }
    assert_eq!(operations.missing_parents(), [ids[0]]);
    assert_eq!(operations.count(), 0);
    assert_eq!(evaluate(&operations).owner, None);
    assert_eq!(operations.insert(chain[0].clone()), Inserted::Added(ids.clone()));
    assert_eq!(operations.insert(chain[3].clone()), Inserted::Known);
    assert_eq!(operations.heads(), [ids[5]]);
    assert_eq!(operations.ids().collect::<Vec<_>>(), ids);
    assert!(operations.is_ancestor(&ids[0], &ids[5]) && !operations.is_ancestor(&ids[5], &ids[0]));
    assert!(!operations.is_ancestor(&ids[2], &ids[2]));
}

#[test]
fn of_too_many_waiting_the_oldest_gives_way() {
    let chain = chain(&Home::new(0), PENDING_MAX + 3);
    let mut operations = Operations::new(chain[0].space());
    for operation in &chain[2..] {
        operations.insert(operation.clone());
    }
    // Number 2 was thrown out, so number 3 is stuck until it comes again.
    operations.insert(chain[0].clone());
    operations.insert(chain[1].clone());
    assert_eq!(operations.count(), 2);
    assert_eq!(operations.missing_parents(), [chain[2].id()]);
    operations.insert(chain[2].clone());
    assert_eq!(operations.count(), chain.len());
}

#[test]
fn an_album_can_be_looked_at_as_somebody_knew_it() {
    let (mut album, homes, last) = Album::with(&[Role::Admin]);
    let [owner, anna] = apart(&homes);
    album.by(owner, &[last], remove(anna));
    let then = evaluate_at(&album.operations, &[last]).unwrap();
    assert_eq!(then.role(&anna.id()), Some(Role::Admin));
    assert_eq!(album.role(anna), None);
    assert!(evaluate_at(&album.operations, &[OperationId::from_bytes([9; 32])]).is_none());
}

/// As many operations as there may be, by an owner and an admin who never agree about one member.
#[test]
fn the_largest_album_is_evaluated() {
    let (mut album, homes, last) = Album::with(&[Role::Admin, Role::Viewer, Role::Viewer]);
    let [owner, anna, carl, _] = apart(&homes);
    let mut ends = [last, last];
    while album.operations.count() < OPERATIONS_MAX {
        let [one, other] = ends;
        let removes = album.operations.count() % 64 == 0;
        let action = if removes { remove(carl) } else { set(carl, Role::Contributor) };
        let by = if album.operations.count() < 2000 { anna } else { owner };
        ends = [album.by(by, &[one], action), album.by(owner, &[one, other], add(carl, Role::Viewer))];
    }
    let membership = album.now();
    assert_eq!(membership.members.len(), 3 + usize::from(membership.role(&carl.id()).is_some()));
    assert!(!membership.ineffective.is_empty());
    assert!(next_parents(&album.operations, &membership, &anna.id()).len() <= 2);
    let more = owner.sign(Some(album.operations.space()), &ends, set(carl, Role::Viewer), 0);
    assert_eq!(album.operations.insert(more), Inserted::Refused(Unfit::Full));
}

#[test]
fn of_many_newest_operations_the_own_and_the_removals_are_named() {
    let roles = vec![Role::Contributor; 24];
    let (mut album, homes, last) = Album::with(&roles);
    for home in &homes[1..23] {
        album.by(home, &[last], Action::Renew { receive: home.receive.public() });
    }
    let own = album.by(&homes[23], &[last], Action::Renew { receive: homes[23].receive.public() });
    let removal = album.by(&homes[0], &[last], remove(&homes[24]));
    let parents = next_parents(&album.operations, &album.now(), &homes[23].id());
    assert_eq!(parents.len(), 16);
    assert!(parents.contains(&own) && parents.contains(&removal) && parents.is_sorted());
}

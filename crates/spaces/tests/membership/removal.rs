//! Inviting, changing and removing: who may, and what a removal takes away.

use heirloom_identity::{Action, Role};
use heirloom_spaces::membership::{Inserted, Refusal, Unfit};

use crate::album::{Album, Home, add, apart, leave, remove, set};

use Role::{Admin, Contributor, Owner, Viewer};

#[test]
fn only_a_higher_role_invites_changes_and_removes() {
    let (mut album, homes, last) = Album::with(&[Admin, Admin, Contributor, Viewer]);
    let stranger = Home::new(9);
    let [owner, anna, ben, carl, dora] = apart(&homes);
    let refused = [
        (anna, remove(ben)),
        (anna, set(ben, Viewer)),
        (anna, add(&stranger, Admin)),
        (anna, set(carl, Admin)),
        (anna, remove(owner)),
        (anna, remove(anna)),
        (anna, add(carl, Viewer)),
        (carl, add(&stranger, Viewer)),
        (carl, remove(dora)),
        (owner, leave()),
        (owner, add(&stranger, Owner)),
        (owner, set(owner, Viewer)),
        (owner, Action::Transfer { household: owner.id() }),
        (anna, Action::Transfer { household: anna.id() }),
        (owner, Action::Transfer { household: stranger.id() }),
    ];
    let before = album.now();
    for (by, action) in refused {
        assert!(before.may(&by.id(), &action).is_err(), "{action:?}");
        let id = album.by(by, &[last], action.clone());
        assert!(!album.counts(id), "{action:?}");
    }
    assert_eq!(album.now().members, before.members);
    for (by, action) in [(anna, set(carl, Viewer)), (owner, remove(ben)), (dora, leave())] {
        assert_eq!(album.now().may(&by.id(), &action), Ok(()), "{action:?}");
        let id = album.by(by, &[last], action.clone());
        assert!(album.counts(id), "{action:?}");
    }
    assert_eq!(album.now().may(&dora.id(), &leave()), Err(Refusal::NotMember));
    assert_eq!(album.role(carl), Some(Viewer));
    assert_eq!((album.role(ben), album.role(dora)), (None, None));
    assert_eq!(album.now().removals.len(), 2);
}

#[test]
fn an_operation_of_a_stranger_is_not_even_kept() {
    let (mut album, homes, last) = Album::with(&[Viewer]);
    let stranger = Home::new(9);
    let space = album.operations.space();
    let forged = stranger.sign(Some(space), &[last], add(&homes[1], Admin), 0);
    assert_eq!(album.operations.insert(forged), Inserted::Refused(Unfit::NeverInvited));
    let other = stranger.create();
    assert_eq!(album.operations.insert(other), Inserted::Refused(Unfit::OtherSpace));
    // Invited beside it is not invited before it.
    album.by(&homes[0], &[last], add(&stranger, Viewer));
    let forged = stranger.sign(Some(space), &[last], leave(), 0);
    assert_eq!(album.operations.insert(forged), Inserted::Refused(Unfit::NeverInvited));
}

#[test]
fn what_a_removed_household_dates_back_has_no_effect() {
    let (mut album, homes, last) = Album::with(&[Admin, Contributor]);
    let [owner, anna, ben] = apart(&homes);
    let friend = Home::new(9);
    let removal = album.by(owner, &[last], remove(anna));
    let backdated = [add(&friend, Contributor), remove(ben), set(ben, Viewer), leave()]
        .map(|action| album.by(anna, &[last], action));
    let after = album.by(anna, &[removal], remove(ben));
    assert!(backdated.iter().all(|id| !album.counts(*id)));
    assert!(!album.counts(after));
    assert_eq!(album.role(ben), Some(Contributor));
    assert_eq!((album.role(anna), album.role(&friend)), (None, None));
    // Nor what the friend does with an invitation that never counted.
    let by_friend = album.by(&friend, &[backdated[0]], leave());
    assert!(!album.counts(by_friend));
}

#[test]
fn what_the_remover_knew_stays() {
    let (mut album, homes, last) = Album::with(&[Admin]);
    let [owner, anna] = apart(&homes);
    let friend = Home::new(9);
    let invited = album.by(anna, &[last], add(&friend, Viewer));
    album.by(owner, &[invited], remove(anna));
    assert_eq!(album.role(&friend), Some(Viewer));
}

#[test]
fn a_removal_beats_what_stands_beside_it() {
    let (mut album, homes, last) = Album::with(&[Admin, Contributor]);
    let [owner, anna, ben] = apart(&homes);
    album.by(owner, &[last], set(ben, Viewer));
    let removal = album.by(anna, &[last], remove(ben));
    assert_eq!(album.role(ben), None);
    // Invited again beside another removal: still out. After it: in.
    let again = album.by(owner, &[removal], add(ben, Contributor));
    assert_eq!(album.role(ben), Some(Contributor));
    let second = album.by(anna, &[last], remove(ben));
    assert!(!album.counts(again));
    assert_eq!(album.role(ben), None);
    album.by(owner, &[again, second], add(ben, Viewer));
    assert_eq!(album.role(ben), Some(Viewer));
}

#[test]
fn of_roles_given_side_by_side_the_lowest_holds() {
    let (mut album, homes, last) = Album::with(&[Admin, Admin, Viewer]);
    let [owner, anna, ben, carl] = apart(&homes);
    album.by(owner, &[last], set(carl, Admin));
    let low = album.by(anna, &[last], set(carl, Contributor));
    assert_eq!(album.role(carl), Some(Contributor));
    album.by(ben, &[low], set(carl, Viewer));
    assert_eq!(album.role(carl), Some(Viewer));
}

#[test]
fn a_removal_by_somebody_who_was_removed_beside_it_is_void() {
    let (mut album, homes, last) = Album::with(&[Admin, Contributor]);
    let [owner, anna, ben] = apart(&homes);
    let removal = album.by(anna, &[last], remove(ben));
    assert_eq!(album.role(ben), None);
    album.by(owner, &[last], remove(anna));
    assert!(!album.counts(removal));
    assert_eq!(album.role(ben), Some(Contributor));
}

#[test]
fn a_demotion_takes_what_the_higher_role_did_beside_it() {
    let (mut album, homes, last) = Album::with(&[Admin, Contributor]);
    let [owner, anna, ben] = apart(&homes);
    let beside = album.by(anna, &[last], remove(ben));
    let before = album.by(anna, &[last], add(&Home::new(8), Viewer));
    album.by(owner, &[before], set(anna, Contributor));
    assert!(!album.counts(beside) && album.counts(before));
    assert_eq!(album.role(ben), Some(Contributor));
    assert_eq!(album.role(anna), Some(Contributor));
}

/// Anna removes Ben, whom the owner makes an admin at the same time; Ben, as an admin, goes about.
#[test]
fn who_was_promoted_beside_its_removal_is_out_with_all_it_did() {
    let (mut album, homes, last) = Album::with(&[Admin, Contributor, Contributor]);
    let [owner, anna, ben, carl] = apart(&homes);
    let promoted = album.by(owner, &[last], set(ben, Admin));
    let deeds = [remove(carl), add(&Home::new(9), Contributor), leave()]
        .map(|action| album.by(ben, &[promoted], action));
    album.by(anna, &[last], remove(ben));
    assert!(deeds.iter().all(|id| !album.counts(*id)));
    assert_eq!((album.role(ben), album.role(carl)), (None, Some(Contributor)));
    assert_eq!(album.now().members.len(), 3);
}

#[test]
fn a_household_that_left_can_date_nothing_back() {
    let (mut album, homes, last) = Album::with(&[Admin, Contributor]);
    let [_, anna, ben] = apart(&homes);
    let left = album.by(anna, &[last], leave());
    let backdated = album.by(anna, &[last], remove(ben));
    assert!(album.counts(left) && !album.counts(backdated));
    assert_eq!((album.role(anna), album.role(ben)), (None, Some(Contributor)));
}

#[test]
fn a_replaced_node_is_shut_out() {
    let (mut album, homes, last) = Album::with(&[Admin, Contributor]);
    let [owner, anna, ben] = apart(&homes);
    let newer = Home::with_node(1, 2);
    assert_eq!(newer.id(), anna.id());
    let renewed = album.by(&newer, &[last], Action::Renew { receive: newer.receive.public() });
    let stolen = [
        album.by(anna, &[last], remove(ben)),
        album.by(anna, &[last], leave()),
        album.by(anna, &[renewed], add(&Home::new(9), Viewer)),
        album.by(anna, &[renewed], Action::Renew { receive: anna.receive.public() }),
    ];
    assert!(stolen.iter().all(|id| !album.counts(*id)));
    assert!(album.counts(renewed));
    assert_eq!(album.now().members[&anna.id()].receive, newer.receive.public());
    let removal = album.by(&newer, &[renewed], remove(ben));
    assert!(album.counts(removal));
    // And an owner's stolen node gives nothing away.
    let newer = Home::with_node(0, 2);
    album.by(&newer, &[last], Action::Renew { receive: newer.receive.public() });
    let stolen = album.by(owner, &[last], Action::Transfer { household: ben.id() });
    assert!(!album.counts(stolen));
    assert_eq!(album.now().owner, Some(owner.id()));
}

#[test]
fn a_member_carries_who_brought_it_in_and_for_whom() {
    let (mut album, homes, last) = Album::with(&[Admin]);
    let [_, anna] = apart(&homes);
    let ben = Home::new(9);
    let account = heirloom_identity::AccountId::from_random([5; 16]);
    let invited = album.by(anna, &[last], add(&ben, Viewer));
    let action = Action::SetRole { household: ben.id(), role: Contributor, accounts: vec![account] };
    let set = album.by(anna, &[invited], action);
    let member = album.now().members[&ben.id()].clone();
    assert_eq!((member.since, member.added_by), (invited, anna.id()));
    assert_eq!((member.role, member.accounts), (Contributor, vec![account]));
    let removed = album.by(anna, &[set], remove(&ben));
    let again = album.by(anna, &[removed], add(&ben, Viewer));
    assert_eq!(album.now().members[&ben.id()].since, again);
}

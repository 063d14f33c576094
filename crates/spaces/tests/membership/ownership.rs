//! Exactly one owner, whoever hands the album to whom at the same time.

use heirloom_identity::Role;

use crate::album::{Album, Home, add, apart, leave, remove, set, transfer};

use Role::{Admin, Contributor, Owner, Viewer};

fn owners(album: &Album) -> usize {
    album.now().members.values().filter(|member| member.role == Owner).count()
}

#[test]
fn the_owner_hands_on_and_stays_as_an_admin() {
    let (mut album, homes, last) = Album::with(&[Viewer]);
    let [owner, anna] = apart(&homes);
    let handed = album.by(owner, &[last], transfer(anna));
    assert_eq!(album.now().owner, Some(anna.id()));
    assert_eq!(album.role(owner), Some(Admin));
    let back = album.by(anna, &[handed], transfer(owner));
    let left = album.by(anna, &[back], leave());
    assert_eq!(album.now().owner, Some(owner.id()));
    assert!(album.counts(left));
    assert_eq!(owners(&album), 1);
}

#[test]
fn of_two_transfers_side_by_side_one_counts() {
    let (mut album, homes, last) = Album::with(&[Contributor, Contributor]);
    let [owner, anna, ben] = apart(&homes);
    let first = album.by(owner, &[last], transfer(anna));
    let second = album.by(owner, &[last], transfer(ben));
    let (winner, loser) = if first < second { (anna, ben) } else { (ben, anna) };
    assert_eq!(album.now().owner, Some(winner.id()));
    // What the loser did as the owner never counted.
    let of_loser = if first < second { second } else { first };
    let deed = album.by(loser, &[of_loser], remove(winner));
    assert!(!album.counts(deed));
    assert_eq!(album.role(loser), Some(Contributor));
    assert_eq!(owners(&album), 1);
}

#[test]
fn what_the_former_owner_dates_back_has_no_effect() {
    let (mut album, homes, last) = Album::with(&[Contributor, Admin]);
    let [owner, anna, ben] = apart(&homes);
    album.by(owner, &[last], transfer(anna));
    let deeds = [remove(anna), remove(ben), set(ben, Viewer), add(&Home::new(9), Admin)]
        .map(|action| album.by(owner, &[last], action));
    assert!(deeds.iter().all(|id| !album.counts(*id)));
    assert_eq!(album.now().owner, Some(anna.id()));
}

#[test]
fn nobody_removes_who_becomes_the_owner_beside_it() {
    let (mut album, homes, last) = Album::with(&[Contributor, Admin]);
    let [owner, anna, ben] = apart(&homes);
    let handed = album.by(owner, &[last], transfer(anna));
    let removal = album.by(ben, &[last], remove(anna));
    assert_eq!((album.now().owner, album.role(anna)), (Some(owner.id()), None));
    let left = album.by(anna, &[last], leave());
    // Anna left, and was removed, without knowing: as long as she does nothing after it, she was never the owner.
    assert_eq!(album.now().owner, Some(owner.id()));
    assert_eq!(album.role(anna), None);
    // She does something: then she was, and nobody's removal of her counts, not even her own.
    album.by(anna, &[handed], add(&Home::new(9), Viewer));
    assert_eq!(album.now().owner, Some(anna.id()));
    assert!(!album.counts(removal) && !album.counts(left));
    assert_eq!(owners(&album), 1);
}

#[test]
fn a_removal_follows_whom_the_owner_handed_on_to() {
    let (mut album, homes, last) = Album::with(&[Admin, Admin]);
    let [owner, anna, ben] = apart(&homes);
    let handed = album.by(owner, &[last], transfer(anna));
    let early = album.by(anna, &[last], remove(ben));
    let late = album.by(anna, &[handed], remove(ben));
    assert!(!album.counts(early) && album.counts(late));
    let former = album.by(anna, &[late], remove(owner));
    assert!(album.counts(former));
    assert_eq!(album.now().members.len(), 1);
    // The former owner can't come back by handing on once more.
    let again = album.by(owner, &[handed], transfer(ben));
    assert!(!album.counts(again));
    assert_eq!(album.now().owner, Some(anna.id()));
}

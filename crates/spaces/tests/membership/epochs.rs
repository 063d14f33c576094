//! Epochs: when a new secret is due, who can open it, and what it opens.

use std::collections::BTreeMap;

use heirloom_identity::{Action, EpochId, EpochSecret, OperationId, Rekey, Role};
use heirloom_spaces::membership::{Membership, evaluate_at, next_parents, plan_rekey};

use crate::album::{Album, Home, add, apart, remove, set};

use Role::{Admin, Contributor, Viewer};

type Secrets = BTreeMap<EpochId, EpochSecret>;

/// Begins the epoch that is due by all that is known, as this home.
fn rekey(album: &mut Album, home: &Home, secrets: &mut Secrets) -> (EpochId, OperationId) {
    let now = album.now();
    let parents = next_parents(&album.operations, &now, &home.id());
    begin(album, home, secrets, &parents, &now)
}

/// The same as a home that knows only these operations and what they follow.
fn rekey_at(
    album: &mut Album,
    home: &Home,
    secrets: &mut Secrets,
    parents: &[OperationId],
) -> (EpochId, OperationId) {
    let then = evaluate_at(&album.operations, parents).unwrap();
    begin(album, home, secrets, parents, &then)
}

fn begin(
    album: &mut Album,
    home: &Home,
    secrets: &mut Secrets,
    parents: &[OperationId],
    membership: &Membership,
) -> (EpochId, OperationId) {
    let mut count = u8::try_from(album.operations.count()).unwrap();
    let mut random = |bytes: &mut [u8]| {
        count = count.wrapping_mul(31).wrapping_add(home.id().as_bytes()[0]);
        bytes.fill(count);
    };
    let epoch = plan_rekey(&album.operations, membership, secrets, &mut random);
    let id = epoch.secret.id();
    secrets.insert(id, epoch.secret);
    (id, album.by(home, parents, Action::Rekey(epoch.rekey)))
}

/// All secrets that a home can open from the operations alone.
fn opened(album: &Album, home: &Home) -> Secrets {
    let space = album.operations.space();
    let rekeys: Vec<Rekey> = album.operations.ids().filter_map(|id| rekey_of(album, id)).collect();
    let mut secrets = Secrets::new();
    for rekey in &rekeys {
        for (household, sealed) in &rekey.wraps {
            let opened = EpochSecret::unwrap_with(&space, &home.receive, &rekey.epoch, sealed);
            assert_eq!(opened.is_ok(), *household == home.id());
            secrets.extend(opened.ok().map(|secret| (rekey.epoch, secret)));
        }
    }
    // Later epochs open earlier ones.
    for rekey in rekeys.iter().rev() {
        let Some(secret) = secrets.get(&rekey.epoch).cloned() else { continue };
        for (id, sealed) in &rekey.previous {
            secrets.insert(*id, secret.disclose(&space, id, sealed).unwrap());
        }
    }
    secrets
}

fn rekey_of(album: &Album, id: OperationId) -> Option<Rekey> {
    match album.operations.get(&id)?.action() {
        Action::Rekey(rekey) => Some(rekey.clone()),
        _ => None,
    }
}

#[test]
fn a_newcomer_reads_the_past_and_the_removed_not_the_future() {
    let (mut album, homes, _) = Album::with(&[Contributor, Viewer]);
    let [owner, anna, ben] = apart(&homes);
    assert!(album.now().needs_rekey(&album.operations));
    assert_eq!(album.now().writing_epoch(&album.operations), None);
    let mut secrets = Secrets::new();
    let (first, last) = rekey(&mut album, owner, &mut secrets);
    assert_eq!(album.now().writing_epoch(&album.operations), Some(first));
    let newcomer = Home::new(9);
    let last = album.by(owner, &[last], add(&newcomer, Viewer));
    // An invitation alone asks for no new secret.
    assert!(!album.now().needs_rekey(&album.operations));
    album.by(owner, &[last], remove(ben));
    assert!(album.now().needs_rekey(&album.operations));
    let (second, _) = rekey(&mut album, anna, &mut secrets);
    assert_eq!(album.now().writing_epoch(&album.operations), Some(second));
    assert_eq!(album.now().epoch_heads(), [second]);
    for home in [owner, anna, &newcomer] {
        assert_eq!(opened(&album, home).into_keys().collect::<Vec<_>>(), sorted([first, second]));
    }
    assert_eq!(opened(&album, ben).into_keys().collect::<Vec<_>>(), [first]);
}

#[test]
fn two_epochs_side_by_side_are_merged() {
    let (mut album, homes, last) = Album::with(&[Contributor, Viewer]);
    let [owner, anna, ben] = apart(&homes);
    let mut secrets = Secrets::new();
    let (_, start) = rekey(&mut album, owner, &mut secrets);
    assert!(album.operations.is_ancestor(&last, &start));
    let removal = album.by(owner, &[start], remove(ben));
    let mut of_owner = secrets.clone();
    let (by_owner, _) = rekey_at(&mut album, owner, &mut of_owner, &[removal]);
    // Anna knows nothing of the removal, and wraps hers to Ben too.
    let (by_anna, _) = rekey_at(&mut album, anna, &mut secrets, &[start]);
    assert_eq!(album.now().epoch_heads(), sorted([by_owner, by_anna]));
    assert!(album.now().needs_rekey(&album.operations));
    secrets.extend(of_owner);
    let (merged, _) = rekey(&mut album, anna, &mut secrets);
    assert_eq!(album.now().writing_epoch(&album.operations), Some(merged));
    assert_eq!(opened(&album, owner).len(), 4);
    let of_ben = opened(&album, ben);
    assert!(of_ben.contains_key(&by_anna) && of_ben.len() == 2);
}

#[test]
fn an_epoch_given_to_somebody_whose_invitation_is_void_is_replaced() {
    let (mut album, homes, _) = Album::with(&[Admin, Contributor]);
    let [owner, anna, ben] = apart(&homes);
    let friend = Home::new(9);
    let mut secrets = Secrets::new();
    let (_, start) = rekey(&mut album, owner, &mut secrets);
    let removal = album.by(owner, &[start], remove(anna));
    let invited = album.by(anna, &[start], add(&friend, Contributor));
    // Ben saw the invitation first.
    let (given, _) = rekey_at(&mut album, ben, &mut secrets, &[invited]);
    let (merged, _) = rekey(&mut album, ben, &mut secrets);
    assert!(album.operations.is_ancestor(&removal, &album.operations.heads()[0]));
    assert_eq!(album.now().writing_epoch(&album.operations), Some(merged));
    let of_friend = opened(&album, &friend);
    assert!(of_friend.contains_key(&given) && !of_friend.contains_key(&merged));
}

/// Nobody was removed: the inviter was demoted beside its invitation.
#[test]
fn an_epoch_given_to_a_stranger_is_replaced_without_any_removal() {
    let (mut album, homes, _) = Album::with(&[Admin, Contributor]);
    let [owner, anna, ben] = apart(&homes);
    let friend = Home::new(9);
    let mut secrets = Secrets::new();
    let (_, start) = rekey(&mut album, owner, &mut secrets);
    let invited = album.by(anna, &[start], add(&friend, Contributor));
    let (given, last) = rekey_at(&mut album, ben, &mut secrets, &[invited]);
    assert_eq!(album.now().writing_epoch(&album.operations), Some(given));
    album.by(owner, &[start], set(anna, Contributor));
    assert!(album.now().removals.is_empty() && album.operations.is_ancestor(&invited, &last));
    assert!(album.now().needs_rekey(&album.operations), "the friend has the newest secret");
    let (replaced, _) = rekey(&mut album, ben, &mut secrets);
    let of_friend = opened(&album, &friend);
    assert!(of_friend.contains_key(&given) && !of_friend.contains_key(&replaced));
}

/// The friend asked the inviter for the secret, so no operation says that it has it.
#[test]
fn an_epoch_that_a_stranger_may_have_asked_for_is_replaced() {
    let (mut album, homes, _) = Album::with(&[Admin, Contributor]);
    let [owner, anna, ben] = apart(&homes);
    let friend = Home::new(9);
    let mut secrets = Secrets::new();
    let (first, start) = rekey(&mut album, owner, &mut secrets);
    let invited = album.by(anna, &[start], add(&friend, Contributor));
    assert_eq!(album.now().writing_epoch(&album.operations), Some(first));
    album.by(owner, &[start], set(anna, Contributor));
    assert!(!album.counts(invited) && album.now().removals.is_empty());
    assert!(album.now().needs_rekey(&album.operations), "the friend may have the newest secret");
    let (second, replaced) = rekey(&mut album, ben, &mut secrets);
    assert_eq!(album.now().writing_epoch(&album.operations), Some(second));
    assert!(album.operations.is_ancestor(&invited, &replaced));
    assert!(!opened(&album, &friend).contains_key(&second));
    // An invitation by who never could invite, and one by who is out, call for nothing.
    album.by(ben, &[replaced], add(&friend, Viewer));
    assert_eq!(album.now().writing_epoch(&album.operations), Some(second));
}

#[test]
fn a_removed_or_repeated_epoch_never_becomes_the_newest() {
    let (mut album, homes, _) = Album::with(&[Contributor]);
    let [owner, anna] = apart(&homes);
    let mut secrets = Secrets::new();
    let (first, start) = rekey(&mut album, owner, &mut secrets);
    let removal = album.by(owner, &[start], remove(anna));
    let (second, last) = rekey_at(&mut album, owner, &mut secrets, &[removal]);
    // Anna begins one beside her removal, which its secret's finder keeps but nobody writes under.
    let (by_anna, backdated) = rekey_at(&mut album, anna, &mut secrets, &[start]);
    assert!(!album.counts(backdated));
    assert_eq!(album.now().writing_epoch(&album.operations), Some(second));
    assert!(album.now().epochs.iter().any(|epoch| epoch.id == by_anna && !epoch.effective));
    // An old secret is not made new again.
    let repeated = rekey_of(&album, start).unwrap();
    let repeated = album.by(owner, &[last], Action::Rekey(Rekey { parents: vec![second], ..repeated }));
    assert!(!album.counts(repeated));
    assert_eq!(album.now().writing_epoch(&album.operations), Some(second));
    // The next one opens all that was written under, also what stood beside the removal.
    let renewed = album.by(owner, &[last], Action::Renew { receive: owner.receive.public() });
    assert!(album.now().needs_rekey(&album.operations));
    rekey_at(&mut album, owner, &mut secrets, &[renewed]);
    let (_, operation) = rekey(&mut album, owner, &mut secrets);
    let ids = rekey_of(&album, operation).unwrap().previous.into_iter().map(|(id, _)| id);
    assert!(ids.collect::<Vec<_>>().contains(&by_anna));
    assert!(opened(&album, owner).contains_key(&first));
}

fn sorted(ids: impl IntoIterator<Item = EpochId>) -> Vec<EpochId> {
    let mut ids: Vec<EpochId> = ids.into_iter().collect();
    ids.sort_unstable();
    ids
}

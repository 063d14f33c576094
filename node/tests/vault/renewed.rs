//! New keys for a home whose old ones were stolen (`heirloom keys renew`): the thief is shut out, and nobody else notices.

use std::sync::Arc;

use heirloom::clock;
use heirloom::home::Home;
use heirloom::restore::keys;
use heirloom::sharing::{self, create_album};
use heirloom::vault::audits::{self, Scope};
use heirloom::vault::backup;
use heirloom::vault::status::status;
use heirloom_identity::{Phrase, Role, SpaceId, VaultHead};
use tokio_util::sync::CancellationToken;

use crate::found::quick_folder;
use crate::homes::{Scratch, copy, household, photo, photos, run};
use crate::peers::{Place, complete, connected, keeper_and_ward};
use crate::wait::until;

/// What a thief who was at the computer while it was off takes along.
fn image_of(scratch: &Scratch) -> Scratch {
    let phrase = Phrase::parse(&scratch.phrase.text()).unwrap();
    let image = Scratch { folder: Arc::new(quick_folder()), phrase, clock: Arc::clone(&scratch.clock) };
    copy(&scratch.root(), &image.root());
    image
}

/// An album with the home's first photo, shared with the other home.
async fn shared(anna: &Place, ben: &Place) -> SpaceId {
    let account = anna.home.ledger.accounts().unwrap()[0].id;
    let album = create_album(&anna.home, account, "Summer").unwrap();
    sharing::share(&anna.home, &album, household(&ben.home), Role::Contributor, Vec::new()).unwrap();
    add(&anna.home, &album, 1);
    entries_at(&ben.home, &album, 1).await;
    album
}

/// Adds the photo that arrived as this one.
fn add(home: &Home, album: &SpaceId, seq: u32) {
    let entry = home.ledger.entries_after(seq - 1, 1).unwrap().remove(0);
    sharing::add_assets(home, album, entry.account, &[entry.asset]).unwrap();
}

async fn entries_at(home: &Arc<Home>, album: &SpaceId, count: u64) {
    until("the entries", &[home], || {
        let album = home.albums.album(album).unwrap()?;
        (album.entries == count).then_some(())
    })
    .await;
}

/// Goal: after new keys the old ones open nothing, at no other home, and sharing and copying go on without a question to
/// anybody. Method: the disk is copied while the computer is off; then the home gets new keys, and both run.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_the_old_keys_is_shut_out() {
    let (anna, ben) = keeper_and_ward().await;
    photos(&anna.home, 0..3);
    let album = shared(&anna, &ben).await;
    run(&anna.home).await;
    let (ward, old) = (household(&anna.home), anna.home.keys.certificate.clone());
    let before = ben.home.vault.keeper.ward(&ward).unwrap();

    let scratch = anna.down().await;
    let stolen = image_of(&scratch);
    assert_eq!(keys::renew(&scratch.root(), &scratch.phrase.text(), clock::now_ms()).unwrap(), 2);
    let anna = Place::up(scratch).await;
    connected(&anna, &ben).await;
    let known = ben.home.ledger.peer(&ward).unwrap().unwrap().certificate;
    assert!(known == anna.home.keys.certificate && known.outranks(&old));

    photo(&anna.home, 3);
    let report = run(&anna.home).await;
    assert!(report.head.is_some(), "{report:?}");
    assert_eq!(complete(&anna), 4);
    add(&anna.home, &album, 2);
    entries_at(&ben.home, &album, 2).await;
    let proved = audits::run(&anna.home, Scope::Everything, 1, &CancellationToken::new()).await.unwrap();
    assert_eq!((proved.ok, proved.wrong, proved.missing), (proved.asked, 0, 0), "the copies of before count");

    // The thief comes, and hears no more than that the keys are worth nothing.
    let thief = Place::up(stolen).await;
    thief.network.wake_dialer(&household(&ben.home));
    until("the thief to be told", &[&thief.home], || thief.home.is_outranked().then_some(())).await;
    assert!(thief.network.connection(&household(&ben.home)).is_none());
    assert!(status(&thief.home).unwrap().replaced);
    assert!(backup::run(&thief.home, &CancellationToken::new()).await.is_err());
    let last = thief.home.vault.store.last_head().unwrap().unwrap();
    let last = VaultHead::decode(&last.head).unwrap();
    let signer = thief.home.keys.node.signer();
    let (number, now_ms) = (last.number() + 9, thief.home.vault.engine.now());
    let head =
        VaultHead::sign(signer, &old, number, last.hash(), now_ms, last.keyring(), last.pointer()).unwrap();
    assert!(ben.home.vault.keeper.put_head(&ward, &head.encode()).is_err(), "signed with the old keys");

    // Nothing of it stands between the two homes.
    assert!(anna.network.connection(&household(&ben.home)).is_some());
    let after = ben.home.vault.keeper.ward(&ward).unwrap();
    assert_eq!((after.state, after.quota), (before.state, before.quota));
    assert_eq!(after.last_head.unwrap().number, report.head.unwrap());
    let alarms: Vec<String> =
        anna.home.vault.store.alarms().unwrap().into_iter().map(|alarm| alarm.kind).collect();
    assert!(!alarms.iter().any(|kind| ["newer-state", "keys-used"].contains(&kind.as_str())), "{alarms:?}");
}

/// Goal: nobody gets new keys without the words, and none while the home is open; the old ones stay then. Method: the words
/// of another home, words with a slip, and a home that runs.
#[tokio::test(flavor = "multi_thread")]
async fn keys_stay_without_the_right_words() {
    let (scratch, other) = (Scratch::new("Anna"), Scratch::new("Ben"));
    let before = std::fs::read_to_string(scratch.root().join("keys.toml")).unwrap();
    let refused = |words: &str| keys::renew(&scratch.root(), words, 1).unwrap_err().to_string();
    assert!(refused(&other.phrase.text()).contains("not this household's"));
    let words = scratch.phrase.text();
    let first = words.split(' ').next().unwrap();
    assert!(!refused(&words.replacen(first, "hosue", 1)).is_empty());
    let home = scratch.open();
    assert!(refused(&words).contains("stop Heirloom first"));
    crate::crash::closed(home);
    assert_eq!(std::fs::read_to_string(scratch.root().join("keys.toml")).unwrap(), before);
    assert_eq!(keys::renew(&scratch.root(), &words, 1).unwrap(), 2);
}

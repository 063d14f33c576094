//! Somebody else who has the keys of a home's computer, and what both homes hear of it.

use std::sync::Arc;

use heirloom::home::Home;
use heirloom::protocols::vault::notices;
use heirloom::vault::status::status;
use heirloom_identity::VaultHead;
use heirloom_vault::store::{Alarm, Place as At};
use heirloom_vault::{PackId, Room, Target};

use crate::faulty::{Fault, Faulty};
use crate::homes::{DAY_MS, Scratch, add_folder, household, photo, photos, run};
use crate::peers::{Place, complete, keeper_and_ward};
use crate::readback;
use crate::wait::until;

/// An alarm of a kind.
fn alarm(home: &Home, kind: &str) -> Option<Alarm> {
    home.vault.store.alarms().unwrap().into_iter().find(|alarm| alarm.kind == kind)
}

/// A head as somebody with the keys of this home's computer signs it: so many numbers after the newest.
fn stolen(home: &Home, after: u64, made_at_ms: i64) -> Vec<u8> {
    let last = home.vault.store.last_head().unwrap().unwrap();
    let last = VaultHead::decode(&last.head).unwrap();
    let (signer, certificate) = (home.keys.node.signer(), &home.keys.certificate);
    let number = last.number() + after;
    let head =
        VaultHead::sign(signer, certificate, number, last.hash(), made_at_ms, last.keyring(), last.pointer());
    head.unwrap().encode()
}

/// The ward goes off, something happens at its keeper, and it comes back.
async fn while_off(ward: Place, keeper: &Place, what: impl FnOnce()) -> Place {
    let household = household(&ward.home);
    let scratch = ward.down().await;
    let is_gone = || keeper.network.connection(&household).is_none().then_some(());
    until("the ward to go", &[&keeper.home], is_gone).await;
    what();
    notices::pass_on(&keeper.network).await;
    let ward = Place::up(scratch).await;
    keeper.network.wake_dialer(&household);
    ward
}

/// Goal: a head that somebody else signed, at a time when this computer was on, is told for what it is, in both homes; the
/// home goes on above it. Method: the keeper gets a head five numbers ahead, which contradicts nothing there.
#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_signs_is_noticed_in_both_homes() {
    let (anna, ben) = keeper_and_ward().await;
    photo(&anna.home, 1);
    run(&anna.home).await;
    let rubbish = stolen(&anna.home, 5, anna.home.vault.engine.now());
    ben.home.vault.keeper.put_head(&household(&anna.home), &rubbish).unwrap();
    photo(&anna.home, 2);
    run(&anna.home).await;
    let told = alarm(&anna.home, "keys-used").unwrap();
    assert!(told.text.contains("Ben") && told.advice.contains("heirloom keys renew"), "{told:?}");
    let newest = ben.home.vault.keeper.ward(&household(&anna.home)).unwrap().last_head.unwrap();
    assert_eq!(newest.number, 7, "it goes on above the thief's");
    until("the keeper's people to hear", &[&ben.home], || alarm(&ben.home, "fork_here")).await;
    until("the keeper to tell", &[&anna.home], || alarm(&anna.home, "fork")).await;
    // Told once, and not with every run.
    anna.home.vault.store.alarm_seen(told.id).unwrap();
    photo(&anna.home, 3);
    anna.scratch.pass(8 * DAY_MS);
    run(&anna.home).await;
    assert!(alarm(&anna.home, "keys-used").unwrap().seen);
}

/// Goal: where nobody can tell a thief from a disk that was set back, both are said, with what to do in either case; also
/// when the home was off at the time. Method: the head is made while the ward is off.
#[tokio::test(flavor = "multi_thread")]
async fn a_head_of_a_time_when_the_ward_was_off_may_be_either() {
    let (anna, ben) = keeper_and_ward().await;
    photo(&anna.home, 1);
    run(&anna.home).await;
    let rubbish = stolen(&anna.home, 5, anna.home.vault.engine.now() + DAY_MS);
    let ward = household(&anna.home);
    anna.scratch.pass(2 * DAY_MS);
    let keeper = Arc::clone(&ben.home.vault.keeper);
    let anna = while_off(anna, &ben, || keeper.put_head(&ward, &rubbish).unwrap()).await;
    let id = anna.home.vault.store.target_of(&household(&ben.home)).unwrap().unwrap().id;
    let counted = format!("counted-{id}");
    let is_due = || anna.home.vault.store.setting(&counted).unwrap().is_some_and(|at| at.is_empty());
    until("the meeting", &[&anna.home], || is_due().then_some(())).await;
    run(&anna.home).await;
    let told = alarm(&anna.home, "newer-state").unwrap();
    assert!(told.text.contains("set back") && told.text.contains("somebody else"), "{told:?}");
    assert!(
        told.advice.contains("heirloom vault newer bring") && told.advice.contains("heirloom keys renew"),
        "{told:?}"
    );
    assert_eq!(alarm(&anna.home, "keys-used"), None);
    until("the keeper's people to hear", &[&ben.home], || alarm(&ben.home, "fork_here")).await;
}

/// Goal: whoever has a little deleted, so that no person is asked, is noticed in both homes, and gets nothing. Method: the
/// keeper is told to delete a twentieth while the ward is off.
#[tokio::test(flavor = "multi_thread")]
async fn a_little_that_is_deleted_is_told_and_sent_again() {
    let (anna, ben) = keeper_and_ward().await;
    photos(&anna.home, 0..24);
    run(&anna.home).await;
    let (ward, keeper) = (household(&anna.home), Arc::clone(&ben.home.vault.keeper));
    let before = keeper.state(&ward).unwrap();
    let mut packs = keeper.list(&ward, None, 1_000).unwrap();
    packs.sort_by_key(|(_, bytes)| *bytes);
    let (smallest, bytes) = packs[0];
    assert!(Some(bytes) <= before.deletable, "{before:?} {packs:?}");
    let anna = while_off(anna, &ben, || {
        assert!(!keeper.delete(&ward, &[smallest]).unwrap().waits_for_person);
    })
    .await;
    let id = anna.home.vault.store.target_of(&household(&ben.home)).unwrap().unwrap().id;
    let counted = format!("counted-{id}");
    let is_due = || anna.home.vault.store.setting(&counted).unwrap().is_some_and(|at| at.is_empty());
    until("the meeting", &[&anna.home], || is_due().then_some(())).await;
    run(&anna.home).await;
    let told = alarm(&anna.home, "deleted-in-our-name").unwrap();
    assert!(told.text.contains("Ben") && told.text.contains("(1 in all)"), "{told:?}");
    let there =
        until("the keeper's people to hear", &[&ben.home], || alarm(&ben.home, "not_asked_here")).await;
    assert!(there.text.contains("Anna"), "{there:?}");
    run(&anna.home).await;
    // Sent again, or packed anew where it was a list of before.
    assert_eq!((complete(&anna), anna.home.vault.store.pending_for(id, 1).unwrap()), (24, Vec::new()));
}

/// Goal: whoever asks for everything to be deleted is noticed in both homes, though the ward was off. Method: as above, with
/// all packs; nothing goes, and the ward's page asks its people.
#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_to_be_deleted_is_told_when_the_ward_is_back() {
    let (anna, ben) = keeper_and_ward().await;
    photos(&anna.home, 0..3);
    run(&anna.home).await;
    let (ward, keeper) = (household(&anna.home), Arc::clone(&ben.home.vault.keeper));
    let packs: Vec<PackId> =
        keeper.list(&ward, None, 1_000).unwrap().into_iter().map(|(pack, _)| pack).collect();
    let anna = while_off(anna, &ben, || {
        assert!(keeper.delete(&ward, &packs).unwrap().waits_for_person);
    })
    .await;
    assert!(alarm(&ben.home, "deletion_here").is_some());
    until("the ward's people to hear", &[&anna.home], || alarm(&anna.home, "deletion")).await;
    assert_eq!(status(&anna.home).unwrap().reasons[0].kind, "deletion");
    assert_eq!(keeper.ward(&ward).unwrap().packs, packs.len() as u64);
}

/// Goal: what a thief leaves does not fill a place for ever, and what may be somebody's photos is not deleted early. Method: a
/// place gets a pack and a head that nobody knows; weeks pass, then more than a month.
#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_knows_goes_when_nobody_can_restore_it() {
    let scratch = Scratch::new("Anna");
    let home = scratch.open();
    photos(&home, 0..2);
    let folder = scratch.beside("disk");
    add_folder(&home, &folder);
    run(&home).await;
    let target = readback::target(&folder, &household(&home));
    let rubbish = vec![7; 64 << 10];
    let pack = PackId::of(&rubbish);
    target.put(pack, rubbish.into(), Room::Common).await.unwrap();
    target.put_head(stolen(&home, 5, home.vault.engine.now())).await.unwrap();
    let is_there = async || target.list(None).await.unwrap().iter().any(|(there, _)| *there == pack);
    for days in [8, 8, 8] {
        scratch.pass(days * DAY_MS);
        home.vault.keeper.tick(days * DAY_MS).unwrap();
        run(&home).await;
        assert!(is_there().await, "it may be all that there is of a photo");
    }
    assert!(alarm(&home, "keys-used").is_some());
    scratch.pass(31 * DAY_MS);
    home.vault.keeper.tick(31 * DAY_MS).unwrap();
    run(&home).await;
    run(&home).await;
    assert!(!is_there().await);
}

/// Goal: an alarm about a home for which nothing is kept any more keeps no other from being told. Method: two heads of one
/// number, and the agreement ends before the alarm is passed on.
#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_about_a_ward_that_is_gone_is_told_once() {
    let (anna, ben) = keeper_and_ward().await;
    photo(&anna.home, 1);
    run(&anna.home).await;
    let (ward, keeper) = (household(&anna.home), Arc::clone(&ben.home.vault.keeper));
    for made_at_ms in [1, 2] {
        drop(keeper.put_head(&ward, &stolen(&anna.home, 1, made_at_ms)));
    }
    keeper.end(&ward).unwrap();
    keeper.tick(31 * DAY_MS).unwrap();
    keeper.collect().unwrap();
    assert!(keeper.ward(&ward).is_err());
    notices::pass_on(&ben.network).await;
    let told = alarm(&ben.home, "fork_here").unwrap();
    ben.home.vault.store.alarm_seen(told.id).unwrap();
    notices::pass_on(&ben.network).await;
    assert!(alarm(&ben.home, "fork_here").unwrap().seen);
}

/// Goal: a list without an end costs a bounded amount of memory and work, and is said. Method: a place that makes up packs.
#[tokio::test(flavor = "multi_thread")]
async fn an_endless_list_is_not_believed() {
    let scratch = Scratch::new("Anna");
    let home = scratch.open();
    photos(&home, 0..2);
    let folder = scratch.beside("disk");
    let id = add_folder(&home, &folder);
    run(&home).await;
    let faulty = Faulty::new(readback::target(&folder, &household(&home)));
    let place = At::Folder(folder.to_str().unwrap().to_owned());
    home.vault.engine.hold_open(id, place, Arc::clone(&faulty) as Arc<dyn Target>);
    faulty.set(Fault::EndlessList);
    scratch.pass(8 * DAY_MS);
    run(&home).await;
    let row = home.vault.store.target(id).unwrap().unwrap();
    assert!(row.trouble.as_deref().is_some_and(|trouble| trouble.contains("far more")), "{row:?}");
    faulty.set(Fault::None);
    run(&home).await;
    assert_eq!(home.vault.store.target(id).unwrap().unwrap().trouble, None);
}

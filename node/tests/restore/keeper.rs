//! From another home, over the network of this machine.

use heirloom::clock;
use heirloom::home::Home;
use heirloom::protocols::Network;
use heirloom::restore::Comeback;
use heirloom::sharing::{self, Downloads};
use heirloom_identity::{ReceiveKey, Role, SpaceId};
use heirloom_spaces::AlbumEdit;

use crate::house::{Back, House, pair, restore, restore_all};
use crate::known::Known;
use crate::wait::until;

/// Anna with photos and an album that she shares with Ben, who keeps copies for her.
async fn anna_and_ben() -> (House, House, SpaceId) {
    let (anna, ben) = (House::found_up("Anna").await, House::found_up("Ben").await);
    pair(&anna, &ben).await;
    anna.live();
    let album = sharing::create_album(&anna.home, anna.account(), "Summer").unwrap();
    let assets: Vec<_> = anna.entries().iter().map(|entry| entry.asset).collect();
    sharing::add_assets(&anna.home, &album, anna.account(), &assets).unwrap();
    let caption =
        AlbumEdit::Caption(anna.entries()[0].file.hashes.content, Some("Us at the lake".to_owned()));
    anna.home.albums.edit(&album, anna.account(), &[caption], clock::now_ms()).unwrap();
    sharing::share(&anna.home, &album, ben.household(), Role::Contributor, Vec::new()).unwrap();
    entries_at(&ben.home, &album, 6).await;
    anna.keep_at(&ben).await;
    (anna, ben, album)
}

/// Waits until a home has so many entries of an album.
async fn entries_at(home: &std::sync::Arc<Home>, album: &SpaceId, count: u64) {
    until("the entries", &[home], || {
        let album = home.albums.album(album).unwrap()?;
        (album.entries == count).then_some(())
    })
    .await;
}

/// Goal: the phrase and one relative's invitation give everything back, and the relative's home takes the new node without
/// being asked. Method: two homes with a shared album; one burns down and is restored from the other; what it knows is
/// compared, and both write to the album afterwards and read each other.
#[tokio::test(flavor = "multi_thread")]
async fn everything_comes_back_from_a_relative() {
    let (mut anna, ben, album) = anna_and_ben().await;
    let report = anna.back_up().await;
    assert_eq!(report.head, Some(1), "{report:?}");
    let before = Known::of(&anna.home);
    let (old, old_receive) = (anna.home.keys.certificate.clone(), anna.home.keys.receive[0].public());
    anna.burn().await;
    let link = ben.network().invite(true).await.unwrap().link.to_string();

    let (back, restoring) = restore_all(&anna.beside("new"), &anna.words(), &[&link]).await;
    assert_eq!(before, Known::of(&back.home));
    assert_eq!(restoring.progress().unwrap().message, None);
    assert_eq!(back.home.keys.certificate.generation(), 2);

    // Ben's home knows the new node, and his people hear that somebody restored.
    until("the homes to connect", &[&ben.home, &back.home], || {
        let there = ben.network().connection(&anna.household());
        there.and(back.network.connection(&ben.household())).map(drop)
    })
    .await;
    let known = ben.home.ledger.peer(&anna.household()).unwrap().unwrap();
    assert_eq!(known.certificate, back.home.keys.certificate);
    assert!(known.certificate.outranks(&old));
    let alarms = ben.home.vault.store.alarms().unwrap();
    assert!(alarms.iter().any(|alarm| alarm.text.contains("back from the copies kept here")), "{alarms:?}");

    // The album names the new receive key, in both homes, and goes on.
    let newest = back.home.keys.receive.first().map(ReceiveKey::public).unwrap();
    assert_ne!(newest, old_receive);
    for home in [&back.home, &ben.home] {
        until("the album to know the new key", &[home], || {
            let membership = home.albums.membership(&album)?;
            (membership.members.get(&anna.household())?.receive == newest).then_some(())
        })
        .await;
    }
    let photo = crate::house::photo(&back.home, 60);
    let account = back.home.ledger.accounts().unwrap()[0].id;
    sharing::add_assets(&back.home, &album, account, &[photo.asset]).unwrap();
    entries_at(&ben.home, &album, 7).await;
    let theirs = ben.photo(61);
    sharing::add_assets(&ben.home, &album, ben.account(), &[theirs.asset]).unwrap();
    entries_at(&back.home, &album, 8).await;
    drop(back.stop().await);
}

/// Goal: a restored home keeps what it promised to others. Method: Anna keeps for Ben, too, before her house burns.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_promised_to_others_is_kept_again() {
    let (mut anna, ben, _) = anna_and_ben().await;
    ben.keep_at(&anna).await;
    anna.back_up().await;
    anna.burn().await;
    let link = ben.network().invite(true).await.unwrap().link.to_string();
    let (back, _) = restore_all(&anna.beside("new"), &anna.words(), &[&link]).await;
    let wards = back.home.vault.keeper.wards().unwrap();
    assert_eq!(wards.len(), 1);
    assert_eq!((wards[0].household, wards[0].quota), (ben.household(), 1 << 32));
    drop(back.stop().await);
}

/// Goal: photos come through a relative and a disk together, whichever has them. Method: half of the packs are deleted
/// from each.
#[tokio::test(flavor = "multi_thread")]
async fn two_places_with_half_each_are_a_whole() {
    let (mut anna, ben, _) = anna_and_ben().await;
    let (folder, _) = anna.add_folder("disk");
    anna.back_up().await;
    for seed in 20..24 {
        anna.photo(seed);
        anna.back_up().await;
    }
    let before = Known::of(&anna.home);
    let kept = ben.home.layout.kept().join(anna.household().to_string());
    anna.burn().await;
    for (at, pack) in packs_in(&folder).into_iter().enumerate() {
        let name = pack.strip_prefix(&folder).unwrap();
        let gone = if at % 2 == 0 { pack.clone() } else { kept.join(name) };
        std::fs::remove_file(gone).unwrap();
    }
    let link = ben.network().invite(true).await.unwrap().link.to_string();
    let places = [folder.to_str().unwrap(), &link];
    let (back, _) = restore_all(&anna.beside("new"), &anna.words(), &places).await;
    assert_eq!(before, Known::of(&back.home));
    drop(back.stop().await);
}

fn packs_in(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for shelf in std::fs::read_dir(folder.join("packs")).unwrap() {
        let packs = std::fs::read_dir(shelf.unwrap().path()).unwrap().map(|entry| entry.unwrap().path());
        found.extend(packs.filter(|path| path.extension().is_some_and(|ending| ending == "pack")));
    }
    found.sort();
    found
}

/// Goal: a relative who goes away in the middle is waited for, and the restore goes on without the phrase. Method: the
/// keeper is stopped once the home is open, and comes back.
#[tokio::test(flavor = "multi_thread")]
async fn a_relative_who_goes_away_is_waited_for() {
    let (mut anna, mut ben, _) = anna_and_ben().await;
    anna.back_up().await;
    let before = Known::of(&anna.home);
    anna.burn().await;
    let link = ben.network().invite(true).await.unwrap().link.to_string();
    let new = anna.beside("new");
    let (outcome, restoring) = restore(&new, &anna.words(), &[&link]).await;
    outcome.unwrap();
    ben.stop().await;
    drop(restoring);

    // What a start of the node does: no phrase, no invitation, and nobody there.
    let home = crate::house::open(&new);
    let network = Network::start(&home, None).await.unwrap();
    let comeback = Comeback::start(&home);
    until("a word that somebody is away", &[&home], || {
        home.restoring.progress()?.message.filter(|said| said.contains("away"))
    })
    .await;
    assert_eq!(home.ledger.totals().unwrap().0, 6, "what is known can be looked at meanwhile");
    comeback.stop().await;
    network.stop().await;
    home.close();
    drop((network, home));

    let root = ben.home.layout.root().to_owned();
    let House { folder, home: old, phrase, .. } = ben;
    drop(old);
    let mut ben = House { folder, phrase, home: crate::house::open(&root), network: None };
    ben.network = Some(Network::start(&ben.home, None).await.unwrap());
    let downloads = Downloads::start(&ben.home);
    let back = Back::begin(&new, &heirloom::restore::Restoring::default()).await;
    back.complete().await;
    assert_eq!(before, Known::of(&back.home));
    drop(back.stop().await);
    downloads.stop().await;
}

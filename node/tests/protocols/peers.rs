//! Goal: homes that are paired keep in touch, and stop when a person says so.
//! Method: real nodes on loopback that are switched off, moved, renamed, removed and replaced.

use heirloom::ledger::accounts::NewAccount;
use heirloom::ledger::peers::PeerState;
use heirloom_identity::AccountId;
use heirloom_net::PathKind;

use crate::family::{House, pair};

#[tokio::test(flavor = "multi_thread")]
async fn homes_find_each_other_again() {
    let (smiths, nonna) = (House::new("The Smiths").await, House::new("Nonna").await);
    pair(&smiths, &nonna).await;
    assert_eq!(smiths.network.path(&nonna.household()).kind, PathKind::Direct);
    let id = nonna.household();
    let nonna = nonna.down().await;
    smiths.misses(id).await;
    assert_eq!(smiths.network.path(&id).kind, PathKind::Off);
    // Both were off; each knows only where the other was before.
    let smiths = smiths.down().await;
    let nonna = nonna.up().await;
    let smiths = smiths.up().await;
    smiths.sees(&nonna).await;
    nonna.sees(&smiths).await;
    let seen = smiths.home.ledger.peer(&nonna.household()).unwrap().unwrap().last_seen_ms;
    assert!(seen.is_some());
    nonna.down().await;
    smiths.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_follow() {
    let (smiths, nonna) = (House::new("The Smiths").await, House::new("Nonna").await);
    pair(&smiths, &nonna).await;
    nonna.home.ledger.set_setting("household_name", "Nonna Rosa").unwrap();
    let ben = NewAccount {
        id: AccountId::from_random([9; 16]),
        email: "ben@example.org".to_owned(),
        name: "Ben".to_owned(),
        password: String::new(),
        admin: false,
        created_ms: 1_700_000_000_001,
    };
    nonna.home.ledger.add_account(ben).unwrap();
    nonna.network.names_changed();
    let id = nonna.household();
    let renamed = || smiths.network.peer(&id).filter(|peer| peer.name() == "Nonna Rosa");
    let peer = smiths.until("the new name", renamed).await;
    assert_eq!(peer.card.unwrap().people().len(), 2);
    // What people here call it stays theirs.
    smiths.network.name_peer(id, Some("Mum".to_owned())).await.unwrap();
    assert_eq!(smiths.network.peer(&id).unwrap().name(), "Mum");
    smiths.network.name_peer(id, None).await.unwrap();
    assert_eq!(smiths.network.peer(&id).unwrap().name(), "Nonna Rosa");
    nonna.down().await;
    smiths.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_that_is_removed_learns_of_it_and_may_return() {
    let (smiths, nonna) = (House::new("The Smiths").await, House::new("Nonna").await);
    pair(&smiths, &nonna).await;
    smiths.network.remove_peer(nonna.household()).await.unwrap();
    nonna.misses(smiths.household()).await;
    let id = smiths.household();
    let told = || nonna.network.peer(&id).and_then(|peer| peer.refusal);
    let refusal = nonna.until("to be told", told).await;
    assert!(refusal.contains("not paired"), "{refusal}");
    assert!(smiths.network.peers().is_empty());
    assert_eq!(smiths.network.peer(&nonna.household()).unwrap().state, PeerState::Removed);
    pair(&smiths, &nonna).await;
    assert_eq!(nonna.network.peer(&id).unwrap().refusal, None);
    nonna.down().await;
    smiths.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_that_was_kept_out_is_let_in_again() {
    let (smiths, nonna) = (House::new("The Smiths").await, House::new("Nonna").await);
    pair(&smiths, &nonna).await;
    smiths.network.set_blocked(nonna.household(), true).await.unwrap();
    nonna.misses(smiths.household()).await;
    smiths.network.set_blocked(nonna.household(), false).await.unwrap();
    smiths.sees(&nonna).await;
    nonna.down().await;
    smiths.down().await;
}

/// A new machine with a higher certificate speaks for its home from then on; the old one learns that it was replaced
/// from whomever it meets, and changes nothing any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_machine_takes_the_place_of_the_old() {
    let (smiths, nonna) = (House::new("The Smiths").await, House::new("Nonna").await);
    pair(&smiths, &nonna).await;
    let household = nonna.household();
    let nonna = nonna.down().await;
    let old_machine = nonna.copy();
    nonna.replace_machine();
    let nonna = nonna.up().await;
    nonna.sees(&smiths).await;
    smiths.sees(&nonna).await;
    let known = smiths.network.peer(&household).unwrap().certificate;
    assert_eq!((known.generation(), *known.node()), (2, nonna.home.keys.node.node()));

    let nonna = nonna.down().await;
    nonna.restore(&old_machine);
    let nonna = nonna.up().await;
    nonna.until("to learn that it was replaced", || nonna.home.is_outranked().then_some(())).await;
    assert!(smiths.network.connection(&household).is_none());
    assert!(nonna.home.must_be_current().is_err());
    let nonna = nonna.down().await.up().await;
    assert!(nonna.home.is_outranked(), "it does not forget that");
    assert!(nonna.network.invite(true).await.is_err());
    nonna.down().await;
    smiths.down().await;
}

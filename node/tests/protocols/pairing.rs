//! Goal: two homes pair when a person says so, and in no other way.
//! Method: real nodes on loopback; invitations that are good, refused, late, used, or meant for somebody else.

use heirloom::ledger::invitations::InvitationState;
use heirloom::ledger::peers::PeerState;
use heirloom::protocols::pairing::INVITATION_MS;
use heirloom::protocols::{Pairing, PairingRole, PairingState};
use heirloom_identity::Invitation;

use crate::family::{House, pair};

#[tokio::test(flavor = "multi_thread")]
async fn both_see_the_same_words_and_a_person_lets_the_guest_in() {
    let (smiths, nonna) = (House::new("The Smiths").await, House::new("Nonna").await);
    let invited = smiths.network.invite(false).await.unwrap();
    let open = smiths.network.pairing(&invited.id).unwrap();
    assert_eq!((open.role, open.state), (PairingRole::Inviter, PairingState::Waiting));

    let accepted = nonna.network.accept(&invited.link).unwrap();
    assert_eq!((accepted.role, accepted.name.as_str()), (PairingRole::Guest, "The Smiths"));
    let asked = smiths.asked(&invited.id).await;
    assert_eq!(asked.name, "Nonna");
    assert_eq!(asked.people[0].name, "Nonna");
    let has_words = |shown: &Pairing| shown.words.len() == 6;
    let waiting = nonna.until("words", || nonna.network.pairing(&accepted.id).filter(has_words)).await;
    assert_eq!(waiting.words, asked.words);
    assert!(smiths.home.ledger.peers().unwrap().is_empty(), "nothing is recorded before a person said yes");
    assert!(nonna.home.ledger.peers().unwrap().is_empty());

    smiths.network.confirm(&invited.id, Some("Grandma")).unwrap();
    assert_eq!(nonna.settled(&accepted.id).await.state, PairingState::Done);
    assert_eq!(smiths.settled(&invited.id).await.state, PairingState::Done);
    smiths.sees(&nonna).await;
    nonna.sees(&smiths).await;
    let theirs = smiths.home.ledger.peer(&nonna.household()).unwrap().unwrap();
    let ours = nonna.home.ledger.peer(&smiths.household()).unwrap().unwrap();
    assert_eq!((theirs.name(), ours.name()), ("Grandma".to_owned(), "The Smiths".to_owned()));
    assert_eq!((&theirs.words, &ours.words), (&asked.words, &asked.words));
    let card = theirs.card.unwrap();
    assert_eq!(*card.receive(), nonna.home.keys.receive[0].public());
    nonna.down().await;
    smiths.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_words_are_denied() {
    let (smiths, nonna) = (House::new("The Smiths").await, House::new("Nonna").await);
    let invited = smiths.network.invite(false).await.unwrap();
    let accepted = nonna.network.accept(&invited.link).unwrap();
    smiths.asked(&invited.id).await;
    smiths.network.deny(&invited.id).unwrap();
    assert_eq!(nonna.settled(&accepted.id).await.reason.as_deref(), Some("denied"));
    assert_eq!(smiths.settled(&invited.id).await.reason.as_deref(), Some("denied"));
    // The link is worth nothing any more, to anybody.
    let again = nonna.network.accept(&invited.link).unwrap();
    let again = nonna.settled(&again.id).await;
    assert!(["denied", "expired"].contains(&again.reason.as_deref().unwrap()), "{again:?}");
    assert!(smiths.home.ledger.peers().unwrap().is_empty());
    assert!(nonna.home.ledger.peers().unwrap().is_empty());
    nonna.down().await;
    smiths.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_lets_one_home_in() {
    let (smiths, nonna) = (House::new("The Smiths").await, House::new("Nonna").await);
    let bens = House::new("Ben's").await;
    let invited = smiths.network.invite(true).await.unwrap();
    let first = nonna.network.accept(&invited.link).unwrap();
    assert_eq!(nonna.settled(&first.id).await.state, PairingState::Done);
    let second = bens.network.accept(&invited.link).unwrap();
    assert_eq!(bens.settled(&second.id).await.reason.as_deref(), Some("used"));
    assert_eq!(smiths.home.ledger.peers().unwrap().len(), 1);
    bens.down().await;
    nonna.down().await;
    smiths.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_that_was_taken_back_or_is_late_lets_nobody_in() {
    let (smiths, nonna) = (House::new("The Smiths").await, House::new("Nonna").await);
    let invited = smiths.network.invite(true).await.unwrap();
    smiths.network.withdraw(&invited.id).await.unwrap();
    let accepted = nonna.network.accept(&invited.link).unwrap();
    assert_eq!(nonna.settled(&accepted.id).await.reason.as_deref(), Some("expired"));

    // A day later: the inviter's ledger says that the time is over, whatever the guest's clock says.
    let late = smiths.network.invite(true).await.unwrap();
    let mut row = smiths.home.ledger.invitations().unwrap().pop().unwrap();
    assert_eq!(row.link, late.link);
    row.id[0] ^= 1;
    row.made_ms -= 2 * INVITATION_MS;
    row.expires_ms -= 2 * INVITATION_MS;
    smiths.home.ledger.add_invitation(row).unwrap();
    smiths.network.withdraw(&late.id).await.unwrap();
    let accepted = nonna.network.accept(&late.link).unwrap();
    assert_eq!(nonna.settled(&accepted.id).await.reason.as_deref(), Some("expired"));
    assert!(smiths.home.ledger.peers().unwrap().is_empty());
    nonna.down().await;
    smiths.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn links_that_lead_elsewhere_are_refused() {
    let (smiths, nonna) = (House::new("The Smiths").await, House::new("Nonna").await);
    let own = smiths.network.invite(true).await.unwrap();
    assert!(smiths.network.accept(&own.link).unwrap_err().to_string().contains("your own home"));
    assert!(nonna.network.accept("https://example.org/").is_err());
    assert!(nonna.network.accept(&own.link[..own.link.len() - 3]).is_err());

    // Somebody changed whose home the link says it is: the node there has another certificate.
    let real = Invitation::parse(&own.link).unwrap();
    let forge = |household, secret| {
        let (node, addresses) = (*real.node(), real.addresses());
        let forged =
            Invitation::new(node, household, secret, addresses, None, real.expires_at_ms(), "Smiths");
        forged.unwrap().link().to_string()
    };
    let elsewhere = forge(heirloom_identity::HouseholdId::from_bytes([7; 32]), *real.secret());
    let accepted = nonna.network.accept(&elsewhere).unwrap();
    assert_eq!(nonna.settled(&accepted.id).await.reason.as_deref(), Some("wrong_home"));
    // Somebody who knows where the home is but not the secret.
    let guessed = forge(*real.household(), [7; 16]);
    let accepted = nonna.network.accept(&guessed).unwrap();
    assert_eq!(nonna.settled(&accepted.id).await.reason.as_deref(), Some("invalid"));
    assert!(smiths.home.ledger.peers().unwrap().is_empty());
    // None of this harmed the invitation.
    let accepted = nonna.network.accept(&own.link).unwrap();
    assert_eq!(nonna.settled(&accepted.id).await.state, PairingState::Done);
    nonna.down().await;
    smiths.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_that_is_kept_out_cannot_pair_again() {
    let (smiths, nonna) = (House::new("The Smiths").await, House::new("Nonna").await);
    pair(&smiths, &nonna).await;
    smiths.network.set_blocked(nonna.household(), true).await.unwrap();
    nonna.misses(smiths.household()).await;
    let invited = smiths.network.invite(true).await.unwrap();
    let accepted = nonna.network.accept(&invited.link).unwrap();
    assert_eq!(nonna.settled(&accepted.id).await.reason.as_deref(), Some("blocked"));
    let peer = smiths.home.ledger.peer(&nonna.household()).unwrap().unwrap();
    assert_eq!(peer.state, PeerState::Blocked);
    nonna.down().await;
    smiths.down().await;
}

/// An open invitation outlives the node that made it.
#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_survives_a_restart_of_its_maker() {
    let (smiths, nonna) = (House::new("The Smiths").await, House::new("Nonna").await);
    let invited = smiths.network.invite(false).await.unwrap();
    let accepted = nonna.network.accept(&invited.link).unwrap();
    smiths.asked(&invited.id).await;
    let smiths = smiths.down().await.up().await;
    // The guest comes again by itself, with other words, and is asked about again.
    let asked = smiths.asked(&invited.id).await;
    smiths.network.confirm(&invited.id, None).unwrap();
    let done = nonna.settled(&accepted.id).await;
    assert_eq!(done.state, PairingState::Done, "{:?}", done.reason);
    assert_eq!(done.words, asked.words);
    nonna.down().await;
    smiths.down().await;
}

/// A home that was removed does not come back with the link of its first visit.
#[tokio::test(flavor = "multi_thread")]
async fn the_link_of_a_home_that_was_removed_is_worth_nothing() {
    let (smiths, nonna) = (House::new("The Smiths").await, House::new("Nonna").await);
    let invited = smiths.network.invite(true).await.unwrap();
    let accepted = nonna.network.accept(&invited.link).unwrap();
    assert_eq!(nonna.settled(&accepted.id).await.state, PairingState::Done);
    smiths.sees(&nonna).await;
    nonna.sees(&smiths).await;
    smiths.network.remove_peer(nonna.household()).await.unwrap();
    nonna.misses(smiths.household()).await;
    let again = nonna.network.accept(&invited.link).unwrap();
    assert_eq!(nonna.settled(&again.id).await.reason.as_deref(), Some("expired"));
    let peer = smiths.home.ledger.peer(&nonna.household()).unwrap().unwrap();
    assert_eq!(peer.state, PeerState::Removed);
    nonna.down().await;
    smiths.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_that_went_away_can_be_denied() {
    let (smiths, nonna) = (House::new("The Smiths").await, House::new("Nonna").await);
    let invited = smiths.network.invite(false).await.unwrap();
    nonna.network.accept(&invited.link).unwrap();
    smiths.asked(&invited.id).await;
    nonna.down().await;
    smiths.network.deny(&invited.id).unwrap();
    assert_eq!(smiths.settled(&invited.id).await.reason.as_deref(), Some("denied"));
    let is_denied = || {
        let rows = smiths.home.ledger.invitations().unwrap();
        (rows[0].state == InvitationState::Denied).then_some(())
    };
    smiths.until("the word to be written down", is_denied).await;
    assert!(smiths.network.deny(&invited.id).is_err(), "it has been said");
    smiths.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_may_give_up_or_take_a_newer_link() {
    let (smiths, nonna) = (House::new("The Smiths").await, House::new("Nonna").await);
    let first = smiths.network.invite(false).await.unwrap();
    let followed = nonna.network.accept(&first.link).unwrap();
    assert_eq!(nonna.network.accept(&first.link).unwrap().id, followed.id, "the same link");
    smiths.asked(&first.id).await;
    nonna.network.deny(&followed.id).unwrap();
    assert_eq!(nonna.network.pairing(&followed.id), None);
    assert!(nonna.network.deny(&followed.id).is_err());

    let second = smiths.network.invite(false).await.unwrap();
    let followed = nonna.network.accept(&second.link).unwrap();
    smiths.asked(&second.id).await;
    let third = smiths.network.invite(true).await.unwrap();
    let newer = nonna.network.accept(&third.link).unwrap();
    assert_ne!(newer.id, followed.id);
    assert_eq!(nonna.settled(&newer.id).await.state, PairingState::Done);
    assert_eq!(nonna.settled(&followed.id).await.reason.as_deref(), Some("expired"));
    nonna.down().await;
    smiths.down().await;
}

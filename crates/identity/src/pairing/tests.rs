//! Two homes pairing, strangers failing, and what chats do to links.

use std::net::SocketAddr;

use proptest::prelude::*;

use super::*;
use crate::{fixture::Home, ids::HouseholdId};

const SECRET: [u8; SECRET_BYTES] = [7; SECRET_BYTES];

fn invitation(addresses: &[SocketAddr], relay: Option<&str>, name: &str) -> Invitation {
    let node = NodeId::from_bytes([1; 32]);
    let household = HouseholdId::from_bytes([2; 32]);
    let relay = relay.map(str::to_owned);
    Invitation::new(node, household, SECRET, addresses, relay, 1_784_000_000_000, name).unwrap()
}

fn side(seed: u8) -> Side {
    let home = Home::new(seed);
    Side { node: home.node.node(), certificate: home.certificate, nonce: [seed; 32] }
}

fn transcript(inviter: &Side, guest: &Side) -> Transcript {
    Transcript::new(&InvitationId::of(&SECRET), inviter, guest).unwrap()
}

#[test]
fn both_sides_say_the_same_words_and_prove_the_secret() {
    let [inviter, guest] = [1, 2].map(side);
    let [here, there] = [transcript(&inviter, &guest), transcript(&inviter, &guest)];
    assert_eq!(here.words(), there.words());
    assert_eq!(here.verify_guest(&SECRET, &there.proof_of_guest(&SECRET)), Ok(()));
    assert_eq!(there.verify_inviter(&SECRET, &here.proof_of_inviter(&SECRET)), Ok(()));
    // A proof sent back to whoever made it proves nothing.
    assert_eq!(here.verify_guest(&SECRET, &here.proof_of_inviter(&SECRET)), Err(PairingError::Proof));
    let guessed = there.proof_of_guest(&[8; SECRET_BYTES]);
    assert_eq!(here.verify_guest(&SECRET, &guessed), Err(PairingError::Proof));
}

#[test]
fn everything_that_was_seen_changes_words_and_proofs() {
    let [inviter, guest] = [1, 2].map(side);
    let seen = transcript(&inviter, &guest);
    let other = |change: &dyn Fn(&mut Side, &mut Side)| {
        let (mut inviter, mut guest) = (inviter.clone(), guest.clone());
        change(&mut inviter, &mut guest);
        transcript(&inviter, &guest)
    };
    let others = [
        transcript(&guest, &inviter),
        Transcript::new(&InvitationId::of(&[8; 16]), &inviter, &guest).unwrap(),
        other(&|inviter, _| inviter.nonce[31] ^= 1),
        other(&|_, guest| guest.nonce[0] ^= 1),
        other(&|_, guest| *guest = Side { nonce: guest.nonce, ..side(3) }),
        other(&|inviter, _| *inviter = Side { nonce: inviter.nonce, ..side(3) }),
    ];
    for other in others {
        assert_ne!(other.words(), seen.words());
        assert_ne!(other.proof_of_guest(&SECRET), seen.proof_of_guest(&SECRET));
        assert_ne!(other.proof_of_inviter(&SECRET), seen.proof_of_inviter(&SECRET));
    }
}

#[test]
fn a_certificate_for_another_node_and_oneself_are_refused() {
    let [inviter, guest] = [1, 2].map(side);
    let id = InvitationId::of(&SECRET);
    let stranger = Side { node: side(3).node, ..guest.clone() };
    let error = Transcript::new(&id, &inviter, &stranger).unwrap_err();
    assert_eq!(error, PairingError::Node { certified: guest.node, connected: side(3).node });
    let error = Transcript::new(&id, &inviter, &inviter).unwrap_err();
    assert_eq!(error, PairingError::SameHousehold);
}

#[test]
fn a_nonce_is_committed_to() {
    let committed = commitment(&[1; 32]);
    assert_eq!(check_commitment(&committed, &[1; 32]), Ok(()));
    assert_eq!(check_commitment(&committed, &[2; 32]), Err(PairingError::Commitment));
}

#[test]
fn the_longest_link_fits_every_chat() {
    let addresses: Vec<SocketAddr> =
        (1..=20).map(|n| format!("[2001:db8::{n}]:65535").parse().unwrap()).collect();
    let long = invitation(&addresses, Some(&"r".repeat(255)), &"ö".repeat(100));
    assert_eq!(long.addresses(), &addresses[..16]);
    assert_eq!(long.name(), "ö".repeat(40));
    assert!(long.link().len() <= LINK_BYTES_MAX, "{}", long.link().len());
    assert_eq!(Invitation::parse(&long.link()).unwrap(), long);
    let relay = Some("r".repeat(256));
    let error = Invitation::new(*long.node(), *long.household(), SECRET, &[], relay, 0, "").unwrap_err();
    assert_eq!(error, InvitationError::Relay);
}

#[test]
fn a_link_survives_what_chats_do_to_it() {
    let made = invitation(&["192.0.2.1:4433".parse().unwrap()], None, "Familie Groß");
    let (link, text) = (made.link(), made.text());
    let (first, second) = link.split_at(60);
    for good in [
        format!("  {}\n", *link),
        format!("{first}\r\n {second}\u{200e}"),
        format!("Heirloom://Pair/#{}", *text),
        format!("https://smith.example.org/family#pair={}", *text),
        format!("HTTP://192.168.1.7:2283/#pair={}", *text),
    ] {
        assert_eq!(Invitation::parse(&good), Ok(made.clone()), "{good}");
    }
    let all_but_last = &link[..link.len() - 1];
    for (bad, error) in [
        (String::new(), InvitationError::NotALink),
        ("hello".to_owned(), InvitationError::NotALink),
        (format!("https://smith.example.org/#{}", *text), InvitationError::NotALink),
        (format!("ftp://smith.example.org/#pair={}", *text), InvitationError::NotALink),
        ("a".repeat(5000), InvitationError::NotALink),
        (all_but_last.to_owned(), InvitationError::Damaged),
        (format!("{}A", *link), InvitationError::Damaged),
        (format!("{}#{}", *link, *text), InvitationError::Damaged),
        ("heirloom://pair#".to_owned(), InvitationError::Damaged),
        ("heirloom://pair#AgAA".to_owned(), InvitationError::Version(2)),
    ] {
        assert_eq!(Invitation::parse(&bad), Err(error), "{bad}");
    }
}

#[test]
fn addresses_that_nobody_can_dial_are_left_out() {
    let typed = ["0.0.0.0:1", "192.0.2.1:0", "[::]:5", "192.0.2.1:7", "192.0.2.1:7", "[fe80::1%3]:9"];
    let typed: Vec<SocketAddr> = typed.iter().map(|text| text.parse().unwrap()).collect();
    let kept: Vec<String> =
        invitation(&typed, None, "").addresses().iter().map(ToString::to_string).collect();
    assert_eq!(kept, ["192.0.2.1:7", "[fe80::1]:9"]);
}

#[test]
fn debug_shows_no_secret() {
    let shown = format!("{:?}", invitation(&[], None, "Home"));
    assert!(!shown.contains("070707") && !shown.contains("7, 7"), "{shown}");
}

proptest! {
    #[test]
    fn links_come_back(
        secret: [u8; 16],
        expires_at_ms: i64,
        addresses: Vec<(std::net::IpAddr, u16)>,
        relay in prop::option::of("https://[a-z.]{1,40}/"),
        name in ".{0,60}",
    ) {
        let addresses: Vec<SocketAddr> = addresses.into_iter().map(SocketAddr::from).collect();
        let node = NodeId::from_bytes([1; 32]);
        let household = HouseholdId::from_bytes([2; 32]);
        let made = Invitation::new(node, household, secret, &addresses, relay, expires_at_ms, &name).unwrap();
        prop_assert_eq!(made.id(), InvitationId::of(&secret));
        prop_assert_eq!(Invitation::parse(&made.link()).unwrap(), made);
    }

    #[test]
    fn any_changed_letter_is_noticed(place in any::<prop::sample::Index>(), letter in "[A-Za-z0-9_-]") {
        let link = invitation(&[], Some("https://relay.example.org"), "Home").link();
        let start = "heirloom://pair#".len();
        let place = start + place.index(link.len() - start);
        prop_assume!(link[place..=place] != letter);
        let changed = format!("{}{letter}{}", &link[..place], &link[place + 1..]);
        prop_assert!(Invitation::parse(&changed).is_err());
    }

    #[test]
    fn any_text_is_answered(text in "\\PC{0,200}", link: bool) {
        let text = if link { format!("heirloom://pair#{text}") } else { text };
        prop_assert!(Invitation::parse(&text).is_err());
    }
}

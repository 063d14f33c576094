//! The vectors of what homes say and keep: cards, pairing, sealed files.

use heirloom_identity::{
    AccountId, Card, Invitation, InvitationId, Person, Transcript, labels, pairing, sealed_file,
};
use serde_json::{Value, json};

use super::{
    albums::{Home, here, there},
    counting, flipped, hex, non_canonical, with,
};

pub(crate) fn card() -> Value {
    let home = here();
    let people = [("Anna", 1), ("Ben", 2)].map(|(name, first)| Person {
        account: AccountId::from_random(counting(first)),
        name: name.to_owned(),
    });
    let issue = |number, name: &str, people: &[Person]| {
        let receive = home.receive.public();
        Card::issue(
            home.node.signer(),
            &home.certificate,
            number,
            receive,
            name,
            people.to_vec(),
            1_784_000_000_000,
        )
        .expect("the card is good")
    };
    let full = issue(3, "Familie Groß", &people);
    let accept = [("two people", &full), ("nobody, no name", &issue(u64::MAX, "", &[]))].map(|(name, card)| {
        let people: Vec<Value> =
            card.people().iter().map(|person| json!({ "account": person.account, "name": person.name })).collect();
        json!({
            "name": name, "bytes": hex(card.as_bytes()), "household": card.household(), "number": card.number(),
            "certificate": card.certificate().id(), "receive": card.receive(), "home": card.name(),
            "people": people, "at_ms": card.at_ms(),
        })
    });
    let reject = bad_cards(full.as_bytes()).into_iter().map(|(name, bytes)| {
        let error = Card::decode(&bytes).err().map(|error| error.to_string());
        json!({ "name": name, "bytes": hex(&bytes), "error": error })
    });
    json!({ "format": "card", "version": 1, "accept": accept, "reject": reject.collect::<Vec<_>>() })
}

/// Where the fields of the card of `Familie Groß` with Anna and Ben begin.
const NAME_LENGTH: usize = 224;
const PEOPLE: usize = NAME_LENGTH + 2 + 13;

fn bad_cards(good: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let end = good.len();
    let resigned = |bytes: Vec<u8>| here().signed_as_another(labels::CARD, &bytes[..bytes.len() - 64]);
    let (anna, ben) = (&good[PEOPLE + 1..PEOPLE + 23], &good[PEOPLE + 23..PEOPLE + 44]);
    let swapped = [&good[..=PEOPLE], ben, anna, &good[end - 64..]].concat();
    let twice = [&good[..=PEOPLE], anna, anna, &good[end - 64..]].concat();
    vec![
        ("empty", vec![]),
        ("wrong version", with(good, 0, &[2])),
        ("wrong algorithm", with(good, 1, &[2])),
        ("truncated in the certificate", good[..100].to_vec()),
        ("truncated in the name", good[..NAME_LENGTH + 5].to_vec()),
        ("truncated in the people", good[..PEOPLE + 30].to_vec()),
        ("truncated in the signature", good[..end - 1].to_vec()),
        ("trailing byte", [good, &[0]].concat()),
        ("name of 401 bytes", with(good, NAME_LENGTH, &[0x91, 1])),
        ("name not UTF-8, signed", resigned(with(good, NAME_LENGTH + 2, &[0xff]))),
        ("line break in the name, signed", resigned(with(good, NAME_LENGTH + 2, b"\n"))),
        ("direction mark in the name, signed", resigned(with(good, NAME_LENGTH + 2, "\u{202e}".as_bytes()))),
        ("65 people", with(good, PEOPLE, &[65])),
        ("people not sorted, signed", resigned(swapped)),
        ("one person twice, signed", resigned(twice)),
        ("receive key of zeros, signed", resigned(with(good, 192, &[0; 32]))),
        ("flipped bit in the certificate", flipped(good, 40)),
        ("flipped bit in the number", flipped(good, 176)),
        ("flipped bit in the receive key", flipped(good, 192)),
        ("flipped bit in the signature", flipped(good, end - 1)),
        ("signature under another label", here().signed_as_another(labels::OPERATION, &good[..end - 64])),
        ("signed by another household's node", there().signed_as_another(labels::CARD, &good[..end - 64])),
        ("non-canonical signature", non_canonical(good)),
    ]
}

pub(crate) fn pairing() -> Value {
    let (inviter, guest) = (here(), there());
    let addresses = ["192.0.2.1:4433", "[2001:db8::1]:4433"].map(|text| text.parse().expect("an address"));
    let invite = |addresses: &[_], relay: Option<&str>, name| {
        let (node, household) = (inviter.node.node(), inviter.household());
        let relay = relay.map(str::to_owned);
        Invitation::new(node, household, counting(0xc0), addresses, relay, 1_784_000_000_000, name)
            .expect("the relay is good")
    };
    let full = invite(&addresses, Some("https://relay.example.org/"), "Familie Groß");
    let accept = [("full", &full), ("bare", &invite(&[], None, ""))].map(|(name, read)| {
        json!({
            "name": name, "link": *read.link(), "id": read.id(), "node": read.node(), "household": read.household(),
            "secret": hex(read.secret()), "addresses": read.addresses(), "relay": read.relay(),
            "expires_at_ms": read.expires_at_ms(), "home": read.name(),
        })
    });
    let reject = bad_links(&full).into_iter().map(|(name, link)| {
        let error = Invitation::parse(&link).err().map(|error| error.to_string());
        json!({ "name": name, "link": link, "error": error })
    });
    let side = |home: &Home, first| pairing::Side {
        node: home.node.node(),
        certificate: home.certificate.clone(),
        nonce: counting(first),
    };
    let (id, secret) = (InvitationId::of(full.secret()), full.secret());
    let transcript =
        Transcript::new(&id, &side(&inviter, 0x10), &side(&guest, 0x50)).expect("two households");
    json!({
        "format": "pairing", "version": 1, "accept": accept, "reject": reject.collect::<Vec<_>>(),
        "transcript": {
            "invitation": id, "secret": hex(secret),
            "inviter_certificate": hex(&inviter.certificate.encode()), "inviter_nonce": hex(&counting::<32>(0x10)),
            "guest_certificate": hex(&guest.certificate.encode()), "guest_nonce": hex(&counting::<32>(0x50)),
            "guest_commitment": hex(&pairing::commitment(&counting(0x50))),
            "guest_proof": hex(&transcript.proof_of_guest(secret)),
            "inviter_proof": hex(&transcript.proof_of_inviter(secret)),
            "words": transcript.words(),
        },
    })
}

fn bad_links(good: &Invitation) -> Vec<(&'static str, String)> {
    use data_encoding::BASE64URL_NOPAD;
    let link = good.link();
    let bytes = BASE64URL_NOPAD.decode(good.text().as_bytes()).expect("it is base64url");
    // Everything but the last four bytes, which are a hash of the rest, changed and hashed again.
    let again = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut body = bytes[..bytes.len() - 4].to_vec();
        change(&mut body);
        let check = blake3::hash(&body);
        body.extend(&check.as_bytes()[..4]);
        format!("heirloom://pair#{}", BASE64URL_NOPAD.encode(&body))
    };
    vec![
        ("empty", String::new()),
        ("another link", "https://example.org/".to_owned()),
        ("a web address without pair=", format!("https://example.org/#{}", *good.text())),
        ("nothing behind the #", "heirloom://pair#".to_owned()),
        ("cut off", link[..link.len() - 3].to_owned()),
        ("a letter more", format!("{}A", *link)),
        ("a letter changed", link.replacen("pair#AS", "pair#AT", 1)),
        ("padded base64", format!("{}=", *link)),
        ("version 2", again(&|body| body[0] = 2)),
        ("17 addresses", again(&|body| body[89] = 17)),
        ("an address of kind 5", again(&|body| body[90] = 5)),
        ("port 0", again(&|body| body[95..97].fill(0))),
        (
            "one address twice",
            again(&|body| {
                let first = body[90..97].to_vec();
                body.splice(97..116, first);
            }),
        ),
        ("a byte after the name", again(&|body| body.push(0))),
        (
            "a line break in the name",
            again(&|body| {
                let last = body.len() - 1;
                body[last] = b'\n';
            }),
        ),
        ("a space in the relay", again(&|body| body[120] = b' ')),
    ]
}

pub(crate) fn sealed_file() -> Value {
    let lock = |passphrase, plaintext: &[u8]| {
        sealed_file::lock(passphrase, counting(0), counting(0x20), plaintext).expect("it is short")
    };
    let keys = lock("correct horse battery staple", b"keys");
    let accept = [
        ("keys", "correct horse battery staple", &b"keys"[..], &keys),
        ("nothing", "größer", b"", &lock("größer", b"")),
    ]
    .map(|(name, passphrase, plaintext, sealed)| {
        json!({ "name": name, "passphrase": passphrase, "plaintext": hex(plaintext), "sealed": hex(sealed) })
    });
    let passphrase = "correct horse battery staple";
    let reject = [
        ("empty", passphrase, vec![]),
        ("another file", passphrase, b"[keys]\nversion = 2\n".to_vec()),
        ("wrong version", passphrase, with(&keys, 8, &[2])),
        ("wrong algorithm", passphrase, with(&keys, 9, &[2])),
        ("256 MiB and 1 KiB of memory", passphrase, with(&keys, 10, &[1, 0, 4, 0])),
        ("no passes", passphrase, with(&keys, 14, &[0])),
        ("5 lanes", passphrase, with(&keys, 18, &[5])),
        ("cut off in the header", passphrase, keys[..50].to_vec()),
        ("cut off in the tag", passphrase, keys[..keys.len() - 1].to_vec()),
        ("flipped bit in the salt", passphrase, flipped(&keys, 19)),
        ("flipped bit in the ciphertext", passphrase, flipped(&keys, 59)),
        ("wrong passphrase", "correct horse battery stapler", keys.clone()),
        ("no passphrase", "", keys.clone()),
    ]
    .map(|(name, passphrase, sealed)| {
        let error = sealed_file::unlock(passphrase, &sealed).err().map(|error| error.to_string());
        json!({ "name": name, "passphrase": passphrase, "sealed": hex(&sealed), "error": error })
    });
    json!({
        "format": "sealed-file", "version": 1, "salt": hex(&counting::<16>(0)), "nonce": hex(&counting::<24>(0x20)),
        "accept": accept, "reject": reject,
    })
}

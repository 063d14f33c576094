//! The vectors of what homes share.

use heirloom_identity::{
    AlbumId, Card, Certificate, EpochId, EpochSecret, Invitation, Operation, ReceiveKey, SpaceId, StreamKey,
    Transcript, pairing, seal, sealed_file,
};
use serde_json::{Value, json};

use super::{bytes, committed, each, generate::albums, text};

pub(crate) fn array<const N: usize>(value: &Value) -> [u8; N] {
    bytes(value).try_into().unwrap()
}

pub(crate) fn check_error(vector: &Value, error: &dyn ToString) {
    assert_eq!(error.to_string(), text(&vector["error"]), "{}", vector["name"]);
}

#[test]
fn album_ids() {
    let album = &committed("ids")["accept"]["album"];
    let space = SpaceId::album(&text(&album["create"]).parse().unwrap());
    assert_eq!(
        json!([space, AlbumId::of(&space), space.pseudonym()]),
        json!([album["space"], album["album"], album["pseudonym"]])
    );
    let stream = StreamKey {
        certificate: text(&album["stream"]["certificate"]).parse().unwrap(),
        incarnation: text(&album["stream"]["incarnation"]).parse().unwrap(),
    };
    assert_eq!(stream.actor(), array::<16>(&album["stream"]["actor"]));
}

#[test]
fn operations() {
    let vectors = committed("operation");
    for vector in each(&vectors["accept"]) {
        let read = Operation::decode(&bytes(&vector["bytes"])).unwrap();
        assert_eq!(
            json!([
                read.id(),
                read.space(),
                read.author(),
                read.certificate().id(),
                read.parents(),
                read.at_ms()
            ]),
            json!([
                vector["id"],
                vector["space"],
                vector["author"],
                vector["certificate"],
                vector["parents"],
                vector["at_ms"]
            ]),
        );
        assert_eq!(albums::action_json(read.action()), vector["action"], "{}", vector["name"]);
    }
    for vector in each(&vectors["reject"]) {
        check_error(vector, &Operation::decode(&bytes(&vector["bytes"])).unwrap_err());
    }
}

#[test]
fn epochs() {
    let vectors = committed("epoch");
    let space: SpaceId = text(&vectors["space"]).parse().unwrap();
    let key = ReceiveKey::from_bytes(&array(&vectors["key"]));
    let [secret, previous] =
        ["secret", "previous_secret"].map(|name| EpochSecret::from_bytes(array(&vectors[name])));
    assert_eq!(json!([secret.id(), previous.id()]), json!([vectors["epoch"], vectors["previous"]]));
    let accept = &vectors["accept"];
    for vector in each(&accept["hpke"]) {
        let [label, context, plaintext, sealed] =
            ["label", "context", "plaintext", "sealed"].map(|name| bytes(&vector[name]));
        let key = ReceiveKey::from_bytes(&array(&vector["key"]));
        assert_eq!(json!(key.public()), vector["public"]);
        let made = seal(&key.public(), &label, &context, &plaintext, array(&vector["random"]));
        assert_eq!(made.unwrap(), sealed);
        assert_eq!(*key.open(&label, &context, &sealed).unwrap(), plaintext);
    }
    let sealed = bytes(&accept["wrap"]["sealed"]);
    assert_eq!(secret.wrap(&space, &key.public(), array(&accept["wrap"]["random"])).unwrap(), sealed);
    let opened = EpochSecret::unwrap_with(&space, &key, &secret.id(), &sealed).unwrap();
    assert_eq!(opened.as_bytes(), secret.as_bytes());
    let sealed = bytes(&accept["enclosed"]["sealed"]);
    assert_eq!(secret.enclose(&space, &previous, array(&accept["enclosed"]["nonce"])), sealed);
    let opened = secret.disclose(&space, &previous.id(), &sealed).unwrap();
    assert_eq!(opened.as_bytes(), previous.as_bytes());
    for vector in each(&vectors["reject"]) {
        let (sealed, epoch): (_, EpochId) =
            (bytes(&vector["sealed"]), text(&vector["epoch"]).parse().unwrap());
        let error = match text(&vector["what"]) {
            "wrap" => EpochSecret::unwrap_with(&space, &key, &epoch, &sealed),
            _ => secret.disclose(&space, &epoch, &sealed),
        };
        check_error(vector, &error.unwrap_err());
    }
}

#[test]
fn envelopes() {
    let vectors = committed("envelope");
    let space: SpaceId = text(&vectors["space"]).parse().unwrap();
    let secret = EpochSecret::from_bytes(array(&vectors["secret"]));
    let certificate = Certificate::decode(&bytes(&vectors["certificate"])).unwrap();
    for vector in each(&vectors["accept"]) {
        let (read, content) = albums::open(&bytes(&vector["bytes"]), &certificate, &space, &secret).unwrap();
        assert_eq!(
            json!([read.hash(), read.pseudonym(), read.stream().incarnation, read.seq(), read.prev()]),
            json!([
                vector["hash"],
                vector["pseudonym"],
                vector["incarnation"],
                vector["seq"],
                vector["prev"]
            ]),
        );
        assert_eq!(json!([read.epoch(), read.heads()]), json!([vector["epoch"], vector["heads"]]));
        assert_eq!(
            json!([content.account, content.document.as_str(), content.at_ms]),
            json!([vector["account"], vector["document"], vector["at_ms"]]),
        );
        assert_eq!(content.change, bytes(&vector["change"]));
    }
    for vector in each(&vectors["reject"]) {
        let (step, error) =
            albums::open(&bytes(&vector["bytes"]), &certificate, &space, &secret).unwrap_err();
        assert_eq!(step, text(&vector["step"]), "{}", vector["name"]);
        check_error(vector, &error);
    }
}

#[test]
fn cards() {
    let vectors = committed("card");
    for vector in each(&vectors["accept"]) {
        let read = Card::decode(&bytes(&vector["bytes"])).unwrap();
        let people: Vec<Value> = read
            .people()
            .iter()
            .map(|person| json!({ "account": person.account, "name": person.name }))
            .collect();
        assert_eq!(
            json!([read.household(), read.number(), read.certificate().id(), read.receive(), read.name()]),
            json!([
                vector["household"],
                vector["number"],
                vector["certificate"],
                vector["receive"],
                vector["home"]
            ]),
        );
        assert_eq!(json!([people, read.at_ms()]), json!([vector["people"], vector["at_ms"]]));
    }
    for vector in each(&vectors["reject"]) {
        check_error(vector, &Card::decode(&bytes(&vector["bytes"])).unwrap_err());
    }
}

#[test]
fn pairings() {
    let vectors = committed("pairing");
    for vector in each(&vectors["accept"]) {
        let read = Invitation::parse(text(&vector["link"])).unwrap();
        assert_eq!(
            json!([read.id(), read.node(), read.household(), read.addresses(), read.relay(), read.name()]),
            json!([
                vector["id"],
                vector["node"],
                vector["household"],
                vector["addresses"],
                vector["relay"],
                vector["home"]
            ]),
        );
        assert_eq!(json!(read.expires_at_ms()), vector["expires_at_ms"]);
        assert_eq!(read.secret(), &array(&vector["secret"]));
        assert_eq!(**read.link(), *text(&vector["link"]));
    }
    for vector in each(&vectors["reject"]) {
        check_error(vector, &Invitation::parse(text(&vector["link"])).unwrap_err());
    }
    let seen = &vectors["transcript"];
    let side = |certificate: &str, nonce: &str| {
        let certificate = Certificate::decode(&bytes(&seen[certificate])).unwrap();
        pairing::Side { node: *certificate.node(), certificate, nonce: array(&seen[nonce]) }
    };
    let inviter = side("inviter_certificate", "inviter_nonce");
    let guest = side("guest_certificate", "guest_nonce");
    let id = text(&seen["invitation"]).parse().unwrap();
    let transcript = Transcript::new(&id, &inviter, &guest).unwrap();
    assert_eq!(json!(transcript.words()), seen["words"]);
    let secret = array(&seen["secret"]);
    assert_eq!(transcript.verify_guest(&secret, &array(&seen["guest_proof"])), Ok(()));
    assert_eq!(transcript.verify_inviter(&secret, &array(&seen["inviter_proof"])), Ok(()));
    assert_eq!(pairing::check_commitment(&array(&seen["guest_commitment"]), &guest.nonce), Ok(()));
}

#[test]
fn sealed_files() {
    let vectors = committed("sealed-file");
    for vector in each(&vectors["accept"]) {
        let [plaintext, sealed] = ["plaintext", "sealed"].map(|name| bytes(&vector[name]));
        assert_eq!(*sealed_file::unlock(text(&vector["passphrase"]), &sealed).unwrap(), plaintext);
    }
    for vector in each(&vectors["reject"]) {
        let error = sealed_file::unlock(text(&vector["passphrase"]), &bytes(&vector["sealed"]));
        check_error(vector, &error.unwrap_err());
    }
}

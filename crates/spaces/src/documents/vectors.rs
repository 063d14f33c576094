//! The vectors of `docs/formats/album-documents.md` and `sync.md`, which were made by another program.

use data_encoding::HEXLOWER;
use heirloom_identity::ContentHash;
use serde_json::Value;

use crate::documents::{Key, Kind, entry::Blob, entry::EntryFacts, order, talk::Said};
use crate::sync::{Have, Offer, StreamName, SyncMessage};

const DOCUMENTS: &str = include_str!("../../../../docs/formats/vectors/album-documents.json");
const SYNC: &str = include_str!("../../../../docs/formats/vectors/sync.json");

fn list<'a>(of: &'a Value, name: &str) -> &'a [Value] {
    of[name].as_array().unwrap()
}

fn bytes(of: &Value, name: &str) -> Vec<u8> {
    HEXLOWER.decode(of[name].as_str().unwrap().as_bytes()).unwrap()
}

fn text(of: &Value, name: &str) -> Option<String> {
    of[name].as_str().map(str::to_owned)
}

fn number<T: TryFrom<i64>>(of: &Value) -> Option<T> {
    of.as_i64().and_then(|number| T::try_from(number).ok())
}

fn blob(of: &Value) -> Option<Blob> {
    let hash = of[0].as_str()?.parse().unwrap();
    Some(Blob { hash, bytes: number(&of[1]).unwrap() })
}

fn facts(of: &Value) -> EntryFacts {
    EntryFacts {
        content: ContentHash::from_bytes([7; 32]),
        bytes: number(&of["bytes"]).unwrap(),
        mime: text(of, "mime").unwrap(),
        file_name: text(of, "file_name").unwrap(),
        owner: of["owner"].as_str().unwrap().parse().unwrap(),
        added_at_ms: number(&of["added_at_ms"]).unwrap(),
        taken_local_ms: number(&of["taken_local_ms"]),
        offset_minutes: number(&of["offset_minutes"]),
        width: number(&of["width"]).unwrap(),
        height: number(&of["height"]).unwrap(),
        duration_ms: number(&of["duration_ms"]),
        thumbhash: bytes(of, "thumbhash"),
        colour: of["colour"].as_array().map(|rgb| std::array::from_fn(|n| number(&rgb[n]).unwrap())),
        latitude: of["place"][0].as_f64(),
        longitude: of["place"][1].as_f64(),
        make: text(of, "make"),
        model: text(of, "model"),
        thumbnail: blob(&of["thumbnail"]),
        preview: blob(&of["preview"]),
    }
}

#[test]
fn documents_are_spelled_as_drawn() {
    let vectors: Value = serde_json::from_str(DOCUMENTS).unwrap();
    let content = ContentHash::from_bytes([7; 32]);
    for one in list(&vectors, "entries") {
        let facts = facts(one);
        assert_eq!(HEXLOWER.encode(&facts.pack()), one["packed"], "{facts:?}");
        assert_eq!(EntryFacts::unpack(content, &bytes(one, "packed")), Some(facts));
    }
    for one in list(&vectors, "reject_entries") {
        assert_eq!(EntryFacts::unpack(content, &bytes(one, "packed")), None, "{}", one["why"]);
    }
    for one in list(&vectors, "comments") {
        let said = Said {
            account: one["account"].as_str().unwrap().parse().unwrap(),
            entry: one["entry"].as_str().map(|text| text.parse().unwrap()),
            at_ms: number(&one["at_ms"]).unwrap(),
            text: text(one, "text").unwrap(),
        };
        assert_eq!(HEXLOWER.encode(&said.pack()), one["packed"]);
        assert_eq!(Said::unpack(&bytes(one, "packed")), Some(said));
    }
    for one in list(&vectors, "reject_comments") {
        assert_eq!(Said::unpack(&bytes(one, "packed")), None, "{}", one["why"]);
    }
    for one in list(&vectors, "keys") {
        let kind = Kind::of(one["document"].as_str().unwrap()).unwrap();
        let key = Key::parse(kind, one["key"].as_str().unwrap());
        assert_eq!(Some(key.is_some()), one["known"].as_bool(), "{}", one["key"]);
    }
    for one in list(&vectors, "places") {
        let (before, after) = (one["before"].as_str(), one["after"].as_str());
        assert_eq!(order::between(before, after).as_deref(), one["between"].as_str(), "{before:?} {after:?}");
    }
}

#[test]
fn messages_are_spelled_as_drawn() {
    let vectors: Value = serde_json::from_str(SYNC).unwrap();
    let space = [5; 32];
    let stream = StreamName { certificate: [6; 32], incarnation: [9; 16] };
    let message = |kind: &str| match kind {
        "offer" => {
            SyncMessage::Offer(vec![Offer { space, operations: [6; 32], state: [7; 32], envelopes: [8; 32] }])
        }
        "ask-operations" => SyncMessage::AskOperations { space, have: vec![[6; 32], [7; 32]] },
        "operations" => {
            SyncMessage::Operations { space, operations: vec![b"op".to_vec(), Vec::new()], more: true }
        }
        "ask-envelopes" => SyncMessage::AskEnvelopes {
            space,
            have: vec![Have { stream, seq: 300, hash: [7; 32], earlier: vec![(299, [8; 32])] }],
        },
        "envelopes" => SyncMessage::Envelopes {
            space,
            certificates: vec![b"c".to_vec()],
            envelopes: vec![vec![b'e'; 200]],
            more: false,
        },
        "ask-earlier" => SyncMessage::AskEarlier { space, streams: vec![stream] },
        "ask-secrets" => SyncMessage::AskSecrets { space, epochs: vec![[6; 32]] },
        "secrets" => SyncMessage::Secrets { space, secrets: vec![([6; 32], b"s".to_vec())] },
        "refused" => SyncMessage::Refused { space, reason: 9, text: "no".to_owned() },
        other => panic!("a vector of an unknown kind: {other}"),
    };
    for one in list(&vectors, "accept") {
        let expected = message(one["kind"].as_str().unwrap());
        assert_eq!(HEXLOWER.encode(&expected.encode()), one["message"]);
        assert_eq!(SyncMessage::decode(&bytes(one, "message")), Ok(expected));
    }
    for one in list(&vectors, "reject") {
        assert!(SyncMessage::decode(&bytes(one, "message")).is_err(), "{}", one["why"]);
    }
}

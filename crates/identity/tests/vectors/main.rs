//! The committed vectors are what the generator makes, and hold without it: accepted ones say what stands beside them,
//! refused ones are refused with the error that stands beside them.

#![expect(clippy::unwrap_used, reason = "a test ends where something unexpected happens")]

use std::{fs, path::PathBuf};

use data_encoding::HEXLOWER;
use heirloom_identity::{
    AccountId, AssetId, Certificate, ChangeRecord, ContentHash, Hashes, Phrase, Root, SpaceId,
    find_wrong_word,
};
use serde_json::{Value, json};

#[path = "../../examples/vectors/generate.rs"]
mod generate;
mod mutated;
mod sharing;
mod vault;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/formats/vectors")
}

fn committed(format: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(folder().join(format!("{format}.json"))).unwrap()).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    HEXLOWER.decode(value.as_str().unwrap().as_bytes()).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// Each vector of a list, which must not be empty.
fn each(list: &Value) -> impl Iterator<Item = &Value> {
    let list = list.as_array().unwrap();
    assert!(!list.is_empty());
    list.iter()
}

#[test]
fn the_generator_makes_what_is_committed() {
    for (format, json) in generate::all() {
        let path = folder().join(format!("{format}.json"));
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            json,
            "{}: if the change is meant, run `cargo run -p heirloom-identity --example vectors`",
            path.display()
        );
    }
}

#[test]
fn ids() {
    let vectors = committed("ids");
    let accept = &vectors["accept"];
    let account = AccountId::from_random(bytes(&accept["account"]["random"]).try_into().unwrap());
    assert_eq!(json!(account), accept["account"]["account"]);
    let household = text(&accept["library_space"]["household"]).parse().unwrap();
    assert_eq!(json!(SpaceId::library(&household)), accept["library_space"]["space"]);
    for vector in each(&accept["assets"]) {
        let bytes = match text(&vector["bytes"]) {
            "100000 times ff" => vec![0xff; 100_000],
            _ => bytes(&vector["bytes"]),
        };
        let Hashes { content, sha1 } = Hashes::of(&bytes);
        assert_eq!(
            json!([content, sha1, sha1.to_base64()]),
            json!([vector["content"], vector["sha1"], vector["sha1_base64"]])
        );
        assert_eq!(json!(AssetId::derive(&account, &content)), vector["asset"]);
        assert_eq!(text(&vector["asset"]).parse(), Ok(AssetId::derive(&account, &content)));
    }
    for vector in each(&vectors["reject"]) {
        let refused = match text(&vector["kind"]) {
            "asset" => text(&vector["text"]).parse::<AssetId>().is_err(),
            _ => text(&vector["text"]).parse::<ContentHash>().is_err(),
        };
        assert!(refused, "{}", vector["name"]);
    }
}

#[test]
fn phrases() {
    let vectors = committed("phrase");
    for vector in each(&vectors["accept"]) {
        let phrase = Phrase::parse(text(&vector["phrase"])).unwrap();
        let root: &Root = phrase.root();
        assert_eq!(root.as_bytes(), &bytes(&vector["root"])[..]);
        assert_eq!(json!(root.authority().household()), vector["household"]);
        assert_eq!(root.wrapping().as_bytes(), &bytes(&vector["wrapping"])[..]);
        assert_eq!(**Phrase::of(root).text(), *text(&vector["phrase"]));
    }
    for vector in each(&vectors["reject"]) {
        let error = Phrase::parse(text(&vector["phrase"])).unwrap_err();
        assert_eq!(error.to_string(), text(&vector["error"]), "{}", vector["name"]);
    }
    for vector in each(&vectors["repair"]) {
        let household = text(&vector["household"]).parse().unwrap();
        let fix = find_wrong_word(text(&vector["phrase"]), &household).map(|fix| fix.to_string());
        assert_eq!(json!(fix), vector["fix"], "{}", vector["name"]);
    }
}

#[test]
fn certificates() {
    let vectors = committed("certificate");
    let household = text(&vectors["household"]).parse().unwrap();
    for vector in each(&vectors["accept"]) {
        let read = Certificate::decode_for(&household, &bytes(&vector["bytes"])).unwrap();
        assert_eq!(
            json!([
                read.generation(),
                read.household(),
                read.node(),
                read.signer(),
                read.issued_at_ms(),
                read.hash()
            ]),
            json!([
                vector["generation"],
                vector["household"],
                vector["node"],
                vector["signer"],
                vector["issued_at_ms"],
                vector["hash"]
            ]),
        );
        assert_eq!(read.encode()[..], bytes(&vector["bytes"]));
    }
    for vector in each(&vectors["reject"]) {
        let error = Certificate::decode_for(&household, &bytes(&vector["bytes"])).unwrap_err();
        assert_eq!(error.to_string(), text(&vector["error"]), "{}", vector["name"]);
    }
}

#[test]
fn change_records() {
    let vectors = committed("change-record");
    let signer = text(&vectors["signer"]).parse().unwrap();
    let space = text(&vectors["space"]).parse().unwrap();
    for vector in each(&vectors["accept"]) {
        let read = ChangeRecord::decode_verified(&signer, &space, bytes(&vector["bytes"])).unwrap();
        assert_eq!(
            json!([read.stream(), read.seq(), read.prev(), read.document().as_str(), read.hash()]),
            json!([vector["stream"], vector["seq"], vector["prev"], vector["document"], vector["hash"]]),
        );
        assert_eq!(read.payload(), bytes(&vector["payload"]));
    }
    for vector in each(&vectors["reject"]) {
        let error = ChangeRecord::decode_verified(&signer, &space, bytes(&vector["bytes"])).unwrap_err();
        assert_eq!(error.to_string(), text(&vector["error"]), "{}", vector["name"]);
    }
}

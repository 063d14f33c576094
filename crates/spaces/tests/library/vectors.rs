//! The committed vectors are what the generator makes, and a library that is given their records shows their marks.

use std::{collections::BTreeMap, fs, path::PathBuf};

use data_encoding::HEXLOWER;
use heirloom_identity::{ChangeRecord, SignerId, SpaceId};
use heirloom_spaces::Library;
use heirloom_store::{StoreError, rusqlite::params};
use serde_json::{Value, json};

use crate::home::Home;

#[path = "../../examples/library_vectors/generate.rs"]
mod generate;

fn committed() -> String {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/formats/vectors/library-documents.json");
    fs::read_to_string(path).unwrap()
}

/// What a library shows whose database holds a vector's records.
fn marks(vectors: &Value, vector: &Value) -> Value {
    let signer: SignerId = vectors["signer"].as_str().unwrap().parse().unwrap();
    let space: SpaceId = vectors["space"].as_str().unwrap().parse().unwrap();
    let records: Vec<ChangeRecord> = vector["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hex| HEXLOWER.decode(hex.as_str().unwrap().as_bytes()).unwrap())
        .map(|bytes| ChangeRecord::decode_verified(&signer, &space, bytes).unwrap())
        .collect();
    let home = Home::new();
    let first = Library::open(home.database(), generate::keys(), *records[0].stream().as_bytes()).unwrap();
    drop(first);
    home.database().write::<_, StoreError, _>(move |conn| {
        for record in &records {
            let seq = i64::try_from(record.seq()).unwrap();
            conn.execute(
                "INSERT INTO library_records (stream, seq, document, hash, set_aside, record) VALUES (1, ?1, ?2, ?3, 0, ?4)",
                params![seq, record.document().as_str(), record.hash().as_bytes(), record.as_bytes()],
            )?;
            conn.execute("UPDATE library_streams SET last_seq = ?1, last_hash = ?2", params![seq, record.hash().as_bytes()])?;
        }
        Ok(())
    }).unwrap();
    let library = Library::open(home.database(), generate::keys(), [0; 16]).unwrap();
    assert_eq!(library.verify().unwrap().damage, []);
    let mut all = BTreeMap::new();
    library.for_each(|asset, marks| drop(all.insert(asset.to_string(), generate::to_json(marks)))).unwrap();
    assert_eq!(library.noticed(), []);
    json!(all)
}

#[test]
fn the_generator_makes_what_is_committed() {
    assert_eq!(
        committed(),
        generate::library_documents(),
        "if the change is meant, run `cargo run -p heirloom-spaces --example library_vectors`"
    );
}

#[test]
fn accepted_records_spell_their_marks() {
    let vectors: Value = serde_json::from_str(&committed()).unwrap();
    for vector in vectors["accept"].as_array().unwrap() {
        assert_eq!(marks(&vectors, vector), vector["marks"], "{}", vector["name"]);
    }
}

#[test]
fn a_key_or_value_that_does_not_fit_is_as_good_as_absent() {
    let vectors: Value = serde_json::from_str(&committed()).unwrap();
    let nothing = generate::to_json(&heirloom_spaces::Marks::default());
    for vector in vectors["reject"].as_array().unwrap() {
        for marks in marks(&vectors, vector).as_object().unwrap().values() {
            assert_eq!(*marks, nothing, "{}", vector["name"]);
        }
    }
}

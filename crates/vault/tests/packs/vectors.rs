//! The committed vectors are what the generator makes, and hold without it.

use std::{fs, path::PathBuf};

use data_encoding::HEXLOWER;
use heirloom_identity::{HouseholdId, Keyring, VaultKey};
use heirloom_vault::manifest::{Pointer, Root, Segment};
use heirloom_vault::pack::index;
use heirloom_vault::{BlobKind, PackId, PackWriter, SealedPack};
use serde_json::{Value, json};

#[path = "../../examples/vectors/generate.rs"]
mod generate;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/formats/vectors")
}

fn committed(format: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(folder().join(format!("{format}.json"))).unwrap()).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    HEXLOWER.decode(value.as_str().unwrap().as_bytes()).unwrap()
}

fn array(value: &Value) -> [u8; 32] {
    bytes(value).try_into().unwrap()
}

fn number(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}

#[test]
fn the_generator_makes_what_is_committed() {
    for (format, json) in generate::all() {
        let path = folder().join(format!("{format}.json"));
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            json,
            "{}: if the change is meant, run `cargo run -p heirloom-vault --example vectors`",
            path.display()
        );
    }
}

fn write(vectors: &Value, vector: &Value) -> SealedPack {
    let generation = u32::try_from(number(&vectors["generation"])).unwrap();
    let key = VaultKey::from_bytes(generation, array(&vectors["vault_key"]));
    let household = HouseholdId::from_bytes(array(&vectors["household"]));
    let mut writer = PackWriter::new(&key, &household, array(&vector["salt"]));
    for blob in vector["blobs"].as_array().unwrap() {
        let kind = BlobKind::from_number(u8::try_from(number(&blob["kind"])).unwrap()).unwrap();
        let byte = u8::try_from(number(&blob["byte"])).unwrap();
        writer.put(kind, &vec![byte; number(&blob["times"])]).unwrap();
    }
    writer.finish()
}

#[test]
fn packs() {
    let vectors = committed("pack");
    let keys = Keyring::new(vec![VaultKey::from_bytes(1, array(&vectors["vault_key"]))]).unwrap();
    let household = HouseholdId::from_bytes(array(&vectors["household"]));
    let accept = vectors["accept"].as_array().unwrap();
    assert_eq!(accept.len(), 3);
    for vector in accept {
        let sealed = write(&vectors, vector);
        assert_eq!(json!(sealed.pack.id), vector["id"]);
        assert_eq!(sealed.bytes.len(), number(&vector["bytes"]));
        assert_eq!(sealed.bytes[..44], bytes(&vector["header"]));
        assert_eq!(sealed.bytes[44..76], bytes(&vector["first_ciphertext"]));
        let (at, sealed_index) = (number(&vector["index_offset"]), bytes(&vector["index"]));
        assert_eq!(sealed.bytes[at..at + sealed_index.len()], sealed_index);
        let padding = at + sealed_index.len();
        assert_eq!(sealed.bytes[padding..padding + 32], bytes(&vector["first_padding"]));
        assert_eq!(sealed.bytes[sealed.bytes.len() - 64..], bytes(&vector["trailer"]));
        let (_, entries) = index(&keys, &household, &sealed.pack.id, &sealed.bytes).unwrap();
        for (entry, expected) in entries.iter().zip(vector["entries"].as_array().unwrap()) {
            assert_eq!(json!(entry.blob), expected["blob"]);
            let found = json!([
                entry.kind.number(),
                entry.size,
                entry.at,
                entry.bytes,
                entry.offset,
                entry.first_chunk
            ]);
            let fields =
                ["kind", "size", "at", "bytes", "offset", "first_chunk"].map(|name| expected[name].clone());
            assert_eq!(found, json!(fields));
        }
        assert_eq!(entries.len(), vector["entries"].as_array().unwrap().len());
    }
    let base = write(&vectors, &accept[0]);
    let reject = vectors["reject"].as_array().unwrap();
    assert!(reject.len() > 10);
    for vector in reject {
        let mut pack = base.bytes.clone();
        pack.resize(number(&vector["length"]), 0);
        if let Some(byte) = pack.get_mut(number(&vector["place"])) {
            *byte = u8::try_from(number(&vector["byte"])).unwrap();
        }
        let id: PackId = vector["id"].as_str().unwrap().parse().unwrap();
        let error = index(&keys, &household, &id, &pack).unwrap_err();
        assert_eq!(json!(error.to_string()), vector["error"], "{}", vector["name"]);
    }
}

#[test]
fn manifests() {
    let vectors = committed("vault-manifest");
    let accept = &vectors["accept"];
    let segment = Segment::decode(&bytes(&accept["segment"]["bytes"])).unwrap();
    assert_eq!(segment, generate::segment());
    assert_eq!(segment.packs.len(), number(&accept["segment"]["packs"]));
    let root = Root::decode(&bytes(&accept["root"]["bytes"])).unwrap();
    assert_eq!(root, generate::root());
    assert_eq!(json!(root.household_name), accept["root"]["household_name"]);
    assert_eq!(json!(root.made_at_ms), accept["root"]["made_at_ms"]);
    assert_eq!(Pointer::decode(&bytes(&accept["pointer"]["bytes"])), Ok(generate::pointer()));
    let reject = vectors["reject"].as_array().unwrap();
    assert!(reject.len() > 10);
    for vector in reject {
        let error = generate::read(vector["part"].as_str().unwrap(), &bytes(&vector["bytes"])).unwrap_err();
        assert_eq!(json!(error.to_string()), vector["error"], "{}", vector["name"]);
    }
}

//! `docs/formats/vectors/vault-folder.json`: what another program would write and read.

use std::sync::Arc;

use heirloom_identity::HouseholdId;
use heirloom_store::RealDisk;
use heirloom_vault::folder::{DiskId, Expected, MARKER_NAME, Marker, PackFolder};
use heirloom_vault::proof::{self, Challenge};
use serde_json::Value;

use crate::world::question;

fn vectors() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/formats/vectors/vault-folder.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap()
}

/// The pack of the vectors: the output of BLAKE3 as a stream, for the key in hand.
fn content(vector: &Value) -> Vec<u8> {
    let mut content = vec![0; usize::try_from(vector["bytes"].as_u64().unwrap()).unwrap()];
    blake3::Hasher::new().update(text(vector, "xof_of").as_bytes()).finalize_xof().fill(&mut content);
    content
}

fn asked(vector: &Value, group: &Value) -> Challenge {
    let bytes = usize::try_from(vector["bytes"].as_u64().unwrap()).unwrap();
    let pack = text(vector, "pack").parse().unwrap();
    question(&pack, bytes, u32::try_from(group.as_u64().unwrap()).unwrap())
}

#[test]
fn markers_are_written_and_read_as_drawn() {
    let vectors = vectors();
    for vector in vectors["markers"]["accept"].as_array().unwrap() {
        let household: HouseholdId = text(vector, "household").parse().unwrap();
        let disk: DiskId = text(vector, "disk").parse().unwrap();
        let marker = Marker { household, disk };
        assert_eq!(Marker::from_text(text(vector, "text")), Some(marker));
        if vector["canonical"] == true {
            assert_eq!(marker.to_text(), text(vector, "text"));
        }
    }
    for wrong in vectors["markers"]["reject"].as_array().unwrap() {
        assert_eq!(Marker::from_text(wrong.as_str().unwrap()), None, "{wrong}");
    }
}

#[test]
fn proofs_are_made_and_checked_as_drawn() {
    let vectors = vectors();
    for vector in vectors["proofs"]["accept"].as_array().unwrap() {
        let content = content(vector);
        let (root, outboard) = proof::outboard(&content);
        assert_eq!(root.to_string(), text(vector, "pack"));
        assert_eq!(blake3::hash(&outboard).to_hex().as_str(), text(vector, "outboard_blake3"));
        for answer in vector["answers"].as_array().unwrap() {
            let challenge = asked(vector, &answer["group"]);
            let range = challenge.range();
            let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
            let made = proof::prove(&challenge, &content[range], &outboard).unwrap();
            assert_eq!(blake3::hash(&made).to_hex().as_str(), text(answer, "proof_blake3"));
            let pairs = text(answer, "pairs");
            assert_eq!(data_encoding::HEXLOWER.encode(&made[..pairs.len() / 2]), pairs);
            assert!(proof::verify(&challenge, &made));
        }
    }
}

#[test]
fn proofs_that_must_be_refused_are() {
    let vectors = vectors();
    let right = &vectors["proofs"]["accept"][0];
    let content = content(right);
    let (_, outboard) = proof::outboard(&content);
    for vector in vectors["proofs"]["reject"].as_array().unwrap() {
        let from = asked(right, &vector["proof_of_group"]);
        let range = from.range();
        let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
        let mut made = proof::prove(&from, &content[range], &outboard).unwrap();
        if let Some(at) = vector["flip_bit_0_of_byte"].as_u64() {
            made[usize::try_from(at).unwrap()] ^= 1;
        }
        made.truncate(made.len() - usize::try_from(vector["cut"].as_u64().unwrap_or(0)).unwrap());
        made.extend(std::iter::repeat_n(0, usize::try_from(vector["zeros"].as_u64().unwrap_or(0)).unwrap()));
        let mut challenge = asked(right, &vector["asked_group"]);
        if let Some(bytes) = vector["asked_bytes"].as_u64() {
            challenge.bytes = u32::try_from(bytes).unwrap();
        }
        assert!(!proof::verify(&challenge, &made), "{vector}");
    }
}

/// The names in the drawing are those on a disk.
#[test]
fn names_are_as_drawn() {
    let scratch = tempfile::tempdir().unwrap();
    let (root, household) = (scratch.path().join("vault"), HouseholdId::from_bytes([7; 32]));
    let marker = Marker { household, disk: DiskId([9; 16]) };
    let folder = PackFolder::create(&root, marker, Arc::new(RealDisk)).unwrap();
    let (id, content) = crate::world::pack(1, 100);
    folder.put(&id, &content).unwrap();
    folder.put_kit(b"kit").unwrap();
    let shard = root.join("packs").join(&id.to_string()[..2]);
    let kit = format!("kits/{}.kit", blake3::hash(b"kit").to_hex());
    assert!(shard.join(format!("{id}.pack")).exists() && shard.join(format!("{id}.obao")).exists());
    assert!(root.join(kit).exists() && root.join(MARKER_NAME).exists());
    folder.bury(&[id], 12_345).unwrap();
    assert!(root.join(format!("fossils/{id}-12345.pack")).exists());
    let expected = Expected { household, disks: Vec::new() };
    assert_eq!(PackFolder::open(&root, &expected, Arc::new(RealDisk)).unwrap().disk_id(), DiskId([9; 16]));
}

/// Prints the figures of the vectors; run it by hand after changing what they are made from.
#[test]
#[ignore = "makes the vectors' figures"]
fn print_the_vectors() {
    let mut accept = Vec::new();
    for (bytes, groups) in [(50_000_u32, vec![0, 1, 2, 3]), (16_384, vec![0]), (1, vec![0])] {
        let mut vector = serde_json::json!({"xof_of": "heirloom pack", "bytes": bytes});
        let content = content(&vector);
        let (pack, outboard) = proof::outboard(&content);
        let answer = |group: u32| {
            let challenge = Challenge { pack, bytes, group };
            let range = challenge.range();
            let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
            let made = proof::prove(&challenge, &content[range.clone()], &outboard).unwrap();
            let pairs = data_encoding::HEXLOWER.encode(&made[..made.len() - range.len()]);
            serde_json::json!({"group": group, "pairs": pairs, "proof_blake3": blake3::hash(&made).to_hex().as_str()})
        };
        vector["pack"] = pack.to_string().into();
        vector["outboard_blake3"] = blake3::hash(&outboard).to_hex().as_str().into();
        vector["answers"] = groups.into_iter().map(answer).collect();
        accept.push(vector);
    }
    println!("{}", serde_json::to_string_pretty(&accept).unwrap());
}

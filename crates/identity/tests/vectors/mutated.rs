//! Every parser that a stranger or a peer can reach is given every vector, whole and changed in many ways: none panics,
//! and what is read is written again as it was. The fuzz targets in `fuzz/` do the same for longer and with more wit.

use heirloom_identity::{
    Card, Certificate, ChangeRecord, Envelope, EpochSecret, Invitation, Keyring, KitRecord, KitSecret,
    KitShare, Operation, ReceiveKey, Revocation, Root, SpaceId, VaultHead, VaultKey, sealed_file,
};
use serde_json::Value;

use super::{bytes, committed, text};

/// How often each vector is changed.
const CHANGES: u64 = 40;

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end.max(1)
    }
}

/// Everything in the vectors that is spelled in hexadecimal and named so.
fn collect(value: &Value, names: &[&str], into: &mut Vec<Vec<u8>>) {
    match value {
        Value::Array(list) => list.iter().for_each(|value| collect(value, names, into)),
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(_) if names.contains(&name.as_str()) => into.push(bytes(value)),
                    _ => collect(value, names, into),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Bits flipped, bytes cut off, doubled, and replaced by extremes.
fn change(good: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut changed = good.to_vec();
    for _ in 0..=dice.below(3) {
        let place = dice.below(changed.len());
        match dice.below(5) {
            0 => changed.truncate(place),
            1 if !changed.is_empty() => changed[place] ^= 1 << dice.below(8),
            2 if !changed.is_empty() => changed[place] = [0, 1, 0x7f, 0x80, 0xff][dice.below(5)],
            3 => changed.extend_from_within(place.min(changed.len())..),
            _ => drop(changed.drain(place..changed.len().min(place + dice.below(40)))),
        }
    }
    changed
}

/// Gives every vector of these formats, and its changes, to a parser that answers what it would write.
fn check(formats: &[&str], names: &[&str], parse: impl Fn(&[u8]) -> Option<Vec<u8>>) {
    let mut seeds = Vec::new();
    for format in formats {
        collect(&committed(format), names, &mut seeds);
    }
    assert!(seeds.len() > 10);
    let mut dice = Dice(7);
    for seed in &seeds {
        assert!(parse(seed).is_none_or(|written| written == *seed));
        for _ in 0..CHANGES {
            let changed = change(seed, &mut dice);
            assert!(parse(&changed).is_none_or(|written| written == changed));
        }
    }
}

#[test]
fn certificates() {
    check(&["certificate"], &["bytes"], |bytes| Some(Certificate::decode(bytes).ok()?.encode().to_vec()));
}

#[test]
fn operations() {
    check(&["operation"], &["bytes"], |bytes| Some(Operation::decode(bytes).ok()?.encode()));
}

#[test]
fn envelopes() {
    let vectors = committed("envelope");
    let space: SpaceId = text(&vectors["space"]).parse().unwrap();
    let secret = EpochSecret::from_bytes(bytes(&vectors["secret"]).try_into().unwrap());
    check(&["envelope"], &["bytes"], |bytes| {
        let envelope = Envelope::decode(bytes).ok()?;
        drop(envelope.open(&space, &secret));
        Some(envelope.encode())
    });
}

#[test]
fn cards() {
    check(&["card"], &["bytes"], |bytes| Some(Card::decode(bytes).ok()?.encode()));
}

#[test]
fn change_records() {
    let vectors = committed("change-record");
    let signer = text(&vectors["signer"]).parse().unwrap();
    let space = text(&vectors["space"]).parse().unwrap();
    check(&["change-record"], &["bytes"], |bytes| {
        Some(ChangeRecord::decode_verified(&signer, &space, bytes.to_vec()).ok()?.into_bytes())
    });
}

#[test]
fn sealed_secrets() {
    let vectors = committed("epoch");
    let space: SpaceId = text(&vectors["space"]).parse().unwrap();
    let key = ReceiveKey::from_bytes(&bytes(&vectors["key"]).try_into().unwrap());
    let secret = EpochSecret::from_bytes(bytes(&vectors["secret"]).try_into().unwrap());
    let previous = text(&vectors["previous"]).parse().unwrap();
    check(&["epoch"], &["sealed"], |bytes| {
        drop(EpochSecret::unwrap_with(&space, &key, &secret.id(), bytes));
        drop(secret.disclose(&space, &previous, bytes));
        None
    });
}

#[test]
fn sealed_files() {
    // Only as far as the passphrase: stretching one so often would take minutes.
    check(&["sealed-file"], &["sealed"], |bytes| {
        let header = &bytes[..bytes.len().min(58)];
        drop(sealed_file::unlock("passphrase", header));
        None
    });
}

#[test]
fn invitations() {
    let vectors = committed("pairing");
    let lists = [&vectors["accept"], &vectors["reject"]];
    let links = lists.iter().flat_map(|list| list.as_array().unwrap()).map(|vector| text(&vector["link"]));
    let mut dice = Dice(7);
    for link in links {
        for _ in 0..CHANGES {
            let changed = String::from_utf8_lossy(&change(link.as_bytes(), &mut dice)).into_owned();
            if let Ok(read) = Invitation::parse(&changed) {
                assert_eq!(Invitation::parse(&read.link()), Ok(read));
            }
        }
    }
}

#[test]
fn vault_keys() {
    let household = text(&committed("vault-keys")["household"]).parse().unwrap();
    let key = VaultKey::from_bytes(1, [0x20; 32]);
    let wrapping = Root::from_bytes([0; 32]).wrapping();
    check(&["vault-keys"], &["sealed"], |bytes| {
        drop(Keyring::unwrap(&wrapping, &household, bytes));
        drop(key.open_root(&household, 9, bytes));
        assert!(key.pack_key(&household, &[0; 32]).open(1, 7, &mut bytes.to_vec()).is_err());
        None
    });
}

#[test]
fn vault_heads() {
    check(&["vault-head"], &["bytes"], |bytes| Some(VaultHead::decode(bytes).ok()?.encode()));
}

#[test]
fn kits() {
    check(&["kit"], &["bytes"], |bytes| Some(KitShare::decode(bytes).ok()?.encode().to_vec()));
    check(&["kit"], &["bytes"], |bytes| Some(Revocation::decode(bytes).ok()?.encode()));
    check(&["kit"], &["bytes", "record"], |bytes| {
        let record = KitRecord::decode(bytes).ok()?;
        drop(record.open(&KitSecret::from_bytes([0; 32])));
        Some(record.encode())
    });
}

#[test]
fn sheets() {
    let vectors = committed("kit");
    let kits = vectors["accept"]["kits"].as_array().unwrap();
    let mut dice = Dice(7);
    for share in kits.iter().flat_map(|kit| kit["shares"].as_array().unwrap()) {
        for _ in 0..CHANGES {
            let changed = change(text(&share["text"]).as_bytes(), &mut dice);
            if let Ok(read) = KitShare::parse(&String::from_utf8_lossy(&changed)) {
                assert_eq!(*read.text(), text(&share["text"]));
            }
        }
    }
}

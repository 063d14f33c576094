//! The vectors of the vault: its keys and heads, the proof of the phrase, and kits.

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use heirloom_identity::{
    Certificate, HeadHash, HouseholdId, Keyring, KitId, KitRecord, KitSecret, KitShare, NodeId, Quorum,
    RecoveryProof, Revocation, Root, VaultHead, VaultKey, labels,
};
use serde_json::{Value, json};

use super::{
    albums::{here, there},
    counting, flipped, hex, non_canonical, root, with,
};

const MADE_AT_MS: i64 = 1_784_000_000_000;

fn household() -> HouseholdId {
    root().authority().household()
}

/// Encrypted as the formats say, without the code that the vectors test.
fn encrypted(key: &[u8; 32], nonce: [u8; 24], bound: &[u8], plain: &[u8]) -> Vec<u8> {
    let payload = Payload { msg: plain, aad: bound };
    let sealed = XChaCha20Poly1305::new(key.into()).encrypt(&XNonce::from(nonce), payload);
    [&nonce[..], &sealed.expect("it is short")].concat()
}

fn vault_key(generation: u32) -> VaultKey {
    VaultKey::from_bytes(generation, counting(0x20))
}

fn keyring() -> Keyring {
    Keyring::begin(counting(0x10)).with_newer(counting(0x20)).expect("two keys fit")
}

fn wrapped() -> Vec<u8> {
    keyring().wrap(&root().wrapping(), &household(), counting(0x70))
}

fn pointer() -> Vec<u8> {
    vault_key(2).seal_root(&household(), 9, counting(0x70), b"where the manifest is").expect("it is short")
}

/// A pointer of head 9 with this inside, whatever it is.
fn forged_pointer(padded: &[u8]) -> Vec<u8> {
    let message = [&2_u32.to_le_bytes()[..], household().as_bytes(), &counting::<32>(0x20)].concat();
    let key = blake3::derive_key(labels::POINTER_KEY, &message);
    let place = [&2_u32.to_le_bytes()[..], &9_u64.to_le_bytes()].concat();
    let bound = [labels::POINTER, household().as_bytes(), &place].concat();
    encrypted(&key, counting(0x70), &bound, padded)
}

/// A keyring with this inside, whatever it is.
fn forged_keyring(padded: &[u8]) -> Vec<u8> {
    let key = blake3::derive_key(labels::KEYRING_KEY, root().wrapping().as_bytes());
    let bound = [labels::KEYRING, household().as_bytes()].concat();
    [&[1][..], &encrypted(&key, counting(0x70), &bound, padded)].concat()
}

pub(crate) fn keys() -> Value {
    let pack = |generation, salt: u8| {
        let key = vault_key(generation).pack_key(&household(), &counting(salt));
        let chunks = [(1, 0, &b"a chunk"[..]), (1, 1, b""), (255, u64::MAX, b"a chunk")];
        let chunks = chunks.map(|(domain, number, plain)| {
            let mut sealed = plain.to_vec();
            key.seal(domain, number, &mut sealed, 0);
            json!({ "domain": domain, "number": number, "plain": hex(plain), "sealed": hex(&sealed) })
        });
        let mut padding = [0; 40];
        key.padding(&mut padding);
        json!({
            "generation": generation, "secret": hex(&counting::<32>(0x20)), "salt": hex(&counting::<32>(salt)),
            "chunks": chunks, "padding": hex(&padding),
        })
    };
    let keys: Vec<Value> = keyring()
        .keys()
        .iter()
        .map(|key| json!({ "generation": key.generation(), "secret": hex(&*key.to_bytes()) }))
        .collect();
    let reject = [bad_chunks(), bad_pointers(), bad_keyrings()].concat();
    json!({
        "format": "vault-keys", "version": 1, "household": household(), "wrapping": hex(root().wrapping().as_bytes()),
        "accept": {
            "packs": [pack(1, 0), pack(u32::MAX, 0x80)],
            "pointer": {
                "generation": 2, "secret": hex(&counting::<32>(0x20)), "number": 9, "nonce": hex(&counting::<24>(0x70)),
                "plain": hex(b"where the manifest is"), "sealed": hex(&pointer()),
            },
            "keyring": { "keys": keys, "nonce": hex(&counting::<24>(0x70)), "sealed": hex(&wrapped()) },
        },
        "reject": reject,
    })
}

/// Said to be chunk 7 of domain 1 in the pack of generation 1 with a salt that counts from 0.
fn bad_chunks() -> Vec<Value> {
    let key = vault_key(1).pack_key(&household(), &counting(0));
    let sealed = |domain, number| {
        let mut chunk = b"a chunk".to_vec();
        key.seal(domain, number, &mut chunk, 0);
        chunk
    };
    let good = sealed(1, 7);
    let bad = [
        ("empty", vec![]),
        ("no whole tag", good[..15].to_vec()),
        ("truncated", good[..good.len() - 1].to_vec()),
        ("trailing byte", [&good[..], &[0]].concat()),
        ("flipped bit in the chunk", flipped(&good, 0)),
        ("flipped bit in the tag", flipped(&good, good.len() - 1)),
        ("chunk 8", sealed(1, 8)),
        ("domain 2", sealed(2, 7)),
    ];
    let refused = bad.map(|(name, bytes)| {
        let error = key.open(1, 7, &mut bytes.clone()).err().map(|error| error.to_string());
        json!({ "what": "chunk", "name": name, "sealed": hex(&bytes), "error": error })
    });
    refused.to_vec()
}

/// Said to be the pointer of head 9.
fn bad_pointers() -> Vec<Value> {
    let good = pointer();
    let seal = |key: &VaultKey, household, number| {
        key.seal_root(household, number, counting(0x70), b"elsewhere").expect("it is short")
    };
    let mut padded = [0; 512];
    padded[511] = 1;
    let ends_in_one = forged_pointer(&padded);
    padded[..2].copy_from_slice(&511_u16.to_le_bytes());
    let bad = [
        ("empty", vec![]),
        ("truncated", good[..good.len() - 1].to_vec()),
        ("trailing byte", [&good[..], &[0]].concat()),
        ("flipped bit in the nonce", flipped(&good, 0)),
        ("flipped bit in the ciphertext", flipped(&good, 24)),
        ("of head 8", seal(&vault_key(2), &household(), 8)),
        ("of another generation", seal(&vault_key(1), &household(), 9)),
        ("of another household", seal(&vault_key(2), &there().household(), 9)),
        ("something behind the pointer", ends_in_one),
        ("a length beyond the end", forged_pointer(&padded)),
        ("encrypted without padding", forged_pointer(&[0, 0])),
    ];
    let refused = bad.map(|(name, bytes)| {
        let error = vault_key(2).open_root(&household(), 9, &bytes).err().map(|error| error.to_string());
        json!({ "what": "pointer", "name": name, "sealed": hex(&bytes), "error": error })
    });
    refused.to_vec()
}

fn bad_keyrings() -> Vec<Value> {
    let good = wrapped();
    let padded = |count: u8, generations: &[u32]| {
        let mut padded = vec![count];
        for generation in generations {
            padded.extend_from_slice(&generation.to_le_bytes());
            padded.extend_from_slice(&counting::<32>(0x20));
        }
        padded.resize(1 + 64 * 36, 0);
        forged_keyring(&padded)
    };
    let bad = [
        ("empty", vec![]),
        ("wrong version", vec![2]),
        ("truncated", good[..100].to_vec()),
        ("trailing byte", [&good[..], &[0]].concat()),
        ("flipped bit in the ciphertext", flipped(&good, 25)),
        ("of another household", keyring().wrap(&root().wrapping(), &there().household(), counting(0x70))),
        ("no key", padded(0, &[])),
        ("65 keys", padded(65, &[])),
        ("generation 0", padded(1, &[0])),
        ("a generation twice", padded(2, &[1, 1])),
        ("the oldest first", padded(2, &[1, 2])),
        ("a key too many", padded(1, &[2, 1])),
    ];
    let refused = bad.map(|(name, bytes)| {
        let error =
            Keyring::unwrap(&root().wrapping(), &household(), &bytes).err().map(|error| error.to_string());
        json!({ "what": "keyring", "name": name, "sealed": hex(&bytes), "error": error })
    });
    refused.to_vec()
}

pub(crate) fn head() -> Value {
    let home = here();
    let sign = |number, previous, at_ms| {
        let signer = home.node.signer();
        VaultHead::sign(signer, &home.certificate, number, previous, at_ms, &wrapped(), &pointer())
            .expect("the head is good")
    };
    let first = sign(1, HeadHash::NONE, MADE_AT_MS);
    let ninth = sign(9, first.hash(), MADE_AT_MS + 1);
    let accept =
        [("first", &first), ("ninth", &ninth), ("last, before 1970", &sign(u64::MAX, ninth.hash(), -1))];
    let accept = accept.map(|(name, head)| {
        json!({
            "name": name, "bytes": hex(head.as_bytes()), "hash": head.hash(), "household": head.household(),
            "certificate": head.certificate().id(), "number": head.number(), "previous": head.previous(),
            "made_at_ms": head.made_at_ms(),
        })
    });
    let reject = bad_heads(ninth.as_bytes()).into_iter().map(|(name, bytes)| {
        let error = VaultHead::decode(&bytes).err().map(|error| error.to_string());
        json!({ "name": name, "bytes": hex(&bytes), "error": error })
    });
    json!({
        "format": "vault-head", "version": 1, "keyring": hex(&wrapped()), "pointer": hex(&pointer()),
        "accept": accept, "reject": reject.collect::<Vec<_>>(),
    })
}

fn bad_heads(good: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let end = good.len();
    let resigned = |bytes: Vec<u8>| here().signed_as_another(labels::VAULT_HEAD, &bytes[..bytes.len() - 64]);
    vec![
        ("empty", vec![]),
        ("wrong version", with(&good[..1], 0, &[2])),
        ("wrong algorithm", with(good, 1, &[2])),
        ("truncated", good[..200].to_vec()),
        ("trailing byte", [good, &[0]].concat()),
        ("number 0, signed", resigned(with(good, 176, &[0]))),
        ("number 1 with a predecessor, signed", resigned(with(good, 176, &[1]))),
        ("number 9 without a predecessor, signed", resigned(with(good, 184, &[0; 32]))),
        ("flipped bit in the certificate", flipped(good, 40)),
        ("flipped bit in the number", flipped(good, 176)),
        ("flipped bit in the predecessor", flipped(good, 184)),
        ("flipped bit in made_at_ms", flipped(good, 216)),
        ("flipped bit in the keyring", flipped(good, 224)),
        ("flipped bit in the pointer", flipped(good, end - 65)),
        ("flipped bit in the signature", flipped(good, end - 64)),
        ("signature under another label", here().signed_as_another(labels::CARD, &good[..end - 64])),
        (
            "signed by another household's node",
            there().signed_as_another(labels::VAULT_HEAD, &good[..end - 64]),
        ),
        ("non-canonical signature", non_canonical(good)),
    ]
}

pub(crate) fn recovery_proof() -> Value {
    let authority = root().authority();
    let (keeper, restorer) = (there().node.node(), NodeId::from_bytes(counting(0x90)));
    let challenge: [u8; 32] = counting(0xa0);
    let proof = RecoveryProof::sign(&authority, &keeper, &restorer, &challenge);
    let household = authority.household();
    let vector =
        |name, household: HouseholdId, keeper: NodeId, restorer: NodeId, challenge: &[u8], proof: &[u8]| {
            json!({
                "name": name, "household": household, "keeper": keeper, "restorer": restorer,
                "challenge": hex(challenge), "proof": hex(proof),
            })
        };
    let other =
        RecoveryProof::sign(&Root::from_bytes(counting(1)).authority(), &keeper, &restorer, &challenge);
    let good = vector("good", household, keeper, restorer, &challenge, &proof);
    json!({
        "format": "recovery-proof", "version": 1, "root": hex(root().as_bytes()), "accept": [good],
        "reject": [
            vector("for another household", there().household(), keeper, restorer, &challenge, &proof),
            vector("shown to another keeper", household, here().node.node(), restorer, &challenge, &proof),
            vector("shown by another machine", household, keeper, keeper, &challenge, &proof),
            vector("the ends swapped", household, restorer, keeper, &challenge, &proof),
            vector("of another challenge", household, keeper, restorer, &flipped(&challenge, 0), &proof),
            vector("flipped bit in the proof", household, keeper, restorer, &challenge, &flipped(&proof, 0)),
            vector("signed by another household", household, keeper, restorer, &challenge, &other),
            vector("non-canonical signature", household, keeper, restorer, &challenge, &non_canonical(&proof)),
            vector("zeros", household, keeper, restorer, &challenge, &[0; 64]),
        ],
    })
}

fn shares(quorum: Quorum) -> (KitSecret, Vec<KitShare>) {
    let secret = KitSecret::from_bytes(counting(0xb0));
    let shares = secret.split(&household(), &KitId::from_bytes(counting(0xd0)), quorum, &counting(0xe0));
    (secret, shares)
}

fn record(quorum: Quorum) -> Vec<u8> {
    let (secret, shares) = shares(quorum);
    KitRecord::seal(&root(), &secret, &shares, MADE_AT_MS, counting(0x70))
        .expect("the shares are good")
        .encode()
}

pub(crate) fn kit() -> Value {
    let kits = [("two of three", Quorum::TwoOfThree), ("three of five", Quorum::ThreeOfFive)];
    let kits = kits.map(|(name, quorum)| {
        let (secret, shares) = shares(quorum);
        let shares: Vec<Value> = shares
            .iter()
            .map(|share| json!({ "index": share.index(), "bytes": hex(&share.encode()), "text": *share.text() }))
            .collect();
        json!({
            "name": name, "root": hex(root().as_bytes()), "secret": hex(secret.as_bytes()), "household": household(),
            "kit": hex(&counting::<16>(0xd0)), "threshold": quorum.threshold(), "count": quorum.count(),
            "random": hex(&counting::<32>(0xe0)), "created_ms": MADE_AT_MS, "nonce": hex(&counting::<24>(0x70)),
            "shares": shares, "record": hex(&record(quorum)),
        })
    });
    let revocation = revocation();
    let reject = [bad_shares(), bad_sheets(), bad_records(), bad_revocations(&revocation.encode())].concat();
    json!({
        "format": "kit", "version": 1,
        "accept": {
            "kits": kits,
            "revocation": {
                "bytes": hex(&revocation.encode()), "household": revocation.household(), "kit": revocation.kit(),
                "certificate": revocation.certificate().id(), "at_ms": revocation.at_ms(),
            },
        },
        "reject": reject,
    })
}

fn revocation() -> Revocation {
    let home = here();
    Revocation::sign(home.node.signer(), &home.certificate, KitId::from_bytes(counting(0xd0)), MADE_AT_MS)
        .expect("it is the certificate's signer")
}

fn bad_shares() -> Vec<Value> {
    let (_, shares) = shares(Quorum::TwoOfThree);
    let good = shares[0].encode();
    let bad = [
        ("empty", vec![]),
        ("wrong version", with(&good, 0, &[2])),
        ("truncated", good[..good.len() - 1].to_vec()),
        ("trailing byte", [&good[..], &[0]].concat()),
        ("1 of 3", with(&good, 49, &[1])),
        ("2 of 5", with(&good, 50, &[5])),
        ("share 0", with(&good, 51, &[0])),
        ("share 4 of 3", with(&good, 51, &[4])),
    ];
    let refused = bad.map(|(name, bytes)| {
        let error = KitShare::decode(&bytes).err().map(|error| error.to_string());
        json!({ "what": "share", "name": name, "bytes": hex(&bytes), "error": error })
    });
    refused.to_vec()
}

fn bad_sheets() -> Vec<Value> {
    let (_, shares) = shares(Quorum::TwoOfThree);
    let (text, other) = (shares[0].text(), shares[1].text());
    let end = text.len();
    // The first group is 07GR4B8G.
    let bad = [
        ("empty", String::new()),
        ("a letter changed", text.replacen('4', "5", 1)),
        ("two letters swapped", text.replacen("4B", "B4", 1)),
        ("two groups swapped", format!("{} {}{}", &text[9..17], &text[..8], &text[17..])),
        ("a letter that isn't on sheets", text.replacen('4', "U", 1)),
        ("the last group missing", text[..end - 9].to_owned()),
        ("a letter more", format!("{}0", *text)),
        ("the last group from another sheet", format!("{}{}", &text[..end - 8], &other[end - 8..])),
        ("all zeros", "0".repeat(160)),
    ];
    let refused = bad.map(|(name, text)| {
        let error = KitShare::parse(&text).err().map(|error| error.to_string());
        json!({ "what": "sheet", "name": name, "text": text, "error": error })
    });
    refused.to_vec()
}

/// Opened with the secret that counts from 0xb0.
fn bad_records() -> Vec<Value> {
    let good = record(Quorum::TwoOfThree);
    let sealed = good.len() - 48 - 24;
    let mut forged = good[..sealed].to_vec();
    let message = [&household().as_bytes()[..], &counting::<16>(0xd0), &counting::<32>(0xb0)].concat();
    let key = blake3::derive_key(labels::KIT_KEY, &message);
    let bound = [labels::KIT_RECORD, &forged].concat();
    forged.extend_from_slice(&encrypted(&key, counting(0x70), &bound, &counting::<32>(1)));
    let bad = [
        ("empty", vec![]),
        ("wrong version", with(&good, 0, &[2])),
        ("truncated", good[..good.len() - 1].to_vec()),
        ("trailing byte", [&good[..], &[0]].concat()),
        ("3 of 3", with(&good, 49, &[3])),
        ("3 of 5 with three commitments", with(&good, 49, &[3, 5])),
        ("flipped bit in the household", flipped(&good, 1)),
        ("flipped bit in the kit", flipped(&good, 33)),
        ("flipped bit in created_ms", flipped(&good, 51)),
        ("flipped bit in a commitment", flipped(&good, 59)),
        ("flipped bit in the nonce", flipped(&good, sealed)),
        ("flipped bit in the ciphertext", flipped(&good, sealed + 24)),
        ("another household's root inside", forged),
    ];
    let secret = KitSecret::from_bytes(counting(0xb0));
    let refused = bad.map(|(name, bytes)| {
        let opened = KitRecord::decode(&bytes).and_then(|record| record.open(&secret));
        let error = opened.err().map(|error| error.to_string());
        json!({ "what": "record", "name": name, "bytes": hex(&bytes), "error": error })
    });
    refused.to_vec()
}

fn bad_revocations(good: &[u8]) -> Vec<Value> {
    let body = &good[..good.len() - 64];
    let kit = Certificate::BYTES + 2;
    let bad = [
        ("empty", vec![]),
        ("wrong version", with(good, 0, &[2])),
        ("wrong algorithm", with(good, 1, &[2])),
        ("truncated", good[..good.len() - 1].to_vec()),
        ("trailing byte", [good, &[0]].concat()),
        ("flipped bit in the certificate", flipped(good, 40)),
        ("flipped bit in the kit", flipped(good, kit)),
        ("flipped bit in at_ms", flipped(good, kit + 16)),
        ("flipped bit in the signature", flipped(good, body.len())),
        ("signature under another label", here().signed_as_another(labels::VAULT_HEAD, body)),
        ("signed by another household's node", there().signed_as_another(labels::KIT_REVOCATION, body)),
        ("non-canonical signature", non_canonical(good)),
    ];
    let refused = bad.map(|(name, bytes)| {
        let error = Revocation::decode(&bytes).err().map(|error| error.to_string());
        json!({ "what": "revocation", "name": name, "bytes": hex(&bytes), "error": error })
    });
    refused.to_vec()
}

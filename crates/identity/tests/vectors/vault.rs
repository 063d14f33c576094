//! The vectors of the vault.

use heirloom_identity::{
    Keyring, KitId, KitRecord, KitSecret, KitShare, Quorum, RecoveryProof, Revocation, Root, VaultHead,
    VaultKey, WrappingKey,
};
use serde_json::{Value, json};

use super::{
    bytes, committed, each,
    sharing::{array, check_error},
    text,
};

fn wrapping() -> WrappingKey {
    let counting = std::array::from_fn(|index| u8::try_from(index).unwrap());
    Root::from_bytes(counting).wrapping()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

fn vault_key(vector: &Value) -> VaultKey {
    VaultKey::from_bytes(number(&vector["generation"]).try_into().unwrap(), array(&vector["secret"]))
}

#[test]
fn pack_keys() {
    let vectors = committed("vault-keys");
    let household = text(&vectors["household"]).parse().unwrap();
    for vector in each(&vectors["accept"]["packs"]) {
        let key = vault_key(vector).pack_key(&household, &array(&vector["salt"]));
        for chunk in each(&vector["chunks"]) {
            let domain = number(&chunk["domain"]).try_into().unwrap();
            let mut sealed = bytes(&chunk["plain"]);
            key.seal(domain, number(&chunk["number"]), &mut sealed, 0);
            assert_eq!(sealed, bytes(&chunk["sealed"]));
            assert_eq!(
                *key.open(domain, number(&chunk["number"]), &mut sealed).unwrap(),
                bytes(&chunk["plain"])
            );
        }
        let mut padding = [0; 40];
        key.padding(&mut padding);
        assert_eq!(padding, array(&vector["padding"]));
    }
    let first = vault_key(&vectors["accept"]["packs"][0]);
    let pack = first.pack_key(&household, &array(&vectors["accept"]["packs"][0]["salt"]));
    for vector in each(&vectors["reject"]).filter(|vector| text(&vector["what"]) == "chunk") {
        check_error(vector, &pack.open(1, 7, &mut bytes(&vector["sealed"])).unwrap_err());
    }
}

#[test]
fn pointers_and_keyrings() {
    let vectors = committed("vault-keys");
    let household = text(&vectors["household"]).parse().unwrap();
    assert_eq!(wrapping().as_bytes(), &array(&vectors["wrapping"]));
    let pointer = &vectors["accept"]["pointer"];
    let (key, head) = (vault_key(pointer), number(&pointer["number"]));
    let [plain, sealed] = ["plain", "sealed"].map(|name| bytes(&pointer[name]));
    assert_eq!(key.seal_root(&household, head, array(&pointer["nonce"]), &plain).unwrap(), sealed);
    assert_eq!(*key.open_root(&household, head, &sealed).unwrap(), plain);
    let ring = &vectors["accept"]["keyring"];
    let keyring = Keyring::new(each(&ring["keys"]).map(vault_key).collect()).unwrap();
    assert_eq!(keyring.wrap(&wrapping(), &household, array(&ring["nonce"])), bytes(&ring["sealed"]));
    let read = Keyring::unwrap(&wrapping(), &household, &bytes(&ring["sealed"])).unwrap();
    assert_eq!(read.to_bytes(), keyring.to_bytes());
    for vector in each(&vectors["reject"]) {
        let sealed = bytes(&vector["sealed"]);
        match text(&vector["what"]) {
            "pointer" => check_error(vector, &key.open_root(&household, head, &sealed).unwrap_err()),
            "keyring" => check_error(vector, &Keyring::unwrap(&wrapping(), &household, &sealed).unwrap_err()),
            _ => {}
        }
    }
}

#[test]
fn heads() {
    let vectors = committed("vault-head");
    for vector in each(&vectors["accept"]) {
        let read = VaultHead::decode(&bytes(&vector["bytes"])).unwrap();
        assert_eq!(
            json!([read.hash(), read.household(), read.certificate().id(), read.number(), read.previous()]),
            json!([
                vector["hash"],
                vector["household"],
                vector["certificate"],
                vector["number"],
                vector["previous"]
            ]),
        );
        assert_eq!(json!(read.made_at_ms()), vector["made_at_ms"]);
        assert_eq!(read.keyring(), bytes(&vectors["keyring"]));
        assert_eq!(read.pointer(), bytes(&vectors["pointer"]));
    }
    // What the ninth holds opens.
    let ninth = VaultHead::decode(&bytes(&vectors["accept"][1]["bytes"])).unwrap();
    let keyring = Keyring::unwrap(&wrapping(), ninth.household(), ninth.keyring()).unwrap();
    let pointer = keyring.newest().open_root(ninth.household(), ninth.number(), ninth.pointer());
    assert_eq!(**pointer.unwrap(), *b"where the manifest is");
    for vector in each(&vectors["reject"]) {
        check_error(vector, &VaultHead::decode(&bytes(&vector["bytes"])).unwrap_err());
    }
}

#[test]
fn recovery_proofs() {
    let vectors = committed("recovery-proof");
    let verify = |vector: &Value| {
        let [keeper, restorer] = ["keeper", "restorer"].map(|name| text(&vector[name]).parse().unwrap());
        let household = text(&vector["household"]).parse().unwrap();
        RecoveryProof::verify(
            &household,
            &keeper,
            &restorer,
            &array(&vector["challenge"]),
            &array(&vector["proof"]),
        )
    };
    for vector in each(&vectors["accept"]) {
        assert!(verify(vector));
        let authority = Root::from_bytes(array(&vectors["root"])).authority();
        let [keeper, restorer] = ["keeper", "restorer"].map(|name| text(&vector[name]).parse().unwrap());
        let proof = RecoveryProof::sign(&authority, &keeper, &restorer, &array(&vector["challenge"]));
        assert_eq!(proof, array(&vector["proof"]));
    }
    for vector in each(&vectors["reject"]) {
        assert!(!verify(vector), "{}", vector["name"]);
    }
}

#[test]
fn kits() {
    let vectors = committed("kit");
    for vector in each(&vectors["accept"]["kits"]) {
        let [threshold, count] =
            ["threshold", "count"].map(|name| u8::try_from(number(&vector[name])).unwrap());
        let (household, kit) =
            (text(&vector["household"]).parse().unwrap(), KitId::from_bytes(array(&vector["kit"])));
        let secret = KitSecret::from_bytes(array(&vector["secret"]));
        let made =
            secret.split(&household, &kit, Quorum::new(threshold, count).unwrap(), &array(&vector["random"]));
        let shares: Vec<KitShare> = each(&vector["shares"])
            .map(|share| {
                let read = KitShare::decode(&bytes(&share["bytes"])).unwrap();
                assert_eq!(KitShare::parse(text(&share["text"])).as_ref(), Ok(&read));
                assert_eq!(u64::from(read.index()), number(&share["index"]));
                read
            })
            .collect();
        assert_eq!(made, shares);
        let record = KitRecord::decode(&bytes(&vector["record"])).unwrap();
        let at = vector["created_ms"].as_i64().unwrap();
        let root = Root::from_bytes(array(&vector["root"]));
        let sealed = KitRecord::seal(&root, &secret, &shares, at, array(&vector["nonce"])).unwrap();
        assert_eq!(sealed, record);
        assert!(shares.iter().all(|share| record.holds(share)));
        for few in shares.windows(usize::from(threshold)) {
            let opened = record.open(&KitSecret::combine(few).unwrap()).unwrap();
            assert_eq!(opened.as_bytes(), root.as_bytes());
        }
    }
    let vector = &vectors["accept"]["revocation"];
    let read = Revocation::decode(&bytes(&vector["bytes"])).unwrap();
    assert_eq!(
        json!([read.household(), read.kit(), read.certificate().id(), read.at_ms()]),
        json!([vector["household"], vector["kit"], vector["certificate"], vector["at_ms"]]),
    );
    let secret = KitSecret::from_bytes(array(&vectors["accept"]["kits"][0]["secret"]));
    for vector in each(&vectors["reject"]) {
        let given = || bytes(&vector["bytes"]);
        match text(&vector["what"]) {
            "share" => check_error(vector, &KitShare::decode(&given()).unwrap_err()),
            "sheet" => check_error(vector, &KitShare::parse(text(&vector["text"])).unwrap_err()),
            "revocation" => check_error(vector, &Revocation::decode(&given()).unwrap_err()),
            _ => {
                let opened = KitRecord::decode(&given()).and_then(|record| record.open(&secret));
                check_error(vector, &opened.unwrap_err());
            }
        }
    }
}

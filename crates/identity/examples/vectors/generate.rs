//! Makes the vectors of every format: what must be accepted, with what it says, and what must be refused, with the
//! error that says why.

use data_encoding::HEXLOWER;
use heirloom_identity::{
    AccountId, AssetId, Certificate, Change, ChangeRecord, ContentHash, DocumentName, Hashes, NodeKeys,
    Phrase, Root, SpaceId, StreamId, change_record::RecordHash, find_wrong_word,
};
use serde_json::{Value, json};

#[path = "albums.rs"]
pub(crate) mod albums;
#[path = "homes.rs"]
mod homes;
#[path = "vault.rs"]
mod vault;

/// Every format's name and its vectors as JSON text.
pub(crate) fn all() -> Vec<(&'static str, String)> {
    let formats = [
        ("ids", ids()),
        ("phrase", phrase()),
        ("certificate", certificate()),
        ("change-record", change_record()),
        ("operation", albums::operation()),
        ("epoch", albums::epoch()),
        ("envelope", albums::envelope()),
        ("card", homes::card()),
        ("pairing", homes::pairing()),
        ("sealed-file", homes::sealed_file()),
        ("vault-keys", vault::keys()),
        ("vault-head", vault::head()),
        ("recovery-proof", vault::recovery_proof()),
        ("kit", vault::kit()),
    ];
    formats.map(|(name, vectors)| (name, format!("{vectors:#}\n"))).to_vec()
}

/// 32 bytes that count up from `first`.
fn counting<const N: usize>(first: u8) -> [u8; N] {
    std::array::from_fn(|index| {
        first.wrapping_add(u8::try_from(index).expect("at most 64 bytes are counted"))
    })
}

fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

fn node() -> NodeKeys {
    NodeKeys::from_bytes(&counting(0x40))
}

fn root() -> Root {
    Root::from_bytes(counting(0))
}

fn ids() -> Value {
    let household = root().authority().household();
    let account = AccountId::from_random(counting(0));
    let assets: Vec<Value> = [&b""[..], b"abc", &[0xff; 100_000]]
        .into_iter()
        .map(|bytes| {
            let Hashes { content, sha1 } = Hashes::of(bytes);
            let asset = AssetId::derive(&account, &content);
            let bytes = if bytes.len() > 100 { "100000 times ff".to_owned() } else { hex(bytes) };
            json!({ "bytes": bytes, "content": content, "sha1": sha1, "sha1_base64": sha1.to_base64(), "asset": asset })
        })
        .collect();
    json!({
        "format": "ids", "version": 1,
        "accept": {
            "account": { "random": hex(&counting::<16>(0)), "account": account },
            "library_space": { "household": household, "space": SpaceId::library(&household) },
            "assets": assets,
            "album": albums::album_ids(),
        },
        "reject": [
            { "name": "upper-case uuid", "kind": "asset", "text": account.to_string().to_uppercase() },
            { "name": "uuid without hyphens", "kind": "asset", "text": account.to_string().replace('-', "") },
            { "name": "uuid in braces", "kind": "asset", "text": format!("{{{account}}}") },
            { "name": "uuid with a space", "kind": "asset", "text": format!(" {account}") },
            { "name": "upper-case hexadecimal", "kind": "content", "text": ContentHash::of(b"").to_string().to_uppercase() },
            { "name": "one digit short", "kind": "content", "text": "a".repeat(63) },
            { "name": "one digit long", "kind": "content", "text": "a".repeat(65) },
            { "name": "not hexadecimal", "kind": "content", "text": "g".repeat(64) },
            { "name": "empty", "kind": "content", "text": "" },
        ],
    })
}

fn phrase() -> Value {
    let accept =
        [("zeros", [0; 32]), ("ones", [0xff; 32]), ("counting", counting(0))].map(|(name, bytes)| {
            let root = Root::from_bytes(bytes);
            json!({
                "name": name, "root": hex(&bytes), "phrase": *Phrase::of(&root).text(),
                "household": root.authority().household(), "wrapping": hex(root.wrapping().as_bytes()),
            })
        });
    let words = Phrase::of(&root()).words();
    let mut swapped = words;
    swapped.swap(0, 1);
    let replaced = |index: usize, word: &'static str| {
        let mut words = words;
        words[index] = word;
        words.join(" ")
    };
    let bad = [
        ("empty", String::new()),
        ("a word short", words[1..].join(" ")),
        ("a word long", format!("{} zoo", words.join(" "))),
        ("twelve words", format!("{}about", "abandon ".repeat(11))),
        ("two words swapped", swapped.join(" ")),
        ("a word of the list replaced by another", replaced(5, "zoo")),
        ("a misspelt word", replaced(2, "aple")),
        ("a word cut off", replaced(2, "app")),
        ("a word of another language", replaced(23, "müller")),
        ("words without spaces", words.concat()),
    ];
    let reject = bad.map(|(name, text)| {
        let error = Phrase::parse(&text).err().map(|error| error.to_string());
        json!({ "name": name, "phrase": text, "error": error })
    });
    let wrong = [
        ("a word of the list replaced by another", replaced(5, "zoo")),
        ("a misspelt word", replaced(2, "aple")),
        ("a word that isn't readable", replaced(23, "unawhatever")),
        ("two words swapped", swapped.join(" ")),
        ("nothing wrong", words.join(" ")),
        ("two misspelt words", replaced(2, "aple").replacen("adjust", "adjuust", 1)),
    ];
    let household = root().authority().household();
    let repair = wrong.map(|(name, text)| {
        let fix = find_wrong_word(&text, &household).map(|fix| fix.to_string());
        json!({ "name": name, "phrase": text, "household": household, "fix": fix })
    });
    json!({ "format": "phrase", "version": 1, "accept": accept, "reject": reject, "repair": repair })
}

/// The order of the Ed25519 group, little-endian: added to a signature's second half it gives another spelling of the
/// same number.
const GROUP_ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// The bytes with their last 32, a signature's second half, spelled as a number past the group's order.
fn non_canonical(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let start = bytes.len() - 32;
    let mut carry = 0_u16;
    for (byte, order) in bytes[start..].iter_mut().zip(GROUP_ORDER) {
        let [low, high] = (u16::from(*byte) + u16::from(order) + carry).to_le_bytes();
        *byte = low;
        carry = u16::from(high);
    }
    bytes
}

/// The bytes with one bit of the byte at `place` flipped.
fn flipped(bytes: &[u8], place: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[place] ^= 1;
    bytes
}

/// The bytes with those at `place` replaced.
fn with(bytes: &[u8], place: usize, new: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[place..place + new.len()].copy_from_slice(new);
    bytes
}

fn certificate() -> Value {
    let (authority, node) = (root().authority(), node());
    let issue = |generation, at_ms| {
        let signer = node.signer().id();
        Certificate::issue(&authority, generation, node.node(), signer, at_ms)
            .expect("the fields are good")
            .encode()
    };
    let accept =
        [("first", issue(1, 1_784_000_000_000)), ("last generation, before 1970", issue(u32::MAX, -1))];
    let accept = accept.map(|(name, bytes)| {
        let read = Certificate::decode(&bytes).expect("what was issued is good");
        json!({
            "name": name, "bytes": hex(&bytes), "generation": read.generation(), "household": read.household(),
            "node": read.node(), "signer": read.signer(), "issued_at_ms": read.issued_at_ms(), "hash": read.hash(),
        })
    });
    let good = issue(1, 1_784_000_000_000);
    let other = Root::from_bytes(counting(1)).authority();
    let others = Certificate::issue(&other, 1, node.node(), node.signer().id(), 1_784_000_000_000)
        .expect("the fields are good")
        .encode();
    let mut small_order = with(&good, 6, &[&[1][..], &[0; 31]].concat());
    small_order[110..].copy_from_slice(&[&[1][..], &[0; 63]].concat());
    let bad = [
        ("empty", vec![]),
        ("truncated", good[..173].to_vec()),
        ("trailing byte", [&good[..], &[0]].concat()),
        ("wrong version", with(&good, 0, &[2])),
        ("wrong algorithm", with(&good, 1, &[2])),
        ("generation 0", with(&good, 2, &[0])),
        ("flipped bit in generation", flipped(&good, 3)),
        ("flipped bit in household", flipped(&good, 6)),
        ("flipped bit in node", flipped(&good, 38)),
        ("flipped bit in signer", flipped(&good, 70)),
        ("flipped bit in issued_at_ms", flipped(&good, 102)),
        ("flipped bit in signature", flipped(&good, 110)),
        ("one key for both purposes", with(&good, 70, &good[38..70])),
        ("signature of another household", with(&good, 110, &others[110..])),
        ("good certificate of another household", others.to_vec()),
        ("signature under another label", with(&good, 110, &signed_as_record(&good[..110]))),
        ("non-canonical signature", non_canonical(&good)),
        ("household key of small order", small_order),
    ];
    let household = authority.household();
    let reject = bad.map(|(name, bytes)| {
        let error = Certificate::decode_for(&household, &bytes).err().map(|error| error.to_string());
        json!({ "name": name, "bytes": hex(&bytes), "error": error })
    });
    json!({ "format": "certificate", "version": 1, "household": household, "accept": accept, "reject": reject })
}

/// The household's signature over a record's label and this body: valid, but for another purpose.
fn signed_as_record(body: &[u8]) -> [u8; 64] {
    use ed25519_dalek::Signer as _;
    let seed = blake3::derive_key(heirloom_identity::labels::AUTHORITY, root().as_bytes());
    let message = [heirloom_identity::labels::CHANGE_RECORD, body].concat();
    ed25519_dalek::SigningKey::from_bytes(&seed).sign(&message).to_bytes()
}

fn change_record() -> Value {
    let space = SpaceId::library(&root().authority().household());
    let node = node();
    let signer = node.signer().id();
    let document: DocumentName = "marks/2026-07".parse().expect("the name is good");
    let longest: DocumentName = "a".repeat(64).parse().expect("the name is good");
    let first = Change {
        space,
        stream: StreamId::from_bytes(counting(0x80)),
        seq: 1,
        prev: RecordHash::NONE,
        document: &document,
        payload: b"opaque to this format",
    };
    let sign = |change| ChangeRecord::sign(node.signer(), change).expect("the change is good");
    let first_record = sign(first);
    let second = sign(Change { seq: 2, prev: first_record.hash(), ..first });
    let last = sign(Change { seq: u64::MAX, prev: second.hash(), document: &longest, payload: &[], ..first });
    let accept = [("first", &first_record), ("second", &second), ("last, longest name, no payload", &last)];
    let accept = accept.map(|(name, record)| {
        json!({
            "name": name, "bytes": hex(record.as_bytes()), "stream": record.stream(), "seq": record.seq(),
            "prev": record.prev(), "document": record.document().as_str(), "payload": hex(record.payload()),
            "hash": record.hash(),
        })
    });
    let elsewhere = sign(Change { space: SpaceId::from_bytes(counting(7)), ..first });
    let reject = bad_records(second.as_bytes(), elsewhere.as_bytes()).into_iter().map(|(name, bytes)| {
        let error = ChangeRecord::decode_verified(&signer, &space, bytes.clone())
            .err()
            .map(|error| error.to_string());
        json!({ "name": name, "bytes": hex(&bytes), "error": error })
    });
    json!({
        "format": "change-record", "version": 1, "space": space, "signer": signer,
        "accept": accept, "reject": reject.collect::<Vec<_>>(),
    })
}

/// Where the fields of a record for `marks/2026-07` begin.
const NAME_LENGTH: usize = 90;
const NAME: usize = 91;
const PAYLOAD_LENGTH: usize = NAME + 13;
const PAYLOAD: usize = PAYLOAD_LENGTH + 4;

fn bad_records(good: &[u8], elsewhere: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let end = good.len();
    let no_name = [&good[..NAME_LENGTH], &[0], &good[PAYLOAD_LENGTH..]].concat();
    let long_name = [&good[..NAME_LENGTH], &[65], &[b'a'; 65], &good[PAYLOAD_LENGTH..]].concat();
    let mut small_order = good.to_vec();
    small_order[end - 64..].copy_from_slice(&[&[1][..], &[0; 63]].concat());
    vec![
        ("empty", vec![]),
        ("truncated in the header", good[..60].to_vec()),
        ("truncated in the payload", good[..PAYLOAD + 3].to_vec()),
        ("truncated in the signature", good[..end - 1].to_vec()),
        ("trailing byte", [good, &[0]].concat()),
        ("wrong version", with(good, 0, &[2])),
        ("wrong algorithm", with(good, 1, &[0])),
        ("another space", elsewhere.to_vec()),
        ("flipped bit in space", flipped(good, 2)),
        ("flipped bit in stream", flipped(good, 34)),
        ("flipped bit in seq", flipped(good, 50)),
        ("flipped bit in prev", flipped(good, 58)),
        ("flipped bit in name", flipped(good, NAME)),
        ("flipped bit in payload length", flipped(good, PAYLOAD_LENGTH)),
        ("flipped bit in payload", flipped(good, PAYLOAD)),
        ("flipped bit in signature", flipped(good, end - 64)),
        ("number 0", with(good, 50, &[0])),
        ("number 1 with a predecessor", with(good, 50, &[1])),
        ("number 2 without a predecessor", with(good, 58, &[0; 32])),
        ("empty name", no_name),
        ("name of 65 bytes", long_name),
        ("upper-case letter in the name", with(good, NAME, b"M")),
        ("name not UTF-8", with(good, NAME, &[0xff])),
        ("payload of 16 MiB and a byte", with(good, PAYLOAD_LENGTH, &[1, 0, 0, 1])),
        ("signature of small order", small_order),
        ("non-canonical signature", non_canonical(good)),
        ("signature under another label", with(good, end - 64, &signed_as_certificate(&good[..end - 64]))),
    ]
}

/// The node's signature over a certificate's label and this body: valid, but for another purpose.
fn signed_as_certificate(body: &[u8]) -> [u8; 64] {
    use ed25519_dalek::Signer as _;
    let secret: [u8; 32] = counting(0x60);
    let message = [heirloom_identity::labels::CERTIFICATE, body].concat();
    ed25519_dalek::SigningKey::from_bytes(&secret).sign(&message).to_bytes()
}

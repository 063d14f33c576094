//! How the vectors are made.

use data_encoding::HEXLOWER;
use heirloom_identity::{ContentHash, HouseholdId, Keyring, VaultKey};
use heirloom_vault::manifest::{Agreement, FileSnapshot, Pointer, Root, Segment};
use heirloom_vault::pack::{PackError, index, piece_range};
use heirloom_vault::{BlobKind, Entry, Located, ManifestError, PackId, PackWriter, SealedPack};
use serde_json::{Value, json};
use zeroize::Zeroizing;

/// The household of every vector.
pub(crate) const HOUSEHOLD: [u8; 32] = [0x48; 32];
/// The secret of vault key 1.
pub(crate) const SECRET: [u8; 32] = [0x4b; 32];

/// Format → file.
pub(crate) fn all() -> Vec<(&'static str, String)> {
    [("pack", pack()), ("vault-manifest", manifest())]
        .into_iter()
        .map(|(format, value)| {
            (format, serde_json::to_string_pretty(&value).expect("values are JSON") + "\n")
        })
        .collect()
}

/// The blobs of a vector: each one byte, so many times.
type Blobs<'a> = &'a [(BlobKind, u8, usize)];

pub(crate) fn write(salt: u8, blobs: Blobs<'_>) -> SealedPack {
    let key = VaultKey::from_bytes(1, SECRET);
    let mut writer = PackWriter::new(&key, &HouseholdId::from_bytes(HOUSEHOLD), [salt; 32]);
    for (kind, byte, bytes) in blobs {
        writer.put(*kind, &vec![*byte; *bytes]).expect("the vectors' blobs fit");
    }
    writer.finish()
}

fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

fn entry(entry: &Entry) -> Value {
    let &Entry { kind, blob, size, at, bytes, offset, first_chunk } = entry;
    json!({
        "kind": kind.number(), "blob": blob, "size": size, "at": at, "bytes": bytes,
        "offset": offset, "first_chunk": first_chunk,
    })
}

fn accepted(name: &str, salt: u8, blobs: Blobs<'_>) -> Value {
    let sealed = write(salt, blobs);
    let bytes = &sealed.bytes;
    let blobs: Vec<_> = blobs
        .iter()
        .map(|(kind, byte, bytes)| json!({"kind": kind.number(), "byte": byte, "times": bytes}))
        .collect();
    let end = sealed.entries.last().map_or(44, |last| piece_range(last).end);
    let end = usize::try_from(end).expect("a pack has at most 32 MiB");
    let index_end = end + 57 * sealed.entries.len() + 16;
    json!({
        "name": name,
        "salt": hex(&[salt; 32]),
        "blobs": blobs,
        "id": sealed.pack.id,
        "bytes": bytes.len(),
        "header": hex(&bytes[..44]),
        "first_ciphertext": hex(&bytes[44..76]),
        "index_offset": end,
        "index": hex(&bytes[end..index_end]),
        "first_padding": hex(&bytes[index_end..index_end + 32]),
        "trailer": hex(&bytes[bytes.len() - 64..]),
        "entries": sealed.entries.iter().map(entry).collect::<Vec<_>>(),
    })
}

fn pack() -> Value {
    let two: Blobs<'_> = &[(BlobKind::Preview, 0x61, 140_000), (BlobKind::Preview, 0x62, 10)];
    let sealed = write(1, two);
    let keyring = Keyring::new(vec![VaultKey::from_bytes(1, SECRET)]).expect("one key is a keyring");
    let refused = |name: &str, length: usize, place: usize, byte: u8, renamed: bool| {
        let mut bytes = sealed.bytes.clone();
        bytes.resize(length, 0);
        if let Some(changed) = bytes.get_mut(place) {
            *changed = byte;
        }
        let id = if renamed { PackId::of(&bytes) } else { sealed.pack.id };
        let error: PackError = index(&keyring, &HouseholdId::from_bytes(HOUSEHOLD), &id, &bytes)
            .expect_err("a damaged pack is refused");
        json!({
            "name": name, "length": length, "place": place, "byte": byte, "id": id,
            "error": error.to_string(),
        })
    };
    let whole = sealed.bytes.len();
    json!({
        "format": "pack",
        "household": hex(&HOUSEHOLD),
        "generation": 1,
        "vault_key": hex(&SECRET),
        "accept": [
            accepted("two previews, the first in two chunks", 1, two),
            accepted("nothing", 2, &[]),
            accepted("a photo without bytes, and one", 3, &[(BlobKind::Original, 0, 0), (BlobKind::Original, 7, 1)]),
        ],
        "reject": [
            refused("nothing", 0, 0, 0, true),
            refused("one byte short", whole - 1, 0, b'H', true),
            refused("one byte long", whole + 1, 0, b'H', true),
            refused("another file", whole, 0, b'h', true),
            refused("wrong version", whole, 4, 2, true),
            refused("wrong algorithm", whole, 5, 2, true),
            refused("a reserved byte", whole, 6, 1, true),
            refused("a generation without a key", whole, 8, 2, true),
            refused("another salt", whole, 12, 2, true),
            refused("a changed index", whole, 140_110, 0, true),
            refused("a changed trailer", whole, whole - 1, 0, true),
            refused("a changed chunk under the old name", whole, 44, 0, false),
            refused("changed padding under the old name", whole, whole - 65, 0, false),
        ],
    })
}

/// The manifest that the vectors spell.
pub(crate) fn segment() -> Segment {
    let packs = [
        write(1, &[(BlobKind::Preview, 0x61, 140_000), (BlobKind::Preview, 0x62, 10)]),
        write(3, &[(BlobKind::Original, 7, 1)]),
    ];
    let mut segment = Segment::of(packs.into_iter().map(|sealed| (sealed.pack, sealed.entries)));
    segment.dropped.insert(PackId::from_bytes([0xdd; 32]));
    segment
}

fn place(kind: BlobKind) -> Located {
    let sealed = write(5, &[(kind, 0x73, 300)]);
    let entry = sealed.entries[0];
    Located { kind, blob: entry.blob, size: entry.size, pieces: vec![(sealed.pack, entry)] }
}

pub(crate) fn root() -> Root {
    Root {
        made_at_ms: 1_783_000_000_000,
        household_name: "Familie Größer".to_owned(),
        receive_keys: vec![Zeroizing::new([0x52; 32])],
        files: vec![FileSnapshot {
            name: "home.sqlite".to_owned(),
            bytes: 70_000,
            chunk_bytes: 65_536,
            chunks: vec![ContentHash::of(b"first"), ContentHash::of(b"second")],
        }],
        agreements: vec![Agreement {
            household: HouseholdId::from_bytes([0x41; 32]),
            they_keep: Some(420_000_000_000),
            we_keep: None,
        }],
        segments: vec![place(BlobKind::Segment)],
        kits: vec![b"a kit's record".to_vec()],
    }
}

pub(crate) fn pointer() -> Pointer {
    Pointer { root: place(BlobKind::Root) }
}

/// Reads what a vector calls `part`, and answers what is wrong with it.
pub(crate) fn read(part: &str, bytes: &[u8]) -> Result<(), ManifestError> {
    match part {
        "segment" => Segment::decode(bytes).map(drop),
        "root" => Root::decode(bytes).map(drop),
        _ => Pointer::decode(bytes).map(drop),
    }
}

fn manifest() -> Value {
    let segment = segment().encode().expect("a small segment");
    let root = root().encode().expect("a small root");
    let pointer = pointer().encode().expect("a short pointer");
    let refused = |name: &str, part: &str, bytes: &[u8]| {
        let error = read(part, bytes).expect_err("a malformed part is refused");
        json!({"name": name, "part": part, "bytes": hex(bytes), "error": error.to_string()})
    };
    let with = |bytes: &[u8], place: usize, byte: u8| {
        let mut bytes = bytes.to_vec();
        bytes[place] = byte;
        bytes
    };
    // version 1, two packs: 32 + 1 + 32 + 3 bytes before the first one's entries.
    let unknown_kind = 2 + 68 + 1;
    let swapped = [&[1, 0, 2][..], &[2; 32], &[1; 32]].concat();
    let twice = [&[1, 0, 2][..], &[2; 32], &[2; 32]].concat();
    json!({
        "format": "vault-manifest",
        "accept": {
            "segment": {"bytes": hex(&segment), "packs": 2, "entries": 3, "dropped": [hex(&[0xdd; 32])]},
            "root": {
                "bytes": hex(&root), "made_at_ms": 1_783_000_000_000_u64, "household_name": "Familie Größer",
                "receive_keys": [hex(&[0x52; 32])], "files": ["home.sqlite"], "segments": 1, "kits": 1,
            },
            "pointer": {"bytes": hex(&pointer)},
        },
        "reject": [
            refused("nothing", "segment", &[]),
            refused("nothing", "root", &[]),
            refused("nothing", "pointer", &[]),
            refused("wrong version", "segment", &with(&segment, 0, 2)),
            refused("wrong version", "root", &with(&root, 0, 0)),
            refused("cut off", "segment", &segment[..segment.len() - 1]),
            refused("cut off", "root", &root[..root.len() - 1]),
            refused("cut off", "pointer", &pointer[..pointer.len() - 1]),
            refused("followed by a byte", "segment", &[&segment[..], &[0]].concat()),
            refused("followed by a byte", "root", &[&root[..], &[0]].concat()),
            refused("a kind that doesn't exist", "segment", &with(&segment, unknown_kind, 9)),
            refused("dropped packs in another order", "segment", &swapped),
            refused("a pack dropped twice", "segment", &twice),
            refused("a count with nothing behind it", "segment", &[1, 0xff, 0xff, 0xff, 0xff, 0x0f]),
            refused("a number that isn't spelled the shortest way", "segment", &[1, 0x80, 0, 0]),
            refused("a pointer at something else", "pointer", &with(&pointer, 1, 2)),
            refused("too long", "pointer", &[1; 511]),
        ],
    })
}

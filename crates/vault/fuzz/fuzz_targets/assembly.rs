//! What keepers send while a blob is put together from packs, in any order, bent, cut or of another place: never panics,
//! nothing but the blob's own bytes is handed on, and only all of them are the blob. Differential: the pieces are read with
//! `open_piece`, too.

#![no_main]

use std::sync::LazyLock;

use heirloom_fuzzkit::{ROOM_BYTES, within};
use heirloom_identity::{ContentHash, HouseholdId, Keyring};
use heirloom_vault::pack::{key_of, open_piece, piece_range};
use heirloom_vault::{Assembly, BlobKind, Index, PackWriter, Piece, SealedPack, Segment};

const HOUSEHOLD: HouseholdId = HouseholdId::from_bytes([3; 32]);
/// Bytes of the blob, and where it is cut: the first piece has two chunks.
const BLOB_BYTES: usize = 200_000;
const CUT: usize = 140_000;
/// Answers that are tried before a blob is given up.
const ANSWERS_MAX: usize = 16;

struct Stored {
    keys: Keyring,
    blob: Vec<u8>,
    packs: [SealedPack; 2],
    index: Index,
}

static STORED: LazyLock<Stored> = LazyLock::new(|| {
    let keys = Keyring::begin([7; 32]);
    let blob: Vec<u8> = (0..BLOB_BYTES).map(|place| (place / 3 % 251) as u8).collect();
    let hash = ContentHash::of(&blob);
    let packs = [(0, CUT), (CUT, BLOB_BYTES)].map(|(at, end)| {
        let mut writer = PackWriter::new(keys.newest(), &HOUSEHOLD, [at.to_le_bytes()[0]; 32]);
        let piece = Piece {
            kind: BlobKind::Original,
            blob: hash,
            size: BLOB_BYTES as u64,
            at: at as u64,
            bytes: (end - at) as u32,
        };
        let mut rest = &blob[at..end];
        writer
            .add(&piece, &mut |room| std::io::Read::read_exact(&mut rest, room))
            .expect("it has room and all its bytes");
        writer.finish()
    });
    let segment = Segment::of(packs.iter().map(|sealed| (sealed.pack, sealed.entries.clone())));
    Stored { index: Index::new(&[segment]), keys, blob, packs }
});

/// One answer: which pack it is from, how far it begins beside what was asked for, how many bytes are missing, and what
/// was bent.
type Answer = (u8, i8, u16, Vec<(u32, u8)>);

libfuzzer_sys::fuzz_target!(|answers: Vec<Answer>| {
    let Stored { keys, blob, packs, index } = &*STORED;
    let located = index.lookup(&ContentHash::of(blob)).expect("all of it is listed");
    for (at, (pack, entry)) in located.pieces.iter().enumerate() {
        let range = piece_range(entry);
        let mut cipher = packs[at].bytes[range.start as usize..range.end as usize].to_vec();
        let (_, _, cut, edits) = answers.get(at).cloned().unwrap_or_default();
        let is_bent = bend(&mut cipher, cut, &edits);
        let key = key_of(keys, &HOUSEHOLD, pack).expect("the key is in the ring");
        let opened = open_piece(&key, entry, cipher);
        assert_eq!(opened.is_ok(), !is_bent);
        let place = entry.at as usize..entry.end() as usize;
        assert!(opened.is_ok_and(|plain| plain == blob[place]) || is_bent);
    }

    let mut assembly = Assembly::new(keys, &HOUSEHOLD, located).expect("it is complete");
    let mut out = Vec::with_capacity(BLOB_BYTES);
    for (which, beside, cut, edits) in answers.into_iter().take(ANSWERS_MAX) {
        let Some((_, range)) = assembly.next() else { break };
        let from = &packs[usize::from(which) % 2].bytes;
        let start = (range.start as usize).saturating_add_signed(beside.into());
        let end = (start + (range.end - range.start) as usize).min(from.len());
        let mut cipher = from.get(start..end).unwrap_or_default().to_vec();
        bend(&mut cipher, cut, &edits);
        within(ROOM_BYTES, || assembly.accept(&mut cipher, &mut out)).unwrap_or_default();
        assert!(blob.starts_with(&out));
    }
    let is_whole = out.len() == blob.len();
    assert_eq!(assembly.next().is_none(), is_whole);
    assert_eq!(assembly.finish().is_ok(), is_whole);
});

/// Bends and cuts; whether anything is other than it was.
fn bend(cipher: &mut Vec<u8>, cut: u16, edits: &[(u32, u8)]) -> bool {
    let before = cipher.clone();
    for (place, byte) in edits {
        if let Some(at) = cipher.get_mut(*place as usize) {
            *at ^= byte;
        }
    }
    cipher.truncate(cipher.len().saturating_sub(cut.into()));
    *cipher != before
}

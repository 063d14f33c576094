//! What is known of packs, filled from a manifest: after a restore, and when this home's own books were lost.

use std::collections::HashMap;

use heirloom_identity::ContentHash;
use heirloom_vault::policy::{Seed, scrub};
use heirloom_vault::store::{HeadRow, OriginalState, Picture, VaultStore};

use crate::ledger::Ledger;
use crate::restore::manifest::Opened;

/// Bytes of a record in `pictures`: the hashes of an original, its thumbnail and its preview.
pub const PICTURE_BYTES: usize = 96;
/// Ledger rows that are noted at once.
const BATCH: u32 = 1_000;

/// Thumbnail and preview of each original.
pub(crate) type Pictures = HashMap<ContentHash, (Option<ContentHash>, Option<ContentHash>)>;

/// Fills empty books with everything that a manifest says of packs, and notes the photos of the ledger, whose originals here
/// are as `originals` says. Where copies are is asked for again.
///
/// # Errors
/// When a database cannot be read or written.
pub(crate) fn fill_books(
    store: &VaultStore,
    ledger: &Ledger,
    opened: &Opened,
    pictures: &Pictures,
    originals: OriginalState,
    now_ms: i64,
) -> anyhow::Result<()> {
    note_pictures(store, ledger, pictures, originals, now_ms)?;
    store.load_manifest(&opened.root, &opened.segments)?;
    store.record_located(&opened.root_at, now_ms)?;
    let head = HeadRow {
        number: opened.head.number(),
        hash: *opened.head.hash().as_bytes(),
        at_ms: opened.head.made_at_ms(),
        head: opened.head.encode(),
    };
    let chunks = opened.root.files.iter().flat_map(|file| &file.chunks).copied();
    let needs: Vec<ContentHash> = std::iter::once(opened.root_at.blob).chain(chunks).collect();
    Ok(store.record_head(&head, &needs)?)
}

/// Which pictures belong to which photo, and how its original is here.
fn note_pictures(
    store: &VaultStore,
    ledger: &Ledger,
    pictures: &Pictures,
    originals: OriginalState,
    now_ms: i64,
) -> anyhow::Result<()> {
    let mut seed = Seed::new(u64::from_le_bytes(crate::random::bytes()?));
    let mut after = 0;
    loop {
        let entries = ledger.entries_after(after, BATCH)?;
        let Some(last) = entries.last() else { return Ok(()) };
        after = last.seq;
        let noted = entries.iter().map(|entry| {
            let content = entry.file.hashes.content;
            let (thumbnail, preview) = pictures.get(&content).copied().unwrap_or_default();
            let picture = Picture {
                content,
                thumbnail,
                preview,
                bytes: entry.file.bytes,
                arrived_ms: entry.arrived_ms,
            };
            (picture, scrub::next_ms(now_ms, &mut seed))
        });
        store.note_pictures(&noted.collect::<Vec<_>>())?;
        let contents: Vec<_> = entries.iter().map(|entry| entry.file.hashes.content).collect();
        store.set_original_state(&contents, originals)?;
    }
}

/// Reads the records of `pictures`; half a record at its end is left out.
///
/// # Errors
/// What the system says.
pub(crate) fn read_pictures(mut file: impl std::io::Read) -> std::io::Result<Pictures> {
    let mut pictures = Pictures::new();
    let mut record = [0; PICTURE_BYTES];
    let hash = |bytes: &[u8]| {
        let bytes = <[u8; 32]>::try_from(bytes).ok().filter(|bytes| *bytes != [0; 32])?;
        Some(ContentHash::from_bytes(bytes))
    };
    loop {
        match file.read_exact(&mut record) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(pictures),
            Err(error) => return Err(error),
        }
        if let Some(content) = hash(&record[..32]) {
            pictures.insert(content, (hash(&record[32..64]), hash(&record[64..])));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_read_as_far_as_they_go() {
        assert!(read_pictures(&[][..]).unwrap().is_empty());
        let mut bytes = vec![1; PICTURE_BYTES];
        bytes.extend([2; 64]);
        bytes.extend([0; 32]);
        bytes.extend([3; 50]);
        let pictures = read_pictures(bytes.as_slice()).unwrap();
        let hash = |byte| ContentHash::from_bytes([byte; 32]);
        assert_eq!(pictures.len(), 2);
        assert_eq!(pictures[&hash(1)], (Some(hash(1)), Some(hash(1))));
        assert_eq!(pictures[&hash(2)], (Some(hash(2)), None));
    }
}

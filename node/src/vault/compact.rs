//! Small packs into large ones, and useless packs out of the vault.
//!
//! Nothing is taken away here before it is elsewhere. What is needed of some packs goes into new ones; the old ones stay
//! what they are until the new ones are listed and proved at as many places, which the store knows; only then are they of
//! no use and dropped. A dropped pack is taken back by the next segment, and deleted at a place only once a head that does
//! without it is there ([`super::collect`]).

use std::collections::{BTreeMap, HashSet};
use std::io::Read;
use std::sync::Arc;

use heirloom_identity::ContentHash;
use heirloom_vault::{BlobKind, Entry, PackId, compact};

use super::backup::Run;
use super::packing::Packing;
use super::{besides, local};
use crate::home::Home;

/// The setting that holds the packs that are being replaced, each with when that began.
const SETTING_MERGING: &str = "merging";
/// When a replacement that never came to its end is tried again.
const MERGE_AGAIN_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// Writes again what is needed of packs that are to be merged. Blocks; runs on a polite thread.
///
/// # Errors
/// When a database cannot be read or written, or a pack not be recorded.
pub(super) fn merge(packing: &mut Packing) -> anyhow::Result<()> {
    let home = Arc::clone(packing.home());
    let (store, now_ms) = (&home.vault.store, home.vault.engine.now());
    let mut stats = store.pack_stats()?;
    let mut merging = merging(&home)?;
    let known: HashSet<PackId> = stats.iter().map(|stats| stats.pack).collect();
    merging.retain(|pack, since| known.contains(pack) && now_ms - *since < MERGE_AGAIN_MS);
    let mut manifests = HashSet::new();
    for stats in stats.iter().filter(|stats| stats.shelf == 0) {
        if is_manifest(&home, &stats.pack)? {
            manifests.insert(stats.pack);
        }
    }
    stats.retain(|stats| !merging.contains_key(&stats.pack) && !manifests.contains(&stats.pack));
    for group in compact::plan_for(&stats, home.vault.engine.pack_bytes()).rewrite {
        merging.extend(group.iter().map(|pack| (*pack, now_ms)));
        // Noted first: a group whose writing is interrupted rests for a while instead of being written over and over.
        note_merging(&home, &merging)?;
        tracing::info!(packs = group.len(), "merging packs");
        rewrite(&home, packing, &group)?;
        packing.flush()?;
    }
    Ok(())
}

/// Takes packs of which nothing is needed out of the vault.
///
/// # Errors
/// When a database cannot be read or written.
pub(super) fn drop_useless(home: &Home, now_ms: i64) -> anyhow::Result<()> {
    let useless = compact::plan(&home.vault.store.pack_stats()?).drop;
    if !useless.is_empty() {
        home.vault.store.drop_packs(&useless, now_ms)?;
    }
    Ok(())
}

/// Roots and segments are written anew with every head; merging them is of no use.
fn is_manifest(home: &Home, pack: &PackId) -> anyhow::Result<bool> {
    let entries = home.vault.store.pack(pack)?.map(|(_, entries)| entries).unwrap_or_default();
    Ok(entries.iter().any(|entry| matches!(entry.kind, BlobKind::Root | BlobKind::Segment)))
}

fn rewrite(home: &Arc<Home>, packing: &mut Packing, group: &[PackId]) -> anyhow::Result<()> {
    let store = &home.vault.store;
    let files: HashSet<ContentHash> = store.files()?.into_iter().flat_map(|file| file.chunks).collect();
    let mut done = HashSet::new();
    for pack in group {
        let Some((_, entries)) = store.pack(pack)? else { continue };
        for entry in entries {
            let is_needed = match entry.kind {
                BlobKind::Table => files.contains(&entry.blob),
                BlobKind::Root | BlobKind::Segment => false,
                _ => !store.pictures_with(&entry.blob)?.is_empty(),
            };
            if is_needed && done.insert(entry.blob) {
                add_again(home, packing, &entry)?;
            }
        }
    }
    Ok(())
}

/// Adds a blob once more, from here if it is here. One that cannot be had stays where it is.
fn add_again(home: &Arc<Home>, packing: &mut Packing, entry: &Entry) -> anyhow::Result<()> {
    let &Entry { kind, blob, size, .. } = entry;
    if let Ok(mut reader) = local::blob(home, kind, &blob, size) {
        packing.add(kind, blob, size, &mut reader)?;
        return Ok(());
    }
    if kind == BlobKind::Original {
        return Ok(());
    }
    let fetch = |run: Arc<Run>| async move { besides::in_memory(&run.home, &run.reader(), &blob).await };
    if let Ok(bytes) = packing.wait_for(fetch) {
        let mut reader: &mut dyn Read = &mut bytes.as_slice();
        packing.add(kind, blob, size, &mut reader)?;
    }
    Ok(())
}

fn merging(home: &Home) -> anyhow::Result<BTreeMap<PackId, i64>> {
    let text = home.vault.store.setting(SETTING_MERGING)?.unwrap_or_default();
    let one = |line: &str| {
        let (pack, since) = line.split_once(' ')?;
        Some((pack.parse().ok()?, since.parse().ok()?))
    };
    Ok(text.lines().filter_map(one).collect())
}

fn note_merging(home: &Home, merging: &BTreeMap<PackId, i64>) -> anyhow::Result<()> {
    let lines: Vec<String> = merging.iter().map(|(pack, since)| format!("{pack} {since}")).collect();
    Ok(home.vault.store.set_setting(SETTING_MERGING, &lines.join("\n"))?)
}

//! What is in the vault, signed: segments, a root, a head.
//!
//! The order is the promise. Packs are proved somewhere before a segment lists them; segments and root stand in recorded
//! packs before a head points at them; a place gets the head only when it has proved everything that a restore from it
//! begins with ([`super::lane`]). Whatever a crash interrupts is found again: a segment that no root lists is useless and
//! goes, a head that was recorded is sent.

use std::collections::HashSet;

use anyhow::Context;
use heirloom_identity::vault_head::HeadHash;
use heirloom_identity::{ContentHash, VaultHead};
use heirloom_vault::keeper::WardState;
use heirloom_vault::policy::Standing;
use heirloom_vault::store::HeadRow;
use heirloom_vault::{Agreement, BlobKind, FileSnapshot, Located, PackId, Pointer, Root, Segment};
use zeroize::Zeroizing;

use super::packing::Packing;
use super::refill;
use crate::home::Home;

/// Packs that one round of segments lists, and dropped packs that it takes back.
const LIST_MAX: usize = 65_536;
/// With so many segments, all of them are written again as one, or as few as the limits allow.
const SEGMENTS_MAX: usize = 48;

/// What came of it.
pub(super) enum Published {
    /// A new head was signed and recorded.
    Head(HeadRow),
    /// The last head says it all.
    Same,
    /// Something that a restore begins with is proved nowhere yet, or was just taken out of the vault.
    NotYet,
}

/// Signs what is in the vault now, with these files.
///
/// # Errors
/// When a database cannot be read or written, or a pack not be recorded.
pub(super) fn publish(
    home: &Home,
    packing: &mut Packing,
    files: &[FileSnapshot],
    now_ms: i64,
) -> anyhow::Result<Published> {
    let store = &home.vault.store;
    let lists = listable(home, &store.unwritten(LIST_MAX)?)?;
    let drops = store.dropped_unwritten(LIST_MAX)?;
    let last = store.last_head()?;
    let root = root(home, files, now_ms)?;
    if lists.is_empty() && drops.is_empty() && is_same(home, last.as_ref(), &root)? {
        return Ok(Published::Same);
    }
    if !is_listed(home, &lists, files)? {
        // A head that speaks of tables which nobody proved would be no head to restore from.
        return Ok(Published::NotYet);
    }
    write_segments(home, packing, lists, drops, now_ms)?;
    // A lane may find at this moment that a segment is out of reach, and drop it.
    let Some(segments) = located_segments(home)? else { return Ok(Published::NotYet) };
    let root = Root { segments, ..root };
    let encoded = root.encode().context("the manifest has outgrown its format")?;
    let blob = ContentHash::of(&encoded);
    packing.add(BlobKind::Root, blob, encoded.len() as u64, &mut encoded.as_slice())?;
    packing.flush()?;
    let Some(located) = store.locate(&blob)? else { return Ok(Published::NotYet) };
    let head = sign(home, last.as_ref(), located, now_ms)?;
    let mut needs = vec![blob];
    needs.extend(files.iter().flat_map(|file| &file.chunks));
    let settings = [(SETTING_ROOT, summary(&root)), (SETTING_ROOT_BLOB, blob.to_string())];
    store.record_manifest(&head, &needs, files, &settings)?;
    Ok(Published::Head(head))
}

/// Whether there are packs that were proved and that no segment lists.
///
/// # Errors
/// When the database cannot be read.
pub(super) fn is_behind(home: &Home) -> anyhow::Result<bool> {
    Ok(!listable(home, &home.vault.store.unwritten(LIST_MAX)?)?.is_empty())
}

/// What the last root said besides its files and segments.
const SETTING_ROOT: &str = "root";
/// The hash of the last root.
const SETTING_ROOT_BLOB: &str = "root-blob";

/// What must be signed anew when it changes: everything in a root but its date, its segments and its files.
fn summary(root: &Root) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(root.household_name.as_bytes());
    for key in &root.receive_keys {
        hasher.update(key.as_slice());
    }
    for agreement in &root.agreements {
        hasher.update(format!("{agreement:?}").as_bytes());
    }
    for kit in &root.kits {
        hasher.update(blake3::hash(kit).as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

/// Whether the last head says all this already, in the name of this node and with the keys of today.
fn is_same(home: &Home, last: Option<&HeadRow>, root: &Root) -> anyhow::Result<bool> {
    let store = &home.vault.store;
    let Some(last) = last.and_then(|row| VaultHead::decode(&row.head).ok()) else { return Ok(false) };
    let wrapped = home.keys.vault().map(|keys| keys.wrapped.as_slice());
    let is_ours = *last.certificate() == home.keys.certificate && Some(last.keyring()) == wrapped;
    let same_rest = store.setting(SETTING_ROOT)?.as_deref() == Some(summary(root).as_str());
    Ok(is_ours && same_rest && !store.owes_head()? && store.files()? == root.files && is_whole(home)?)
}

/// Whether the last root and its segments are still in packs.
fn is_whole(home: &Home) -> anyhow::Result<bool> {
    let store = &home.vault.store;
    let root = store.setting(SETTING_ROOT_BLOB)?.and_then(|hex| hex.parse::<ContentHash>().ok());
    let root_is_there = root.map(|root| store.has(&root)).transpose()?.unwrap_or(false);
    Ok(root_is_there && segments_are_there(home, &store.segments()?)?)
}

fn segments_are_there(home: &Home, segments: &[ContentHash]) -> anyhow::Result<bool> {
    for segment in segments {
        if !home.vault.store.has(segment)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether everything that the files consist of is in packs that segments list, or are about to.
fn is_listed(home: &Home, lists: &[PackId], files: &[FileSnapshot]) -> anyhow::Result<bool> {
    let store = &home.vault.store;
    let mut listed: HashSet<PackId> = lists.iter().copied().collect();
    for segment in store.segments()? {
        listed.extend(store.packs_in(&segment)?);
    }
    for chunk in files.iter().flat_map(|file| &file.chunks) {
        let located = store.locate(chunk)?;
        let is_found = |located: Located| located.pieces.iter().all(|(pack, _)| listed.contains(&pack.id));
        if !located.is_some_and(is_found) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Segments and roots are found through root and head, so no segment lists them: they go without being taken back.
fn listable(home: &Home, packs: &[PackId]) -> anyhow::Result<Vec<PackId>> {
    let mut lists = Vec::new();
    for id in packs {
        let entries = home.vault.store.pack(id)?.map(|(_, entries)| entries).unwrap_or_default();
        let is_manifest = |kind| matches!(kind, BlobKind::Root | BlobKind::Segment);
        let is_listable = !entries.iter().all(|entry| is_manifest(entry.kind));
        // What nobody proved yet waits for the next manifest.
        if is_listable && !home.vault.store.holders(id)?.is_empty() {
            lists.push(*id);
        }
    }
    Ok(lists)
}

fn write_segments(
    home: &Home,
    packing: &mut Packing,
    lists: Vec<PackId>,
    drops: Vec<PackId>,
    now_ms: i64,
) -> anyhow::Result<()> {
    let store = &home.vault.store;
    let before = store.segments()?;
    if before.len() < SEGMENTS_MAX && segments_are_there(home, &before)? {
        if lists.is_empty() && drops.is_empty() {
            return Ok(());
        }
        let segment = Segment { dropped: drops.into_iter().collect(), ..segment_of(home, &lists)? };
        return write_cut(home, packing, segment, &[], now_ms);
    }
    // Everything anew: then nothing needs to be taken back, since nothing lists it.
    let mut all = lists;
    for segment in &before {
        all.extend(store.packs_in(segment)?);
    }
    let whole = Segment { dropped: drops.into_iter().collect(), ..segment_of(home, &all)? };
    write_cut(home, packing, whole, &before, now_ms)
}

fn segment_of(home: &Home, packs: &[PackId]) -> anyhow::Result<Segment> {
    let known = packs.iter().map(|id| home.vault.store.pack(id));
    let known = known.collect::<Result<Vec<_>, _>>()?;
    Ok(Segment::of(known.into_iter().flatten()))
}

/// Writes a segment, in as many parts as the limits ask for, each in a pack of its own.
fn write_cut(
    home: &Home,
    packing: &mut Packing,
    segment: Segment,
    replaces: &[ContentHash],
    now_ms: i64,
) -> anyhow::Result<()> {
    let parts = segment.cut();
    let count = parts.len();
    let mut written = Vec::new();
    for part in parts {
        let encoded = part.encode().context("the manifest has outgrown its format")?;
        let blob = ContentHash::of(&encoded);
        packing.add(BlobKind::Segment, blob, encoded.len() as u64, &mut encoded.as_slice())?;
        packing.flush()?;
        written.push((blob, part));
    }
    for (place, (blob, part)) in written.iter().enumerate() {
        let lists: Vec<PackId> = part.packs.keys().copied().collect();
        let drops: Vec<PackId> = part.dropped.iter().copied().collect();
        // The old ones go when all the new ones are there.
        let replaces = if place + 1 == count { replaces } else { &[] };
        home.vault.store.note_segment(blob, &lists, &drops, replaces, now_ms)?;
    }
    Ok(())
}

fn located_segments(home: &Home) -> anyhow::Result<Option<Vec<Located>>> {
    let store = &home.vault.store;
    let located = store.segments()?.iter().map(|blob| store.locate(blob)).collect::<Result<Option<_>, _>>();
    Ok(located?)
}

/// The root but for its segments.
fn root(home: &Home, files: &[FileSnapshot], now_ms: i64) -> anyhow::Result<Root> {
    let mut agreements: Vec<Agreement> = Vec::new();
    // What a person ended does not come back with a restore.
    let rows = home.vault.store.targets()?.into_iter();
    for row in rows.filter(|row| row.standing == Standing::Active) {
        if let Some(household) = row.household() {
            agreements.push(Agreement { household, they_keep: row.reported.quota, we_keep: None });
        }
    }
    let wards = home.vault.keeper.wards().unwrap_or_default().into_iter();
    for ward in wards.filter(|ward| ward.state != WardState::Ended) {
        match agreements.iter_mut().find(|one| one.household == ward.household) {
            Some(agreement) => agreement.we_keep = Some(ward.quota),
            None => {
                let household = ward.household;
                agreements.push(Agreement { household, they_keep: None, we_keep: Some(ward.quota) });
            }
        }
    }
    agreements.sort_by_key(|agreement| agreement.household);
    Ok(Root {
        made_at_ms: now_ms,
        household_name: home.name()?,
        receive_keys: home.keys.receive.iter().map(|key| Zeroizing::new(*key.to_bytes())).collect(),
        files: files.to_vec(),
        agreements,
        segments: Vec::new(),
        kits: super::kits::owner::records(home)?,
    })
}

fn sign(home: &Home, last: Option<&HeadRow>, root: Located, now_ms: i64) -> anyhow::Result<HeadRow> {
    let keys = home.keys.vault().context("the vault is not on")?;
    let household = home.keys.certificate.household();
    let number = last.map_or(1, |last| last.number + 1);
    let number = number.max(refill::head_floor(&home.vault.store)?.unwrap_or(0));
    let previous = match last {
        Some(last) => HeadHash::from_bytes(last.hash),
        None if number > 1 => HeadHash::from_bytes(crate::random::bytes()?), // It was lost: one that nobody has.
        None => HeadHash::NONE,
    };
    let pointer = Pointer { root }.encode().context("the root lies in too many places")?;
    let nonce = crate::random::bytes()?;
    let sealed = keys.keyring.newest().seal_root(household, number, nonce, &pointer)?;
    let (signer, certificate) = (home.keys.node.signer(), &home.keys.certificate);
    let head = VaultHead::sign(signer, certificate, number, previous, now_ms, &keys.wrapped, &sealed)?;
    Ok(HeadRow { number, hash: *head.hash().as_bytes(), at_ms: now_ms, head: head.encode() })
}

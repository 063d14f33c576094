//! What a lane sends: a pack's bytes, from wherever they can be had.

use std::sync::Arc;

use anyhow::Context;
use bytes::Bytes;
use heirloom_vault::policy::{Policy, TargetId};
use heirloom_vault::{BlobKind, Entry, PackRef, rebuild};

use crate::home::Home;
use crate::vault::backup::Run;
use crate::vault::fetch::{FetchError, whole_pack};
use crate::vault::polite::polite;
use crate::vault::put_back::is_whole;
use crate::vault::{local, outbox};

/// A pack's bytes: from the shelf, from the outbox, written again from what is here, or from another place.
///
/// What stands in a pack that cannot be had from anywhere is packed anew ([`pack_anew`]).
pub(super) async fn bytes_of(
    run: &Arc<Run>,
    pack: &PackRef,
    entries: Vec<Entry>,
    to: TargetId,
) -> anyhow::Result<Option<Bytes>> {
    let home = Arc::clone(&run.home);
    if let Some(bytes) = home.vault.engine.shelf.get(&pack.id) {
        return Ok(Some(bytes));
    }
    let (at, of) = (Arc::clone(&home), *pack);
    let is_here = entries.iter().all(|entry| entry.kind.shelf() > 0);
    let written = polite(move || {
        if let Some(bytes) = outbox::read(&at, &of.id) {
            return Ok(Some(bytes));
        }
        if !is_here {
            return Ok(None);
        }
        let keys = at.keys.vault().context("the vault is not on")?;
        let household = at.keys.certificate.household();
        let again = rebuild(&keys.keyring, household, &of, &entries, &mut |entry| local::piece(&at, entry));
        match again {
            Ok(sealed) => Ok(Some(Bytes::from(sealed.bytes))),
            Err(error) => {
                tracing::debug!(%error, "a pack cannot be written again here; it is read from another place");
                Ok(None)
            }
        }
    });
    if let Some(bytes) = written.await? {
        return Ok(Some(bytes));
    }
    match whole_pack(&run.reader(), pack, to).await {
        Ok(bytes) => Ok(Some(bytes)),
        Err(FetchError::Here(error)) => Err(error),
        Err(error) => {
            tracing::debug!(%error, pack = %pack.id, "a pack is out of reach");
            let of = *pack;
            if polite(move || pack_anew(&home, &of, is_here)).await? {
                run.pack_again();
            }
            Ok(None)
        }
    }
}

/// Has what stands in a pack packed anew whose bytes cannot be had, unless a place that is not given up has it; whether
/// there is anything to pack now.
///
/// The place that has it may come back, or part of a damaged copy may still be read: of an original that is not whole here
/// this pack may hold the last copy, so it stays known for what it has of such.
fn pack_anew(home: &Home, pack: &PackRef, is_here: bool) -> anyhow::Result<bool> {
    let store = &home.vault.store;
    // Tables are at hand, so whoever needs them now need not wait for a place that is off.
    if is_here && has_holder(home, pack)? {
        return Ok(false);
    }
    let entries = store.pack(&pack.id)?.map(|(_, entries)| entries).unwrap_or_default();
    let mut last = Vec::new();
    for entry in entries.iter().filter(|entry| entry.kind == BlobKind::Original) {
        if home.ledger.file(&entry.blob)?.is_some_and(|file| !is_whole(home, &file)) {
            last.push(entry.blob);
        }
    }
    let is_new = if last.is_empty() {
        store.drop_packs(&[pack.id], home.vault.engine.now())?;
        true
    } else {
        store.keep_only(&pack.id, &last)?
    };
    if is_new {
        tracing::info!(pack = %pack.id, "a pack is out of reach; what was in it is packed anew");
    }
    Ok(is_new)
}

/// Whether a place proved a pack that is there, or may be there again soon.
fn has_holder(home: &Home, pack: &PackRef) -> anyhow::Result<bool> {
    let (store, policy, now_ms) = (&home.vault.store, Policy::default(), home.vault.engine.now());
    for (id, _) in store.holders(&pack.id)? {
        let Some(row) = store.target(id)? else { continue };
        let absent_ms = row.absent_ms.map_or(0, |since| now_ms.saturating_sub(since));
        if row.away_ms.max(absent_ms) < policy.replace_ms {
            return Ok(true);
        }
    }
    Ok(false)
}

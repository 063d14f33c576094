//! One job: read an original once, learn what it says, make its thumbnail and preview.

use std::io::ErrorKind;

use heirloom_catalog::{AssetRef, CatalogError, Derivation, Job};
use heirloom_media::{Failure, Limits, Request, Response, Source, Wants};

use super::cache;
use crate::home::Home;
use crate::home::events::Event;
use crate::ledger::assets::Entry;
use crate::{clock, index, sharing};

/// Which generation of derivatives this program makes; a higher one gives every picture a new address.
pub const DERIVATION_VERSION: u32 = 1;

/// Works on one claimed job and records what came of it. Errors end up in the job, never with the caller:
/// one bad file stops nobody.
pub fn derive_one(home: &Home, job: &Job) {
    let entry = match home.ledger.entry_by_seq(job.local_id) {
        Ok(Some(entry)) => entry,
        Ok(None) => return note(home, job, home.catalog().finish(job)),
        Err(error) => return later(home, job, &error.to_string()),
    };
    let request = Request { source: source(home, &entry), wants: Wants::ALL, limits: Limits::default() };
    match home.decoder.answer(request) {
        Ok(response) => keep(home, job, &entry, response),
        Err(failure) if failure.may_pass() => later(home, job, &failure.to_string()),
        Err(failure) => set_aside(home, job, &entry, &failure),
    }
}

fn source(home: &Home, entry: &Entry) -> Source {
    let path = || Source::Path(home.layout.original(&entry.file.path));
    home.work.take(&entry.file.hashes.content).map_or_else(path, Source::Bytes)
}

fn keep(home: &Home, job: &Job, entry: &Entry, response: Response) {
    if let Some(derived) = &response.derived
        && let Err(error) = cache::write(&home.derivatives(&entry.file.hashes.content), derived)
    {
        let full = error.kind() == ErrorKind::StorageFull;
        let advice = if full { "the disk is full; free some space" } else { "check the home's cache folder" };
        return later(home, job, &format!("the thumbnail could not be written: {error}; {advice}"));
    }
    let before = month(home, entry);
    let derived = home.catalog().derived(job.local_id, derivation(response));
    note(home, job, derived.map(drop));
    index::timeline_changed_from(home, entry.account, &[entry.asset], before);
    tell_asset(home, entry);
    sharing::add::made(home, &entry.asset);
    home.vault.engine.pictured(entry.file.hashes.content);
    home.vault.wake();
}

fn set_aside(home: &Home, job: &Job, entry: &Entry, failure: &Failure) {
    tracing::warn!(asset = %entry.asset, kind = failure.kind(), "a photo could not be shown and is set aside");
    let recorded = home.catalog().failed(job.local_id, &failure.to_string(), clock::now_ms());
    note(home, job, recorded.map(drop));
    index::timeline_changed_from(home, entry.account, &[entry.asset], None);
    tell_asset(home, entry);
    sharing::add::made(home, &entry.asset);
    home.vault.wake();
}

fn later(home: &Home, job: &Job, reason: &str) {
    note(home, job, home.catalog().retry_later(job, reason, clock::now_ms()).map(drop));
}

fn note(home: &Home, job: &Job, outcome: Result<(), CatalogError>) {
    if let Err(error) = outcome {
        tracing::error!(%error, job = job.id, "a job's outcome could not be recorded; it runs again");
        home.work.keep_unrecorded(job, error.to_string());
        home.events.tell(Event::Jobs);
    }
}

/// Puts jobs whose outcome could not be recorded back in the queue; those that still cannot be recorded come
/// again when the worker looks next.
pub(super) fn put_back(home: &Home) {
    for (job, reason) in home.work.take_unrecorded() {
        later(home, &job, &reason);
    }
}

fn tell_asset(home: &Home, entry: &Entry) {
    let Entry { account, asset, seq, .. } = *entry;
    home.events.tell(Event::Asset { account, asset, local_id: seq });
}

fn month(home: &Home, entry: &Entry) -> Option<i32> {
    home.catalog().asset(&AssetRef::Uuid(entry.asset)).ok().flatten().map(|detail| detail.month)
}

fn derivation(response: Response) -> Derivation {
    let Response { metadata, derived, warnings, .. } = response;
    let pictured = derived.map(|derived| (derived.thumbhash, derived.colour));
    let (thumbhash, colour) = pictured.unzip();
    Derivation {
        width: metadata.width,
        height: metadata.height,
        duration_ms: None,
        taken_local_ms: metadata.taken.as_ref().map(|taken| taken.local_ms),
        offset_minutes: metadata.taken.as_ref().and_then(|taken| taken.offset_minutes),
        latitude: metadata.position.as_ref().map(|position| position.latitude),
        longitude: metadata.position.as_ref().map(|position| position.longitude),
        make: metadata.make,
        model: metadata.model,
        lens: metadata.lens,
        f_number: metadata.f_number,
        focal_length_mm: metadata.focal_length_mm,
        exposure_seconds: metadata.exposure_seconds,
        iso: metadata.iso,
        description: metadata.description,
        rating: metadata.rating,
        thumbhash,
        colour,
        version: DERIVATION_VERSION,
        warnings: warnings.iter().map(ToString::to_string).collect(),
    }
}

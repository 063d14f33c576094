//! Photos into packs: thumbnails and previews of everything first, then originals, the newest first.
//!
//! A photo is read once: on the way into the pack its bytes are hashed, and one that is not what the ledger says goes no
//! further and is looked at. A pack is recorded when it is sealed, given its places, and laid on the shelf for the lanes;
//! one that a crash loses was not recorded, and its photos are still unpacked.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::sync::Arc;

use anyhow::Context;
use heirloom_identity::ContentHash;
use heirloom_vault::policy::{Seed, scrub};
use heirloom_vault::store::{OriginalState, PhotoNow, Picture};
use heirloom_vault::{AddCause, AddError, BlobKind, PackId, Packer, SealedPack};
use tokio::runtime::Handle;

use super::backup::Run;
use super::{local, outbox};
use crate::home::Home;
use crate::ledger::assets::Entry;

/// Ledger rows, and photos, that are looked at in one go.
const BATCH: u32 = 1_000;
/// Pictures that are in memory at once.
const PICTURES_AT_ONCE: usize = 64;
/// The setting that holds the number of the last asset that was noted.
const SETTING_NOTED: &str = "noted";

/// Fills packs for a run; used on one polite thread at a time.
pub(super) struct Packing {
    run: Arc<Run>,
    packer: Packer,
    /// Packs sealed since the last look.
    sealed: Vec<PackId>,
    runtime: Handle,
}

impl Packing {
    pub(super) fn new(run: Arc<Run>) -> anyhow::Result<Self> {
        let keys = run.home.keys.vault().context("the vault is not on")?;
        let household = *run.home.keys.certificate.household();
        let salts = || {
            let mut salt = [0; 32];
            crate::random::fill(&mut salt);
            salt
        };
        let packer = Packer::new(keys.keyring.newest().clone(), household, Box::new(salts));
        let packer = packer.with_packs_of(run.home.vault.engine.pack_bytes());
        Ok(Self { run, packer, sealed: Vec::new(), runtime: Handle::current() })
    }

    pub(super) fn home(&self) -> &Arc<Home> {
        &self.run.home
    }

    /// Waits for something of the network or a disk, on this thread, which is not one of the runtime's.
    pub(super) fn wait_for<T, F: Future<Output = T>>(&self, work: impl FnOnce(Arc<Run>) -> F) -> T {
        self.runtime.block_on(work(Arc::clone(&self.run)))
    }

    /// Packs sealed since this was last asked.
    pub(super) fn take_sealed(&mut self) -> Vec<PackId> {
        std::mem::take(&mut self.sealed)
    }

    /// Adds a blob; `false` when it could not be read or is not what it should be, which is noted.
    ///
    /// # Errors
    /// When a pack could not be recorded: everything in the open pack has to be added again.
    pub(super) fn add(
        &mut self,
        kind: BlobKind,
        blob: ContentHash,
        size: u64,
        reader: &mut dyn Read,
    ) -> anyhow::Result<bool> {
        let (run, sealed) = (&self.run, &mut self.sealed);
        let mut out = |pack: SealedPack| {
            sealed.push(pack.pack.id);
            run.record(pack).map_err(io::Error::other)
        };
        match self.packer.add(kind, blob, size, reader, &mut out) {
            Ok(()) => Ok(true),
            Err(AddError { cause, spoilt, .. }) => {
                self.run.home.vault.store.drop_packs(&spoilt, self.run.now())?;
                match cause {
                    AddCause::Out(error) => Err(error).context("a pack could not be recorded"),
                    AddCause::TooLarge(bytes) if kind == BlobKind::Root => {
                        anyhow::bail!("the manifest has grown too large for one pack: {bytes} bytes")
                    }
                    cause => {
                        self.note_unreadable(kind, blob, &cause)?;
                        Ok(false)
                    }
                }
            }
        }
    }

    /// Ends the open pack.
    ///
    /// # Errors
    /// When it could not be recorded.
    pub(super) fn flush(&mut self) -> anyhow::Result<()> {
        let Some(pack) = self.packer.flush() else { return Ok(()) };
        self.sealed.push(pack.pack.id);
        self.run.record(pack)
    }

    fn note_unreadable(&self, kind: BlobKind, blob: ContentHash, cause: &AddCause) -> anyhow::Result<()> {
        let home = self.home();
        tracing::warn!(error = %cause, %blob, "a file could not be copied");
        // Whatever cannot be read while the whole disk is away is no loss.
        if kind != BlobKind::Original || home.is_library_away()? {
            return Ok(());
        }
        if matches!(cause, AddCause::Read(error) if error.kind() == ErrorKind::NotFound) {
            home.vault.store.set_original_state(&[blob], OriginalState::Missing)?;
        }
        home.vault.engine.suspect(blob);
        Ok(())
    }

    /// Notes what arrived in the ledger since the last time.
    ///
    /// # Errors
    /// When a database cannot be read or written.
    pub(super) fn note_arrivals(&self) -> anyhow::Result<()> {
        let (home, store) = (self.home(), &self.home().vault.store);
        let mut after = store.setting(SETTING_NOTED)?.and_then(|text| text.parse().ok()).unwrap_or(0_u32);
        // A ledger that was set back begins again: noting twice changes nothing.
        if after > home.ledger.newest()? {
            after = 0;
        }
        loop {
            let entries = home.ledger.entries_after(after, BATCH)?;
            let Some(last) = entries.last() else { return Ok(()) };
            after = last.seq;
            let now_ms = self.run.now();
            let noted: Vec<(Picture, i64)> = entries.iter().map(|entry| noted(entry, now_ms)).collect();
            store.note_pictures(&noted)?;
            store.set_setting(SETTING_NOTED, &after.to_string())?;
        }
    }

    /// Packs thumbnails, then previews, of everything that lacks them in packs.
    ///
    /// # Errors
    /// When a database cannot be read or written, or a pack not be recorded.
    pub(super) fn pictures(&mut self) -> anyhow::Result<()> {
        let (named, all) = self.home().vault.engine.take_pictured();
        for kind in [BlobKind::Thumbnail, BlobKind::Preview] {
            for content in &named {
                if let Some(photo) = self.home().vault.store.picture_of(content)? {
                    self.pictures_of(kind, &[photo])?;
                }
            }
            let mut cursor = if all { 0 } else { i64::MAX };
            loop {
                let store = &self.home().vault.store;
                let limit = usize::try_from(BATCH).unwrap_or(1);
                let photos = if all {
                    store.pictures_after(cursor, limit)?
                } else {
                    store.unpacked_pictures(cursor, limit)?
                };
                let Some(last) = photos.last() else { break };
                cursor = last.number;
                for photos in photos.chunks(PICTURES_AT_ONCE) {
                    if self.run.is_stopping() {
                        return Ok(());
                    }
                    self.pictures_of(kind, photos)?;
                }
            }
            self.flush()?;
        }
        Ok(())
    }

    /// Packs one kind of picture of a few photos, as far as it is made and not in a pack.
    fn pictures_of(&mut self, kind: BlobKind, photos: &[PhotoNow]) -> anyhow::Result<()> {
        let home = Arc::clone(self.home());
        let store = &home.vault.store;
        let (mut noted, mut blobs) = (Vec::new(), Vec::new());
        for photo in photos {
            let is_thumbnail = kind == BlobKind::Thumbnail;
            let known = if is_thumbnail { photo.picture.thumbnail } else { photo.picture.preview };
            if let Some(known) = known
                && store.has(&known)?
            {
                continue;
            }
            let Some(bytes) = local::picture(&home, photo, kind) else { continue };
            let blob = ContentHash::of(&bytes);
            if known != Some(blob) {
                let (thumbnail, preview) = if is_thumbnail { (Some(blob), None) } else { (None, Some(blob)) };
                let picture = Picture { thumbnail, preview, ..photo.picture };
                noted.push((picture, scrub_at(&photo.picture.content, self.run.now())));
            }
            blobs.push((blob, bytes));
        }
        store.note_pictures(&noted)?;
        for (blob, bytes) in blobs {
            if !store.has(&blob)? {
                self.add(kind, blob, bytes.len() as u64, &mut bytes.as_slice())?;
            }
        }
        Ok(())
    }

    /// Packs originals, the newest first, until so many bytes were read; says whether there may be more.
    ///
    /// # Errors
    /// When a database cannot be read or written, or a pack not be recorded.
    pub(super) fn originals(&mut self, bytes_max: u64) -> anyhow::Result<bool> {
        let (mut before, mut bytes) = (i64::MAX, 0_u64);
        // A disk that is not there takes nothing away.
        if self.home().is_library_away()? {
            self.flush()?;
            return Ok(false);
        }
        loop {
            let store = &self.home().vault.store;
            let photos = store.unpacked_pictures(before, usize::try_from(BATCH).unwrap_or(1))?;
            let Some(last) = photos.last() else {
                self.flush()?;
                return Ok(false);
            };
            before = last.number;
            for photo in photos.iter().filter(|photo| photo.original == OriginalState::Here) {
                if self.run.is_stopping() || bytes >= bytes_max {
                    self.flush()?;
                    return Ok(true);
                }
                bytes = bytes.saturating_add(self.original(photo)?);
            }
        }
    }

    /// Packs one original; how many bytes were read.
    fn original(&mut self, photo: &PhotoNow) -> anyhow::Result<u64> {
        let Picture { content, bytes, .. } = photo.picture;
        if self.home().vault.store.has(&content)? {
            return Ok(0);
        }
        let Some(file) = self.home().ledger.file(&content)? else {
            // It went from the library: nobody wants its copies any more.
            self.home().vault.store.forget_pictures(&[content])?;
            return Ok(0);
        };
        match File::open(self.home().layout.original(&file.path)) {
            Ok(mut reader) => {
                self.add(BlobKind::Original, content, bytes, &mut reader)?;
                Ok(bytes)
            }
            Err(error) => {
                self.note_unreadable(BlobKind::Original, content, &AddCause::Read(error))?;
                Ok(0)
            }
        }
    }
}

fn noted(entry: &Entry, now_ms: i64) -> (Picture, i64) {
    let content = entry.file.hashes.content;
    let picture = Picture {
        content,
        thumbnail: None,
        preview: None,
        bytes: entry.file.bytes,
        arrived_ms: entry.arrived_ms,
    };
    (picture, scrub_at(&content, now_ms))
}

/// When an original that is whole now is read again: in 25 to 35 days, each at a time of its own.
pub(super) fn scrub_at(content: &ContentHash, now_ms: i64) -> i64 {
    let mut begin = [0; 8];
    begin.copy_from_slice(&content.as_bytes()[..8]);
    let mut seed = Seed::new(u64::from_le_bytes(begin) ^ now_ms.unsigned_abs());
    scrub::next_ms(now_ms, &mut seed)
}

impl Run {
    /// Records a sealed pack: what cannot be written again is kept in the outbox first, then it is known, has its places,
    /// and lies on the shelf.
    fn record(&self, pack: SealedPack) -> anyhow::Result<()> {
        let home = &self.home;
        let shelf = pack.entries.iter().map(|entry| entry.kind.shelf()).min().unwrap_or(0);
        if shelf == 0 {
            outbox::keep(home, &pack).context("cannot write what is to be copied into the vault folder")?;
        }
        home.vault.store.record_pack(&pack.pack, &pack.entries, self.now())?;
        let places = self.place(&pack.pack, shelf)?;
        self.count_sealed(&pack.pack);
        self.lanes.tell();
        if self.lanes.takes(&places) {
            home.vault.engine.shelf.lay(pack.pack.id, pack.bytes.into());
        }
        Ok(())
    }
}

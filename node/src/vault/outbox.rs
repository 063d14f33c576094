//! Packs that cannot be written again from originals: what the household is made of. They wait here, durably, until every
//! place has proved that it has them.

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;

use bytes::Bytes;
use heirloom_store::place_new;
use heirloom_vault::{PackId, SealedPack};

use crate::home::Home;
use crate::ingest::draft::DRAFT_ENDING;

const ENDING: &str = "pack";

/// Keeps a pack; returns when it is durable. May be called twice.
///
/// # Errors
/// What the system says.
pub(super) fn keep(home: &Home, pack: &SealedPack) -> io::Result<()> {
    let outbox = home.layout.outbox();
    let place = place(home, &pack.pack.id);
    if place.is_file() {
        return Ok(());
    }
    let name = crate::random::bytes::<16>().map_err(io::Error::other)?;
    let draft = outbox.join(format!("{}.{DRAFT_ENDING}", data_encoding::HEXLOWER.encode(&name)));
    let written = (|| {
        let mut file = home.disk.create_new(&draft)?;
        file.write_all(&pack.bytes)?;
        file.flush()?;
        file.sync()?;
        drop(file);
        place_new(home.disk.as_ref(), &home.folders, &outbox, &draft, &place)
    })();
    match written {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            // What cannot be removed now is removed when the outbox is tidied.
            home.disk.remove(&draft).unwrap_or_default();
            Err(error)
        }
        _ => Ok(()),
    }
}

/// A pack that waits here; one that a crash tore does not count.
pub(super) fn read(home: &Home, pack: &PackId) -> Option<Bytes> {
    let bytes = std::fs::read(place(home, pack)).ok()?;
    (PackId::of(&bytes) == *pack).then(|| bytes.into())
}

/// Removes whatever is not in `wanted`: packs that every place has, drafts that a crash left.
///
/// # Errors
/// What the system says.
pub(super) fn tidy(home: &Home, wanted: &HashSet<PackId>) -> io::Result<()> {
    for entry in std::fs::read_dir(home.layout.outbox())? {
        let path = entry?.path();
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
        let is_pack = path.extension().is_some_and(|ending| ending == ENDING);
        let is_draft = path.extension().is_some_and(|ending| ending == DRAFT_ENDING);
        let is_wanted = is_pack && name.parse().is_ok_and(|pack| wanted.contains(&pack));
        if (is_pack || is_draft) && !is_wanted {
            home.disk.remove(&path)?;
        }
    }
    Ok(())
}

/// The packs that wait here.
///
/// # Errors
/// What the system says.
pub(super) fn list(home: &Home) -> io::Result<Vec<PackId>> {
    let mut packs = Vec::new();
    for entry in std::fs::read_dir(home.layout.outbox())? {
        let path = entry?.path();
        let is_pack = path.extension().is_some_and(|ending| ending == ENDING);
        let name = path.file_stem().and_then(|name| name.to_str()).filter(|_| is_pack);
        packs.extend(name.and_then(|name| name.parse::<PackId>().ok()));
    }
    Ok(packs)
}

fn place(home: &Home, pack: &PackId) -> PathBuf {
    home.layout.outbox().join(format!("{pack}.{ENDING}"))
}

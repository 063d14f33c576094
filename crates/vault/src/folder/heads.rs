//! The small files of a folder: heads and records of recovery kits.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use heirloom_identity::VaultHead;

use super::{FolderError, PackFolder};
use crate::target::kits::{self, Admission};
use crate::target::{HEADS_MAX, KIT_BYTES_MAX, KITS_MAX};

/// Names looked at in `heads/` and in `kits/`.
const NAMES_MAX: usize = 4096;
/// A head is never longer; every head of version 1 is exactly so long.
const HEAD_BYTES_MAX: u64 = heirloom_identity::vault_head::HEAD_BYTES_MAX as u64;

impl PackFolder {
    /// Keeps a head durably; one of another household is refused.
    ///
    /// # Errors
    /// [`FolderError::Wrong`], [`FolderError::Absent`], [`FolderError::Full`], [`FolderError::Io`].
    pub fn put_head(&self, head: &VaultHead) -> Result<(), FolderError> {
        if head.household() != self.household() {
            return Err(FolderError::Wrong("the head is another household's"));
        }
        self.is_there()?;
        let path = self.head_path(head);
        let at = FolderError::io("the head couldn't be written");
        if path.exists() && read_head(&path).as_ref() != Some(head) {
            self.disk.remove(&path).map_err(&at)?;
        }
        self.write_new(&path, head.as_bytes()).map_err(&at)?;
        self.is_there()
    }

    /// The heads that can be read, the one that outranks the others first, at most [`HEADS_MAX`]. A damaged one is left
    /// out.
    ///
    /// # Errors
    /// [`FolderError::Absent`], [`FolderError::Io`].
    pub fn heads(&self) -> Result<Vec<VaultHead>, FolderError> {
        let mut names = self.names("heads", ".head")?;
        // Names sort as generation, then number: the newest are read first.
        names.sort_unstable_by(|a, b| b.cmp(a));
        let mut heads: Vec<_> = names
            .iter()
            .filter_map(|name| read_head(&self.root.join("heads").join(name)))
            .filter(|head| head.household() == self.household())
            .take(HEADS_MAX)
            .collect();
        heads.sort_by(|a, b| b.outranks(a).cmp(&a.outranks(b)));
        self.is_there()?;
        Ok(heads)
    }

    /// Removes a head; fine if it isn't there.
    ///
    /// # Errors
    /// [`FolderError::Absent`], [`FolderError::Io`].
    pub fn remove_head(&self, head: &VaultHead) -> Result<(), FolderError> {
        self.is_there()?;
        self.disk.remove(&self.head_path(head)).map_err(FolderError::io("a head couldn't be removed"))
    }

    /// Keeps a kit record durably, or a revocation, which removes the record of its kit.
    ///
    /// # Errors
    /// [`FolderError::Wrong`] when it is too large, too many are there, it is another household's or its kit was revoked;
    /// [`FolderError::Absent`], [`FolderError::Full`], [`FolderError::Io`].
    pub fn put_kit(&self, kit: &[u8]) -> Result<(), FolderError> {
        if kit.is_empty() || kit.len() > KIT_BYTES_MAX {
            return Err(FolderError::Wrong("no kit record has that size"));
        }
        let (here, heads) = (self.kits()?, self.heads()?);
        let without = match kits::admit(&here, kit, self.household(), heads.first()) {
            Admission::Kept { without } => without,
            Admission::Known => Vec::new(),
            Admission::Refused(why) => return Err(FolderError::Wrong(why)),
        };
        let path = self.kit_path(kit);
        let at = FolderError::io("the kit record couldn't be written");
        if path.exists() && read_small(&path, KIT_BYTES_MAX as u64).as_deref() != Some(kit) {
            self.disk.remove(&path).map_err(&at)?;
        }
        self.write_new(&path, kit).map_err(&at)?;
        for gone in without {
            self.disk.remove(&self.kit_path(&here[gone])).map_err(&at)?;
        }
        self.disk.sync_dir(&self.root.join("kits")).map_err(&at)?;
        self.is_there()
    }

    /// The kit records, in no particular order, at most [`KITS_MAX`].
    ///
    /// # Errors
    /// [`FolderError::Absent`], [`FolderError::Io`].
    pub fn kits(&self) -> Result<Vec<Vec<u8>>, FolderError> {
        let mut names = self.names("kits", ".kit")?;
        names.sort_unstable();
        let kits = names.iter().take(KITS_MAX).filter_map(|name| {
            let kit = read_small(&self.root.join("kits").join(name), KIT_BYTES_MAX as u64)?;
            // A damaged one is left out.
            (kit_name(&kit) == *name).then_some(kit)
        });
        let kits = kits::without_revoked(kits.collect());
        self.is_there()?;
        Ok(kits)
    }

    fn names(&self, folder: &str, suffix: &str) -> Result<Vec<String>, FolderError> {
        let at = "the folder couldn't be listed";
        let entries = match std::fs::read_dir(self.root.join(folder)) {
            Ok(entries) => entries,
            Err(error) => match self.why(error, at) {
                FolderError::Missing => return Ok(Vec::new()),
                other => return Err(other),
            },
        };
        let names =
            entries.flatten().take(NAMES_MAX).filter_map(|entry| entry.file_name().into_string().ok());
        Ok(names.filter(|name| name.ends_with(suffix)).collect())
    }

    fn head_path(&self, head: &VaultHead) -> PathBuf {
        self.root.join("heads").join(head_name(head))
    }

    fn kit_path(&self, kit: &[u8]) -> PathBuf {
        self.root.join("kits").join(kit_name(kit))
    }
}

/// A head's file name: its rank in numbers, so that names sort as heads do, then its hash.
pub(crate) fn head_name(head: &VaultHead) -> String {
    format!("{:010}-{:020}-{}.head", head.certificate().generation(), head.number(), head.hash())
}

/// A kit record's file name: BLAKE3 of its bytes.
pub(crate) fn kit_name(kit: &[u8]) -> String {
    format!("{}.kit", blake3::hash(kit).to_hex())
}

fn read_head(path: &Path) -> Option<VaultHead> {
    let head = VaultHead::decode(&read_small(path, HEAD_BYTES_MAX)?).ok()?;
    (path.file_name()?.to_str()? == head_name(&head)).then_some(head)
}

fn read_small(path: &Path, bytes_max: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(bytes_max + 1).read_to_end(&mut bytes).ok()?;
    (u64::try_from(bytes.len()).ok()? <= bytes_max).then_some(bytes)
}

//! The small objects of a bucket: heads and records of recovery kits.

use bytes::Bytes;
use heirloom_identity::{HeadHash, VaultHead};
use object_store::path::Path;

use super::S3Target;
use crate::folder::{head_name, kit_name, parse_superseded_name, superseded_name};
use crate::target::kits::{self, Admission};
use crate::target::{HEADS_MAX, KIT_BYTES_MAX, KITS_MAX, TargetError, heads};

/// Names looked at in `heads/` and in `kits/`.
const NAMES_MAX: usize = 4096;

impl S3Target {
    pub(super) async fn read_heads(&self) -> Result<Vec<VaultHead>, TargetError> {
        let named = |name: &str, _: u64| name.ends_with(".head").then(|| name.to_owned());
        let mut names = self.objects("heads", None, NAMES_MAX, named).await?;
        if names.is_empty() {
            self.is_there().await?;
        }
        // Names sort as generation, then number.
        names.sort_unstable_by(|a, b| b.cmp(a));
        let mut heads = Vec::new();
        for name in names.iter().take(HEADS_MAX) {
            let bytes = match self.small(&self.name(&format!("heads/{name}"))).await {
                Err(TargetError::Missing | TargetError::Wrong(_)) => continue,
                other => other?,
            };
            let head = VaultHead::decode(&bytes).ok().filter(|head| head_name(head) == *name);
            heads.extend(head.filter(|head| *head.household() == self.household));
        }
        heads.sort_by(|a, b| b.outranks(a).cmp(&a.outranks(b)));
        Ok(heads)
    }

    pub(super) async fn write_head(&self, head: &[u8]) -> Result<(), TargetError> {
        let head = VaultHead::decode(head)
            .ok()
            .filter(|head| *head.household() == self.household)
            .ok_or_else(|| TargetError::Wrong("these bytes are no signed head of this household".into()))?;
        self.was_there().await?;
        let here = self.read_heads().await?;
        let judged = heads::judge(&here, &head);
        if judged.is_kept() {
            self.write(&self.head_name(&head), head.encode().into()).await?;
            self.supersede(here, &head).await?;
        }
        judged.result()
    }

    /// Writes down which heads another one superseded, and removes those that were held for long enough.
    async fn supersede(&self, here: Vec<VaultHead>, head: &VaultHead) -> Result<(), TargetError> {
        let now_ms = self.own_time().await?;
        let read = |name: &str, _: u64| parse_superseded_name(name);
        let since = self.objects("fossils", None, NAMES_MAX, read).await?.into_iter().collect();
        let after = heads::after(here, head, &since, now_ms);
        let mark = |old: &HeadHash, at_ms| self.name(&format!("fossils/{}", superseded_name(old, at_ms)));
        for (old, at_ms) in &after.superseded {
            self.write(&mark(old, *at_ms), Bytes::new()).await?;
        }
        for old in &after.gone {
            self.remove(&self.head_name(old)).await?;
            if let Some(at_ms) = since.get(&old.hash()) {
                self.remove(&mark(&old.hash(), *at_ms)).await?;
            }
        }
        Ok(())
    }

    fn head_name(&self, head: &VaultHead) -> Path {
        self.name(&format!("heads/{}", head_name(head)))
    }

    pub(super) async fn read_kits(&self) -> Result<Vec<Vec<u8>>, TargetError> {
        let named = |name: &str, _: u64| name.ends_with(".kit").then(|| name.to_owned());
        let names = self.objects("kits", None, KITS_MAX, named).await?;
        let mut kits = Vec::new();
        for name in names {
            match self.small(&self.name(&format!("kits/{name}"))).await {
                Ok(kit) if kit.len() <= KIT_BYTES_MAX && kit_name(&kit) == name => kits.push(kit.to_vec()),
                Ok(_) | Err(TargetError::Missing | TargetError::Wrong(_)) => {}
                Err(other) => return Err(other),
            }
        }
        Ok(kits::without_revoked(kits))
    }

    pub(super) async fn write_kit(&self, kit: Vec<u8>) -> Result<(), TargetError> {
        if kit.is_empty() || kit.len() > KIT_BYTES_MAX {
            return Err(TargetError::Wrong("no kit record has that size".into()));
        }
        self.was_there().await?;
        let (here, heads) = (self.read_kits().await?, self.read_heads().await?);
        let without = match kits::admit(&here, &kit, &self.household, heads.first()) {
            Admission::Kept { without } => without,
            Admission::Known => return Ok(()),
            Admission::Refused(why) => return Err(TargetError::Wrong(why.into())),
        };
        let name = |kit: &[u8]| self.name(&format!("kits/{}", kit_name(kit)));
        self.write(&name(&kit), kit.into()).await?;
        for gone in without {
            self.remove(&name(&here[gone])).await?;
        }
        Ok(())
    }
}

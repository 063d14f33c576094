//! Packs in a bucket: they come, are read, listed and proved.

use std::ops::Range;

use bytes::Bytes;
use object_store::path::Path;

use super::S3Target;
use crate::PackId;
use crate::pack::PACK_BYTES_MAX;
use crate::proof::{self, Challenge, ProofError};
use crate::target::{Answer, LIST_MAX, Room, TargetError};

impl S3Target {
    pub(super) async fn put_pack(&self, pack: PackId, bytes: Bytes, room: Room) -> Result<(), TargetError> {
        let (root, outboard) = proof::outboard(&bytes);
        if bytes.is_empty() || bytes.len() > PACK_BYTES_MAX || root != pack {
            return Err(TargetError::Wrong("the bytes aren't the pack that was named".into()));
        }
        self.was_there().await?;
        if self.limit.is_unknown() {
            self.add_up().await?;
        }
        let size = bytes.len() as u64;
        self.limit.check(size, room)?;
        self.write(&self.pack_name(&pack, "pack"), bytes).await?;
        self.limit.took(size);
        // Derived: a proof makes it again if this fails.
        drop(self.write(&self.pack_name(&pack, "obao"), outboard.into()).await);
        Ok(())
    }

    /// A range of a pack, kept or fossil, exactly that long.
    async fn exactly(&self, name: &Path, range: Range<u64>) -> Result<Bytes, TargetError> {
        let length = range.end.saturating_sub(range.start);
        let (bytes, _) = self.part(name, range).await?;
        if bytes.len() as u64 == length { Ok(bytes) } else { Err(TargetError::Missing) }
    }

    pub(super) async fn get_range(&self, pack: PackId, range: Range<u64>) -> Result<Bytes, TargetError> {
        if range.end.saturating_sub(range.start) > PACK_BYTES_MAX as u64 || range.start > range.end {
            return Err(TargetError::Wrong("no pack has that range".into()));
        }
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        match self.exactly(&self.pack_name(&pack, "pack"), range.clone()).await {
            Err(TargetError::Missing) => {}
            other => return other,
        }
        self.is_there().await?;
        let fossil = self.fossils(Some(&pack)).await?.into_iter().next().ok_or(TargetError::Missing)?;
        self.exactly(&self.fossil_name(&fossil), range).await
    }

    pub(super) async fn list_packs(&self, after: Option<PackId>) -> Result<Vec<(PackId, u64)>, TargetError> {
        let from = after.map(|pack| self.pack_name(&pack, "pack"));
        let packs = self.objects("packs", from, LIST_MAX, |name, bytes| {
            let pack: PackId = name.strip_suffix(".pack")?.parse().ok()?;
            after.is_none_or(|after| pack > after).then_some((pack, bytes))
        });
        let mut packs = packs.await?;
        if packs.is_empty() {
            self.is_there().await?;
        }
        packs.sort_unstable();
        Ok(packs)
    }

    /// An error only when nothing can be said about any pack.
    pub(super) async fn answer(&self, challenge: &Challenge) -> Result<Answer, TargetError> {
        let why = match self.proof(challenge).await {
            Ok(proof) => return Ok(Answer::Proof(proof)),
            Err(TargetError::Missing | TargetError::Wrong(_)) => match self.is_there().await {
                Ok(()) => return Ok(Answer::Missing),
                Err(why) => why,
            },
            Err(why) => why,
        };
        match why {
            TargetError::Offline | TargetError::Refused(_) => Err(why),
            TargetError::DiskAbsent => Ok(Answer::DiskAbsent),
            _ => Ok(Answer::Busy),
        }
    }

    async fn proof(&self, challenge: &Challenge) -> Result<Vec<u8>, TargetError> {
        if !challenge.is_sound() {
            return Err(TargetError::Missing);
        }
        let name = self.pack_name(&challenge.pack, "pack");
        let (group, bytes) = self.part(&name, challenge.range()).await?;
        if bytes != u64::from(challenge.bytes) {
            return Err(TargetError::Missing);
        }
        let pairs = u64::from(proof::outboard_bytes(challenge.bytes)).max(1);
        let beside = self.part(&self.pack_name(&challenge.pack, "obao"), 0..pairs).await;
        let beside = beside.map(|(pairs, _)| pairs).unwrap_or_default();
        match proof::prove(challenge, &group, &beside) {
            Err(ProofError::Outboard) => {}
            proved => return proved.map_err(|_| TargetError::Missing),
        }
        let (whole, _) = self.part(&name, 0..u64::from(challenge.bytes)).await?;
        let (root, beside) = proof::outboard(&whole);
        if root != challenge.pack {
            return Err(TargetError::Missing);
        }
        let proved = proof::prove(challenge, &group, &beside).map_err(|_| TargetError::Missing);
        // Derived: the next proof makes it again if this fails.
        drop(self.write(&self.pack_name(&challenge.pack, "obao"), beside.into()).await);
        proved
    }
}

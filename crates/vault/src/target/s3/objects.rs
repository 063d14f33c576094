//! Single objects of a bucket, read and written whole or in part.

use std::ops::Range;

use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt};

use super::S3Target;
use crate::PackId;
use crate::target::TargetError;

/// A marker and a head are small.
const SMALL_BYTES_MAX: u64 = 64 * 1024;

impl S3Target {
    pub(super) fn name(&self, name: &str) -> Path {
        name.split('/').fold(self.prefix.clone(), |path, part| path.join(part))
    }

    pub(super) fn pack_name(&self, pack: &PackId, ending: &str) -> Path {
        self.name(&format!("packs/{:02x}/{pack}.{ending}", pack.as_bytes()[0]))
    }

    pub(super) async fn write(&self, name: &Path, bytes: Bytes) -> Result<(), TargetError> {
        self.store.put(name, bytes.into()).await.map(drop).map_err(|error| self.secrets.explain(error))
    }

    pub(super) async fn remove(&self, name: &Path) -> Result<(), TargetError> {
        match self.store.delete(name).await.map_err(|error| self.secrets.explain(error)) {
            Err(TargetError::Missing) => Ok(()),
            other => other,
        }
    }

    /// Part of an object, and how large it is as a whole.
    pub(super) async fn part(&self, name: &Path, range: Range<u64>) -> Result<(Bytes, u64), TargetError> {
        let length = range.end.saturating_sub(range.start);
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        let found = self.store.get_opts(name, options).await.map_err(|error| self.secrets.explain(error))?;
        let bytes = found.meta.size;
        // What a store sends for a range is bounded by the range, or the store is wrong.
        if found.range.end.saturating_sub(found.range.start) > length {
            return Err(TargetError::Wrong("the store sent more than it was asked for".into()));
        }
        let mut part = Vec::new();
        let mut pieces = found.into_stream();
        while let Some(piece) = pieces.try_next().await.map_err(|error| self.secrets.explain(error))? {
            part.extend_from_slice(&piece);
            if part.len() as u64 > length {
                return Err(TargetError::Wrong("the store sent more than it was asked for".into()));
            }
        }
        Ok((part.into(), bytes))
    }

    /// A small object as a whole.
    pub(super) async fn small(&self, name: &Path) -> Result<Bytes, TargetError> {
        let (bytes, whole) = self.part(name, 0..SMALL_BYTES_MAX).await?;
        if whole > SMALL_BYTES_MAX {
            return Err(TargetError::Wrong("an object is larger than it can be".into()));
        }
        Ok(bytes)
    }

    /// Objects below a folder, by their last name and size, as far as `read` wants them.
    pub(super) async fn objects<T>(
        &self,
        folder: &str,
        after: Option<Path>,
        limit: usize,
        read: impl Fn(&str, u64) -> Option<T>,
    ) -> Result<Vec<T>, TargetError> {
        let folder = self.name(folder);
        let mut listed = match &after {
            Some(after) => self.store.list_with_offset(Some(&folder), after),
            None => self.store.list(Some(&folder)),
        };
        let mut found = Vec::new();
        while let Some(object) = listed.try_next().await.map_err(|error| self.secrets.explain(error))? {
            if let Some(wanted) = object.location.filename().and_then(|name| read(name, object.size)) {
                found.push(wanted);
            }
            if found.len() >= limit {
                break;
            }
        }
        Ok(found)
    }
}

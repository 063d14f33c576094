//! A bucket of an S3-compatible store: the same names as in a folder of packs, each an object.
//!
//! The store proves nothing by itself: a proof is made here from a group read back out of the bucket and the outboard
//! beside the pack, so it says that the bytes are there, not merely that their name is. The marker object plays the part
//! of a disk's: without it nothing counts as lost.
//!
//! Read first: [`S3Target`]. Its futures run on the caller's tokio runtime, as the HTTP client needs.

mod deletion;
mod heads;
mod objects;
mod packs;

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use heirloom_identity::{HouseholdId, VaultHead};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{ClientOptions, RetryConfig};

use super::endpoint::{Secrets, check_endpoint};
use super::limit::Limit;
use super::{Answer, BoxFuture, Clock, DeleteOutcome, Room, Target, TargetError, TargetState};
use crate::PackId;
use crate::folder::{DiskId, MARKER_NAME, Marker, OwnTime};
use crate::proof::{CHALLENGES_MAX, Challenge};
use crate::store::S3Place;

/// Questions answered at the same time.
const AT_ONCE: usize = 8;
/// How long one request may take: a full pack over 0.5 Mbit/s.
const REQUEST_TIME: Duration = Duration::from_secs(540);
/// How long a connection may take.
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// Attempts after the first, and how long they may go on.
const RETRIES: usize = 3;
const RETRY_TIME: Duration = Duration::from_secs(60);

/// Packs in a bucket.
pub struct S3Target {
    store: AmazonS3,
    prefix: Path,
    household: HouseholdId,
    secrets: Secrets,
    clock: Clock,
    /// Whether the marker was seen since this was made.
    marked: AtomicBool,
    limit: Limit,
    /// The bucket's own time, while there is no room to write it down.
    unwritten: Mutex<Option<OwnTime>>,
}

impl S3Target {
    /// Speaks of a bucket; connects to nothing yet. `clock` says the time in milliseconds, UTC. Plain `http` is for
    /// addresses at home only, unless `allow_http` says otherwise.
    ///
    /// # Errors
    /// [`TargetError::Wrong`] when the endpoint, bucket or prefix can't be used.
    pub fn new(
        place: &S3Place,
        household: HouseholdId,
        allow_http: bool,
        clock: Clock,
    ) -> Result<Self, TargetError> {
        use_ring();
        let endpoint = check_endpoint(&place.endpoint, allow_http)?;
        let secrets = Secrets::new(&place.access_key, &place.secret_key);
        let options = ClientOptions::new()
            .with_timeout(REQUEST_TIME)
            .with_connect_timeout(CONNECT_TIME)
            .with_allow_http(endpoint.is_http);
        let retry = RetryConfig { max_retries: RETRIES, retry_timeout: RETRY_TIME, ..RetryConfig::default() };
        let store = AmazonS3Builder::new()
            .with_endpoint(endpoint.text)
            .with_region(if place.region.is_empty() { "us-east-1" } else { place.region.as_str() })
            .with_bucket_name(&place.bucket)
            .with_access_key_id(&place.access_key)
            .with_secret_access_key(&place.secret_key)
            .with_client_options(options)
            .with_retry(retry)
            .with_allow_http(endpoint.is_http)
            // One name at a time: not every store knows the request for many, and deletions are rare.
            .with_disable_bulk_delete(true)
            .build()
            .map_err(|error| secrets.explain(error))?;
        let prefix = Path::parse(place.prefix.trim_matches('/'))
            .map_err(|_| TargetError::Wrong("the prefix can't be used as a name in a bucket".into()))?;
        let (marked, limit, unwritten) = (AtomicBool::new(false), Limit::default(), Mutex::default());
        Ok(Self { store, prefix, household, secrets, clock, marked, limit, unwritten })
    }

    /// Takes so many bytes at most; none: as many as the store does.
    #[must_use]
    pub fn limited_to(self, bytes: Option<u64>) -> Self {
        Self { limit: Limit::of(bytes), ..self }
    }

    /// Makes the marker, or takes one of this household that is there. To be called once, when a person adds the bucket.
    ///
    /// # Errors
    /// [`TargetError::Refused`] when another household's vault is there or the keys aren't good, [`TargetError::Offline`],
    /// [`TargetError::Io`].
    pub async fn prepare(&self, random: [u8; 16]) -> Result<DiskId, TargetError> {
        match self.marker().await? {
            Some(found) if found.household == self.household => return Ok(found.disk),
            Some(_) => {
                return Err(TargetError::Refused("another household's vault is in that bucket".into()));
            }
            None => {}
        }
        let marker = Marker { household: self.household, disk: DiskId(random) };
        self.write(&self.name(MARKER_NAME), marker.to_text().into_bytes().into()).await?;
        Ok(marker.disk)
    }

    async fn marker(&self) -> Result<Option<Marker>, TargetError> {
        match self.small(&self.name(MARKER_NAME)).await {
            Ok(bytes) => Ok(std::str::from_utf8(&bytes).ok().and_then(Marker::from_text)),
            Err(TargetError::Missing) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// Whether this is the household's bucket; asked before anything is written, and when something is missing.
    async fn is_there(&self) -> Result<(), TargetError> {
        match self.marker().await? {
            Some(found) if found.household == self.household => {
                self.marked.store(true, Ordering::Relaxed);
                Ok(())
            }
            _ => Err(TargetError::DiskAbsent),
        }
    }

    async fn was_there(&self) -> Result<(), TargetError> {
        if self.marked.load(Ordering::Relaxed) { Ok(()) } else { self.is_there().await }
    }
}

impl Target for S3Target {
    fn put(&self, pack: PackId, bytes: Bytes, room: Room) -> BoxFuture<'_, Result<(), TargetError>> {
        Box::pin(self.put_pack(pack, bytes, room))
    }

    fn get(&self, pack: PackId, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, TargetError>> {
        Box::pin(self.get_range(pack, range))
    }

    fn list(&self, after: Option<PackId>) -> BoxFuture<'_, Result<Vec<(PackId, u64)>, TargetError>> {
        Box::pin(self.list_packs(after))
    }

    fn prove(
        &self,
        challenges: Vec<Challenge>,
    ) -> BoxFuture<'_, Result<Vec<(Challenge, Answer)>, TargetError>> {
        Box::pin(async move {
            let some = challenges.into_iter().take(CHALLENGES_MAX);
            let answers = stream::iter(some).map(async |asked| Ok((asked, self.answer(&asked).await?)));
            answers.buffered(AT_ONCE).try_collect().await
        })
    }

    fn delete(&self, packs: Vec<PackId>) -> BoxFuture<'_, Result<DeleteOutcome, TargetError>> {
        Box::pin(self.delete_packs(packs))
    }

    /// A bucket asks nobody.
    fn answer_deletion(&self, _allow: bool) -> BoxFuture<'_, Result<DeleteOutcome, TargetError>> {
        Box::pin(std::future::ready(Ok(DeleteOutcome::default())))
    }

    fn put_head(&self, head: Vec<u8>) -> BoxFuture<'_, Result<(), TargetError>> {
        Box::pin(async move { self.write_head(&head).await })
    }

    fn heads(&self) -> BoxFuture<'_, Result<Vec<Vec<u8>>, TargetError>> {
        Box::pin(async move { Ok(self.read_heads().await?.iter().map(VaultHead::encode).collect()) })
    }

    fn put_kit(&self, kit: Vec<u8>) -> BoxFuture<'_, Result<(), TargetError>> {
        Box::pin(self.write_kit(kit))
    }

    fn kits(&self) -> BoxFuture<'_, Result<Vec<Vec<u8>>, TargetError>> {
        Box::pin(async move {
            self.was_there().await?;
            self.read_kits().await
        })
    }

    fn state(&self) -> BoxFuture<'_, Result<TargetState, TargetError>> {
        Box::pin(self.add_up())
    }

    fn tidy(&self) -> BoxFuture<'_, Result<u64, TargetError>> {
        Box::pin(self.remove_fossils())
    }
}

impl std::fmt::Debug for S3Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("S3Target").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// The HTTP client's TLS has no cryptography of its own: this process uses ring for it, chosen once.
fn use_ring() {
    static ONCE: Once = Once::new();
    // Somebody may have chosen already; any choice will do.
    ONCE.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
}

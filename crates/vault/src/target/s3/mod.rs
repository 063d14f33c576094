//! A bucket of an S3-compatible store: the same names as in a folder of packs, each an object.
//!
//! The store proves nothing by itself: a proof is made here from a group read back out of the bucket and the outboard
//! beside the pack, so it says that the bytes are there, not merely that their name is. The marker object plays the part
//! of a disk's: without it nothing counts as lost.
//!
//! Read first: [`S3Target`]. Its futures run on the caller's tokio runtime, as the HTTP client needs.

use std::ops::Range;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use heirloom_identity::{HouseholdId, VaultHead};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{ClientOptions, GetOptions, GetRange, ObjectStore, ObjectStoreExt, RetryConfig};

use super::endpoint::{Secrets, check_endpoint};
use super::kits::{self, Admission};
use super::{
    Answer, BoxFuture, Clock, DELETE_MAX, DeleteOutcome, HEADS_MAX, HOLD_MS, KIT_BYTES_MAX, KITS_MAX,
    LIST_MAX, Room, Target, TargetError, TargetState, heads,
};
use crate::PackId;
use crate::folder::{
    CLOCK_NAME, DiskId, MARKER_NAME, Marker, OwnTime, fossil_name, head_name, kit_name, parse_fossil_name,
};
use crate::pack::PACK_BYTES_MAX;
use crate::proof::{self, CHALLENGES_MAX, Challenge, ProofError};
use crate::store::S3Place;

/// Questions answered at the same time.
const AT_ONCE: usize = 8;
/// Names looked at in `heads/` and in `kits/`.
const NAMES_MAX: usize = 4096;
/// Fossils removed in one go.
const TIDY_MAX: usize = 4096;
/// How long one request may take: a full pack over 0.5 Mbit/s.
const REQUEST_TIME: Duration = Duration::from_secs(540);
/// How long a connection may take.
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// Attempts after the first, and how long they may go on.
const RETRIES: usize = 3;
const RETRY_TIME: Duration = Duration::from_secs(60);
/// A marker and a head are small.
const SMALL_BYTES_MAX: u64 = 64 * 1024;

/// Packs in a bucket.
pub struct S3Target {
    store: AmazonS3,
    prefix: Path,
    household: HouseholdId,
    secrets: Secrets,
    clock: Clock,
    /// Whether the marker was seen since this was made.
    marked: AtomicBool,
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
        let marked = AtomicBool::new(false);
        Ok(Self { store, prefix, household, secrets, clock, marked })
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

    fn name(&self, name: &str) -> Path {
        name.split('/').fold(self.prefix.clone(), |path, part| path.join(part))
    }

    fn pack_name(&self, pack: &PackId, ending: &str) -> Path {
        self.name(&format!("packs/{:02x}/{pack}.{ending}", pack.as_bytes()[0]))
    }

    async fn write(&self, name: &Path, bytes: Bytes) -> Result<(), TargetError> {
        self.store.put(name, bytes.into()).await.map(drop).map_err(|error| self.secrets.explain(error))
    }

    async fn remove(&self, name: &Path) -> Result<(), TargetError> {
        match self.store.delete(name).await.map_err(|error| self.secrets.explain(error)) {
            Err(TargetError::Missing) => Ok(()),
            other => other,
        }
    }

    /// Part of an object, and how large it is as a whole.
    async fn part(&self, name: &Path, range: Range<u64>) -> Result<(Bytes, u64), TargetError> {
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
    async fn small(&self, name: &Path) -> Result<Bytes, TargetError> {
        let (bytes, whole) = self.part(name, 0..SMALL_BYTES_MAX).await?;
        if whole > SMALL_BYTES_MAX {
            return Err(TargetError::Wrong("an object is larger than it can be".into()));
        }
        Ok(bytes)
    }

    /// A range of a pack, kept or fossil, exactly that long.
    async fn exactly(&self, name: &Path, range: Range<u64>) -> Result<Bytes, TargetError> {
        let length = range.end.saturating_sub(range.start);
        let (bytes, _) = self.part(name, range).await?;
        if bytes.len() as u64 == length { Ok(bytes) } else { Err(TargetError::Missing) }
    }

    async fn get_range(&self, pack: PackId, range: Range<u64>) -> Result<Bytes, TargetError> {
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
        self.exactly(&fossil.0, range).await
    }

    /// Fossils: where, of what, since when, how large.
    async fn fossils(&self, of: Option<&PackId>) -> Result<Vec<(Path, PackId, i64, u64)>, TargetError> {
        let found = self.objects("fossils", None, usize::MAX, |name, bytes| {
            let (pack, at_ms) = parse_fossil_name(name)?;
            of.is_none_or(|of| *of == pack).then_some((pack, at_ms, bytes))
        });
        let found = found.await?;
        let place = |pack: &PackId, at_ms| self.name(&format!("fossils/{}", fossil_name(pack, at_ms)));
        Ok(found.into_iter().map(|(pack, at_ms, bytes)| (place(&pack, at_ms), pack, at_ms, bytes)).collect())
    }

    /// Objects below a folder, by their last name and size, as far as `read` wants them.
    async fn objects<T>(
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

    async fn list_packs(&self, after: Option<PackId>) -> Result<Vec<(PackId, u64)>, TargetError> {
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
    async fn answer(&self, challenge: &Challenge) -> Result<Answer, TargetError> {
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

    async fn bury(&self, pack: &PackId, now_ms: i64) -> Result<(), TargetError> {
        let name = self.pack_name(pack, "pack");
        let fossil = self.name(&format!("fossils/{}", fossil_name(pack, now_ms)));
        match self.store.copy(&name, &fossil).await.map_err(|error| self.secrets.explain(error)) {
            Err(TargetError::Missing) => return Ok(()),
            other => other?,
        }
        self.remove(&name).await?;
        self.remove(&self.pack_name(pack, "obao")).await
    }

    /// The bucket's own time, in which what was deleted is held.
    async fn own_time(&self) -> Result<i64, TargetError> {
        let (name, now_ms) = (self.name(&format!("fossils/{CLOCK_NAME}")), (self.clock)());
        let known = match self.small(&name).await {
            Ok(bytes) => std::str::from_utf8(&bytes).ok().and_then(OwnTime::from_text),
            Err(TargetError::Missing | TargetError::Wrong(_)) => None,
            Err(other) => return Err(other),
        };
        let (time, is_new) = match known {
            Some(known) => known.look(now_ms),
            None => {
                let last = self.fossils(None).await?.iter().map(|(_, _, at_ms, _)| *at_ms).max();
                (OwnTime::begin(last, now_ms), true)
            }
        };
        if is_new {
            self.write(&name, time.to_text().into_bytes().into()).await?;
        }
        Ok(time.own_ms)
    }

    async fn read_heads(&self) -> Result<Vec<VaultHead>, TargetError> {
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

    async fn write_head(&self, head: &[u8]) -> Result<(), TargetError> {
        let head = VaultHead::decode(head)
            .ok()
            .filter(|head| *head.household() == self.household)
            .ok_or_else(|| TargetError::Wrong("these bytes are no signed head of this household".into()))?;
        self.was_there().await?;
        let here = self.read_heads().await?;
        let judged = heads::judge(&here, &head);
        if judged.is_kept() {
            let name = |head: &VaultHead| self.name(&format!("heads/{}", head_name(head)));
            self.write(&name(&head), head.encode().into()).await?;
            let now_ms = (self.clock)().min(self.own_time().await?);
            for old in heads::expired(here, &head, now_ms) {
                self.remove(&name(&old)).await?;
            }
        }
        judged.result()
    }

    async fn read_kits(&self) -> Result<Vec<Vec<u8>>, TargetError> {
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

    async fn add_up(&self) -> Result<TargetState, TargetError> {
        self.is_there().await?;
        let size = |name: &str, bytes| name.ends_with(".pack").then_some(bytes);
        let kept = self.objects("packs", None, usize::MAX, size).await?;
        let held: u64 = self.fossils(None).await?.iter().map(|(.., bytes)| bytes).sum();
        let used = held + kept.iter().sum::<u64>();
        let packs = u64::try_from(kept.len()).unwrap_or(u64::MAX);
        Ok(TargetState { used, held, packs, ..TargetState::default() })
    }
}

impl Target for S3Target {
    fn put(&self, pack: PackId, bytes: Bytes, _room: Room) -> BoxFuture<'_, Result<(), TargetError>> {
        Box::pin(async move {
            let (root, outboard) = proof::outboard(&bytes);
            if bytes.is_empty() || bytes.len() > PACK_BYTES_MAX || root != pack {
                return Err(TargetError::Wrong("the bytes aren't the pack that was named".into()));
            }
            self.was_there().await?;
            self.write(&self.pack_name(&pack, "pack"), bytes).await?;
            // Derived: a proof makes it again if this fails.
            drop(self.write(&self.pack_name(&pack, "obao"), outboard.into()).await);
            Ok(())
        })
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
        Box::pin(async move {
            self.was_there().await?;
            let now_ms = self.own_time().await?;
            let mut held = 0;
            for pack in packs.iter().take(DELETE_MAX) {
                self.bury(pack, now_ms).await?;
                held += 1;
            }
            Ok(DeleteOutcome { held, waits_for_person: false })
        })
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
        Box::pin(async move {
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
        })
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
        Box::pin(async move {
            self.was_there().await?;
            let now_ms = self.own_time().await?;
            let mut old = self.fossils(None).await?;
            old.retain(|(_, _, at_ms, _)| at_ms.saturating_add(HOLD_MS) <= now_ms);
            old.truncate(TIDY_MAX);
            for (name, ..) in &old {
                self.remove(name).await?;
            }
            Ok(u64::try_from(old.len()).unwrap_or(u64::MAX))
        })
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

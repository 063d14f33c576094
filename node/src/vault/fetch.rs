//! Bytes back from wherever they are: ranges of packs from several places, blobs put together and checked.
//!
//! A [`Reader`] asks the place that it was told to prefer, then the others, nearest first. A place that cannot be reached
//! is left alone for a while; one that sends what does not decrypt loses nothing but this request: the next place is
//! asked for the same bytes. Nothing is believed that was not decrypted and, at the end, hashed.

use std::collections::HashMap;
use std::io::Write;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use heirloom_identity::{HouseholdId, Keyring};
use heirloom_vault::assemble::{Assembly, AssemblyError};
use heirloom_vault::policy::TargetId;
use heirloom_vault::{Located, PackId, PackRef, Target, TargetError};

use crate::home::Home;
use crate::vault::polite::blocking;

/// How long a place that could not be reached is left alone.
const REST: Duration = Duration::from_secs(30);
/// How often a place that is busy is asked again before another is.
const BUSY_TRIES_MAX: u32 = 3;
/// How long a busy place is given.
const BUSY_WAIT: Duration = Duration::from_millis(500);

/// Somewhere packs can be read from.
#[derive(Clone)]
pub struct Source {
    /// Its number in the vault's store; none for one that a restore holds open.
    pub id: Option<TargetId>,
    /// The place.
    pub target: Arc<dyn Target>,
}

/// Why something could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The vault does not have it.
    #[error("it is in no copy")]
    NotKept,
    /// The key it was encrypted with is not here, or the vault is not on.
    #[error("the vault has no key for it")]
    NoKey,
    /// No place could be reached that has it.
    #[error("no copy of it can be reached now")]
    Unreachable,
    /// Every place that was reached sent something else, or said that it has not got it.
    #[error("every copy of it that was reached is damaged or gone")]
    Damaged,
    /// It could not be written here.
    #[error("it could not be written: {0}")]
    Write(#[source] std::io::Error),
    /// Something here failed.
    #[error(transparent)]
    Here(#[from] anyhow::Error),
}

/// Reads packs from several places.
pub struct Reader {
    keyring: Keyring,
    household: HouseholdId,
    sources: Vec<Source>,
    resting: Mutex<HashMap<usize, Instant>>,
    turn: AtomicUsize,
    fetched: AtomicU64,
}

/// Why a blob did not come, and in which packs.
pub(super) struct Failed {
    /// Why.
    pub(super) error: FetchError,
    /// The packs that could not be read; none when no pack is to blame.
    pub(super) packs: Vec<PackId>,
}

/// What came of a request: the bytes, and which source gave them.
struct Came {
    bytes: Bytes,
    source: usize,
}

impl Reader {
    /// Reads from these places, the nearest first.
    pub fn new(keyring: Keyring, household: HouseholdId, sources: Vec<Source>) -> Self {
        let (resting, turn, fetched) = (Mutex::default(), AtomicUsize::new(0), AtomicU64::new(0));
        Self { keyring, household, sources, resting, turn, fetched }
    }

    /// Reads from every place of a home's vault, and from `extra` before them.
    ///
    /// # Errors
    /// [`FetchError::NoKey`] when the vault is not on.
    pub async fn of(home: &Arc<Home>, extra: &[Arc<dyn Target>]) -> Result<Self, FetchError> {
        let keyring = home.keys.vault().ok_or(FetchError::NoKey)?.keyring.clone();
        let at = Arc::clone(home);
        let targets = blocking(move || at.vault.targets(&at)).await?;
        let extra = extra.iter().map(|target| Source { id: None, target: Arc::clone(target) });
        let known = targets.into_iter().map(|(id, target)| Source { id: Some(id), target });
        Ok(Self::new(keyring, *home.keys.certificate.household(), extra.chain(known).collect()))
    }

    /// The places.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// Whether every place was tried a moment ago and could not be reached.
    pub fn all_rest(&self) -> bool {
        let resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        let rests = |source: usize| resting.get(&source).is_some_and(|since| since.elapsed() < REST);
        (0..self.sources.len()).all(rests)
    }

    /// Bytes of ciphertext that came so far.
    pub fn fetched(&self) -> u64 {
        self.fetched.load(Ordering::Relaxed)
    }

    /// Fetches one blob into `out` and returns it, with the place that its last part came from. Only then is what was
    /// written the blob.
    ///
    /// # Errors
    /// [`FetchError`]; `out` is then to be thrown away.
    pub async fn blob<W: Write + Send + 'static>(
        &self,
        located: Located,
        out: W,
    ) -> Result<(W, Option<TargetId>), FetchError> {
        self.try_blob(located, out).await.map_err(|failed| failed.error)
    }

    /// As [`Reader::blob`], and says which packs could not be read.
    pub(super) async fn try_blob<W: Write + Send + 'static>(
        &self,
        located: Located,
        mut out: W,
    ) -> Result<(W, Option<TargetId>), Failed> {
        let all: Vec<PackId> = located.pieces.iter().map(|(pack, _)| pack.id).collect();
        let of_all = |error| Failed { error, packs: all.clone() };
        let here = |error| Failed { error, packs: Vec::new() };
        let mut assembly = match Assembly::new(&self.keyring, &self.household, located) {
            Ok(assembly) => assembly,
            Err(AssemblyError::Incomplete) => return Err(of_all(FetchError::NotKept)),
            Err(_) => return Err(of_all(FetchError::NoKey)),
        };
        // Blobs that are fetched beside each other begin at different places.
        let mut prefer = self.turn.fetch_add(1, Ordering::Relaxed);
        let mut last = None;
        while let Some((pack, range)) = assembly.next() {
            let (pack, mut refused) = (*pack, Vec::new());
            loop {
                let came = self.range(&pack, range.clone(), prefer, &refused).await;
                let came = came.map_err(|error| Failed { error, packs: vec![pack.id] })?;
                prefer = came.source;
                last = self.sources[came.source].id;
                let step = accept(assembly, came.bytes, out).await.map_err(here)?;
                (assembly, out) = (step.assembly, step.out);
                if step.is_good {
                    break;
                }
                let asked = assembly.next().map(|(_, range)| range);
                tracing::warn!(pack = %pack.id, "a copy of a pack is damaged; another is read");
                refused.push(came.source);
                if asked.is_some_and(|now| now != range) {
                    // What stood before the damage was taken; the rest is asked for elsewhere.
                    break;
                }
            }
        }
        match assembly.finish() {
            Ok(()) => Ok((out, last)),
            // Each piece was what its pack says, and together they are something else.
            Err(_) => Err(of_all(FetchError::Damaged)),
        }
    }

    /// A range of a pack, from `prefer` if it has it, else from another place.
    async fn range(
        &self,
        pack: &PackRef,
        range: Range<u64>,
        prefer: usize,
        refused: &[usize],
    ) -> Result<Came, FetchError> {
        let count = self.sources.len();
        let mut was_reached = !refused.is_empty();
        for place in 0..count {
            let source = (prefer % count.max(1) + place) % count;
            if refused.contains(&source) || self.rests(source) {
                continue;
            }
            match self.ask(source, pack, range.clone()).await {
                Ok(bytes) if bytes.len() as u64 == range.end - range.start => {
                    self.fetched.fetch_add(range.end - range.start, Ordering::Relaxed);
                    return Ok(Came { bytes, source });
                }
                Ok(_) | Err(TargetError::Missing | TargetError::Wrong(_)) => was_reached = true,
                Err(error) => {
                    tracing::debug!(%error, "a place that has copies cannot be read now");
                    self.rest(source);
                }
            }
        }
        Err(if was_reached { FetchError::Damaged } else { FetchError::Unreachable })
    }

    async fn ask(&self, source: usize, pack: &PackRef, range: Range<u64>) -> Result<Bytes, TargetError> {
        let target = &self.sources[source].target;
        for _ in 1..BUSY_TRIES_MAX {
            match target.get(pack.id, range.clone()).await {
                Err(TargetError::Busy) => tokio::time::sleep(BUSY_WAIT).await,
                other => return other,
            }
        }
        target.get(pack.id, range).await
    }

    fn rests(&self, source: usize) -> bool {
        let mut resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        let rests = resting.get(&source).is_some_and(|since| since.elapsed() < REST);
        if !rests {
            resting.remove(&source);
        }
        rests
    }

    fn rest(&self, source: usize) {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner).insert(source, Instant::now());
    }
}

/// An assembly after a step.
struct Step<W> {
    assembly: Assembly,
    out: W,
    is_good: bool,
}

/// Decrypts and writes what came, on a thread for that.
async fn accept<W: Write + Send + 'static>(
    mut assembly: Assembly,
    bytes: Bytes,
    mut out: W,
) -> Result<Step<W>, FetchError> {
    let stepped = blocking(move || {
        let mut bytes = bytes.try_into_mut().unwrap_or_else(|shared| shared[..].into());
        let taken = assembly.accept(&mut bytes, &mut out);
        Ok((assembly, out, taken))
    });
    let (assembly, out, taken) = stepped.await?;
    match taken {
        Ok(()) => Ok(Step { assembly, out, is_good: true }),
        Err(AssemblyError::Write(error)) => Err(FetchError::Write(error)),
        Err(_) => Ok(Step { assembly, out, is_good: false }),
    }
}

/// A whole pack, from any place but `not`.
///
/// # Errors
/// [`FetchError`]
pub async fn whole_pack(reader: &Reader, pack: &PackRef, not: TargetId) -> Result<Bytes, FetchError> {
    let mut refused: Vec<usize> =
        reader.sources.iter().position(|source| source.id == Some(not)).into_iter().collect();
    loop {
        let came = reader.range(pack, 0..u64::from(pack.bytes), 0, &refused).await?;
        if PackId::of(&came.bytes) == pack.id {
            return Ok(came.bytes);
        }
        refused.push(came.source);
    }
}

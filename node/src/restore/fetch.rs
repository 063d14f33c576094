//! Fetching blobs from several sources at once. Nothing is believed that does not decrypt and have its hash; what one
//! source lacks or spoils is asked of the next.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use heirloom_identity::{HouseholdId, Keyring};
use heirloom_vault::pack::piece_range;
use heirloom_vault::{Assembly, Located, PackId, PackRef, TargetError};

use super::Restoring;
use super::source::Source;

/// Fetches under way at the same time.
const FETCHES_MAX: usize = 6;
/// Bytes of one fetch.
const WINDOW_BYTES_MAX: u64 = 4 << 20;
/// Bytes between two wanted pieces that are fetched along rather than begun anew.
const GAP_BYTES_MAX: u64 = 128 << 10;
/// The largest blob that is put together in memory.
const BLOB_BYTES_MAX: u64 = 64 << 20;
/// How often all sources are asked again while one of them is away or busy, by whoever asks again later anyway.
const ROUNDS: u32 = 3;
/// How long to wait before that; it doubles.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest such wait.
const PAUSE_MAX: Duration = Duration::from_secs(15);
/// For how long a source may be away before a patient fetcher goes on without it.
const PATIENCE: Duration = Duration::from_secs(30 * 60);

/// Why a blob did not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lack {
    /// Every source was asked and none has it whole.
    Lost,
    /// A source that may have it could not be asked.
    Away,
}

/// What opens packs, and where they are.
pub struct Fetcher {
    sources: Vec<Arc<Source>>,
    keyring: Arc<Keyring>,
    household: HouseholdId,
    /// Told when somebody is waited for.
    patient: Option<Arc<Restoring>>,
}

/// Neighbours in one pack that are fetched together.
struct Window<K> {
    pack: PackRef,
    from: u64,
    to: u64,
    items: Vec<(K, Located)>,
}

impl Fetcher {
    /// Fetches from these sources, the earlier ones preferred.
    pub fn new(sources: Vec<Arc<Source>>, keyring: Arc<Keyring>, household: HouseholdId) -> Self {
        Self { sources, keyring, household, patient: None }
    }

    /// Waits for sources that are away for a while, and tells why it takes so long.
    pub fn patient(self, restoring: Arc<Restoring>) -> Self {
        Self { patient: Some(restoring), ..self }
    }

    /// One blob.
    ///
    /// # Errors
    /// See [`Lack`].
    pub async fn blob(&self, located: &Located) -> Result<Vec<u8>, Lack> {
        let mut pause = PAUSE;
        for round in 1_u32.. {
            let (mut lack, mut is_worth_waiting) = (Lack::Lost, false);
            for source in self.in_order(0) {
                match self.blob_from(source, located).await {
                    Ok(bytes) => {
                        if let Some(restoring) = self.patient.as_ref().filter(|_| round > ROUNDS) {
                            restoring.unsay();
                        }
                        return Ok(bytes);
                    }
                    Err(why) => {
                        lack = lack.max(why);
                        is_worth_waiting |= why == Lack::Away && !source.is_silent_for(PATIENCE);
                    }
                }
            }
            let may_wait = round < ROUNDS || self.patient.is_some() && is_worth_waiting;
            if lack == Lack::Lost || !may_wait {
                return Err(lack);
            }
            if let Some(restoring) = self.patient.as_ref().filter(|_| round == ROUNDS) {
                restoring
                    .say("a home or a disk with copies does not answer; this goes on as soon as it does");
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
        Err(Lack::Away)
    }

    /// Many blobs, in whatever order they come; `take` is told of each once. Ends early when `take` fails.
    ///
    /// # Errors
    /// Those of `take`.
    pub async fn each<K: Send>(
        &self,
        wanted: Vec<(K, Located)>,
        take: &mut (dyn FnMut(K, Result<Vec<u8>, Lack>) -> anyhow::Result<()> + Send),
    ) -> anyhow::Result<()> {
        let windows = windows(wanted).into_iter().enumerate();
        let mut coming = futures_util::stream::iter(windows)
            .map(|(number, window)| self.window(number, window))
            .buffer_unordered(FETCHES_MAX);
        while let Some(items) = coming.next().await {
            for (key, got) in items {
                take(key, got)?;
            }
        }
        Ok(())
    }

    async fn window<K: Send>(&self, number: usize, window: Window<K>) -> Vec<(K, Result<Vec<u8>, Lack>)> {
        let mut whole = None;
        if window.to > window.from {
            for source in self.in_order(number) {
                match source.target.get(window.pack.id, window.from..window.to).await {
                    Ok(bytes) => {
                        source.answered(true);
                        whole = Some((source, bytes));
                        break;
                    }
                    Err(error) => note(source, &window.pack.id, &error),
                }
            }
        }
        let mut items = Vec::with_capacity(window.items.len());
        for (key, located) in window.items {
            let opened = whole.as_ref().and_then(|(source, bytes)| {
                let opened = self.open(&located, window.from, bytes);
                if opened.is_none() {
                    source.doubt("a part of a pack does not open");
                }
                opened
            });
            let got = match opened {
                Some(bytes) => Ok(bytes),
                None => self.blob(&located).await,
            };
            items.push((key, got));
        }
        items
    }

    /// Puts a blob together from bytes that were fetched already.
    fn open(&self, located: &Located, from: u64, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut assembly = Assembly::new(&self.keyring, &self.household, located.clone()).ok()?;
        let mut plain = Vec::with_capacity(usize::try_from(located.size).ok()?);
        while let Some((_, range)) = assembly.next() {
            let at = usize::try_from(range.start.checked_sub(from)?).ok()?;
            let end = usize::try_from(range.end.checked_sub(from)?).ok()?;
            let mut cipher = bytes.get(at..end)?.to_vec();
            assembly.accept(&mut cipher, &mut plain).ok()?;
        }
        assembly.finish().ok()?;
        Some(plain)
    }

    async fn blob_from(&self, source: &Source, located: &Located) -> Result<Vec<u8>, Lack> {
        if located.size > BLOB_BYTES_MAX {
            return Err(Lack::Lost);
        }
        let assembly = Assembly::new(&self.keyring, &self.household, located.clone());
        let mut assembly = assembly.map_err(|_| Lack::Lost)?;
        let mut plain = Vec::new();
        while let Some((pack, range)) = assembly.next().map(|(pack, range)| (pack.id, range)) {
            let mut cipher = match source.target.get(pack, range).await {
                Ok(cipher) => {
                    source.answered(true);
                    cipher.to_vec()
                }
                Err(error) => {
                    note(source, &pack, &error);
                    return Err(lack(&error));
                }
            };
            if assembly.accept(&mut cipher, &mut plain).is_err() {
                source.doubt("a part of a pack does not open");
                return Err(Lack::Lost);
            }
        }
        match assembly.finish() {
            Ok(()) => Ok(plain),
            Err(_) => Err(Lack::Lost),
        }
    }

    /// The sources, beginning with another one each time so that all of them help; those that sent what was wrong last.
    fn in_order(&self, number: usize) -> impl Iterator<Item = &Arc<Source>> {
        let count = self.sources.len().max(1);
        let turned = move |place: usize| self.sources.get((place + number) % count);
        let (good, doubtful): (Vec<_>, Vec<_>) =
            (0..self.sources.len()).filter_map(turned).partition(|source| !source.is_doubtful());
        good.into_iter().chain(doubtful)
    }
}

fn note(source: &Source, pack: &PackId, error: &TargetError) {
    tracing::debug!(source = source.name, %pack, %error, "a part of a pack did not come");
    source.answered(lack(error) == Lack::Lost);
    if let TargetError::Wrong(why) = error {
        source.doubt(why);
    }
}

fn lack(error: &TargetError) -> Lack {
    match error {
        TargetError::Offline | TargetError::DiskAbsent | TargetError::Busy | TargetError::Io(_) => Lack::Away,
        TargetError::Full { .. }
        | TargetError::Refused(_)
        | TargetError::Missing
        | TargetError::Older
        | TargetError::Fork
        | TargetError::Wrong(_) => Lack::Lost,
    }
}

/// Gathers what lies together in a pack.
fn windows<K>(mut wanted: Vec<(K, Located)>) -> Vec<Window<K>> {
    let place = |located: &Located| match located.pieces.as_slice() {
        [(pack, entry)] => Some((*pack, piece_range(entry))),
        _ => None,
    };
    wanted.sort_by_cached_key(|(_, located)| place(located).map(|(pack, range)| (pack.id, range.start)));
    let mut windows: Vec<Window<K>> = Vec::new();
    for (key, located) in wanted {
        let found = place(&located).filter(|(_, range)| range.end - range.start <= WINDOW_BYTES_MAX);
        let Some((pack, range)) = found else {
            // Several pieces, or a large one: fetched by itself.
            if let Some((pack, _)) = located.pieces.first() {
                windows.push(Window { pack: *pack, from: 0, to: 0, items: vec![(key, located)] });
            }
            continue;
        };
        match windows.last_mut() {
            Some(last)
                if last.pack.id == pack.id
                    && last.to > 0
                    && range.start <= last.to + GAP_BYTES_MAX
                    && range.end - last.from <= WINDOW_BYTES_MAX =>
            {
                last.to = last.to.max(range.end);
                last.items.push((key, located));
            }
            _ => {
                let (from, to) = (range.start, range.end);
                windows.push(Window { pack, from, to, items: vec![(key, located)] });
            }
        }
    }
    windows
}

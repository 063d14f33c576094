//! Fetching blobs from several sources at once. Nothing is believed that does not decrypt and have its hash; what one
//! source lacks or spoils is asked of the next, and what none has in one pack is looked for in another.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use heirloom_identity::{ContentHash, HouseholdId, Keyring};
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
/// Ways in which one blob stands in packs that are tried.
const PACKINGS_MAX: u32 = 8;
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
/// The same for others: whoever asks for the pictures of a whole library waits once for a disk that is away, not for each.
const HASTE: Duration = Duration::from_secs(1);

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
    besides: Option<Arc<Besides>>,
}

/// Finds a blob in other packs than those that could not be read: one may stand in several.
type Besides = dyn Fn(&ContentHash, &HashSet<PackId>) -> Option<Located> + Send + Sync;

/// What came of asking every source.
struct Asked {
    lack: Lack,
    /// One of those that are away may come back soon.
    is_worth_waiting: bool,
}

/// What one source lacks of a blob, and in which pack.
struct Missed {
    lack: Lack,
    pack: Option<PackId>,
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
        Self { sources, keyring, household, patient: None, besides: None }
    }

    /// Waits for sources that are away for a while, and tells why it takes so long.
    pub fn patient(self, restoring: Arc<Restoring>) -> Self {
        Self { patient: Some(restoring), ..self }
    }

    /// Looks for blobs in other packs, too, when some cannot be read.
    pub fn looking_besides(
        self,
        besides: impl Fn(&ContentHash, &HashSet<PackId>) -> Option<Located> + Send + Sync + 'static,
    ) -> Self {
        Self { besides: Some(Arc::new(besides)), ..self }
    }

    /// One blob.
    ///
    /// # Errors
    /// See [`Lack`].
    pub async fn blob(&self, located: &Located) -> Result<Vec<u8>, Lack> {
        let mut pause = PAUSE;
        for round in 1_u32.. {
            let Asked { lack, is_worth_waiting } = match self.ask_everybody(located).await {
                Ok(bytes) => {
                    if let Some(restoring) = self.patient.as_ref().filter(|_| round > ROUNDS) {
                        restoring.unsay();
                    }
                    return Ok(bytes);
                }
                Err(asked) => asked,
            };
            let may_wait = round < ROUNDS || self.patient.is_some();
            if lack == Lack::Lost || !may_wait || !is_worth_waiting {
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

    /// Asks every source once, and once for each other way in which the blob stands in packs.
    async fn ask_everybody(&self, located: &Located) -> Result<Vec<u8>, Asked> {
        let mut asked = Asked { lack: Lack::Lost, is_worth_waiting: false };
        let (mut without, mut next) = (HashSet::new(), Some(located.clone()));
        let patience = if self.patient.is_some() { PATIENCE } else { HASTE };
        for _ in 0..PACKINGS_MAX {
            let Some(located) = next else { break };
            for source in self.in_order(0) {
                match self.blob_from(source, &located).await {
                    Ok(bytes) => return Ok(bytes),
                    Err(Missed { lack, pack }) => {
                        asked.lack = asked.lack.max(lack);
                        asked.is_worth_waiting |= lack == Lack::Away && !source.is_silent_for(patience);
                        without.extend(pack);
                    }
                }
            }
            next = self.look_besides(&located.blob, &without).await;
        }
        Err(asked)
    }

    async fn look_besides(&self, blob: &ContentHash, without: &HashSet<PackId>) -> Option<Located> {
        let (besides, blob, without) = (Arc::clone(self.besides.as_ref()?), *blob, without.clone());
        let looked = super::blocking(move || Ok(besides(&blob, &without))).await;
        looked.unwrap_or_else(|error| {
            tracing::error!("cannot look for other packs: {error:#}");
            None
        })
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

    async fn blob_from(&self, source: &Source, located: &Located) -> Result<Vec<u8>, Missed> {
        let lost = |pack| Missed { lack: Lack::Lost, pack };
        let first = located.pieces.first().map(|(pack, _)| pack.id);
        if located.size > BLOB_BYTES_MAX {
            return Err(lost(None));
        }
        let assembly = Assembly::new(&self.keyring, &self.household, located.clone());
        let mut assembly = assembly.map_err(|_| lost(first))?;
        let mut plain = Vec::new();
        while let Some((pack, range)) = assembly.next().map(|(pack, range)| (pack.id, range)) {
            let mut cipher = match source.target.get(pack, range).await {
                Ok(cipher) => {
                    source.answered(true);
                    cipher.to_vec()
                }
                Err(error) => {
                    note(source, &pack, &error);
                    return Err(Missed { lack: lack(&error), pack: Some(pack) });
                }
            };
            if assembly.accept(&mut cipher, &mut plain).is_err() {
                source.doubt("a part of a pack does not open");
                return Err(lost(Some(pack)));
            }
        }
        match assembly.finish() {
            Ok(()) => Ok(plain),
            Err(_) => Err(lost(first)),
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use heirloom_store::RealDisk;
    use heirloom_vault::folder::Expected;
    use heirloom_vault::target::FolderTarget;
    use heirloom_vault::{BlobKind, Index, Packer, Room, SealedPack, Segment, Target};

    use super::*;

    /// Goal: a blob that stands in two packs comes from the second when nobody has the first. Method: a folder that lacks
    /// the pack that is looked in first.
    #[tokio::test]
    async fn a_blob_comes_from_its_other_pack() {
        let folder = tempfile::tempdir().unwrap();
        let household = HouseholdId::from_bytes([4; 32]);
        let keyring = Arc::new(Keyring::begin([5; 32]));
        let content = b"what a household is made of".repeat(100);
        let packs = [1, 2].map(|salt| packed(&keyring, household, &content, salt));
        let listed = packs.iter().map(|sealed| (sealed.pack, sealed.entries.clone()));
        let index = Arc::new(Index::new(&[Segment::of(listed)]));
        let located = index.lookup(&ContentHash::of(&content)).unwrap();
        let target = target(folder.path(), household);
        let other = packs.into_iter().find(|sealed| sealed.pack.id != located.pieces[0].0.id).unwrap();
        target.put(other.pack.id, other.bytes.into(), Room::Common).await.unwrap();

        let source = Source::new("a disk".to_owned(), target);
        let fetcher = Fetcher::new(vec![source], keyring, household);
        assert_eq!(fetcher.blob(&located).await, Err(Lack::Lost));
        let fetcher = fetcher.looking_besides(move |blob, without| index.lookup_without(blob, without));
        assert_eq!(fetcher.blob(&located).await.as_deref(), Ok(content.as_slice()));
    }

    /// Goal: a disk that is away is waited for once and not for every picture on it. Method: many blobs of a pack on a disk
    /// that is not there, with a clock that only counts the waiting.
    #[tokio::test(start_paused = true)]
    async fn a_disk_that_is_away_is_waited_for_once() {
        let folder = tempfile::tempdir().unwrap();
        let household = HouseholdId::from_bytes([4; 32]);
        let keyring = Arc::new(Keyring::begin([5; 32]));
        let sealed = packed(&keyring, household, b"a picture", 1);
        let index = Index::new(&[Segment::of([(sealed.pack, sealed.entries.clone())])]);
        let located = index.lookup(&ContentHash::of(b"a picture")).unwrap();
        // Without the limit of its own that a folder has, which the clock would count, too.
        let expected = Expected { household, disks: Vec::new() };
        let clock = Arc::new(crate::clock::now_ms);
        let away =
            FolderTarget::new(folder.path().join("away"), expected, Arc::new(RealDisk), clock).unwrap();
        let away: Arc<dyn Target> = Arc::new(away);
        let fetcher = Fetcher::new(vec![Source::new("a disk".to_owned(), away)], keyring, household);
        let (began, mut away) = (tokio::time::Instant::now(), 0);
        let mut take = |_: u32, got| {
            away += u32::from(got == Err(Lack::Away));
            Ok(())
        };
        fetcher.each((0..100).map(|number| (number, located.clone())).collect(), &mut take).await.unwrap();
        assert_eq!(away, 100);
        assert!(began.elapsed() < PAUSE * 6, "{:?}", began.elapsed());
    }

    fn packed(keyring: &Keyring, household: HouseholdId, content: &[u8], salt: u8) -> SealedPack {
        let salts = Box::new(move || [salt; 32]);
        let mut packer = Packer::new(keyring.newest().clone(), household, salts);
        let (blob, size) = (ContentHash::of(content), content.len() as u64);
        let mut full = |_| Ok(());
        packer.add(BlobKind::Table, blob, size, &mut &content[..], &mut full).unwrap();
        packer.flush().unwrap()
    }

    fn target(folder: &Path, household: HouseholdId) -> Arc<dyn Target> {
        FolderTarget::create(folder, &household, [7; 16], Arc::new(RealDisk)).unwrap();
        let expected = Expected { household, disks: Vec::new() };
        let clock = Arc::new(crate::clock::now_ms);
        Arc::new(FolderTarget::new(folder.to_owned(), expected, Arc::new(RealDisk), clock).unwrap())
    }
}

//! Restoring without the phrase: asking holders of a recovery kit for their parts, until there are enough.
//!
//! It takes days on purpose. The keys with which this machine asks lie in `restoring/`, so the same command goes on where
//! it was: holders know the machine again, and give a part that they gave before once more. What comes out is the phrase's
//! secret; with it the restore is one like any other. The first-run page keeps a [`Note`] of what was typed beside the keys,
//! so that it goes on by itself; [`Standing`] is what it shows.

mod note;
mod standing;

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use heirloom_identity::{
    HouseholdId, Invitation, KitId, KitRecord, KitSecret, KitShare, NodeKeys, Phrase, ReceiveKey,
};
use zeroize::Zeroizing;

pub use self::note::{Entry, EntryKind, Note};
pub use self::standing::{HolderNow, HolderState, Standing, pause};
use super::source::{Origin, SOURCES_MAX};
use super::{Problem, RelayAccess, forget_told, vacant};
use crate::home::create::{make_folder, make_root};
use crate::home::layout::Layout;
use crate::home::lock::Lock;
use crate::protocols::vault::RecoverError;
use crate::protocols::vault::kit_client::{KitNet, Reply, Standing as Answer};
use crate::restore::state::write_whole;

/// The file with this machine's keys.
const FILE: &str = "kit-request";
/// Bytes of it: the node's keys and the key that parts are sealed to.
const FILE_BYTES: usize = NodeKeys::BYTES + 32;

/// Says something to a person, once.
pub type Teller<'a> = dyn Fn(&str) + Send + Sync + 'a;
/// Hears how it stands, whenever that may have changed.
pub type Watcher<'a> = dyn FnMut(&Standing) + Send + 'a;
/// A machine's keys, as they are kept.
pub(super) type Machine = Zeroizing<[u8; NodeKeys::BYTES]>;

/// What a person gave.
pub struct KitOrder {
    layout: Layout,
    /// How the home was called.
    name: String,
    holders: Vec<Invitation>,
    papers: Vec<KitShare>,
    relays: RelayAccess,
}

/// What came of parts that are enough by their number.
enum Opened {
    Phrase(Zeroizing<String>),
    /// Why they open nothing now, for a person.
    NotYet(String),
}

impl KitOrder {
    /// Reads what a person typed: the name of the home that is lost, invitations of holders, and parts on paper.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(
        root: &Path,
        name: &str,
        from: &[String],
        papers: &[Zeroizing<String>],
    ) -> Result<Self, Problem> {
        let origins = from.iter().map(|text| Origin::read(text)).collect::<Result<Vec<_>, _>>()?;
        Self::of(root, name, origins, papers)
    }

    /// Reads what was right when it was typed. A disk that is not there now keeps nobody from being asked.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn stored(root: &Path, note: &Note) -> Result<Self, Problem> {
        let origins = note.from.iter().filter_map(|text| Origin::read(text).ok()).collect();
        Ok(Self::of(root, &note.name, origins, &note.papers)?.over(note.relays()?))
    }

    /// The same over relays that ask for something.
    #[must_use]
    pub fn over(self, relays: RelayAccess) -> Self {
        Self { relays, ..self }
    }

    fn of(
        root: &Path,
        name: &str,
        origins: Vec<Origin>,
        papers: &[Zeroizing<String>],
    ) -> Result<Self, Problem> {
        let layout = Layout::of(root)?;
        vacant(&layout)?;
        if name.trim().is_empty() {
            return Err(Problem::Origin("Say how your home was called.".to_owned()));
        }
        if origins.len() > SOURCES_MAX {
            return Err(Problem::Origin(format!("These are too many links; {SOURCES_MAX} are enough.")));
        }
        let mut holders = Vec::new();
        for origin in origins {
            match origin {
                Origin::Home(invitation) => holders.push(*invitation),
                // A disk has copies, and no part.
                Origin::Folder { .. } | Origin::Bucket(_) => {}
            }
        }
        if holders.is_empty() {
            return Err(Problem::Origin(
                "One link of a home is needed in any case, also where the parts are on paper: the rest of the kit lies \
                 with the homes that keep your copies."
                    .to_owned(),
            ));
        }
        let mut sheets = Vec::new();
        for (at, paper) in papers.iter().enumerate() {
            let which = if papers.len() == 1 { "The part".to_owned() } else { format!("Part {}", at + 1) };
            let said = |error| Problem::Origin(format!("{which} that you typed is not right: {error}."));
            sheets.push(KitShare::parse(paper).map_err(said)?);
        }
        let papers = distinct(sheets.iter());
        if let Some(other) = papers.iter().find(|part| part.kit() != papers[0].kit()) {
            return Err(Problem::Origin(format!(
                "The parts that you typed are of different kits: part {} does not belong to part {}. Look for sheets \
                 with the same date.",
                other.index(),
                papers[0].index()
            )));
        }
        Ok(Self { layout, name: name.trim().to_owned(), holders, papers, relays: RelayAccess::default() })
    }

    /// Asks until there are enough parts, telling every news once; the phrase that they open. `pause` is the time between
    /// two rounds.
    ///
    /// # Errors
    /// When so many people said no that there will never be enough, or the parts open nothing.
    pub async fn phrase(&self, tell: &Teller<'_>, pause: Duration) -> Result<Zeroizing<String>, Problem> {
        let mut told: Vec<String> = Vec::new();
        let mut watcher = |standing: &Standing| {
            let asked = standing.holders.iter().filter(|holder| holder.state != HolderState::Asking);
            let lines: Vec<String> = asked.map(HolderNow::line).chain(standing.message.clone()).collect();
            for line in lines.iter().filter(|line| !told.contains(line)) {
                tell(line);
            }
            told = lines;
        };
        self.ask(&mut watcher, &|_| pause).await
    }

    /// Asks until there are enough parts; the phrase that they open. `pause` says how long to wait for the next round, when
    /// the first was so long ago.
    ///
    /// # Errors
    /// When so many people said no that there will never be enough, or the parts open nothing.
    pub async fn ask(
        &self,
        watcher: &mut Watcher<'_>,
        pause: &(dyn Fn(Duration) -> Duration + Send + Sync),
    ) -> Result<Zeroizing<String>, Problem> {
        let layout = self.layout.clone();
        let (lock, secrets) = tokio::task::spawn_blocking(move || begin(&layout))
            .await
            .context("a thread ended unexpectedly")??;
        let net = self.network(&secrets).await?;
        let found = self.gather(&net, watcher, pause).await;
        net.close().await;
        drop(lock);
        found
    }

    /// How it stands before anybody was asked.
    pub fn standing(&self) -> Standing {
        let mut standing = Standing {
            holders: self.holders.iter().map(|holder| HolderNow::unasked(holder.name())).collect(),
            papers: self.papers.len(),
            ..Standing::default()
        };
        count(&mut standing, &self.papers);
        standing
    }

    async fn network(&self, secrets: &[u8; FILE_BYTES]) -> Result<KitNet, Problem> {
        let node = machine_of(secrets);
        let mut receive = Zeroizing::new([0; 32]);
        receive.copy_from_slice(&secrets[NodeKeys::BYTES..]);
        let relays = self.relays.configs(self.holders.iter());
        let listen = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let (node, receive) = (NodeKeys::from_bytes(&node), ReceiveKey::from_bytes(&receive));
        let started = KitNet::start(&node, receive, listen, relays, self.relays.roots.clone(), true);
        Ok(started.await.context("this computer's network could not be used")?)
    }

    /// Rounds of asking, until there are enough parts of one kit.
    async fn gather(
        &self,
        net: &KitNet,
        watcher: &mut Watcher<'_>,
        pause: &(dyn Fn(Duration) -> Duration + Send + Sync),
    ) -> Result<Zeroizing<String>, Problem> {
        let began = Instant::now();
        let mut standing = self.standing();
        let mut given: Vec<KitShare> = Vec::new();
        loop {
            let to_ask = self.holders.iter().enumerate();
            let mut answers: FuturesUnordered<_> = to_ask
                .filter(|(place, _)| standing.holders[*place].state != HolderState::Given)
                .map(|(place, holder)| async move { (place, self.ask_one(net, holder).await) })
                .collect();
            while let Some((place, answer)) = answers.next().await {
                standing.holders[place].hear(&answer);
                if let Ok(answer) = answer
                    && let Reply::Given(share) = answer.answer
                {
                    given.push(*share);
                }
                count(&mut standing, &distinct(self.papers.iter().chain(&given)));
                watcher(&standing);
            }
            drop(answers);
            let shares = distinct(self.papers.iter().chain(&given));
            standing.message = None;
            for enough in shares.chunk_by(is_of_one_kit).filter(|of_one| is_enough(of_one)) {
                match self.open(net, enough).await {
                    Opened::Phrase(phrase) => return Ok(phrase),
                    Opened::NotYet(why) => standing.message = Some(why),
                }
            }
            if standing.message.is_some() {
                watcher(&standing);
            } else if standing.is_hopeless() {
                return Err(Problem::Origin(
                    "Everybody who could still give a part said no. Call them. If it was a mistake, begin again, with \
                     new links."
                        .to_owned(),
                ));
            }
            tokio::time::sleep(pause(began.elapsed())).await;
        }
    }

    /// Asks a holder at the first of its addresses that leads to it.
    async fn ask_one(&self, net: &KitNet, holder: &Invitation) -> Result<Answer, RecoverError> {
        let mut said = Err(nowhere());
        for address in self.relays.addresses(holder) {
            said = net.ask(holder, &address, &self.name).await;
            if !matches!(said, Err(RecoverError::Unreachable(_))) {
                break;
            }
        }
        said
    }

    /// The same for the record of a kit.
    async fn record(
        &self,
        net: &KitNet,
        holder: &Invitation,
        household: &HouseholdId,
        kit: &KitId,
    ) -> Result<Option<KitRecord>, RecoverError> {
        let mut said = Err(nowhere());
        for address in self.relays.addresses(holder) {
            said = net.record(&address, household, kit).await;
            if !matches!(said, Err(RecoverError::Unreachable(_))) {
                break;
            }
        }
        said
    }

    /// Opens the record, which any of the homes may have, with those parts that it knows: one that is wrong does not keep
    /// enough right ones from opening it, and neither does a home whose record is wrong.
    async fn open(&self, net: &KitNet, shares: &[KitShare]) -> Opened {
        let (household, kit) = (shares[0].household(), shares[0].kit());
        let mut why = "There are enough parts, but none of the homes that answer has the rest of the kit. Add the link of \
                       a home that keeps your copies."
            .to_owned();
        for holder in &self.holders {
            let Ok(Some(record)) = self.record(net, holder, household, kit).await else { continue };
            let (right, wrong): (Vec<_>, Vec<_>) =
                shares.iter().cloned().partition(|share| record.holds(share));
            let opened = KitSecret::combine(&right).and_then(|secret| record.open(&secret));
            why = match (opened, wrong.first()) {
                (Ok(root), _) => return Opened::Phrase(Phrase::of(&root).text()),
                (Err(_), Some(wrong)) => format!(
                    "Part {} is not one of this kit. If it is on paper, look for another sheet; if a home gave it, call \
                     them. Another part does as well.",
                    wrong.index()
                ),
                (Err(error), None) => format!("The parts could not be put together: {error}."),
            };
        }
        Opened::NotYet(why)
    }
}

fn nowhere() -> RecoverError {
    RecoverError::Unreachable("its invitation names no address".to_owned())
}

/// Forgets what was named, and the keys with which this machine asked; fine if there are none. The folder goes, too, if
/// nothing else is in it: what was given up is no restore that could go on.
///
/// # Errors
/// What the system says.
pub fn forget(root: &Path) -> anyhow::Result<()> {
    let layout = Layout::of(root)?;
    let folder = layout.restoring();
    Note::forget(&layout)?;
    forget_told(&layout)?;
    remove(&folder.join(FILE))?;
    remove(&folder.join(format!("{FILE}.new")))?;
    match std::fs::remove_dir(&folder) {
        Err(error) if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::DirectoryNotEmpty) => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

pub(super) fn remove(path: &Path) -> anyhow::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Counts the parts of the kit of which most are here.
fn count(standing: &mut Standing, shares: &[KitShare]) {
    let most = shares.chunk_by(is_of_one_kit).max_by_key(|of_one| of_one.len());
    standing.have = most.map_or(0, <[KitShare]>::len);
    standing.needed = most.map(|of_one| of_one[0].quorum().threshold());
}

fn is_of_one_kit(one: &KitShare, next: &KitShare) -> bool {
    one.household() == next.household() && one.kit() == next.kit()
}

/// Every part once, sorted by kit.
fn distinct<'a>(shares: impl Iterator<Item = &'a KitShare>) -> Vec<KitShare> {
    let mut distinct: Vec<KitShare> = Vec::new();
    for share in shares {
        if !distinct.contains(share) {
            distinct.push(share.clone());
        }
    }
    distinct.sort_by_key(|share| (*share.household(), *share.kit(), share.index()));
    distinct
}

/// Whether parts of one kit may be enough to open it. A wrong one may say something else than the others.
fn is_enough(of_one: &[KitShare]) -> bool {
    let fewest = of_one.iter().map(|share| share.quorum().threshold()).min();
    fewest.is_some_and(|fewest| of_one.len() >= usize::from(fewest))
}

/// Takes the folder and reads the keys with which this machine asks, or makes them.
fn begin(layout: &Layout) -> anyhow::Result<(Lock, Zeroizing<[u8; FILE_BYTES]>)> {
    make_root(layout)?;
    let lock = Lock::take(layout)?;
    make_folder(&layout.restoring())?;
    if let Some(secrets) = read_secrets(layout)? {
        return Ok((lock, secrets));
    }
    let secrets = Zeroizing::new(crate::random::bytes::<FILE_BYTES>()?);
    write_whole(&layout.restoring().join(FILE), &*secrets)?;
    Ok((lock, secrets))
}

/// The keys with which this machine asks; `None` when there are none that are whole.
fn read_secrets(layout: &Layout) -> anyhow::Result<Option<Zeroizing<[u8; FILE_BYTES]>>> {
    let path: PathBuf = layout.restoring().join(FILE);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => Zeroizing::new(bytes),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    Ok(<[u8; FILE_BYTES]>::try_from(&bytes[..]).ok().map(Zeroizing::new))
}

fn machine_of(secrets: &[u8; FILE_BYTES]) -> Machine {
    let mut node = Zeroizing::new([0; NodeKeys::BYTES]);
    node.copy_from_slice(&secrets[..NodeKeys::BYTES]);
    node
}

/// The machine that asks from this folder, if one does. With its keys the same homes are spoken to afterwards, too: to
/// other keys they would be another computer that has the words, of which they tell everybody.
///
/// # Errors
/// When they cannot be read.
pub(super) fn machine(layout: &Layout) -> anyhow::Result<Option<Machine>> {
    Ok(read_secrets(layout)?.map(|secrets| machine_of(&secrets)))
}

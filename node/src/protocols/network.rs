//! The one handle to everything between this home and others; made by `serve`, gone when the node stops.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, bail};
use data_encoding::HEXLOWER;
use heirloom_identity::card::{PEOPLE_MAX, clean_name};
use heirloom_identity::{Card, Certificate, HouseholdId, Person};
use heirloom_net::{CloseCode, Connection, Net, NodeAddress, Path, RelayState};
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::book::{Book, TurnedAway};
use super::dialer;
use super::hello::Introduction;
use super::pairing::{Pairings, Problem};
use super::vault::recovery::RECOVERIES_MAX;
use crate::clock;
use crate::home::Home;
use crate::home::events::Event;
use crate::ledger::peers::{PairError, Peer, PeerState};

/// Strangers that may show a certificate at the same time.
pub(super) const STRANGERS_MAX: usize = 8;
/// Guests that may be talked to at the same time.
pub(super) const GUESTS_MAX: usize = 8;
/// The setting that holds what this home last said about itself.
const SETTING_CARD: &str = "card";
/// The setting that holds the certificate of the node that took this one's place.
pub(crate) const SETTING_OUTRANKED: &str = "outranked_by";

/// Everything between this home and others.
pub struct Network {
    pub(super) home: Arc<Home>,
    pub(super) net: Net,
    pub(super) book: Arc<Book>,
    pub(super) pairings: Pairings,
    pub(super) stopping: CancellationToken,
    pub(super) tasks: TaskTracker,
    pub(super) strangers: Semaphore,
    /// Held while what a home said is compared with what is known and recorded: of two nodes that speak for one household
    /// at the same moment, the one with the higher certificate stays.
    pub(super) introductions: tokio::sync::Mutex<()>,
    pub(super) guests: Semaphore,
    pub(super) recoveries: Semaphore,
    /// Somebody's name changed here.
    pub(super) card_changed: Notify,
    pub(super) runtime: Handle,
    links: Mutex<HashMap<HouseholdId, Link>>,
    dialers: Mutex<HashMap<HouseholdId, Arc<Notify>>>,
}

/// A connection that has been greeted.
struct Link {
    connection: Connection,
}

/// Another home, as people see it.
#[derive(Debug, Clone)]
pub struct PeerView {
    /// What the ledger knows.
    pub peer: Peer,
    /// How it is reached right now.
    pub path: Path,
    /// Whether it is connected and has been greeted.
    pub connected: bool,
}

impl Network {
    pub(super) fn new(home: Arc<Home>, net: Net, book: Arc<Book>) -> Self {
        Self {
            home,
            net,
            book,
            pairings: Pairings::default(),
            stopping: CancellationToken::new(),
            tasks: TaskTracker::new(),
            strangers: Semaphore::new(STRANGERS_MAX),
            introductions: tokio::sync::Mutex::default(),
            guests: Semaphore::new(GUESTS_MAX),
            recoveries: Semaphore::new(RECOVERIES_MAX),
            card_changed: Notify::new(),
            runtime: Handle::current(),
            links: Mutex::default(),
            dialers: Mutex::default(),
        }
    }

    /// Waits for something of the network on a thread that is not one of its own.
    pub fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Every home that is paired or blocked, oldest first.
    pub fn peers(&self) -> Vec<PeerView> {
        let mut peers = self.book.peers();
        peers.retain(|peer| peer.state != PeerState::Removed);
        peers.sort_by_key(|peer| (peer.paired_ms, peer.household));
        let view = |peer: Peer| PeerView {
            path: self.path(&peer.household),
            connected: self.connection(&peer.household).is_some(),
            peer,
        };
        peers.into_iter().map(view).collect()
    }

    /// What is known of one home, removed ones too.
    pub fn peer(&self, household: &HouseholdId) -> Option<Peer> {
        self.book.peer(household)
    }

    /// How a home is reached right now.
    pub fn path(&self, household: &HouseholdId) -> Path {
        self.connection(household).map_or(Path::OFF, |connection| connection.path())
    }

    /// The connection with a home that is paired, if there is one.
    pub fn connection(&self, household: &HouseholdId) -> Option<Connection> {
        let links = self.links();
        let link = links.get(household)?;
        link.connection.reason().is_none().then(|| link.connection.clone())
    }

    /// The connections with those of these homes that are reached.
    pub fn connections(&self, households: &[HouseholdId]) -> Vec<(HouseholdId, Connection)> {
        let one = |household: &HouseholdId| Some((*household, self.connection(household)?));
        households.iter().filter_map(one).collect()
    }

    /// Where this node can be found.
    pub fn address(&self) -> NodeAddress {
        self.net.address()
    }

    /// How this node stands with its relays.
    pub fn relay_state(&self) -> RelayState {
        self.net.relay_state()
    }

    /// Says that the household's name or its people's may have changed; other homes are told.
    pub fn names_changed(&self) {
        self.card_changed.notify_one();
    }

    /// Says what people here call a home; empty or `None`: as it calls itself.
    ///
    /// # Errors
    /// When the home is not known, or it could not be saved.
    pub async fn name_peer(&self, household: HouseholdId, name: Option<String>) -> anyhow::Result<()> {
        self.known(&household)?;
        let given_name = name.map(|name| clean_name(&name)).filter(|name| !name.is_empty());
        let saved = given_name.clone();
        self.blocking(move |home| Ok(home.ledger.name_peer(&household, saved)?)).await?;
        self.book.change(&household, |peer| peer.given_name = given_name);
        self.tell_peers();
        Ok(())
    }

    /// Ends the pairing with a home: its connection is closed at once and none is made any more. Albums stay as
    /// they are; what is shared with that home is a matter of each album's members.
    ///
    /// # Errors
    /// When the home is not known, or it could not be saved.
    pub async fn remove_peer(&self, household: HouseholdId) -> anyhow::Result<()> {
        self.known(&household)?;
        self.set_state(household, PeerState::Removed).await
    }

    /// Keeps a home out, or lets it in again.
    ///
    /// # Errors
    /// When the home is not paired, or it could not be saved.
    pub async fn set_blocked(self: &Arc<Self>, household: HouseholdId, blocked: bool) -> anyhow::Result<()> {
        if self.known(&household)?.state == PeerState::Removed {
            bail!("this home is not paired any more; an invitation brings it back");
        }
        let state = if blocked { PeerState::Blocked } else { PeerState::Paired };
        self.set_state(household, state).await?;
        if !blocked {
            self.learn(&self.known(&household)?);
            dialer::start(self, household);
        }
        Ok(())
    }

    async fn set_state(&self, household: HouseholdId, state: PeerState) -> anyhow::Result<()> {
        self.blocking(move |home| Ok(home.ledger.set_peer_state(&household, state)?)).await?;
        self.reread_invitations().await;
        let change = |peer: &mut Peer| {
            peer.state = state;
            peer.refusal = None;
        };
        let peer = self.book.change(&household, change).context("this home was forgotten meanwhile")?;
        if state != PeerState::Paired {
            if let Some(link) = self.links().remove(&household) {
                let why = TurnedAway::NotPaired;
                link.connection.close(why.close_code(), why.words());
            }
            self.net.forget(peer.certificate.node());
            self.wake_dialer(&household);
        }
        self.tell_peers();
        Ok(())
    }

    fn known(&self, household: &HouseholdId) -> anyhow::Result<Peer> {
        self.book
            .peer(household)
            .context("no such home is known here; `heirloom peer list` shows those that are")
    }

    /// What this home says about itself, signed; a new one when something changed.
    pub(super) async fn card(&self) -> anyhow::Result<Card> {
        self.blocking(current_card).await
    }

    /// The household's name and its people's.
    pub(super) async fn who_we_are(&self) -> anyhow::Result<(String, Vec<String>)> {
        let card = self.card().await?;
        Ok((card.name().to_owned(), card.people().iter().map(|person| person.name.clone()).collect()))
    }

    /// What is said at the beginning of a connection with a home, if that is known.
    pub(super) async fn introduction(
        &self,
        other: Option<&Peer>,
        versions: (u16, u16),
    ) -> anyhow::Result<Introduction> {
        Ok(Introduction {
            versions,
            certificate: self.home.keys.certificate.encode().to_vec(),
            card: self.card().await?.encode(),
            address: self.address().encode(),
            yours: other.map(|peer| peer.certificate.encode().to_vec()),
        })
    }

    /// Records a pairing and begins to keep in touch.
    pub(super) async fn record_paired(
        self: &Arc<Self>,
        peer: Peer,
        invitation: Option<[u8; 32]>,
    ) -> Result<(), Problem> {
        let household = peer.household;
        let before = self.book.peer(&household);
        let row = peer.clone();
        let recorded = self
            .blocking(move |home| {
                home.ledger.pair(row, invitation)?;
                home.ledger.peer(&household)?.context("a pairing that was saved is gone")
            })
            .await;
        let peer = recorded.map_err(|error| {
            tracing::error!(%error, "a pairing could not be saved");
            match error.downcast_ref::<PairError>() {
                Some(PairError::Outranked) => Problem::Outranked,
                Some(PairError::Blocked) => Problem::Blocked,
                Some(PairError::Ended) => Problem::Expired,
                Some(PairError::Store(_)) | None => Problem::NotSaved,
            }
        })?;
        if let Some(before) = before.filter(|before| before.certificate.node() != peer.certificate.node()) {
            self.net.forget(before.certificate.node());
        }
        self.learn(&peer);
        tracing::info!(peer = %household, name = peer.name(), "paired");
        self.book.put(peer);
        self.reread_invitations().await;
        dialer::start(self, household);
        Ok(())
    }

    pub(super) fn learn(&self, peer: &Peer) {
        if let Some(address) = peer.address.as_deref().and_then(|bytes| NodeAddress::decode(bytes).ok()) {
            self.net.learn(&address);
        }
    }

    /// Another node of our own household has taken this one's place: says so, and connects with nobody any more.
    pub(super) async fn outranked(&self, by: Certificate) {
        tracing::error!(
            generation = by.generation(),
            "another node has taken the place of this one in its household; this one changes nothing any more"
        );
        let text = HEXLOWER.encode(&by.encode());
        if let Err(error) =
            self.blocking(move |home| Ok(home.ledger.set_setting(SETTING_OUTRANKED, &text)?)).await
        {
            tracing::error!(%error, "could not record that");
        }
        self.home.set_outranked();
        self.home.vault.changed(&self.home);
        for (_, link) in self.links().drain() {
            link.connection.close(CloseCode::DONE, "replaced by another node");
        }
        self.wake_dialers();
        self.tell_peers();
    }

    /// Notes a connection that was greeted; `false` when it is not wanted any more.
    pub(super) fn link(&self, household: HouseholdId, connection: Connection) -> bool {
        let mut links = self.links();
        // Asked under the lock: whoever ends a pairing closes the link after that.
        let is_wanted = self.book.is_paired(&household) && !self.home.is_outranked();
        if is_wanted {
            links.insert(household, Link { connection });
        }
        drop(links);
        self.tell_peers();
        is_wanted
    }

    /// Notes that a connection ended; says whether it was the one in use.
    pub(super) fn unlink(&self, household: &HouseholdId, connection: &Connection) -> bool {
        let mut links = self.links();
        let is_in_use =
            links.get(household).is_some_and(|link| link.connection.serial() == connection.serial());
        if is_in_use {
            links.remove(household);
        }
        drop(links);
        self.tell_peers();
        is_in_use
    }

    /// Every home that is connected.
    pub(super) fn linked(&self) -> Vec<(HouseholdId, Connection)> {
        self.links().iter().map(|(household, link)| (*household, link.connection.clone())).collect()
    }

    /// Where the dialer of a home is woken; `None` when it has one already.
    pub(super) fn take_dialer(&self, household: HouseholdId) -> Option<Arc<Notify>> {
        let mut dialers = self.dialers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = dialers.get(&household) {
            known.notify_one();
            return None;
        }
        Some(Arc::clone(dialers.entry(household).or_default()))
    }

    /// Tries at once to reach a home that is not connected.
    pub fn wake_dialer(&self, household: &HouseholdId) {
        let dialers = self.dialers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(wake) = dialers.get(household) {
            wake.notify_one();
        }
    }

    pub(super) fn wake_dialers(&self) {
        let dialers = self.dialers.lock().unwrap_or_else(PoisonError::into_inner);
        dialers.values().for_each(|wake| wake.notify_one());
    }

    /// Tells open pages that peers or pairings look different now.
    pub(super) fn tell_peers(&self) {
        self.home.events.tell(Event::Peers);
    }

    /// Runs what waits for the disk on a thread for that.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Home) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let home = Arc::clone(&self.home);
        tokio::task::spawn_blocking(move || work(&home)).await.context("a thread ended unexpectedly")?
    }

    fn links(&self) -> MutexGuard<'_, HashMap<HouseholdId, Link>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The card that says what is true now: the last one, or a new one when the name or the people changed.
fn current_card(home: &Home) -> anyhow::Result<Card> {
    let name = clean_name(&home.name()?);
    let accounts = home.ledger.accounts()?.into_iter();
    let person = |account: crate::ledger::accounts::Account| Person {
        account: account.id,
        name: clean_name(&account.name),
    };
    let mut people: Vec<Person> = accounts.take(PEOPLE_MAX).map(person).collect();
    people.sort_unstable();
    let stored = home.ledger.setting(SETTING_CARD)?;
    let stored = stored.and_then(|hex| Card::decode(&HEXLOWER.decode(hex.as_bytes()).ok()?).ok());
    let receive = home.keys.receive.first().context("this home has no receive key")?.public();
    let is_current = |card: &Card| {
        card.name() == name
            && card.people() == people
            && *card.receive() == receive
            && *card.certificate() == home.keys.certificate
    };
    if let Some(card) = stored.as_ref().filter(|card| is_current(card)) {
        return Ok(card.clone());
    }
    // Higher than any before it, even if the folder is an old copy.
    let now_ms = clock::now_ms();
    let after = stored.map_or(0, |card| card.number()).saturating_add(1);
    let number = after.max(now_ms.unsigned_abs());
    let card =
        Card::issue(home.keys.node.signer(), &home.keys.certificate, number, receive, &name, people, now_ms)?;
    home.ledger.set_setting(SETTING_CARD, &HEXLOWER.encode(&card.encode()))?;
    Ok(card)
}

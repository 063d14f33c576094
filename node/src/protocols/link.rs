//! One connection with a home that is paired, from hello to its end.

use std::sync::Arc;
use std::time::Duration;

use heirloom_identity::{Card, HouseholdId};
use heirloom_net::{CloseCode, Connection, FramedStream, Priority, Reason, ResetCode, StreamKind};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::book::TurnedAway;
use super::hello::{
    self, Greeted, HELLO_TIMEOUT, HelloMessage, Introduced, STRANGER_TIMEOUT, VERSIONS, judge, newer_card,
    useful_address,
};
use super::network::Network;
use super::sync::SyncEnd;
use super::{content, sync, vault};
use crate::clock;
use crate::ledger::peers::Peer;

/// How long a change of card or address may take to be said.
const NEWS_TIMEOUT: Duration = Duration::from_secs(10);
/// Streams of one home that are served at the same time.
const STREAMS_MAX: usize = 32;

/// Serves a connection, whoever dialled it, to its end. The caller has claimed it.
pub(super) async fn serve(network: &Arc<Network>, connection: Connection) {
    let greeted = if connection.dialled() {
        call(network, &connection).await
    } else {
        answer(network, &connection).await
    };
    let introduced = match greeted {
        Ok(Some(introduced)) => introduced,
        Ok(None) => return,
        Err(error) => {
            tracing::info!(peer = %connection.node(), %error, "no hello");
            let why = TurnedAway::Malformed;
            return connection.close(why.close_code(), why.words());
        }
    };
    let household = introduced.peer.household;
    if let Err(error) = network.met(introduced).await {
        tracing::warn!(%error, "could not record a home that was met");
        return connection.close(CloseCode::BUSY, "cannot take what was said; trying again later");
    }
    if !network.link(household, connection.clone()) {
        let why = TurnedAway::NotPaired;
        return connection.close(why.close_code(), why.words());
    }
    network.home.sharing.wake();
    network.tasks.spawn(vault::meeting::meet(Arc::clone(network), household, connection.clone()));
    let reason = tokio::select! {
        () = streams(network, household, &connection) => connection.closed().await,
        reason = connection.closed() => reason,
        () = network.stopping.cancelled() => {
            connection.close(CloseCode::DONE, "the node stops");
            Reason::Local
        }
    };
    ended(network, household, &connection, &reason).await;
}

async fn ended(network: &Arc<Network>, household: HouseholdId, connection: &Connection, reason: &Reason) {
    tracing::debug!(peer = %household, %reason, "disconnected");
    if let Reason::Peer { code, text } = reason
        && let Some(why) = TurnedAway::of(*code)
    {
        network.refused(&household, why as u16, text).await;
    } else if let Err(error) = network.seen(household).await {
        tracing::warn!(%error, "could not record when a home was last seen");
    }
    network.home.sharing.wake();
    if network.unlink(&household, connection) && !connection.dialled() {
        // Whoever dialled knows already.
        network.wake_dialer(&household);
    }
}

/// Says hello on a connection that this side dialled.
async fn call(network: &Arc<Network>, connection: &Connection) -> anyhow::Result<Option<Introduced>> {
    let Some(peer) = network.book.by_node(&connection.node()) else {
        connection.close(CloseCode::DONE, "no longer wanted");
        return Ok(None);
    };
    let introduction = network.introduction(Some(&peer), VERSIONS).await?;
    let own = &network.home.keys.certificate;
    match hello::say(connection, &network.book, own, &peer.household, introduction).await? {
        Greeted::Welcome(introduced) => Ok(Some(*introduced)),
        Greeted::TurnedAway { code, reason, outranks_us } => {
            connection.close(CloseCode::DONE, "understood");
            network.refused(&peer.household, code, &reason).await;
            if let Some(by) = outranks_us {
                network.outranked(*by).await;
            }
            Ok(None)
        }
    }
}

/// Hears hello on a connection that the other side dialled. A stranger has little time, and few may come at once.
async fn answer(network: &Arc<Network>, connection: &Connection) -> anyhow::Result<Option<Introduced>> {
    let is_known = network.book.by_node(&connection.node()).is_some();
    let place = if is_known { None } else { network.strangers.try_acquire().ok() };
    if !is_known && place.is_none() {
        connection.close(CloseCode::BUSY, "too many strangers at once");
        return Ok(None);
    }
    let limit = if is_known { HELLO_TIMEOUT } else { STRANGER_TIMEOUT };
    let Ok(Some((StreamKind::Hello, mut stream))) = tokio::time::timeout(limit, connection.accept()).await
    else {
        anyhow::bail!("it says no hello");
    };
    let HelloMessage::Hello(said) = hello::receive(&mut stream, limit).await? else {
        anyhow::bail!("it begins with something else than hello");
    };
    match judge(&network.book, &network.home.keys.certificate, &connection.node(), &said) {
        Ok(introduced) => {
            let own = network
                .introduction(Some(&introduced.peer), (introduced.version, introduced.version))
                .await?;
            stream.send(&HelloMessage::Welcome(own).encode()).await?;
            // Dropped, the stream ends here; nobody waits until the other side has heard that too.
            Ok(Some(introduced))
        }
        Err(rejected) => {
            tracing::info!(peer = %connection.node(), why = rejected.why.words(), "turned away");
            stream.send(&rejected.message().encode()).await?;
            // The other side closes once it has understood; it is not waited for long.
            stream.finish().await.unwrap_or_default();
            connection.close(rejected.why.close_code(), rejected.why.words());
            if let Some(by) = rejected.outranks_us {
                network.outranked(by).await;
            }
            Ok(None)
        }
    }
}

impl Network {
    /// Records what a home said at the beginning of a connection.
    pub(super) async fn met(self: &Arc<Self>, introduced: Introduced) -> anyhow::Result<()> {
        let Introduced { peer, is_news, address, outranks_us, .. } = introduced;
        if let Some(by) = outranks_us {
            self.outranked(by).await;
        }
        let _one_at_a_time = self.introductions.lock().await;
        let before = self.book.peer(&peer.household);
        // Judged before the lock was held: another node may have said hello in the meantime. This one is told when it comes
        // again.
        if before.as_ref().is_some_and(|known| known.certificate.outranks(&peer.certificate)) {
            anyhow::bail!("another node of that household has just said hello");
        }
        let address = address.map(|address| address.encode());
        let now_ms = clock::now_ms();
        let (row, saved) = (peer.clone(), address.clone());
        self.blocking(move |home| {
            if is_news {
                home.ledger.renew_peer(&row.household, &row.certificate, row.card.as_ref())?;
            }
            Ok(home.ledger.peer_seen(&row.household, saved, now_ms)?)
        })
        .await?;
        if let Some(before) = before.filter(|before| before.certificate.node() != peer.certificate.node()) {
            tracing::info!(peer = %peer.household, "another node speaks for this home now");
            self.net.forget(before.certificate.node());
        }
        let household = peer.household;
        let changed = self.book.change(&household, |known| {
            known.certificate = peer.certificate;
            known.card = peer.card;
            known.address = address.or(known.address.take());
            known.last_seen_ms = known.last_seen_ms.max(Some(now_ms));
            known.refusal = None;
        });
        if let Some(peer) = changed {
            self.learn(&peer);
        }
        Ok(())
    }

    /// Records that a home is connected now, or was until now.
    pub(super) async fn seen(&self, household: HouseholdId) -> anyhow::Result<()> {
        let now_ms = clock::now_ms();
        self.blocking(move |home| Ok(home.ledger.peer_seen(&household, None, now_ms)?)).await?;
        self.book.change(&household, |peer| peer.last_seen_ms = peer.last_seen_ms.max(Some(now_ms)));
        Ok(())
    }
}

/// Serves the streams of a connection until it ends.
async fn streams(network: &Arc<Network>, household: HouseholdId, connection: &Connection) {
    let mut serving = JoinSet::new();
    let (news, syncs) = (Arc::new(Semaphore::new(1)), Arc::new(Semaphore::new(1)));
    if connection.dialled() {
        match connection.open(StreamKind::Sync, StreamKind::Sync.priority()).await {
            Ok(stream) => start_sync(network, household, stream, &syncs, &mut serving),
            Err(error) => {
                // A connection without it would look alive and change nothing; the dialer makes another one.
                tracing::debug!(%error, "no stream for albums");
                return connection.close(CloseCode::BUSY, "no stream for albums came about");
            }
        }
    }
    loop {
        let accepted = tokio::select! {
            accepted = connection.accept() => accepted,
            Some(_) = serving.join_next() => continue,
        };
        let Some((kind, stream)) = accepted else { return };
        if serving.len() >= STREAMS_MAX {
            stream.reset(ResetCode::BUSY);
            continue;
        }
        match kind {
            StreamKind::Hello => match Arc::clone(&news).try_acquire_owned() {
                Ok(place) => {
                    let network = Arc::clone(network);
                    serving.spawn(async move {
                        take_news(&network, household, stream).await;
                        drop(place);
                    });
                }
                Err(_) => stream.reset(ResetCode::BUSY),
            },
            StreamKind::Sync => start_sync(network, household, stream, &syncs, &mut serving),
            StreamKind::Content => {
                let home = Arc::clone(&network.home);
                serving.spawn(async move { content::serve(&home, household, stream).await });
            }
            StreamKind::Vault => {
                let network = Arc::clone(network);
                serving.spawn(async move { vault::serve::serve(&network, household, stream).await });
            }
            StreamKind::Mail | StreamKind::Pairing | StreamKind::Recovery => {
                stream.reset(ResetCode::UNKNOWN_KIND);
            }
        }
    }
}

/// Begins the one sync of a connection; its end is the connection's.
fn start_sync(
    network: &Arc<Network>,
    household: HouseholdId,
    stream: FramedStream,
    syncs: &Arc<Semaphore>,
    serving: &mut JoinSet<()>,
) {
    let Ok(place) = Arc::clone(syncs).try_acquire_owned() else { return stream.reset(ResetCode::BUSY) };
    let network = Arc::clone(network);
    serving.spawn(async move {
        let connection = stream.connection().clone();
        match sync::run(&network, household, stream).await {
            SyncEnd::Over => connection.close(CloseCode::DONE, "the sync of albums ended"),
            SyncEnd::Stuck(why) => {
                tracing::warn!(peer = %household, why, "the sync of albums ended");
                connection.close(CloseCode::DONE, "the sync of albums got stuck");
            }
            SyncEnd::Misbehaved(why) => {
                tracing::warn!(peer = %household, why, "this home sends what it should not; closing");
                network.book.penalise(household);
                connection.close(TurnedAway::Misbehaved.close_code(), &why);
            }
        }
        drop(place);
    });
}

/// Hears that a card or an address changed.
async fn take_news(network: &Arc<Network>, household: HouseholdId, mut stream: FramedStream) {
    let Ok(message) = hello::receive(&mut stream, NEWS_TIMEOUT).await else { return };
    let Some(peer) = network.book.peer(&household) else { return };
    let recorded = match message {
        HelloMessage::Card(bytes) => match newer_card(&peer, &bytes) {
            Some(card) => network.renew_card(peer, card).await,
            None => Ok(()),
        },
        HelloMessage::Address(bytes) => match useful_address(peer.certificate.node(), &bytes) {
            Some(address) => network.renew_address(household, address.encode()).await,
            None => Ok(()),
        },
        HelloMessage::Hello(_) | HelloMessage::Welcome(_) | HelloMessage::Refused { .. } => Ok(()),
    };
    if let Err(error) = recorded {
        tracing::warn!(%error, "could not record news of a home");
    }
}

impl Network {
    async fn renew_card(&self, peer: Peer, card: Card) -> anyhow::Result<()> {
        let (household, saved) = (peer.household, card.clone());
        self.blocking(move |home| Ok(home.ledger.renew_peer(&household, &peer.certificate, Some(&saved))?))
            .await?;
        self.book.change(&household, |peer| peer.card = Some(card));
        self.tell_peers();
        Ok(())
    }

    async fn renew_address(&self, household: HouseholdId, address: Vec<u8>) -> anyhow::Result<()> {
        let (saved, now_ms) = (address.clone(), clock::now_ms());
        self.blocking(move |home| Ok(home.ledger.peer_seen(&household, Some(saved), now_ms)?)).await?;
        if let Some(peer) = self.book.change(&household, |peer| peer.address = Some(address)) {
            self.learn(&peer);
        }
        Ok(())
    }

    /// Tells every connected home something new about this one.
    pub(super) fn tell_homes(self: &Arc<Self>, message: &HelloMessage) {
        let bytes = Arc::new(message.encode());
        for (household, connection) in self.linked() {
            let bytes = Arc::clone(&bytes);
            self.tasks.spawn(async move {
                let told = tokio::time::timeout(NEWS_TIMEOUT, tell(&connection, &bytes)).await;
                if !matches!(told, Ok(Ok(()))) {
                    // It hears it in the next hello.
                    tracing::debug!(peer = %household, "could not tell a home the news");
                }
            });
        }
    }
}

async fn tell(connection: &Connection, bytes: &[u8]) -> anyhow::Result<()> {
    let mut stream = connection.open(StreamKind::Hello, Priority::CONTROL).await?;
    stream.send(bytes).await?;
    stream.finish().await?;
    Ok(())
}

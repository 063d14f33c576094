//! The restoring side of a recovery: from the phrase and a keeper's address to its packs.
//!
//! [`RecoverNet`] is the network of a machine that is no home yet: it dials keepers with keys of its own, proves the
//! phrase to each, and admits nobody. A [`RecoverClient`] is one keeper as a [`Target`] of which everything but reading is
//! refused. When the connection is lost, the next call makes it again; packs are asked for by ranges, so whoever
//! restores goes on where it was.

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use heirloom_identity::card::clean_name;
use heirloom_identity::{
    AuthorityKey, Certificate, HouseholdId, Invitation, NodeId, NodeKeys, RecoveryProof,
};
use heirloom_net::{
    CloseCode, ConnectError, Connection, Gate, Net, NetConfig, NetError, NodeAddress, Priority, Protocol,
    Refusal, RelayConfig, StreamKind,
};
use heirloom_vault::{
    Answer, BoxFuture, Challenge, DeleteOutcome, PackId, Room, Target, TargetError, TargetState,
};
use thiserror::Error;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::Instant;

use super::asking::Line;
use super::messages::{MESSAGE_BYTES_MAX, RecoveryMessage, RecoveryRefusal, Welcome};
use super::recovery::VERSION;
use crate::protocols::book::TurnedAway;

/// How long each step of the proof may take.
const STEP_TIMEOUT: Duration = Duration::from_secs(20);
/// Requests that one keeper is asked at once.
const ASKS_MAX: usize = super::places::READS_PER_WARD_MAX - 2;
/// Time between two attempts to reach a keeper that was lost; it counts how often it is dialled.
const PAUSE: Duration = Duration::from_secs(7);

/// Where a restoring machine listens and which relays it uses.
pub struct RecoverConfig {
    /// Where to listen, UDP; port 0 takes any.
    pub listen: SocketAddr,
    /// Relays: those of the keepers' invitations.
    pub relays: Vec<RelayConfig>,
    /// Certificates (DER) that relays are checked against, instead of the public ones.
    pub relay_roots: Vec<Vec<u8>>,
    /// Whether to look for keepers on the local network.
    pub mdns: bool,
}

/// Why a keeper does not give back what it keeps.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RecoverError {
    /// It was not reached.
    #[error("that home was not reached: {0}")]
    Unreachable(String),
    /// It keeps nothing for this household.
    #[error("that home keeps nothing for this household")]
    NothingKept,
    /// It does not take the proof: the phrase is another household's.
    #[error("that home does not recognise this recovery phrase")]
    Proof,
    /// It speaks another version.
    #[error("that home's program speaks another version; update the older one")]
    Version,
    /// Too many recover there now.
    #[error("that home is busy with other recoveries; try again in a minute")]
    Busy,
    /// Its answer makes no sense.
    #[error("the answer of that home makes no sense")]
    Malformed,
}

/// Lets this machine dial to recover, and nobody in.
pub(super) struct OnlyRecover;

impl Gate for OnlyRecover {
    fn admit(&self, _node: &NodeId, protocol: Protocol) -> Result<(), Refusal> {
        match protocol {
            Protocol::Recover => Ok(()),
            Protocol::Home | Protocol::Pair => Err(TurnedAway::NotPaired.refusal()),
        }
    }
}

/// The network of a machine that restores a household.
pub struct RecoverNet {
    shared: Arc<Shared>,
}

struct Shared {
    net: Net,
    authority: AuthorityKey,
}

/// Where the home of an invitation can be reached.
#[must_use]
pub fn address_of(invitation: &Invitation) -> NodeAddress {
    NodeAddress {
        node: *invitation.node(),
        relay: invitation.relay().map(str::to_owned),
        direct: invitation.addresses().to_vec(),
    }
}

impl RecoverNet {
    /// Opens the network with keys of this machine; `authority` is what the phrase gives.
    ///
    /// # Errors
    /// When there is no place to listen, or a relay makes no sense.
    pub async fn start(
        keys: &NodeKeys,
        authority: AuthorityKey,
        config: RecoverConfig,
    ) -> Result<Self, NetError> {
        let RecoverConfig { listen, relays, relay_roots, mdns } = config;
        let config = NetConfig {
            secret: keys.endpoint_secret(),
            listen: vec![listen],
            external: None,
            relays,
            relay_roots,
            mdns,
        };
        let net = Net::start(config, Arc::new(OnlyRecover)).await?;
        Ok(Self { shared: Arc::new(Shared { net, authority }) })
    }

    /// The household that is restored.
    #[must_use]
    pub fn household(&self) -> HouseholdId {
        self.shared.authority.household()
    }

    /// Reaches a keeper and proves the phrase to it.
    ///
    /// # Errors
    /// Why not, see [`RecoverError`].
    pub async fn connect(&self, address: &NodeAddress) -> Result<RecoverClient, RecoverError> {
        self.shared.net.learn(address);
        let (connection, welcome) = self.shared.dial(&address.node).await?;
        let household = self.household();
        let known = welcome.certificate.as_deref();
        let keeper =
            Certificate::decode(&welcome.keeper).ok().filter(|keeper| *keeper.node() == address.node);
        let link = Link { connection, tried: Instant::now() };
        Ok(RecoverClient {
            shared: Arc::clone(&self.shared),
            node: address.node,
            known: known.and_then(|bytes| Certificate::decode_for(&household, bytes).ok()),
            keeper,
            name: clean_name(&welcome.name),
            link: Mutex::new(link),
            asks: Semaphore::new(ASKS_MAX),
        })
    }

    pub(super) fn net(&self) -> &Net {
        &self.shared.net
    }

    /// Ends all connections with a word.
    pub async fn close(&self) {
        self.shared.net.close().await;
    }
}

impl Shared {
    async fn dial(&self, node: &NodeId) -> Result<(Connection, Welcome), RecoverError> {
        let connection =
            self.net.connect(node, Protocol::Recover).await.map_err(|error| unreached(&error))?;
        match self.prove(&connection).await {
            Ok(welcome) => {
                connection.trust();
                Ok((connection, welcome))
            }
            Err(error) => {
                connection.close(CloseCode::DONE, "understood");
                Err(error)
            }
        }
    }

    /// Proves the phrase on a new connection.
    async fn prove(&self, connection: &Connection) -> Result<Welcome, RecoverError> {
        let lost = |error: heirloom_net::StreamError| RecoverError::Unreachable(error.to_string());
        let mut stream = connection.open(StreamKind::Recovery, Priority::CONTROL).await.map_err(lost)?;
        let hello = RecoveryMessage::Hello { version: VERSION, household: self.authority.household() };
        stream.send(&hello.encode()).await.map_err(lost)?;
        let mut answer = async || {
            let frame = stream.recv_within(MESSAGE_BYTES_MAX, STEP_TIMEOUT).await.map_err(lost)?;
            let frame =
                frame.ok_or_else(|| RecoverError::Unreachable("it stopped in the middle".to_owned()))?;
            RecoveryMessage::decode(&frame).ok_or(RecoverError::Malformed)
        };
        let challenge = match answer().await? {
            RecoveryMessage::Challenge(challenge) => challenge,
            other => return Err(refused(&other)),
        };
        let (keeper, restorer) = (connection.node(), self.net.node());
        let proof = RecoveryProof::sign(&self.authority, &keeper, &restorer, &challenge);
        stream.send(&RecoveryMessage::Proof(proof.to_vec()).encode()).await.map_err(lost)?;
        let frame = stream.recv_within(MESSAGE_BYTES_MAX, STEP_TIMEOUT).await.map_err(lost)?;
        match frame.as_deref().and_then(RecoveryMessage::decode) {
            Some(RecoveryMessage::Welcome(welcome)) => Ok(welcome),
            Some(other) => Err(refused(&other)),
            None => Err(RecoverError::Malformed),
        }
    }
}

pub(super) fn unreached(error: &ConnectError) -> RecoverError {
    match error {
        ConnectError::Refused(refusal) if refusal.code == TurnedAway::NothingKept as u16 => {
            RecoverError::NothingKept
        }
        ConnectError::UnknownProtocol => RecoverError::Version,
        ConnectError::Busy | ConnectError::TooOften => RecoverError::Busy,
        other => RecoverError::Unreachable(other.to_string()),
    }
}

pub(super) fn refused(message: &RecoveryMessage) -> RecoverError {
    match message {
        RecoveryMessage::Refused(RecoveryRefusal::Version) => RecoverError::Version,
        RecoveryMessage::Refused(RecoveryRefusal::Proof) => RecoverError::Proof,
        RecoveryMessage::Refused(RecoveryRefusal::NothingKept) => RecoverError::NothingKept,
        RecoveryMessage::Refused(RecoveryRefusal::Busy) => RecoverError::Busy,
        _ => RecoverError::Malformed,
    }
}

/// The connection with a keeper, and when it was last tried to make one.
struct Link {
    connection: Connection,
    tried: Instant,
}

/// A keeper that gives back what it keeps; it only reads.
pub struct RecoverClient {
    shared: Arc<Shared>,
    node: NodeId,
    known: Option<Certificate>,
    keeper: Option<Certificate>,
    name: String,
    link: Mutex<Link>,
    asks: Semaphore,
}

impl RecoverClient {
    /// The keeper's node.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// The highest certificate of the restoring household that the keeper has met.
    #[must_use]
    pub fn known(&self) -> Option<&Certificate> {
        self.known.as_ref()
    }

    /// The keeper's certificate, if it belongs to the node that answers.
    #[must_use]
    pub fn keeper(&self) -> Option<&Certificate> {
        self.keeper.as_ref()
    }

    /// What the keeper's household calls itself.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The connection; a lost one is made again, not too often.
    async fn line(&self) -> Result<Line, TargetError> {
        let mut link = self.link.lock().await;
        if link.connection.reason().is_none() {
            return Ok(Line::new(link.connection.clone()));
        }
        tokio::time::sleep_until(link.tried + PAUSE).await;
        link.tried = Instant::now();
        match self.shared.dial(&self.node).await {
            Ok((connection, _)) => {
                link.connection = connection.clone();
                Ok(Line::new(connection))
            }
            Err(RecoverError::Busy) => Err(TargetError::Busy),
            Err(RecoverError::Unreachable(why)) => {
                tracing::info!(why, "a keeper is not reached");
                Err(TargetError::Offline)
            }
            Err(other) => Err(TargetError::Refused(other.to_string())),
        }
    }

    /// Asks; a connection that was lost meanwhile is made again once.
    async fn ask<T>(&self, work: impl AsyncFn(&Line) -> Result<T, TargetError>) -> Result<T, TargetError> {
        let permit = self.asks.acquire().await.map_err(|_| TargetError::Offline)?;
        let line = self.line().await?;
        let asked = match work(&line).await {
            Err(TargetError::Offline) if line.connection().reason().is_some() => {
                work(&self.line().await?).await
            }
            other => other,
        };
        drop(permit);
        asked
    }
}

/// What a restoring machine may not do.
fn only_reads<T: Send + 'static>() -> BoxFuture<'static, Result<T, TargetError>> {
    Box::pin(std::future::ready(Err(TargetError::Refused("whoever restores only reads".into()))))
}

impl Target for RecoverClient {
    fn put(&self, _pack: PackId, _bytes: Bytes, _room: Room) -> BoxFuture<'_, Result<(), TargetError>> {
        only_reads()
    }

    fn get(&self, pack: PackId, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, TargetError>> {
        Box::pin(self.ask(async move |line| line.get(pack, range.clone()).await))
    }

    fn list(&self, after: Option<PackId>) -> BoxFuture<'_, Result<Vec<(PackId, u64)>, TargetError>> {
        Box::pin(self.ask(async move |line| line.list(after).await))
    }

    fn prove(
        &self,
        _challenges: Vec<Challenge>,
    ) -> BoxFuture<'_, Result<Vec<(Challenge, Answer)>, TargetError>> {
        only_reads()
    }

    fn delete(&self, _packs: Vec<PackId>) -> BoxFuture<'_, Result<DeleteOutcome, TargetError>> {
        only_reads()
    }

    fn answer_deletion(&self, _allow: bool) -> BoxFuture<'_, Result<DeleteOutcome, TargetError>> {
        only_reads()
    }

    fn put_head(&self, _head: Vec<u8>) -> BoxFuture<'_, Result<(), TargetError>> {
        only_reads()
    }

    fn heads(&self) -> BoxFuture<'_, Result<Vec<Vec<u8>>, TargetError>> {
        Box::pin(self.ask(async |line| line.heads().await))
    }

    fn put_kit(&self, _kit: Vec<u8>) -> BoxFuture<'_, Result<(), TargetError>> {
        only_reads()
    }

    fn kits(&self) -> BoxFuture<'_, Result<Vec<Vec<u8>>, TargetError>> {
        Box::pin(self.ask(async |line| line.kits().await))
    }

    fn state(&self) -> BoxFuture<'_, Result<TargetState, TargetError>> {
        Box::pin(async move {
            let kept = self.ask(async |line| line.state().await).await?.kept;
            let kept =
                kept.ok_or_else(|| TargetError::Refused("it keeps nothing for this household".into()))?;
            if kept.disk_is_there { Ok(kept.state) } else { Err(TargetError::DiskAbsent) }
        })
    }
}

//! The network of one node: its endpoint, started and closed as one.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use heirloom_identity::NodeId;
use iroh::address_lookup::memory::MemoryLookup;
use iroh::endpoint::{BindOpts, Builder, IdleTimeout, QuicTransportConfig, VarInt, presets};
use iroh::tls::CaTlsConfig;
use iroh::{Endpoint, SecretKey};
use n0_watcher::Watcher as _;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};

use crate::address::NodeAddress;
use crate::arrive::{self, Strangers};
use crate::codes::CloseCode;
use crate::config::{NetConfig, NetError, RelayConfig, relay_mode};
use crate::connection::Connection;
use crate::dial::{self, ConnectError};
use crate::gate::{Gate, Hooks, Protocol};
use crate::limits::{
    ACCEPTED_WAITING_MAX, BOOK_NODES_MAX, CLOSE_TIMEOUT, CONNECT_TIMEOUT, EVENTS_WAITING_MAX, IDLE_TIMEOUT,
    KEEP_ALIVE, SEND_WINDOW_BYTES, STRANGER_STREAMS_MAX, STRANGER_WINDOW_BYTES, STREAM_WINDOW_BYTES,
};
use crate::mdns::Neighbours;
use crate::monitor::NetEvent;
use crate::names::{endpoint_addr, endpoint_of, node_of};
use crate::pairs::Pairs;
use crate::path::Path;
use crate::relay::{self, RelayState};

/// A node's place on the network. Clones are handles of the same; when the last is dropped, everything stops, though
/// without a goodbye: [`close`](Self::close) is the orderly end.
#[derive(Clone)]
pub struct Net {
    shared: Arc<Shared>,
    _stop: Arc<DropGuard>,
}

/// What the tasks of the network share.
pub(crate) struct Shared {
    pub(crate) me: NodeId,
    pub(crate) endpoint: Endpoint,
    pub(crate) gate: Arc<dyn Gate>,
    pub(crate) pairs: Pairs,
    pub(crate) pairing: Strangers,
    pub(crate) recovering: Strangers,
    pub(crate) accepted: mpsc::Sender<Connection>,
    pub(crate) relay: watch::Sender<RelayState>,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
    waiting: tokio::sync::Mutex<mpsc::Receiver<Connection>>,
    address: watch::Sender<NodeAddress>,
    events: broadcast::Sender<NetEvent>,
    book: MemoryLookup,
    known: Mutex<HashMap<NodeId, NodeAddress>>,
    external: Option<SocketAddr>,
    /// The relays of the configuration.
    pub(crate) relays: Vec<RelayConfig>,
}

impl Shared {
    /// Tells whoever listens; nobody may.
    pub(crate) fn tell(&self, event: NetEvent) {
        self.events.send(event).ok();
    }
}

impl Net {
    /// Opens the endpoint and begins to listen. Contacts nobody but the relays of the configuration.
    pub async fn start(config: NetConfig, gate: Arc<dyn Gate>) -> Result<Self, NetError> {
        let secret = SecretKey::from_bytes(&config.secret);
        let book = MemoryLookup::new();
        let endpoint = bind(&config, secret, &book, gate.clone()).await?;
        let me = node_of(endpoint.id());
        let run = SecretKey::generate().to_bytes();
        let run = [run[0], run[1], run[2], run[3], run[4], run[5], run[6], run[7]];
        let (accepted, waiting) = mpsc::channel(ACCEPTED_WAITING_MAX);
        let has_relays = !config.relays.is_empty();
        let state = if has_relays { RelayState::Connecting } else { RelayState::None };
        let shared = Arc::new(Shared {
            me,
            gate,
            pairs: Pairs::new(me, run),
            pairing: Strangers::new(arrive::PAIRING),
            recovering: Strangers::new(arrive::RECOVERING),
            accepted,
            relay: watch::Sender::new(state),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            waiting: tokio::sync::Mutex::new(waiting),
            address: watch::Sender::new(NodeAddress::from_endpoint(&endpoint.addr(), config.external)),
            events: broadcast::Sender::new(EVENTS_WAITING_MAX),
            book,
            known: Mutex::default(),
            external: config.external,
            relays: config.relays,
            endpoint,
        });
        info!(me = %me, listen = ?shared.endpoint.bound_sockets(), "the network is open");
        shared.tasks.spawn(arrive::serve(shared.clone()));
        shared.tasks.spawn(watch_address(shared.clone()));
        if has_relays {
            shared.tasks.spawn(relay::watch(shared.clone()));
        }
        if config.mdns {
            find_neighbours(&shared);
        }
        let stop = Arc::new(shared.stop.clone().drop_guard());
        Ok(Self { shared, _stop: stop })
    }

    /// This node's id.
    pub fn node(&self) -> NodeId {
        self.shared.me
    }

    /// Where this node can be reached, as far as it knows now.
    pub fn address(&self) -> NodeAddress {
        self.shared.address.borrow().clone()
    }

    /// Follows [`address`](Self::address).
    pub fn address_changes(&self) -> watch::Receiver<NodeAddress> {
        self.shared.address.subscribe()
    }

    /// The sockets that are listened on, with the ports that port 0 became.
    pub fn listening(&self) -> Vec<SocketAddr> {
        self.shared.endpoint.bound_sockets()
    }

    /// How this node stands with its relays.
    pub fn relay_state(&self) -> RelayState {
        self.shared.relay.borrow().clone()
    }

    /// Follows [`relay_state`](Self::relay_state).
    pub fn relay_changes(&self) -> watch::Receiver<RelayState> {
        self.shared.relay.subscribe()
    }

    /// What happens from now on.
    pub fn events(&self) -> broadcast::Receiver<NetEvent> {
        self.shared.events.subscribe()
    }

    /// Remembers where a node can be reached, instead of what was known before. Past [`BOOK_NODES_MAX`] nodes, nothing
    /// new is remembered. A relay that isn't ours must speak HTTPS, so that nobody makes us knock at plain web servers.
    pub fn learn(&self, address: &NodeAddress) {
        let ours = |url: &String| self.shared.relays.iter().any(|relay| relay.same_url(url));
        let relay = address.relay.clone().filter(|url| url.starts_with("https://") || ours(url));
        let address = &NodeAddress { relay, ..address.clone() };
        let Some(endpoint) = endpoint_addr(address) else { return };
        let mut known = self.shared.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= BOOK_NODES_MAX && !known.contains_key(&address.node) {
            warn!(nodes = known.len(), "the address book is full");
            return;
        }
        known.insert(address.node, address.clone());
        self.shared.book.set_endpoint_info(endpoint);
    }

    /// What was last [learnt](Self::learn) about a node.
    pub fn known(&self, node: &NodeId) -> Option<NodeAddress> {
        self.shared.known.lock().unwrap_or_else(PoisonError::into_inner).get(node).cloned()
    }

    /// Forgets where a node can be reached and closes the connection with it.
    pub fn forget(&self, node: &NodeId) {
        self.shared.known.lock().unwrap_or_else(PoisonError::into_inner).remove(node);
        if let Some(id) = endpoint_of(node) {
            self.shared.book.remove_endpoint_info(id);
        }
        if let Some(connection) = self.shared.pairs.live(node) {
            connection.close(CloseCode::DONE, "forgotten");
        }
    }

    /// Connects with a node, within [`CONNECT_TIMEOUT`]: reached, greeted and admitted by both gates.
    ///
    /// For [`Protocol::Home`] this is the connection of the pair, whoever dialled it and whenever: see
    /// [`Connection::claim`]. For the other protocols it is a new one each time.
    pub async fn connect(&self, node: &NodeId, protocol: Protocol) -> Result<Connection, ConnectError> {
        self.connect_within(node, protocol, CONNECT_TIMEOUT).await
    }

    /// Like [`connect`](Self::connect), with a patience of one's own.
    pub async fn connect_within(
        &self,
        node: &NodeId,
        protocol: Protocol,
        limit: Duration,
    ) -> Result<Connection, ConnectError> {
        Box::pin(dial::connect(&self.shared, node, protocol, limit)).await
    }

    /// The next connection that another node made and both gates admitted; `None` when the network is closed.
    pub async fn accept(&self) -> Option<(Connection, Protocol)> {
        let mut waiting = self.shared.waiting.lock().await;
        let connection = tokio::select! {
            () = self.shared.stop.cancelled() => return None,
            connection = waiting.recv() => connection?,
        };
        let protocol = connection.protocol();
        Some((connection, protocol))
    }

    /// The living `Home` connection with a node.
    pub fn connection(&self, node: &NodeId) -> Option<Connection> {
        self.shared.pairs.live(node)
    }

    /// All `Home` connections.
    pub fn connections(&self) -> Vec<Connection> {
        self.shared.pairs.all()
    }

    /// How a node is reached right now.
    pub fn path(&self, node: &NodeId) -> Path {
        self.shared.pairs.live(node).map_or(Path::OFF, |connection| connection.path())
    }

    /// Ends everything in order: no new connections, a goodbye on those there are, the endpoint, the tasks.
    pub async fn close(&self) {
        self.shared.stop.cancel();
        for connection in self.shared.pairs.all() {
            connection.close(CloseCode::DONE, "going away");
        }
        if timeout(CLOSE_TIMEOUT, self.shared.endpoint.close()).await.is_err() {
            debug!("the endpoint took too long to say goodbye");
        }
        self.shared.tasks.close();
        if timeout(CLOSE_TIMEOUT, self.shared.tasks.wait()).await.is_err() {
            warn!(tasks = self.shared.tasks.len(), "tasks of the network did not end");
        }
    }
}

async fn bind(
    config: &NetConfig,
    secret: SecretKey,
    book: &MemoryLookup,
    gate: Arc<dyn Gate>,
) -> Result<Endpoint, NetError> {
    let mut builder = Endpoint::builder(presets::Minimal)
        .secret_key(secret)
        .alpns(Protocol::ALL.iter().map(|protocol| protocol.alpn().to_vec()).collect())
        .relay_mode(relay_mode(&config.relays)?)
        .transport_config(transport())
        .hooks(Hooks(gate))
        .address_lookup(book.clone());
    if !config.relay_roots.is_empty() {
        let roots = config.relay_roots.iter().cloned().map(Into::into);
        builder = builder.ca_tls_config(CaTlsConfig::custom_roots(roots));
    }
    if let Some(external) = config.external {
        builder = builder.external_addr(external);
    }
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| NetError::Bind {
        listen: config.listen.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        source,
    };
    listen_on(builder, &config.listen)?.bind().await.map_err(|error| failed(error.into()))
}

/// Binds exactly what the configuration says. One address of version 6 may fail while there is one of version 4.
fn listen_on(builder: Builder, listen: &[SocketAddr]) -> Result<Builder, NetError> {
    if listen.is_empty() {
        return Err(NetError::NothingToListenOn);
    }
    let some_v4 = listen.iter().any(SocketAddr::is_ipv4);
    let mut builder = builder.clear_ip_transports();
    for (index, address) in listen.iter().enumerate() {
        let first = !listen[..index].iter().any(|other| other.is_ipv4() == address.is_ipv4());
        let mut options = BindOpts::default().set_is_required(address.is_ipv4() || !some_v4);
        if !first {
            options = options.set_prefix_len(if address.is_ipv4() { 32 } else { 128 });
        }
        let bound = builder.bind_addr_with_opts(*address, options);
        builder =
            bound.map_err(|error| NetError::Bind { listen: address.to_string(), source: error.into() })?;
    }
    Ok(builder)
}

/// What a stranger may do; [`Connection`] gives homes more.
fn transport() -> QuicTransportConfig {
    let idle = IdleTimeout::try_from(IDLE_TIMEOUT).expect("the idle timeout fits");
    QuicTransportConfig::builder()
        .max_concurrent_bidi_streams(VarInt::from_u32(STRANGER_STREAMS_MAX))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW_BYTES))
        .receive_window(VarInt::from_u32(STRANGER_WINDOW_BYTES))
        .send_window(SEND_WINDOW_BYTES)
        .datagram_receive_buffer_size(None)
        .max_idle_timeout(Some(idle))
        .keep_alive_interval(KEEP_ALIVE)
        .default_path_keep_alive_interval(KEEP_ALIVE)
        .build()
}

/// Keeps [`Net::address`] up to date.
async fn watch_address(shared: Arc<Shared>) {
    let mut addresses = shared.endpoint.watch_addr();
    loop {
        let address = NodeAddress::from_endpoint(&addresses.get(), shared.external);
        shared.address.send_if_modified(|current| {
            let changed = *current != address;
            if changed {
                debug!(relay = ?address.relay, direct = ?address.direct, "own address");
                current.clone_from(&address);
            }
            changed
        });
        tokio::select! {
            () = shared.stop.cancelled() => return,
            updated = addresses.updated() => if updated.is_err() { return },
        }
    }
}

/// Starts multicast DNS; without it the node works, and says so.
fn find_neighbours(shared: &Arc<Shared>) {
    let neighbours = match Neighbours::start(shared.endpoint.id(), shared.gate.clone()) {
        Ok(neighbours) => neighbours,
        Err(error) => return warn!(%error, "homes on the local network are not found by themselves"),
    };
    match shared.endpoint.address_lookup() {
        Ok(lookup) => lookup.add(neighbours.clone()),
        Err(error) => return warn!(%error, "homes on the local network are not found by themselves"),
    }
    shared.tasks.spawn(neighbours.watch(shared.clone()));
}

//! The side of a machine that lost everything and has no phrase: it asks holders for their parts of a kit.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use heirloom_identity::{HouseholdId, Invitation, KitId, KitRecord, KitShare, NodeKeys, ReceiveKey};
use heirloom_net::{
    CloseCode, Connection, FramedStream, Net, NetConfig, NetError, NodeAddress, Priority, Protocol,
    RelayConfig, StreamError, StreamKind,
};

use super::kit_messages::{KitAnswer, KitAsk, KitMessage};
use super::messages::{MESSAGE_BYTES_MAX, RecoveryMessage};
use super::recover_client::{OnlyRecover, RecoverError, refused, unreached};
use super::recovery::VERSION;
use crate::vault::kits::request::{Between, SHARE_LABEL};

/// How long each answer may take.
const STEP_TIMEOUT: Duration = Duration::from_secs(20);

/// How a request stands with one holder.
#[derive(Debug)]
pub struct Standing {
    /// What people compare.
    pub words: String,
    /// What became of the request.
    pub answer: Reply,
}

/// What a holder says.
#[derive(Debug)]
pub enum Reply {
    /// A person there has not decided.
    Asked,
    /// A person said yes; so many milliseconds are left.
    Waits(u64),
    /// A person said no.
    Refused,
    /// The part.
    Given(Box<KitShare>),
}

/// The network of a machine that has neither a home nor a phrase.
pub struct KitNet {
    net: Net,
    receive: ReceiveKey,
}

impl KitNet {
    /// Opens the network with the keys that this machine asked with before, if it did.
    ///
    /// # Errors
    /// When there is no place to listen, or a relay makes no sense.
    pub async fn start(
        keys: &NodeKeys,
        receive: ReceiveKey,
        listen: SocketAddr,
        relays: Vec<RelayConfig>,
        relay_roots: Vec<Vec<u8>>,
        mdns: bool,
    ) -> Result<Self, NetError> {
        let config = NetConfig {
            secret: keys.endpoint_secret(),
            listen: vec![listen],
            external: None,
            relays,
            relay_roots,
            mdns,
        };
        Ok(Self { net: Net::start(config, Arc::new(OnlyRecover)).await?, receive })
    }

    /// Asks a holder, who is at that address, for its part, or how that stands.
    ///
    /// # Errors
    /// [`RecoverError::Proof`] when the invitation is no longer good and the machine never asked with it.
    pub async fn ask(
        &self,
        invitation: &Invitation,
        address: &NodeAddress,
        name: &str,
    ) -> Result<Standing, RecoverError> {
        let receive = self.receive.public();
        let between = Between { holder: *invitation.node(), asker: self.net.node(), receive };
        let ask = KitAsk {
            version: VERSION,
            name: name.to_owned(),
            receive: *receive.as_bytes(),
            invitation: *invitation.id().as_bytes(),
            proof: between.proof(invitation.secret()),
        };
        let KitMessage::Standing(standing) = self.exchange(address, KitMessage::Ask(ask)).await? else {
            return Err(RecoverError::Malformed);
        };
        let answer = match standing.answer {
            KitAnswer::Asked => Reply::Asked,
            KitAnswer::Waits { left_ms } => Reply::Waits(left_ms),
            KitAnswer::Refused => Reply::Refused,
            KitAnswer::Given(sealed) => {
                let opened = self.receive.open(SHARE_LABEL, &between.context(), &sealed);
                let share = opened.ok().and_then(|bytes| KitShare::decode(&bytes).ok());
                Reply::Given(Box::new(share.ok_or(RecoverError::Malformed)?))
            }
        };
        Ok(Standing { words: between.words(&standing.challenge), answer })
    }

    /// The record of a kit, if that home has it.
    ///
    /// # Errors
    /// When the home is not reached, or answers nonsense.
    pub async fn record(
        &self,
        address: &NodeAddress,
        household: &HouseholdId,
        kit: &KitId,
    ) -> Result<Option<KitRecord>, RecoverError> {
        let asked = KitMessage::GetRecord { household: *household, kit: *kit };
        let KitMessage::Record(record) = self.exchange(address, asked).await? else {
            return Err(RecoverError::Malformed);
        };
        let is_it = |record: &KitRecord| record.household() == household && record.kit() == kit;
        Ok(record.and_then(|bytes| KitRecord::decode(&bytes).ok()).filter(is_it))
    }

    /// Ends all connections with a word.
    pub async fn close(&self) {
        self.net.close().await;
    }

    async fn exchange(&self, holder: &NodeAddress, message: KitMessage) -> Result<KitMessage, RecoverError> {
        self.net.learn(holder);
        let connected = self.net.connect(&holder.node, Protocol::Recover).await;
        let connection = connected.map_err(|error| unreached(&error))?;
        let answer = say(&connection, message).await;
        connection.close(CloseCode::DONE, "understood");
        answer
    }
}

async fn say(connection: &Connection, message: KitMessage) -> Result<KitMessage, RecoverError> {
    let lost = |error: StreamError| RecoverError::Unreachable(error.to_string());
    let mut stream: FramedStream =
        connection.open(StreamKind::Recovery, Priority::CONTROL).await.map_err(lost)?;
    stream.send(&RecoveryMessage::Kit(message).encode()).await.map_err(lost)?;
    let frame = stream.recv_within(MESSAGE_BYTES_MAX, STEP_TIMEOUT).await.map_err(lost)?;
    let frame = frame.ok_or_else(|| RecoverError::Unreachable("it stopped in the middle".to_owned()))?;
    match RecoveryMessage::decode(&frame).ok_or(RecoverError::Malformed)? {
        RecoveryMessage::Kit(answer) => Ok(answer),
        other => Err(refused(&other)),
    }
}

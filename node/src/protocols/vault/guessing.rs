//! Which word of a phrase is wrong, asked of a keeper: the restoring machine proves every phrase that the person may have
//! meant, and the keeper says which of them is that of a household it keeps for.
//!
//! It learns nothing from the others but public keys of no household, and the stranger learns nothing that it could not
//! with the right phrase: an answer needs that phrase's signature, made for this connection.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use heirloom_identity::recovery::PROOF_BYTES;
use heirloom_identity::{GUESSES_MAX, Guess, HouseholdId, RecoveryProof};
use heirloom_net::{CloseCode, Connection, FramedStream, NodeAddress, Priority, Protocol, StreamKind};

use super::messages::{MESSAGE_BYTES_MAX, RecoveryMessage, RecoveryRefusal};
use super::recover_client::{RecoverError, RecoverNet, refused, unreached};
use super::recovery::VERSION;
use crate::protocols::network::Network;

/// How long each step may take; proving hundreds of phrases is part of one.
const STEP_TIMEOUT: Duration = Duration::from_secs(20);

/// The keeper's side, after the first message. Says which guess is right, or why there is no answer.
pub(super) async fn judge(
    network: &Arc<Network>,
    connection: &Connection,
    version: u16,
    stream: &mut FramedStream,
) -> RecoveryMessage {
    if version != VERSION {
        return RecoveryMessage::Refused(RecoveryRefusal::Version);
    }
    let Ok(challenge) = crate::random::bytes() else {
        return RecoveryMessage::Refused(RecoveryRefusal::Busy);
    };
    if stream.send(&RecoveryMessage::Challenge(challenge).encode()).await.is_err() {
        return RecoveryMessage::Refused(RecoveryRefusal::Malformed);
    }
    let frame = stream.recv_within(MESSAGE_BYTES_MAX, STEP_TIMEOUT).await.ok().flatten();
    let Some(RecoveryMessage::Guesses(guesses)) = frame.as_deref().and_then(RecoveryMessage::decode) else {
        return RecoveryMessage::Refused(RecoveryRefusal::Malformed);
    };
    let (keeper, restorer) = (network.net.node(), connection.node());
    let custody = Arc::clone(&network.home.vault.keeper);
    let found = tokio::task::spawn_blocking(move || {
        let wards: HashSet<HouseholdId> =
            custody.wards().ok()?.into_iter().map(|ward| ward.household).collect();
        guesses.iter().position(|(household, proof)| {
            wards.contains(household)
                && <&[u8; PROOF_BYTES]>::try_from(proof.as_slice()).is_ok_and(|proof| {
                    RecoveryProof::verify(household, &keeper, &restorer, &challenge, proof)
                })
        })
    });
    let found = found.await.ok().flatten().and_then(|index| u16::try_from(index).ok());
    found.map_or(RecoveryMessage::Refused(RecoveryRefusal::NothingKept), RecoveryMessage::Guessed)
}

impl RecoverNet {
    /// Asks a keeper which of these phrases is that of a household it keeps for.
    ///
    /// # Errors
    /// [`RecoverError::NothingKept`] when it is none of them; else why there is no answer.
    pub async fn which(&self, address: &NodeAddress, guesses: &[Guess]) -> Result<usize, RecoverError> {
        let net = self.net();
        net.learn(address);
        let connection =
            net.connect(&address.node, Protocol::Recover).await.map_err(|error| unreached(&error))?;
        let said = ask(&connection, net.node(), guesses).await;
        connection.close(CloseCode::DONE, "understood");
        said
    }
}

async fn ask(
    connection: &Connection,
    restorer: heirloom_identity::NodeId,
    guesses: &[Guess],
) -> Result<usize, RecoverError> {
    let lost = |error: heirloom_net::StreamError| RecoverError::Unreachable(error.to_string());
    let mut stream = connection.open(StreamKind::Recovery, Priority::CONTROL).await.map_err(lost)?;
    stream.send(&RecoveryMessage::Guessing { version: VERSION }.encode()).await.map_err(lost)?;
    let frame = stream.recv_within(MESSAGE_BYTES_MAX, STEP_TIMEOUT).await.map_err(lost)?;
    let challenge = match frame.as_deref().and_then(RecoveryMessage::decode) {
        Some(RecoveryMessage::Challenge(challenge)) => challenge,
        Some(other) => return Err(refused(&other)),
        None => return Err(RecoverError::Malformed),
    };
    let keeper = connection.node();
    let prove = |guess: &Guess| {
        let authority = guess.root.authority();
        let proof = RecoveryProof::sign(&authority, &keeper, &restorer, &challenge);
        (authority.household(), proof.to_vec())
    };
    let proofs = guesses.iter().take(GUESSES_MAX).map(prove).collect();
    stream.send(&RecoveryMessage::Guesses(proofs).encode()).await.map_err(lost)?;
    let frame = stream.recv_within(MESSAGE_BYTES_MAX, STEP_TIMEOUT).await.map_err(lost)?;
    match frame.as_deref().and_then(RecoveryMessage::decode) {
        Some(RecoveryMessage::Guessed(index)) if usize::from(index) < guesses.len() => Ok(usize::from(index)),
        Some(other) => Err(refused(&other)),
        None => Err(RecoverError::Malformed),
    }
}

//! The keeper's side of a recovery: a stranger who proves to hold a household's phrase may read what is kept for it.
//!
//! The one door for machines that no certificate names. Until the proof, a stranger has one stream, little time and no
//! answer that depends on whom this home keeps for; after it, reading is all there is. Each recovery is told to the people
//! here and to the household's node, if that is still somewhere: a phrase in the wrong hands does not go unnoticed.
//!
//! The first message on a stream says what it is for; another way to prove a right to recover would be another first
//! message.

use std::sync::Arc;
use std::time::Duration;

use heirloom_identity::recovery::PROOF_BYTES;
use heirloom_identity::{HouseholdId, RecoveryProof, VaultHead};
use heirloom_net::{CloseCode, Connection, FramedStream, ResetCode, StreamKind};
use heirloom_vault::KeeperError;
use tokio::sync::SemaphorePermit;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::messages::{MESSAGE_BYTES_MAX, RecoveryMessage, RecoveryRefusal, Welcome};
use super::{guessing, kits, notices, serve};
use crate::protocols::network::Network;

/// The version that is spoken.
pub const VERSION: u16 = 1;
/// Recoveries that are served at once.
pub const RECOVERIES_MAX: usize = 4;
/// Streams of one recovery that are served at once.
const STREAMS_MAX: usize = 16;
/// How long each step up to the proof may take.
const STEP_TIMEOUT: Duration = Duration::from_secs(15);
/// How long nothing may be asked before the connection is closed.
const QUIET_MAX: Duration = Duration::from_secs(10 * 60);
/// How long a refusal may take to be heard.
const GOODBYE: Duration = Duration::from_secs(2);

/// Serves a connection to its end.
pub(in crate::protocols) async fn serve_connection(network: &Arc<Network>, connection: Connection) {
    let Ok(Some((StreamKind::Recovery, mut stream))) = timeout(STEP_TIMEOUT, connection.accept()).await
    else {
        return connection.close(CloseCode::PROTOCOL, "it asks for nothing");
    };
    // Up to the proof, only the network's limits for strangers hold: the places here are for those who proved something,
    // so that nobody keeps a household out by asking for nothing.
    let first = match receive(&mut stream).await {
        Ok(RecoveryMessage::Kit(kit)) => return kits::serve_stranger(network, connection, stream, kit).await,
        Ok(RecoveryMessage::Guessing { version }) => {
            let answer = guessing::judge(network, &connection, version, &mut stream).await;
            return say_goodbye(&connection, stream, &answer).await;
        }
        Ok(first) => first,
        Err(Some(why)) => return turn_away(&connection, stream, why).await,
        Err(None) => return connection.close(CloseCode::PROTOCOL, "it stopped in the middle"),
    };
    let (household, _place) = match admit(network, &connection, first, &mut stream).await {
        Ok(admitted) => admitted,
        Err(Some(why)) => return turn_away(&connection, stream, why).await,
        Err(None) => return connection.close(CloseCode::PROTOCOL, "it stopped in the middle"),
    };
    drop(stream);
    connection.trust();
    tracing::warn!(%household, node = %connection.node(), "somebody with the household's phrase restores from here");
    if let Err(error) = notices::recovered(network, household, connection.node()).await {
        tracing::error!("could not record that a household restores from here: {error:#}");
    }
    requests(network, household, &connection).await;
}

/// Whom the stranger speaks for, and its place among the recoveries; an error says why it is turned away, or that it is gone.
async fn admit<'a>(
    network: &'a Arc<Network>,
    connection: &Connection,
    first: RecoveryMessage,
    stream: &mut FramedStream,
) -> Result<(HouseholdId, SemaphorePermit<'a>), Option<RecoveryRefusal>> {
    let household = match first {
        RecoveryMessage::Hello { version: VERSION, household } => household,
        RecoveryMessage::Hello { .. } => return Err(Some(RecoveryRefusal::Version)),
        _ => return Err(Some(RecoveryRefusal::Malformed)),
    };
    let challenge = crate::random::bytes().map_err(|_| None)?;
    send(stream, &RecoveryMessage::Challenge(challenge)).await?;
    let RecoveryMessage::Proof(proof) = receive(stream).await? else {
        return Err(Some(RecoveryRefusal::Malformed));
    };
    let (keeper, restorer) = (network.net.node(), connection.node());
    let is_proven = <&[u8; PROOF_BYTES]>::try_from(proof.as_slice())
        .is_ok_and(|proof| RecoveryProof::verify(&household, &keeper, &restorer, &challenge, proof));
    if !is_proven {
        tracing::warn!(%restorer, "somebody without the phrase tried to restore a household");
        return Err(Some(RecoveryRefusal::Proof));
    }
    // Looked up only now: who cannot prove anything learns nothing.
    let vault_keeper = Arc::clone(&network.home.vault.keeper);
    match tokio::task::spawn_blocking(move || vault_keeper.ward(&household)).await {
        Ok(Ok(_)) => {}
        Ok(Err(KeeperError::NotAWard)) => return Err(Some(RecoveryRefusal::NothingKept)),
        Ok(Err(error)) => {
            tracing::error!(%error, "cannot tell what is kept for a household that restores");
            return Err(Some(RecoveryRefusal::Busy));
        }
        Err(_) => return Err(Some(RecoveryRefusal::Busy)),
    }
    let place = network.recoveries.try_acquire().map_err(|_| RecoveryRefusal::Busy)?;
    let welcome = welcome(network, household).await.map_err(|error| {
        tracing::error!("cannot welcome a household that restores: {error:#}");
        RecoveryRefusal::Busy
    })?;
    send(stream, &RecoveryMessage::Welcome(welcome)).await?;
    Ok((household, place))
}

/// What the household should know before it reads: which of its certificates is the highest, and who speaks here.
async fn welcome(network: &Arc<Network>, household: HouseholdId) -> anyhow::Result<Welcome> {
    let met = network.book.peer(&household).map(|peer| peer.certificate);
    let vault_keeper = Arc::clone(&network.home.vault.keeper);
    let heads =
        tokio::task::spawn_blocking(move || vault_keeper.heads(&household)).await?.unwrap_or_default();
    let signed =
        heads.first().and_then(|head| VaultHead::decode(head).ok()).map(|head| head.certificate().clone());
    let highest =
        met.into_iter().chain(signed).reduce(|one, other| if other.outranks(&one) { other } else { one });
    Ok(Welcome {
        certificate: highest.map(|certificate| certificate.encode().to_vec()),
        keeper: network.home.keys.certificate.encode().to_vec(),
        name: network.who_we_are().await?.0,
    })
}

async fn receive(stream: &mut FramedStream) -> Result<RecoveryMessage, Option<RecoveryRefusal>> {
    match stream.recv_within(MESSAGE_BYTES_MAX, STEP_TIMEOUT).await {
        Ok(Some(bytes)) => RecoveryMessage::decode(&bytes).ok_or(Some(RecoveryRefusal::Malformed)),
        Ok(None) | Err(_) => Err(None),
    }
}

async fn send(stream: &mut FramedStream, message: &RecoveryMessage) -> Result<(), Option<RecoveryRefusal>> {
    stream.send(&message.encode()).await.map_err(|_| None)
}

pub(super) async fn turn_away(connection: &Connection, stream: FramedStream, why: RecoveryRefusal) {
    say_goodbye(connection, stream, &RecoveryMessage::Refused(why)).await;
}

/// Says a last word and closes the connection.
async fn say_goodbye(connection: &Connection, mut stream: FramedStream, word: &RecoveryMessage) {
    let told = async {
        stream.send(&word.encode()).await.ok()?;
        stream.finish().await.ok()
    };
    // Whoever does not listen hears it from the connection.
    timeout(GOODBYE, told).await.unwrap_or_default();
    connection.close(CloseCode::DONE, "that is all");
}

/// Answers what is asked until the connection ends, or nothing is asked for long.
async fn requests(network: &Arc<Network>, household: HouseholdId, connection: &Connection) {
    let mut serving = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = connection.accept() => accepted,
            Some(_) = serving.join_next() => continue,
            () = network.stopping.cancelled() => None,
            () = tokio::time::sleep(QUIET_MAX), if serving.is_empty() => None,
        };
        let Some((_, stream)) = accepted else { break };
        if serving.len() >= STREAMS_MAX {
            stream.reset(ResetCode::BUSY);
            continue;
        }
        let home = Arc::clone(&network.home);
        serving.spawn(async move { serve::serve_recovery(&home, household, stream).await });
    }
    connection.close(CloseCode::DONE, "nothing more is asked");
}

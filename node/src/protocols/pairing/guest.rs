//! The side that opened the link: it knocks, checks who answers, and waits for the person over there.

use std::sync::Arc;
use std::time::Duration;

use heirloom_identity::pairing::{Side, commitment};
use heirloom_identity::{Card, Certificate, Invitation, PairingError, Transcript};
use heirloom_net::{ConnectError, Connection, FramedStream, NodeAddress, Priority, Protocol, StreamKind};
use tokio::sync::watch;
use tokio::time::Instant;

use super::messages::{Lost, receive, send};
use super::{
    Decision, INVITATION_MS, Pairing, PairingRole, PairingState, Problem, STEP_TIMEOUT, TalkMessage,
    WAITING_EVERY,
};
use crate::clock;
use crate::ledger::peers::{Peer, PeerState};
use crate::protocols::book::TurnedAway;
use crate::protocols::hello::useful_address;
use crate::protocols::network::Network;

/// How long a home that never answered is tried.
const PATIENCE: Duration = Duration::from_secs(60);
/// Time between two attempts, at first and at most; it doubles.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// Silence after which a waiting connection is made anew.
const SILENCE: Duration = Duration::from_secs(4 * WAITING_EVERY.as_secs());
/// Connections that a guest makes for one invitation.
const ATTEMPTS_MAX: u32 = 3000;

/// How one attempt ended without success.
enum Miss {
    /// The answer is no.
    Refused(Problem),
    /// Try again.
    Again,
}

impl From<Lost> for Miss {
    fn from(_: Lost) -> Self {
        Self::Again
    }
}

impl From<Problem> for Miss {
    fn from(problem: Problem) -> Self {
        Self::Refused(problem)
    }
}

/// What is shown as soon as somebody opened a link here.
pub(in crate::protocols) fn first_look(id: String, invitation: &Invitation) -> Pairing {
    Pairing {
        id,
        role: PairingRole::Guest,
        state: PairingState::Waiting,
        name: invitation.name().to_owned(),
        people: Vec::new(),
        words: Vec::new(),
        reason: None,
        expires_ms: invitation.expires_at_ms(),
        household: Some(*invitation.household()),
    }
}

/// Tries until the homes are paired, it is clear that they will not be, or a person here gives up.
pub(in crate::protocols) async fn run(
    network: Arc<Network>,
    id: String,
    invitation: Invitation,
    mut decisions: watch::Receiver<Option<Decision>>,
) {
    let outcome = tokio::select! {
        outcome = persist(&network, &id, &invitation) => outcome,
        () = network.stopping.cancelled() => return,
        () = async { while decisions.changed().await.is_ok() {} } => {
            tracing::info!("a person gave up an invitation");
            return;
        }
    };
    if let Err(problem) = outcome {
        tracing::info!(%problem, "not paired");
        network.pairings.fail(&id, problem.word().to_owned());
        network.tell_peers();
    }
}

async fn persist(network: &Arc<Network>, id: &str, invitation: &Invitation) -> Result<(), Problem> {
    network.net.learn(&NodeAddress {
        node: *invitation.node(),
        relay: invitation.relay().map(str::to_owned),
        direct: invitation.addresses().to_vec(),
    });
    let expected = network.book.expect_host(*invitation.node()).ok_or(Problem::Timeout)?;
    let began = Instant::now();
    let day = Duration::from_millis(INVITATION_MS.unsigned_abs());
    let mut pause = PAUSE.0;
    for _ in 0..ATTEMPTS_MAX {
        match attempt(network, id, invitation).await {
            Ok(()) => {
                drop(expected);
                return Ok(());
            }
            Err(Miss::Refused(problem)) => return Err(problem),
            Err(Miss::Again) => {}
        }
        // Once there are words, a person over there is being asked, and that may take its time.
        let has_words = network.pairings.get(id).is_some_and(|shown| !shown.words.is_empty());
        let patience = if has_words { day } else { PATIENCE };
        if began.elapsed() + pause > patience {
            return Err(if has_words { Problem::Timeout } else { Problem::Unreachable });
        }
        tokio::time::sleep(pause).await;
        pause = (2 * pause).min(PAUSE.1);
    }
    Err(Problem::Timeout)
}

async fn attempt(network: &Arc<Network>, id: &str, invitation: &Invitation) -> Result<(), Miss> {
    let connection =
        network.net.connect(invitation.node(), Protocol::Pair).await.map_err(|error| miss(&error))?;
    let outcome = talk(network, id, invitation, &connection).await;
    match (outcome, connection.reason()) {
        (Err(Miss::Again), Some(reason)) => Err(closed(&reason)),
        (outcome, _) => outcome,
    }
}

/// What it means that no connection came about.
fn miss(error: &ConnectError) -> Miss {
    match error {
        ConnectError::Refused(refusal) if refusal.code == TurnedAway::NoInvitation as u16 => {
            Miss::Refused(Problem::Expired)
        }
        ConnectError::Refused(_) => Miss::Refused(Problem::Blocked),
        ConnectError::WrongNode(_) | ConnectError::NoSuchNode => Miss::Refused(Problem::WrongHome),
        ConnectError::UnknownProtocol => Miss::Refused(Problem::Version),
        _ => Miss::Again,
    }
}

/// What it means that the connection was closed.
fn closed(reason: &heirloom_net::Reason) -> Miss {
    match reason {
        heirloom_net::Reason::Peer { code, .. }
            if TurnedAway::of(*code) == Some(TurnedAway::NoInvitation) =>
        {
            Miss::Refused(Problem::Expired)
        }
        _ => Miss::Again,
    }
}

async fn talk(
    network: &Arc<Network>,
    id: &str,
    invitation: &Invitation,
    connection: &Connection,
) -> Result<(), Miss> {
    let mut stream =
        connection.open(StreamKind::Pairing, Priority::CONTROL).await.map_err(|_| Miss::Again)?;
    let (certificate, transcript) = prove(network, invitation, &mut stream).await?;
    let words = transcript.words().map(str::to_owned).to_vec();
    network.pairings.update(id, |shown| shown.words.clone_from(&words));
    network.tell_peers();
    let (card, address) = wait(&mut stream).await?;
    let card = Card::decode(&card).ok().filter(|card| *card.certificate() == certificate);
    let card = card.ok_or(Problem::Invalid)?;
    let own_card = network.card().await.map_err(|_| Problem::NotSaved)?.encode();
    let own = TalkMessage::Card { card: own_card, address: network.address().encode() };
    send(&mut stream, &own).await?;
    match receive(&mut stream, STEP_TIMEOUT).await? {
        Some(TalkMessage::Done) => {}
        Some(TalkMessage::Refused(problem)) => return Err(problem.into()),
        _ => return Err(Problem::Invalid.into()),
    }
    let address = useful_address(invitation.node(), &address);
    let peer = Peer {
        household: *certificate.household(),
        certificate,
        given_name: None,
        card: Some(card),
        state: PeerState::Paired,
        words,
        address: address.map(|address| address.encode()),
        paired_ms: clock::now_ms(),
        last_seen_ms: Some(clock::now_ms()),
        refusal: None,
    };
    let name = peer.name();
    network.record_paired(peer, None).await?;
    network.pairings.update(id, |shown| {
        shown.state = PairingState::Done;
        shown.name = name;
    });
    network.tell_peers();
    Ok(())
}

/// Both sides show that they know the secret of the same invitation.
async fn prove(
    network: &Arc<Network>,
    invitation: &Invitation,
    stream: &mut FramedStream,
) -> Result<(Certificate, Transcript), Miss> {
    let nonce = crate::random::bytes().map_err(|_| Problem::NotSaved)?;
    let own = Side { node: network.net.node(), certificate: network.home.keys.certificate.clone(), nonce };
    let knock = TalkMessage::Knock {
        version: 1,
        invitation: *invitation.id().as_bytes(),
        certificate: own.certificate.encode().to_vec(),
        commitment: commitment(&nonce),
    };
    send(stream, &knock).await?;
    let (certificate, nonce) = match receive(stream, STEP_TIMEOUT).await? {
        Some(TalkMessage::Answer { certificate, nonce }) => (certificate, nonce),
        Some(TalkMessage::Refused(problem)) => return Err(problem.into()),
        _ => return Err(Problem::Invalid.into()),
    };
    let certificate = Certificate::decode(&certificate).map_err(|_| Problem::Invalid)?;
    if certificate.household() != invitation.household() || certificate.node() != invitation.node() {
        return Err(Problem::WrongHome.into());
    }
    // A machine that was replaced, or stolen, does not speak for that home any more.
    let known = network.book.peer(certificate.household());
    if known.is_some_and(|known| known.certificate.outranks(&certificate)) {
        return Err(Problem::WrongHome.into());
    }
    let invalid = |_: PairingError| Problem::Invalid;
    let node = stream.connection().node();
    let inviter = Side { node, certificate: certificate.clone(), nonce };
    let transcript = Transcript::new(&invitation.id(), &inviter, &own).map_err(invalid)?;
    let proof = transcript.proof_of_guest(invitation.secret());
    send(stream, &TalkMessage::GuestProof { nonce: own.nonce, proof }).await?;
    match receive(stream, STEP_TIMEOUT).await? {
        Some(TalkMessage::InviterProof { proof }) => {
            transcript.verify_inviter(invitation.secret(), &proof).map_err(invalid)?;
        }
        Some(TalkMessage::Refused(problem)) => return Err(problem.into()),
        _ => return Err(Problem::Invalid.into()),
    }
    let (name, people) = network.who_we_are().await.map_err(|_| Problem::NotSaved)?;
    send(stream, &TalkMessage::Name { name, people }).await?;
    Ok((certificate, transcript))
}

/// Waits for the person over there; returns the inviter's card and address.
async fn wait(stream: &mut FramedStream) -> Result<(Vec<u8>, Vec<u8>), Miss> {
    let until = Instant::now() + Duration::from_millis(INVITATION_MS.unsigned_abs());
    while Instant::now() < until {
        match receive(stream, SILENCE).await? {
            Some(TalkMessage::Waiting) => {}
            Some(TalkMessage::Confirmed { card, address }) => return Ok((card, address)),
            Some(TalkMessage::Refused(problem)) => return Err(problem.into()),
            _ => return Err(Problem::Invalid.into()),
        }
    }
    Err(Problem::Timeout.into())
}

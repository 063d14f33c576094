//! The side that made the invitation: it proves the secret first, shows who came, and asks a person.

use std::sync::Arc;

use heirloom_identity::card::clean_name;
use heirloom_identity::pairing::{Side, check_commitment};
use heirloom_identity::{Card, Certificate, InvitationId, NodeId, PairingError, Transcript};
use heirloom_net::{Connection, FramedStream, StreamKind};
use tokio::sync::watch;

use super::messages::{Lost, people_of, receive, send};
use super::{
    Decision, Pairing, PairingRole, PairingState, Person, Problem, STEP_TIMEOUT, TalkMessage, WAITING_EVERY,
};
use crate::clock;
use crate::ledger::invitations::{InvitationRow, InvitationState};
use crate::ledger::peers::{Peer, PeerState};
use crate::protocols::hello::useful_address;
use crate::protocols::network::Network;

/// Why a guest gets no further.
enum Stop {
    /// It is told why.
    Refuse(Problem),
    /// It is gone, or says nothing any more.
    Lost,
}

impl From<Lost> for Stop {
    fn from(_: Lost) -> Self {
        Self::Lost
    }
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Refuse(problem)
    }
}

/// A guest that proved the secret.
struct Guest {
    certificate: Certificate,
    transcript: Transcript,
    name: String,
    people: Vec<Person>,
}

/// Serves a guest's connection until the homes are paired, or it is told why not, or it is gone.
pub(in crate::protocols) async fn receive_guest(network: &Arc<Network>, connection: Connection) {
    let Ok(Some((StreamKind::Pairing, mut stream))) =
        tokio::time::timeout(STEP_TIMEOUT, connection.accept()).await
    else {
        return;
    };
    match talk(network, connection.node(), &mut stream).await {
        Ok(()) => {}
        Err(Stop::Refuse(problem)) => {
            tracing::info!(peer = %short(&connection.node()), %problem, "turned a guest away");
            if send(&mut stream, &TalkMessage::Refused(problem)).await.is_err() {
                return;
            }
        }
        Err(Stop::Lost) => {
            tracing::debug!(peer = %short(&connection.node()), "a guest went away");
            return;
        }
    }
    // The last words have to arrive before the connection goes; if they don't, the guest comes again.
    stream.finish().await.unwrap_or_default();
}

async fn talk(network: &Arc<Network>, node: NodeId, stream: &mut FramedStream) -> Result<(), Stop> {
    let (invitation, guest) = prove(network, node, stream).await?;
    let (id, invitation_id) = (data_encoding::HEXLOWER.encode(&invitation.id), invitation.id);
    let now_ms = clock::now_ms();
    let claimed =
        network.blocking(move |home| Ok(home.ledger.claim_invitation(&invitation_id, node, now_ms)?)).await;
    let is_claimed = claimed.map_err(|_| Problem::NotSaved)?;
    let invitation = find(network, &invitation.id).await?;
    check_usable(&invitation, &node, now_ms)?;
    if !is_claimed {
        return Err(Problem::Used.into());
    }
    let shown = show(&id, &invitation, &guest);
    let decisions = network.pairings.begin(shown, Some(node));
    network.tell_peers();
    // A guest that was confirmed before and came again because the last step was lost needs no second word.
    // One that was removed since needs one.
    let is_confirmed = match invitation.state {
        InvitationState::Done => network.book.is_paired(guest.certificate.household()),
        _ => invitation.auto_confirm,
    };
    let given_name =
        if is_confirmed { None } else { ask(network, &id, &invitation, stream, decisions).await? };
    let peer = exchange(network, &guest, given_name, stream).await?;
    let household = peer.household;
    if let Err(problem) = network.record_paired(peer, Some(invitation.id)).await {
        network.pairings.fail(&id, problem.word().to_owned());
        network.tell_peers();
        return Err(problem.into());
    }
    send(stream, &TalkMessage::Done).await?;
    network.pairings.update(&id, |shown| {
        shown.state = PairingState::Done;
        shown.household = Some(household);
    });
    network.tell_peers();
    Ok(())
}

fn show(id: &str, invitation: &InvitationRow, guest: &Guest) -> Pairing {
    Pairing {
        id: id.to_owned(),
        role: PairingRole::Inviter,
        state: PairingState::Confirm,
        name: guest.name.clone(),
        people: guest.people.clone(),
        words: guest.transcript.words().map(str::to_owned).to_vec(),
        reason: None,
        expires_ms: invitation.expires_ms,
        household: Some(*guest.certificate.household()),
    }
}

/// Both sides show that they know the secret of the same invitation.
async fn prove(
    network: &Arc<Network>,
    node: NodeId,
    stream: &mut FramedStream,
) -> Result<(InvitationRow, Guest), Stop> {
    let knock = receive(stream, STEP_TIMEOUT).await?.ok_or(Problem::Invalid)?;
    let TalkMessage::Knock { version, invitation, certificate, commitment } = knock else {
        return Err(Problem::Invalid.into());
    };
    if version != 1 {
        return Err(Problem::Version.into());
    }
    let invitation = find(network, &invitation).await?;
    check_usable(&invitation, &node, clock::now_ms())?;
    let certificate = check_certificate(network, &node, &certificate)?;
    let own_nonce = crate::random::bytes().map_err(|_| Problem::NotSaved)?;
    let own = Side {
        node: network.net.node(),
        certificate: network.home.keys.certificate.clone(),
        nonce: own_nonce,
    };
    let answer = TalkMessage::Answer { certificate: own.certificate.encode().to_vec(), nonce: own.nonce };
    send(stream, &answer).await?;
    let proof = receive(stream, STEP_TIMEOUT).await?.ok_or(Problem::Invalid)?;
    let TalkMessage::GuestProof { nonce, proof } = proof else { return Err(Problem::Invalid.into()) };
    let guest = Side { node, certificate: certificate.clone(), nonce };
    let invalid = |_: PairingError| Problem::Invalid;
    check_commitment(&commitment, &nonce).map_err(invalid)?;
    let id = InvitationId::from_bytes(invitation.id);
    let transcript = Transcript::new(&id, &own, &guest).map_err(invalid)?;
    transcript.verify_guest(&invitation.secret, &proof).map_err(invalid)?;
    let proof = transcript.proof_of_inviter(&invitation.secret);
    send(stream, &TalkMessage::InviterProof { proof }).await?;
    let name = receive(stream, STEP_TIMEOUT).await?.ok_or(Problem::Invalid)?;
    let TalkMessage::Name { name, people } = name else { return Err(Problem::Invalid.into()) };
    let guest = Guest { certificate, transcript, name: clean_name(&name), people: people_of(&people) };
    Ok((invitation, guest))
}

async fn find(network: &Arc<Network>, id: &[u8; 32]) -> Result<InvitationRow, Stop> {
    let id = *id;
    let found = network.blocking(move |home| Ok(home.ledger.invitation(&id)?)).await;
    Ok(found.map_err(|_| Problem::NotSaved)?.ok_or(Problem::Invalid)?)
}

fn check_usable(invitation: &InvitationRow, node: &NodeId, now_ms: i64) -> Result<(), Problem> {
    let is_its_own = invitation.guest.as_ref() == Some(node);
    match invitation.state {
        InvitationState::Open | InvitationState::Done if invitation.expires_ms <= now_ms => {
            Err(Problem::Expired)
        }
        InvitationState::Open if invitation.guest.is_none() || is_its_own => Ok(()),
        InvitationState::Done if is_its_own => Ok(()),
        InvitationState::Open | InvitationState::Done => Err(Problem::Used),
        InvitationState::Denied => Err(Problem::Denied),
        InvitationState::Cancelled => Err(Problem::Expired),
    }
}

/// The guest's certificate must be for the node that the connection proved, and no older than what is known.
fn check_certificate(network: &Network, node: &NodeId, bytes: &[u8]) -> Result<Certificate, Problem> {
    let certificate = Certificate::decode(bytes).map_err(|_| Problem::Invalid)?;
    if certificate.node() != node {
        return Err(Problem::Invalid);
    }
    if certificate.household() == network.home.keys.certificate.household() {
        return Err(Problem::Own);
    }
    match network.book.peer(certificate.household()) {
        Some(known) if known.state == PeerState::Blocked => Err(Problem::Blocked),
        Some(known) if known.certificate.outranks(&certificate) => Err(Problem::Outranked),
        _ => Ok(certificate),
    }
}

/// Waits for a person here. Returns what people here call the guest, if they said.
async fn ask(
    network: &Arc<Network>,
    id: &str,
    invitation: &InvitationRow,
    stream: &mut FramedStream,
    mut decisions: watch::Receiver<Option<Decision>>,
) -> Result<Option<String>, Stop> {
    loop {
        let decision = decisions.borrow_and_update().clone();
        match decision {
            Some(Decision::Confirm(given_name)) => return Ok(given_name),
            Some(Decision::Deny) => {
                network.end_invitation(invitation.id, InvitationState::Denied).await;
                network.pairings.fail(id, Problem::Denied.word().to_owned());
                network.tell_peers();
                return Err(Problem::Denied.into());
            }
            None => {}
        }
        if invitation.expires_ms <= clock::now_ms() {
            network.pairings.fail(id, Problem::Expired.word().to_owned());
            network.tell_peers();
            return Err(Problem::Expired.into());
        }
        send(stream, &TalkMessage::Waiting).await?;
        let connection = stream.connection().clone();
        tokio::select! {
            _ = connection.closed() => return Err(Stop::Lost),
            () = network.stopping.cancelled() => return Err(Stop::Lost),
            changed = tokio::time::timeout(WAITING_EVERY, decisions.changed()) => {
                if let Ok(Err(_)) = changed {
                    // Another connection of the same pairing took over.
                    return Err(Stop::Lost);
                }
            }
        }
    }
}

/// Cards, with receive keys, go both ways.
async fn exchange(
    network: &Arc<Network>,
    guest: &Guest,
    given_name: Option<String>,
    stream: &mut FramedStream,
) -> Result<Peer, Stop> {
    let card = network.card().await.map_err(|_| Problem::NotSaved)?.encode();
    let address = network.address().encode();
    send(stream, &TalkMessage::Confirmed { card, address }).await?;
    let answer = receive(stream, STEP_TIMEOUT).await?.ok_or(Problem::Invalid)?;
    let TalkMessage::Card { card, address } = answer else { return Err(Problem::Invalid.into()) };
    let card = Card::decode(&card).map_err(|_| Problem::Invalid)?;
    if *card.certificate() != guest.certificate {
        return Err(Problem::Invalid.into());
    }
    let address = useful_address(guest.certificate.node(), &address);
    Ok(Peer {
        household: *guest.certificate.household(),
        certificate: guest.certificate.clone(),
        given_name: given_name.filter(|given| given != card.name()),
        card: Some(card),
        state: PeerState::Paired,
        words: guest.transcript.words().map(str::to_owned).to_vec(),
        address: address.map(|address| address.encode()),
        paired_ms: clock::now_ms(),
        last_seen_ms: Some(clock::now_ms()),
        refusal: None,
    })
}

/// The beginning of a node's id, for the log.
pub(in crate::protocols) fn short(node: &NodeId) -> String {
    node.to_string()[..8].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use zeroize::Zeroizing;

    fn check(state: InvitationState, guest: Option<u8>, now_ms: i64, expected: Result<(), Problem>) {
        let row = InvitationRow {
            id: [0; 32],
            secret: Zeroizing::new([0; 16]),
            link: String::new(),
            auto_confirm: false,
            made_ms: 0,
            expires_ms: 100,
            guest: guest.map(|n| NodeId::from_bytes([n; 32])),
            state,
        };
        assert_eq!(check_usable(&row, &NodeId::from_bytes([1; 32]), now_ms), expected);
    }

    #[test]
    fn an_invitation_is_good_for_one_node_and_one_day() {
        use InvitationState::{Cancelled, Denied, Done, Open};
        check(Open, None, 99, Ok(()));
        check(Open, Some(1), 99, Ok(()));
        check(Open, Some(2), 99, Err(Problem::Used));
        check(Open, None, 100, Err(Problem::Expired));
        check(Done, Some(1), 99, Ok(()));
        check(Done, Some(1), 100, Err(Problem::Expired));
        check(Done, Some(2), 99, Err(Problem::Used));
        check(Denied, Some(1), 99, Err(Problem::Denied));
        check(Cancelled, None, 99, Err(Problem::Expired));
    }
}

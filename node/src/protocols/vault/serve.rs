//! The keeper's side of one request: who asks was proven by the connection, everything else is looked up.
//!
//! A household reaches only what is kept for it: the keeper is asked with the asker's own id, so a pack of another ward
//! is as missing as one that nobody has. Work on the disk runs on threads for that, as many as there are
//! [`Places`](super::Places).

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use heirloom_identity::HouseholdId;
use heirloom_net::{FramedStream, ResetCode, StreamError};
use heirloom_vault::target::LIST_MAX;
use heirloom_vault::{Challenge, Keeper, KeeperError, TargetState, Ward};

use super::bulk::{Put, get, put};
use super::keep::Keep;
use super::messages::{
    DAMAGED_MAX, Kept, MESSAGE_BYTES_MAX, RecoveryMessage, StateOfUs, VaultAnswer, VaultRefusal,
    VaultRequest, encode_answer,
};
use super::places::Work;
use super::{heads, kits, meeting, notices};
use crate::home::Home;
use crate::protocols::network::Network;

/// How long a stream may take to say what it is for.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Answers one request of a home that is paired.
pub async fn serve(network: &Arc<Network>, peer: HouseholdId, mut stream: FramedStream) {
    let request = match stream.recv_within(MESSAGE_BYTES_MAX, REQUEST_TIMEOUT).await {
        Ok(Some(bytes)) => VaultRequest::decode(&bytes),
        Ok(None) => return,
        Err(error) => return tracing::debug!(peer = %peer, %error, "no request for the vault"),
    };
    let answered = match request {
        Some(request) => answer(network, peer, request, &mut stream).await,
        None => refuse(&mut stream, VaultRefusal::Malformed).await,
    };
    ended(peer, stream, answered).await;
}

/// Answers one request of somebody who proved to hold a household's phrase; it only reads.
pub(super) async fn serve_recovery(home: &Arc<Home>, household: HouseholdId, mut stream: FramedStream) {
    let request = match stream.recv_within(MESSAGE_BYTES_MAX, REQUEST_TIMEOUT).await {
        Ok(Some(bytes)) => RecoveryMessage::decode(&bytes),
        Ok(None) | Err(_) => return,
    };
    let answered = match request {
        Some(RecoveryMessage::Ask(request)) if request.only_reads() => {
            read(home, household, request, &mut stream).await
        }
        _ => refuse(&mut stream, VaultRefusal::Malformed).await,
    };
    ended(household, stream, answered).await;
}

async fn ended(peer: HouseholdId, stream: FramedStream, answered: Result<(), StreamError>) {
    let finished = match answered {
        Ok(()) => stream.finish().await,
        Err(error) => {
            stream.reset(ResetCode::CANCELLED);
            Err(error)
        }
    };
    if let Err(error) = finished {
        tracing::debug!(peer = %peer, %error, "a request for the vault broke off");
    }
}

async fn answer(
    network: &Arc<Network>,
    peer: HouseholdId,
    request: VaultRequest,
    stream: &mut FramedStream,
) -> Result<(), StreamError> {
    let home = &network.home;
    match request {
        VaultRequest::Put { pack, bytes, room } => put(home, peer, Put { pack, bytes, room }, stream).await,
        VaultRequest::Prove(challenges) => prove(home, peer, challenges, stream).await,
        VaultRequest::State
        | VaultRequest::Get { .. }
        | VaultRequest::List { .. }
        | VaultRequest::Heads
        | VaultRequest::Kits
        | VaultRequest::Damaged => read(home, peer, request, stream).await,
        VaultRequest::Ask { .. }
        | VaultRequest::Delete(_)
        | VaultRequest::PutHead(_)
        | VaultRequest::NewestOf(_)
        | VaultRequest::PutKit(_)
        | VaultRequest::Notice(_)
        | VaultRequest::AnswerDeletion { .. }
        | VaultRequest::Kit(_) => {
            let answer = change(network, peer, request).await;
            notices::pass_on(network).await;
            stream.send(&answer.encode()).await
        }
    }
}

/// Requests that change something, and need no more than one frame.
async fn change(network: &Arc<Network>, peer: HouseholdId, request: VaultRequest) -> VaultAnswer {
    let home = &network.home;
    let keeper = Keep { home, of: peer };
    match request {
        VaultRequest::Ask { bytes } => done(meeting::wished(network, peer, bytes).await),
        VaultRequest::Notice(notice) => done(notices::take(network, peer, notice).await),
        VaultRequest::NewestOf(marks) => heads::answer(network, peer, marks).await,
        VaultRequest::PutHead(head) => {
            let kept = keeper.ask(move |keeper| keeper.put_head(&peer, &head)).await;
            kept.map_or_else(VaultAnswer::Refused, |()| VaultAnswer::Done)
        }
        VaultRequest::PutKit(kit) => {
            let kept = keeper.ask(move |keeper| keeper.put_kit(&peer, &kit)).await;
            kept.map_or_else(VaultAnswer::Refused, |()| VaultAnswer::Done)
        }
        VaultRequest::Kit(request) => kits::answer(network, peer, request).await,
        VaultRequest::Delete(packs) => {
            let deleted = keeper.ask(move |keeper| keeper.delete(&peer, &packs)).await;
            deleted.map_or_else(VaultAnswer::Refused, VaultAnswer::Deleted)
        }
        VaultRequest::AnswerDeletion { allow } => {
            use heirloom_vault::keeper::Home::Ward;
            let answered = keeper.ask(move |keeper| keeper.answer_deletion(&peer, Ward, allow)).await;
            answered.map_or_else(VaultAnswer::Refused, VaultAnswer::Deleted)
        }
        VaultRequest::State
        | VaultRequest::Put { .. }
        | VaultRequest::Get { .. }
        | VaultRequest::List { .. }
        | VaultRequest::Prove(_)
        | VaultRequest::Heads
        | VaultRequest::Kits
        | VaultRequest::Damaged => VaultAnswer::Refused(VaultRefusal::Malformed),
    }
}

fn done(outcome: anyhow::Result<()>) -> VaultAnswer {
    match outcome {
        Ok(()) => VaultAnswer::Done,
        Err(error) => {
            tracing::error!("could not record what another home said about the vault: {error:#}");
            VaultAnswer::Refused(VaultRefusal::Failed)
        }
    }
}

/// Requests that change nothing.
async fn read(
    home: &Arc<Home>,
    of: HouseholdId,
    request: VaultRequest,
    stream: &mut FramedStream,
) -> Result<(), StreamError> {
    let keeper = Keep { home, of };
    match request {
        VaultRequest::State => {
            let answer = state(home, of).await.map_or_else(VaultAnswer::Refused, VaultAnswer::State);
            stream.send(&answer.encode()).await
        }
        VaultRequest::List { after } => {
            let listed = keeper.ask(move |keeper| keeper.list(&of, after.as_ref(), LIST_MAX)).await;
            let answer = listed.map_or_else(VaultAnswer::Refused, |packs| {
                let size = |(pack, bytes)| (pack, u32::try_from(bytes).unwrap_or(u32::MAX));
                VaultAnswer::Packs(packs.into_iter().map(size).collect())
            });
            stream.send(&answer.encode()).await
        }
        VaultRequest::Damaged => {
            let bad = keeper.ask(move |keeper| keeper.bad(&of, DAMAGED_MAX)).await;
            stream.send(&bad.map_or_else(VaultAnswer::Refused, VaultAnswer::Damaged).encode()).await
        }
        VaultRequest::Heads => items(keeper.ask(move |keeper| keeper.heads(&of)).await, stream).await,
        VaultRequest::Kits => items(keeper.ask(move |keeper| keeper.kits(&of)).await, stream).await,
        VaultRequest::Get { pack, from, to } => get(&keeper, pack, from, to, stream).await,
        _ => refuse(stream, VaultRefusal::Malformed).await,
    }
}

pub(super) async fn refuse(stream: &mut FramedStream, why: VaultRefusal) -> Result<(), StreamError> {
    stream.send(&VaultAnswer::Refused(why).encode()).await
}

/// How this home stands with another.
async fn state(home: &Arc<Home>, of: HouseholdId) -> Result<StateOfUs, VaultRefusal> {
    let place = home.vault.places.take(of, Work::Read).await.ok_or(VaultRefusal::Busy)?;
    let asked = Arc::clone(home);
    let state = tokio::task::spawn_blocking(move || state_of(&asked, &of)).await.context("a thread ended");
    drop(place);
    state.and_then(|state| state).map_err(|error| {
        tracing::error!("cannot say what is kept here for another home: {error:#}");
        VaultRefusal::Failed
    })
}

/// How this home stands with another, as far as it knows.
pub(super) fn state_of(home: &Home, of: &HouseholdId) -> anyhow::Result<StateOfUs> {
    let (asked, wants, declined) = meeting::wishes(home, of)?;
    Ok(StateOfUs { kept: kept(&home.vault.keeper, of)?, asked, wants, declined })
}

fn kept(keeper: &Keeper, of: &HouseholdId) -> Result<Option<Kept>, KeeperError> {
    use heirloom_vault::keeper::WardState;
    let ward = match keeper.ward(of) {
        Ok(ward) => ward,
        Err(KeeperError::NotAWard) => return Ok(None),
        Err(error) => return Err(error),
    };
    let (state, disk_is_there) = match keeper.state(of) {
        Ok(state) => (state, true),
        // What is known of it without its disk.
        Err(KeeperError::DiskAbsent) => (state_without_disk(&ward), false),
        Err(error) => return Err(error),
    };
    let head = ward.last_head.map_or(0, |head| head.number);
    Ok(Some(Kept { state, head, disk_is_there, ended: ward.state == WardState::Ended }))
}

fn state_without_disk(ward: &Ward) -> TargetState {
    TargetState {
        quota: Some(ward.quota),
        used: ward.used,
        held: ward.held,
        free: None,
        packs: ward.packs,
        deletable: Some(ward.deletable),
        asked: ward.ask.is_some(),
    }
}

/// Answers with frames of a kind.
async fn items(
    items: Result<Vec<Vec<u8>>, VaultRefusal>,
    stream: &mut FramedStream,
) -> Result<(), StreamError> {
    let items = match items {
        Ok(items) => items,
        Err(why) => return refuse(stream, why).await,
    };
    let count = u32::try_from(items.len()).unwrap_or(u32::MAX);
    stream.send(&VaultAnswer::Items(count).encode()).await?;
    for item in items {
        stream.send(&item).await?;
    }
    Ok(())
}

async fn prove(
    home: &Arc<Home>,
    of: HouseholdId,
    challenges: Vec<Challenge>,
    stream: &mut FramedStream,
) -> Result<(), StreamError> {
    let count = challenges.len();
    let asked = Keep { home, of }.ask(move |keeper| keeper.prove(&of, &challenges)).await;
    let answers = match asked {
        Ok(answers) if answers.len() == count => answers,
        Ok(_) => return refuse(stream, VaultRefusal::Failed).await,
        Err(why) => return refuse(stream, why).await,
    };
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    stream.send(&VaultAnswer::Proofs(count).encode()).await?;
    for answer in answers {
        stream.send(&encode_answer(&answer)).await?;
    }
    Ok(())
}

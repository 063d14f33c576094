//! The bytes of packs on a stream, in and out.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use heirloom_identity::HouseholdId;
use heirloom_net::{FramedStream, StreamError};
use heirloom_vault::{Keeper, KeeperError, PackId, Room};
use tokio::time::timeout;

use super::incoming::{self, Frames, Unfinished};
use super::keep::Keep;
use super::messages::{DATA_BYTES_MAX, VaultAnswer, VaultRefusal};
use super::places::Work;
use super::serve::refuse;
use crate::home::Home;

/// How long the next frame of a pack may take.
const DATA_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a whole pack may take to come.
const PUT_TIMEOUT: Duration = Duration::from_secs(60 * 60);

/// The frames of a pack that comes on a stream.
struct OnStream<'a>(&'a mut FramedStream);

impl Frames for OnStream<'_> {
    async fn next(&mut self, most: usize) -> Result<Option<Bytes>, StreamError> {
        self.0.recv_within(DATA_BYTES_MAX.min(most), DATA_TIMEOUT).await
    }
}

/// Sends part of a pack, never more than one frame of it in memory.
pub(super) async fn get(
    keeper: &Keep<'_>,
    pack: PackId,
    from: u32,
    to: u32,
    stream: &mut FramedStream,
) -> Result<(), StreamError> {
    let Some(place) = keeper.home.vault.places.take(keeper.of, Work::Read).await else {
        return refuse(stream, VaultRefusal::Busy).await;
    };
    let of = keeper.of;
    let mut at = u64::from(from);
    while at < u64::from(to) {
        let end = (at + DATA_BYTES_MAX as u64).min(to.into());
        let read = keeper.ask_in_place(move |keeper| keeper.read(&of, &pack, at..end)).await;
        let bytes = match read {
            Ok(bytes) if bytes.len() as u64 == end - at => bytes,
            // What was promised cannot be sent any more; the stream breaks off.
            _ if at > u64::from(from) => return Err(StreamError::Ended),
            Ok(_) => return refuse(stream, VaultRefusal::Failed).await,
            Err(why) => return refuse(stream, why).await,
        };
        if at == u64::from(from) {
            stream.send(&VaultAnswer::Bytes(to - from).encode()).await?;
        }
        stream.send(&bytes).await?;
        at = end;
    }
    drop(place);
    Ok(())
}

/// A pack that is announced.
#[derive(Debug, Clone, Copy)]
pub(super) struct Put {
    pub(super) pack: PackId,
    pub(super) bytes: u32,
    pub(super) room: Room,
}

/// Takes a pack in: asks whether there is room, says "send", and answers when the pack is durable.
pub(super) async fn put(
    home: &Arc<Home>,
    of: HouseholdId,
    put: Put,
    stream: &mut FramedStream,
) -> Result<(), StreamError> {
    let Some(mut place) = home.vault.places.take(of, Work::Put).await else {
        return refuse(stream, VaultRefusal::Busy).await;
    };
    let keeper = Keep { home, of };
    // Asked before the bytes travel; asked again, and for good, when they are here.
    if let Err(why) = keeper.ask_in_place(move |keeper| has_room(keeper, &of, put)).await {
        return refuse(stream, why).await;
    }
    stream.send(&VaultAnswer::Send.encode()).await?;
    let outbox = home.layout.outbox();
    let coming = incoming::take_in(put.bytes as usize, &mut place, &outbox, OnStream(stream));
    let bytes = match timeout(PUT_TIMEOUT, coming).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(Unfinished::Stream(error))) => return Err(error),
        Ok(Err(Unfinished::Wrong)) => return refuse(stream, VaultRefusal::Malformed).await,
        Ok(Err(Unfinished::Busy)) => return refuse(stream, VaultRefusal::Busy).await,
        Ok(Err(Unfinished::Disk(error))) => {
            tracing::error!(%error, "a pack of another home that comes slowly cannot be written down");
            return refuse(stream, VaultRefusal::Failed).await;
        }
        Err(_) => return Err(StreamError::Stalled(PUT_TIMEOUT)),
    };
    let kept = keeper.ask_in_place(move |keeper| keeper.put(&of, &put.pack, &bytes, put.room)).await;
    drop(place);
    let answer = kept.map_or_else(VaultAnswer::Refused, |()| VaultAnswer::Done);
    stream.send(&answer.encode()).await
}

fn has_room(keeper: &Keeper, of: &HouseholdId, put: Put) -> Result<(), KeeperError> {
    let state = keeper.state(of)?;
    let is_full = put.room == Room::Common && state.free.is_some_and(|free| free < put.bytes.into());
    if is_full {
        return Err(KeeperError::Full { quota: state.quota.unwrap_or(state.used), used: state.used });
    }
    Ok(())
}

/// The frames of a pack of so many bytes; `None` when they are not that many. Memory grows with what has come.
pub(super) async fn receive(
    bytes: usize,
    stream: &mut FramedStream,
) -> Result<Option<BytesMut>, StreamError> {
    let mut all = BytesMut::new();
    while all.len() < bytes {
        let missing = bytes - all.len();
        match stream.recv_within(DATA_BYTES_MAX.min(missing), DATA_TIMEOUT).await? {
            Some(frame) if !frame.is_empty() => all.extend_from_slice(&frame),
            _ => return Ok(None),
        }
    }
    Ok(Some(all))
}

//! Asking another home: one request on a stream of its own, and what its answer means to a [`Target`]'s user.
//!
//! The same calls go over a connection between homes and over one to recover ([`Line`] knows which). A lost connection is
//! [`TargetError::Offline`], whatever it looked like; what was under way may have happened, and every call may be
//! repeated.
//!
//! [`Target`]: heirloom_vault::Target

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use heirloom_net::{Connection, FramedStream, Priority, Protocol, ResetCode, StreamError, StreamKind};
use heirloom_vault::target::{HEADS_MAX, KITS_MAX};
use heirloom_vault::{Answer, Challenge, DeleteOutcome, PackId, Room, TargetError};

use super::bulk::receive;
use super::messages::{
    ITEM_BYTES_MAX, MESSAGE_BYTES_MAX, PROOF_FRAME_BYTES_MAX, RecoveryMessage, StateOfUs, VaultAnswer,
    VaultRefusal, VaultRequest, decode_answer,
};
use crate::vault::throttle::Throttle;

/// How long an answer may take; a keeper may wait for a place and for its disk.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);
/// Bytes of a pack in one frame when it is sent: small, so that a slow rate is kept evenly.
const SEND_BYTES: usize = 128 << 10;

/// A connection on which another home answers requests for the vault.
#[derive(Debug, Clone)]
pub struct Line {
    connection: Connection,
}

/// A pack that leaves.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Its name.
    pub pack: PackId,
    /// All of it.
    pub bytes: Bytes,
    /// Which part of the room it may take.
    pub room: Room,
}

impl Line {
    /// Asks over this connection.
    pub fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// The connection.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Opens a stream with a request on it.
    async fn open(&self, request: VaultRequest, priority: Priority) -> Result<FramedStream, TargetError> {
        let (kind, bytes) = match self.connection.protocol() {
            Protocol::Recover => (StreamKind::Recovery, RecoveryMessage::Ask(request).encode()),
            Protocol::Home | Protocol::Pair => (StreamKind::Vault, request.encode()),
        };
        let mut stream = self.connection.open(kind, priority).await.map_err(lost)?;
        stream.send(&bytes).await.map_err(lost)?;
        Ok(stream)
    }

    /// Asks something that is answered with one frame.
    async fn ask(&self, request: VaultRequest) -> Result<VaultAnswer, TargetError> {
        let mut stream = self.open(request, Priority::SYNC).await?;
        heard(&mut stream).await
    }

    /// How the two homes stand.
    pub async fn state(&self) -> Result<StateOfUs, TargetError> {
        match self.ask(VaultRequest::State).await? {
            VaultAnswer::State(state) => Ok(state),
            other => Err(unexpected(&other)),
        }
    }

    /// Asks something that is done or not.
    pub async fn tell(&self, request: VaultRequest) -> Result<(), TargetError> {
        match self.ask(request).await? {
            VaultAnswer::Done => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    /// Sends a pack; `throttle` slows it down.
    pub async fn put(&self, outgoing: &Outgoing, throttle: Option<&Throttle>) -> Result<(), TargetError> {
        let Outgoing { pack, bytes, room } = outgoing;
        let length = u32::try_from(bytes.len()).map_err(|_| TargetError::Wrong("too large a pack".into()))?;
        let request = VaultRequest::Put { pack: *pack, bytes: length, room: *room };
        let mut stream = self.open(request, Priority::BULK).await?;
        match heard(&mut stream).await? {
            VaultAnswer::Send => {}
            // It has it already.
            VaultAnswer::Done => return Ok(()),
            other => return Err(unexpected(&other)),
        }
        for frame in bytes.chunks(SEND_BYTES) {
            if let Some(throttle) = throttle {
                throttle.pass(frame.len()).await;
            }
            stream.send(frame).await.map_err(lost)?;
        }
        match heard(&mut stream).await? {
            VaultAnswer::Done => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    /// Part of a pack.
    pub async fn get(&self, pack: PackId, range: Range<u64>) -> Result<Bytes, TargetError> {
        let number = |at: u64| u32::try_from(at).map_err(|_| TargetError::Missing);
        let (from, to) = (number(range.start)?, number(range.end)?);
        if from >= to {
            return Ok(Bytes::new());
        }
        let mut stream = self.open(VaultRequest::Get { pack, from, to }, Priority::SYNC).await?;
        match heard(&mut stream).await? {
            VaultAnswer::Bytes(bytes) if bytes == to - from => {}
            other => return Err(unexpected(&other)),
        }
        let bytes = receive((to - from) as usize, &mut stream).await.map_err(lost)?;
        bytes.map(bytes::BytesMut::freeze).ok_or(TargetError::Offline)
    }

    /// A page of the packs that are there.
    pub async fn list(&self, after: Option<PackId>) -> Result<Vec<(PackId, u64)>, TargetError> {
        let VaultAnswer::Packs(packs) = self.ask(VaultRequest::List { after }).await? else {
            return Err(senseless());
        };
        if packs.first().is_some_and(|(first, _)| Some(*first) <= after) {
            return Err(senseless());
        }
        Ok(packs.into_iter().map(|(pack, bytes)| (pack, bytes.into())).collect())
    }

    /// Answers to questions, in their order.
    pub async fn prove(&self, asked: Vec<Challenge>) -> Result<Vec<(Challenge, Answer)>, TargetError> {
        let mut stream = self.open(VaultRequest::Prove(asked.clone()), Priority::SYNC).await?;
        match heard(&mut stream).await? {
            VaultAnswer::Proofs(count) if count as usize == asked.len() => {}
            other => return Err(unexpected(&other)),
        }
        let mut answers = Vec::with_capacity(asked.len());
        for challenge in asked {
            let frame = frame(&mut stream, PROOF_FRAME_BYTES_MAX).await?;
            answers.push((challenge, decode_answer(&frame).ok_or_else(senseless)?));
        }
        Ok(answers)
    }

    /// Wishes packs to be deleted.
    pub async fn delete(&self, request: VaultRequest) -> Result<DeleteOutcome, TargetError> {
        match self.ask(request).await? {
            VaultAnswer::Deleted(outcome) => Ok(outcome),
            other => Err(unexpected(&other)),
        }
    }

    /// The newest head of the household that these marks stand for; `None` when the other home keeps nothing for it.
    pub async fn newest_of(&self, marks: Vec<[u8; 32]>) -> Result<Option<Vec<u8>>, TargetError> {
        let mut stream = self.open(VaultRequest::NewestOf(marks), Priority::SYNC).await?;
        let frame = frame(&mut stream, MESSAGE_BYTES_MAX).await?;
        match VaultAnswer::decode(&frame).ok_or_else(senseless)? {
            VaultAnswer::Newest(head) => Ok(Some(head)),
            VaultAnswer::Refused(VaultRefusal::NotAWard) => Ok(None),
            VaultAnswer::Refused(why) => Err(refused(&why)),
            other => Err(unexpected(&other)),
        }
    }

    /// Packs of ours that the other home found damaged.
    pub async fn damaged(&self) -> Result<Vec<PackId>, TargetError> {
        match self.ask(VaultRequest::Damaged).await? {
            VaultAnswer::Damaged(packs) => Ok(packs),
            other => Err(unexpected(&other)),
        }
    }

    /// The heads that are there, newest first.
    pub async fn heads(&self) -> Result<Vec<Vec<u8>>, TargetError> {
        self.items(VaultRequest::Heads, HEADS_MAX).await
    }

    /// The recovery records that are there.
    pub async fn kits(&self) -> Result<Vec<Vec<u8>>, TargetError> {
        self.items(VaultRequest::Kits, KITS_MAX).await
    }

    async fn items(&self, request: VaultRequest, most: usize) -> Result<Vec<Vec<u8>>, TargetError> {
        let mut stream = self.open(request, Priority::SYNC).await?;
        let count = match heard(&mut stream).await? {
            VaultAnswer::Items(count) if count as usize <= most => count,
            other => return Err(unexpected(&other)),
        };
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(frame(&mut stream, ITEM_BYTES_MAX).await?.to_vec());
        }
        Ok(items)
    }
}

/// The next frame.
async fn frame(stream: &mut FramedStream, max: usize) -> Result<Bytes, TargetError> {
    match stream.recv_within(max, ANSWER_TIMEOUT).await {
        Ok(Some(frame)) => Ok(frame),
        Ok(None) => Err(TargetError::Offline),
        Err(error) => Err(lost(error)),
    }
}

/// The next answer; a refusal is an error.
async fn heard(stream: &mut FramedStream) -> Result<VaultAnswer, TargetError> {
    match VaultAnswer::decode(&frame(stream, MESSAGE_BYTES_MAX).await?) {
        Some(VaultAnswer::Refused(why)) => Err(refused(&why)),
        Some(answer) => Ok(answer),
        None => Err(senseless()),
    }
}

/// What a broken stream means.
#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
fn lost(error: StreamError) -> TargetError {
    match error {
        StreamError::Busy | StreamError::Reset(ResetCode::BUSY) => TargetError::Busy,
        StreamError::Reset(ResetCode::UNKNOWN_KIND) => {
            TargetError::Refused("its program is too old to keep copies".into())
        }
        StreamError::TooLarge { .. } => senseless(),
        StreamError::Stalled(_)
        | StreamError::Reset(_)
        | StreamError::Truncated
        | StreamError::Ended
        | StreamError::Closed(_) => TargetError::Offline,
    }
}

/// What a refusal means.
fn refused(why: &VaultRefusal) -> TargetError {
    match why {
        VaultRefusal::NotAWard => TargetError::Refused("it keeps nothing for this home".into()),
        VaultRefusal::Full { quota, used } => TargetError::Full { quota: *quota, used: *used },
        VaultRefusal::DiskAbsent => TargetError::DiskAbsent,
        VaultRefusal::Missing => TargetError::Missing,
        VaultRefusal::Wrong => TargetError::Wrong("the bytes were not what they should be".into()),
        VaultRefusal::Busy => TargetError::Busy,
        VaultRefusal::TooLarge => TargetError::Wrong("too much for that home".into()),
        VaultRefusal::Older => TargetError::Older,
        VaultRefusal::Fork => TargetError::Fork,
        VaultRefusal::Failed => TargetError::Io("something failed in that home".into()),
        VaultRefusal::Malformed => TargetError::Refused("it does not understand the request".into()),
    }
}

fn senseless() -> TargetError {
    TargetError::Wrong("its answer makes no sense".into())
}

fn unexpected(answer: &VaultAnswer) -> TargetError {
    tracing::debug!(?answer, "an answer to another question");
    senseless()
}

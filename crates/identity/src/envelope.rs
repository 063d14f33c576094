//! An envelope: one signed and encrypted change to one document of an album.
//!
//! A *stream* is everything that one incarnation of one node wrote into one album: its envelopes count 1, 2, 3 …, and
//! each carries the hash of the one before. What stands outside the ciphertext is what a member needs to put it in order
//! and to decide whether it counts; the account, the document and the change stand inside. An envelope travels and is
//! kept as it is, so whoever lacks the epoch's secret can pass it on and read nothing. Drawn in
//! `docs/formats/envelope.md`.

mod content;
#[cfg(test)]
mod tests;

use std::{fmt, ops::Range};

use thiserror::Error;

pub use self::content::{CHANGE_BYTES_MAX, Content};
use self::content::{PLAINTEXT_BYTES_MAX, PLAINTEXT_BYTES_MIN};
use crate::{
    certificate::Certificate,
    change_record::StreamId,
    epoch::EpochSecret,
    ids::{CertificateId, EnvelopeHash, EpochId, OperationId, Pseudonym, SpaceId},
    keys::{SIGNATURE_BYTES, Signer, verify},
    labels,
    secretbox::{self, NONCE_BYTES, TAG_BYTES},
    wire::{Reader, Writer, is_ascending},
};

/// The version that this code writes and reads.
const VERSION: u8 = 1;
/// The algorithm byte of Ed25519 and XChaCha20-Poly1305.
const ED25519_XCHACHA: u8 = 1;
/// How many membership heads an envelope may name.
pub const HEADS_MAX: usize = 16;
/// Everything before the first head.
const FIXED_BYTES: usize = 155;
/// How large an envelope may be.
pub const ENVELOPE_BYTES_MAX: usize =
    FIXED_BYTES + 32 * HEADS_MAX + NONCE_BYTES + 4 + PLAINTEXT_BYTES_MAX + TAG_BYTES + SIGNATURE_BYTES;

/// Why an envelope can't be made, read, verified or opened.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EnvelopeError {
    /// It ends before its last field.
    #[error("the envelope is cut off")]
    Truncated,
    /// It goes on after its signature.
    #[error("the envelope is followed by {0} bytes that don't belong to it")]
    Trailing(usize),
    /// Written by a version that this program doesn't know.
    #[error(
        "the envelope has version {0}, this program reads version 1; a newer program may have written it"
    )]
    Version(u8),
    /// Signed or encrypted in a way that this program doesn't know.
    #[error(
        "the envelope's algorithm {0} is unknown, only 1 (Ed25519 and XChaCha20-Poly1305) is; \
         a newer program may know it"
    )]
    Algorithm(u8),
    /// Envelopes count from 1, and exactly the first has no predecessor.
    #[error("the envelope has number {seq} and {}; exactly number 1 has none before it", if *.has_prev { "a predecessor" } else { "no predecessor" })]
    Position {
        /// Its number.
        seq: u64,
        /// Whether it names a predecessor.
        has_prev: bool,
    },
    /// Not between one and [`HEADS_MAX`] heads.
    #[error("an envelope names 1 to 16 membership heads, this one names {0}")]
    HeadCount(usize),
    /// The heads aren't sorted, or one is named twice.
    #[error("the envelope's membership heads are not sorted, or one is named twice")]
    HeadOrder,
    /// A ciphertext that no padded content gives.
    #[error("the envelope's ciphertext has {0} bytes, which no padded content gives")]
    CiphertextLength(u64),
    /// More than [`CHANGE_BYTES_MAX`].
    #[error("an envelope holds a change of at most 512 KiB, this one has {0} bytes; split it")]
    ChangeTooLarge(usize),
    /// Signed with a key that isn't the stream's, or compared with a certificate that isn't.
    #[error("the envelope's stream belongs to certificate {expected}, not to {found}")]
    WrongCertificate {
        /// The certificate that the stream names.
        expected: CertificateId,
        /// The one that was given.
        found: CertificateId,
    },
    /// The signer didn't sign these bytes.
    #[error("the envelope's signature is not its author's: it was damaged or forged")]
    Signature,
    /// It belongs to another space.
    #[error("the envelope belongs to another album")]
    WrongSpace,
    /// It belongs to another epoch.
    #[error("the envelope was written in epoch {found}, not in {expected}")]
    WrongEpoch {
        /// The epoch whose secret was given.
        expected: EpochId,
        /// The epoch that the envelope names.
        found: EpochId,
    },
    /// The ciphertext doesn't belong to the rest.
    #[error("the envelope doesn't decrypt: its author made a mistake, or cheats")]
    Open,
    /// It decrypts, but not to padded content.
    #[error("the envelope's content is malformed: its author made a mistake, or cheats")]
    Content,
}

/// A stream: who writes, and which of its lives. Its order is that of its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamKey {
    /// The certificate of the node that writes.
    pub certificate: CertificateId,
    /// Its incarnation: 16 random bytes, fresh at every install and restore.
    pub incarnation: StreamId,
}

impl StreamKey {
    /// The stream's Automerge actor.
    pub fn actor(&self) -> [u8; 16] {
        let mut hasher = blake3::Hasher::new_derive_key(labels::ACTOR);
        hasher.update(self.certificate.as_bytes()).update(self.incarnation.as_bytes());
        let mut actor = [0; 16];
        hasher.finalize_xof().fill(&mut actor);
        actor
    }
}

/// What an author says outside the ciphertext.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The album's space; its pseudonym is what shows.
    pub space: SpaceId,
    /// The author's stream.
    pub stream: StreamKey,
    /// The envelope's number in the stream, from 1.
    pub seq: u64,
    /// The hash of number `seq - 1`, or [`EnvelopeHash::NONE`].
    pub prev: EnvelopeHash,
    /// The newest membership operations that the author knew: 1 to [`HEADS_MAX`].
    pub heads: Vec<OperationId>,
}

/// An envelope as it travels: its shape is checked, its signature only by [`Envelope::verify`], its content only by
/// [`Envelope::open`].
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope {
    pseudonym: Pseudonym,
    stream: StreamKey,
    seq: u64,
    prev: EnvelopeHash,
    epoch: EpochId,
    heads: Vec<OperationId>,
    nonce: [u8; NONCE_BYTES],
    ciphertext: Range<usize>,
    hash: EnvelopeHash,
    encoded: Vec<u8>,
}

impl Envelope {
    /// Encrypts a change and signs the result. `nonce` is 24 fresh random bytes. The heads are sorted first.
    ///
    /// The signer must be the one that the stream's certificate names; readers refuse the envelope otherwise.
    ///
    /// # Errors
    /// [`EnvelopeError::Position`], [`EnvelopeError::HeadCount`] and [`EnvelopeError::ChangeTooLarge`].
    pub fn seal(
        signer: &Signer,
        header: &Header,
        epoch: &EpochSecret,
        content: &Content,
        nonce: [u8; NONCE_BYTES],
    ) -> Result<Self, EnvelopeError> {
        let Header { space, stream, seq, prev, heads } = header;
        let mut heads = heads.clone();
        heads.sort_unstable();
        heads.dedup();
        check_position(*seq, prev)?;
        let count = check_head_count(heads.len())?;
        let plaintext = content.padded()?;

        let mut envelope = Writer::new();
        envelope.u8(VERSION).u8(ED25519_XCHACHA).bytes(space.pseudonym().as_bytes());
        envelope.bytes(stream.certificate.as_bytes()).bytes(stream.incarnation.as_bytes());
        envelope.u64(*seq).bytes(prev.as_bytes()).bytes(epoch.id().as_bytes()).u8(count);
        for head in &heads {
            envelope.bytes(head.as_bytes());
        }
        let ciphertext_bytes = plaintext.len() + TAG_BYTES;
        envelope.bytes(&nonce).u32(u32::try_from(ciphertext_bytes).expect("at most 528 KiB"));
        let bound = bound(space, envelope.as_bytes());
        let ciphertext = secretbox::encrypt(&epoch.content_key(space), &nonce, &bound, &plaintext);
        envelope.bytes(&ciphertext);
        let signature = signer.sign(labels::ENVELOPE, envelope.as_bytes());
        envelope.bytes(&signature);
        Self::decode(&envelope.into_bytes())
    }

    /// Reads an envelope and checks its shape and bounds, nothing more.
    ///
    /// # Errors
    /// Those about the shape; none about certificate, signature, space or content.
    pub fn decode(encoded: &[u8]) -> Result<Self, EnvelopeError> {
        let cut = || EnvelopeError::Truncated;
        let mut reader = Reader(encoded);
        match reader.u8().ok_or_else(cut)? {
            VERSION => {}
            other => return Err(EnvelopeError::Version(other)),
        }
        match reader.u8().ok_or_else(cut)? {
            ED25519_XCHACHA => {}
            other => return Err(EnvelopeError::Algorithm(other)),
        }
        let pseudonym = Pseudonym::from_bytes(reader.array().ok_or_else(cut)?);
        let certificate = CertificateId::from_bytes(reader.array().ok_or_else(cut)?);
        let incarnation = StreamId::from_bytes(reader.array().ok_or_else(cut)?);
        let seq = reader.u64().ok_or_else(cut)?;
        let prev = EnvelopeHash::from_bytes(reader.array().ok_or_else(cut)?);
        check_position(seq, &prev)?;
        let epoch = EpochId::from_bytes(reader.array().ok_or_else(cut)?);
        let heads = read_heads(&mut reader)?;
        let nonce = reader.array().ok_or_else(cut)?;
        let length = reader.u32().ok_or_else(cut)?;
        let length = check_ciphertext(length)?;
        let start = encoded.len() - reader.0.len();
        reader.take(length).ok_or_else(cut)?;
        reader.take(SIGNATURE_BYTES).ok_or_else(cut)?;
        if !reader.is_empty() {
            return Err(EnvelopeError::Trailing(reader.0.len()));
        }
        Ok(Self {
            pseudonym,
            stream: StreamKey { certificate, incarnation },
            seq,
            prev,
            epoch,
            heads,
            nonce,
            ciphertext: start..start + length,
            hash: EnvelopeHash::from_bytes(*blake3::hash(encoded).as_bytes()),
            encoded: encoded.to_vec(),
        })
    }

    /// Verifies that the node of this certificate signed the envelope.
    ///
    /// # Errors
    /// [`EnvelopeError::WrongCertificate`] when the stream names another one, [`EnvelopeError::Signature`].
    pub fn verify(&self, certificate: &Certificate) -> Result<(), EnvelopeError> {
        let found = certificate.id();
        if found != self.stream.certificate {
            return Err(EnvelopeError::WrongCertificate { expected: self.stream.certificate, found });
        }
        let (body, signature) = self.encoded.split_at(self.ciphertext.end);
        let signature = signature.try_into().map_err(|_| EnvelopeError::Truncated)?;
        if !verify(certificate.signer().as_bytes(), labels::ENVELOPE, body, signature) {
            return Err(EnvelopeError::Signature);
        }
        Ok(())
    }

    /// Decrypts the content. Everything outside the ciphertext is bound to it; who wrote it is what
    /// [`Envelope::verify`] says.
    ///
    /// # Errors
    /// [`EnvelopeError::WrongSpace`], [`EnvelopeError::WrongEpoch`], [`EnvelopeError::Open`] and
    /// [`EnvelopeError::Content`].
    pub fn open(&self, space: &SpaceId, epoch: &EpochSecret) -> Result<Content, EnvelopeError> {
        if self.pseudonym != space.pseudonym() {
            return Err(EnvelopeError::WrongSpace);
        }
        let expected = epoch.id();
        if self.epoch != expected {
            return Err(EnvelopeError::WrongEpoch { expected, found: self.epoch });
        }
        let bound = bound(space, &self.encoded[..self.ciphertext.start]);
        let ciphertext = &self.encoded[self.ciphertext.clone()];
        let plaintext = secretbox::decrypt(&epoch.content_key(space), &self.nonce, &bound, ciphertext)
            .ok_or(EnvelopeError::Open)?;
        Content::from_padded(&plaintext).ok_or(EnvelopeError::Content)
    }

    /// The envelope's only encoding.
    pub fn encode(&self) -> Vec<u8> {
        self.encoded.clone()
    }

    /// The envelope's only encoding, borrowed.
    pub fn as_bytes(&self) -> &[u8] {
        &self.encoded
    }

    /// BLAKE3 of the encoding: what the next envelope of the stream names as its predecessor.
    pub fn hash(&self) -> EnvelopeHash {
        self.hash
    }

    /// The space's pseudonym.
    pub fn pseudonym(&self) -> Pseudonym {
        self.pseudonym
    }

    /// The author's stream.
    pub fn stream(&self) -> StreamKey {
        self.stream
    }

    /// The envelope's number in the stream, from 1.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// The hash of the envelope before it.
    pub fn prev(&self) -> EnvelopeHash {
        self.prev
    }

    /// The epoch whose secret opens it.
    pub fn epoch(&self) -> EpochId {
        self.epoch
    }

    /// The newest membership operations that the author knew, sorted.
    pub fn heads(&self) -> &[OperationId] {
        &self.heads
    }
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StreamKey { certificate, incarnation } = self.stream;
        write!(f, "Envelope({certificate}/{incarnation}#{}, {} bytes)", self.seq, self.encoded.len())
    }
}

/// What the ciphertext is bound to: its purpose, the space's real id, and all that stands before it.
fn bound(space: &SpaceId, header: &[u8]) -> Vec<u8> {
    [labels::ENVELOPE_CONTENT, space.as_bytes(), header].concat()
}

fn read_heads(reader: &mut Reader<'_>) -> Result<Vec<OperationId>, EnvelopeError> {
    let count = usize::from(reader.u8().ok_or(EnvelopeError::Truncated)?);
    check_head_count(count)?;
    let mut heads = Vec::with_capacity(count);
    for _ in 0..count {
        heads.push(OperationId::from_bytes(reader.array().ok_or(EnvelopeError::Truncated)?));
    }
    if is_ascending(&heads) { Ok(heads) } else { Err(EnvelopeError::HeadOrder) }
}

fn check_head_count(count: usize) -> Result<u8, EnvelopeError> {
    match u8::try_from(count) {
        Ok(small) if (1..=HEADS_MAX).contains(&count) => Ok(small),
        _ => Err(EnvelopeError::HeadCount(count)),
    }
}

fn check_position(seq: u64, prev: &EnvelopeHash) -> Result<(), EnvelopeError> {
    let has_prev = *prev != EnvelopeHash::NONE;
    if seq == 0 || (seq > 1) != has_prev {
        return Err(EnvelopeError::Position { seq, has_prev });
    }
    Ok(())
}

/// Only lengths that padded content has are read.
fn check_ciphertext(length: u32) -> Result<usize, EnvelopeError> {
    let wrong = EnvelopeError::CiphertextLength(u64::from(length));
    let plaintext = usize::try_from(length).ok().and_then(|length| length.checked_sub(TAG_BYTES));
    match plaintext {
        Some(bytes)
            if (PLAINTEXT_BYTES_MIN..=PLAINTEXT_BYTES_MAX).contains(&bytes)
                && content::padded_length(bytes) == bytes =>
        {
            Ok(bytes + TAG_BYTES)
        }
        _ => Err(wrong),
    }
}

//! A change record: one signed batch of changes to one document, chained to the record before it.
//!
//! A *stream* is everything that one incarnation of one node wrote: its records count 1, 2, 3 …, and each carries the
//! hash of the one before. So a missing, reordered or exchanged record shows, and a signature over the last one vouches
//! for all. The payload is opaque here; `spaces` puts an Automerge change into it. The bytes are drawn in
//! `docs/formats/change-record.md`.

use std::{fmt, ops::Range, str::FromStr};

use thiserror::Error;

use crate::{
    ids::{SignerId, SpaceId, hex_id},
    keys::{SIGNATURE_BYTES, Signer, verify},
    labels,
    wire::Reader,
};

/// The version that this code writes and reads.
const VERSION: u8 = 1;
/// The algorithm byte of Ed25519.
const ED25519: u8 = 1;
/// How large a payload may be.
pub const PAYLOAD_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How long a document's name may be.
pub const DOCUMENT_BYTES_MAX: usize = 64;

/// Why a record can't be made or read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ChangeRecordError {
    /// It ends before its last field.
    #[error("the change record is cut off")]
    Truncated,
    /// It goes on after its signature.
    #[error("the change record is followed by {0} bytes that don't belong to it")]
    Trailing(usize),
    /// Written by a version that this program doesn't know.
    #[error(
        "the change record has version {0}, this program reads version 1; a newer program may have written it"
    )]
    Version(u8),
    /// Signed in a way that this program doesn't know.
    #[error(
        "the change record's signature algorithm {0} is unknown, only 1 (Ed25519) is; a newer program may know it"
    )]
    Algorithm(u8),
    /// It belongs to another space.
    #[error("the change record belongs to space {found}, not to {expected}")]
    WrongSpace {
        /// Where it should belong.
        expected: SpaceId,
        /// Where it says it belongs.
        found: SpaceId,
    },
    /// Records count from 1, and exactly the first has no predecessor.
    #[error("the change record has number {seq} and {}; exactly number 1 has none before it", if *.has_prev { "a predecessor" } else { "no predecessor" })]
    Position {
        /// Its number.
        seq: u64,
        /// Whether it names a predecessor.
        has_prev: bool,
    },
    /// Not a document's name.
    #[error("a document's name is 1 to 64 of the characters a-z, 0-9, / and -")]
    Document,
    /// More than [`PAYLOAD_BYTES_MAX`].
    #[error("a change record holds at most 16 MiB, this one {bytes} bytes; split it into smaller batches")]
    PayloadTooLarge {
        /// How large it is.
        bytes: u64,
    },
    /// The signer didn't sign these bytes.
    #[error("the change record's signature is not its writer's: it was damaged or forged")]
    Signature,
}

hex_id! {
    /// BLAKE3 of a whole encoded record: its name in the chain.
    RecordHash, 32
}
hex_id! {
    /// One incarnation of a writer: 16 random bytes, fresh at every install and restore.
    StreamId, 16
}

impl RecordHash {
    /// What the first record of a stream names as its predecessor.
    pub const NONE: Self = Self::from_bytes([0; 32]);

    /// The hash of an encoded record.
    pub fn of(encoded: &[u8]) -> Self {
        Self::from_bytes(*blake3::hash(encoded).as_bytes())
    }
}

/// A document's name inside its space, such as `marks/2026-07`: 1 to 64 of the characters `a-z`, `0-9`, `/` and `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentName(String);

impl DocumentName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DocumentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for DocumentName {
    type Err = ChangeRecordError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"/-".contains(&byte);
        if (1..=DOCUMENT_BYTES_MAX).contains(&text.len()) && text.bytes().all(good) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ChangeRecordError::Document)
        }
    }
}

/// What a record says, before it is signed.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// The space that the document belongs to.
    pub space: SpaceId,
    /// The writer's stream.
    pub stream: StreamId,
    /// Its number in the stream, from 1.
    pub seq: u64,
    /// The hash of number `seq - 1`, or [`RecordHash::NONE`].
    pub prev: RecordHash,
    /// The document that changes.
    pub document: &'a DocumentName,
    /// The change itself, at most [`PAYLOAD_BYTES_MAX`].
    pub payload: &'a [u8],
}

/// A signed record. Every value of this type has a valid signature by the signer it was made or read with.
#[derive(Clone, PartialEq, Eq)]
pub struct ChangeRecord {
    space: SpaceId,
    stream: StreamId,
    seq: u64,
    prev: RecordHash,
    document: DocumentName,
    payload: Range<usize>,
    encoded: Vec<u8>,
}

impl ChangeRecord {
    /// Signs a change.
    ///
    /// # Errors
    /// [`ChangeRecordError::Position`] when number and predecessor contradict each other,
    /// [`ChangeRecordError::PayloadTooLarge`] past [`PAYLOAD_BYTES_MAX`].
    pub fn sign(signer: &Signer, change: Change<'_>) -> Result<Self, ChangeRecordError> {
        check_position(change.seq, &change.prev)?;
        let payload_bytes = check_payload(change.payload.len())?;
        let name = change.document.as_str().as_bytes();
        let name_bytes = u8::try_from(name.len()).expect("a document's name has at most 64 bytes");

        let mut encoded = Vec::with_capacity(160 + name.len() + change.payload.len());
        encoded.extend_from_slice(&[VERSION, ED25519]);
        encoded.extend_from_slice(change.space.as_bytes());
        encoded.extend_from_slice(change.stream.as_bytes());
        encoded.extend_from_slice(&change.seq.to_le_bytes());
        encoded.extend_from_slice(change.prev.as_bytes());
        encoded.push(name_bytes);
        encoded.extend_from_slice(name);
        encoded.extend_from_slice(&payload_bytes.to_le_bytes());
        let start = encoded.len();
        encoded.extend_from_slice(change.payload);
        let payload = start..encoded.len();
        let signature = signer.sign(labels::CHANGE_RECORD, &encoded);
        encoded.extend_from_slice(&signature);

        let Change { space, stream, seq, prev, document, .. } = change;
        Ok(Self { space, stream, seq, prev, document: document.clone(), payload, encoded })
    }

    /// Reads a record of this space and verifies that this signer signed it. Whether it continues its stream's chain is
    /// for the caller to compare: [`ChangeRecord::seq`], [`ChangeRecord::prev`].
    ///
    /// # Errors
    /// Any [`ChangeRecordError`].
    pub fn decode_verified(
        signer: &SignerId,
        space: &SpaceId,
        encoded: Vec<u8>,
    ) -> Result<Self, ChangeRecordError> {
        let header = Header::read(&encoded)?;
        if header.space != *space {
            return Err(ChangeRecordError::WrongSpace { expected: *space, found: header.space });
        }
        let (body, signature) = encoded.split_at(header.payload.end);
        let signature = signature.try_into().map_err(|_| ChangeRecordError::Truncated)?;
        if !verify(signer.as_bytes(), labels::CHANGE_RECORD, body, signature) {
            return Err(ChangeRecordError::Signature);
        }
        let Header { space, stream, seq, prev, document, payload } = header;
        Ok(Self { space, stream, seq, prev, document, payload, encoded })
    }

    /// The record's only encoding.
    pub fn as_bytes(&self) -> &[u8] {
        &self.encoded
    }

    /// The record's only encoding, by value.
    pub fn into_bytes(self) -> Vec<u8> {
        self.encoded
    }

    /// What the next record of the stream names as its predecessor.
    pub fn hash(&self) -> RecordHash {
        RecordHash::of(&self.encoded)
    }

    /// The space that the document belongs to.
    pub fn space(&self) -> &SpaceId {
        &self.space
    }

    /// The writer's stream.
    pub fn stream(&self) -> &StreamId {
        &self.stream
    }

    /// Its number in the stream, from 1.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// The hash of the record before it.
    pub fn prev(&self) -> &RecordHash {
        &self.prev
    }

    /// The document that changes.
    pub fn document(&self) -> &DocumentName {
        &self.document
    }

    /// The change itself.
    pub fn payload(&self) -> &[u8] {
        &self.encoded[self.payload.clone()]
    }
}

impl fmt::Debug for ChangeRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "ChangeRecord({} {}#{}, {} bytes)",
            self.document,
            self.stream,
            self.seq,
            self.payload.len()
        )
    }
}

/// Everything that stands before the payload, and where the payload stands.
struct Header {
    space: SpaceId,
    stream: StreamId,
    seq: u64,
    prev: RecordHash,
    document: DocumentName,
    payload: Range<usize>,
}

impl Header {
    /// Reads and checks everything but the space and the signature.
    fn read(encoded: &[u8]) -> Result<Self, ChangeRecordError> {
        let cut = ChangeRecordError::Truncated;
        let mut reader = Reader(encoded);
        match reader.u8().ok_or(cut.clone())? {
            VERSION => {}
            other => return Err(ChangeRecordError::Version(other)),
        }
        match reader.u8().ok_or(cut.clone())? {
            ED25519 => {}
            other => return Err(ChangeRecordError::Algorithm(other)),
        }
        let space = SpaceId::from_bytes(reader.array().ok_or(cut.clone())?);
        let stream = StreamId::from_bytes(reader.array().ok_or(cut.clone())?);
        let seq = reader.u64().ok_or(cut.clone())?;
        let prev = RecordHash::from_bytes(reader.array().ok_or(cut.clone())?);
        check_position(seq, &prev)?;
        let document = read_document(&mut reader)?;
        let length = usize::try_from(reader.u32().ok_or(cut.clone())?).unwrap_or(usize::MAX);
        check_payload(length)?;
        let start = encoded.len() - reader.0.len();
        reader.take(length).ok_or(cut.clone())?;
        reader.take(SIGNATURE_BYTES).ok_or(cut)?;
        if !reader.is_empty() {
            return Err(ChangeRecordError::Trailing(reader.0.len()));
        }
        Ok(Self { space, stream, seq, prev, document, payload: start..start + length })
    }
}

fn read_document(reader: &mut Reader<'_>) -> Result<DocumentName, ChangeRecordError> {
    let length = reader.u8().ok_or(ChangeRecordError::Truncated)?;
    if !(1..=DOCUMENT_BYTES_MAX).contains(&usize::from(length)) {
        return Err(ChangeRecordError::Document);
    }
    let name = reader.take(usize::from(length)).ok_or(ChangeRecordError::Truncated)?;
    std::str::from_utf8(name).map_err(|_| ChangeRecordError::Document)?.parse()
}

fn check_position(seq: u64, prev: &RecordHash) -> Result<(), ChangeRecordError> {
    let has_prev = *prev != RecordHash::NONE;
    if seq == 0 || (seq > 1) != has_prev {
        return Err(ChangeRecordError::Position { seq, has_prev });
    }
    Ok(())
}

fn check_payload(length: usize) -> Result<u32, ChangeRecordError> {
    let bytes = u64::try_from(length).unwrap_or(u64::MAX);
    if length > PAYLOAD_BYTES_MAX {
        return Err(ChangeRecordError::PayloadTooLarge { bytes });
    }
    u32::try_from(length).map_err(|_| ChangeRecordError::PayloadTooLarge { bytes })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SPACE: SpaceId = SpaceId::from_bytes([3; 32]);

    fn signer() -> Signer {
        Signer::from_bytes(&[5; 32])
    }

    fn sign(seq: u64, name: &str, payload: &[u8]) -> ChangeRecord {
        let prev = if seq == 1 { RecordHash::NONE } else { RecordHash::of(b"before") };
        let document = name.parse().unwrap();
        let stream = StreamId::from_bytes([4; 16]);
        ChangeRecord::sign(
            &signer(),
            Change { space: SPACE, stream, seq, prev, document: &document, payload },
        )
        .unwrap()
    }

    #[test]
    fn a_name_is_short_and_plain() {
        for (text, good) in
            [("marks/2026-07", true), ("", false), ("Marks", false), ("a b", false), ("ü", false)]
        {
            assert_eq!(text.parse::<DocumentName>().is_ok(), good, "{text}");
        }
        assert!("a".repeat(64).parse::<DocumentName>().is_ok());
        assert!("a".repeat(65).parse::<DocumentName>().is_err());
    }

    #[test]
    fn limits_hold_when_signing() {
        let document = "marks".parse().unwrap();
        let stream = StreamId::from_bytes([4; 16]);
        let payload = vec![0; PAYLOAD_BYTES_MAX + 1];
        let change = Change {
            space: SPACE,
            stream,
            seq: 1,
            prev: RecordHash::NONE,
            document: &document,
            payload: &payload,
        };
        assert_eq!(
            ChangeRecord::sign(&signer(), change).unwrap_err(),
            ChangeRecordError::PayloadTooLarge { bytes: 16_777_217 }
        );
        for (seq, prev) in [(0, RecordHash::NONE), (2, RecordHash::NONE), (1, RecordHash::of(b"x"))] {
            let change = Change { seq, prev, payload: &[], ..change };
            assert!(matches!(ChangeRecord::sign(&signer(), change), Err(ChangeRecordError::Position { .. })));
        }
        assert!(ChangeRecord::sign(&signer(), Change { payload: &payload[1..], ..change }).is_ok());
    }

    proptest! {
        #[test]
        fn encoding_comes_back(
            seq in 1..=u64::MAX,
            name in "[a-z0-9/-]{1,64}",
            payload in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let record = sign(seq, &name, &payload);
            let read = ChangeRecord::decode_verified(&signer().id(), &SPACE, record.as_bytes().to_vec()).unwrap();
            prop_assert_eq!(read.payload(), &payload[..]);
            prop_assert_eq!(read, record);
        }

        #[test]
        fn any_flipped_bit_is_noticed(place in any::<prop::sample::Index>(), bit in 0..8_u8) {
            let mut bytes = sign(2, "marks/2026-07", b"payload").into_bytes();
            let place = place.index(bytes.len());
            bytes[place] ^= 1 << bit;
            prop_assert!(ChangeRecord::decode_verified(&signer().id(), &SPACE, bytes).is_err());
        }

        #[test]
        fn arbitrary_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..400), fit: bool) {
            let mut bytes = bytes;
            if fit && bytes.len() > 2 { bytes[..2].copy_from_slice(&[VERSION, ED25519]); }
            prop_assert!(ChangeRecord::decode_verified(&signer().id(), &SPACE, bytes).is_err());
        }
    }
}

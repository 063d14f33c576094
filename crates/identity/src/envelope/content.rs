//! What stands inside an envelope, and the padding that hides how long it is.

use std::fmt;

use zeroize::Zeroizing;

use crate::{
    change_record::{DOCUMENT_BYTES_MAX, DocumentName},
    envelope::EnvelopeError,
    ids::AccountId,
    wire::{Reader, Writer},
};

/// How large a change may be.
pub const CHANGE_BYTES_MAX: usize = 512 * 1024;
/// Everything but the document's name and the change.
const FIXED_BYTES: usize = 16 + 8 + 1 + 4;
/// Short contents are padded to a multiple of this.
const PADDING_STEP: usize = 128;
/// Up to here contents are padded to steps, past it by Padmé.
const PADDING_STEPS_END: usize = 1024;
/// The shortest padded content.
pub(super) const PLAINTEXT_BYTES_MIN: usize = PADDING_STEP;
/// The longest padded content.
pub(super) const PLAINTEXT_BYTES_MAX: usize =
    padded_length(FIXED_BYTES + DOCUMENT_BYTES_MAX + CHANGE_BYTES_MAX);

/// What only members read.
#[derive(Clone, PartialEq, Eq)]
pub struct Content {
    /// Whose doing it was; the household vouches for it.
    pub account: AccountId,
    /// The document that changes.
    pub document: DocumentName,
    /// The change itself, at most [`CHANGE_BYTES_MAX`].
    pub change: Vec<u8>,
    /// When, by the author's clock: milliseconds since the Unix epoch, UTC. Shown to people, decides nothing.
    pub at_ms: i64,
}

impl Content {
    /// The bytes that are encrypted.
    pub(crate) fn padded(&self) -> Result<Zeroizing<Vec<u8>>, EnvelopeError> {
        let too_large = EnvelopeError::ChangeTooLarge(self.change.len());
        if self.change.len() > CHANGE_BYTES_MAX {
            return Err(too_large);
        }
        let change_bytes = u32::try_from(self.change.len()).map_err(|_| too_large)?;
        let name = self.document.as_str().as_bytes();
        let name_bytes = u8::try_from(name.len()).expect("a document's name has at most 64 bytes");
        let length = padded_length(FIXED_BYTES + name.len() + self.change.len());
        let mut plain = Writer::with_capacity(length);
        plain.bytes(self.account.as_bytes()).i64(self.at_ms).u8(name_bytes).bytes(name);
        plain.u32(change_bytes).bytes(&self.change);
        let mut plain = Zeroizing::new(plain.into_bytes());
        plain.resize(length, 0);
        Ok(plain)
    }

    /// Reads what [`Content::padded`] gave and nothing else: the padding has its only length and is zero.
    pub(crate) fn from_padded(plain: &[u8]) -> Option<Self> {
        let mut reader = Reader(plain);
        let account = AccountId::from_bytes(reader.array()?);
        let at_ms = reader.i64()?;
        let name_bytes = usize::from(reader.u8()?);
        let document = std::str::from_utf8(reader.take(name_bytes)?).ok()?.parse().ok()?;
        let change_bytes = usize::try_from(reader.u32()?).ok()?;
        if change_bytes > CHANGE_BYTES_MAX {
            return None;
        }
        let change = reader.take(change_bytes)?;
        let padded = padded_length(plain.len() - reader.0.len()) == plain.len();
        (padded && reader.0.iter().all(|byte| *byte == 0)).then(|| Self {
            account,
            document,
            change: change.to_vec(),
            at_ms,
        })
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Content({} by {}, {} bytes)", self.document, self.account, self.change.len())
    }
}

/// The length that content of this length is padded to: up to 1 KiB the next multiple of 128; past it Padmé (Nikitin et
/// al., 2019), which keeps only the leading bits of the length and adds at most 12 %.
pub(super) const fn padded_length(length: usize) -> usize {
    if length <= PADDING_STEPS_END {
        return length.next_multiple_of(PADDING_STEP);
    }
    let exponent = length.ilog2();
    let kept = exponent.ilog2() + 1;
    length.next_multiple_of(1 << (exponent - kept))
}

//! Why connections and streams end: the numbers on the wire and what they mean to us.
//!
//! The numbers are listed in `docs/formats/streams.md`; they are never given a second meaning.

use std::fmt;

use iroh::endpoint::{ConnectionError, VarInt};

use crate::gate::Refusal;
use crate::limits::REASON_BYTES_MAX;

/// Why a connection was closed, as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CloseCode(pub u32);

impl CloseCode {
    /// Nothing is wrong: the side that closed is done, or goes away.
    pub const DONE: Self = Self(0);
    /// Both sides dialled at once; the other connection stays.
    pub const DUPLICATE: Self = Self(1);
    /// The same node has made a newer connection.
    pub const REPLACED: Self = Self(2);
    /// The other side has as many connections as it wants.
    pub const BUSY: Self = Self(3);
    /// Too many attempts from this address.
    pub const TOO_OFTEN: Self = Self(4);
    /// The other side didn't keep to the protocol.
    pub const PROTOCOL: Self = Self(5);
    /// First of the codes that a [`Refusal`] stands in: this plus [`Refusal::code`].
    pub const REFUSED: Self = Self(0x1_0000);

    /// The code that carries this refusal.
    pub(crate) fn of(refusal: &Refusal) -> Self {
        Self(Self::REFUSED.0 + u32::from(refusal.code))
    }

    /// What the gate of the other side said, when it was the gate.
    pub(crate) fn refused(self, text: &str) -> Option<Refusal> {
        let code = u16::try_from(self.0.checked_sub(Self::REFUSED.0)?).ok()?;
        Some(Refusal { code, reason: text.to_owned() })
    }
}

/// Why a stream was given up, as a number. From 256 on the numbers belong to the protocols that use streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ResetCode(pub u32);

impl ResetCode {
    /// The side that gave up has no use for more.
    pub const CANCELLED: Self = Self(0);
    /// No such kind of stream here, or not on this connection.
    pub const UNKNOWN_KIND: Self = Self(1);
    /// No such version of the stream's header here.
    pub const UNKNOWN_VERSION: Self = Self(2);
    /// A frame is larger than what is wanted here.
    pub const TOO_LARGE: Self = Self(3);
    /// Nothing moved for too long.
    pub const STALLED: Self = Self(4);
    /// The bytes make no sense here.
    pub const MALFORMED: Self = Self(5);
    /// The other side has as many streams as it wants.
    pub const BUSY: Self = Self(6);
}

impl From<CloseCode> for VarInt {
    fn from(code: CloseCode) -> Self {
        code.0.into()
    }
}

impl From<ResetCode> for VarInt {
    fn from(code: ResetCode) -> Self {
        code.0.into()
    }
}

impl From<VarInt> for ResetCode {
    /// A number past `u32::MAX` is none of ours and becomes `u32::MAX`.
    fn from(number: VarInt) -> Self {
        Self(u32::try_from(number.into_inner()).unwrap_or(u32::MAX))
    }
}

/// Why a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// We closed it.
    Local,
    /// The other side closed it.
    Peer {
        /// Its code.
        code: CloseCode,
        /// What it said, at most [`REASON_BYTES_MAX`] bytes, without control characters.
        text: String,
    },
    /// Nothing was heard for [`IDLE_TIMEOUT`](crate::limits::IDLE_TIMEOUT).
    TimedOut,
    /// The other side restarted, or the transport gave up.
    Lost(String),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("closed here"),
            Self::Peer { code, text } if text.is_empty() => {
                write!(f, "closed by the other side (code {})", code.0)
            }
            Self::Peer { code, text } => write!(f, "closed by the other side: {text} (code {})", code.0),
            Self::TimedOut => f.write_str("nothing was heard for too long"),
            Self::Lost(why) => write!(f, "lost: {why}"),
        }
    }
}

impl From<ConnectionError> for Reason {
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::ApplicationClosed(close) => Self::Peer {
                code: CloseCode(u32::try_from(close.error_code.into_inner()).unwrap_or(u32::MAX)),
                text: printable(&close.reason),
            },
            ConnectionError::LocallyClosed => Self::Local,
            ConnectionError::TimedOut => Self::TimedOut,
            other => Self::Lost(other.to_string()),
        }
    }
}

/// A text from the other side as it may be shown: bounded, and without control characters.
pub(crate) fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(REASON_BYTES_MAX)]);
    text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect()
}

/// The beginning of a text, at most [`REASON_BYTES_MAX`] bytes.
pub(crate) fn shortened(text: &str) -> &str {
    let mut end = text.len().min(REASON_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_survives_the_wire() {
        let refusal = Refusal { code: 7, reason: "not a member".to_owned() };
        assert_eq!(CloseCode::of(&refusal).refused("not a member"), Some(refusal));
        assert_eq!(CloseCode::BUSY.refused("busy"), None);
        assert_eq!(CloseCode(0x2_0000).refused("past the end"), None);
    }

    #[test]
    fn texts_of_others_are_bounded_and_tame() {
        assert_eq!(printable(b"a\x1b[31m\nb"), "a [31m b");
        assert_eq!(printable(&[b'x'; 5000]).len(), REASON_BYTES_MAX);
        assert_eq!(shortened(&"ä".repeat(300)).len(), REASON_BYTES_MAX);
        assert_eq!(shortened(&format!("x{}", "ä".repeat(300))).len(), REASON_BYTES_MAX - 1);
    }
}

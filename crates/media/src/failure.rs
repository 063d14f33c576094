//! What can be wrong with a file, in words for the person who owns it: what failed, why, and what to do.
//!
//! A [`Failure`] means that there are no derivatives (or no metadata); a [`Warning`] means that there are, with a
//! flaw. Neither says anything about the original, which is kept byte for byte in every case.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Format;

/// Why a file gave no answer.
///
/// `Display` is a full message for people; [`Failure::kind`] is a short code for machines.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Failure {
    /// The file has no bytes.
    #[error(
        "The file is empty: it has no bytes. It was probably damaged while it was copied; copy it again from where it came from."
    )]
    Empty,
    /// The content is no picture format that this version reads.
    #[error("This is not a picture that Heirloom can show{}. Open it with another program, or convert it to JPEG.",
        .looks_like.as_ref().map(|name| format!(": it looks like {name}")).unwrap_or_default())]
    UnknownFormat {
        /// What it most likely is, such as `a video`.
        looks_like: Option<String>,
    },
    /// The format is known, but this variant of it isn't read.
    #[error("This {} picture uses a feature that Heirloom can't show yet ({reason}). The original is safe; to see it here, convert a copy to JPEG.", .format.name())]
    Unsupported {
        /// The format.
        format: Format,
        /// What is not supported.
        reason: String,
    },
    /// The file ends before a picture can be made of it.
    #[error("This {} file ends too early ({reason}), so no picture can be made of it. It was probably cut off while it was copied; copy it again from where it came from.", .format.name())]
    Truncated {
        /// The format.
        format: Format,
        /// Where it ends, as the decoder says it.
        reason: String,
    },
    /// The picture is larger than the limit allows; nothing was decoded.
    #[error("This picture is too large to show: it claims {} megapixels, and the limit is {}. The original is safe; if the size is right, raise the limit in the configuration.", pixels.div_ceil(1_000_000), limit / 1_000_000)]
    TooLarge {
        /// Width times height, as the header claims.
        pixels: u64,
        /// The limit in pixels.
        limit: u64,
    },
    /// The file, or the memory that decoding it would take, is larger than the limit allows.
    #[error(
        "This picture needs too much to be shown: {needed} bytes of {what}, and the limit is {limit}. The original is safe; if the size is right, raise the limit in the configuration."
    )]
    TooHeavy {
        /// `memory` or `file`.
        what: String,
        /// Bytes that it would take.
        needed: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The content is broken.
    #[error("This {} file is damaged ({reason}), so no picture can be made of it. The original is kept as it is; if you have another copy, add that one.", .format.name())]
    Damaged {
        /// The format.
        format: Format,
        /// What is broken, as the decoder says it.
        reason: String,
    },
    /// The file could not be read from disk.
    #[error(
        "The file could not be read ({reason}). Check that it is still there, that it may be read, and that the disk works."
    )]
    Unreadable {
        /// The operating system's reason.
        reason: String,
    },
    /// The decoder gave up in a way it should not have.
    #[error(
        "The program that reads pictures stopped unexpectedly on this file ({reason}). The original is safe; please report this, with the file if you can share it."
    )]
    Crashed {
        /// The panic's message.
        reason: String,
    },
}

impl Failure {
    /// The reason alone, for a message of another kind.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Unsupported { reason, .. }
            | Self::Truncated { reason, .. }
            | Self::Damaged { reason, .. } => reason.clone(),
            other => other.to_string(),
        }
    }

    /// A short code for machines, the same as the `kind` field of its JSON form.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::UnknownFormat { .. } => "unknown_format",
            Self::Unsupported { .. } => "unsupported",
            Self::Truncated { .. } => "truncated",
            Self::TooLarge { .. } => "too_large",
            Self::TooHeavy { .. } => "too_heavy",
            Self::Damaged { .. } => "damaged",
            Self::Unreadable { .. } => "unreadable",
            Self::Crashed { .. } => "crashed",
        }
    }

    /// Whether trying again with the same bytes may end differently: only reading and crashing can.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        matches!(self, Self::Unreadable { .. } | Self::Crashed { .. })
    }
}

/// A flaw in a file that still gave an answer.
///
/// `Display` is a full message for people; [`Warning::kind`] is a short code for machines.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Warning {
    /// Some of the picture is missing or wrong; what could be decoded is shown.
    #[error(
        "Part of this picture is missing or damaged ({reason}); the rest is shown. If you have another copy, add that one."
    )]
    Incomplete {
        /// What the decoder met.
        reason: String,
    },
    /// What is shown comes from the small copy that cameras and phones store beside the picture itself.
    #[error(
        "This picture is shown from the small copy inside its file, because the large one could not be read ({reason}). The original is safe."
    )]
    SmallCopy {
        /// Why the picture itself could not be used.
        reason: String,
    },
    /// The embedded metadata could not be read, or only in part.
    #[error(
        "Some of what the camera wrote into this file could not be read ({reason}); the picture itself is fine. A missing date or place can be added by hand."
    )]
    Metadata {
        /// What was wrong.
        reason: String,
    },
    /// The colour profile could not be used; colours are shown as if they were sRGB.
    #[error(
        "The colour profile in this file could not be used ({reason}); colours may look a little different."
    )]
    Profile {
        /// What was wrong.
        reason: String,
    },
}

impl Warning {
    /// A short code for machines, the same as the `kind` field of its JSON form.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Incomplete { .. } => "incomplete",
            Self::SmallCopy { .. } => "small_copy",
            Self::Metadata { .. } => "metadata",
            Self::Profile { .. } => "profile",
        }
    }
}

/// A decoder's words made fit for a message: one line, without control characters, at most 200 characters.
#[expect(clippy::needless_pass_by_value, reason = "errors are handed over where they end")]
pub(crate) fn plain(reason: impl ToString) -> String {
    let text = reason.to_string();
    let line = text.lines().next().unwrap_or_default().trim().trim_end_matches('.');
    line.chars().filter(|character| !character.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_say_what_why_and_what_to_do() {
        let message = Failure::UnknownFormat { looks_like: Some("a video".to_owned()) }.to_string();
        assert_eq!(
            message,
            "This is not a picture that Heirloom can show: it looks like a video. Open it with another program, or convert it to JPEG."
        );
        let message = Failure::TooLarge { pixels: 4_294_836_225, limit: 250_000_000 }.to_string();
        assert!(message.contains("4295 megapixels, and the limit is 250"), "{message}");
    }

    #[test]
    fn kinds_match_the_json_form() {
        for failure in [
            Failure::Empty,
            Failure::UnknownFormat { looks_like: None },
            Failure::TooLarge { pixels: 2, limit: 1 },
            Failure::Crashed { reason: String::new() },
        ] {
            let json = serde_json::to_value(&failure).unwrap();
            assert_eq!(json["kind"], failure.kind());
            assert_eq!(serde_json::from_value::<Failure>(json).unwrap(), failure);
        }
    }

    #[test]
    fn reasons_are_one_plain_line() {
        assert_eq!(plain("Premature end.\nat byte\u{7} 3"), "Premature end");
        assert_eq!(plain("x".repeat(500)).len(), 200);
    }
}

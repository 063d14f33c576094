//! What can go wrong with the library space.

use automerge::AutomergeError;
use heirloom_identity::{AssetId, CertificateError, ChangeRecordError, DocumentName, SignerId};
use heirloom_store::{StoreError, rusqlite};
use thiserror::Error;

use crate::marks::MarkError;

/// Why the library couldn't be opened, read or edited.
#[derive(Debug, Error)]
pub enum LibraryError {
    /// A decision is out of bounds; nothing of the whole call was kept.
    #[error("the edit of {asset} was refused: {source}")]
    Refused {
        /// The photo or video.
        asset: AssetId,
        /// Which bound it is past.
        source: MarkError,
    },
    /// The certificate names another key than the one given.
    #[error(
        "the node's certificate is for the signing key {certified}, but the node has {found}; check keys.toml"
    )]
    KeyMismatch {
        /// The key in the certificate.
        certified: SignerId,
        /// The key that was given.
        found: SignerId,
    },
    /// The database holds the library of another household.
    #[error("the database holds another household's library: {source}")]
    Foreign {
        /// Which household.
        source: CertificateError,
    },
    /// The document couldn't be edited or read.
    #[error("the document {document} can't be used: {source}")]
    Document {
        /// Which one.
        document: DocumentName,
        /// What Automerge says.
        source: Box<AutomergeError>,
    },
    /// A change couldn't be signed.
    #[error("a change couldn't be signed: {0}")]
    Record(#[from] ChangeRecordError),
    /// The database failed; nothing of the call was kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl LibraryError {
    pub(crate) fn in_document(document: DocumentName, source: AutomergeError) -> Self {
        Self::Document { document, source: Box::new(source) }
    }
}

impl From<rusqlite::Error> for LibraryError {
    fn from(source: rusqlite::Error) -> Self {
        Self::Store(source.into())
    }
}

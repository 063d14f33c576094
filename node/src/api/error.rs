//! The one place where errors become status codes.
//!
//! An answer says what a person can act on: `{"message": "…", "hint": "…"}`. The whole chain of causes goes to
//! the log, never to the client. Read first: [`ApiError`].

use std::borrow::Cow;

use axum::Json;
use axum::extract::multipart::MultipartRejection;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use heirloom_catalog::CatalogError;
use heirloom_media::Failure;
use heirloom_spaces::{AlbumError, LibraryError, MarkError};
use heirloom_store::{Fault, StoreError};
use heirloom_vault::{KeeperError, TargetError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::index::DecideError;
use crate::ingest::IngestError;
use crate::restore::WordProblem;
use crate::sharing::add::AddError;
use crate::sharing::albums::ShareError;
use crate::sharing::missing::LookError;
use crate::sharing::timeline::FollowError;
use crate::vault::carry::CarryError;
use crate::vault::own_places::PlaceError;

/// After how many seconds somebody who is busy is asked again.
const BUSY_SECS: u64 = 10;

/// What went wrong, as an answer.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    message: Cow<'static, str>,
    hint: Option<Cow<'static, str>>,
    retry_after_secs: Option<u64>,
    word: Option<Box<WordProblem>>,
    /// For the log only.
    cause: Option<anyhow::Error>,
}

/// The body of every answer that is an error.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// What went wrong, in words for a person.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub hint: Option<String>,
    /// The word of a phrase to look at, when one is probably wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub word: Option<WordProblem>,
}

impl ApiError {
    /// An answer with this status and these words.
    pub fn new(status: StatusCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, message: message.into(), hint: None, retry_after_secs: None, word: None, cause: None }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says that a phrase is wrong, and which word to look at.
    pub(super) fn wrong_phrase(message: &str, word: Option<WordProblem>) -> Self {
        Self { word: word.map(Box::new), ..Self::new(StatusCode::BAD_REQUEST, sentence(&message)) }
    }

    /// Adds the cause, for the log.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<anyhow::Error>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// 400: the request makes no sense.
    pub fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 401: nobody is signed in.
    pub fn signed_out() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "You are not signed in.").hint("Sign in and try again.")
    }

    /// 403: signed in, and still not allowed.
    pub fn forbidden(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, message)
    }

    /// 404: not here, or not yours; both look the same.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not found")
    }

    /// 413: the file is larger than this node takes.
    pub fn too_large(limit_bytes: u64) -> Self {
        let limit = format!(
            "This node accepts files of up to {limit_bytes} bytes (`upload_bytes_max` in config.toml)."
        );
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "file too large").hint(limit)
    }

    /// 429: try again after so many seconds.
    pub fn too_many(message: impl Into<Cow<'static, str>>, retry_after_secs: u64) -> Self {
        let retry_after_secs = Some(retry_after_secs);
        Self { retry_after_secs, ..Self::new(StatusCode::TOO_MANY_REQUESTS, message) }
    }

    /// 503: not now; try again after so many seconds.
    pub fn unavailable(message: impl Into<Cow<'static, str>>, retry_after_secs: u64) -> Self {
        let retry_after_secs = Some(retry_after_secs);
        Self { retry_after_secs, ..Self::new(StatusCode::SERVICE_UNAVAILABLE, message) }
    }

    /// 503: something that is needed is not there now: a home is off, a disk is not plugged in.
    pub fn away(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, message)
    }

    /// 500: a fault of this program or its machine; the log says which.
    pub fn internal(cause: impl Into<anyhow::Error>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong at home.")
            .hint("Try again. If it happens again, the node's log says why.")
            .cause(cause)
    }

    /// 500: a database is damaged; a start looks at every page and makes anew what can be.
    fn damaged(cause: impl Into<anyhow::Error>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "A database of this home is damaged.")
            .hint(
                "Start Heirloom again: what it knows about copies is made anew from the copies then. No photo is touched. \
                 If it happens again, the disk may be failing.",
            )
            .cause(cause)
    }

    /// 507: the disk is full.
    pub fn disk_full(cause: impl Into<anyhow::Error>) -> Self {
        Self::new(StatusCode::INSUFFICIENT_STORAGE, "The disk at home is full.")
            .hint("Free some space and try again; nothing was lost.")
            .cause(cause)
    }

    /// The status it is answered with.
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let Self { status, message, hint, retry_after_secs, word, cause } = self;
        match cause {
            Some(cause) if status.is_server_error() => tracing::error!("{cause:#}"),
            Some(cause) => tracing::debug!(%status, "{cause:#}"),
            None => {}
        }
        let body = ErrorBody {
            message: message.into_owned(),
            hint: hint.map(Cow::into_owned),
            word: word.map(|word| *word),
        };
        let mut response = (status, Json(body)).into_response();
        if let Some(secs) = retry_after_secs {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(secs));
        }
        response
    }
}

impl From<anyhow::Error> for ApiError {
    fn from(error: anyhow::Error) -> Self {
        match error.downcast::<StoreError>() {
            Ok(error) => error.into(),
            Err(error) if Fault::of(error.as_ref()) == Fault::Damage => Self::damaged(error),
            Err(error) => Self::internal(error),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error.fault() {
            Fault::Full => Self::disk_full(error),
            Fault::Damage => Self::damaged(error),
            _ => Self::internal(error),
        }
    }
}

impl From<CatalogError> for ApiError {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::Store(error) => error.into(),
            other => Self::internal(other),
        }
    }
}

impl From<MarkError> for ApiError {
    fn from(error: MarkError) -> Self {
        Self::bad_request(error.to_string())
    }
}

impl From<LibraryError> for ApiError {
    fn from(error: LibraryError) -> Self {
        match error {
            LibraryError::Refused { source, .. } => source.into(),
            LibraryError::Store(error) => error.into(),
            other => Self::internal(other),
        }
    }
}

impl From<DecideError> for ApiError {
    fn from(error: DecideError) -> Self {
        match error {
            DecideError::NoSuchAsset(_) => Self::not_found(),
            DecideError::Library(error) => error.into(),
            DecideError::Store(error) => error.into(),
            DecideError::Catalog(error) => error.into(),
        }
    }
}

/// An error's words as a sentence: they begin small, to follow a colon in a log or a terminal.
pub(super) fn sentence(error: &impl std::fmt::Display) -> String {
    let words = error.to_string();
    let mut letters = words.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    let end = if words.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

impl From<AlbumError> for ApiError {
    fn from(error: AlbumError) -> Self {
        match error {
            AlbumError::Unknown(_) => Self::not_found(),
            AlbumError::Ended | AlbumError::Role { .. } | AlbumError::Account | AlbumError::Refused(_) => {
                Self::forbidden(sentence(&error))
            }
            AlbumError::Bounds(_) | AlbumError::Entry(_) | AlbumError::Missing(_) | AlbumError::Full(_) => {
                Self::bad_request(sentence(&error))
            }
            AlbumError::Store(error) => error.into(),
            other => Self::internal(other),
        }
    }
}

impl From<ShareError> for ApiError {
    fn from(error: ShareError) -> Self {
        match error {
            ShareError::NoSuchAlbum => Self::not_found(),
            ShareError::NotPaired | ShareError::NotMet => Self::bad_request(sentence(&error)),
            ShareError::OthersLeft | ShareError::Named => Self::forbidden(sentence(&error)),
            ShareError::Album(error) => error.into(),
            ShareError::Store(error) => error.into(),
        }
    }
}

impl From<AddError> for ApiError {
    fn from(error: AddError) -> Self {
        match error {
            AddError::Album(error) => error.into(),
            AddError::Store(error) => error.into(),
            AddError::Catalog(error) => error.into(),
        }
    }
}

impl From<LookError> for ApiError {
    fn from(error: LookError) -> Self {
        match error {
            LookError::Album(error) => error.into(),
            LookError::Store(error) => error.into(),
        }
    }
}

impl From<FollowError> for ApiError {
    fn from(error: FollowError) -> Self {
        match error {
            FollowError::Look(error) => error.into(),
            FollowError::Store(error) => error.into(),
            FollowError::Catalog(error) => error.into(),
        }
    }
}

impl From<KeeperError> for ApiError {
    fn from(error: KeeperError) -> Self {
        match error {
            KeeperError::NotAWard | KeeperError::Missing => Self::not_found(),
            KeeperError::DiskAbsent => Self::away(sentence(&error)),
            KeeperError::Busy => Self::unavailable("This home is busy.", BUSY_SECS),
            KeeperError::Full { .. } => Self::disk_full(error),
            KeeperError::Wrong(_) | KeeperError::TooLarge { .. } => Self::bad_request(error.to_string()),
            KeeperError::Older | KeeperError::Fork => Self::new(StatusCode::CONFLICT, sentence(&error)),
            KeeperError::Store(error) => error.into(),
            KeeperError::Io(_) => Self::internal(error),
        }
    }
}

impl From<TargetError> for ApiError {
    fn from(error: TargetError) -> Self {
        match error {
            TargetError::Missing => Self::not_found(),
            TargetError::Offline => Self::away("That home is off, or cannot be reached now."),
            TargetError::DiskAbsent => Self::away("The disk is not there."),
            TargetError::Busy => Self::unavailable("That home is busy.", BUSY_SECS),
            TargetError::Full { .. } => {
                Self::new(StatusCode::INSUFFICIENT_STORAGE, "There is no room there.")
            }
            TargetError::Refused(why) | TargetError::Wrong(why) => Self::bad_request(why),
            TargetError::Older | TargetError::Fork => Self::new(StatusCode::CONFLICT, sentence(&error)),
            TargetError::Io(_) => Self::away("That home could not do it.").cause(error),
        }
    }
}

impl From<PlaceError> for ApiError {
    fn from(error: PlaceError) -> Self {
        match error {
            PlaceError::Unfit(why) => Self::bad_request(why),
            PlaceError::Away(why) => Self::away(why),
            PlaceError::Unknown => Self::not_found(),
            PlaceError::NoKeys => Self::new(StatusCode::CONFLICT, sentence(&error)),
            PlaceError::Outranked => Self::forbidden(sentence(&error)),
            PlaceError::Full => Self::new(StatusCode::INSUFFICIENT_STORAGE, sentence(&error)),
            PlaceError::Here(error) => error.into(),
        }
    }
}

impl From<CarryError> for ApiError {
    fn from(error: CarryError) -> Self {
        match error {
            CarryError::NotAWard => Self::not_found(),
            CarryError::Place(error) => error.into(),
            CarryError::DiskAbsent | CarryError::Stopped => Self::away(sentence(&error)),
            CarryError::NoRoom { .. } | CarryError::Full => {
                Self::new(StatusCode::INSUFFICIENT_STORAGE, sentence(&error))
            }
            CarryError::Keeper(error) => error.into(),
        }
    }
}

impl From<IngestError> for ApiError {
    fn from(error: IngestError) -> Self {
        if error.is_disk_full() {
            return Self::disk_full(error);
        }
        match error {
            IngestError::NotAPhoto(Failure::Empty) => Self::bad_request(Failure::Empty.to_string()),
            IngestError::NotAPhoto(failure) => {
                Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, failure.to_string())
            }
            IngestError::LibraryAway => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "The disk with the photos is not there, so nothing can be kept now.",
            )
            .hint("Connect it and try again; nothing was lost."),
            other => Self::internal(other),
        }
    }
}

/// What a person reads whose page asks for something that this program does not know; what exactly is for programs.
const NOT_UNDERSTOOD: &str = "This was not understood. If you are looking at the page, load it again.";

fn for_programs(text: &str) -> String {
    format!("For programs: {text}.")
}

impl From<JsonRejection> for ApiError {
    fn from(rejection: JsonRejection) -> Self {
        let status = rejection.status();
        if status == StatusCode::PAYLOAD_TOO_LARGE {
            return Self::new(status, "The request is too large.").hint("Ask about fewer photos at a time.");
        }
        let status =
            if status == StatusCode::UNPROCESSABLE_ENTITY { StatusCode::BAD_REQUEST } else { status };
        Self::new(status, NOT_UNDERSTOOD).hint(for_programs(&rejection.body_text()))
    }
}

impl From<QueryRejection> for ApiError {
    fn from(rejection: QueryRejection) -> Self {
        Self::bad_request(NOT_UNDERSTOOD).hint(for_programs(&rejection.body_text()))
    }
}

impl From<PathRejection> for ApiError {
    fn from(_: PathRejection) -> Self {
        Self::not_found()
    }
}

impl From<MultipartRejection> for ApiError {
    fn from(rejection: MultipartRejection) -> Self {
        Self::bad_request(rejection.body_text())
    }
}

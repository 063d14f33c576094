//! The form that an upload is, in whatever order its parts come.

use axum::body::Bytes;
use axum::extract::Multipart;
use axum::extract::multipart::{Field, MultipartError};
use axum::http::StatusCode;

use super::changes::archived;
use super::dates::moment_ms;
use super::error::ApiError;
use super::limits::{FORM_EXTRA_BYTES_MAX, FORM_PARTS_MAX, FORM_TEXT_BYTES_MAX, UPLOAD_IDLE};
use super::receive::{Receiving, SharedBody};
use crate::home::Home;
use crate::ingest::Draft;

/// Longest file name that is kept, in bytes.
const NAME_BYTES_MAX: usize = 1024;

/// What an upload said.
pub struct Form {
    /// The file, safe in the inbox.
    pub draft: Draft,
    /// The name it came with; may be empty.
    pub name: String,
    /// The earlier of the two dates that a client sends, milliseconds since the Unix epoch, UTC: what stands
    /// for the capture date of a file that has none.
    pub dated_ms: Option<i64>,
    /// Whether it comes as a favourite.
    pub favourite: bool,
    /// Whether it comes put away from the timeline.
    pub archived: bool,
}

/// What has been read so far.
#[derive(Default)]
struct Parts {
    draft: Option<Draft>,
    part_name: String,
    name: Option<String>,
    created_ms: Option<i64>,
    modified_ms: Option<i64>,
    favourite: bool,
    archived: bool,
}

impl Form {
    /// Reads a form to its end; the file goes to the inbox as it comes, everything else is small.
    ///
    /// # Errors
    /// 400 for a broken form, 408 for a client that fell silent, and what [`Receiving::take`] says. Nothing is
    /// left in the inbox then.
    pub async fn read(home: &Home, mut multipart: Multipart, body: &SharedBody) -> Result<Self, ApiError> {
        let mut parts = Parts::default();
        let mut extra = 0;
        for _ in 0..FORM_PARTS_MAX {
            let Some(field) = in_time(body, multipart.next_field()).await? else { return parts.finish() };
            let name = field.name().unwrap_or_default().to_owned();
            match name.as_str() {
                "assetData" if parts.draft.is_some() => {
                    return Err(ApiError::bad_request("The form holds more than one file (assetData)."));
                }
                "assetData" => {
                    parts.part_name = field.file_name().unwrap_or_default().to_owned();
                    parts.draft = Some(file(home, body, field).await?);
                }
                "filename" | "fileCreatedAt" | "fileModifiedAt" | "isFavorite" | "visibility" => {
                    parts.take(&name, text(body, field, &name).await?)?;
                }
                _ => skip(body, field, &mut extra).await?,
            }
        }
        Err(ApiError::bad_request(format!("The form has more than {FORM_PARTS_MAX} parts.")))
    }
}

impl Parts {
    fn take(&mut self, name: &str, value: String) -> Result<(), ApiError> {
        let date = || {
            let sense = moment_ms(&value).filter(|ms| *ms > 0);
            sense.ok_or_else(|| ApiError::bad_request(format!("{name} is no date.")))
        };
        match name {
            "fileCreatedAt" => self.created_ms = date().map(Some)?,
            "fileModifiedAt" => self.modified_ms = date().map(Some)?,
            "isFavorite" => self.favourite = value == "true" || value == "1",
            "visibility" => self.archived = archived(&value)?,
            _ => self.name = Some(value),
        }
        Ok(())
    }

    fn finish(self) -> Result<Form, ApiError> {
        let draft = self.draft.ok_or_else(|| ApiError::bad_request("The form holds no file (assetData)."))?;
        let mut name = self.name.filter(|name| !name.is_empty()).unwrap_or(self.part_name);
        while name.len() > NAME_BYTES_MAX {
            // The end of a name holds its format; the beginning goes.
            name.remove(0);
        }
        let dated_ms = [self.created_ms, self.modified_ms].into_iter().flatten().min();
        Ok(Form { draft, name, dated_ms, favourite: self.favourite, archived: self.archived })
    }
}

async fn file(home: &Home, body: &SharedBody, mut field: Field<'_>) -> Result<Draft, ApiError> {
    let mut receiving = Receiving::start(home);
    let outcome = loop {
        match in_time(body, field.chunk()).await {
            Ok(None) => break Ok(()),
            Ok(Some(piece)) => {
                if let Err(error) = receiving.take(piece).await {
                    break Err(error);
                }
            }
            Err(error) => break Err(error),
        }
    };
    match outcome {
        Ok(()) => receiving.end().await,
        Err(error) => {
            receiving.abandon().await;
            Err(error)
        }
    }
}

async fn text(body: &SharedBody, mut field: Field<'_>, name: &str) -> Result<String, ApiError> {
    let mut bytes = Vec::new();
    while let Some(piece) = in_time(body, field.chunk()).await? {
        bytes.extend_from_slice(&piece);
        if bytes.len() > FORM_TEXT_BYTES_MAX {
            return Err(ApiError::bad_request(format!("The form's {name} is too long.")));
        }
    }
    String::from_utf8(bytes).map_err(|_| ApiError::bad_request(format!("The form's {name} is not UTF-8.")))
}

/// Reads past a part that means nothing here, such as a device's own id.
async fn skip(body: &SharedBody, mut field: Field<'_>, extra: &mut u64) -> Result<(), ApiError> {
    while let Some(piece) = in_time(body, field.chunk()).await? {
        *extra = extra.saturating_add(len(&piece));
        if *extra > FORM_EXTRA_BYTES_MAX {
            return Err(ApiError::bad_request("The form holds too much beside its file."));
        }
    }
    Ok(())
}

/// Waits for the client, but not for ever.
async fn in_time<T>(
    body: &SharedBody,
    step: impl Future<Output = Result<T, MultipartError>>,
) -> Result<T, ApiError> {
    match tokio::time::timeout(UPLOAD_IDLE, step).await {
        Ok(Ok(value)) => {
            body.progressed();
            Ok(value)
        }
        Ok(Err(error)) => Err(broken(&error)),
        Err(_) => {
            let message = "The upload stopped in the middle.";
            Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, message).hint("Send the file again."))
        }
    }
}

fn broken(error: &MultipartError) -> ApiError {
    tracing::debug!(%error, "an upload could not be read");
    ApiError::bad_request("The upload broke off or is malformed; nothing of it was kept.")
        .hint("Send the file again.")
}

fn len(piece: &Bytes) -> u64 {
    u64::try_from(piece.len()).unwrap_or(u64::MAX)
}

//! Disks and buckets: a copy of our own beside those in other homes, and a disk with another home's copies for carrying.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::http::StatusCode;
use heirloom_identity::HouseholdId;
use heirloom_vault::TargetId;
use heirloom_vault::keeper::Copied;
use heirloom_vault::store::{NewAlarm, S3Place};
use indicatif::DecimalBytes;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use zeroize::Zeroizing;

use super::ApiState;
use super::error::{ApiError, ErrorBody};
use super::extract::{Json, Path, blocking};
use super::households::DONE;
use super::names::Names;
use super::session::SignedIn;
use super::vault::{may_change, must_be_on};
use crate::clock;
use crate::home::Home;
use crate::vault::carry::{self, CarryError};
use crate::vault::own_places;

pub(super) fn routes() -> OpenApiRouter<Arc<ApiState>> {
    OpenApiRouter::new()
        .routes(routes!(add_target))
        .routes(routes!(remove_target))
        .routes(routes!(write_disk))
}

/// A place for copies that belongs to the household itself.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum NewPlace {
    /// A folder on a disk of the node.
    Folder {
        /// Its whole path; made if it isn't there.
        #[schema(value_type = String)]
        place: PathBuf,
    },
    /// A bucket of an S3-compatible store.
    S3(NewBucket),
}

/// A bucket and the keys to it.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewBucket {
    /// Like `https://s3.example.org`.
    pub endpoint: String,
    /// Its name.
    pub bucket: String,
    /// What the names in it begin with.
    #[serde(default)]
    pub prefix: String,
    /// Who this home is there.
    #[schema(value_type = String)]
    pub access_key: Zeroizing<String>,
    /// A secret; no answer ever says it.
    #[schema(value_type = String)]
    pub secret_key: Zeroizing<String>,
    /// The store's region; us-east-1 when empty.
    #[serde(default)]
    pub region: String,
    /// So many bytes of it are used at most; all that the store gives when absent.
    pub bytes_max: Option<u64>,
}

/// A place that is used from now on.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AddedPlace {
    /// Names it.
    id: String,
    /// Whether it lies on the same disk as the photos, and so does not help when that disk fails.
    same_disk: bool,
}

/// Has copies go to a folder or a bucket of our own, too, for admins. It is tried first.
#[utoipa::path(post, path = "/vault/targets", tag = "vault", request_body = NewPlace,
    responses((status = 201, body = AddedPlace), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 409, description = "The vault is not on", body = ErrorBody),
        (status = 503, description = "It cannot be reached", body = ErrorBody), (status = 507, body = ErrorBody)))]
async fn add_target(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Json(place): Json<NewPlace>,
) -> Result<(StatusCode, Json<AddedPlace>), ApiError> {
    may_change(&state, &signed_in)?;
    must_be_on(&state.home)?;
    let added = match place {
        NewPlace::Folder { place } => own_places::add_folder(&state.home, place).await?,
        NewPlace::S3(bucket) => {
            let bytes_max = bucket.bytes_max;
            Box::pin(own_places::add_bucket(&state.home, bucket.into(), bytes_max)).await?
        }
    };
    let answer = AddedPlace { id: added.id.to_string(), same_disk: added.is_same_disk };
    Ok((StatusCode::CREATED, Json(answer)))
}

impl From<NewBucket> for S3Place {
    fn from(new: NewBucket) -> Self {
        Self {
            endpoint: new.endpoint,
            bucket: new.bucket,
            prefix: new.prefix,
            region: new.region,
            access_key: new.access_key.to_string(),
            secret_key: new.secret_key.to_string(),
        }
    }
}

/// No longer has copies go to a folder or a bucket, for admins. What is there stays.
#[utoipa::path(delete, path = "/vault/targets/{id}", tag = "vault", params(("id" = String, Path, description = "The place")),
    responses((status = 204), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody)))]
async fn remove_target(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Path(id): Path<TargetId>,
) -> Result<StatusCode, ApiError> {
    may_change(&state, &signed_in)?;
    own_places::remove(&state.home, id).await?;
    Ok(DONE)
}

/// A disk that another home's copies are to be written to.
#[derive(Deserialize, ToSchema)]
pub struct DiskToWrite {
    /// Whose copies.
    #[schema(value_type = String)]
    pub household: HouseholdId,
    /// The whole path of a folder on it.
    #[schema(value_type = String)]
    pub folder: PathBuf,
}

/// Writes what is kept for another home to a disk that can be carried there, for admins. It goes on after the answer; an
/// alarm says how it ended. Asked again, it goes on where it was.
#[utoipa::path(post, path = "/vault/usb", tag = "vault", request_body = DiskToWrite,
    responses((status = 202), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, description = "Nothing is kept for it", body = ErrorBody),
        (status = 409, description = "One is being written", body = ErrorBody),
        (status = 503, description = "A disk is not there", body = ErrorBody), (status = 507, body = ErrorBody)))]
async fn write_disk(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Json(disk): Json<DiskToWrite>,
) -> Result<StatusCode, ApiError> {
    may_change(&state, &signed_in)?;
    let ward = disk.household;
    let at = Arc::clone(&state);
    let folder = blocking(move || Ok(carry::look(&at.home, &ward, &disk.folder)?)).await?;
    let being = BeingWritten::begin(&state.disks, ward).ok_or_else(|| {
        ApiError::new(StatusCode::CONFLICT, "A disk for that home is being written already.")
            .hint("Wait until it is finished; this page says so.")
    })?;
    let at = Arc::clone(&state);
    // Ends with the pack in hand when the node stops; the program waits for it.
    drop(tokio::task::spawn_blocking(move || {
        let stopping = &at.stopping;
        let outcome = carry::write(&at.home, &ward, &folder, &mut |_| !stopping.is_cancelled());
        drop(being);
        tell(&at.home, &ward, &folder, outcome);
    }));
    Ok(StatusCode::ACCEPTED)
}

/// For which homes a disk is being written.
#[derive(Debug, Default)]
pub struct Disks {
    wards: Mutex<HashSet<HouseholdId>>,
}

/// A disk that is being written, until it is dropped.
struct BeingWritten {
    disks: Arc<Disks>,
    ward: HouseholdId,
}

impl BeingWritten {
    fn begin(disks: &Arc<Disks>, ward: HouseholdId) -> Option<Self> {
        let is_first = disks.wards.lock().unwrap_or_else(PoisonError::into_inner).insert(ward);
        is_first.then(|| Self { disks: Arc::clone(disks), ward })
    }
}

impl Drop for BeingWritten {
    fn drop(&mut self) {
        self.disks.wards.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.ward);
    }
}

/// Tells people how it ended; they have gone on to something else.
fn tell(home: &Home, ward: &HouseholdId, folder: &std::path::Path, outcome: Result<Copied, CarryError>) {
    let name = Names::load(home).map_or_else(|_| ward.to_string()[..8].to_owned(), |names| names.home(ward));
    let place = folder.display();
    let (kind, text, advice) = match outcome {
        Ok(copied) if copied.left_out() == 0 => (
            "disk_written",
            format!("The copies of {name} are on the disk, {} in {place}.", DecimalBytes(copied.bytes)),
            "Eject the disk as your computer asks, and bring it to them with their 24 words.".to_owned(),
        ),
        Ok(copied) if copied.unread > 0 => (
            "disk_failed",
            format!("{} parts of the copies of {name} are not on the disk: they cannot be read here now.", copied.left_out()),
            "Write the disk again. If it ends in the same way, the disk of this computer that they are on may be failing."
                .to_owned(),
        ),
        Ok(copied) => (
            "disk_failed",
            format!("{} parts of the copies of {name} are damaged here and are not on the disk.", copied.bad),
            "Their home sends them again by itself, if it is still there. Then write the disk again."
                .to_owned(),
        ),
        Err(error) => (
            "disk_failed",
            format!("The copies of {name} are not all on the disk in {place}."),
            format!("What is wrong: {error}. Write it again, and it goes on where it was."),
        ),
    };
    let alarm = NewAlarm { kind, household: Some(*ward), text, advice };
    let other = if kind == "disk_written" { "disk_failed" } else { "disk_written" };
    let store = &home.vault.store;
    let told = store.lower(other, Some(*ward)).and_then(|()| store.report(&alarm, clock::now_ms()));
    if let Err(error) = told {
        tracing::error!(%error, "cannot say how the writing of a disk ended");
    }
    home.vault.changed(home);
}

//! The homes in an album: inviting, changing what they may do, removing, handing the album on.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use heirloom_identity::{AccountId, HouseholdId, Role};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::access::seen_album;
use super::album_json::AlbumJson;
use super::albums::{answer, must_write};
use super::error::{ApiError, ErrorBody};
use super::extract::{Json, Path, blocking};
use super::households::DONE;
use super::session::SignedIn;
use crate::clock;
use crate::sharing::{self, albums};

/// The word for this home where a household is named.
const SELF: &str = "self";

pub(super) fn routes() -> OpenApiRouter<Arc<ApiState>> {
    OpenApiRouter::new().routes(routes!(set_home, remove_home)).routes(routes!(hand_over))
}

/// What a home may do in an album.
#[derive(Deserialize, ToSchema)]
pub struct Standing {
    /// `viewer`, `contributor` or `admin`. Without one a member's role stays, and a new home is a viewer.
    #[serde(default)]
    #[schema(value_type = String, required = false)]
    pub role: Option<Role>,
    /// The accounts there that take part; none: everybody. Of this home: the accounts that it is opened to, besides who
    /// asks and who made it; none opens an album that was joined for everybody to everybody again.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub accounts: Vec<AccountId>,
}

/// Invites a home to an album, changes what it may do, or opens the album to accounts of this home.
#[utoipa::path(put, path = "/albums/{id}/homes/{household}", tag = "albums",
    params(("id" = String, Path, description = "The album"),
        ("household" = String, Path, description = "The home's id, or self")),
    request_body = Standing,
    responses((status = 200, body = AlbumJson), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn set_home(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Path((id, household)): Path<(String, String)>,
    Json(standing): Json<Standing>,
) -> Result<Json<AlbumJson>, ApiError> {
    blocking(move || {
        let (home, account) = (&state.home, signed_in.account);
        let album = seen_album(home, &account, &id)?;
        let household = household_of(&state, &household)?;
        if household == *home.keys.certificate.household() {
            albums::open_at_home(home, &album, account, &standing.accounts)?;
            return answer(home, &account, &id);
        }
        must_write(home)?;
        let before = album.membership.members.get(&household).map(|member| member.role);
        let role = standing.role.or(before).unwrap_or(Role::Viewer);
        if role == Role::Owner {
            return Err(ApiError::bad_request("An album has one owner.").hint("Hand the album over instead."));
        }
        sharing::share(home, &album.space, household, role, standing.accounts)?;
        answer(home, &account, &id)
    })
    .await
}

/// Removes a home from an album; `self` leaves it.
#[utoipa::path(delete, path = "/albums/{id}/homes/{household}", tag = "albums",
    params(("id" = String, Path, description = "The album"),
        ("household" = String, Path, description = "The home's id, or self")),
    responses((status = 204), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody)))]
async fn remove_home(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Path((id, household)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    blocking(move || {
        let home = &state.home;
        let album = seen_album(home, &signed_in.account, &id)?;
        must_write(home)?;
        let household = household_of(&state, &household)?;
        sharing::unshare(home, &album.space, household)?;
        Ok(DONE)
    })
    .await
}

/// A new owner.
#[derive(Deserialize, ToSchema)]
pub struct NewOwner {
    /// The home's id.
    #[schema(value_type = String)]
    pub household: HouseholdId,
}

/// Hands an album to another home that is in it.
#[utoipa::path(post, path = "/albums/{id}/owner", tag = "albums",
    params(("id" = String, Path, description = "The album")), request_body = NewOwner,
    responses((status = 200, body = AlbumJson), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn hand_over(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Path(id): Path<String>,
    Json(owner): Json<NewOwner>,
) -> Result<Json<AlbumJson>, ApiError> {
    blocking(move || {
        let (home, account) = (&state.home, signed_in.account);
        let album = seen_album(home, &account, &id)?;
        must_write(home)?;
        home.albums.transfer(&album.space, owner.household, clock::now_ms())?;
        answer(home, &account, &id)
    })
    .await
}

fn household_of(state: &ApiState, text: &str) -> Result<HouseholdId, ApiError> {
    if text == SELF {
        return Ok(*state.home.keys.certificate.household());
    }
    text.parse().map_err(|_| ApiError::not_found())
}

//! What somebody says of a restore that is under way: that a home or a disk which it waits for does not come back.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::error::{ApiError, ErrorBody};
use super::extract::{Json, blocking};
use super::households::DONE;
use super::session::SignedIn;
use super::vault::may_change;
use crate::restore::awaited;

pub(super) fn routes() -> OpenApiRouter<Arc<ApiState>> {
    OpenApiRouter::new().routes(routes!(go_on_without))
}

/// What does not come back.
#[derive(Deserialize, ToSchema)]
pub struct LeftOut {
    /// One of the names in `restoring.awaits`.
    pub place: String,
}

/// Goes on with a restore without a home or a disk that it waits for, for admins. What only that had is listed as missing,
/// and comes back if it turns up.
#[utoipa::path(post, path = "/vault/restoring/without", tag = "vault", request_body = LeftOut,
    responses((status = 204), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, description = "It is not waited for", body = ErrorBody)))]
async fn go_on_without(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Json(LeftOut { place }): Json<LeftOut>,
) -> Result<StatusCode, ApiError> {
    may_change(&state, &signed_in)?;
    blocking(move || {
        let home = &state.home;
        let progress = home.restoring.progress();
        if !progress.is_some_and(|progress| progress.awaits.contains(&place)) {
            return Err(ApiError::not_found());
        }
        awaited::leave_out(&home.layout, &place)?;
        home.vault.wake();
        home.vault.changed(home);
        Ok(DONE)
    })
    .await
}

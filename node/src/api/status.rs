//! The node in numbers, the same as `heirloom status --json`.

use std::sync::Arc;

use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::error::{ApiError, ErrorBody};
use super::extract::{Json, blocking};
use super::session::SignedIn;
use crate::status::{Status, status};

pub(super) fn routes() -> OpenApiRouter<Arc<ApiState>> {
    OpenApiRouter::new().routes(routes!(get_status))
}

/// Describes the node and its household.
#[utoipa::path(get, path = "/status", tag = "node", responses((status = 200, body = Status), (status = 401, body = ErrorBody)))]
async fn get_status(
    State(state): State<Arc<ApiState>>,
    _signed_in: SignedIn,
) -> Result<Json<Status>, ApiError> {
    blocking(move || Ok(Json(status(&state.home)?))).await
}

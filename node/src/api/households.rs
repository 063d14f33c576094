//! This household, as it introduces itself.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use heirloom_identity::card::clean_name;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::error::{ApiError, ErrorBody};
use super::extract::{Json, blocking};
use super::session::SignedIn;
use crate::home::{Home, SETTING_NAME};

pub(super) fn routes() -> OpenApiRouter<Arc<ApiState>> {
    OpenApiRouter::new().routes(routes!(get_self, rename_self))
}

/// Somebody of a household.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PersonJson {
    /// Their account; empty while it is not known.
    pub account: String,
    /// Their name.
    pub name: String,
}

/// A household, as it introduces itself.
#[derive(Serialize, ToSchema)]
pub struct HouseholdJson {
    /// Its id.
    household: String,
    /// Its name.
    name: String,
    /// Who lives there.
    people: Vec<PersonJson>,
}

/// Describes this household.
#[utoipa::path(get, path = "/households/self", tag = "homes",
    responses((status = 200, body = HouseholdJson), (status = 401, body = ErrorBody)))]
async fn get_self(
    State(state): State<Arc<ApiState>>,
    _signed_in: SignedIn,
) -> Result<Json<HouseholdJson>, ApiError> {
    blocking(move || Ok(Json(describe(&state.home)?))).await
}

/// A household's new name.
#[derive(Deserialize, ToSchema)]
pub struct Renaming {
    /// At most 100 characters.
    pub name: String,
}

/// Renames this household, for admins; other homes hear of it.
#[utoipa::path(put, path = "/households/self", tag = "homes", request_body = Renaming,
    responses((status = 200, body = HouseholdJson), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody)))]
async fn rename_self(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Json(renaming): Json<Renaming>,
) -> Result<Json<HouseholdJson>, ApiError> {
    signed_in.must_be_admin(&state)?;
    let name = clean_name(&renaming.name);
    if name.is_empty() {
        return Err(ApiError::bad_request("A home needs a name."));
    }
    blocking(move || {
        state.home.ledger.set_setting(SETTING_NAME, &name)?;
        if let Some(network) = state.home.network() {
            network.names_changed();
        }
        Ok(Json(describe(&state.home)?))
    })
    .await
}

fn describe(home: &Home) -> Result<HouseholdJson, ApiError> {
    let people = home.ledger.accounts()?.into_iter();
    Ok(HouseholdJson {
        household: home.keys.certificate.household().to_string(),
        name: home.name()?,
        people: people
            .map(|account| PersonJson { account: account.id.to_string(), name: account.name })
            .collect(),
    })
}

/// Answers nothing, well.
pub(super) const DONE: StatusCode = StatusCode::NO_CONTENT;

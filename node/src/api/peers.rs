//! Other homes: who they are, how they are reached, and letting them in.
//!
//! Every account sees the homes, since it may share albums with them; inviting, confirming and removing is for admins.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use heirloom_identity::{AccountId, AlbumId, HouseholdId, InvitationId};
use heirloom_net::{Path as NetPath, PathKind};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::dates::iso;
use super::error::{ApiError, ErrorBody};
use super::extract::{Json, Path, blocking, present};
use super::households::{DONE, PersonJson};
use super::session::SignedIn;
use crate::home::Home;
use crate::ledger::invitations::InviteError;
use crate::ledger::peers::{Peer, PeerState};
use crate::protocols::{Network, Pairing, PairingRole, PairingState};
use crate::sharing;

pub(super) fn routes() -> OpenApiRouter<Arc<ApiState>> {
    OpenApiRouter::new()
        .routes(routes!(list_peers))
        .routes(routes!(change_peer, remove_peer))
        .routes(routes!(invite))
        .routes(routes!(withdraw))
        .routes(routes!(accept))
        .routes(routes!(pairings))
        .routes(routes!(confirm))
        .routes(routes!(deny))
}

/// Another home.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PeerJson {
    /// Its id.
    household: String,
    /// Its name as people here see it.
    name: String,
    /// The name that somebody here gave it.
    given_name: Option<String>,
    /// Who lives there.
    people: Vec<PersonJson>,
    /// The six words of the pairing.
    words: Vec<String>,
    /// `direct`, `relay`, `off` or `blocked`.
    path: &'static str,
    /// Time there and back, in milliseconds.
    rtt_ms: Option<u64>,
    /// When it was last connected.
    last_seen: Option<String>,
    /// When the homes were paired.
    paired_at: String,
    /// Whether it is kept out.
    blocked: bool,
    /// Why it turned this home away, if it did.
    refusal: Option<String>,
    /// The albums of this account that both homes are in.
    #[schema(value_type = Vec<String>)]
    albums: Vec<AlbumId>,
}

/// Lists the homes that this one is paired with.
#[utoipa::path(get, path = "/peers", tag = "homes",
    responses((status = 200, body = Vec<PeerJson>), (status = 401, body = ErrorBody)))]
async fn list_peers(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
) -> Result<Json<Vec<PeerJson>>, ApiError> {
    blocking(move || {
        let home = &state.home;
        let network = home.network();
        let peers = home.ledger.peers()?.into_iter().filter(|peer| peer.state != PeerState::Removed);
        let described = peers.map(|peer| {
            let path = network.as_ref().map_or(NetPath::OFF, |network| network.path(&peer.household));
            let albums = shared_albums(home, &signed_in.account, &peer.household)?;
            Ok(peer_json(peer, path, albums))
        });
        Ok(Json(described.collect::<Result<_, ApiError>>()?))
    })
    .await
}

fn shared_albums(home: &Home, account: &AccountId, peer: &HouseholdId) -> Result<Vec<AlbumId>, ApiError> {
    let mut albums = Vec::new();
    for space in home.albums.spaces_with(peer)? {
        if let Some(album) = home.albums.album(&space)?
            && sharing::sees(home, account, &album)?
        {
            albums.push(album.id);
        }
    }
    Ok(albums)
}

fn peer_json(peer: Peer, path: NetPath, albums: Vec<AlbumId>) -> PeerJson {
    let blocked = peer.state == PeerState::Blocked;
    let people = peer.card.as_ref().map(|card| card.people()).unwrap_or_default().iter();
    PeerJson {
        household: peer.household.to_string(),
        name: peer.name(),
        people: people
            .map(|person| PersonJson { account: person.account.to_string(), name: person.name.clone() })
            .collect(),
        path: match path.kind {
            _ if blocked => "blocked",
            PathKind::Direct => "direct",
            PathKind::Relay => "relay",
            PathKind::Off => "off",
        },
        rtt_ms: path.rtt.and_then(|rtt| u64::try_from(rtt.as_millis()).ok()),
        given_name: peer.given_name,
        words: peer.words,
        last_seen: peer.last_seen_ms.map(iso),
        paired_at: iso(peer.paired_ms),
        blocked,
        refusal: peer.refusal,
        albums,
    }
}

/// What to change about another home.
#[derive(Deserialize, ToSchema)]
pub struct PeerChange {
    /// What people here call it; empty or null: as it calls itself.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, required = false)]
    pub name: Option<Option<String>>,
    /// Keeps it out, or lets it in again.
    #[serde(default)]
    #[schema(nullable = false)]
    pub blocked: Option<bool>,
}

/// Names another home, keeps it out, or lets it in again; for admins.
#[utoipa::path(patch, path = "/peers/{household}", tag = "homes",
    params(("household" = String, Path, description = "The home's id")), request_body = PeerChange,
    responses((status = 204), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
async fn change_peer(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Path(household): Path<HouseholdId>,
    Json(change): Json<PeerChange>,
) -> Result<StatusCode, ApiError> {
    let network = administered(&state, &signed_in)?;
    must_be_known(&state, household).await?;
    if let Some(name) = change.name {
        network.name_peer(household, name).await.map_err(in_words)?;
    }
    if let Some(blocked) = change.blocked {
        network.set_blocked(household, blocked).await.map_err(in_words)?;
    }
    Ok(DONE)
}

/// Ends the pairing with another home, for admins: it is taken out of the albums where this home decides that, and the
/// connection ends. Other albums stay as they are.
#[utoipa::path(delete, path = "/peers/{household}", tag = "homes",
    params(("household" = String, Path, description = "The home's id")),
    responses((status = 204), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
async fn remove_peer(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Path(household): Path<HouseholdId>,
) -> Result<StatusCode, ApiError> {
    let network = administered(&state, &signed_in)?;
    must_be_known(&state, household).await?;
    let home = Arc::clone(&state.home);
    let is_to_hear = blocking(move || {
        // What another computer of this household decides now is no longer for this one to say.
        Ok(!home.is_outranked() && sharing::unshare_everywhere(&home, household)?)
    })
    .await?;
    if is_to_hear && let Some(connection) = network.connection(&household) {
        // The sync tells it; a home that is off learns it from other members.
        tokio::time::timeout(sharing::LAST_WORDS, connection.closed()).await.ok();
    }
    network.remove_peer(household).await.map_err(in_words)?;
    Ok(DONE)
}

/// An invitation that was just made.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InvitationJson {
    /// Names it; the pairing it leads to has the same id.
    id: String,
    /// To be passed on: whoever has it may ask to come in.
    link: String,
    /// When it ends.
    expires_at: String,
}

/// Makes an invitation for one other home, good for a day; for admins.
#[utoipa::path(post, path = "/peers/invitations", tag = "homes",
    responses((status = 201, body = InvitationJson), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 409, description = "Too many are open", body = ErrorBody),
        (status = 503, body = ErrorBody)))]
async fn invite(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
) -> Result<(StatusCode, Json<InvitationJson>), ApiError> {
    let network = administered(&state, &signed_in)?;
    let invited = network.invite(false).await.map_err(in_words)?;
    let answer = InvitationJson { id: invited.id, link: invited.link, expires_at: iso(invited.expires_ms) };
    Ok((StatusCode::CREATED, Json(answer)))
}

/// Takes an invitation back, for admins.
#[utoipa::path(delete, path = "/peers/invitations/{id}", tag = "homes",
    params(("id" = String, Path, description = "The invitation")),
    responses((status = 204), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
async fn withdraw(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let network = administered(&state, &signed_in)?;
    let named = id.parse::<InvitationId>().map_err(|_| ApiError::not_found())?;
    let known = blocking(move || Ok(state.home.ledger.invitation(named.as_bytes())?)).await?;
    known.ok_or_else(ApiError::not_found)?;
    network.withdraw(&id).await.map_err(in_words)?;
    Ok(DONE)
}

/// A link that somebody of another home passed on.
#[derive(Deserialize, ToSchema)]
pub struct Acceptance {
    /// The link.
    pub link: String,
}

/// Two homes on their way to know each other.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PairingJson {
    /// Names it; for the inviter the invitation's id.
    id: String,
    /// `inviter` or `guest`.
    role: &'static str,
    /// `waiting` for the other home, `confirm`: for a person here, `done`, or `failed`.
    state: &'static str,
    /// The other home's name for itself; null while nobody has come.
    name: Option<String>,
    /// Who lives there.
    people: Vec<PersonJson>,
    /// The six words, once both sides have them.
    words: Vec<String>,
    /// Why it failed: `used`, `expired`, `denied`, `unreachable` and so on, or a sentence.
    reason: Option<String>,
    /// When the invitation ends.
    expires_at: Option<String>,
}

/// Follows the link of another home, for admins; what comes of it is seen under `/peers/pairings`.
#[utoipa::path(post, path = "/peers/accept", tag = "homes", request_body = Acceptance,
    responses((status = 201, body = PairingJson), (status = 400, description = "The link is no good", body = ErrorBody),
        (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 503, body = ErrorBody)))]
async fn accept(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Json(acceptance): Json<Acceptance>,
) -> Result<(StatusCode, Json<PairingJson>), ApiError> {
    let network = administered(&state, &signed_in)?;
    let pairing = network.accept(acceptance.link.trim()).map_err(in_words)?;
    Ok((StatusCode::CREATED, Json(pairing.into())))
}

/// Lists invitations, homes that wait to be confirmed, and what became of them lately; for admins.
#[utoipa::path(get, path = "/peers/pairings", tag = "homes",
    responses((status = 200, body = Vec<PairingJson>), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody)))]
async fn pairings(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
) -> Result<Json<Vec<PairingJson>>, ApiError> {
    signed_in.must_be_admin(&state)?;
    let pairings = state.home.network().map(|network| network.pairings()).unwrap_or_default();
    Ok(Json(pairings.into_iter().map(PairingJson::from).collect()))
}

/// What the home that comes is to be called here.
#[derive(Deserialize, ToSchema)]
pub struct Confirmation {
    /// Empty or absent: as it calls itself.
    #[serde(default)]
    #[schema(nullable = false)]
    pub name: Option<String>,
}

/// Lets in the home that waits, after the six words were compared; for admins.
#[utoipa::path(post, path = "/peers/pairings/{id}/confirm", tag = "homes",
    params(("id" = String, Path, description = "The pairing")), request_body = Confirmation,
    responses((status = 204), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
async fn confirm(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Path(id): Path<String>,
    Json(confirmation): Json<Confirmation>,
) -> Result<StatusCode, ApiError> {
    let network = administered(&state, &signed_in)?;
    network.confirm(&id, confirmation.name.as_deref()).map_err(|_| ApiError::not_found())?;
    Ok(DONE)
}

/// Turns away the home that waits, for admins.
#[utoipa::path(post, path = "/peers/pairings/{id}/deny", tag = "homes",
    params(("id" = String, Path, description = "The pairing")),
    responses((status = 204), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
async fn deny(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let network = administered(&state, &signed_in)?;
    network.deny(&id).map_err(|_| ApiError::not_found())?;
    Ok(DONE)
}

/// The network, for an admin.
fn administered(state: &ApiState, signed_in: &SignedIn) -> Result<Arc<Network>, ApiError> {
    signed_in.must_be_admin(state)?;
    state.home.network().ok_or_else(|| {
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "This node is not connected to other homes.")
            .hint("Its log says why. Restart it, and try again.")
    })
}

async fn must_be_known(state: &Arc<ApiState>, household: HouseholdId) -> Result<(), ApiError> {
    let state = Arc::clone(state);
    blocking(move || {
        let known = state.home.ledger.peer(&household)?.filter(|peer| peer.state != PeerState::Removed);
        known.map(drop).ok_or_else(ApiError::not_found)
    })
    .await
}

/// What the network says goes to the person as it is: it is written for them.
fn in_words(error: anyhow::Error) -> ApiError {
    let error = match error.downcast::<InviteError>() {
        Ok(InviteError::Store(error)) => return error.into(),
        Ok(full @ InviteError::TooMany) => return ApiError::new(StatusCode::CONFLICT, full.to_string()),
        Err(other) => other,
    };
    if error.chain().any(|cause| cause.is::<heirloom_store::StoreError>()) {
        return error.into();
    }
    ApiError::bad_request(error.to_string()).cause(error)
}

impl From<Pairing> for PairingJson {
    fn from(pairing: Pairing) -> Self {
        let people = pairing.people.into_iter();
        Self {
            id: pairing.id,
            role: match pairing.role {
                PairingRole::Inviter => "inviter",
                PairingRole::Guest => "guest",
            },
            state: match pairing.state {
                PairingState::Waiting => "waiting",
                PairingState::Confirm => "confirm",
                PairingState::Done => "done",
                PairingState::Failed => "failed",
            },
            name: Some(pairing.name).filter(|name| !name.is_empty()),
            people: people.map(|person| PersonJson { account: String::new(), name: person.name }).collect(),
            words: pairing.words,
            reason: pairing.reason,
            expires_at: Some(iso(pairing.expires_ms)),
        }
    }
}

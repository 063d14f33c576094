//! The account that is signed in.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::dates::iso;
use super::error::{ApiError, ErrorBody};
use super::extract::Json;
use super::session::SignedIn;

pub(super) fn routes() -> OpenApiRouter<Arc<ApiState>> {
    OpenApiRouter::new().routes(routes!(me)).routes(routes!(preferences))
}

/// An account, in the shape of Immich's `UserAdminResponseDto`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// The account.
    id: String,
    /// What the person signs in with.
    email: String,
    /// Shown on the page.
    name: String,
    /// Always `primary`.
    avatar_color: &'static str,
    /// Always empty.
    profile_image_path: &'static str,
    /// When the account was made.
    profile_changed_at: String,
    /// Whether it may manage accounts.
    is_admin: bool,
    /// Always `active`.
    status: &'static str,
    /// The account's folder in the library.
    storage_label: String,
    /// Always false.
    should_change_password: bool,
    /// When the account was made.
    created_at: String,
    /// The same.
    updated_at: String,
    /// Always null.
    deleted_at: Option<String>,
    /// Always empty.
    oauth_id: &'static str,
    /// Always null: there is no quota.
    quota_size_in_bytes: Option<u64>,
    /// Bytes of the account's originals.
    quota_usage_in_bytes: u64,
    /// Always null.
    license: Option<String>,
    /// Always empty.
    cluster_group_id: &'static str,
}

/// Describes the account that is signed in.
#[utoipa::path(get, path = "/users/me", tag = "users", responses(
    (status = 200, body = User), (status = 401, body = ErrorBody),
))]
async fn me(State(state): State<Arc<ApiState>>, signed_in: SignedIn) -> Result<Json<User>, ApiError> {
    let account = signed_in.load(&state)?;
    let bytes = state.home.catalog().statistics(&account.id)?.bytes;
    let created = iso(account.created_ms);
    Ok(Json(User {
        id: account.id.to_string(),
        email: account.email,
        name: account.name,
        avatar_color: "primary",
        profile_image_path: "",
        profile_changed_at: created.clone(),
        is_admin: account.admin,
        status: "active",
        storage_label: account.slug,
        should_change_password: false,
        created_at: created.clone(),
        updated_at: created,
        deleted_at: None,
        oauth_id: "",
        quota_size_in_bytes: None,
        quota_usage_in_bytes: bytes,
        license: None,
        cluster_group_id: "",
    }))
}

/// How a client is set up; nothing of it can be changed here yet, so it is the same for everyone.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the settings are Immich's and named for what they set")]
pub struct Preferences {
    pub albums: AlbumPreferences,
    pub cast: CastPreferences,
    pub download: DownloadPreferences,
    pub email_notifications: MailPreferences,
    pub folders: PartPreferences,
    pub memories: MemoryPreferences,
    pub people: PeoplePreferences,
    pub purchase: PurchasePreferences,
    pub ratings: SwitchPreferences,
    pub recently_added: SidebarPreferences,
    pub shared_links: PartPreferences,
    pub tags: PartPreferences,
}

macro_rules! preferences {
    ($($name:ident { $($field:ident: $kind:ty),* })*) => {$(
        /// A group of settings.
        #[derive(Default, Serialize, ToSchema)]
        #[serde(rename_all = "camelCase")]
        #[expect(missing_docs, reason = "the settings are Immich's and named for what they set")]
        pub struct $name { $(pub $field: $kind),* }
    )*};
}

preferences! {
    AlbumPreferences { default_asset_order: &'static str }
    CastPreferences { g_cast_enabled: bool }
    DownloadPreferences { archive_size: u64, include_embedded_videos: bool }
    MailPreferences { enabled: bool, album_invite: bool, album_update: bool }
    PartPreferences { enabled: bool, sidebar_web: bool }
    MemoryPreferences { enabled: bool, duration: u32, sidebar_web: bool }
    PeoplePreferences { enabled: bool, minimum_faces: u32, sidebar_web: bool }
    PurchasePreferences { hide_buy_button_until: String, show_support_badge: bool }
    SwitchPreferences { enabled: bool }
    SidebarPreferences { sidebar_web: bool }
}

/// How clients are set up for the account that is signed in.
#[utoipa::path(get, path = "/users/me/preferences", tag = "users", responses(
    (status = 200, body = Preferences), (status = 401, body = ErrorBody),
))]
async fn preferences(_signed_in: SignedIn) -> Json<Preferences> {
    Json(Preferences {
        albums: AlbumPreferences { default_asset_order: "desc" },
        cast: CastPreferences::default(),
        download: DownloadPreferences { archive_size: 4 << 30, include_embedded_videos: false },
        email_notifications: MailPreferences::default(),
        folders: PartPreferences::default(),
        memories: MemoryPreferences { duration: 5, ..MemoryPreferences::default() },
        people: PeoplePreferences { minimum_faces: 3, ..PeoplePreferences::default() },
        purchase: PurchasePreferences { hide_buy_button_until: iso(i64::MAX), show_support_badge: false },
        ratings: SwitchPreferences { enabled: true },
        recently_added: SidebarPreferences::default(),
        shared_links: PartPreferences::default(),
        tags: PartPreferences::default(),
    })
}

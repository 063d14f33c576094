//! What is said about albums and their photos: comments and hearts in Immich's shapes, and what happened lately.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use heirloom_identity::{AccountId, AssetId, ContentHash, HouseholdId};
use heirloom_spaces::{Album, AlbumEdit, Comment, CommentId, Happening, Reaction};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::access::{resolve_entry, seen_album};
use super::albums::must_write;
use super::dates::iso;
use super::entry_json::HEART;
use super::error::{ApiError, ErrorBody};
use super::extract::{Json, Path, Query, blocking};
use super::households::DONE;
use super::limits::{ACTIVITY_DEFAULT, ACTIVITY_MAX};
use super::names::{AuthorJson, Names, Told, UserJson};
use super::session::SignedIn;
use crate::home::Home;
use crate::sharing::albums;

/// What stands between the parts of an activity's id.
const BETWEEN: char = '~';
/// What stands in the id of a heart for a whole album.
const ALBUM: &str = "album";

pub(super) fn routes() -> OpenApiRouter<Arc<ApiState>> {
    OpenApiRouter::new()
        .routes(routes!(list_activities, add_activity))
        .routes(routes!(count_activities))
        .routes(routes!(remove_activity))
        .routes(routes!(album_activity))
}

/// A comment or a heart, in the shape of Immich's `ActivityResponseDto`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActivityJson {
    /// Names it.
    id: String,
    /// When; of a heart, when it was asked for.
    created_at: String,
    /// `comment` or `like`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// What was said.
    comment: Option<String>,
    /// The photo, as this account knows it; null: the album.
    asset_id: Option<String>,
    /// Who.
    user: UserJson,
}

/// Which comments and hearts.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct ActivitiesQuery {
    /// The album.
    pub album_id: String,
    /// Only those about this photo: an entry's id or content.
    pub asset_id: Option<String>,
    /// `comment` or `like`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// `album`: only those about the album itself.
    pub level: Option<String>,
}

/// Lists comments and hearts of an album, oldest first.
#[utoipa::path(get, path = "/activities", tag = "albums", params(ActivitiesQuery),
    responses((status = 200, body = Vec<ActivityJson>), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn list_activities(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Query(query): Query<ActivitiesQuery>,
) -> Result<Json<Vec<ActivityJson>>, ApiError> {
    blocking(move || {
        let (home, account) = (&state.home, signed_in.account);
        let album = seen_album(home, &account, &query.album_id)?;
        let about = match &query.asset_id {
            Some(id) => match resolve_entry(home, &account, &album, id)? {
                Some(content) => Some(content),
                None => return Ok(Json(Vec::new())),
            },
            None => None,
        };
        let speech = Speech::load(home, account, &album)?;
        let wanted = |entry: &Option<ContentHash>| match (&about, query.level.as_deref()) {
            (Some(about), _) => entry.as_ref() == Some(about),
            (None, Some("album")) => entry.is_none(),
            (None, _) => true,
        };
        let mut said = Vec::new();
        if query.kind.as_deref() != Some("like") {
            let comments = home.albums.all_comments(&album.space)?;
            said.extend(comments.iter().filter(|said| wanted(&said.entry)).map(|said| speech.comment(said)));
        }
        if query.kind.as_deref() != Some("comment") {
            let reactions = home.albums.all_reactions(&album.space)?;
            let hearts = reactions.iter().filter(|given| given.emoji == HEART && wanted(&given.entry));
            said.extend(hearts.map(|given| speech.heart(given)));
        }
        Ok(Json(said))
    })
    .await
}

/// How much is said, in the shape of Immich's `ActivityStatisticsResponseDto`.
#[derive(Serialize, ToSchema)]
pub struct ActivityCounts {
    /// Comments.
    comments: u64,
    /// Hearts.
    likes: u64,
}

/// Counts comments and hearts of an album or of one of its photos.
#[utoipa::path(get, path = "/activities/statistics", tag = "albums", params(ActivitiesQuery),
    responses((status = 200, body = ActivityCounts), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn count_activities(
    state: State<Arc<ApiState>>,
    signed_in: SignedIn,
    query: Query<ActivitiesQuery>,
) -> Result<Json<ActivityCounts>, ApiError> {
    let Json(said) = list_activities(state, signed_in, query).await?;
    let count = |kind| u64::try_from(said.iter().filter(|one| one.kind == kind).count()).unwrap_or(u64::MAX);
    Ok(Json(ActivityCounts { comments: count("comment"), likes: count("like") }))
}

/// Something to say.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewActivity {
    /// In which album.
    pub album_id: String,
    /// About which photo: an entry's id or content; absent: about the album.
    #[serde(default)]
    pub asset_id: Option<String>,
    /// `comment` or `like`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What to say, at most 4,000 characters.
    #[serde(default)]
    pub comment: Option<String>,
}

/// Says something, or gives a heart.
#[utoipa::path(post, path = "/activities", tag = "albums", request_body = NewActivity,
    responses((status = 200, description = "The heart was given before", body = ActivityJson), (status = 201, body = ActivityJson),
        (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody)))]
async fn add_activity(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Json(new): Json<NewActivity>,
) -> Result<(StatusCode, Json<ActivityJson>), ApiError> {
    blocking(move || {
        let (home, account) = (&state.home, signed_in.account);
        let album = seen_album(home, &account, &new.album_id)?;
        must_write(home)?;
        let entry = match &new.asset_id {
            Some(id) => {
                let content = resolve_entry(home, &account, &album, id)?;
                let content = content.ok_or_else(ApiError::not_found)?;
                home.albums.entry(&album.space, &content)?.ok_or_else(ApiError::not_found)?;
                Some(content)
            }
            None => None,
        };
        match (new.kind.as_str(), new.comment) {
            ("comment", Some(text)) => say(home, account, &album, entry, &text),
            ("comment", None) => Err(ApiError::bad_request("comment is missing.")),
            ("like", _) => like(home, account, &album, entry),
            _ => Err(ApiError::bad_request("type is comment or like.")),
        }
    })
    .await
}

fn say(
    home: &Home,
    account: AccountId,
    album: &Album,
    entry: Option<ContentHash>,
    text: &str,
) -> Result<(StatusCode, Json<ActivityJson>), ApiError> {
    let mine = |said: &Comment| {
        said.by == *home.keys.certificate.household() && said.account == account && said.entry == entry
    };
    let before: Vec<CommentId> = home
        .albums
        .all_comments(&album.space)?
        .iter()
        .filter(|said| mine(said))
        .map(|said| said.id)
        .collect();
    albums::edit(
        home,
        &album.space,
        account,
        vec![AlbumEdit::Comment { entry, text: text.trim().to_owned() }],
    )?;
    let said = home.albums.all_comments(&album.space)?;
    let new = said.iter().rfind(|said| mine(said) && !before.contains(&said.id));
    let new = new.ok_or_else(|| ApiError::internal(anyhow::anyhow!("a comment that was made is gone")))?;
    Ok((StatusCode::CREATED, Json(Speech::load(home, account, album)?.comment(new))))
}

fn like(
    home: &Home,
    account: AccountId,
    album: &Album,
    entry: Option<ContentHash>,
) -> Result<(StatusCode, Json<ActivityJson>), ApiError> {
    let by = *home.keys.certificate.household();
    let given = Reaction { entry, by, account, emoji: HEART.to_owned() };
    let before = home.albums.all_reactions(&album.space)?.contains(&given);
    if !before {
        let edit = AlbumEdit::React { entry, emoji: Some(HEART.to_owned()) };
        albums::edit(home, &album.space, account, vec![edit])?;
    }
    let status = if before { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Json(Speech::load(home, account, album)?.heart(&given))))
}

/// Takes a comment or a heart back: one's own, or as an admin of the album a comment of others.
#[utoipa::path(delete, path = "/activities/{id}", tag = "albums", params(("id" = String, Path, description = "The activity")),
    responses((status = 204), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody)))]
async fn remove_activity(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    blocking(move || {
        let (home, account) = (&state.home, signed_in.account);
        let name = ActivityName::parse(&id).ok_or_else(ApiError::not_found)?;
        let album = seen_album(home, &account, &name.album)?;
        must_write(home)?;
        let edit = match name.what {
            Named::Comment(id) => {
                may_delete(home, account, &album, &id)?;
                AlbumEdit::DeleteComment(id)
            }
            Named::Heart { household, account: giver, entry } => {
                if giver != account || household != *home.keys.certificate.household() {
                    return Err(ApiError::forbidden("Only who gave a heart takes it back."));
                }
                AlbumEdit::React { entry, emoji: None }
            }
        };
        albums::edit(home, &album.space, account, vec![edit])?;
        Ok(DONE)
    })
    .await
}

/// People of one home do not delete each other's words, unless their home manages the album.
fn may_delete(home: &Home, account: AccountId, album: &Album, id: &CommentId) -> Result<(), ApiError> {
    let said = home.albums.all_comments(&album.space)?;
    let said = said.iter().find(|said| said.id == *id).ok_or_else(ApiError::not_found)?;
    let own = said.account == account && said.by == *home.keys.certificate.household();
    let manages = album.our_role.is_some_and(|role| role >= heirloom_identity::Role::Admin);
    if own || manages {
        return Ok(());
    }
    Err(ApiError::forbidden("Only who wrote a comment, or who manages the album, takes it back."))
}

/// The id of a comment or a heart, taken apart.
struct ActivityName {
    album: String,
    what: Named,
}

enum Named {
    Comment(CommentId),
    Heart { household: HouseholdId, account: AccountId, entry: Option<ContentHash> },
}

impl ActivityName {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(BETWEEN);
        let (album, first) = (parts.next()?.to_owned(), parts.next()?);
        let what = match (parts.next(), parts.next(), parts.next()) {
            (None, ..) => Named::Comment(first.parse().ok()?),
            (Some(account), Some(about), None) => Named::Heart {
                household: first.parse().ok()?,
                account: account.parse().ok()?,
                entry: if about == ALBUM { None } else { Some(about.parse().ok()?) },
            },
            _ => return None,
        };
        Some(Self { album, what })
    }
}

/// How an album's talk is shown to one account.
struct Speech<'a> {
    names: Names,
    told: Told,
    account: AccountId,
    album: &'a Album,
}

impl<'a> Speech<'a> {
    fn load(home: &Home, account: AccountId, album: &'a Album) -> Result<Self, ApiError> {
        let told = home.albums.names(&album.space)?;
        Ok(Self { names: Names::load(home)?, told, account, album })
    }

    fn asset(&self, entry: Option<&ContentHash>) -> Option<String> {
        entry.map(|content| AssetId::derive(&self.account, content).to_string())
    }

    fn comment(&self, said: &Comment) -> ActivityJson {
        ActivityJson {
            id: format!("{}{BETWEEN}{}", self.album.id, said.id),
            created_at: iso(said.at_ms),
            kind: "comment",
            comment: Some(said.text.clone()),
            asset_id: self.asset(said.entry.as_ref()),
            user: self.names.user(&self.told, &said.by, &said.account),
        }
    }

    fn heart(&self, given: &Reaction) -> ActivityJson {
        let about = given.entry.map_or_else(|| ALBUM.to_owned(), |content| content.to_string());
        let id = [self.album.id.to_string(), given.by.to_string(), given.account.to_string(), about];
        ActivityJson {
            id: id.join(&BETWEEN.to_string()),
            // An album does not say when a heart was given; this is when it last changed.
            created_at: iso(self.album.updated_at_ms),
            kind: "like",
            comment: None,
            asset_id: self.asset(given.entry.as_ref()),
            user: self.names.user(&self.told, &given.by, &given.account),
        }
    }
}

/// One line of what happened in an album.
#[derive(Debug, Serialize, ToSchema)]
pub struct HappeningJson {
    /// When.
    at: String,
    /// Who.
    by: AuthorJson,
    /// `created`, `added`, `removedEntries`, `commented`, `reacted`, `renamed`, `joined`, `removed`, `left`, `owner`.
    what: &'static str,
    /// How many photos.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    count: Option<u64>,
    /// The content of the photo it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, nullable = false)]
    entry: Option<ContentHash>,
    /// The home that it is about, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    text: Option<String>,
}

/// How much of it.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct HappeningsQuery {
    /// How many lines, at most 500.
    pub limit: Option<usize>,
}

/// Lists what happened in an album, newest first.
#[utoipa::path(get, path = "/albums/{id}/activity", tag = "albums",
    params(("id" = String, Path, description = "The album"), HappeningsQuery),
    responses((status = 200, body = Vec<HappeningJson>), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn album_activity(
    State(state): State<Arc<ApiState>>,
    signed_in: SignedIn,
    Path(id): Path<String>,
    Query(query): Query<HappeningsQuery>,
) -> Result<Json<Vec<HappeningJson>>, ApiError> {
    blocking(move || {
        let (home, account) = (&state.home, signed_in.account);
        let album = seen_album(home, &account, &id)?;
        let speech = Speech::load(home, account, &album)?;
        let limit = query.limit.unwrap_or(ACTIVITY_DEFAULT).min(ACTIVITY_MAX);
        let happened = home.albums.activity(&album.space, limit)?;
        let lines = happened.into_iter().map(|line| {
            let (what, count, about) = in_words(line.what);
            HappeningJson {
                at: iso(line.at_ms),
                by: speech.names.author(&speech.told, &line.by, line.account.as_ref()),
                what,
                count,
                entry: line.entry,
                text: about.map(|household| speech.names.home(&household)),
            }
        });
        Ok(Json(lines.collect()))
    })
    .await
}

fn in_words(what: Happening) -> (&'static str, Option<u64>, Option<HouseholdId>) {
    match what {
        Happening::Created => ("created", None, None),
        Happening::Added { count } => ("added", Some(count), None),
        Happening::TookOut { count } => ("removedEntries", Some(count), None),
        Happening::Commented => ("commented", None, None),
        Happening::Reacted => ("reacted", None, None),
        Happening::Renamed => ("renamed", None, None),
        Happening::Joined { household } => ("joined", None, Some(household)),
        Happening::Removed { household } => ("removed", None, Some(household)),
        Happening::Left => ("left", None, None),
        Happening::Transferred { household } => ("owner", None, Some(household)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_activity_is_named_in_one_way() {
        let comment = format!("album{BETWEEN}{}", "0f".repeat(16));
        let name = ActivityName::parse(&comment).unwrap();
        assert!(name.album == "album" && matches!(name.what, Named::Comment(_)));
        let (household, account) = ("ab".repeat(32), "6c1ad5a1-0b0e-8f63-9d1e-0d6c2b9f5a77");
        let heart = |about: &str| format!("album~{household}~{account}~{about}");
        let entry = |about: &str| match ActivityName::parse(&heart(about)).unwrap().what {
            Named::Heart { entry, .. } => entry,
            Named::Comment(_) => panic!("a heart"),
        };
        assert_eq!(entry(ALBUM), None);
        assert_eq!(entry(&"cd".repeat(32)), Some(ContentHash::from_bytes([0xcd; 32])));
        for text in ["", "album", "album~x", "album~x~y", &heart("x"), &format!("{}~z", heart(ALBUM))] {
            assert!(ActivityName::parse(text).is_none(), "{text}");
        }
    }
}

//! An album as Immich's clients read it, and what Immich lacks beside it.

use heirloom_identity::{AccountId, AlbumId, AssetId, HouseholdId, Role, SpaceId};
use heirloom_spaces::{Album, Sort};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::dates::iso;
use super::error::ApiError;
use super::names::{Names, Told, UserJson};
use crate::clock;
use crate::home::Home;
use crate::ledger::albums::Keep;
use crate::sharing::{albums, missing};

/// How an album is arranged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SortJson {
    /// Oldest first.
    Date,
    /// Newest first.
    DateDesc,
    /// By hand.
    Hand,
}

impl From<Sort> for SortJson {
    fn from(sort: Sort) -> Self {
        match sort {
            Sort::Date => Self::Date,
            Sort::DateDescending => Self::DateDesc,
            Sort::Hand => Self::Hand,
        }
    }
}

impl From<SortJson> for Sort {
    fn from(sort: SortJson) -> Self {
        match sort {
            SortJson::Date => Self::Date,
            SortJson::DateDesc => Self::DateDescending,
            SortJson::Hand => Self::Hand,
        }
    }
}

/// Somebody in an album and what they may do, in the shape of Immich's `AlbumUserResponseDto`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AlbumUserJson {
    /// `owner`, `editor` or `viewer`.
    role: &'static str,
    /// Who.
    user: UserJson,
}

/// A home in an album.
#[derive(Debug, Serialize, ToSchema)]
pub struct AlbumHomeJson {
    /// Its id.
    household: String,
    /// Its name as people here see it.
    name: String,
    /// `owner`, `admin`, `contributor` or `viewer`.
    #[schema(value_type = String)]
    role: Role,
    /// The accounts that take part; none: everybody there.
    accounts: Vec<String>,
}

/// Why an album can only be looked at.
#[derive(Debug, Serialize, ToSchema)]
pub struct EndedJson {
    /// The household that ended it.
    by: String,
    /// When, by its clock.
    at: String,
    /// Whether this home left.
    left: bool,
}

/// How much of an album is here.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProgressJson {
    /// Small pictures: here, and in all.
    thumbnails: [u64; 2],
    /// Large pictures.
    previews: [u64; 2],
    /// Originals.
    originals: [u64; 2],
    /// Bytes that this home wants and lacks.
    bytes_missing: u64,
}

/// An album, in the shape of Immich's `AlbumResponseDto`, and what Immich lacks.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlbumJson {
    /// The album.
    #[schema(value_type = String)]
    id: AlbumId,
    /// Its title.
    album_name: String,
    /// What is written under the title.
    description: String,
    /// The photo on its cover, as this account knows it.
    album_thumbnail_asset_id: Option<String>,
    /// Who is in it: the owner first.
    album_users: Vec<AlbumUserJson>,
    /// The owner.
    owner_id: String,
    /// Photos in it.
    asset_count: u64,
    /// When it was made.
    created_at: String,
    /// When something in it last changed here.
    updated_at: String,
    /// The date of the oldest photo.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    start_date: Option<String>,
    /// The date of the newest.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    end_date: Option<String>,
    /// When something in it last changed here.
    last_modified_asset_timestamp: String,
    /// Always false.
    has_shared_link: bool,
    /// Always true.
    is_activity_enabled: bool,
    /// `asc` or `desc`.
    order: &'static str,
    /// Whether anybody else sees it.
    shared: bool,
    /// The album's space, the same in every home.
    #[schema(value_type = String)]
    space: SpaceId,
    /// This home's role; null when it can only be looked at.
    #[schema(value_type = Option<String>)]
    role: Option<Role>,
    /// Why it can only be looked at.
    ended: Option<EndedJson>,
    /// The homes in it.
    homes: Vec<AlbumHomeJson>,
    /// What the originals weigh together.
    bytes: u64,
    /// What this home keeps of other homes' photos.
    keep: Keep,
    /// Whether its photos stand in this account's timeline.
    in_timeline: bool,
    /// How it is arranged, for everybody.
    sort: SortJson,
    /// How much of it is here.
    progress: ProgressJson,
}

impl AlbumJson {
    /// Whether anybody but the account that asks sees it.
    pub fn is_shared(&self) -> bool {
        self.shared
    }
}

/// Describes an album to one account.
///
/// # Errors
/// When something cannot be read.
pub fn album_json(
    home: &Home,
    names: &Names,
    account: &AccountId,
    album: &Album,
) -> Result<AlbumJson, ApiError> {
    let told = home.albums.names(&album.space)?;
    let here = albums::accounts_here(home, album)?;
    let others_here = here.iter().any(|opened| opened != account);
    let users = album_users(names, &told, account, album);
    let updated_at = iso(album.updated_at_ms);
    Ok(AlbumJson {
        id: album.id,
        album_name: album.title.clone(),
        description: album.description.clone(),
        album_thumbnail_asset_id: cover(home, account, album)?.map(|asset| asset.to_string()),
        owner_id: users.first().map(|user| user.user.id.clone()).unwrap_or_default(),
        album_users: users,
        asset_count: album.entries,
        created_at: iso(album.created_at_ms),
        last_modified_asset_timestamp: updated_at.clone(),
        updated_at,
        start_date: album.from_ms.map(iso),
        end_date: album.to_ms.map(iso),
        has_shared_link: false,
        is_activity_enabled: true,
        order: if album.sort == Sort::DateDescending { "desc" } else { "asc" },
        shared: album.membership.members.len() > 1 || others_here,
        space: album.space,
        role: album.our_role,
        ended: album.ended.as_ref().map(|ended| EndedJson {
            by: ended.by.to_string(),
            at: iso(ended.at_ms),
            left: ended.left,
        }),
        homes: homes(names, album, &here),
        bytes: album.bytes,
        keep: home.ledger.keep(&album.space)?,
        in_timeline: home.ledger.album_account(&album.space, account)?.in_timeline,
        sort: album.sort.into(),
        progress: progress_json(home, album)?,
    })
}

fn progress_json(home: &Home, album: &Album) -> Result<ProgressJson, ApiError> {
    let progress = missing::progress(home, album)?;
    let pair = |tally: missing::Tally| [tally.have, tally.of];
    Ok(ProgressJson {
        thumbnails: pair(progress.thumbnails),
        previews: pair(progress.previews),
        originals: pair(progress.originals),
        bytes_missing: progress.bytes_missing,
    })
}

fn homes(names: &Names, album: &Album, here: &[AccountId]) -> Vec<AlbumHomeJson> {
    let members = album.membership.members.iter();
    let mut homes: Vec<AlbumHomeJson> = members
        .map(|(household, member)| {
            let accounts = if *household == names.us { here } else { &member.accounts };
            AlbumHomeJson {
                household: household.to_string(),
                name: names.home(household),
                role: member.role,
                accounts: accounts.iter().map(AccountId::to_string).collect(),
            }
        })
        .collect();
    homes.sort_by(|a, b| b.role.cmp(&a.role).then_with(|| a.household.cmp(&b.household)));
    homes
}

/// The owner first, as Immich's clients need it; then who asks, and the people of other homes.
fn album_users(names: &Names, told: &Told, account: &AccountId, album: &Album) -> Vec<AlbumUserJson> {
    let word = |role: Role| match role {
        Role::Owner => "owner",
        Role::Admin | Role::Contributor => "editor",
        Role::Viewer => "viewer",
    };
    let mut users = Vec::new();
    for (household, member) in &album.membership.members {
        let is_us = *household == names.us;
        let people = told.keys().filter(|(of, _)| of == household).map(|(_, person)| *person);
        let mut accounts: Vec<AccountId> =
            people.filter(|person| is_us.then_some(*account) != Some(*person)).collect();
        if is_us {
            accounts.insert(0, *account);
        }
        if accounts.is_empty() {
            // A home whose people are not known yet still has somebody.
            let stand_in = member.accounts.first().copied();
            accounts.push(stand_in.unwrap_or_else(|| stand_in_for(household)));
        }
        for (place, person) in accounts.iter().enumerate() {
            let role = if place > 0 && member.role == Role::Owner { "editor" } else { word(member.role) };
            users.push(AlbumUserJson { role, user: names.user(told, household, person) });
        }
    }
    users.sort_by_key(|user| user.role != "owner");
    users
}

/// An account id for a home of which no account is known.
fn stand_in_for(household: &HouseholdId) -> AccountId {
    let mut random = [0; 16];
    random.copy_from_slice(&household.as_bytes()[..16]);
    AccountId::from_random(random)
}

/// The asset id of the cover for this account: the one that was chosen, else the first photo.
fn cover(home: &Home, account: &AccountId, album: &Album) -> Result<Option<AssetId>, ApiError> {
    let chosen = match album.cover {
        Some(content) => home.albums.entry(&album.space, &content)?,
        None => None,
    };
    let first = || home.albums.entries(&album.space, 0..1).map(|entries| entries.into_iter().next());
    let entry = match chosen {
        Some(entry) => Some(entry),
        None => first()?,
    };
    let Some(entry) = entry else { return Ok(None) };
    let content = entry.facts.content;
    if home.ledger.by_content(account, &content)?.is_some() {
        return Ok(Some(AssetId::derive(account, &content)));
    }
    // So that the picture can be asked for by this id alone.
    let numbered = home.ledger.shared_photos(*account, vec![content], clock::now_ms())?;
    Ok(numbered.first().map(|photo| photo.asset))
}

/// The albums that an account sees, the one that changed last first.
///
/// # Errors
/// When something cannot be read.
pub fn seen_albums(home: &Home, account: &AccountId) -> Result<Vec<Album>, ApiError> {
    let mut seen = Vec::new();
    for album in home.albums.list()? {
        if albums::sees(home, account, &album)? {
            seen.push(album);
        }
    }
    seen.sort_by_key(|album| std::cmp::Reverse(album.updated_at_ms));
    Ok(seen)
}

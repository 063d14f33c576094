//! Albums as the people of this household see them: who sees which, and what they may ask for.
//!
//! The household is the member; which of its accounts take part is its own affair. An account sees an album that it
//! made, one that the household was invited to for it (or for everybody), and one that was opened to it at home. What
//! the household joined for everybody may be opened to some accounts instead. Of an album that the household is no
//! longer in, an account sees what it saw before, which `remember` writes down while that is known.

use std::time::Duration;

use heirloom_identity::{AccountId, AlbumId, HouseholdId, Role, SpaceId};
use heirloom_spaces::{Album, AlbumEdit, AlbumError};
use heirloom_store::StoreError;

use super::add::own_name;
use super::timeline;
use crate::clock;
use crate::home::Home;
use crate::home::events::Event;
use crate::ledger::albums::AlbumAccount;
use crate::ledger::peers::PeerState;

/// How long a home that is removed is given to hear that it was taken out of albums.
pub const LAST_WORDS: Duration = Duration::from_secs(2);

/// Why something could not be done with an album.
#[derive(Debug, thiserror::Error)]
pub enum ShareError {
    /// There is no such album here, or the account does not see it; both look the same.
    #[error("there is no such album")]
    NoSuchAlbum,
    /// The other home is not paired with this one.
    #[error("that home is not connected with this one; connect them first, on the Family page")]
    NotPaired,
    /// The other home has not said yet how to seal secrets for it.
    #[error("that home has not introduced itself yet; wait until it was on once")]
    NotMet,
    /// The household owns the album, and others are in it.
    #[error(
        "this home owns the album and others are in it; hand it to another home first, or remove the others"
    )]
    OthersLeft,
    /// The album was shared with an account here by name.
    #[error("the home that invited this one named the people here; only it can leave one of them out")]
    Named,
    /// The album refused it.
    #[error(transparent)]
    Album(#[from] AlbumError),
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes an album that only `account` sees at first. Durable when it returns.
///
/// # Errors
/// See [`ShareError`].
pub fn create_album(home: &Home, account: AccountId, title: &str) -> Result<SpaceId, ShareError> {
    let space = home.albums.create(account, title, clock::now_ms())?;
    home.ledger.set_album_account(space, account, AlbumAccount { made: true, ..AlbumAccount::default() })?;
    let name = own_name(home, &space, account);
    if !name.is_empty() {
        home.albums.edit(&space, account, &name, clock::now_ms())?;
    }
    home.events.tell(Event::Albums);
    Ok(space)
}

/// An album with this id.
///
/// # Errors
/// [`ShareError::NoSuchAlbum`], or when it cannot be read.
pub fn album_of(home: &Home, id: &AlbumId) -> Result<Album, ShareError> {
    let space = home.albums.by_id(id)?.ok_or(ShareError::NoSuchAlbum)?;
    home.albums.album(&space)?.ok_or(ShareError::NoSuchAlbum)
}

/// Whether an account of this household sees an album.
///
/// # Errors
/// When the ledger cannot be read.
pub fn sees(home: &Home, account: &AccountId, album: &Album) -> Result<bool, StoreError> {
    let stands = home.ledger.album_account(&album.space, account)?;
    if stands.made || stands.opened {
        return Ok(true);
    }
    if album.our_role.is_none() {
        return Ok(stands.invited);
    }
    if is_made_here(home, album) {
        // A crash right after an album began leaves nobody named as its maker.
        let is_nobodys = home.ledger.album_opened_to(&album.space)?.is_empty();
        return Ok(is_nobodys && home.ledger.account(account)?.is_some_and(|known| known.admin));
    }
    if album.our_accounts.is_empty() {
        return Ok(home.ledger.album_opened_to(&album.space)?.is_empty());
    }
    Ok(album.our_accounts.contains(account))
}

/// Whether somebody of this household made the album, so that nobody else here sees it unasked.
fn is_made_here(home: &Home, album: &Album) -> bool {
    let us = home.keys.certificate.household();
    album.membership.members.get(us).is_some_and(|member| member.added_by == *us)
}

/// Whether an account sees an album only because it was opened to it at home.
fn is_only_opened(home: &Home, account: &AccountId, album: &Album) -> Result<bool, StoreError> {
    let stands = home.ledger.album_account(&album.space, account)?;
    let is_invited = match album.our_role {
        None => stands.invited,
        Some(_) if is_made_here(home, album) => false,
        Some(_) => album.our_accounts.is_empty() || album.our_accounts.contains(account),
    };
    Ok(stands.opened && !stands.made && !is_invited)
}

/// The accounts of this household that take part in an album, as members see it; none: everybody.
///
/// # Errors
/// When the ledger cannot be read.
pub fn accounts_here(home: &Home, album: &Album) -> Result<Vec<AccountId>, StoreError> {
    let mut accounts = home.ledger.album_opened_to(&album.space)?;
    if album.our_role.is_some() && !is_made_here(home, album) {
        accounts.extend(&album.our_accounts);
        accounts.sort_unstable();
        accounts.dedup();
    }
    Ok(accounts)
}

/// Writes down who sees an album that this household joined, so that nobody else does when the household is removed:
/// what a home that is no member was invited for, the album does not say.
///
/// # Errors
/// When it could not be saved.
pub(super) fn remember(home: &Home, album: &Album) -> Result<(), StoreError> {
    if album.our_role.is_none() || is_made_here(home, album) {
        return Ok(());
    }
    let opened = home.ledger.album_opened_to(&album.space)?;
    for account in home.ledger.accounts()? {
        let stands = home.ledger.album_account(&album.space, &account.id)?;
        let invited = if album.our_accounts.is_empty() {
            opened.is_empty() || stands.opened
        } else {
            album.our_accounts.contains(&account.id)
        };
        if stands.invited != invited {
            home.ledger.set_album_account(album.space, account.id, AlbumAccount { invited, ..stands })?;
        }
    }
    Ok(())
}

/// The accounts of this household that see an album.
///
/// # Errors
/// When the ledger cannot be read.
pub fn seen_by(home: &Home, album: &Album) -> Result<Vec<AccountId>, StoreError> {
    let mut all = Vec::new();
    for account in home.ledger.accounts()? {
        if sees(home, &account.id, album)? {
            all.push(account.id);
        }
    }
    Ok(all)
}

/// Opens an album at home to exactly these accounts, and to `by`, who asks for it. Who made it sees it anyway, and so
/// does who was named when the household was invited. One that was joined for everybody is everybody's again when all
/// are named, or none.
///
/// # Errors
/// [`ShareError::Named`], or when it could not be saved.
pub fn open_at_home(
    home: &Home,
    album: &Album,
    by: AccountId,
    accounts: &[AccountId],
) -> Result<(), ShareError> {
    let is_open_to = |account: &AccountId| *account == by || accounts.contains(account);
    let all = home.ledger.accounts()?;
    let is_joined = album.our_role.is_some() && !is_made_here(home, album);
    if is_joined && !album.our_accounts.iter().all(is_open_to) {
        return Err(ShareError::Named);
    }
    let is_everybodys = is_joined
        && album.our_accounts.is_empty()
        && (accounts.is_empty() || all.iter().all(|account| is_open_to(&account.id)));
    for account in all {
        let stands = home.ledger.album_account(&album.space, &account.id)?;
        let opened = !is_everybodys && is_open_to(&account.id);
        if stands.opened != opened {
            home.ledger.set_album_account(album.space, account.id, AlbumAccount { opened, ..stands })?;
        }
    }
    remember(home, album)?;
    timeline::note_all(home)?;
    home.sharing.wake();
    home.events.tell(Event::Albums);
    Ok(())
}

/// Invites a home to an album, or gives a member another role or other accounts.
///
/// # Errors
/// See [`ShareError`].
pub fn share(
    home: &Home,
    space: &SpaceId,
    household: HouseholdId,
    role: Role,
    accounts: Vec<AccountId>,
) -> Result<(), ShareError> {
    let album = home.albums.album(space)?.ok_or(ShareError::NoSuchAlbum)?;
    let now_ms = clock::now_ms();
    match album.membership.members.get(&household) {
        Some(member) if member.role == role && member.accounts == accounts => {}
        Some(_) => home.albums.set_role(space, household, role, accounts, now_ms)?,
        None => {
            let peer = home.ledger.peer(&household)?.filter(|peer| peer.state == PeerState::Paired);
            let peer = peer.ok_or(ShareError::NotPaired)?;
            let receive = *peer.card.as_ref().ok_or(ShareError::NotMet)?.receive();
            home.albums.invite(space, household, receive, role, accounts, now_ms)?;
        }
    }
    Ok(())
}

/// Removes a home from an album.
///
/// # Errors
/// See [`ShareError`].
pub fn unshare(home: &Home, space: &SpaceId, household: HouseholdId) -> Result<(), ShareError> {
    if household == *home.keys.certificate.household() {
        return leave(home, space);
    }
    Ok(home.albums.remove(space, household, clock::now_ms())?)
}

/// Removes a home from every album where this home may do that; the others stay as they are. Says whether there was one.
///
/// # Errors
/// When an album could not be changed.
pub fn unshare_everywhere(home: &Home, household: HouseholdId) -> Result<bool, ShareError> {
    let mut was_in_one = false;
    for space in home.albums.spaces_with(&household)? {
        match unshare(home, &space, household) {
            Ok(()) => was_in_one = true,
            Err(ShareError::Album(AlbumError::Refused(_) | AlbumError::Role { .. } | AlbumError::Ended)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(was_in_one)
}

/// Leaves an album. What is here of it stays, and is no longer changed.
///
/// # Errors
/// See [`ShareError`]: an owner cannot leave others behind.
pub fn leave(home: &Home, space: &SpaceId) -> Result<(), ShareError> {
    Ok(home.albums.leave(space, clock::now_ms())?)
}

/// Takes an album away from this household: leaves it, or forgets it if it ended or nobody else is in it. For an account
/// that it was opened to, it only closes again. Originals stay where they are.
///
/// # Errors
/// See [`ShareError`]: an owner hands an album on, or removes the others, before leaving it.
pub fn end(home: &Home, account: AccountId, album: &Album) -> Result<(), ShareError> {
    let alone = album.membership.members.len() == 1;
    match album.our_role {
        _ if is_only_opened(home, &account, album)? => {
            home.ledger.set_album_account(album.space, account, AlbumAccount::default())?;
        }
        Some(Role::Owner) if !alone => return Err(ShareError::OthersLeft),
        Some(_) if !alone => leave(home, &album.space)?,
        _ => {
            home.albums.forget(&album.space, clock::now_ms())?;
            // Should the household be invited again, that begins anew.
            for account in home.ledger.accounts()? {
                home.ledger.set_album_account(album.space, account.id, AlbumAccount::default())?;
            }
        }
    }
    timeline::note_all(home)?;
    home.sharing.wake();
    home.events.tell(Event::Albums);
    Ok(())
}

/// Changes an album in the name of an account; its members hear what the account is called.
///
/// # Errors
/// See [`ShareError`].
pub fn edit(
    home: &Home,
    space: &SpaceId,
    account: AccountId,
    mut edits: Vec<AlbumEdit>,
) -> Result<(), ShareError> {
    if edits.is_empty() {
        return Ok(());
    }
    edits.extend(own_name(home, space, account));
    Ok(home.albums.edit(space, account, &edits, clock::now_ms())?)
}

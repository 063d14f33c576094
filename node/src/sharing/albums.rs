//! Albums as the people of this household see them: who sees which, and what they may ask for.
//!
//! The household is the member; which of its accounts take part is its own affair. An account sees an album that it
//! made, one that the household was invited to for it (or for everybody), and one that was opened to it at home.

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

/// Why something could not be done with an album.
#[derive(Debug, thiserror::Error)]
pub enum ShareError {
    /// There is no such album here, or the account does not see it; both look the same.
    #[error("there is no such album")]
    NoSuchAlbum,
    /// The other home is not paired with this one.
    #[error("that home is not paired with this one; pair them first")]
    NotPaired,
    /// The other home has not said yet how to seal secrets for it.
    #[error("that home has not introduced itself yet; wait until it was on once")]
    NotMet,
    /// The household owns the album, and others are in it.
    #[error(
        "this home owns the album and others are in it; hand it to another home first, or remove the others"
    )]
    OthersLeft,
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
    if is_made_here(home, album)? {
        return Ok(false);
    }
    Ok(album.our_accounts.is_empty() || album.our_accounts.contains(account))
}

/// Whether somebody of this household made the album, so that nobody else here sees it unasked. Of one that this
/// household is no longer in, those see it who saw it before.
fn is_made_here(home: &Home, album: &Album) -> Result<bool, StoreError> {
    let us = home.keys.certificate.household();
    match album.membership.members.get(us) {
        Some(member) => Ok(member.added_by == *us),
        None => Ok(album.our_accounts.is_empty() && !home.ledger.album_opened_to(&album.space)?.is_empty()),
    }
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

/// Opens an album at home to exactly these accounts, and to `by`, who asks for it. Who made it sees it anyway.
///
/// # Errors
/// When it could not be saved.
pub fn open_at_home(
    home: &Home,
    space: &SpaceId,
    by: AccountId,
    accounts: &[AccountId],
) -> Result<(), StoreError> {
    for account in home.ledger.accounts()? {
        let stands = home.ledger.album_account(space, &account.id)?;
        let opened = account.id == by || accounts.contains(&account.id);
        if stands.opened != opened {
            home.ledger.set_album_account(*space, account.id, AlbumAccount { opened, ..stands })?;
        }
    }
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
    let stands = home.ledger.album_account(&album.space, &account)?;
    match album.our_role {
        _ if stands.opened && is_made_here(home, album)? => {
            home.ledger.set_album_account(album.space, account, AlbumAccount::default())?;
        }
        Some(Role::Owner) if !alone => return Err(ShareError::OthersLeft),
        Some(_) if !alone => leave(home, &album.space)?,
        _ => home.albums.forget(&album.space, clock::now_ms())?,
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

//! Albums of a newer state: what was said and done in them there is merged into those here, as between two homes.
//!
//! Both are replicas of the same albums, so the ordinary sync brings them together, inside this process and one album at a
//! time: whatever this home took out of an album stays out, whatever was put in there comes in. An album that is not here
//! comes only if it began after the state from which this home comes: one that was here before was put away on purpose.

use std::collections::VecDeque;

use anyhow::bail;
use heirloom_identity::SpaceId;
use heirloom_spaces::{Albums, SyncMessage, SyncSession};

use super::accounts::Owners;
use crate::clock;
use crate::home::Home;
use crate::ledger::Ledger;
use crate::ledger::albums::AlbumAccount;

/// Messages that one album may take in both directions.
const MESSAGES_MAX: usize = 100_000;

/// Merges every album of a newer state that may be merged. One that cannot be is left as it is, and said.
///
/// # Errors
/// When a database fails.
pub(super) fn merge(
    home: &Home,
    there: &Ledger,
    albums: &Albums,
    owners: &Owners,
    base_ms: i64,
) -> anyhow::Result<()> {
    for album in albums.list()?.into_iter().filter(|album| album.our_role.is_some()) {
        let is_new = home.albums.album(&album.space)?.is_none();
        if is_new && album.created_at_ms <= base_ms {
            continue;
        }
        if is_new {
            // First, so that nobody else sees it for a moment, or for ever after a kill.
            open_as_there(home, there, owners, &album.space)?;
        }
        if let Err(error) = merge_one(home, albums, &album.space) {
            tracing::warn!(space = %album.space, "an album of a newer state cannot be merged: {error:#}");
        }
    }
    home.sharing.wake();
    Ok(())
}

/// Lets two replicas of one album talk until both are silent.
fn merge_one(home: &Home, albums: &Albums, space: &SpaceId) -> anyhow::Result<()> {
    let household = *home.keys.certificate.household();
    let (mut here, mut there) = (home.albums.session(household), albums.session(household));
    let mut to_here: VecDeque<SyncMessage> = there.push(space)?.into();
    let mut to_there = VecDeque::new();
    for _ in 0..MESSAGES_MAX {
        if !deliver(&mut to_here, &mut here, &mut to_there)?
            && !deliver(&mut to_there, &mut there, &mut to_here)?
        {
            return Ok(());
        }
    }
    bail!("it takes too many messages")
}

/// Hands the next message over; `false` when there is none.
fn deliver(
    inbox: &mut VecDeque<SyncMessage>,
    session: &mut SyncSession,
    answers: &mut VecDeque<SyncMessage>,
) -> anyhow::Result<bool> {
    let Some(message) = inbox.pop_front() else { return Ok(false) };
    answers.extend(session.receive(message, clock::now_ms())?);
    for problem in session.problems() {
        tracing::debug!(%problem, "something of an album was refused");
    }
    Ok(true)
}

/// Opens an album that came to the accounts to which it was open there.
fn open_as_there(home: &Home, there: &Ledger, owners: &Owners, space: &SpaceId) -> anyhow::Result<()> {
    for (theirs, ours) in owners {
        let stands = there.album_account(space, theirs)?;
        if stands != AlbumAccount::default() {
            home.ledger.set_album_account(*space, *ours, stands)?;
        }
    }
    Ok(())
}

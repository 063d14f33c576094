//! What people decided in a newer state about photos: taken where nobody here decided anything.

use std::collections::BTreeMap;

use heirloom_identity::AccountId;
use heirloom_spaces::{Edit, Library, MarkChange, Marks};

use super::accounts::Owners;
use crate::home::Home;
use crate::index::{added_month, fill_in};
use crate::ledger::Ledger;
use crate::ledger::assets::Entry;

/// Decisions that are written in one go.
const EDITS_MAX: usize = 2_000;

/// Decisions that are gathered, by whose they are.
type Gathered = BTreeMap<AccountId, Vec<Edit>>;

/// Takes favourites, captions, ratings, corrected dates and places, and what was put away, of all photos that are here, as
/// far as nobody here decided. With `after` only of photos that came after the one of that number, and puts none of them
/// away; whether there was something about others that nobody here decided.
///
/// # Errors
/// When a database fails.
pub(super) fn take(
    home: &Home,
    there: &Ledger,
    library: &Library,
    owners: &Owners,
    after: Option<u32>,
) -> anyhow::Result<bool> {
    let (mut gathered, mut count, mut is_withheld, mut failed) = (Gathered::new(), 0, false, None);
    library.for_each(|asset, marks| {
        if failed.is_some() {
            return;
        }
        let taken = (|| -> anyhow::Result<()> {
            let Some(entry) = there.entry(&asset)? else { return Ok(()) };
            let Some(account) = owners.get(&entry.account) else { return Ok(()) };
            let Some(here) = home.ledger.by_content(account, &entry.file.hashes.content)? else {
                return Ok(());
            };
            if after.is_some_and(|after| here.seq <= after) {
                is_withheld = is_withheld || says_more(home, &here, marks)?;
                return Ok(());
            }
            let edits = edits_of(marks, after.is_none());
            let edits = edits.map(|change| Edit { asset: here.asset, added: added_month(&here), change });
            let gathered_of = gathered.entry(*account).or_default();
            let before = gathered_of.len();
            gathered_of.extend(edits);
            count += gathered_of.len() - before;
            if count >= EDITS_MAX {
                write(home, &mut gathered)?;
                count = 0;
            }
            Ok(())
        })();
        failed = taken.err();
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    write(home, &mut gathered)?;
    Ok(is_withheld)
}

/// Whether marks say something about which nothing is said here.
fn says_more(home: &Home, here: &Entry, there: &Marks) -> anyhow::Result<bool> {
    let ours = home.library.marks(&here.asset, added_month(here))?;
    Ok(there.favourite && !ours.favourite
        || there.archived && !ours.archived
        || there.caption.is_some() && ours.caption.is_none()
        || there.rating.is_some() && ours.rating.is_none()
        || there.taken.is_some() && ours.taken.is_none()
        || there.place.is_some() && ours.place.is_none())
}

fn write(home: &Home, gathered: &mut Gathered) -> anyhow::Result<()> {
    for (account, edits) in std::mem::take(gathered) {
        fill_in(home, account, &edits)?;
    }
    Ok(())
}

/// The decisions that these marks are made of.
fn edits_of(marks: &Marks, may_hide: bool) -> impl Iterator<Item = MarkChange> {
    [
        marks.favourite.then_some(MarkChange::Favourite(true)),
        (marks.archived && may_hide).then_some(MarkChange::Archived(true)),
        marks.caption.clone().map(|caption| MarkChange::Caption(Some(caption))),
        marks.rating.map(|rating| MarkChange::Rating(Some(rating))),
        marks.taken.map(|taken| MarkChange::Taken(Some(taken))),
        marks.place.map(|place| MarkChange::Place(Some(place))),
    ]
    .into_iter()
    .flatten()
}

//! What people decided in a newer state about photos: taken where nobody here decided anything.

use std::collections::BTreeMap;

use heirloom_identity::AccountId;
use heirloom_spaces::{Edit, Library, MarkChange, Marks};

use super::accounts::Owners;
use crate::home::Home;
use crate::index::{added_month, fill_in};
use crate::ledger::Ledger;

/// Decisions that are written in one go.
const EDITS_MAX: usize = 2_000;

/// Decisions that are gathered, by whose they are.
type Gathered = BTreeMap<AccountId, Vec<Edit>>;

/// Takes favourites, captions, ratings, corrected dates and places, and what was put away, of all photos that are here, as
/// far as nobody here decided. How many photos look different now.
///
/// Photos are put away only if `may_hide`: nobody's photos leave the timeline without a person's word.
///
/// # Errors
/// When a database fails.
pub(super) fn take(
    home: &Home,
    there: &Ledger,
    library: &Library,
    owners: &Owners,
    may_hide: bool,
) -> anyhow::Result<usize> {
    let (mut gathered, mut count, mut changed) = (Gathered::new(), 0, 0);
    let mut failed = None;
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
            let edits = edits_of(marks, may_hide).map(|change| Edit {
                asset: here.asset,
                added: added_month(&here),
                change,
            });
            let gathered_of = gathered.entry(*account).or_default();
            let before = gathered_of.len();
            gathered_of.extend(edits);
            count += gathered_of.len() - before;
            if count >= EDITS_MAX {
                changed += write(home, &mut gathered)?;
                count = 0;
            }
            Ok(())
        })();
        failed = taken.err();
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    Ok(changed + write(home, &mut gathered)?)
}

fn write(home: &Home, gathered: &mut Gathered) -> anyhow::Result<usize> {
    let mut changed = 0;
    for (account, edits) in std::mem::take(gathered) {
        changed += fill_in(home, account, &edits)?;
    }
    Ok(changed)
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

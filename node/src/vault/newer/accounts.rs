//! Whose the photos of a newer state are here.

use std::collections::HashMap;

use heirloom_identity::AccountId;

use crate::home::Home;
use crate::ledger::Ledger;
use crate::ledger::accounts::{Account, AddAccountError, NewAccount};

/// Accounts of a newer state that are taken in.
const ACCOUNTS_MAX: usize = 1_000;

/// The account here for each account there.
pub(super) type Owners = HashMap<AccountId, AccountId>;

/// Finds the accounts of another ledger here. Those that are not here are added if a person said that the state is theirs;
/// one that was made there may then sign in here, too, but manages nobody until somebody here lets it. Without that word
/// the photos of such accounts stay where they are: whoever had the keys of the other computer may have made them.
///
/// # Errors
/// When a ledger cannot be read or written.
pub(super) fn owners(home: &Home, there: &Ledger, may_add: bool) -> anyhow::Result<Owners> {
    let mut owners = Owners::new();
    for account in there.accounts()?.into_iter().take(ACCOUNTS_MAX) {
        let (id, known) = (account.id, known(home, &account)?);
        let owner = match known {
            None if may_add => add(home, there, account)?,
            known => known,
        };
        owners.extend(owner.map(|owner| (id, owner)));
    }
    Ok(owners)
}

fn known(home: &Home, account: &Account) -> anyhow::Result<Option<AccountId>> {
    let same = home.ledger.account(&account.id)?;
    let known = same.map_or_else(|| home.ledger.account_by_email(&account.email), |same| Ok(Some(same)))?;
    Ok(known.map(|known| known.id))
}

/// Adds an account; none when it makes no sense.
fn add(home: &Home, there: &Ledger, account: Account) -> anyhow::Result<Option<AccountId>> {
    let Some((_, password)) = there.password_of(&account.email)? else {
        tracing::warn!(name = account.name, "an account of a newer state has no password and is left out");
        return Ok(None);
    };
    let Account { id, email, name, created_ms, .. } = account;
    let new = NewAccount { id, email, name, password, admin: false, created_ms };
    match home.ledger.add_account(new) {
        Ok(added) => Ok(Some(added.id)),
        Err(AddAccountError::EmailTaken(email)) => {
            tracing::warn!(email, "an account of a newer state is left out: its email has one here");
            Ok(None)
        }
        Err(AddAccountError::Store(error)) => Err(error.into()),
    }
}

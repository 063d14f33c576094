//! Whose the photos of a newer state are here.

use std::collections::HashMap;

use anyhow::Context;
use heirloom_identity::AccountId;

use crate::home::Home;
use crate::ledger::Ledger;
use crate::ledger::accounts::{Account, NewAccount};

/// Accounts of a newer state that are taken in.
const ACCOUNTS_MAX: usize = 1_000;

/// The account here for each account there.
pub(super) type Owners = HashMap<AccountId, AccountId>;

/// Finds the accounts of another ledger here, or adds them. One that was made there may sign in here, too, but manages
/// nobody until somebody here lets it: whoever had the keys of the other computer may have made it.
///
/// # Errors
/// When a ledger cannot be read or written.
pub(super) fn owners(home: &Home, there: &Ledger) -> anyhow::Result<Owners> {
    let mut owners = Owners::new();
    for account in there.accounts()?.into_iter().take(ACCOUNTS_MAX) {
        owners.insert(account.id, owner(home, there, account)?);
    }
    Ok(owners)
}

fn owner(home: &Home, there: &Ledger, account: Account) -> anyhow::Result<AccountId> {
    if home.ledger.account(&account.id)?.is_some() {
        return Ok(account.id);
    }
    if let Some(known) = home.ledger.account_by_email(&account.email)? {
        return Ok(known.id);
    }
    let password =
        there.password_of(&account.email)?.context("an account of the newer state has no password")?.1;
    let Account { id, email, name, created_ms, .. } = account;
    let new = NewAccount { id, email, name, password, admin: false, created_ms };
    let added = home.ledger.add_account(new).context("cannot add an account of the newer state")?;
    Ok(added.id)
}

//! Doing what was asked.

use std::sync::Arc;

use anyhow::{Context, anyhow};
use heirloom_catalog::JobCounts;
use heirloom_identity::AccountId;
use serde_json::{Value, json};

use super::{Command, Say, albums, path_of, peers, vault};
use crate::care::{doctor, export, rebuild};
use crate::home::{Home, create};
use crate::ingest::import;
use crate::ledger::accounts::{Account, NewAccount};
use crate::ledger::sessions::AccessKey;
use crate::{clock, password, random, status, workers};

/// Photos between two progress lines.
const PROGRESS_EVERY: u64 = 100;

/// Does what was asked and says it line by line.
///
/// # Errors
/// What failed, why, and what to do.
pub fn execute(home: &Arc<Home>, command: &Command, say: &mut Say<'_>) -> anyhow::Result<()> {
    match command {
        Command::Status => {
            say(serde_json::to_value(status::status(home)?)?);
            Ok(())
        }
        Command::Import { account, paths, wait } => do_import(home, account.as_deref(), paths, *wait, say),
        Command::AccountAdd { email, name, password, admin } => {
            add_account(home, email, name.as_deref(), password, *admin, say)
        }
        Command::AccountList => list_accounts(home, say),
        Command::AccountResetPassword { email, password } => reset_password(home, email, password),
        Command::AccountApiKey { email, name } => make_key(home, email, name, say),
        Command::Doctor { verify } => do_doctor(home, *verify, say),
        Command::Rebuild => do_rebuild(home, say),
        Command::PhraseVerify { phrase } => verify_phrase(home, phrase, say),
        Command::Export { to } => do_export(home, to, say),
        Command::Peer(command) => peers::execute(home, command, say),
        Command::Album(command) => albums::execute(home, command, say),
        Command::Vault(command) => vault::execute(home, command, say),
    }
}

/// The account with this email, or the first one.
pub(super) fn chosen_account(home: &Home, email: Option<&str>) -> anyhow::Result<AccountId> {
    match email {
        Some(email) => Ok(find_account(home, email)?.id),
        None => first_account(home),
    }
}

fn do_import(
    home: &Arc<Home>,
    email: Option<&str>,
    paths: &[Vec<u8>],
    wait: bool,
    say: &mut Say<'_>,
) -> anyhow::Result<()> {
    home.must_be_current()?;
    let account = chosen_account(home, email)?;
    let paths: Vec<_> = paths.iter().map(|path| path_of(path)).collect();
    let summary =
        import::import(home, account, &paths, &mut |file| serde_json::to_value(file).is_ok_and(&mut *say));
    // What ended the import early (a full disk, most often) keeps thumbnails from being made too.
    if wait && summary.stopped.is_none() {
        wait_for_jobs(home, say)?;
    }
    say(serde_json::to_value(&summary)?);
    match summary.stopped {
        Some(reason) => Err(anyhow!("the import ended early: {reason}")),
        None => Ok(()),
    }
}

/// Says how many photos still wait for their thumbnail, until none does.
fn wait_for_jobs(home: &Arc<Home>, say: &mut Say<'_>) -> anyhow::Result<()> {
    let mut total = 0;
    workers::wait_until_idle(home, &mut |counts: JobCounts| {
        let open = counts.waiting + counts.running;
        total = total.max(open);
        say(json!({"stage": "thumbnails", "done": total - open, "total": total}))
    })
}

fn first_account(home: &Home) -> anyhow::Result<AccountId> {
    let accounts = home.ledger.accounts()?;
    let first = accounts.first().context("this home has no account; add one with `heirloom account add`")?;
    Ok(first.id)
}

fn verify_phrase(home: &Home, phrase: &str, say: &mut Say<'_>) -> anyhow::Result<()> {
    let checked = crate::home::phrase::check(home, phrase, clock::now_ms())?;
    say(json!({ "right": true, "vault_enabled": checked.enabled_vault }));
    Ok(())
}

fn find_account(home: &Home, email: &str) -> anyhow::Result<Account> {
    let advice = || format!("nobody here has the email {email}; `heirloom account list` shows who has");
    home.ledger.account_by_email(email)?.with_context(advice)
}

fn add_account(
    home: &Home,
    email: &str,
    name: Option<&str>,
    clear: &str,
    admin: bool,
    say: &mut Say<'_>,
) -> anyhow::Result<()> {
    password::check_strength(clear)?;
    let account = home.ledger.add_account(NewAccount {
        id: AccountId::from_random(random::bytes()?),
        email: email.trim().to_owned(),
        name: name.map_or_else(|| create::display_name(email), str::to_owned),
        password: password::hash(clear)?,
        admin,
        created_ms: clock::now_ms(),
    })?;
    if let Some(network) = home.network() {
        network.names_changed();
    }
    say(describe(&account));
    Ok(())
}

fn list_accounts(home: &Home, say: &mut Say<'_>) -> anyhow::Result<()> {
    for account in home.ledger.accounts()? {
        say(describe(&account));
    }
    Ok(())
}

fn describe(account: &Account) -> Value {
    json!({
        "account": account.id, "email": account.email, "name": account.name,
        "admin": account.admin, "folder": account.slug,
    })
}

fn reset_password(home: &Home, email: &str, clear: &str) -> anyhow::Result<()> {
    password::check_strength(clear)?;
    let account = find_account(home, email)?;
    Ok(home.ledger.set_password(account.id, password::hash(clear)?)?)
}

fn make_key(home: &Home, email: &str, name: &str, say: &mut Say<'_>) -> anyhow::Result<()> {
    let account = find_account(home, email)?;
    let secret = random::token()?;
    let key = AccessKey { account: account.id, name: name.to_owned(), created_ms: clock::now_ms() };
    home.ledger.add_key(&secret, key)?;
    say(json!({"account": account.id, "name": name, "api_key": secret.as_str()}));
    Ok(())
}

fn do_doctor(home: &Arc<Home>, verify: bool, say: &mut Say<'_>) -> anyhow::Result<()> {
    let (total, _) = home.ledger.totals()?;
    let findings = doctor::examine(home, verify, &mut |checked| {
        !checked.is_multiple_of(PROGRESS_EVERY)
            || say(json!({"stage": "checking", "done": checked, "total": total}))
    })?;
    say(serde_json::to_value(findings)?);
    Ok(())
}

fn do_rebuild(home: &Arc<Home>, say: &mut Say<'_>) -> anyhow::Result<()> {
    rebuild::rebuild(home)?;
    wait_for_jobs(home, say)?;
    let counts = home.catalog().counts()?;
    let (assets, _) = home.ledger.totals()?;
    say(json!({"done": true, "assets": assets, "failed": counts.failed}));
    Ok(())
}

fn do_export(home: &Arc<Home>, to: &[u8], say: &mut Say<'_>) -> anyhow::Result<()> {
    let summary =
        export::export(home, &path_of(to), &mut |file| serde_json::to_value(file).is_ok_and(&mut *say))?;
    say(serde_json::to_value(&summary)?);
    match summary.failed {
        0 => Ok(()),
        failed => Err(anyhow!("{failed} originals could not be exported; `heirloom doctor` says more")),
    }
}

//! Making a home: folders, keys, the first account, and the recovery phrase that is shown once.

use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use anyhow::{Context, bail};
use heirloom_identity::{AccountId, HouseholdId, NodeId, Phrase, Root};
use zeroize::Zeroizing;

use super::SETTING_NAME;
use super::config::Config;
use super::keys::KeyFile;
use super::layout::Layout;
use super::library;
use crate::ledger::Ledger;
use crate::ledger::accounts::NewAccount;
use crate::{password, random};

/// What a new household is asked for.
pub struct Founding<'a> {
    /// The household's name, as people see it.
    pub name: &'a str,
    /// The first account's email; it may manage accounts.
    pub email: &'a str,
    /// The first account's password.
    pub password: &'a str,
    /// Locks the node's key file; none leaves it readable to whoever can read the folder.
    pub passphrase: Option<&'a str>,
    /// Milliseconds since the Unix epoch, UTC.
    pub now_ms: i64,
}

/// What came of it.
pub struct Founded {
    /// The new household.
    pub household: HouseholdId,
    /// This machine.
    pub node: NodeId,
    /// The first account.
    pub account: AccountId,
    /// The 24 words; kept nowhere on this machine.
    pub phrase: Phrase,
}

/// Makes a home at `root`. An attempt that was interrupted may be made again.
///
/// # Errors
/// When a home is already there, the password is too weak, or the folder cannot be written.
pub fn create(root: &Path, founding: &Founding<'_>) -> anyhow::Result<Founded> {
    let founded = prepare(root, founding, &display_name(founding.email))?;
    finish(root)?;
    Ok(founded)
}

/// Makes everything of a home but the file that makes it count, so that the phrase can be shown and confirmed first.
/// Making it again throws away what was prepared before. `account_name` is what the first person is called.
///
/// # Errors
/// As [`create`].
pub fn prepare(root: &Path, founding: &Founding<'_>, account_name: &str) -> anyhow::Result<Founded> {
    password::check_strength(founding.password)?;
    let layout = Layout::of(root)?;
    if layout.config().exists() {
        bail!("there is already a home at {}; use it, or name another folder", layout.root().display());
    }
    // An empty folder is what is left of a restore that was given up before anything came.
    let is_half_restored = layout.restoring().exists() && std::fs::remove_dir(layout.restoring()).is_err();
    if layout.is_used() || is_half_restored {
        // A home that lost its `config.toml`, or is only half restored, looks unfinished and is not.
        layout.must_exist()?;
    }
    make_folders(&layout)?;
    remove_interrupted(&layout)?;
    let root_secret = Zeroizing::new(random::bytes::<32>()?);
    let phrase = Phrase::of(&Root::from_bytes(*root_secret));
    let keys = KeyFile::make(phrase.root(), founding.now_ms)?;
    keys.save(&layout.keys(), founding.passphrase)?;
    library::mark(&layout, keys.certificate.household())?;
    let account = AccountId::from_random(random::bytes()?);
    let ledger = Ledger::open(&layout.home_db())?;
    ledger.set_setting(SETTING_NAME, founding.name)?;
    ledger.add_account(NewAccount {
        id: account,
        email: founding.email.trim().to_owned(),
        name: account_name.trim().to_owned(),
        password: password::hash(founding.password)?,
        admin: true,
        created_ms: founding.now_ms,
    })?;
    Ok(Founded { household: *keys.certificate.household(), node: keys.node.node(), account, phrase })
}

/// Makes a home that was [prepared](prepare) count.
///
/// # Errors
/// When nothing was prepared, or the folder cannot be written.
pub fn finish(root: &Path) -> anyhow::Result<()> {
    let layout = Layout::of(root)?;
    if !layout.keys().is_file() || !layout.home_db().is_file() {
        bail!("nothing was prepared at {}", layout.root().display());
    }
    // Written last: a home without it does not count, so an interrupted founding can be repeated.
    write_private(&layout.config(), Config::EXAMPLE.as_bytes())
}

/// The part of an email before the `@`, with a capital, as a first guess of a person's name.
pub fn display_name(email: &str) -> String {
    let local = email.split('@').next().unwrap_or(email);
    let mut letters = local.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Writes a file that only the owner may read, durably; it must not exist.
///
/// # Errors
/// What the system says.
pub fn write_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let attempt = || format!("cannot write {}", path.display());
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path).with_context(attempt)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).with_context(attempt)?;
    let folder = path.parent().context("a file needs a folder")?;
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).with_context(attempt)
}

/// Makes the folders of a home, durably; fine if they are there.
///
/// # Errors
/// When the system refuses; says what to check.
pub fn make_folders(layout: &Layout) -> anyhow::Result<()> {
    make_root(layout)?;
    for folder in [layout.library(), layout.inbox(), layout.cache()] {
        make_folder(&folder)?;
    }
    Ok(())
}

/// Makes the home's own folder, and those above it, durably; fine if it is there.
///
/// # Errors
/// When the system refuses; says what to check.
pub fn make_root(layout: &Layout) -> anyhow::Result<()> {
    let root = layout.root();
    let made: Vec<_> = root.ancestors().take_while(|folder| !folder.exists()).map(Path::to_owned).collect();
    make_folder(root)?;
    // The home's own name must be as durable as what will be in it.
    for parent in made.iter().filter_map(|folder| folder.parent()) {
        let synced = std::fs::File::open(parent).and_then(|parent| parent.sync_all());
        synced.with_context(|| format!("cannot make {} durable", root.display()))?;
    }
    Ok(())
}

/// Makes a folder that only the owner may enter; fine if it is there.
///
/// # Errors
/// When the system refuses; says what to check.
pub fn make_folder(folder: &Path) -> anyhow::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).with_context(|| {
        format!("cannot create the folder {}; check its place and your permissions", folder.display())
    })
}

/// Removes what a founding that never finished left; nothing in it was shown to anyone.
fn remove_interrupted(layout: &Layout) -> anyhow::Result<()> {
    let ledger = ["home.sqlite", "home.sqlite-wal", "home.sqlite-shm"].map(|name| layout.root().join(name));
    for path in ledger.into_iter().chain([layout.keys()]) {
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot remove {}", path.display()));
            }
            _ => {}
        }
    }
    Ok(())
}

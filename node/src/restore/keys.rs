//! New keys for a home that is there already, from its recovery phrase: when the old ones were stolen, or when another
//! computer of the household stands above this one and should not.
//!
//! A restore does the same on an empty disk. Here everything stays where it is; the node gets keys of its own under a
//! certificate above every one that it knows, and whoever has the old ones is shut out as a replaced computer is. The home
//! is not open meanwhile.

use std::path::Path;

use anyhow::{Context, bail};
use data_encoding::HEXLOWER;
use heirloom_identity::{Certificate, HouseholdId, Phrase, ReceiveKey};
use heirloom_vault::opening::newest_head_ms;

use super::stage::cancel_invitations;
use super::state::write_whole;
use super::{Problem, SETTING_RESTORED_STATE, words};
use crate::home::config::Config;
use crate::home::keys::{KeyFile, RECEIVE_KEYS_MAX, VaultKeys, fresh_receive_key, read_passphrase};
use crate::home::layout::Layout;
use crate::home::lock::Lock;
use crate::ledger::Ledger;
use crate::protocols::network::SETTING_OUTRANKED;

/// Gives the home new keys; returns the generation of their certificate. May be repeated.
///
/// # Errors
/// When the home is open, the words are not its phrase, or its files cannot be read or written; the old keys stay then.
pub fn renew(root: &Path, phrase: &str, now_ms: i64) -> anyhow::Result<u32> {
    let closed = Closed::open(root)?;
    let old = closed.keys()?;
    let household = *old.certificate.household();
    let phrase = read(phrase, &household)?;
    let (ledger, authority) = (Ledger::open(&closed.layout.home_db())?, phrase.root().authority());
    let above = ledger.setting(SETTING_OUTRANKED)?.and_then(|hex| HEXLOWER.decode(hex.as_bytes()).ok());
    let above = above.and_then(|bytes| Certificate::decode_for(&household, &bytes).ok());
    let highest = above.map_or(0, |above| above.generation()).max(old.certificate.generation());
    let generation = highest.checked_add(1).context("certificates have run out")?;
    // Whoever has the old keys opens nothing of what is written or sent from now on.
    let vault = match old.vault() {
        Some(vault) => {
            let keyring = vault.keyring.with_newer(crate::random::bytes()?)?;
            VaultKeys::wrap(keyring, &phrase.root().wrapping(), &household)?
        }
        None => VaultKeys::make(&phrase.root().wrapping(), &household)?,
    };
    let before = old.receive.iter().map(|key| ReceiveKey::from_bytes(&key.to_bytes()));
    let receive = std::iter::once(fresh_receive_key()?).chain(before).take(RECEIVE_KEYS_MAX).collect();
    let new = KeyFile::make_node(&authority, generation, receive, vault, now_ms)?;
    // Invitations name the old node; and the states that it signed itself are no newer ones of somebody else.
    cancel_invitations(&ledger)?;
    // Read as it is: to bring a database of before to its newest form is for the home itself when it opens.
    if let Some(at_ms) = newest_head_ms(&closed.layout.vault_db())? {
        ledger.set_setting(SETTING_RESTORED_STATE, &at_ms.to_string())?;
    }
    new.replace(&closed.layout.keys(), closed.passphrase()?.as_ref().map(|text| text.as_str()))?;
    Ok(generation)
}

/// Locks the home's keys with the passphrase in a file, and names that file in the settings.
///
/// # Errors
/// When the home is open, or a file cannot be read or written.
pub fn lock(root: &Path, passphrase_file: &Path) -> anyhow::Result<()> {
    let closed = Closed::open(root)?;
    let file =
        std::path::absolute(passphrase_file).context("name the whole path of the passphrase's file")?;
    let (keys, passphrase) = (closed.keys()?, read_passphrase(&file)?);
    // The settings first: a passphrase that is not needed yet does no harm, keys that nobody can unlock do.
    closed.name_passphrase(&file)?;
    keys.replace(&closed.layout.keys(), Some(&passphrase))
}

fn read(text: &str, household: &HouseholdId) -> anyhow::Result<Phrase> {
    match Phrase::parse(text) {
        Ok(phrase) if phrase.root().authority().household() == *household => Ok(phrase),
        Ok(_) => Err(words::wrong(text, household).map_or_else(
            || anyhow::anyhow!("these 24 words are a phrase, but not this household's; is it another sheet?"),
            Into::into,
        )),
        Err(error) => Err(words::wrong(text, household).unwrap_or(Problem::Phrase(error)).into()),
    }
}

/// A home that nobody has opened, and nobody opens meanwhile.
struct Closed {
    layout: Layout,
    config: Config,
    _lock: Lock,
}

impl Closed {
    fn open(root: &Path) -> anyhow::Result<Self> {
        let layout = Layout::of(root)?;
        if !layout.config().is_file() {
            bail!("there is no home at {}; name its folder with --home", root.display());
        }
        let lock =
            Lock::take(&layout).context("stop Heirloom first, so that nobody uses the keys meanwhile")?;
        let config = Config::load(&layout.config())?;
        Ok(Self { layout, config, _lock: lock })
    }

    fn passphrase(&self) -> anyhow::Result<Option<zeroize::Zeroizing<String>>> {
        self.config.key_passphrase_file.as_deref().map(read_passphrase).transpose()
    }

    fn keys(&self) -> anyhow::Result<KeyFile> {
        KeyFile::load(&self.layout.keys(), self.passphrase()?.as_ref().map(|text| text.as_str()))
    }

    /// Settings as they are, with what people wrote in them, but for this one.
    fn name_passphrase(&self, file: &Path) -> anyhow::Result<()> {
        let path = self.layout.config();
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read the settings in {}", path.display()))?;
        let is_other = |line: &&str| !line.trim_start().starts_with(PASSPHRASE_SETTING);
        let others: Vec<&str> = text.lines().filter(is_other).collect();
        let mut setting = toml::Table::new();
        let name = file.to_str().context("the name of the passphrase's file is no text")?;
        setting.insert(PASSPHRASE_SETTING.to_owned(), name.into());
        // First, because a setting below a heading would belong to that.
        let text = format!("{}{}\n", toml::to_string(&setting)?, others.join("\n"));
        toml::from_str::<Config>(&text).context("the settings would make no sense")?;
        write_whole(&path, text.as_bytes())
    }
}

/// The setting that names the passphrase's file.
const PASSPHRASE_SETTING: &str = "key_passphrase_file";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::Home;
    use crate::home::create::{Founding, create};

    /// Goal: keys that are not locked can be locked at any time. Method: a home is founded, locked, opened, locked with
    /// another passphrase; without the file it does not open.
    #[test]
    fn keys_are_locked_and_named_in_the_settings() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("home");
        let founding =
            Founding { name: "Anna", email: "a@b.c", password: "correct horse", passphrase: None, now_ms: 5 };
        create(&root, &founding).unwrap();
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        for (file, text) in [(&one, "first of all\n"), (&two, "something else\n")] {
            std::fs::write(file, text).unwrap();
            lock(&root, file).unwrap();
            assert!(std::fs::read_to_string(root.join("keys.toml")).unwrap().contains("locked = "));
            let home = Home::open(&root).unwrap();
            assert_eq!(home.config.key_passphrase_file.as_ref(), Some(file));
            assert!(lock(&root, file).unwrap_err().to_string().contains("stop Heirloom"));
            home.close();
        }
        let settings = std::fs::read_to_string(root.join("config.toml")).unwrap();
        assert!(settings.contains("#workers = 0"), "what else stood there stays: {settings}");
        std::fs::remove_file(&two).unwrap();
        assert!(Home::open(&root).is_err());
    }
}

//! `keys.toml`: the node's secrets, the household's receive and vault keys and its certificate, readable by the owner
//! only.
//!
//! Version 3 holds the vault's keys too, as they are and as the phrase opens them. A file of version 1 is given a receive
//! key when the home is opened; one of version 1 or 2 has no vault keys until somebody types the phrase, because only the
//! phrase can wrap them: [`KeyFile::enable_vault`]. The secrets may be locked with a passphrase
//! (`docs/formats/sealed-file.md`): then the file alone opens nothing.

use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

use anyhow::{Context, anyhow, bail};
use data_encoding::HEXLOWER;
use heirloom_identity::{
    AuthorityKey, Certificate, HouseholdId, Keyring, NodeKeys, ReceiveKey, Root, VaultKey, WrappingKey,
    sealed_file,
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Receive keys that are kept: the one that others seal to, and those it replaced.
pub const RECEIVE_KEYS_MAX: usize = 16;
/// The version that this program writes.
const VERSION: u32 = 3;

/// What opens the household's vault.
#[derive(Debug)]
pub struct VaultKeys {
    /// The newest generation writes, all of them read.
    pub keyring: Keyring,
    /// The same for whoever has the phrase; goes into every head.
    pub wrapped: Vec<u8>,
}

impl VaultKeys {
    /// Wraps the keys for the phrase's holder.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn wrap(keyring: Keyring, wrapping: &WrappingKey, household: &HouseholdId) -> anyhow::Result<Self> {
        let wrapped = keyring.wrap(wrapping, household, crate::random::bytes()?);
        Ok(Self { keyring, wrapped })
    }

    /// The keys of a household that had none.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn make(wrapping: &WrappingKey, household: &HouseholdId) -> anyhow::Result<Self> {
        Self::wrap(Keyring::begin(crate::random::bytes()?), wrapping, household)
    }
}

/// What the node keeps secret, and the household's word that these keys speak for it.
#[derive(Debug)]
pub struct KeyFile {
    /// The two keys of this machine.
    pub node: NodeKeys,
    /// Signed by the household's authority key, which is on paper and not here.
    pub certificate: Certificate,
    /// Opens what other homes sealed to this household, newest first; never empty.
    pub receive: Vec<ReceiveKey>,
    vault: OnceLock<VaultKeys>,
    /// Held while the vault is given its keys.
    enabling: Mutex<()>,
}

/// The file as text.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    version: u32,
    household: String,
    certificate: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    vault_wrapped: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node_keys: Option<Zeroizing<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receive_keys: Option<Vec<Zeroizing<String>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vault_keys: Option<Vec<Zeroizing<String>>>,
    /// Instead of the three above, locked with a passphrase.
    #[serde(skip_serializing_if = "Option::is_none")]
    locked: Option<String>,
}

/// What is locked, as text.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Secrets {
    node_keys: Zeroizing<String>,
    receive_keys: Vec<Zeroizing<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vault_keys: Option<Vec<Zeroizing<String>>>,
}

impl KeyFile {
    /// The household that a file of keys belongs to; needs no passphrase.
    ///
    /// # Errors
    /// When the file cannot be read or is none.
    pub fn household_in(path: &Path) -> anyhow::Result<HouseholdId> {
        let attempt = || format!("cannot read the household from {}", path.display());
        let text = Zeroizing::new(std::fs::read_to_string(path).with_context(attempt)?);
        let text: Text = toml::from_str(&text).with_context(attempt)?;
        text.household.parse().map_err(|_| anyhow!("it names no household")).with_context(attempt)
    }

    /// Makes keys for the first node of a new household and has its root sign for them.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn make(root: &Root, now_ms: i64) -> anyhow::Result<Self> {
        let authority = root.authority();
        let vault = VaultKeys::make(&root.wrapping(), &authority.household())?;
        Self::make_node(&authority, 1, vec![fresh_receive_key()?], vault, now_ms)
    }

    /// Makes keys for another node of a household, of this generation.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn make_node(
        authority: &AuthorityKey,
        generation: u32,
        receive: Vec<ReceiveKey>,
        vault: VaultKeys,
        now_ms: i64,
    ) -> anyhow::Result<Self> {
        let secrets = Zeroizing::new(crate::random::bytes::<{ NodeKeys::BYTES }>()?);
        let node = NodeKeys::from_bytes(&secrets);
        let certificate = Certificate::issue(authority, generation, node.node(), node.signer().id(), now_ms)?;
        Ok(Self::of(node, certificate, receive, Some(vault)))
    }

    fn of(
        node: NodeKeys,
        certificate: Certificate,
        receive: Vec<ReceiveKey>,
        vault: Option<VaultKeys>,
    ) -> Self {
        let vault = vault.map(OnceLock::from).unwrap_or_default();
        Self { node, certificate, receive, vault, enabling: Mutex::new(()) }
    }

    /// The vault's keys; `None` in a home that was made before there was a vault, until somebody types the phrase.
    pub fn vault(&self) -> Option<&VaultKeys> {
        self.vault.get()
    }

    /// Gives the vault its keys, durably, when it has none. `passphrase` is the one that the file is locked with.
    ///
    /// # Errors
    /// What the system says; the vault then stays without keys.
    pub fn enable_vault(
        &self,
        path: &Path,
        passphrase: Option<&str>,
        vault: VaultKeys,
    ) -> anyhow::Result<()> {
        let _enabling = self.enabling.lock().unwrap_or_else(PoisonError::into_inner);
        if self.vault.get().is_none() {
            replace(path, &self.text_with(Some(&vault), passphrase)?)?;
            self.vault.get_or_init(|| vault);
        }
        Ok(())
    }

    /// Reads the file and checks that certificate and keys belong together. A file of version 1 is given a receive key,
    /// durably.
    ///
    /// # Errors
    /// When the file is missing, damaged, locked without a passphrase, or does not fit together.
    pub fn load(path: &Path, passphrase: Option<&str>) -> anyhow::Result<Self> {
        let read = || format!("cannot read this node's keys in {}", path.display());
        let text = Zeroizing::new(std::fs::read_to_string(path).with_context(read)?);
        let text: Text = toml::from_str(&text).map_err(|_| damaged(path))?;
        if text.version == 0 || text.version > VERSION {
            bail!(
                "{} has version {}, this program knows versions 1 to {VERSION}; update Heirloom",
                path.display(),
                text.version
            );
        }
        let household = text.household.parse().with_context(read)?;
        let certificate = HEXLOWER.decode(text.certificate.as_bytes()).with_context(read)?;
        let certificate = Certificate::decode_for(&household, &certificate).with_context(read)?;
        let version = text.version;
        let (secrets, wrapped) = text.secrets(path, passphrase)?;
        let bytes = Zeroizing::new(HEXLOWER.decode(secrets.node_keys.as_bytes()).with_context(read)?);
        let bytes = <&[u8; NodeKeys::BYTES]>::try_from(bytes.as_slice()).with_context(read)?;
        let node = NodeKeys::from_bytes(bytes);
        if *certificate.node() != node.node() || *certificate.signer() != node.signer().id() {
            bail!("the keys in {} do not match their certificate", path.display());
        }
        if version == 1 {
            let upgraded = Self::of(node, certificate, vec![fresh_receive_key()?], None);
            replace(path, &upgraded.text_with(None, None)?)?;
            return Ok(upgraded);
        }
        let receive: Option<Vec<_>> = secrets.receive_keys.iter().map(|hex| receive_key(hex)).collect();
        let receive = receive.ok_or_else(|| damaged(path))?;
        if receive.is_empty() || receive.len() > RECEIVE_KEYS_MAX {
            return Err(damaged(path));
        }
        let vault = match (&secrets.vault_keys, wrapped) {
            (Some(keys), Some(wrapped)) => Some(vault_keys(keys, &wrapped).ok_or_else(|| damaged(path))?),
            (None, None) => None,
            _ => return Err(damaged(path)),
        };
        Ok(Self::of(node, certificate, receive, vault))
    }

    /// Writes the file, for the owner's eyes only, durably; locked if there is a passphrase. Fails if it exists.
    ///
    /// # Errors
    /// What the system says.
    pub fn save(&self, path: &Path, passphrase: Option<&str>) -> anyhow::Result<()> {
        super::create::write_private(path, self.text_with(self.vault(), passphrase)?.as_bytes())
    }

    /// Writes the file in place of the one that is there, at once or not at all; locked if there is a passphrase.
    ///
    /// # Errors
    /// What the system says; the file before stays then.
    pub fn replace(&self, path: &Path, passphrase: Option<&str>) -> anyhow::Result<()> {
        replace(path, &self.text_with(self.vault(), passphrase)?)
    }

    fn text_with(
        &self,
        vault: Option<&VaultKeys>,
        passphrase: Option<&str>,
    ) -> anyhow::Result<Zeroizing<String>> {
        let receive = |key: &ReceiveKey| Zeroizing::new(HEXLOWER.encode(&*key.to_bytes()));
        let secrets = Secrets {
            node_keys: Zeroizing::new(HEXLOWER.encode(&*self.node.to_bytes())),
            receive_keys: self.receive.iter().map(receive).collect(),
            vault_keys: vault.map(|vault| vault.keyring.keys().iter().map(vault_text).collect()),
        };
        let mut text = Text {
            version: VERSION,
            household: self.certificate.household().to_string(),
            certificate: HEXLOWER.encode(&self.certificate.encode()),
            vault_wrapped: vault.map(|vault| HEXLOWER.encode(&vault.wrapped)),
            node_keys: None,
            receive_keys: None,
            vault_keys: None,
            locked: None,
        };
        if let Some(passphrase) = passphrase {
            let secrets = Zeroizing::new(toml::to_string(&secrets)?);
            let (salt, nonce) = (crate::random::bytes()?, crate::random::bytes()?);
            let locked = sealed_file::lock(passphrase, salt, nonce, secrets.as_bytes())?;
            text.locked = Some(HEXLOWER.encode(&locked));
        } else {
            text.node_keys = Some(secrets.node_keys);
            text.receive_keys = Some(secrets.receive_keys);
            text.vault_keys = secrets.vault_keys;
        }
        Ok(Zeroizing::new(toml::to_string(&text)?))
    }
}

impl Text {
    /// The secrets, unlocked, and the vault keys as the phrase opens them.
    fn secrets(self, path: &Path, passphrase: Option<&str>) -> anyhow::Result<(Secrets, Option<Vec<u8>>)> {
        let wrapped = self.vault_wrapped.map(|hex| HEXLOWER.decode(hex.as_bytes())).transpose();
        let wrapped = wrapped.map_err(|_| damaged(path))?;
        let has_vault = self.vault_keys.is_some() || wrapped.is_some();
        if has_vault && self.version < 3 {
            return Err(damaged(path));
        }
        let secrets = match (self.node_keys, self.receive_keys, self.locked, self.version) {
            (Some(node_keys), None, None, 1) => {
                Secrets { node_keys, receive_keys: Vec::new(), vault_keys: None }
            }
            (Some(node_keys), Some(receive_keys), None, 2 | 3) => {
                Secrets { node_keys, receive_keys, vault_keys: self.vault_keys }
            }
            (None, None, Some(locked), 2 | 3) if self.vault_keys.is_none() => {
                let passphrase = passphrase.with_context(|| {
                    format!(
                        "{} is locked; name the file with its passphrase in HEIRLOOM_KEY_PASSPHRASE_FILE or as key_passphrase_file in config.toml",
                        path.display()
                    )
                })?;
                let locked = HEXLOWER.decode(locked.as_bytes()).map_err(|_| damaged(path))?;
                let text = sealed_file::unlock(passphrase, &locked)
                    .with_context(|| format!("cannot unlock {}", path.display()))?;
                let text = std::str::from_utf8(&text).map_err(|_| damaged(path))?;
                toml::from_str(text).map_err(|_| damaged(path))?
            }
            _ => return Err(damaged(path)),
        };
        Ok((secrets, wrapped))
    }
}

/// Puts a new file in place of the one that is there, at once or not at all.
fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let attempt = || format!("cannot write {}", path.display());
    let beside = path.with_extension("toml.new");
    // What an interrupted attempt left goes first: its permissions may be others, and a new file's are certain.
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error).with_context(attempt),
        _ => {}
    }
    let mut options = std::fs::OpenOptions::new();
    let options = options.write(true).create_new(true).mode(0o600);
    let mut file = options.open(&beside).with_context(attempt)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).with_context(attempt)?;
    std::fs::rename(&beside, path).with_context(attempt)?;
    let folder = path.parent().context("a file needs a folder")?;
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).with_context(attempt)
}

/// The parser's own words would quote the line, and the line is a secret.
fn damaged(path: &Path) -> anyhow::Error {
    anyhow!("{} is damaged; restore it from a backup of this home", path.display())
}

/// A new receive key.
///
/// # Errors
/// When the system has no randomness.
pub fn fresh_receive_key() -> anyhow::Result<ReceiveKey> {
    let secret = Zeroizing::new(crate::random::bytes::<32>()?);
    Ok(ReceiveKey::from_bytes(&secret))
}

fn receive_key(hex: &str) -> Option<ReceiveKey> {
    let bytes = Zeroizing::new(HEXLOWER.decode(hex.as_bytes()).ok()?);
    Some(ReceiveKey::from_bytes(bytes.as_slice().try_into().ok()?))
}

/// The generation, a colon, and the secret in hexadecimal.
fn vault_text(key: &VaultKey) -> Zeroizing<String> {
    let secret = Zeroizing::new(HEXLOWER.encode(&*key.to_bytes()));
    Zeroizing::new(format!("{}:{}", key.generation(), *secret))
}

fn vault_keys(texts: &[Zeroizing<String>], wrapped: &[u8]) -> Option<VaultKeys> {
    let key = |text: &Zeroizing<String>| {
        let (generation, hex) = text.split_once(':')?;
        let bytes = Zeroizing::new(HEXLOWER.decode(hex.as_bytes()).ok()?);
        Some(VaultKey::from_bytes(generation.parse().ok()?, bytes.as_slice().try_into().ok()?))
    };
    let keys: Option<Vec<VaultKey>> = texts.iter().map(key).collect();
    Some(VaultKeys { keyring: Keyring::new(keys?).ok()?, wrapped: wrapped.to_vec() })
}

/// Reads the passphrase of a key file: the file's first line.
///
/// # Errors
/// When the file cannot be read, or has no first line.
pub fn read_passphrase(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the passphrase in {}", path.display()))?;
    let text = Zeroizing::new(text);
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        bail!("{} is empty; its first line is the passphrase", path.display());
    }
    Ok(Zeroizing::new(line.to_owned()))
}

#[cfg(test)]
#[path = "keys_tests.rs"]
mod tests;

//! `keys.toml`: the node's secrets, the household's receive key and its certificate, readable by the owner only.
//!
//! Version 2 holds the receive key beside the node's own; a file of version 1 is given one when the home is opened.
//! The secrets may be locked with a passphrase (`docs/formats/sealed-file.md`): then the file alone opens nothing.

use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, anyhow, bail};
use data_encoding::HEXLOWER;
use heirloom_identity::{AuthorityKey, Certificate, NodeKeys, ReceiveKey, sealed_file};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Receive keys that are kept: the one that others seal to, and those it replaced.
const RECEIVE_KEYS_MAX: usize = 16;
/// The version that this program writes.
const VERSION: u32 = 2;

/// What the node keeps secret, and the household's word that these keys speak for it.
#[derive(Debug)]
pub struct KeyFile {
    /// The two keys of this machine.
    pub node: NodeKeys,
    /// Signed by the household's authority key, which is on paper and not here.
    pub certificate: Certificate,
    /// Opens what other homes sealed to this household, newest first; never empty.
    pub receive: Vec<ReceiveKey>,
}

/// The file as text.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    version: u32,
    household: String,
    certificate: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    node_keys: Option<Zeroizing<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receive_keys: Option<Vec<Zeroizing<String>>>,
    /// Instead of the two above, locked with a passphrase.
    #[serde(skip_serializing_if = "Option::is_none")]
    locked: Option<String>,
}

/// What is locked, as text.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Secrets {
    node_keys: Zeroizing<String>,
    receive_keys: Vec<Zeroizing<String>>,
}

impl KeyFile {
    /// Makes keys for a new node and has the authority sign for them.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn make(authority: &AuthorityKey, now_ms: i64) -> anyhow::Result<Self> {
        let secrets = Zeroizing::new(crate::random::bytes::<{ NodeKeys::BYTES }>()?);
        let node = NodeKeys::from_bytes(&secrets);
        let certificate = Certificate::issue(authority, 1, node.node(), node.signer().id(), now_ms)?;
        Ok(Self { node, certificate, receive: vec![fresh_receive_key()?] })
    }

    /// Reads the file and checks that certificate and keys belong together. A file of version 1 becomes one of
    /// version 2, durably, with a receive key made for it.
    ///
    /// # Errors
    /// When the file is missing, damaged, locked without a passphrase, or does not fit together.
    pub fn load(path: &Path, passphrase: Option<&str>) -> anyhow::Result<Self> {
        let read = || format!("cannot read this node's keys in {}", path.display());
        let text = Zeroizing::new(std::fs::read_to_string(path).with_context(read)?);
        let text: Text = toml::from_str(&text).map_err(|_| damaged(path))?;
        if text.version == 0 || text.version > VERSION {
            bail!(
                "{} has version {}, this program knows versions 1 and {VERSION}; update Heirloom",
                path.display(),
                text.version
            );
        }
        let household = text.household.parse().with_context(read)?;
        let certificate = HEXLOWER.decode(text.certificate.as_bytes()).with_context(read)?;
        let certificate = Certificate::decode_for(&household, &certificate).with_context(read)?;
        let version = text.version;
        let secrets = text.secrets(path, passphrase)?;
        let bytes = Zeroizing::new(HEXLOWER.decode(secrets.node_keys.as_bytes()).with_context(read)?);
        let bytes = <&[u8; NodeKeys::BYTES]>::try_from(bytes.as_slice()).with_context(read)?;
        let node = NodeKeys::from_bytes(bytes);
        if *certificate.node() != node.node() || *certificate.signer() != node.signer().id() {
            bail!("the keys in {} do not match their certificate", path.display());
        }
        let receive: Option<Vec<_>> = secrets.receive_keys.iter().map(|hex| receive_key(hex)).collect();
        let receive = receive.ok_or_else(|| damaged(path))?;
        if version == 1 {
            let upgraded = Self { node, certificate, receive: vec![fresh_receive_key()?] };
            upgraded.replace(path)?;
            return Ok(upgraded);
        }
        if receive.is_empty() || receive.len() > RECEIVE_KEYS_MAX {
            return Err(damaged(path));
        }
        Ok(Self { node, certificate, receive })
    }

    /// Writes the file, for the owner's eyes only, durably; locked if there is a passphrase. Fails if it exists.
    ///
    /// # Errors
    /// What the system says.
    pub fn save(&self, path: &Path, passphrase: Option<&str>) -> anyhow::Result<()> {
        super::create::write_private(path, self.text(passphrase)?.as_bytes())
    }

    /// Puts the file in place of the one that is there, at once or not at all.
    fn replace(&self, path: &Path) -> anyhow::Result<()> {
        let attempt = || format!("cannot write {}", path.display());
        let beside = path.with_extension("toml.new");
        let text = self.text(None)?;
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

    fn text(&self, passphrase: Option<&str>) -> anyhow::Result<Zeroizing<String>> {
        let node_keys = Zeroizing::new(HEXLOWER.encode(&*self.node.to_bytes()));
        let hex = |key: &ReceiveKey| Zeroizing::new(HEXLOWER.encode(&*key.to_bytes()));
        let receive_keys = self.receive.iter().map(hex).collect();
        let household = self.certificate.household().to_string();
        let certificate = HEXLOWER.encode(&self.certificate.encode());
        let mut text = Text {
            version: VERSION,
            household,
            certificate,
            node_keys: None,
            receive_keys: None,
            locked: None,
        };
        if let Some(passphrase) = passphrase {
            let secrets = Zeroizing::new(toml::to_string(&Secrets { node_keys, receive_keys })?);
            let (salt, nonce) = (crate::random::bytes()?, crate::random::bytes()?);
            let locked = sealed_file::lock(passphrase, salt, nonce, secrets.as_bytes())?;
            text.locked = Some(HEXLOWER.encode(&locked));
        } else {
            text.node_keys = Some(node_keys);
            text.receive_keys = Some(receive_keys);
        }
        Ok(Zeroizing::new(toml::to_string(&text)?))
    }
}

impl Text {
    /// The secrets, unlocked.
    fn secrets(self, path: &Path, passphrase: Option<&str>) -> anyhow::Result<Secrets> {
        match (self.node_keys, self.receive_keys, self.locked, self.version) {
            (Some(node_keys), None, None, 1) => Ok(Secrets { node_keys, receive_keys: Vec::new() }),
            (Some(node_keys), Some(receive_keys), None, 2) => Ok(Secrets { node_keys, receive_keys }),
            (None, None, Some(locked), 2) => {
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
                toml::from_str(text).map_err(|_| damaged(path))
            }
            _ => Err(damaged(path)),
        }
    }
}

/// The parser's own words would quote the line, and the line is a secret.
fn damaged(path: &Path) -> anyhow::Error {
    anyhow!("{} is damaged; restore it from a backup of this home", path.display())
}

fn fresh_receive_key() -> anyhow::Result<ReceiveKey> {
    let secret = Zeroizing::new(crate::random::bytes::<32>()?);
    Ok(ReceiveKey::from_bytes(&secret))
}

fn receive_key(hex: &str) -> Option<ReceiveKey> {
    let bytes = Zeroizing::new(HEXLOWER.decode(hex.as_bytes()).ok()?);
    Some(ReceiveKey::from_bytes(bytes.as_slice().try_into().ok()?))
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
mod tests {
    use super::*;
    use heirloom_identity::Root;
    use std::os::unix::fs::PermissionsExt;

    fn made() -> KeyFile {
        KeyFile::make(&Root::from_bytes([7; 32]).authority(), 1).unwrap()
    }

    fn check_same(one: &KeyFile, other: &KeyFile) {
        assert_eq!(one.certificate, other.certificate);
        assert_eq!(*one.node.to_bytes(), *other.node.to_bytes());
        let public = |file: &KeyFile| file.receive.iter().map(ReceiveKey::public).collect::<Vec<_>>();
        assert_eq!(public(one), public(other));
    }

    #[test]
    fn keys_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        let keys = made();
        keys.save(&path, None).unwrap();
        check_same(&keys, &KeyFile::load(&path, None).unwrap());
        assert!(keys.save(&path, None).is_err(), "nothing is overwritten");
    }

    /// A file as the first release wrote it gets a receive key, once, and keeps what it had.
    #[test]
    fn a_file_of_version_1_is_brought_forward() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        let keys = made();
        let old = format!(
            "version = 1\nhousehold = \"{}\"\ncertificate = \"{}\"\nnode_keys = \"{}\"\n",
            keys.certificate.household(),
            HEXLOWER.encode(&keys.certificate.encode()),
            HEXLOWER.encode(&*keys.node.to_bytes()),
        );
        super::super::create::write_private(&path, old.as_bytes()).unwrap();
        // What an upgrade that was interrupted left behind.
        let left = folder.path().join("keys.toml.new");
        std::fs::write(&left, "half").unwrap();
        std::fs::set_permissions(&left, std::fs::Permissions::from_mode(0o644)).unwrap();
        let upgraded = KeyFile::load(&path, None).unwrap();
        assert_eq!(upgraded.certificate, keys.certificate);
        assert_eq!(upgraded.receive.len(), 1);
        check_same(&upgraded, &KeyFile::load(&path, None).unwrap());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!left.exists());
    }

    #[test]
    fn a_locked_file_opens_with_its_passphrase_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        let keys = made();
        keys.save(&path, Some("a long passphrase")).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains(&HEXLOWER.encode(&*keys.node.to_bytes())));
        check_same(&keys, &KeyFile::load(&path, Some("a long passphrase")).unwrap());
        let none = format!("{:#}", KeyFile::load(&path, None).unwrap_err());
        assert!(none.contains("HEIRLOOM_KEY_PASSPHRASE_FILE"), "{none}");
        assert!(KeyFile::load(&path, Some("another")).is_err());
    }

    #[test]
    fn damage_is_said_without_quoting_a_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        let keys = made();
        keys.save(&path, None).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let check = |text: &str| {
            std::fs::write(&path, text).unwrap();
            let said = format!("{:#}", KeyFile::load(&path, None).unwrap_err());
            assert!(!said.contains(&*HEXLOWER.encode(&*keys.node.to_bytes())), "{said}");
        };
        check(&text.replace("version = 2", "version = 3"));
        check(&text.replace("version = 2", "version = 0"));
        check(&text.replace("version = 2", "version = 1"));
        check(&text.replace("receive_keys", "received_keys"));
        check(&text.replace("node_keys = \"", "node_keys = \"zz"));
    }
}
